# Ends of processes with calls in flight, at random moments.
#
#     exits::run url seed count     so many processes, a few at a time; gives {figures complaints}
#
# Each must end with its own exit status, soon, and without a word.

namespace eval ::exits {
    variable Complaints {}
    variable Ended 0
    variable Jobs 4
    # How long a process may take, in ms: under load the start of an interpreter is slow.
    variable Patience 30000
    variable Prelude {
        package require nats
        set c [nats::connection new {} -log_level error]
        $c configure -servers %url% -reconnect_time_wait 20
        $c connect
        set js [$c jet_stream]
        set kv [$js create_kv_bucket EXITS -storage memory]
        $kv put k v
    }
    variable Scripts {
        coroutines {
            for {set n 0} {$n < 50} {incr n} { coroutine c$n apply {{kv n} { while 1 { $kv put k$n v } }} $kv $n }
        }
        watchers {
            for {set n 0} {$n < 10} {incr n} { $kv watch > -callback list -values_array values$n }
            coroutine c apply {{kv} { while 1 { $kv put k v } }} $kv
        }
        requests {
            $c subscribe never.answers -callback list
            for {set n 0} {$n < 50} {incr n} { $c request never.answers x -callback list }
        }
        plain {
            $c subscribe never.answers -callback list
            after 0 {catch {$c request never.answers x}}
        }
        destroying {
            $kv watch > -callback list
            after 0 {$c destroy}
        }
        connecting {
            for {set n 0} {$n < 10} {incr n} {
                set other [nats::connection new {} -log_level error]
                $other configure -servers {nats://127.0.0.1:1 %url%}
                $other connect -async
            }
        }
        interpreters {
            set interp [interp create]
            interp eval $interp [list set auto_path $auto_path]
            interp eval $interp {
                package require nats
                set c [nats::connection new]
                $c configure -servers %url%
                $c connect
                [[$c jet_stream] bind_kv_bucket EXITS] watch > -callback list
            }
            after 0 {interp delete $interp}
        }
    }
}

proc ::exits::run {url seed count} {
    variable Complaints {}
    variable Ended 0
    variable Jobs
    expr {srand($seed)}
    set started 0
    while {$Ended < $count} {
        while {$started < $count && $started - $Ended < $Jobs} {
            Start $url
            incr started
        }
        vwait ::exits::Ended
    }
    list [dict create exits $count] $Complaints
}

proc ::exits::Start {url} {
    variable Prelude
    variable Scripts
    variable Patience
    set kind [lindex [dict keys $Scripts] [expr {int(rand() * [dict size $Scripts])}]]
    set delay [expr {int(rand() * 40)}]
    set script "set auto_path [list $::auto_path]\n$Prelude\n[dict get $Scripts $kind]\nafter $delay {exit 3}\nvwait forever\n"
    set channel [open |[list [info nameofexecutable] 2>@1] r+]
    puts $channel [string map [list %url% $url] $script]
    close $channel write
    fconfigure $channel -blocking 0
    set timer [after $Patience [list ::exits::Hangs [pid $channel] $kind]]
    fileevent $channel readable [list ::exits::Hear $channel $timer "$kind, exit after $delay ms"]
}

proc ::exits::Hear {channel timer what} {
    variable Complaints
    set said [read $channel]
    if {$said ne {}} { lappend Complaints "$what: [string range $said 0 500]" }
    if {![eof $channel]} return
    after cancel $timer
    fconfigure $channel -blocking 1
    catch {close $channel} message options
    set outcome [lrange [dict get $options -errorcode] 0 0]
    lappend outcome [lindex [dict get $options -errorcode] 2]
    if {$outcome ne "CHILDSTATUS 3"} { lappend Complaints "$what: ended with $outcome" }
    incr ::exits::Ended
}

proc ::exits::Hangs {process kind} {
    lappend ::exits::Complaints "$kind: does not end"
    exec /bin/sh -c "kill -KILL $process"
}
