# Long runs under hard conditions: `make soak`.
#
#     tclsh soak/soak.tcl ?-seconds n? ?-seed n? ?-scenarios patterns? ?-rounds n?
#
# Runs each scenario of scenarios.tcl for so many seconds (25), monkey.tcl with 2000 calls and exits.tcl with 20 processes for
# each of them, -rounds times (1). The seed is printed: given again, it makes the same choices (not the same timing).
# Exit status 1 if anything did not hold.

source [file join [file dirname [file normalize [info script]]] chaos.tcl]
source [file join $::chaos::Directory monkey.tcl]
source [file join $::chaos::Directory exits.tcl]
source [file join $::chaos::Directory .. tcl server.tcl]
lappend ::auto_path [file join $::chaos::Directory .. build]
package require nats

proc main {arguments} {
    set options [dict merge [list -seconds 25 -seed [expr {[clock seconds] % 100000}] -scenarios * -rounds 1] $arguments]
    set failed 0
    for {set round 0} {$round < [dict get $options -rounds]} {incr round} {
        set seed [expr {[dict get $options -seed] + $round}]
        puts "Tcl [info patchlevel], seed $seed"
        flush stdout
        foreach name [concat [chaos::scenarios] monkey exits] {
            if {[Matches [dict get $options -scenarios] $name]} { incr failed [Run $name [dict get $options -seconds] $seed] }
        }
    }
    exit [expr {$failed > 0}]
}

proc Matches {patterns name} {
    foreach pattern $patterns { if {[string match $pattern $name]} { return 1 } }
    return 0
}

proc Run {name seconds seed} {
    set started [clock milliseconds]
    switch -- $name {
        monkey  { set outcome [With_server monkey::run $seed [expr {2000 * $seconds}]] }
        exits   { set outcome [With_server exits::run $seed [expr {20 * $seconds}]] }
        default { set outcome [chaos::run $name $seconds $seed] }
    }
    lassign $outcome figures complaints
    puts [format "%-10s %s  %5.1f s  %s" $name [expr {$complaints eq {} ? "ok    " : "FAILED"}] \
        [expr {([clock milliseconds] - $started) / 1000.0}] $figures]
    foreach complaint [lrange $complaints 0 19] { puts "    $complaint" }
    if {[llength $complaints] > 20} { puts "    ... [llength $complaints] in all" }
    flush stdout
    expr {$complaints ne {}}
}

proc With_server {command seed count} {
    set server [nats::server start]
    lassign [$command [nats::server url $server] $seed $count] figures complaints
    nats::server stop $server
    list [dict remove $figures codes] $complaints
}

main $argv
