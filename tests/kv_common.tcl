# What the test files about buckets, waits and connections share, on top of common.tcl:
#
#     source -encoding utf-8 [file join [file dirname [info script]] kv_common.tcl]
#     namespace eval ::t::kv_get {
#         namespace import ::tcltest::test ::kvt::*
#         lassign [kv_server] srv c js
#         test kv-get-1.1 {...} -setup {...} -body {...} -cleanup {clean} -result {...}
#     }
#     t::done
#
# Every test ends with `clean`, which also fails the test if an error reached the background that it did not take.
# Most tests give error codes as their results: [errorcode {script}], or {code message} by [failure {script}].

source -encoding utf-8 [file join [file dirname [info script]] common.tcl]

namespace eval ::kvt {
    namespace export {[a-z]*}
    # The server, connection and jet_stream of `kv_server`.
    variable Home {}
    # What the callbacks made by `recorder` were given, by tag.
    variable Recorded
    array set Recorded {}
    variable Sentinel 0
    # Proxies: number -> dict target (port), port, listener, channels, said (by the client).
    variable Relays
    variable Relay_count 0
}

# ---- the file's server

# Starts a server; gives it with a connection and a jet_stream. Options are those of nats::server start.
proc ::kvt::kv_server {args} {
    variable Home
    set srv [t::server {*}$args]
    set c [connection $srv]
    # A busy machine may take its time.
    set Home [list $srv $c [$c jet_stream -timeout 30000]]
}

# Another connection to a server, made for tests: it reconnects quickly.
proc ::kvt::connection {srv args} {
    t::connect [nats::server url $srv] -reconnect_time_wait 100 -max_reconnect_attempts -1 {*}$args
}

# Three servers with JetStream, named s1 to s3, once all of them can have a stream. They may never get there: a port that
# was chosen for a route may be somebody else's by the time it is needed, and 2.10 servers sometimes leave one of the three
# out of their group, although it has its routes. Then three others try.
proc ::kvt::jetstream_cluster {} {
    for {set try 1} 1 {incr try} {
        set before [nats::server handles]
        try {
            set servers [Start_cluster]
            Await_replicas $servers
            return $servers
        } on error {message options} {
            foreach server [nats::server handles] {
                if {$server ni $before} { nats::server stop $server }
            }
            if {$try == 4} { return -options $options $message }
        }
    }
}

# The result of a script, once a cluster has carried it out. Without a leader it keeps silent or says no; on a busy machine
# it may take its time to agree on one, and lose it again.
proc ::kvt::in_cluster {script {seconds 120}} {
    for {set deadline [expr {[clock seconds] + $seconds}]} 1 {t::pause 100} {
        if {![catch {uplevel 1 $script} result options]} { return $result }
        if {[clock seconds] > $deadline} { return -options $options $result }
    }
}

proc ::kvt::Await_replicas {servers} {
    set c [connection [lindex $servers 0] -servers [lmap server $servers { nats::server url $server }]]
    try {
        # Nobody answers what is asked before there is a leader.
        set hasty [$c jet_stream -timeout 500]
        in_cluster {$hasty add_stream REPLICAS -subjects replicas -storage memory -num_replicas 3} 30
        in_cluster {if {"REPLICAS" in [$hasty stream_names]} { $hasty delete_stream REPLICAS }}
    } finally {
        $c destroy
    }
}

proc ::kvt::Start_cluster {} {
    set ports [list [free_port] [free_port] [free_port]]
    set routes [join [lmap port $ports {string cat "\"nats://127.0.0.1:" $port "\""}] ,]
    set number 0
    lmap port $ports {
        t::server -timeout 15000 -config "
            server_name: s[incr number]
            cluster { name: C[pid], listen: \"127.0.0.1:$port\", routes: \[ $routes \] }
        "
    }
}

# Waits until a connection is back after its server was gone.
proc ::kvt::await_server {c} {
    t::wait_until {![catch {$c ping}]} 30000
}

# Ends what a test left: its watchers, buckets and consumers, then the streams, then what was recorded.
proc ::kvt::clean {} {
    variable Home
    variable Recorded
    foreach class {kv_member kv_election kv_lock kv_watcher object_watcher ordered_consumer key_value object_store} {
        foreach object [info class instances ::nats::$class] {
            if {[info object isa object $object]} { $object destroy }
        }
    }
    lassign $Home srv c js
    if {[$c cget -status] eq "connected"} {
        foreach stream [$js stream_names] {
            # A request that a test gave up may be carried out late.
            try { $js delete_stream $stream } trap {NATS ErrStreamNotFound} {} {}
        }
    }
    update
    array unset Recorded
    set errors [t::background_errors]
    if {$errors ne {}} {
        error "[llength $errors] background errors: [lmap error [lrange $errors 0 4] {lindex $error 0}]"
    }
    return
}

# True if the server of a connection has this version or a later one.
proc ::kvt::server_has {c version} {
    expr {[package vcompare [dict get [$c server_info] version] $version] >= 0}
}

# ---- errors

# The error code of a script, or the result of one that has no error, marked as such.
proc ::kvt::errorcode {script} {
    if {[catch {uplevel 1 $script} result options]} { return [dict get $options -errorcode] }
    return "no error: $result"
}

# {code message} of a script.
proc ::kvt::failure {script} {
    if {[catch {uplevel 1 $script} result options]} { return [list [dict get $options -errorcode] $result] }
    return [list "no error" $result]
}

# Runs a script for each value of a variable; gives those that did not fail with the code, each {value code}.
proc ::kvt::exceptions {code varName values script} {
    upvar 1 $varName value
    set others {}
    foreach value $values {
        set actual [uplevel 1 [list ::kvt::errorcode $script]]
        if {$actual ne $code} { lappend others [list $value $actual] }
    }
    return $others
}

# ---- callbacks

# A callback that records its last argument under a tag.
proc ::kvt::recorder {tag} {
    variable Recorded
    set Recorded($tag) {}
    list ::kvt::Record $tag
}

proc ::kvt::Record {tag args} {
    variable Recorded
    lappend Recorded($tag) [lindex $args end]
    return
}

proc ::kvt::got {tag} {
    variable Recorded
    expr {[info exists Recorded($tag)] ? $Recorded($tag) : {}}
}

# Waits for a number of calls, end of data included.
proc ::kvt::await_calls {tag count {limit 20000}} {
    t::wait_until {[llength [got $tag]] >= $count} $limit
}

# Waits for the call that says "end of current data".
proc ::kvt::await_end {tag {limit 30000}} {
    t::wait_until {{} in [got $tag]} $limit
}

# Waits until an entry with this key and value has come; whatever was sent before has come by then, too.
proc ::kvt::await_entry {tag key value {limit 30000}} {
    t::wait_until {[Has_entry $tag $key $value]} $limit
}

proc ::kvt::Has_entry {tag key value} {
    foreach entry [lreverse [got $tag]] {
        if {$entry ne {} && [dict get $entry key] eq $key && [dict get $entry value] eq $value} { return 1 }
    }
    return 0
}

# Entries in short: {key operation value revision} each, END for the end of current data.
proc ::kvt::brief {entries} {
    lmap entry $entries {
        if {$entry eq {}} { string cat END } else { brief1 $entry }
    }
}

proc ::kvt::brief1 {entry} {
    list [dict get $entry key] [dict get $entry operation] [dict get $entry value] [dict get $entry revision]
}

# One field of all entries.
proc ::kvt::field {name entries} {
    lmap entry $entries {
        if {$entry eq {}} continue
        dict get $entry $name
    }
}

# Background errors so far, their codes only; they count as taken.
proc ::kvt::background_codes {} {
    lmap error [t::background_errors] { dict get [lindex $error 1] -errorcode }
}

# ---- the server's side

# Runs a script that makes a stream with file storage. A server that is still removing the files of another one may answer
# "error creating store for stream" (10049); then it is tried again.
proc ::kvt::with_files {script} {
    for {set attempt 1} 1 {incr attempt} {
        try {
            return [uplevel 1 $script]
        } trap {NATS ErrJSResponse 500 10049} {message options} {
            if {$attempt == 20} { return -options $options $message }
            t::pause 50
        }
    }
}

# A JetStream API request with a body in JSON; gives the reply's JSON, an error if that is one.
proc ::kvt::api {c subject {body {}}} {
    set reply [$c request \$JS.API.$subject $body]
    if {[string match {*"error":*} $reply]} { error $reply }
    return $reply
}

# Makes the stream of a bucket with a configuration that the create methods do not offer; JSON members to add.
proc ::kvt::raw_bucket {c bucket {members {}}} {
    set json "\"name\":\"KV_$bucket\",\"subjects\":\[\"\$KV.$bucket.>\"\],\"storage\":\"memory\",\"allow_rollup_hdrs\":true"
    if {$members ne {}} { append json , $members }
    api $c STREAM.CREATE.KV_$bucket "{$json}"
}

# Stores a message of any key and header, as another client could.
proc ::kvt::raw_put {c bucket key value args} {
    set header {}
    foreach {name text} $args { dict set header $name [list $text] }
    set reply [$c request \$KV.$bucket.$key $value -header $header]
    if {![regexp {"seq":\s*(\d+)} $reply -> revision]} { error $reply }
    return $revision
}

# Gives a stream another configuration, some JSON members; see raw_bucket.
proc ::kvt::update_bucket {c bucket members} {
    set json "\"name\":\"KV_$bucket\",\"subjects\":\[\"\$KV.$bucket.>\"\],\"storage\":\"memory\",\"allow_rollup_hdrs\":true"
    api $c STREAM.UPDATE.KV_$bucket "{$json,$members}"
}

# Waits until a stream has stored so many messages: a ping only tells that the server has received them.
proc ::kvt::await_stored {c stream count} {
    t::wait_until {[dict get [json [api $c STREAM.INFO.$stream]] state messages] >= $count} 60000
}

proc ::kvt::consumer_names {c stream} {
    dict get [json [api $c CONSUMER.NAMES.$stream]] consumers
}

proc ::kvt::delete_consumer {c stream consumer} {
    api $c CONSUMER.DELETE.$stream.$consumer
}

# The message of a stream with a sequence number: dict subject, seq, time and so on.
proc ::kvt::stored {c stream seq} {
    dict get [json [api $c STREAM.MSG.GET.$stream "{\"seq\":$seq}"]] message
}

# What a server tells of a connection by its monitoring port, one of the loopback's. Without serving any event.
proc ::kvt::connz {client_id monitor} {
    set socket [socket 127.0.0.1 $monitor]
    fconfigure $socket -translation binary -buffering none
    puts -nonewline $socket "GET /connz?cid=$client_id HTTP/1.0\r\n\r\n"
    set reply [read $socket]
    close $socket
    return $reply
}

proc ::kvt::client_id {c} { dict get [$c server_info] client_id }

# How many subscriptions of a connection a server knows.
proc ::kvt::subscriptions {c monitor} {
    set reply [connz [client_id $c] $monitor]
    if {![regexp {"subscriptions": (\d+)} $reply -> count]} { error $reply }
    return $count
}

# Waits until a server has forgotten a connection that was closed, with all that it had asked for.
proc ::kvt::await_closed {client_id monitor} {
    t::wait_until {[regexp {"num_connections": 0,} [::kvt::connz $client_id $monitor]]} 20000
}

# All messages that the server saw while a script ran, but for answers, events and what servers tell each other of
# mirrors, as message dicts.
# The sentinel comes from the connection under test, so that nothing it sent before can be missing.
proc ::kvt::traffic {c script} {
    variable Home
    variable Recorded
    variable Sentinel
    set spy [connection [lindex $Home 0] -dictmsg true]
    set tag [list traffic [incr Sentinel]]
    set Recorded($tag) {}
    try {
        $spy subscribe > -callback [list ::kvt::Spy $tag]
        $spy ping
        uplevel 1 $script
        $c publish kvt.sentinel.$Sentinel {}
        t::wait_until {"kvt.sentinel.$Sentinel" in [lmap msg $Recorded($tag) {nats::msg subject $msg}]}
        set seen {}
        foreach msg $Recorded($tag) {
            switch -glob -- [nats::msg subject $msg] {
                _INBOX.* - {$JS.EVENT.*} - {$JS.ACK.*} - {$JS.FC.*} - {$JSC.*} - kvt.sentinel.* {}
                default { lappend seen $msg }
            }
        }
        return $seen
    } finally {
        unset -nocomplain Recorded($tag)
        $spy destroy
    }
}

proc ::kvt::Spy {tag subject msg reply} {
    # What a mirror gets from its origin is seen as well, with its acknowledgement's subject.
    if {![string match {$JS.ACK.*} $reply]} { Record $tag $msg }
}

# The subjects of `traffic`.
proc ::kvt::subjects {messages} {
    lmap msg $messages { nats::msg subject $msg }
}

# The body of the only message on a subject, or one that matches the pattern, among `traffic`.
proc ::kvt::body_of {messages subject} {
    set bodies {}
    foreach msg $messages {
        if {[string match $subject [nats::msg subject $msg]]} { lappend bodies [nats::msg data $msg] }
    }
    if {[llength $bodies] != 1} { error "[llength $bodies] messages on $subject among [subjects $messages]" }
    lindex $bodies 0
}

# ---- JSON

# JSON as Tcl values: objects become dicts, arrays lists, strings text, the rest what is written.
proc ::kvt::json {text} {
    set at 0
    return [Json_value $text at]
}

# The token at a place: one of {}[],: or a string or a word.
proc ::kvt::Json_token {text atName} {
    upvar 1 $atName at
    if {![regexp -start $at -indices {\A\s*(?:[][{}:,]|"(?:[^"\\]|\\.)*"|[^][{}:,"\s]+)} $text range]} {
        error "no JSON at $at: [string range $text $at $at+20]"
    }
    set at [expr {[lindex $range 1] + 1}]
    string trim [string range $text {*}$range]
}

proc ::kvt::Json_value {text atName} {
    upvar 1 $atName at
    set token [Json_token $text at]
    if {[string index $token 0] eq "\""} { return [Json_string $token] }
    if {$token ni {\{ \[}} { return $token }
    set items {}
    while 1 {
        set before $at
        set next [Json_token $text at]
        if {$next in {\} \]}} { return $items }
        if {$next ne ","} { set at $before }
        if {$token eq "\{"} {
            lappend items [Json_string [Json_token $text at]]
            Json_token $text at
        }
        lappend items [Json_value $text at]
    }
}

# No test needs more than JSON's escapes that are Tcl's, too.
proc ::kvt::Json_string {token} {
    set quoted [string range $token 1 end-1]
    subst -nocommands -novariables [string map {\\/ /} $quoted]
}

# A dict with sorted keys, so that it can be compared.
proc ::kvt::sorted {dictionary} {
    set result {}
    foreach key [lsort [dict keys $dictionary]] { lappend result $key [dict get $dictionary $key] }
    return $result
}

# The named entries of a dict, in the order of the names; a name that is missing gives "-".
proc ::kvt::pick {dictionary args} {
    lmap name $args { expr {[dict exists $dictionary $name] ? [dict get $dictionary $name] : "-"} }
}

# ---- coroutines and processes

# Runs a script in a coroutine of its own, at global level; gives its name. Its outcome goes to the recorder `tag`:
# {ok result} or {error code}.
proc ::kvt::in_coroutine {tag script} {
    variable Sentinel
    set name ::kvt::coroutine[incr Sentinel]
    coroutine $name ::kvt::Coroutine $tag $script
    return $name
}

proc ::kvt::Coroutine {tag script} {
    if {[catch {uplevel #0 $script} result options]} {
        Record $tag [list error [dict get $options -errorcode]]
    } else {
        Record $tag [list ok $result]
    }
}

# The command that starts another tclsh like this one.
proc ::kvt::tclsh {} {
    expr {[info exists ::env(TCLSH)] ? $::env(TCLSH) : [list [info nameofexecutable]]}
}

# Runs a script, with the packages at hand, in a process of its own that is ended after a time (seconds). Gives its
# outcome and what it printed: {exit status} or {killed signal}, then the text.
proc ::kvt::child {script {limit 60}} {
    set prelude "set ::auto_path [list $::auto_path]\npackage require nats\npackage require nats::server\n"
    set file [file tempfile path nats-child.tcl]
    puts $file $prelude$script
    close $file
    set channel [open |[list {*}[tclsh] $path <[t::nothing] 2>@1] r]
    set process [lindex [pid $channel] 0]
    set timer [after [expr {1000 * $limit}] [list ::kvt::End_child $process]]
    try {
        fconfigure $channel -blocking 0
        set text {}
        t::wait_until {[append text [read $channel]; eof $channel]} [expr {1000 * $limit + 5000}]
        fconfigure $channel -blocking 1
        if {![catch {close $channel} message options]} { return [list {exit 0} [string trim $text]] }
    } finally {
        after cancel $timer
        file delete $path
    }
    lassign [dict get $options -errorcode] kind - status
    switch -- $kind {
        CHILDSTATUS { return [list [list exit $status] [string trim $text]] }
        CHILDKILLED { return [list [list killed $status] [string trim $text]] }
    }
    list [list failed $message] [string trim $text]
}

proc ::kvt::End_child {process} {
    catch {t::kill $process}
}

# A loopback port that is free now.
proc ::kvt::free_port {} {
    for {set try 1} 1 {incr try} {
        # Those from 32768 on are what systems give to outgoing connections.
        set port [expr {15000 + int(rand() * 17000)}]
        if {![catch {socket -server {} -myaddr 127.0.0.1 $port} channel options]} { break }
        if {$try == 1000} { return -options $options $channel }
    }
    close $channel
    return $port
}

# ---- a TCP proxy that can be cut

proc ::kvt::relay_start {srv} {
    variable Relays
    set relay [incr ::kvt::Relay_count]
    set Relays($relay) [dict create target [nats::server port $srv] channels {} port 0 listener {} said {} trip {} seen {} hold {} held {} amend {}]
    relay_mend $relay
    return $relay
}

proc ::kvt::relay_port {relay} {
    variable Relays
    dict get $Relays($relay) port
}

# Takes connections (again), on the same port. In the meantime an outgoing connection of somebody may have got it, for a while.
proc ::kvt::relay_mend {relay} {
    variable Relays
    t::wait_until {![catch {socket -server [list ::kvt::Relay_accept $relay] -myaddr 127.0.0.1 [relay_port $relay]} listener]}
    dict set Relays($relay) listener $listener
    dict set Relays($relay) port [lindex [fconfigure $listener -sockname] 2]
    return
}

# Closes all connections and takes no new ones.
proc ::kvt::relay_cut {relay} {
    variable Relays
    catch {close [dict get $Relays($relay) listener]}
    Relay_hang_up $relay
    return
}

proc ::kvt::relay_stop {relay} {
    variable Relays
    relay_cut $relay
    unset Relays($relay)
}

proc ::kvt::Relay_accept {relay client args} {
    variable Relays
    set server [socket 127.0.0.1 [dict get $Relays($relay) target]]
    dict lappend Relays($relay) channels $client $server
    foreach {from to by_client} [list $client $server 1 $server $client 0] {
        fconfigure $from -translation binary -buffering none -blocking 0
        fileevent $from readable [list ::kvt::Relay_pass $relay $from $to $by_client]
    }
}

proc ::kvt::Relay_pass {relay from to by_client} {
    variable Relays
    if {[catch {read $from} data] || ($data eq {} && [eof $from])} {
        catch {close $from}
        catch {close $to}
        return
    }
    if {$by_client && [Relay_held $relay $to $data]} return
    if {!$by_client} { set data [Relay_amended $relay $data] }
    if {[Relay_trips $relay $by_client $data before]} { Relay_do_trip $relay }
    if {[catch {puts -nonewline $to $data}]} {
        catch {close $from}
        catch {close $to}
    } else {
        if {$by_client} { dict append Relays($relay) said $data }
        if {[Relay_trips $relay $by_client $data after]} { Relay_do_trip $relay }
    }
}

# Cuts the connections once, when what passes in a direction matches a pattern: `before` that is passed on, or `after` it.
# New connections are taken at once. Gives nothing; `relay_tripped` tells whether it has happened. Something else than cutting
# may be done: a command prefix, which is called with the relay; what passes waits until it has returned.
proc ::kvt::relay_trip {relay by_client pattern when {action ::kvt::Relay_hang_up}} {
    variable Relays
    dict set Relays($relay) trip [list $by_client $pattern $when $action]
    dict set Relays($relay) seen {}
    return
}

# Keeps what clients say from the moment when they say a word, until `relay_pass`.
proc ::kvt::relay_hold {relay word} {
    variable Relays
    dict set Relays($relay) hold $word
}

proc ::kvt::relay_holds {relay} {
    variable Relays
    expr {[dict get $Relays($relay) held] ne {}}
}

proc ::kvt::relay_pass {relay} {
    variable Relays
    set held [dict get $Relays($relay) held]
    dict set Relays($relay) hold {}
    dict set Relays($relay) held {}
    foreach {to data} $held { catch {puts -nonewline $to $data} }
}

# Changes what servers say: the command prefix gets it as it comes, and returns as many bytes.
proc ::kvt::relay_amend {relay command} {
    variable Relays
    dict set Relays($relay) amend $command
}

proc ::kvt::Relay_amended {relay data} {
    variable Relays
    set command [dict get $Relays($relay) amend]
    expr {$command eq {} ? $data : [{*}$command $data]}
}

# Whether this is kept. A word that is cut in two by the network is not found.
proc ::kvt::Relay_held {relay to data} {
    variable Relays
    set word [dict get $Relays($relay) hold]
    if {$word eq {} || (![relay_holds $relay] && [string first $word $data] < 0)} { return 0 }
    dict lappend Relays($relay) held $to $data
    return 1
}

proc ::kvt::relay_tripped {relay} {
    variable Relays
    expr {[dict get $Relays($relay) trip] eq {}}
}

# Whether this is what the trip waits for. A pattern may be cut in two by the network.
proc ::kvt::Relay_trips {relay by_client data when} {
    variable Relays
    lassign [dict get $Relays($relay) trip] direction pattern moment
    if {$direction ne $by_client || $moment ne $when} { return 0 }
    set seen [string range [dict get $Relays($relay) seen] end-400 end]$data
    dict set Relays($relay) seen $seen
    expr {[string first $pattern $seen] >= 0}
}

# The listener stays: somebody's outgoing connection could get the port before it is taken again.
proc ::kvt::Relay_do_trip {relay} {
    variable Relays
    set action [lindex [dict get $Relays($relay) trip] 3]
    dict set Relays($relay) trip {}
    if {$action eq {}} { set action ::kvt::Relay_hang_up }
    {*}$action $relay
}

proc ::kvt::Relay_hang_up {relay} {
    variable Relays
    foreach channel [dict get $Relays($relay) channels] { catch {close $channel} }
    dict set Relays($relay) channels {}
}

# Sends the client of the only connection a message that the server never sent, on a subject it has subscribed to.
proc ::kvt::relay_inject {relay subject reply data} {
    variable Relays
    if {![regexp "SUB [string map {. \\.} $subject] (\\S+)\r" [dict get $Relays($relay) said] -> id]} {
        error "no subscription to $subject"
    }
    set client [lindex [dict get $Relays($relay) channels] end-1]
    puts -nonewline $client "MSG $subject $id $reply [string length $data]\r\n$data\r\n"
}
