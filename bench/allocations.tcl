# How many blocks of memory an operation takes from the C library. valgrind counts what a process takes in all; of two
# processes the second one does twice as much. What Tcl takes from its own pools of small blocks is not counted.
# Needs the package that `make valgrind` builds, which has no allocator of its own.

proc bench::further_allocations {} {
    variable Here
    variable Root
    set package [file join $Root build valgrind]
    if {![file exists [file join $package nats pkgIndex.tcl]]} { error "make valgrind builds what is measured" }
    set cases {put get put64 get64 watch array keys history publish pubsub many pull}
    set some 2000
    with_server {
        set client [list env TCLLIBPATH=[list $package] valgrind --fair-sched=yes [option -tclsh] [file join $Here client.tcl] $url]
        foreach count [list $some [expr {2 * $some}]] {
            setup $raw $url $count
            foreach case $cases {
                dict lappend taken $case [Taken [list {*}$client $case $count $count [option -payload] [option -inflight]]]
            }
        }
    }
    puts "\n| an operation | blocks |\n|---|---:|"
    dict for {case both} $taken {
        puts [format {| %s | %.1f |} [caption $case] [expr {([lindex $both 1] - [lindex $both 0]) / double($some)}]]
    }
}

# How many blocks a process took.
proc bench::Taken {command} {
    set output [run $command 600]
    if {![regexp {total heap usage: ([\d,]+) allocs} $output -> blocks]} {
        error "valgrind says nothing of memory: $command\n$output"
    }
    string map {, {}} $blocks
}
