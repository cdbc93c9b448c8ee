# A process that wants locks, again and again: locks.tcl starts it, and listens to what it says.
#
#     tclsh holder.tcl auto_path servers watchdog bucket...
#
# In each bucket it wants the lock of the key `job`. It says, with microseconds of the machine's clock:
#
#     in bucket token wanted had     it has the lock: when it began to want it, and a time when it had it
#     at bucket token time           it looked, not before this time, and held it
#     fault text                     what must not be
#
# It hears `block ms`: nothing runs for so long. It ends with its standard input.

namespace eval ::holder {
    variable Ttl 1000
    # bucket -> lock
    variable Locks {}
}

proc ::holder::say {args} { puts [join $args] }

proc ::holder::pause {ms} {
    after [expr {int($ms)}] [list [info coroutine]]
    yield
}

proc ::holder::start {servers watchdog buckets} {
    variable Watchdog $watchdog
    fconfigure stdout -buffering line
    fconfigure stdin -blocking 0
    fileevent stdin readable ::holder::Hear
    interp bgerror {} {apply {{message options} { ::holder::say fault [string map {\n { / }} [dict get $options -errorinfo]] }}}
    set c [nats::connection new holder -log_chan [open /dev/null w]]
    $c configure -servers $servers -reconnect_time_wait 50 -max_reconnect_attempts -1 -connect_timeout 1000 -ping_interval 500
    coroutine ::holder::Main ::holder::Connect $c $buckets
    vwait forever
}

# A server may be away when a process begins.
proc ::holder::Connect {c buckets} {
    Insist {$c connect}
    set js [$c jet_stream -timeout 2000]
    foreach bucket $buckets {
        set kv [Insist {$js bind_kv_bucket $bucket}]
        coroutine ::holder::Of$bucket ::holder::Hold $bucket $kv
    }
}

proc ::holder::Insist {script} {
    while {[catch {uplevel 1 $script} result]} { pause 100 }
    return $result
}

proc ::holder::Hold {bucket kv} {
    variable Ttl
    variable Watchdog
    variable Locks
    while 1 {
        set wanted [clock microseconds]
        set lock [$kv lock job -ttl $Ttl -timeout 0 -watchdog $Watchdog]
        say in $bucket [$lock token] $wanted [clock microseconds]
        dict set Locks $bucket $lock
        set rounds [expr {int(rand() * 60)}]
        for {set round 0} {$round < $rounds} {incr round} {
            set time [clock microseconds]
            if {[$lock held]} { say at $bucket [$lock token] $time }
            pause 10
        }
        dict unset Locks $bucket
        # A server that is away does not hear of it; the lock ends by itself then.
        if {rand() < 0.7} { catch {$lock release} }
        $lock destroy
        # There is no fairness: the others have their chance, too.
        pause [expr {rand() * 300}]
    }
}

proc ::holder::Hear {} {
    if {[gets stdin line] < 0} {
        if {[eof stdin]} { exit }
        return
    }
    lassign $line - ms
    after $ms
    Judge_block $ms
}

# With a watchdog, who did not look for so long has no lock any more.
proc ::holder::Judge_block {ms} {
    variable Ttl
    variable Watchdog
    variable Locks
    if {$Watchdog == 0 || $ms < $Ttl + $Watchdog} return
    dict for {bucket lock} $Locks {
        if {[$lock held]} { say fault "in $bucket the lock is held after a block of $ms ms with a watchdog of $Watchdog ms" }
    }
}

set ::auto_path [lindex $argv 0]
package require nats
::holder::start {*}[lrange $argv 1 2] [lrange $argv 3 end]
