# A walk through the key-value API, on a throw-away server that this script starts and stops.
#
#     make demo
#     TCLLIBPATH=$PWD/build tclsh examples/kv.tcl        (nats-server on PATH, or NATS_SERVER=/path/of/nats-server)
#
# Prints ("..." differs from run to run):
#
#   A bucket
#     nats-server ..., bucket "shop", 5 revisions of each key
#
#   Put and get
#     put apples 10                      -> 1
#     put pears 7                        -> 2
#     put apples 12                      -> 3
#     get_value apples                   -> 12
#     get_value apples -revision 1       -> 10
#     keys                               -> pears apples
#
#   A conflict is caught
#     update apples 11 3                 -> 4
#     update apples 99 3                 -> NATS ErrWrongLastSequence
#     create pears 1                     -> NATS ErrWrongLastSequence
#     get_value plums                    -> NATS ErrKeyNotFound
#
#   History
#     revision 1  10
#     revision 3  12
#     revision 4  11
#
#   A callback hears of every change
#     pears  PUT 7
#     apples PUT 11
#     (end of current data)
#     plums  PUT 3
#     apples DEL
#
#   An array that follows the bucket
#     at first    pears 7 plums 3
#     after a put pears 8 plums 3
#     after a del plums 3
#
#   Coroutines side by side
#     3 coroutines added 20 each, with ... conflicts: counter is 60
#     meanwhile a timer ran

package require nats
package require nats::server

proc section {caption} {
    if {[incr ::sections] > 1} { puts "" }
    puts $caption
}

# Runs a command of an object and prints it with its result, or with its error code.
proc show {object args} {
    if {[catch {$object {*}$args} result details]} { set result [dict get $details -errorcode] }
    puts [format "  %-34s -> %s" $args $result]
}

section "A bucket"
set server [nats::server start]
set connection [nats::connection new demo]
$connection configure -servers [nats::server url $server]
$connection connect
set js [$connection jet_stream]
set kv [$js create_kv_bucket shop -history 5 -storage memory]
puts "  nats-server [dict get [$connection server_info] version], bucket \"shop\", 5 revisions of each key"

section "Put and get"
show $kv put apples 10
show $kv put pears 7
show $kv put apples 12
show $kv get_value apples
show $kv get_value apples -revision 1
show $kv keys

section "A conflict is caught"
show $kv update apples 11 3
show $kv update apples 99 3
show $kv create pears 1
show $kv get_value plums

section "History"
foreach entry [$kv history apples] {
    puts "  revision [dict get $entry revision]  [dict get $entry value]"
}

section "A callback hears of every change"
proc changed {entry} {
    if {$entry eq {}} {
        puts "  (end of current data)"
    } else {
        puts [string trimright [format "  %-6s %s %s" [dict get $entry key] [dict get $entry operation] \
            [dict get $entry value]]]
    }
    incr ::calls
}
# Callbacks run from the event loop: vwait runs it here, an application has its own.
proc wait_for {condition} {
    while {![uplevel #0 [list expr $condition]]} { vwait ::calls }
}
set watcher [$kv watch > -callback changed]
wait_for {$calls == 3}
$kv put plums 3
$kv delete apples
wait_for {$calls == 5}
$watcher destroy

section "An array that follows the bucket"
proc stock {} {
    lmap key [lsort [array names ::stock]] { string cat "$key $::stock($key)" }
}
set watcher [$kv watch > -values_array stock -callback {apply {entry { incr ::calls }}}]
set calls 0
wait_for {[array size stock] == 2}
puts "  at first    [join [stock]]"
$kv put pears 8
wait_for {$stock(pears) == 8}
puts "  after a put [join [stock]]"
$kv delete pears
wait_for {![info exists stock(pears)]}
puts "  after a del [join [stock]]"
$watcher destroy

section "Coroutines side by side"
# Adds 1 several times. Nobody else's addition is lost: update only succeeds on the revision that was read.
proc add {kv times} {
    while {$times > 0} {
        set entry [$kv get counter]
        try {
            $kv update counter [expr {[dict get $entry value] + 1}] [dict get $entry revision]
            incr times -1
        } trap {NATS ErrWrongLastSequence} {} {
            incr ::conflicts
        }
    }
    incr ::calls
}
$kv put counter 0
lassign {0 0 0} calls conflicts ticks
after 1 {incr ticks}
foreach name {ann bob cleo} { coroutine $name add $kv 20 }
wait_for {$calls == 3}
puts "  3 coroutines added 20 each, with $conflicts conflicts: counter is [$kv get_value counter]"
if {$ticks} { puts "  meanwhile a timer ran" }

$connection destroy
nats::server stop $server
