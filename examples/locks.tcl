# Locks, a leader election and a group of members, with a bucket's lock, elect and join.
#
#     TCLLIBPATH=$PWD/build tclsh examples/locks.tcl      (nats-server on PATH, or NATS_SERVER=/path/of/nats-server)
#
# Coroutines and objects stand for processes: nothing here depends on their being in the same one.
#
# Prints ("..." differs from run to run):
#
#   A lock
#     ... works alone
#     ... works alone
#     ... works alone
#     at most 1 at a time, each token higher than the one before
#     a dead holder's lock is had by the next one
#
#   A leader
#     ann leads
#     ann resigns
#     ... leads
#
#   Members
#     ann sees ann bob
#     ann sees that bob is busy
#     ann sees bob leave

package require nats
package require nats::server

# ---- the lock

proc worker {kv name} {
    set lock [$kv lock printer -value $name]
    set ::most [expr {max($::most, [incr ::working])}]
    lappend ::tokens [$lock token]
    puts "  $name works alone"
    pause 50
    incr ::working -1
    $lock release
    incr ::finished
}

# ---- the election

proc on_election {name event info} {
    if {$event eq "elected"} {
        puts "  $name leads"
        incr ::reigns
    }
}

# ---- the members

proc on_member {event id value} {
    switch $event {
        current { set ::current 1 }
        changed { puts "  ann sees that $id is $value"; set ::changed $id }
        left { puts "  ann sees $id leave"; set ::left $id }
    }
}

# ----

# Suspends the running coroutine.
proc pause {ms} {
    after $ms [list [info coroutine]]
    yield
}

set server [nats::server start]
set connection [nats::connection new]
$connection configure -servers [nats::server url $server]
$connection connect
# On servers from 2.11 on, -limit_marker_ttl in place of -ttl lets each lock have a time of its own.
set kv [[$connection jet_stream] create_kv_bucket locks -storage memory -ttl 2000]

puts "A lock"
lassign {0 0 0} working most finished
foreach name {ann bob cleo} { coroutine $name worker $kv $name }
while {$finished < 3} { vwait finished }
set grown [expr {$tokens eq [lsort -integer -unique $tokens]}]
puts "  at most $most at a time, [expr {$grown ? "each token higher than the one before" : "and tokens in disorder"}]"
# A holder that renews too seldom is as good as dead.
set dead [$kv lock printer -renew 100000]
set lock [$kv lock printer]
if {![$dead held] && [$lock held]} { puts "  a dead holder's lock is had by the next one" }
$lock release

puts "\nA leader"
set reigns 0
set ann [$kv elect leader -value ann -callback {on_election ann}]
while {$reigns < 1} { vwait reigns }
set others [lmap name {bob cleo} { $kv elect leader -value $name -callback [list on_election $name] }]
puts "  ann resigns"
$ann resign
while {$reigns < 2} { vwait reigns }

puts "\nMembers"
set bob [$kv join workers -id bob -value idle]
set ann [$kv join workers -id ann -value idle -callback on_member]
puts "  ann sees [lsort [dict keys [$ann members]]]"
$bob set busy
while {![info exists changed]} { vwait changed }
$bob leave
while {![info exists left]} { vwait left }

$connection destroy
nats::server stop $server
