# One figure of the further measurements: tclsh bench/probe.tcl url name ?argument ...?; prints [result <figures>].

set argv0 {}
source [file join [file dirname [info script]] client.tcl]

namespace eval probe {
    proc connect {url} {
        variable Connection [nats::connection new]
        $Connection configure -servers [list $url]
        $Connection connect
        variable Js [$Connection jet_stream -timeout 60000]
        variable Kv [$Js bind_kv_bucket $::bench::Read]
    }

    # VmRSS or VmHWM in KiB.
    proc memory {{field VmRSS}} {
        set channel [open /proc/self/status]
        set status [read $channel]
        close $channel
        regexp -line "^$field:\\s*(\\d+)" $status -> kib
        return $kib
    }

    proc wait {ms} {
        after $ms {set ::probe::Waited 1}
        vwait ::probe::Waited
    }

    # ---- transfers

    # Seconds of a watch of all entries, of an export, of puts by 64 coroutines, of an import; then MiB that a process
    # with a bucket has, and has at most after the transfers.
    proc transfers {keys payload} {
        variable Connection
        variable Js
        set from [$Js bind_kv_bucket bench_groups]
        set to [$Js create_kv_bucket bench_copy -storage memory]
        set path [file join [file dirname [info script]] transfer[pid].jsonl]
        set before [memory]
        set seconds {}
        foreach work [list {watch_groups 1 $keys} {$from export -file $path} {put_all $to $keys $payload} {
            $to import -file $path
        }] {
            set start [clock microseconds]
            eval $work
            lappend seconds [expr {([clock microseconds] - $start) / 1e6}]
        }
        file delete $path
        $Js delete_kv_bucket bench_copy
        list {*}$seconds $before [memory VmHWM]
    }

    # As many coroutines as a program may have in flight.
    proc put_all {kv keys payload} {
        variable Next 0
        variable Left 64
        set value [string repeat x $payload]
        for {set i 0} {$i < 64} {incr i} {
            coroutine ::probe::Putter$i apply {{kv keys value} {
                while {[set key [incr ::probe::Next]] <= $keys} { $kv put g1.k$key $value }
                incr ::probe::Left -1
            }} $kv $keys $value
        }
        while {$Left > 0} { vwait ::probe::Left }
    }

    # ---- patterns

    proc fill_groups {groups keys payload} {
        variable Connection
        variable Js
        $Js create_kv_bucket bench_groups -storage memory
        set value [string repeat x $payload]
        for {set i 0} {$i < $keys} {incr i} {
            $Connection publish \$KV.bench_groups.g[expr {$i % $groups}].k$i $value
            if {$i % 1000 == 0} { $Connection ping }
        }
        $Connection ping
        while {[dict get [[$Js bind_kv_bucket bench_groups] status] values] < $keys} { wait 50 }
        return $keys
    }

    # Seconds until all entries have come.
    proc watch_groups {patterns keys} {
        variable Js
        variable End
        set kv [$Js bind_kv_bucket bench_groups]
        set wanted >
        if {$patterns > 1} {
            for {set i 0; set wanted {}} {$i < $patterns} {incr i} { lappend wanted g$i.* }
        }
        set start [clock microseconds]
        $kv watch -keys $wanted -callback {apply {entry { if {$entry eq {}} { set ::probe::End 1 } }}}
        vwait ::probe::End
        expr {([clock microseconds] - $start) / 1e6}
    }

    # Seconds for a listing of keys, without patterns of all, the better of two: the first one makes room.
    proc list_groups {patterns expected} {
        variable Js
        set kv [$Js bind_kv_bucket bench_groups]
        set best {}
        foreach round {1 2} {
            set start [clock microseconds]
            if {[set found [llength [$kv keys [expr {$patterns eq {} ? ">" : $patterns}]]]] != $expected} { error "$patterns: $found keys" }
            lappend best [expr {([clock microseconds] - $start) / 1e6}]
        }
        tcl::mathfunc::min {*}$best
    }

    # ---- objects

    # Seconds that a put takes.
    proc object_put {chunks size} {
        variable Js
        set os [$Js create_object_store bench -storage memory]
        # Bytes, as a binary channel gives them.
        set value [binary format a* [string repeat [binary format c* {0 1 2 3 4 5 6 255}] [expr {$chunks * $size / 8}]]]
        set start [clock microseconds]
        $os put object $value -chunk_size $size
        expr {([clock microseconds] - $start) / 1e6}
    }

    proc object_get {chunks size} {
        variable Js
        set os [$Js bind_object_store bench]
        set start [clock microseconds]
        if {[string length [$os get object]] != $chunks * $size} { error "wrong length" }
        expr {([clock microseconds] - $start) / 1e6}
    }

    # ---- memory

    proc resident {keys payload} { memory }

    # As a script would: each value a byte string of its own, like one that was received.
    proc filled_by_hand {keys payload} {
        variable Array
        for {set i 0} {$i < $keys} {incr i} {
            set Array([bench::key $i]) [binary format A$payload x]
        }
        memory
    }

    proc watched_array {keys payload} {
        variable Array
        array set Array {}
        variable Kv
        $Kv watch > -values_array ::probe::Array
        while {[array size Array] < $keys} { wait 20 }
        wait 200
        memory
    }

    # In buckets of 500, as a server has a limit for the consumers of a stream.
    proc watchers {count} {
        variable Js
        variable Failed {}
        set buckets {}
        for {set i 0} {$i < $count} {incr i 500} {
            lappend buckets [$Js create_kv_bucket bench_watched$i -storage memory]
        }
        wait 100
        set before [memory]
        set start [clock microseconds]
        foreach kv $buckets {
            variable Left 500
            for {set i 0} {$i < 500} {incr i} {
                coroutine Watcher$i apply {{kv key} {
                    if {[catch {$kv watch $key -callback list -updates_only true} message]} { set ::probe::Failed $message }
                    incr ::probe::Left -1
                }} $kv [bench::key $i]
            }
            while {$Left > 0} { vwait ::probe::Left }
            if {$Failed ne {}} { error $Failed }
        }
        set seconds [expr {([clock microseconds] - $start) / 1e6}]
        wait 500
        list [expr {([memory] - $before) * 1024 / $count}] $seconds
    }

    proc busy {seconds} {
        variable Connection
        variable Js
        set kv [$Js bind_kv_bucket $::bench::Write]
        $kv watch > -callback list
        wait 500
        set before [memory]
        puts ready
        flush stdout
        set most 0
        set deadline [expr {[clock milliseconds] + 1000 * $seconds}]
        while {[clock milliseconds] < $deadline} {
            for {set i 0} {$i < 100000} {incr i} {}
            set most [expr {max($most, [memory])}]
        }
        list $before $most
    }

    # ---- growth

    # Seconds of a count by the server.
    proc counted {keys} {
        variable Kv
        set start [clock microseconds]
        if {[$Kv count] != $keys} { error "[$Kv count] keys" }
        expr {([clock microseconds] - $start) / 1e6}
    }

    # Microseconds a message that is published and comes back on one of so many subscriptions, and bytes a subscription.
    proc subscriptions {count messages payload} {
        variable Connection
        variable Left $messages
        variable Over 0
        set before [memory]
        for {set i 0} {$i < $count} {incr i} {
            $Connection subscribe bench.many.$i -callback ::probe::On_one
        }
        $Connection ping
        set bytes [expr {([memory] - $before) * 1024.0 / $count}]
        set text [string repeat x $payload]
        set start [clock microseconds]
        for {set i 0} {$i < $messages} {incr i} { $Connection publish bench.many.[expr {$i % $count}] $text }
        while {!$Over} { vwait ::probe::Over }
        list [expr {double([clock microseconds] - $start) / $messages}] $bytes
    }
    proc On_one {subject message reply} {
        variable Left
        if {[incr Left -1] == 0} { set ::probe::Over 1 }
    }

    # Milliseconds and KiB of each of so many connections that are made one after the other, and milliseconds of a round
    # trip on each.
    proc connections {count} {
        variable Connection
        set url [lindex [$Connection cget -servers] 0]
        set before [memory]
        set start [clock microseconds]
        for {set i 0} {$i < $count} {incr i} { lappend all [nats::connect $url] }
        set made [expr {([clock microseconds] - $start) / 1e3 / $count}]
        set kib [expr {double([memory] - $before) / $count}]
        set start [clock microseconds]
        foreach connection $all { $connection ping }
        list $made $kib [expr {([clock microseconds] - $start) / 1e3 / $count}]
    }

    # Microseconds of a put, and of a get, of a value of so many bytes.
    proc values {bytes count} {
        variable Js
        set kv [$Js bind_kv_bucket $::bench::Write]
        set value [string repeat x $bytes]
        set start [clock microseconds]
        for {set i 0} {$i < $count} {incr i} { $kv put size $value }
        set put [expr {double([clock microseconds] - $start) / $count}]
        set start [clock microseconds]
        for {set i 0} {$i < $count} {incr i} { $kv get_value size }
        list $put [expr {double([clock microseconds] - $start) / $count}]
    }

    # ---- time

    proc idle {seconds} {
        variable Kv
        for {set i 0} {$i < 10} {incr i} { $Kv watch [bench::key $i] -callback list }
        wait 1000
        set before [bench::processor_time]
        set woken [wakes]
        wait [expr {1000 * $seconds}]
        list [expr {[bench::processor_time] - $before}] [expr {[wakes] - $woken}]
    }

    # How often threads have been woken.
    proc wakes {} {
        set sum 0
        foreach path [glob /proc/self/task/*/status] {
            set channel [open $path]
            regexp -line {^voluntary_ctxt_switches:\s*(\d+)} [read $channel] -> switches
            close $channel
            incr sum $switches
        }
        return $sum
    }

    # A timer every millisecond and a pipe that another process writes to every millisecond: how late are they?
    proc latency {case} {
        variable Kv
        variable Timer 0 File 0 Stamp
        variable Over 0
        set pipe [open |[list [info nameofexecutable] << {
            fconfigure stdout -buffering line
            while {![catch {puts [clock microseconds]}]} { after 1 }
        }] r]
        fconfigure $pipe -blocking 0
        fileevent $pipe readable [list probe::On_line $pipe]
        wait 200
        set Stamp [clock microseconds]
        after 1 probe::Tick
        wait 200
        set Timer 0
        set File 0
        set start [clock microseconds]
        switch -- $case {
            callback {
                variable Count 0
                $Kv watch > -callback probe::On_entry
            }
            array {
                variable Array
                array set Array {}
                $Kv watch > -values_array ::probe::Array -callback probe::On_entry
                variable Count 0
            }
            default {
                coroutine listing apply {{case} {
                    # Kept: to free so many values takes Tcl a while, too, which is not what is measured.
                    set ::probe::List [$::probe::Kv {*}[dict get {history {history >} keys keys} $case]]
                    set ::probe::Count [llength $::probe::List]
                    set ::probe::Over 1
                }} $case
            }
        }
        while {!$Over} { vwait probe::Over }
        set seconds [expr {([clock microseconds] - $start) / 1e6}]
        wait 5
        list $::probe::Count $seconds $Timer $File
    }

    proc On_entry {entry} {
        variable Count
        variable Over
        if {$entry eq {}} { set Over 1 } else { incr Count }
    }

    proc Tick {} {
        variable Stamp
        variable Timer
        set now [clock microseconds]
        set Timer [expr {max($Timer, ($now - $Stamp) / 1e3 - 1)}]
        set Stamp $now
        after 1 probe::Tick
    }

    # Only the oldest line of a burst tells how long it waited.
    proc On_line {pipe} {
        variable File
        set first 1
        while {[gets $pipe line] > 0} {
            if {$first} { set File [expr {max($File, ([clock microseconds] - $line) / 1e3)}] }
            set first 0
        }
    }

    # ---- services

    # Answers on bench.q until standard input ends: a plain subscription, or an endpoint of a service. Gives the processor
    # time in ms.
    proc responder {kind} {
        variable Connection
        variable Over 0
        if {$kind eq "plain"} {
            $Connection subscribe bench.q -callback {apply {{subject data reply} { $::probe::Connection publish $reply $data }}}
        } else {
            variable Service [$Connection service bench -version 1.0.0]
            switch -- $kind {
                respond { set options {-callback {apply {msg { $::probe::Service respond $msg [dict get $msg data] }}}} }
                result { set options {-respond result -callback {apply {msg { dict get $msg data }}}} }
            }
            $Service endpoint q -subject bench.q {*}$options
        }
        $Connection ping
        puts ready
        flush stdout
        fileevent stdin readable { if {[gets stdin] eq {} && [eof stdin]} { set ::probe::Over 1 } }
        set before [bench::processor_time]
        while {!$Over} { vwait probe::Over }
        expr {[bench::processor_time] - $before}
    }

    # So many requests, of which `window` are under way at a time; gives the seconds.
    proc asked {count window payload} {
        variable Connection
        variable Left $count
        variable Unasked [expr {$count - $window}]
        variable Text [string repeat x $payload]
        variable Inbox [$Connection inbox]
        variable Over 0
        $Connection subscribe $Inbox -callback probe::On_answer
        $Connection ping
        set start [clock microseconds]
        for {set n 0} {$n < $window} {incr n} { $Connection publish bench.q $Text $Inbox }
        while {!$Over} { vwait probe::Over }
        expr {([clock microseconds] - $start) / 1e6}
    }

    proc On_answer {subject data reply} {
        variable Left
        variable Unasked
        if {[incr Left -1] == 0} { set ::probe::Over 1 }
        if {[incr Unasked -1] >= 0} { $::probe::Connection publish bench.q $::probe::Text $::probe::Inbox }
    }

    # ---- flushes

    # All coroutines put once; the marks around it are for whoever traces system calls.
    proc burst {coroutines} {
        variable Js
        variable Left $coroutines
        set kv [$Js bind_kv_bucket $::bench::Write]
        $kv put warm up
        catch { cd /MARK-BEGIN }
        for {set i 0} {$i < $coroutines} {incr i} {
            coroutine c$i apply {{kv key} {
                $kv put $key value
                incr ::probe::Left -1
            }} $kv [bench::key $i]
        }
        while {$Left > 0} { vwait ::probe::Left }
        catch { cd /MARK-END }
        return $coroutines
    }

    # ---- many keys

    # Seconds to read so many keys, the mean of some rounds.
    proc many {way count rounds} {
        variable Keys {}
        # Those that are apart from each other.
        for {set i 0} {$i < $count} {incr i} { lappend Keys [::bench::key [expr {$i * 7}]] }
        set rounds [expr {min($rounds, 1000)}]
        Many_$way
        set start [clock microseconds]
        for {set round 0} {$round < $rounds} {incr round} { Many_$way }
        expr {([clock microseconds] - $start) / 1e6 / $rounds}
    }

    proc Many_in_turn {} {
        variable Kv
        variable Keys
        foreach key $Keys { $Kv get_value $key }
    }

    proc Many_at_once {} {
        variable Kv
        variable Keys
        if {[dict size [$Kv get_many $Keys -values true]] != [llength $Keys]} { error "keys are missing" }
    }

    proc Many_in_coroutines {} {
        variable Kv
        variable Keys
        variable Left [llength $Keys]
        foreach key $Keys { coroutine many-$key [namespace current]::Many_one $key }
        while {$Left > 0} { vwait [namespace current]::Left }
    }

    proc Many_one {key} {
        variable Kv
        variable Left
        $Kv get_value $key
        incr Left -1
    }

    # ---- changes of one key

    # {seconds tries}
    proc modify {key count} {
        variable Kv
        set start [clock microseconds]
        set tries 0
        for {set n 0} {$n < $count} {incr n} {
            $Kv modify $key value {
                incr tries
                incr value
            } -attempts 1000000
        }
        list [expr {([clock microseconds] - $start) / 1e6}] $tries
    }

    proc main {url name args} {
        connect $url
        set figures [$name {*}$args]
        puts "result $figures"
        flush stdout
        exit
    }
}

probe::main {*}$argv
