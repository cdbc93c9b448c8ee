# A walk through the key-value API, on a throw-away server that this script starts and stops.
#
#     make demo
#     TCLLIBPATH=$PWD/build tclsh examples/kv.tcl        (nats-server on PATH, or NATS_SERVER=/path/of/nats-server)
#
# Prints, with an empty line before each caption ("..." differs from run to run):
#
#   A bucket
#     nats-server ...; bucket "shop" keeps 5 revisions of each key
#   Put and get
#     put apples 10                      -> 1
#     put pears 7                        -> 2
#     put apples 12                      -> 3
#     get_value apples -revision 1       -> 10
#     keys                               -> pears apples
#   A conflict is caught
#     update apples 11 3                 -> 4
#     update apples 99 3                 -> NATS ErrWrongLastSequence
#   History
#     revision 1: PUT 10
#     revision 3: PUT 12
#     revision 4: PUT 11
#   A callback hears of every change
#     pears PUT 7
#     apples PUT 11
#     (end of current data)
#     plums PUT 3
#     apples DEL
#   An array follows the bucket
#     at first:            pears 7, plums 3
#     after put pears 8:   pears 8, plums 3
#   Coroutines work side by side
#     3 of them added 20 each, with ... conflicts: the counter is 60

package require nats
package require nats::server

proc section {caption} {
    puts "\n$caption"
}

# Runs a method of the bucket and prints it with its result, or with its error code.
proc show {args} {
    if {[catch {$::kv {*}$args} result details]} { set result [dict get $details -errorcode] }
    puts [format "  %-34s -> %s" $args $result]
}

# Callbacks run from the event loop. vwait runs it here; an application has its own.
proc wait_until {condition} {
    while {![uplevel #0 [list expr $condition]]} { vwait ::calls }
}

section "A bucket"
set server [nats::server start]
set connection [nats::connection new demo]
$connection configure -servers [nats::server url $server]
$connection connect
set js [$connection jet_stream]
set kv [$js create_kv_bucket shop -history 5 -storage memory]
puts "  nats-server [dict get [$connection server_info] version]; bucket \"shop\" keeps 5 revisions of each key"

section "Put and get"
show put apples 10
show put pears 7
show put apples 12
show get_value apples -revision 1
show keys

section "A conflict is caught"
show update apples 11 3
show update apples 99 3

section "History"
foreach entry [$kv history apples] {
    dict with entry { puts "  revision $revision: $operation $value" }
}

section "A callback hears of every change"
proc changed {entry} {
    incr ::calls
    if {$entry eq {}} { return [puts "  (end of current data)"] }
    dict with entry { puts [string trimright "  $key $operation $value"] }
}
set calls 0
set watcher [$kv watch > -callback changed]
wait_until {$calls == 3}
$kv put plums 3
$kv delete apples
wait_until {$calls == 5}
$watcher destroy

section "An array follows the bucket"
proc show_stock {when} {
    set items [lmap {name count} [lsort -stride 2 [array get ::stock]] { string cat "$name $count" }]
    puts [format "  %-20s %s" $when: [join $items {, }]]
}
set watcher [$kv watch > -values_array stock -callback {apply {entry { incr ::calls }}}]
wait_until {[array size stock] == 2}
show_stock "at first"
$kv put pears 8
wait_until {$stock(pears) == 8}
show_stock "after put pears 8"
$watcher destroy

section "Coroutines work side by side"
# No addition is lost: update succeeds only on the revision that was read.
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
lassign {0 0} calls conflicts
foreach name {ann bob cleo} { coroutine $name add $kv 20 }
wait_until {$calls == 3}
puts "  3 of them added 20 each, with $conflicts conflicts: the counter is [$kv get_value counter]"

$connection destroy
nats::server stop $server
