# A lock and a leader election, by the revisions of a bucket.
#
#     TCLLIBPATH=$PWD/build tclsh examples/locks.tcl      (nats-server on PATH, or NATS_SERVER=/path/of/nats-server)
#
# Three coroutines stand for three processes: nothing here depends on their being in the same one.
#
# Prints ("..." differs from run to run):
#
#   A lock
#     ... works alone
#     ... works alone
#     ... works alone
#     at most 1 at a time
#
#   A leader
#     ... leads
#     ... falls silent
#     ... leads
#     ... steps down
#     ... leads

package require nats
package require nats::server

# ---- the lock: the key exists while somebody holds it

# Takes a lock; returns the revision by which it is held.
proc lock {kv name owner} {
    while 1 {
        # create fails if the key exists: of several callers one succeeds.
        try { return [$kv create $name $owner] } trap {NATS ErrWrongLastSequence} {} {}
        wait_until_free $kv $name
    }
}

# Gives it back. With the revision, nobody can release what somebody else holds by now.
proc unlock {kv name revision} {
    $kv delete $name $revision
}

# Suspends the running coroutine until the key is gone: the watcher calls the coroutine with each entry.
proc wait_until_free {kv name} {
    set watcher [$kv watch $name -callback [info coroutine]]
    set held 0
    while 1 {
        set entry [yield]
        if {$entry ne {}} { set held [expr {[dict get $entry operation] eq "PUT"}] }
        if {!$held} break
    }
    $watcher destroy
}

proc worker {kv name} {
    set revision [lock $kv printer $name]
    set ::most [expr {max($::most, [incr ::working])}]
    puts "  $name works alone"
    pause 50
    incr ::working -1
    unlock $kv printer $revision
    incr ::finished
}

# ---- the election: the key's time to live ends the reign of a leader that no longer renews it

proc candidate {kv name} {
    while {$::reigns < 3} {
        try {
            lead $kv $name [$kv create leader $name]
        } trap {NATS ErrWrongLastSequence} {} {
            # Somebody else leads, or has taken over.
            pause 30
        }
    }
    incr ::finished
}

# Leads for a while; each update renews the seat, and fails if it was lost.
proc lead {kv name revision} {
    set reign [incr ::reigns]
    puts "  $name leads"
    for {set i 0} {$i < 3} {incr i} {
        pause 30
        set revision [$kv update leader $name $revision]
    }
    switch $reign {
        1 { puts "  $name falls silent"; pause 800 }
        2 { puts "  $name steps down"; $kv delete leader $revision; pause 100 }
    }
}

# ----

# Suspends the running coroutine.
proc pause {ms} {
    after $ms [list [info coroutine]]
    yield
}

# Runs three coroutines of a procedure to their end.
proc run_three {procedure kv} {
    set ::finished 0
    foreach name {ann bob cleo} { coroutine $name $procedure $kv $name }
    while {$::finished < 3} { vwait ::finished }
}

set server [nats::server start]
set connection [nats::connection new]
$connection configure -servers [nats::server url $server]
$connection connect
set js [$connection jet_stream]

puts "A lock"
lassign {0 0} working most
run_three worker [$js create_kv_bucket locks -storage memory]
puts "  at most $most at a time"

puts "\nA leader"
set reigns 0
run_three candidate [$js create_kv_bucket seats -storage memory -ttl 500]

$connection destroy
nats::server stop $server
