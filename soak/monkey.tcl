# Calls every public command and method of the package with random and hostile arguments, in every state of a connection.
#
#     monkey::run url seed calls        makes so many calls; gives {figures complaints}, figures: calls, codes (how often each
#                                       came), background (errors), missing (methods that were not called)
#     monkey::last                      the latest calls, the last one first
#
# What is called is found by introspection; names of options are taken from the documents. Of each call it must hold:
# it ends; it does not break the connection; an error has a documented code (doc/errors.md), or is one of Tcl's own about
# the call itself.

namespace eval ::monkey {
    variable Root [file dirname [file dirname [file normalize [info script]]]]
    variable Complaints {}
    variable Codes {}
    variable Called {}
    variable Latest {}
    # Errors of Tcl about the call itself: the number of arguments, names, values that are no lists, dicts or numbers.
    variable Tcl_errors {{TCL WRONGARGS} {TCL LOOKUP *} {TCL UPVAR *} {TCL READ *} {TCL WRITE *} {TCL VALUE *} {TCL OO *} {TCL ARGUMENT *}
        {ARITH *} {CLOCK *} {POSIX *}}
    # A call that takes longer than this hangs, in ms: no time limit that is used here is longer than 300.
    variable Patience 20000
    # Never called on objects that others need; what ends objects has tests of its own, and `Mortal` here.
    variable Spared {destroy disconnect reset}
    # Objects that calls have made.
    variable Mortal {}
    # What was refused before: "kind,method,number" and "kind,method,option".
    variable Refused
}

proc ::monkey::last {} { return $::monkey::Latest }

proc ::monkey::run {url seed calls} {
    variable Complaints {}
    variable Codes {}
    variable Called {}
    variable Latest {}
    variable Background 0
    expr {srand($seed)}
    Learn_words
    set handler [interp bgerror {}]
    interp bgerror {} {apply {{message options} { incr ::monkey::Background }}}
    # Files that are written by calls go here.
    set before [pwd]
    cd [set directory [exec mktemp -d]]
    try {
        Make_worlds $url
        for {set n 1} {$n <= $calls} {incr n} {
            Call [Choose]
            if {$n % 5 == 0} { Change_array }
            if {$n % 100 == 0} { Look_after }
            if {$Complaints ne {}} break
        }
        Look_after
    } finally {
        Unwatch_status
        foreach c [info class instances ::nats::connection] { $c destroy }
        unset -nocomplain ::arr ::monkey::two
        update
        cd $before
        file delete -force $directory
        interp bgerror {} $handler
    }
    list [dict create calls [expr {$n - 1}] codes $Codes background $Background missing [Missing]] $Complaints
}

# ---- words

proc ::monkey::Learn_words {} {
    variable Root
    variable Options {}
    variable Documented {}
    foreach path [glob [file join $Root doc *.md]] {
        lappend Options {*}[regexp -all -inline {(?:^|[`\s?])(-[a-z_]{3,})\M} [Read $path]]
    }
    set Options [lsort -unique [lsearch -all -inline -regexp $Options {^-[a-z_]+$}]]
    foreach {- code} [regexp -all -inline -line {^\| `(\w+)` \|} [Read [file join $Root doc errors.md]]] {
        lappend Documented $code
    }
}

proc ::monkey::Read {path} {
    set channel [open $path]
    fconfigure $channel -encoding utf-8
    set text [read $channel]
    close $channel
    return $text
}

proc ::monkey::Pick {list} { lindex $list [expr {int(rand() * [llength $list])}] }

# A word that somebody might pass by mistake, or on purpose.
proc ::monkey::Word {} {
    if {rand() < 0.6} { return [Pick {B B KV_B a b k.1 S C 1 2 5 100 true false > memory file}] }
    if {rand() < 0.02} { return [Pick [list [string repeat x 1100000] [Deep 1000] [string repeat "a b " 20000]]] }
    Pick [list {} " " a "a b" \0 a\0b \ud83d \udc00x \U1F600 \u4e00 -1 0 1 00 0x10 1e3 1.5 nan -0 9223372036854775807 \
        99999999999999999999999 -99999999999999 [string repeat x 3000] "\{" "a \{b" "\"" {a b c} {k v} {a {b c} d {}} \
        [binary format c* {0 1 2 128 255}] > * a.* *.* a..b .a a. _kv KV_ {$KV.B.>} {$JS.API.>} _INBOX.x {$SYS.x} \
        -revision -callback - -- list {list x} "list \{" nosuch true off {-timeout 1} "a\r\nPUB x 0\r\n" \n \r\n "a\tb" \
        {header {a {b}} data x subject y reply {}} {header {} data x subject y reply {}} ::arr ::monkey::scalar ::nosuch::v \
        {{a b} {c d}} {name S} {{"name":"S"}} "\{\"a\":" 2024-01-01T00:00:00Z 2024-13-01T00:00:00.1234567890123Z %s%n \$ \[ \\]
}

proc ::monkey::Deep {depth} {
    set list x
    for {set n 0} {$n < $depth} {incr n} { set list [list $list] }
    return $list
}

# Arguments for a command or a method. Mostly in a number, and with options, that it has not refused before, so that more
# calls get past the first check.
proc ::monkey::Arguments {what} {
    variable Options
    variable Refused
    for {set try 0} {$try < 6} {incr try} {
        set words {}
        for {set n [expr {int(rand() * 4)}]} {$n > 0} {incr n -1} { lappend words [Word] }
        set odd [info exists Refused($what,[llength $words])]
        for {set n [expr {int(rand() * rand() * 4)}]} {$n > 0} {incr n -1} {
            set option [Pick $Options]
            if {[info exists Refused($what,$option)] && rand() < 0.95} continue
            lappend words $option [Word]
        }
        if {!$odd || rand() < 0.1} break
    }
    return $words
}

# Learns from an error.
proc ::monkey::Learn {command result code} {
    variable Refused
    set what [Kind [lindex $command 0]],[lindex $command 1]
    if {$code eq "TCL WRONGARGS"} {
        set Refused($what,[expr {[llength $command] - 2}]) 1
    } elseif {[regexp {^Unknown option ([^\s;]+)} $result -> option]} {
        set Refused($what,-$option) 1
    }
}

# ---- worlds

# Objects in each state. `mortal` objects may be destroyed by a call, the others are needed on.
proc ::monkey::Make_worlds {url} {
    variable Main
    variable Zoo {}
    variable Url $url
    variable scalar x
    set Main [Connection $url]
    $Main connect
    set js [$Main jet_stream -timeout 300]
    Make_bucket
    Make_store
    set locks [$js create_kv_bucket L -storage memory -ttl 5000]
    Watch_status
    $js add_pull_consumer KV_B P
    set kv [$js bind_kv_bucket B]
    # One of each class, so that each method is called sooner or later.
    set os [$js bind_object_store B]
    Adopt $os [$os watch -callback list]
    Adopt [$kv watch > -callback list -values_array ::monkey::two -writable true -conflict [list lindex [list [Word]]]]
    Adopt $js $kv [$kv watch > -callback list] [$js ordered_consumer KV_B -callback list] [$js pull_consumer KV_B P -callback list] \
        $locks [$locks lock spared -timeout 2000] [$locks elect seat -callback list] [$locks join group -id one -callback list]
    set svc [$Main service calc -version 1.0.0]
    set group [$svc group a]
    $group endpoint b -callback list
    Adopt $svc $group
    # Never connected.
    Adopt [Connection $url] [[Connection $url] jet_stream -timeout 50]
    # Connected once, then closed; its objects are left.
    set closed [Connection $url]
    $closed connect
    set js [$closed jet_stream -timeout 50]
    set kv [$js bind_kv_bucket B]
    $kv watch > -callback list -values_array ::arr
    set os [$js bind_object_store B]
    $os watch -callback list
    $closed disconnect
    Adopt $closed $js $kv $os
    # In the course of connecting, for ever.
    set absent [Connection nats://127.0.0.1:1]
    $absent connect -async
    Adopt $absent [$absent jet_stream -timeout 50]
}

# A connection whose time limits are short.
proc ::monkey::Connection {url} {
    variable Null
    if {![info exists Null]} { set Null [open /dev/null w] }
    set c [nats::connection new {} -log_chan $Null]
    $c configure -servers $url -request_timeout 100 -connect_timeout 200 -reconnect_time_wait 20 -max_reconnect_attempts -1
    return $c
}

proc ::monkey::Adopt {args} {
    variable Zoo
    lappend Zoo {*}$args
}

proc ::monkey::Make_bucket {} {
    variable Main
    set js [$Main jet_stream -timeout 2000]
    catch {$js delete_stream KV_B}
    set kv [$js create_kv_bucket B -storage memory -history 3]
    foreach key {a b k.1} { $kv put $key v }
    $js destroy
}

proc ::monkey::Make_store {} {
    variable Main
    set js [$Main jet_stream -timeout 2000]
    catch {$js delete_stream OBJ_B}
    set os [$js create_object_store B -storage memory]
    foreach name {a b} { $os put $name [string repeat v 1000] -chunk_size 100 }
    $js destroy
}

# Whatever the calls are: the connection stays.
proc ::monkey::Watch_status {} {
    variable Main
    trace add variable [info object namespace $Main]::status write ::monkey::Status
}

proc ::monkey::Unwatch_status {} {
    variable Main
    trace remove variable [info object namespace $Main]::status write ::monkey::Status
}

proc ::monkey::Status {name args} {
    upvar 1 $name status
    variable Complaints
    if {$status ne "connected"} { lappend Complaints "the connection is $status after: [last]" }
}

# Changes a two-way array: a refusal is Tcl's error, whatever the words are.
proc ::monkey::Change_array {} {
    variable Complaints
    variable two
    set name [Word]
    if {rand() < 0.02} { unset -nocomplain two }
    if {rand() < 0.2} { unset -nocomplain two($name) }
    if {[catch {set two($name) [Word]} message options] && [dict get $options -errorcode] ne {TCL WRITE VARNAME}} {
        lappend Complaints "two($name): [dict get $options -errorcode] $message"
    }
}

# ---- calls

# The commands: plain ones, subcommands of ensembles, constructors.
proc ::monkey::Commands {} {
    variable Commands
    if {[info exists Commands]} { return $Commands }
    set Commands {}
    foreach command [info commands ::nats::\[a-z\]*] {
        if {$command eq "::nats::server"} continue
        if {[info object isa object $command]} {
            lappend Commands [list $command new] [list $command create]
        } elseif {[namespace ensemble exists $command]} {
            foreach exported [info commands ${command}::\[a-z\]*] { lappend Commands [list $command [namespace tail $exported]] }
        } else {
            lappend Commands [list $command]
        }
    }
    return $Commands
}

proc ::monkey::Choose {} {
    variable Zoo
    if {rand() < 0.2} {
        set command [Pick [Commands]]
        return [list {*}$command {*}[Tame [lindex $command end] [Arguments [join $command ,]]]]
    }
    set object [Pick $Zoo]
    if {![info object isa object $object]} { return [list $object [Pick {get put publish cget destroy}] {*}[Arguments gone]] }
    set method [Pick [Methods $object]]
    list $object $method {*}[Tame $method [Arguments [Kind $object],$method]]
}

proc ::monkey::Methods {object} {
    variable Spared
    variable Main
    set methods [info object methods $object -all]
    # Made here, and not needed on.
    if {$object in $::monkey::Mortal} { return $methods }
    lsearch -all -inline -not -regexp $methods ^([join $Spared |])$
}

# No call may wait for long, or look for servers elsewhere, because of an argument.
proc ::monkey::Tame {method arguments} {
    variable Url
    if {$method in {jet_stream services stop}} { lappend arguments -timeout 50 }
    if {$method eq "service"} {
        if {[llength $arguments] % 2 == 0} { set arguments [linsert $arguments 0 calc] }
        lappend arguments -version 1.0.0
    }
    if {$method eq "::nats::connect" && $arguments ne {}} {
        variable Null
        # Mostly to a server that is there.
        if {rand() < 0.7} { lset arguments 0 $Url }
        lappend arguments -log_chan $Null -connect_timeout 100 -max_reconnect_attempts -1
    }
    foreach {option value} [list -timeout [Pick {1 50 300}] -servers $Url -request_timeout 100 -connect_timeout 200 \
            -reconnect_time_wait 20 -max_reconnect_attempts -1 -expires 100 -chunk_size [Pick {0 x 1000 100000}]] {
        if {$option in $arguments || [string trimleft $option -] in $arguments} { lappend arguments $option $value }
    }
    return $arguments
}

proc ::monkey::Call {command} {
    variable Latest
    variable Called
    set Latest [lrange [linsert $Latest 0 [lmap word $command { string range $word 0 60 }]] 0 4]
    set kind [Kind [lindex $command 0]]
    # A plain command has no subcommand.
    dict set Called $kind [expr {[list $kind] in [Commands] ? {} : [lindex $command 1]}] 1
    if {rand() < 0.5} { Plainly $command } else { In_coroutine $command }
}

proc ::monkey::Kind {object} {
    expr {[info object isa object $object] && ![info object isa class $object] ? [info object class $object] : $object}
}

proc ::monkey::Plainly {command} {
    variable Patience
    # A wait in the event loop ends when it is canceled.
    set timer [after $Patience {
        lappend ::monkey::Complaints "hangs: [::monkey::last]"
        interp cancel
    }]
    # In a place of its own: objects that it creates may have the names of Tcl's commands.
    set failed [catch {namespace eval ::monkey::cage $command} result options]
    after cancel $timer
    Judge $command $failed $result $options
}

proc ::monkey::In_coroutine {command} {
    variable Patience
    variable Ended 0
    coroutine ::monkey::Caller apply {{command} {
        set failed [catch $command result options]
        set ::monkey::Ended 1
        ::monkey::Judge $command $failed $result $options
    }} $command
    set timer [after $Patience { set ::monkey::Ended -1 }]
    if {!$Ended} { vwait ::monkey::Ended }
    after cancel $timer
    if {$Ended < 0} { lappend ::monkey::Complaints "hangs in a coroutine: [last]" }
}

proc ::monkey::Judge {command failed result options} {
    variable Codes
    variable Complaints
    if {!$failed} {
        dict incr Codes ok
        Keep $result
        return
    }
    set code [dict get $options -errorcode]
    Learn $command $result $code
    dict incr Codes [expr {[lindex $code 0] eq "NATS" ? [lindex $code 1] : [lrange $code 0 1]}]
    # A body is a script, whose errors are its own.
    if {![Allowed $code] && !([lindex $command 1] eq "modify" && $code eq "NONE")} { lappend Complaints "$code: [string range $result 0 200], after: [last]" }
}

proc ::monkey::Allowed {code} {
    variable Documented
    variable Tcl_errors
    if {[lindex $code 0] eq "NATS"} {
        return [expr {[lindex $code 1] in $Documented && [lindex $code 1] ne "ErrInternal"}]
    }
    foreach pattern $Tcl_errors {
        if {[string match $pattern $code]} { return 1 }
    }
    return 0
}

# Objects that a call has made are called, too, for a while, and may be destroyed.
proc ::monkey::Keep {result} {
    variable Zoo
    variable Mortal
    variable Null
    if {[catch {info object isa object $result} is] || !$is || $result in $Zoo} return
    if {[string match ::nats::* $result] && [info object isa class $result]} return
    if {[info object isa typeof $result ::nats::connection]} {
        catch {$result configure -connect_timeout 200 -request_timeout 100}
    }
    lappend Zoo $result
    lappend Mortal $result
    # The eldest go. Until then, those that a call has destroyed are names of nothing.
    if {[llength $Mortal] > 12} {
        set Mortal [lassign $Mortal eldest]
        catch {$eldest destroy}
        set at [lsearch -exact $Zoo $eldest]
        set Zoo [lreplace $Zoo $at $at]
    }
}

# Events have their chance; the connection works; streams that calls have made do not pile up.
proc ::monkey::Look_after {} {
    variable Main
    variable Complaints
    update
    set js [$Main jet_stream -timeout 5000]
    if {[catch {
        $Main configure -utf8_convert [expr {rand() < 0.5}] -check_subjects true -dictmsg [expr {rand() < 0.5}]
        $Main ping -timeout 5000
        foreach stream [$js stream_names] {
            if {$stream ni {KV_B OBJ_B KV_L}} { $js delete_stream $stream }
        }
        Make_bucket
        Make_store
    } message options]} {
        lappend Complaints "the connection is broken ($message), after: [last]"
    }
    catch {$js destroy}
}

# Public methods and commands that were not called. A class counts without what is spared.
proc ::monkey::Missing {} {
    variable Called
    variable Spared
    set missing {}
    foreach command [Commands] {
        lassign $command name sub
        if {![dict exists $Called $name $sub]} { lappend missing $command }
    }
    foreach class {connection jet_stream key_value kv_watcher kv_lock kv_election kv_member ordered_consumer pull_consumer
            service service_group object_store object_watcher} {
        foreach method [info class methods ::nats::$class] {
            if {![dict exists $Called ::nats::$class $method] && $method ni $Spared} { lappend missing [list $class $method] }
        }
    }
    return $missing
}
