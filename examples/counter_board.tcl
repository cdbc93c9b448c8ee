# A shared counter board: several clients count in one bucket, none of their increments is lost, and a live array shows
# the totals. Needs a server 2.12 or later.
#
#     TCLLIBPATH=$PWD/build tclsh examples/counter_board.tcl       (nats-server on PATH, or NATS_SERVER=/path/of/it)
#
# Prints:
#
#   200 visitors: 100 at the north gate, 60 at the south gate, 40 at the west gate
#   a day later: nobody yet
#   the next one is number 1 at the north gate

package require nats
package require nats::server

proc connected {server} {
    nats::connect [nats::server url $server]
}

# Somebody at a gate, with a connection of its own.
proc gate {name visitors} {
    set connection [connected $::server]
    set counters [[$connection jet_stream] bind_kv_bucket visitors]
    for {set i 0} {$i < $visitors} {incr i} { $counters incr gate.$name }
    $connection destroy
}

proc at_gates {} {
    join [lmap key [lsort [array names ::visitors]] {
        set gate [lindex [split $key .] 1]
        string cat $::visitors($key) " at the $gate gate"
    }] {, }
}

proc all {} {
    ::tcl::mathop::+ {*}[lmap {key visitors} [array get ::visitors] { set visitors }]
}

proc wait_for {total} {
    while {[all] != $total} { vwait ::visitors }
}

set server [nats::server start]
set connection [connected $server]
set js [$connection jet_stream]
try {
    set counters [$js create_kv_bucket visitors -counters true -storage memory]
} trap {NATS ErrNotSupported} message {
    puts stderr $message
    exit 1
}

array set visitors {}
$counters watch gate.> -values_array visitors

# Five people count, two of them at the same gate.
foreach {name number} {north 50 south 30 north 50 west 40 south 30} {
    coroutine gate[incr gates] gate $name $number
}
wait_for 200
puts "[all] visitors: [at_gates]"

# In the evening the board is cleared. Who comes in that very moment is not lost.
foreach key [array names visitors] { $counters reset $key }
wait_for 0
puts "a day later: nobody yet"
puts "the next one is number [$counters incr gate.north] at the north gate"

$connection destroy
nats::server stop $server
