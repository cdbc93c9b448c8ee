# Requests and responders: the core of NATS, without JetStream.
#
#     TCLLIBPATH=$PWD/build tclsh examples/request_reply.tcl      (nats-server on PATH, or NATS_SERVER=/path/of/it)
#
# Prints:
#
#   6 * 7 = 42
#   answered by coroutines: 1 4 9 16 25
#   the callback got 100
#   header Elapsed is there: 1
#   nobody answers: NATS ErrNoResponders
#   too slow: NATS ErrTimeout

package require nats
package require nats::server

set server [nats::server start -jetstream false]
set url [nats::server url $server]

# ---- the service; several processes with the same -queue would share the requests

set service [nats::connection new service]
$service configure -servers $url
$service connect
$service subscribe math.multiply -queue workers -callback multiply -dictmsg true
$service subscribe math.silent -callback {apply {args {}}}

proc multiply {subject request reply} {
    set start [clock microseconds]
    lassign [nats::msg data $request] a b
    set answer [nats::msg create $reply -data [expr {$a * $b}]]
    nats::header set answer Elapsed "[expr {[clock microseconds] - $start}] us"
    $::service publish_msg $answer
}

# What the server has heard when ping returns includes the subscriptions.
$service ping

# ---- the clients

set client [nats::connection new client]
$client configure -servers $url
$client connect

puts "6 * 7 = [$client request math.multiply {6 7}]"

# In a coroutine a request suspends the coroutine only: five are under way at the same time.
proc square {client n} {
    lappend ::squares [$client request math.multiply [list $n $n]]
}
set squares {}
foreach n {1 2 3 4 5} { coroutine square$n square $client $n }
while {[llength $squares] < 5} { vwait squares }
puts "answered by coroutines: [lsort -integer $squares]"

# With -callback, request returns at once.
$client request math.multiply {10 10} -timeout 1000 -callback {apply {{timed_out answer} {
    puts "the callback got $answer"
    set ::called 1
}}}
vwait called

set answer [$client request math.multiply {2 2} -dictmsg true]
puts "header Elapsed is there: [string match {* us} [nats::header get $answer Elapsed]]"

try { $client request math.divide {1 0} } trap NATS {message details} {
    puts "nobody answers: [dict get $details -errorcode]"
}
try { $client request math.silent {} -timeout 100 } trap NATS {message details} {
    puts "too slow: [dict get $details -errorcode]"
}

$client destroy
$service destroy
nats::server stop $server
