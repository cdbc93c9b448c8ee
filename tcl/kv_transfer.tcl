# Methods of nats::key_value that move whole buckets: the library does the work, and is asked what comes next. What
# belongs into a channel, or is wanted from it, is written and read here, so that it waits for the channel only.

oo::define ::nats::key_value {
    method export args {
        return [my Transfer [my ExportBegin {*}$args]]
    }

    method import args {
        return [my Transfer [my ImportBegin {*}$args]]
    }

    method copy args {
        # The name of the other bucket's object is the caller's.
        if {$args ne {}} {
            set found [uplevel 1 [list ::namespace which -command [lindex $args 0]]]
            if {$found ne {}} { lset args 0 $found }
        }
        return [my Transfer [my CopyBegin {*}$args]]
    }

    # Goes through a transfer that was begun; returns what it has done.
    method Transfer begun {
        lassign $begun number channel progress
        set object [self]
        try {
            if {$channel ne {}} { set former [::nats::_channel_binary $channel] }
            while 1 {
                lassign [my TransferNext $number] event data
                switch -- $event {
                    chunk { ::nats::_channel_write $channel $data $object }
                    want { my TransferFeed $number [::nats::_channel_read $channel $object] }
                    progress { my TransferTell $number $progress $data }
                    done { return $data }
                }
            }
        } finally {
            # The channel may be closed, the object destroyed.
            if {[info exists former]} { catch { chan configure $channel {*}$former } }
            catch { my TransferEnd $number }
        }
    }
}

# Lets a channel take and give bytes without blocking; returns the options that this changes.
proc ::nats::_channel_binary channel {
    set former {}
    foreach option {-blocking -translation -encoding -eofchar} {
        if {![catch { chan configure $channel $option } value]} { lappend former $option $value }
    }
    chan configure $channel -blocking 0 -translation binary
    return $former
}

# Writes to a channel, and waits until it has taken all of it.
proc ::nats::_channel_write {channel data object} {
    puts -nonewline $channel $data
    flush $channel
    while {[chan pending output $channel] > 0} { _await_channel $channel writable $object }
}

# Waits for what a channel has next; returns nothing at its end.
proc ::nats::_channel_read {channel object} {
    while 1 {
        set data [read $channel 262144]
        if {$data ne {} || [eof $channel]} { return $data }
        _await_channel $channel readable $object
    }
}

# Waits for an event of a channel as the library waits: a coroutine yields, other code runs the event loop. That ends
# with an error when the object is destroyed on whose behalf it is.
proc ::nats::_await_channel {channel event object} {
    variable _channel_waits
    set name ::nats::_channel_ready[incr _channel_waits]
    set former [chan event $channel $event]
    try {
        if {[info coroutine] ne {}} {
            try {
                _channel_wakes $channel $event $object $name [list [info coroutine]]
                yield
                return
            } trap {TCL COROUTINE CANT_YIELD} {} {
                _channel_sleeps $object $name
            }
        }
        _channel_wakes $channel $event $object $name [list set $name 1]
        vwait $name
    } finally {
        _channel_sleeps $object $name
        catch { chan event $channel $event $former }
        unset -nocomplain $name
        if {![info object isa object $object]} {
            throw {NATS ErrInvalidArg} "The bucket's object was destroyed meanwhile"
        }
    }
}

# Has a script run at an event of a channel, or soon after an object is destroyed.
proc ::nats::_channel_wakes {channel event object name script} {
    chan event $channel $event $script
    trace add command $object delete [list ::nats::_channel_gone $name $script]
}

# That object is destroyed: whoever waits goes on from the event loop.
proc ::nats::_channel_gone {name script args} {
    variable _channel_timers
    # A coroutine that was deleted leaves its trace behind.
    if {[namespace which -command [lindex $script 0]] ne {}} { set _channel_timers($name) [after 0 $script] }
}

# The script is not to run any more.
proc ::nats::_channel_sleeps {object name} {
    variable _channel_timers
    catch {
        foreach trace [trace info command $object] {
            lassign $trace operations command
            if {[lrange $command 0 1] eq [list ::nats::_channel_gone $name]} {
                trace remove command $object $operations $command
            }
        }
    }
    if {[info exists _channel_timers($name)]} {
        after cancel $_channel_timers($name)
        unset _channel_timers($name)
    }
}
