# An event log: what has happened is kept by a stream, and a state is made from it by replaying it - from the
# beginning, from a moment, or one account only.
#
#     TCLLIBPATH=$PWD/build tclsh examples/event_log.tcl      (nats-server on PATH, or NATS_SERVER=/path/of/it)
#
# Prints:
#
#   the last event is number 5; published again, it is a duplicate: true
#   balances: alice 70, bob 105
#   a deposit while we look: alice 80
#   since noon: bob +5
#   alice alone: +100 -30 +10

package require nats
package require nats::server

set server [nats::server start]
set connection [nats::connection new event_log]
$connection configure -servers [nats::server url $server]
$connection connect
set js [$connection jet_stream]
$js add_stream ACCOUNTS -subjects account.> -deny_delete true -deny_purge true

# Each event has an id, so that one whose acknowledgement was lost can be published again.
proc record {account amount id} {
    return [$::js publish account.$account $amount -msg_id $id]
}
record alice +100 1
record bob +60 2
record bob +40 3
record alice -30 4
set noon [dict get [record bob +5 5] seq]
set ack [record bob +5 5]
puts "the last event is number [dict get $ack seq]; published again, it is a duplicate: [dict get $ack duplicate]"

# Replaying: an ordered consumer delivers all events in order, and those to come.
proc apply_event {msg} {
    set account [lindex [split [nats::msg subject $msg] .] 1]
    dict incr ::balances $account [nats::msg data $msg]
}
set balances {}
set state [$js ordered_consumer ACCOUNTS -callback apply_event]
while {$balances ne {alice 70 bob 105}} { vwait balances }
puts "balances: alice [dict get $balances alice], bob [dict get $balances bob]"

# Callbacks may run while a call waits, here for the acknowledgement: look before waiting.
record alice +10 6
while {[dict get $balances alice] != 80} { vwait balances }
puts "a deposit while we look: alice [dict get $balances alice]"
$state destroy

# Only what came after a moment, or what concerns one account.
proc collect {name msg} { lappend ::$name [nats::msg data $msg] }
proc replay {name count args} {
    set ::$name {}
    set consumer [$::js ordered_consumer ACCOUNTS -callback [list collect $name] {*}$args]
    while {[llength [set ::$name]] < $count} { vwait ::$name }
    $consumer destroy
    return [set ::$name]
}
set time [dict get [$js stream_msg_get ACCOUNTS -seq $noon] time]
puts "since noon: bob [replay afternoon 1 -deliver_policy by_start_time -opt_start_time $time -filter_subject account.bob]"
puts "alice alone: [replay alice 3 -filter_subject account.alice]"

$connection destroy
nats::server stop $server
