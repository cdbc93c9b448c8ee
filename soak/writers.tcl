# Writers of a bucket, and their ledger: what they tried, and what was acknowledged.
#
#     writers::start kv ?-count n? ?-pace ms? ?-prefix text? ?-tolerate patterns?
#                              starts writers, each a coroutine; every key belongs to one of them
#     writers::stop            ends them; to be called in a coroutine, returns once all calls have ended
#     writers::ledger          a dict: key -> dict of
#                                  acked   list of {operation value revision}; revision is empty where it is not returned
#                                  doubt   {operation value} of a last call that failed, which may have been carried out
#     writers::acked           the number of acknowledged writes
#     writers::refused         the number of writes that failed
#     writers::complaints      errors that no scenario explains
#     writers::reset           forgets all of these
#
# A key that has seen a failure is never written again: what became of it stays to be seen.

namespace eval ::writers {
    variable Ledger {}
    # The coroutines.
    variable Running {}
    variable Stopping 0
    variable Acked 0
    variable Refused 0
    variable Keys 0
    variable Complaints {}
    # Errors that leave it open whether a write was carried out. The last two come from servers that are starting.
    variable Expected {ErrTimeout ErrConnectionClosed ErrNoResponders {ErrJSResponse 503 *} ErrJetStreamNotEnabled
        ErrBucketNotFound}
    # Errors that leave no doubt: nothing was written.
    variable Refusals {{NATS ErrWrongLastSequence}}
    # Calls of one key at most: fewer than the history of a bucket keeps.
    variable Lifetime 40
}

proc ::writers::start {kv args} {
    variable Running
    variable Stopping 0
    set options [dict merge {-count 8 -pace 5 -prefix k -tolerate {}} $args]
    for {set n 0} {$n < [dict get $options -count]} {incr n} {
        set name ::writers::writer[incr ::writers::Count]
        lappend Running $name
        coroutine $name ::writers::Writer $kv [dict get $options -prefix].$n [dict get $options -pace] \
            [dict get $options -tolerate]
    }
}

proc ::writers::stop {} {
    variable Running
    variable Stopping 1
    while {$Running ne {}} {
        after 5 [list [info coroutine]]
        yield
    }
}

# Forgets the past: another bucket has taken the place of the one that was written to.
proc ::writers::reset {} {
    foreach {name value} {Ledger {} Acked 0 Refused 0 Complaints {}} { set ::writers::$name $value }
}

proc ::writers::ledger {} { return $::writers::Ledger }
proc ::writers::acked {} { return $::writers::Acked }
proc ::writers::refused {} { return $::writers::Refused }
proc ::writers::complaints {} { return $::writers::Complaints }

proc ::writers::Writer {kv prefix pace tolerated} {
    variable Stopping
    variable Running
    variable Keys
    after [expr {int(rand() * 20)}] [list [info coroutine]]
    yield
    while {!$Stopping} {
        Live $kv $prefix.[incr Keys] $pace $tolerated
    }
    set Running [lsearch -all -inline -not -exact $Running [info coroutine]]
}

# The life of a key: calls until one fails, or there were enough.
proc ::writers::Live {kv key pace tolerated} {
    variable Ledger
    variable Refusals
    variable Stopping
    variable Lifetime
    dict set Ledger $key {acked {} doubt {}}
    # Its last revision, 0 if it was never written, empty if it is deleted.
    set revision 0
    for {set n [expr {1 + int(rand() * $Lifetime)}]} {$n > 0 && !$Stopping} {incr n -1} {
        set value [expr {rand()}][string repeat . [expr {int(2 ** (rand() * 11))}]]
        lassign [Choose $kv $key $value $revision] operation command
        if {$operation ne "PUT"} { set value {} }
        set began [clock milliseconds]
        if {[catch $command result options]} {
            set code [dict get $options -errorcode]
            if {[lindex $command 1] eq "create" && $revision eq {} && [clock milliseconds] - $began > 1000} {
                # Time was over before the deletion could be dealt with: the conflict with it is the answer.
                lappend tolerated ErrWrongLastSequence
            }
            if {$code ni $Refusals} { dict set Ledger $key doubt [list $operation $value] }
            Excuse $command $result $code $tolerated
            after 50 [list [info coroutine]]
            yield
            return
        }
        Acknowledge $key $operation $value $result
        set revision $result
        if {$pace > 0} {
            after [expr {int(rand() * 2 * $pace)}] [list [info coroutine]]
            yield
        }
    }
}

# An operation and the call that carries it out: any that must succeed if nothing is lost.
proc ::writers::Choose {kv key value revision} {
    set any [expr {rand()}]
    if {$revision in {0 {}} && $any < 0.5} { return [list PUT [list $kv create $key $value]] }
    if {$revision ne {} && $any < 0.4} { return [list PUT [list $kv update $key $value $revision]] }
    if {$any > 0.95 && $revision ne 0} { return [list PURGE [list $kv purge $key]] }
    if {$any > 0.85 && $revision ne 0} { return [list DEL [list $kv delete $key {*}$revision]] }
    list PUT [list $kv put $key $value]
}

proc ::writers::Acknowledge {key operation value revision} {
    variable Ledger
    variable Acked
    dict with Ledger $key { lappend acked [list $operation $value $revision] }
    incr Acked
}

proc ::writers::Excuse {command message code tolerated} {
    variable Expected
    variable Complaints
    incr ::writers::Refused
    foreach pattern [concat $Expected $tolerated] {
        if {[string match [list NATS {*}$pattern] $code]} return
    }
    lappend Complaints "$code: $message ([string range $command 0 80])"
}
