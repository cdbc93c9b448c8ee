# A service without a window: it answers requests until it is told to stop, and finishes what it has begun.
#
#     TCLLIBPATH=$PWD/build tclsh examples/service.tcl      (nats-server on PATH, or NATS_SERVER=/path/of/it)
#
# Prints:
#
#   service: ready
#   client: 3 answers, the slowest is 81
#   service: stopping, 1 request under way
#   service: stopped, 4 requests answered
#   client: the last answer is 250000
#   client: NATS ErrNoResponders

package require nats
package require nats::server

# ---- the service

oo::class create Squares {
    variable connection subscription working answered done

    constructor {url} {
        lassign {0 0 0} working answered done
        set connection [nats::connection new squares]
        # Whoever runs a service wants it to come back whenever the servers do.
        $connection configure -servers $url -max_reconnect_attempts -1
        $connection connect
        # Several processes with the same -queue share the requests. mymethod makes a callback of our own method.
        set subscription [$connection subscribe squares -queue workers -callback [nats::mymethod OnRequest]]
        $connection subscribe squares.stop -callback [nats::mymethod OnStop]
        $connection ping
        puts "service: ready"
    }

    destructor { $connection destroy }

    # Each request has a coroutine of its own, so that a slow one does not hold up the others.
    method OnRequest {subject message reply} {
        incr working
        coroutine Request#[incr ::requests] [namespace which my] Work $message $reply
    }

    method Work {number reply} {
        # Something that takes its time.
        after [expr {min(1500, $number * 3)}] [list [info coroutine]]
        yield
        $connection publish $reply [expr {$number * $number}]
        incr answered
        if {[incr working -1] == 0 && $done} { my Finish }
    }
    export Work

    # No new requests from now on; those under way are answered first.
    method OnStop {subject message reply} {
        $connection unsubscribe $subscription
        set done 1
        puts "service: stopping, $working request under way"
        if {$working == 0} { my Finish }
    }

    method is_working {} { expr {$working > 0} }

    method Finish {} {
        # Hands everything to the socket before it closes.
        $connection disconnect
        puts "service: stopped, $answered requests answered"
        set ::stopped 1
    }
}

# ---- a client, in the same process for the example's sake

set server [nats::server start -jetstream false]
set url [nats::server url $server]
Squares create service $url

set client [nats::connection new client]
$client configure -servers $url
$client connect

proc ask {client number} { lappend ::answers [$client request squares $number -timeout 5000] }
set answers {}
foreach number {1 5 9} { coroutine ask$number ask $client $number }
while {[llength $answers] < 3} { vwait answers }
puts "client: [llength $answers] answers, the slowest is [lindex $answers end]"

# One request is still being worked on when the service is told to stop.
$client request squares 500 -callback {apply {{late answer} { set ::last $answer }}}
proc await {condition} {
    while {![uplevel 1 [list expr $condition]]} {
        after 10 {set ::tick 1}
        vwait ::tick
    }
}
await {[service is_working]}
$client publish squares.stop {}
await {[info exists last] && [info exists stopped]}
puts "client: the last answer is $last"
try { $client request squares 2 } trap NATS {- options} { puts "client: [dict get $options -errorcode]" }

$client destroy
service destroy
nats::server stop $server
