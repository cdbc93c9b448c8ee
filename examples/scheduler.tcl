# A scheduler on several machines: one of them leads and runs what is due; when it is gone another one takes over, and no
# run is lost or done twice.
#
#     TCLLIBPATH=$PWD/build tclsh examples/scheduler.tcl       (nats-server on PATH, or NATS_SERVER=/path/of/nats-server)
#
# Three objects with connections of their own stand for three machines.
#
# Prints ("..." differs from run to run):
#
#   ann leads
#   ann runs ...
#   ann runs ...
#   ann is gone
#   ... leads
#   ... runs ...
#   ... runs ...
#   each run was done once

package require nats
package require nats::server

# A job is a key: its value is a dict of `every` (ms) and `due` (ms since the epoch).
oo::class create Scheduler {
    variable Name Connection Jobs Election Timer

    constructor {name url} {
        set Name $name
        set Timer {}
        set Connection [nats::connect $url]
        set js [$Connection jet_stream]
        set Jobs [$js bind_kv_bucket jobs]
        # The object's own names: callbacks run at global level.
        set Election [[$js bind_kv_bucket leases] elect scheduler -value $name -callback [list [namespace which my] OnElection]]
    }
    destructor {
        after cancel $Timer
        # The lease is given up, so that nobody has to wait for its end.
        $Connection destroy
    }

    method OnElection {event info} {
        if {$event eq "elected"} {
            tell "$Name leads"
            coroutine tick[incr ::ticks] [namespace which my] Watch
        } elseif {$event eq "lost"} {
            after cancel $Timer
        }
    }

    # One that is taken away in the middle of a run ends there.
    method Watch {} {
        try { my Tick } trap {NATS ErrConnectionClosed} {} {}
    }

    # Runs what is due, then sleeps until something is.
    method Tick {} {
        set next [expr {[clock milliseconds] + 1000}]
        dict for {key entry} [$Jobs get_many job.*] {
            # Between two jobs somebody else may have been elected.
            if {![$Election is_leader]} return
            set job [dict get $entry value]
            set due [dict get $job due]
            if {$due <= [clock milliseconds]} { set due [my Run $key $job [dict get $entry revision]] }
            set next [expr {min($next, $due)}]
        }
        set wait [expr {max(0, $next - [clock milliseconds])}]
        set Timer [after $wait [list coroutine tick[incr ::ticks] [namespace which my] Watch]]
    }

    # The revision says whose run it is: a leader that has just been deposed, and does not know yet, is refused.
    method Run {key job revision} {
        set due [dict get $job due]
        dict incr job due [dict get $job every]
        try {
            $Jobs update $key $job $revision
        } trap {NATS ErrWrongLastSequence} {} {
            return [dict get $job due]
        }
        work $Name [string range $key 4 end] $due
        dict get $job due
    }
}

# ---- what the program has of it

proc tell {text} {
    puts $text
    lappend ::told $text
}

# Each job says once of each leader that it runs.
proc work {name job due} {
    lappend ::runs $job.$due
    if {"$name runs $job" ni $::told} { tell "$name runs $job" }
}

# Waits until so many different things were told.
proc await {count} {
    while {[llength $::told] < $count} { vwait ::told }
}

set server [nats::server start]
set url [nats::server url $server]
set connection [nats::connect $url]
set js [$connection jet_stream]
# On servers from 2.11 on, -limit_marker_ttl in place of -ttl tells others at once that a leader has died.
$js create_kv_bucket leases -storage memory -ttl 2000
set jobs [$js create_kv_bucket jobs -storage memory]
set now [clock milliseconds]
$jobs put job.backup [dict create every 50 due $now]
$jobs put job.report [dict create every 80 due [expr {$now + 20}]]

lassign {{} {} 0} told runs ticks
set ann [Scheduler new ann $url]
await 1
set others [lmap name {bob cleo} { Scheduler new $name $url }]
await 3
tell "ann is gone"
$ann destroy
await 7
if {[llength $runs] == [llength [lsort -unique $runs]]} { puts "each run was done once" }

foreach scheduler $others { $scheduler destroy }
$connection destroy
nats::server stop $server
