# The further measurements: how cost grows, memory, idling, latency, loading, flushes, patterns, services. Each runs
# bench/probe.tcl, a process of its own for each figure, and says in words what it found.

# A probe's result: what it prints behind "result".
proc bench::probe {url name args} {
    variable Here
    variable Root
    result [list env TCLLIBPATH=[list [file join $Root build]] [option -tclsh] [file join $Here probe.tcl] $url $name {*}$args]
}

# Runs a script with `url` (of a server that lives as long) and `raw` (the raw client) set in the caller.
proc bench::with_server {script} {
    upvar 1 url url raw raw server server
    set raw [client raw]
    set server [nats::server start]
    set url [nats::server url $server]
    try { uplevel 1 $script } finally { nats::server stop $server }
}

proc bench::further_scaling {} {
    puts "\nseconds for so many keys (in parentheses: microseconds a key), median of [option -rounds]\n"
    set cases {keys history watch array}
    puts "| keys | [join $cases { | }] |\n|---:|[string repeat "---:|" [llength $cases]]"
    with_server {
        foreach keys {1000 10000 100000 1000000} {
            setup $raw $url $keys
            set row [list [grouped $keys]]
            foreach case $cases {
                set all {}
                for {set round 0} {$round < [option -rounds]} {incr round} {
                    set command [list {*}[client tcl] $url $case 0 $keys [option -payload] [option -inflight]]
                    lassign [result $command] done seconds
                    if {$done != $keys} { error "$case: $done keys of $keys" }
                    lappend all $seconds
                }
                set seconds [median $all]
                lappend row [format {%.4f (%.2f)} $seconds [expr {$seconds * 1e6 / $keys}]]
            }
            puts "| [join $row { | }] |"
        }
    }
}

proc bench::further_memory {} {
    puts "\nmemory"
    with_server {
        setup $raw $url
        set keys [option -keys]
        set empty [probe $url resident 0 0]
        set hand [expr {[probe $url filled_by_hand $keys [option -payload]] - $empty}]
        set watched [expr {[probe $url watched_array $keys [option -payload]] - $empty}]
        puts [format {an array of %s keys: filled by hand %.1f MiB, by a watcher %.1f MiB: %.2f times (wanted: at most 1.3)} \
            [grouped $keys] [expr {$hand / 1024.0}] [expr {$watched / 1024.0}] [expr {double($watched) / $hand}]]
        lassign [probe $url watchers 10000] bytes seconds
        puts [format {10 000 watchers: %.1f KiB each, made in %.2f s} [expr {$bytes / 1024.0}] $seconds]
        # The load comes from the raw client, which publishes to the bucket as fast as acknowledgements come.
        lassign [Busy $raw $url 30] before during after
        puts [format {a watcher whose script is busy for 30 s under full load: %.1f MiB before, %.1f MiB at most, %s\
            entries written meanwhile} [expr {$before / 1024.0}] [expr {$during / 1024.0}] [grouped $after]]
    }
}

# {KiB before, most KiB while busy, entries written}.
proc bench::Busy {raw url seconds} {
    variable Here
    variable Root
    set command [list env TCLLIBPATH=[list [file join $Root build]] [option -tclsh] [file join $Here probe.tcl] $url busy $seconds]
    set channel [open |$command r]
    gets $channel ready
    set written 0
    set deadline [expr {[clock milliseconds] + $seconds * 1000}]
    while {[clock milliseconds] < $deadline} {
        lassign [result [list {*}$raw $url put64 100000 [option -keys] [option -payload] 256]] done
        incr written $done
    }
    set output [read $channel]
    close $channel
    regexp {result (\d+) (\d+)} $output -> before during
    list $before $during $written
}

proc bench::further_idle {} {
    puts "\nidle"
    with_server {
        setup $raw $url
        lassign [probe $url idle 60] milliseconds wakes
        puts "a process with a connection, 10 watchers and a bucket, in a minute of idling: $milliseconds ms of processor\
            time, its threads are woken $wakes times"
    }
}

proc bench::further_latency {} {
    puts "\nlatency"
    with_server {
        setup $raw $url 1000000
        foreach {case words} {
            callback {a callback} array {an array} history {history >} keys {keys}
        } {
            lassign [probe $url latency $case] entries seconds timer file
            puts [format {%s entries into %s in %.2f s: a timer waited %.1f ms at most, a file event %.1f ms (wanted: 10)} \
                [grouped $entries] $words $seconds $timer $file]
        }
    }
}

# Requests of one process, answered by another one.
proc bench::further_service {} {
    set count [option -concurrent]
    puts "\n[grouped $count] requests, 256 at a time; medians of [option -rounds]\n"
    set kinds {plain {a plain subscription with publish} respond {a service with respond} result {a service with -respond result}}
    with_server {
        setup $raw $url 1
        for {set round 0} {$round < [option -rounds]} {incr round} {
            foreach kind [dict keys $kinds] {
                lassign [Answered $url $kind $count] seconds processor
                dict lappend rates $kind [expr {$count / $seconds}]
                dict lappend costs $kind [expr {$processor * 1000.0 / $count}]
            }
        }
    }
    set plain [median [dict get $rates plain]]
    foreach {kind words} $kinds {
        set rate [median [dict get $rates $kind]]
        set wanted [expr {$kind eq "plain" ? "" : [format { (%.2f, wanted: at least 0.6)} [expr {$rate / $plain}]]}]
        puts [format {%s: %s a second, %.1f microseconds of processor time each%s} $words [grouped $rate] \
            [median [dict get $costs $kind]] $wanted]
    }
}

# {seconds, ms of processor time} that a responder took.
proc bench::Answered {url kind count} {
    variable Here
    variable Root
    set command [list env TCLLIBPATH=[list [file join $Root build]] [option -tclsh] [file join $Here probe.tcl] $url responder $kind]
    set channel [open |$command r+]
    gets $channel ready
    set seconds [probe $url asked $count 256 [option -payload]]
    close $channel write
    regexp {result (\d+)} [read $channel] -> processor
    close $channel
    list [lindex $seconds 0] $processor
}

proc bench::further_load {} {
    variable Root
    puts "\nloading"
    set library [lindex [glob [file join $Root build nats\[0-9\]* libnats*]] 0]
    puts [format {the library: %.2f MiB (wanted: at most 8)} [expr {[file size $library] / 1048576.0}]]
    foreach {what path} [list "this package" [file join $Root build] "the pure-Tcl client" [option -pure]] {
        if {$path eq {}} continue
        set all {}
        for {set i 0} {$i < 21} {incr i} {
            lappend all [run [list env TCLLIBPATH=[list $path] [option -tclsh] << {
                set start [clock microseconds]
                package require nats
                puts [expr {([clock microseconds] - $start) / 1e3}]
            }]]
        }
        puts [format {package require nats, %s: %.2f ms (median of 21 processes)} $what [median $all]]
    }
    set all {}
    for {set i 0} {$i < 21} {incr i} {
        set start [clock microseconds]
        set server [nats::server start]
        lappend all [expr {([clock microseconds] - $start) / 1e3}]
        nats::server stop $server
    }
    puts [format {nats::server start, until JetStream answers: %.1f ms (median of 21)} [median $all]]
}

proc bench::further_flush {} {
    puts "\nflushes"
    if {[auto_execok strace] eq {}} {
        puts "left out: strace is needed to count writes"
        return
    }
    with_server {
        setup $raw $url 1000
        foreach coroutines {1 16 64 256 1024} {
            set trace [work strace.txt]
            variable Here
            variable Root
            run [list env TCLLIBPATH=[list [file join $Root build]] \
                strace -f --seccomp-bpf -e trace=writev,sendto,sendmsg,chdir -o $trace [option -tclsh] [file join $Here probe.tcl] \
                $url burst $coroutines]
            # The probe marks the burst by going to directories that do not exist. Nothing else is traced, as that
            # would slow down the threads.
            set text [read_file $trace]
            set burst [regexp -inline {MARK-BEGIN(.*)MARK-END} $text]
            set writes [regexp -all {(writev|sendto|sendmsg)\(} [lindex $burst 1]]
            puts "$coroutines coroutines, a put each, started in one turn of the event loop: $writes writes to the socket"
        }
    }
}

# The same keys, once by one pattern and once by a hundred that have as many each.
proc bench::further_patterns {} {
    puts "\npatterns"
    with_server {
        setup $raw $url 1000
        set keys [option -keys]
        probe $url fill_groups 100 $keys [option -payload]
        foreach patterns {1 100} {
            set all {}
            for {set round 0} {$round < [option -rounds]} {incr round} {
                lappend all [lindex [probe $url watch_groups $patterns $keys] 0]
            }
            set rate($patterns) [expr {$keys / [median $all]}]
        }
        puts [format {a watch of %s keys: %.0f entries/s by one pattern, %.0f by 100: %.2f times (wanted: at least 0.9)} \
            [grouped $keys] $rate(1) $rate(100) [expr {$rate(100) / $rate(1)}]]
        foreach {what patterns expected} [list all {} $keys some g7.* [expr {$keys / 100}]] {
            set times {}
            for {set round 0} {$round < [option -rounds]} {incr round} {
                lappend times [lindex [probe $url list_groups $patterns $expected] 0]
            }
            set seconds($what) [median $times]
        }
        puts [format {keys: all %s in %.1f ms, those of a pattern that matches 1 %% in %.2f ms: %.1f %% of the time (wanted: at most 3)} \
            [grouped $keys] [expr {1e3 * $seconds(all)}] [expr {1e3 * $seconds(some)}] [expr {100 * $seconds(some) / $seconds(all)}]]
    }
}

# Writers of one key, each a process: how many changes a second, and how often one had to be made again.
proc bench::further_modify {} {
    variable Here
    variable Root
    puts "\nmodify"
    with_server {
        setup $raw $url 1
        foreach writers {1 8} {
            set each [expr {4000 / $writers}]
            set command [list env TCLLIBPATH=[list [file join $Root build]] [option -tclsh] [file join $Here probe.tcl] \
                $url modify count$writers $each]
            set channels {}
            for {set n 0} {$n < $writers} {incr n} { lappend channels [open |$command r] }
            set slowest 0
            set tries 0
            foreach channel $channels {
                regexp {result ([\d.]+) (\d+)} [read $channel] -> seconds tried
                close $channel
                set slowest [expr {max($slowest, $seconds)}]
                incr tries $tried
            }
            puts [format {%d writers of one key: %.0f changes/s, %.2f tries each} $writers \
                [expr {$writers * $each / $slowest}] [expr {double($tries) / ($writers * $each)}]]
        }
    }
}

# An export beside a watch, an import beside puts.
proc bench::further_transfer {} {
    puts "\ntransfers"
    with_server {
        setup $raw $url 1000
        set keys [option -keys]
        probe $url fill_groups 100 $keys [option -payload]
        foreach name {watch export put import} { set all($name) {} }
        for {set round 0} {$round < [option -rounds]} {incr round} {
            lassign [probe $url transfers $keys [option -payload]] watch export put import before most
            foreach name {watch export put import} { lappend all($name) [set $name] }
        }
        foreach name {watch export put import} { set rate($name) [expr {$keys / [median $all($name)]}] }
        puts [format {an export of %s keys: %.0f entries/s, %.2f times the rate of a watch (wanted: at least 0.5)} \
            [grouped $keys] $rate(export) [expr {$rate(export) / $rate(watch)}]]
        puts [format {an import: %.0f entries/s, %.2f times the rate of puts by 64 coroutines (wanted: at least 0.6)} \
            $rate(import) [expr {$rate(import) / $rate(put)}]]
        puts [format {memory: %.1f MiB before, %.1f MiB at most} [expr {$before / 1024.0}] [expr {$most / 1024.0}]]
    }
}

# An object of 256 MiB, beside the same number of bytes in messages of the same size: published with 32 of them in flight,
# and delivered by a push consumer.
proc bench::further_objects {} {
    puts "\nobjects"
    set chunks 2048
    set size 131072
    set mib [expr {$chunks * $size / 1048576.0}]
    with_server {
        result [list {*}$raw $url setup 0 $chunks $size 32]
        foreach {what case probe} {put put64 object_put get watch object_get} {
            set all {raw {} own {}}
            for {set round 0} {$round < [option -rounds]} {incr round} {
                dict lappend all raw [lindex [result [list {*}$raw $url $case $chunks $chunks $size 32]] 1]
                dict lappend all own [lindex [probe $url $probe $chunks $size] 0]
            }
            foreach who {raw own} { set rate($who) [expr {$mib / [median [dict get $all $who]]}] }
            puts [format {%s of an object of %.0f MiB: %.0f MiB/s, messages alone %.0f MiB/s: %.2f times (wanted: at least 0.7)} \
                $what $mib $rate(own) $rate(raw) [expr {$rate(own) / $rate(raw)}]]
        }
    }
}

# Keys of a bucket one after the other, each in a coroutine of its own, and by get_many.
proc bench::further_many {} {
    puts "\nmany keys"
    with_server {
        setup $raw $url
        puts "| keys | get, one after the other | get, in coroutines | get_many | times as fast |\n|---:|---:|---:|---:|---:|"
        foreach count {1 100 1000} {
            foreach way {in_turn in_coroutines at_once} {
                set seconds($way) [probe $url many $way $count [expr {20000 / $count}]]
            }
            puts [format {| %s | %.2f ms | %.2f ms | %.2f ms | %.1f |} [grouped $count] {*}[lmap way {in_turn in_coroutines at_once} {
                expr {1e3 * $seconds($way)}
            }] [expr {$seconds(in_turn) / $seconds(at_once)}]]
        }
    }
}
