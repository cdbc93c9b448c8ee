# The further measurements: how cost grows, memory, idling, latency, loading, flushes. Each runs bench/probe.tcl, a process
# of its own for each figure, and says in words what it found.

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
        lassign [probe $url idle 10] milliseconds
        puts "processor time of a process with a connection, 10 watchers and a bucket, in 10 s of idling: $milliseconds ms"
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
