# A work queue: whoever has time takes the next job. A job that fails comes again, one that is done is gone.
#
#     TCLLIBPATH=$PWD/build tclsh examples/work_queue.tcl      (nats-server on PATH, or NATS_SERVER=/path/of/it)
#
# Two objects stand for two processes: nothing here depends on their being in the same one.
#
# Prints:
#
#   job 3 fails the first time
#   6 jobs are done: 1 4 9 16 25 36
#   both workers had a share: yes
#   0 jobs are left
#   the workers are stopped

package require nats
package require nats::server

# ---- a worker

oo::class create Worker {
    variable js jobs count

    constructor {connection} {
        set count 0
        set js [$connection jet_stream]
        # One job at a time is sent here, so that the next one goes to whoever asks first.
        set jobs [$js pull_consumer JOBS WORKERS -batch_size 1 -callback [nats::mymethod OnJob]]
    }

    # Each job has a coroutine of its own, so that a slow one does not hold up the others.
    method OnJob {msg} {
        coroutine Job#[incr count] [namespace which my] Work $msg
    }

    method Work {msg} {
        set number [nats::msg data $msg]
        # Something that takes its time.
        after 20 [list [info coroutine]]
        yield
        if {$number == 3 && [dict get [nats::metadata $msg] num_delivered] == 1} {
            puts "job 3 fails the first time"
            # Again, in a moment. Without a word, it would come again after -ack_wait.
            $js nak $msg -delay 50
            return
        }
        # Done only when the server knows it.
        $js ack_sync $msg
        dict incr ::shares [self]
        dict set ::results $number [expr {$number * $number}]
    }
    export Work

    # No new jobs from now on; those that have come are still begun.
    method drain {} {
        set status [info object namespace $jobs]::status
        $jobs drain
        while {[set $status] ne "stopped"} { vwait $status }
    }
}

# ----

set server [nats::server start]
proc connect {} {
    set connection [nats::connection new]
    # A worker shall come back whenever the servers do.
    $connection configure -servers [nats::server url $::server] -max_reconnect_attempts -1
    $connection connect
    return $connection
}

# A stream with the policy workqueue drops what is acknowledged. The consumer says how many jobs may be in hand,
# all workers together.
set office [connect]
set js [$office jet_stream]
$js add_stream JOBS -subjects jobs -retention workqueue
$js add_pull_consumer JOBS WORKERS -ack_wait 10000 -max_ack_pending 4

set results {}
set shares {}
set workers [list [Worker new [connect]] [Worker new [connect]]]
foreach number {1 2 3 4 5 6} { $js publish jobs $number }
while {[dict size $results] < 6} { vwait results }

puts "6 jobs are done: [lmap number [lsort [dict keys $results]] { dict get $results $number }]"
puts "both workers had a share: [expr {[dict size $shares] == 2 ? "yes" : "no"}]"
puts "[dict get [$js stream_info JOBS] state messages] jobs are left"
foreach worker $workers { $worker drain }
puts "the workers are stopped"

foreach connection [info class instances nats::connection] { $connection destroy }
nats::server stop $server
