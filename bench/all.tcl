# The benchmark: this package beside a bare socket (the limit), async-nats alone, and clients for other scripting languages.
#
#     make bench                                        the table
#     make bench BENCHFLAGS='-keys 10000 -rounds 1'     the same, smaller
#     make bench BENCHFLAGS=-scaling                    one of the further measurements (bench/further.tcl)
#
# One server with memory storage; each case of each client is a process of its own, which times the case alone. Clients take
# turns, case by case and round by round, so that a drift of the machine hits all of them. What counts are the ratios: of the
# client's median to the medians of the limit and of async-nats.
#
# Options (and defaults):
#     -rounds 5  -keys 100000  -payload 128  -inflight 64
#     -sequential 10000  -concurrent 100000  -messages 400000     operations of a case of that kind
#     -cases {put get ...}      some of the cases only
#     -clients {limit raw c tcl py js}  those that cannot be installed are left out
#     -tclsh path               the tclsh that is measured (default: this one)
#     -cpus 0-1                 keeps all processes, the server too, on these processors (taskset)
#     -svg path                 the chart (default build/bench/performance.svg)
#     -scaling -memory -idle -latency -load -flush -patterns -service -modify -many -transfer -objects -growth -allocations
#                               the further measurements, instead of the table; -table adds it
#     -base dir                 instead of all this: beside another build of the package, in dir (make bench-check)
#     -most 1000000             for -growth: the most keys that are counted
#     -pure dir                 for -load: a directory with the pure-Tcl client's package, to compare with

package require Tcl 8.6-
namespace eval bench {
    variable Here [file dirname [file normalize [info script]]]
    variable Root [file dirname $Here]
    variable Options {
        -rounds 5 -keys 100000 -payload 128 -inflight 64 -sequential 10000 -concurrent 100000 -messages 400000
        -cases {} -clients {limit raw c tcl py js} -tclsh {} -cpus {} -svg {} -pure {} -base {} -most 1000000
    }
    variable Switches {-table -scaling -memory -idle -latency -load -flush -patterns -service -modify -many -transfer -objects -growth -allocations}
    variable Wanted {}
}
foreach bench::file {process.tcl clients.tcl table.tcl chart.tcl further.tcl growth.tcl allocations.tcl check.tcl} {
    source [file join $bench::Here $bench::file]
}

proc bench::parse {words} {
    variable Options
    variable Switches
    variable Wanted
    while {$words ne {}} {
        set words [lassign $words word]
        if {$word in $Switches} {
            lappend Wanted $word
        } elseif {[dict exists $Options $word] && $words ne {}} {
            set words [lassign $words value]
            dict set Options $word $value
        } else {
            puts stderr "bench: bad option $word; see the head of bench/all.tcl"
            exit 2
        }
    }
    if {$Wanted eq {}} { set Wanted -table }
    if {[option -tclsh] eq {}} { dict set Options -tclsh [info nameofexecutable] }
    if {[option -svg] eq {}} { dict set Options -svg [work performance.svg] }
}

proc bench::option {name} {
    variable Options
    dict get $Options $name
}

# A path below the directory for everything made or fetched here.
proc bench::work {args} {
    variable Root
    file join $Root build bench {*}$args
}

proc bench::main {words} {
    variable Wanted
    variable Root
    parse $words
    file mkdir [work]
    if {[option -cpus] ne {}} { exec taskset -p -c [option -cpus] [pid] }
    lappend ::auto_path [file join $Root build]
    package require nats::server
    puts [machine]
    if {[option -base] ne {}} { return [check] }
    if {"-table" in $Wanted} { table }
    foreach switch [lsearch -all -inline -not -exact $Wanted -table] {
        further_[string range $switch 1 end]
    }
}

# What was measured on.
proc bench::machine {} {
    set model unknown
    catch { regexp -line {^model name\s*:\s*(.*)} [read_file /proc/cpuinfo] -> model }
    set processors [option -cpus]
    if {$processors eq {}} { set processors [regexp -all -line {^processor\s*:} [read_file /proc/cpuinfo]] }
    return "processor $model; in use: $processors; load [lrange [read_file /proc/loadavg] 0 2];\
        Tcl [exec [option -tclsh] << {puts [info patchlevel]}];\
        [exec $::env(NATS_SERVER) --version]"
}

try {
    bench::main $argv
} finally {
    foreach handle [nats::server handles] { nats::server stop $handle }
}
