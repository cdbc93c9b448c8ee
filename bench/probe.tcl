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

    # ---- time

    proc idle {seconds} {
        variable Kv
        for {set i 0} {$i < 10} {incr i} { $Kv watch [bench::key $i] -callback list }
        wait 1000
        set before [processor_time]
        wait [expr {1000 * $seconds}]
        expr {[processor_time] - $before}
    }

    # Of all threads, in ms.
    proc processor_time {} {
        set channel [open /proc/self/stat]
        regsub {^.*\) } [read $channel] {} fields
        close $channel
        # Clock ticks of 10 ms.
        expr {([lindex $fields 11] + [lindex $fields 12]) * 10}
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

    proc main {url name args} {
        connect $url
        set figures [$name {*}$args]
        puts "result $figures"
        flush stdout
        exit
    }
}

probe::main {*}$argv
