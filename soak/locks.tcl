# Processes that want the same locks (holder.tcl), what happens to them, and what must hold: nobody has a lock while
# somebody else does, by the one clock of this machine, and each token is higher than those before.
#
#     locks::start number urls buckets    so many processes, each with servers of its own
#     locks::harm name what ?ms?          kill: SIGKILL, and a new one; stop: SIGSTOP for a time; block: its event loop
#     locks::stop                         ends them
#     locks::judge                        complains
#     locks::acquired bucket              how often the lock was had so far

namespace eval ::locks {
    namespace path {::chaos ::peers}
    variable Directory [file dirname [file normalize [info script]]]
    # name -> channel, servers
    variable Holders
    # bucket -> token -> {wanted had last}: when its holder began to want it, a time when it had it, and the last one
    # not before which it had it
    variable Tokens
    variable Buckets
}

proc ::locks::start {number urls buckets} {
    variable Holders
    variable Tokens
    variable Buckets $buckets
    array unset Holders
    array unset Tokens
    foreach bucket $buckets { set Tokens($bucket) {} }
    for {set n 0} {$n < $number} {incr n} {
        set Holders($n) [dict create servers [lindex $urls [expr {$n % [llength $urls]}]]]
        Begin $n
    }
}

# Every second one has a watchdog.
proc ::locks::Begin {name} {
    variable Directory
    variable Holders
    variable Buckets
    set servers [dict get $Holders($name) servers]
    set watchdog [expr {$name % 2 ? 300 : 0}]
    set channel [open |[list [info nameofexecutable] [file join $Directory holder.tcl] $::auto_path $servers $watchdog {*}$Buckets \
        2>@stderr] r+]
    fconfigure $channel -blocking 0 -buffering line
    fileevent $channel readable [list ::locks::Hear $channel]
    dict set Holders($name) channel $channel
}

proc ::locks::Hear {channel} {
    while {[gets $channel line] >= 0} { Note $line }
    if {[eof $channel]} {
        fconfigure $channel -blocking 1
        catch {close $channel}
    }
}

proc ::locks::Note {line} {
    variable Tokens
    lassign $line what bucket token one two
    switch -- $what {
        in {
            if {[dict exists $Tokens($bucket) $token]} {
                complain "token $token of $bucket was had twice: {[dict get $Tokens($bucket) $token]}, then {$one $two}"
            }
            dict set Tokens($bucket) $token [list $one $two 0]
        }
        at {
            lassign [dict get $Tokens($bucket) $token] wanted had
            dict set Tokens($bucket) $token [list $wanted $had $one]
        }
        default { complain $line }
    }
}

proc ::locks::Signal {name signal} {
    variable Holders
    exec /bin/sh -c "kill -$signal [pid [dict get $Holders($name) channel]]"
}

proc ::locks::names {} {
    variable Holders
    lsort -integer [array names Holders]
}

proc ::locks::harm {name what {ms 0}} {
    variable Holders
    set channel [dict get $Holders($name) channel]
    switch -- $what {
        kill {
            Signal $name KILL
            # What it has said is heard before its successor speaks.
            while {$channel in [chan names]} { pause 10 }
            Begin $name
        }
        stop {
            Signal $name STOP
            pause $ms
            Signal $name CONT
        }
        block { puts $channel [list block [expr {int($ms)}]] }
    }
}

proc ::locks::acquired {bucket} {
    variable Tokens
    dict size $Tokens($bucket)
}

proc ::locks::stop {} {
    variable Holders
    foreach name [names] {
        set channel [dict get $Holders($name) channel]
        close $channel write
        while {$channel in [chan names]} { pause 10 }
    }
    array unset Holders
}

proc ::locks::judge {} {
    variable Tokens
    variable Buckets
    foreach bucket $Buckets {
        figure "acquisitions of $bucket" [acquired $bucket]
        Judge_exclusion $bucket $Tokens($bucket)
        Judge_growth $bucket $Tokens($bucket)
    }
}

# Who has a lock has it no more when somebody with a later token has had it.
proc ::locks::Judge_exclusion {bucket tokens} {
    set first [expr {[clock microseconds] + 1}]
    foreach token [lsort -integer -decreasing [dict keys $tokens]] {
        lassign [dict get $tokens $token] wanted had last
        if {$last > $first} { complain "$bucket: $token was held [expr {$last - $first}] us after $later was" }
        if {$had < $first} { lassign [list $had $token] first later }
    }
}

# Who begins to want a lock when somebody has had it gets a higher token.
proc ::locks::Judge_growth {bucket tokens} {
    set by_had [lsort -integer -stride 2 -index 0 [concat {*}[lmap {token times} $tokens { list [lindex $times 1] $token }]]]
    set by_wanted [lsort -integer -stride 2 -index 0 [concat {*}[lmap {token times} $tokens { list [lindex $times 0] $token }]]]
    set highest 0
    foreach {wanted token} $by_wanted {
        while {$by_had ne {} && [lindex $by_had 0] < $wanted} {
            set highest [expr {max($highest, [lindex $by_had 1])}]
            set by_had [lrange $by_had 2 end]
        }
        if {$token <= $highest} { complain "$bucket: token $token after $highest" }
    }
}
