# Methods of nats::key_value that run script of their callers, on top of those of the library.

# Replaces the value of a key by what a script makes of it, again if others have written the key meanwhile. Returns the
# new revision; the present one if nothing has changed, 0 if there is none; nothing after `break`.
oo::define ::nats::key_value method modify args {
    # First of all the library has a word: it refuses calls in a forked process, and wrong numbers of arguments.
    lassign [my ModifyArguments {*}$args] key varName body attempts options
    set object [self]
    upvar 1 $varName value
    for {set attempt 1} {$attempt <= $attempts} {incr attempt} {
        # Two waits, for the second of two in a row is quicker: what is read is not old by then.
        if {$attempt > 1} { my Pause [expr {$attempt - 1}] }
        set found [my Present $key $attempt]
        if {$found eq {}} { unset -nocomplain value } else { set value [lindex $found 1] }
        switch -- [catch {uplevel 1 $body} result details] {
            0 {}
            3 { return }
            4 { continue }
            default {
                # As if the body were part of the caller's own script.
                dict incr details -level
                return -options $details $result
            }
        }
        if {![info object isa object $object]} {
            throw {NATS ErrInvalidArg} "The bucket's object was destroyed meanwhile"
        }
        lassign $found revision before
        try {
            if {$found eq {}} {
                return [expr {[info exists value] ? [my create $key $value {*}$options] : 0}]
            }
            if {![info exists value]} { return [my DeleteRevision $key $revision] }
            return [expr {$value eq $before ? $revision : [my update $key $value $revision {*}$options]}]
        } trap {NATS ErrWrongLastSequence} {message conflict} {}
    }
    if {[info exists conflict]} { return -options $conflict $message }
    throw {NATS ErrWrongLastSequence} "Key $key was not written in $attempts attempts"
}
