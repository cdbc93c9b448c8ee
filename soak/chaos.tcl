# Scenarios that a production system may see, and what must hold after each of them:
#
# - every acknowledged write is in the bucket, in its place, with its revision, and nothing is there twice;
# - every watcher saw each stored revision once and in order, and one end of current data;
# - arrays equal their bucket, also two-way arrays that several processes change;
# - of processes that want a lock no two have it at a time, and tokens grow;
# - nothing is left on the server: no consumer, no subscription, no connection;
# - no error reached the background.
#
#     chaos::run scenario seconds seed    runs one; gives {figures complaints}; the second is empty if all held
#     chaos::scenarios                    the names
#
# Servers are killed with SIGKILL and must not lose what they acknowledged, so they sync each write: sync_interval always.

namespace eval ::chaos {
    variable Directory [file dirname [file normalize [info script]]]
    variable Complaints {}
    variable Figures {}
    variable Outcome
    # The connections of the scenario; the first is the observer's, the second the readers'.
    variable Connections {}
    variable Servers 0
    variable Peer {}
    # What each server's configuration has: an account for the clients, and the system account to look at what they leave.
    variable Config {
        jetstream { sync_interval: always, %limits% }
        accounts {
            APP { jetstream: enabled, users: [ { user: app, password: app } ] }
            $SYS { users: [ { user: sys, password: sys } ] }
        }
        no_auth_user: app
    }
}
source [file join $::chaos::Directory writers.tcl]
source [file join $::chaos::Directory watchers.tcl]
source [file join $::chaos::Directory arrays.tcl]
source [file join $::chaos::Directory peers.tcl]
source [file join $::chaos::Directory locks.tcl]
source [file join $::chaos::Directory scenarios.tcl]

proc ::chaos::scenarios {} {
    lsort [lmap name [info commands ::scenario::\[a-z\]*] { namespace tail $name }]
}

proc ::chaos::run {name seconds seed} {
    variable Outcome
    expr {srand($seed)}
    unset -nocomplain Outcome
    set handler [interp bgerror {}]
    interp bgerror {} ::chaos::Background
    coroutine ::chaos::Scenario ::chaos::Main $name $seconds
    if {![info exists Outcome]} { vwait ::chaos::Outcome }
    interp bgerror {} $handler
    return $Outcome
}

proc ::chaos::Background {message options} {
    complain "background error: $message ([dict get $options -errorinfo])"
}

proc ::chaos::Main {name seconds} {
    variable Complaints {}
    variable Figures {}
    variable Connections {}
    variable Servers 0
    variable Outcome
    variable Peer
    writers::reset
    set Peer [peers::new]
    if {[catch {::scenario::$name $seconds} message options]} {
        complain "$message\n[dict get $options -errorinfo]"
    }
    watchers::stop
    disconnect
    peers::end $Peer
    set Outcome [list $Figures $Complaints]
}

proc ::chaos::complain {text} { lappend ::chaos::Complaints $text }
proc ::chaos::figure {name value} { dict incr ::chaos::Figures $name $value }
# Counts; gives the number.
proc ::chaos::count {name} { dict get [dict incr ::chaos::Figures $name] $name }

# A number from a range.
proc ::chaos::between {low high} { expr {$low + rand() * ($high - $low)} }

# ---- the parts of a scenario

# Starts a server in the peer; gives its handle there. Limits are members of the section jetstream.
proc ::chaos::server {{limits {}} args} {
    variable Config
    variable Peer
    incr ::chaos::Servers
    set config [string map [list %limits% $limits] $Config]
    peers::ask $Peer [list nats::server start -timeout 60000 -config $config {*}$args]
}

proc ::chaos::ask {script} {
    variable Peer
    peers::ask $Peer $script
}

# A connection that comes back, whatever happens.
proc ::chaos::connection {name servers args} {
    variable Connections
    set c [nats::connection new $name -log_chan [Silence]]
    lappend Connections $c
    $c configure -servers $servers -reconnect_time_wait 50 -max_reconnect_attempts -1 -connect_timeout 1000 {*}$args
    $c connect
    return $c
}

# Destroys all connections.
proc ::chaos::disconnect {} {
    variable Connections
    foreach c $Connections { catch {$c destroy} }
    set Connections {}
}

proc ::chaos::Silence {} {
    variable Null
    if {![info exists Null]} { set Null [open /dev/null w] }
    return $Null
}

proc ::chaos::system_connection {port} {
    connection system nats://sys:sys@127.0.0.1:$port
}

# A bucket that keeps all that is written to it, made or bound.
proc ::chaos::bucket {c name args} {
    [$c jet_stream -timeout 20000] create_kv_bucket $name -history 64 {*}$args
}

# The same bucket for calls that are to fail soon.
proc ::chaos::hasty {c name} {
    [$c jet_stream -timeout 1500] bind_kv_bucket $name
}

# Calls a script until it succeeds.
proc ::chaos::insist {script {limit 60000}} {
    set deadline [expr {[clock milliseconds] + $limit}]
    while {[catch {uplevel 1 $script} result options]} {
        if {[clock milliseconds] > $deadline} { return -options $options $result }
        peers::pause 100
    }
    return $result
}

# ---- the end of a scenario

# Lets everything come to rest, and judges. `observer` is a connection of the system account.
proc ::chaos::finish {kv observer {ledger {}}} {
    writers::stop
    watchers::settle $kv
    judge $kv [dict merge $ledger [writers::ledger]]
    leave_nothing $observer $kv
}

# Compares what is stored with what was acknowledged and what was seen.
proc ::chaos::judge {kv ledger} {
    set stored [Unpurged [History $kv]]
    figure stored [llength $stored]
    figure acknowledged [llength [concat {*}[lmap log [dict values $ledger] { dict get $log acked }]]]
    figure seen [watchers::seen]
    foreach complaint [concat [watchers::judge_bucket $stored $ledger] [watchers::judge $stored $ledger] \
            [watchers::judge_arrays $stored] [writers::complaints]] {
        complain $complaint
    }
}

# What the bucket holds. In a cluster the replica that tells it may still be behind the others.
proc ::chaos::History {kv} {
    insist {
        set entries [$kv history >]
        set latest [expr {$entries eq {} ? 0 : [dict get [lindex $entries end] revision]}]
        if {$latest < [watchers::settled]} { error "history ends with revision $latest, not [watchers::settled]" }
        set entries
    }
}

# Entries without those in front of a purge of their key. A server that is killed may have stored a purge and not yet
# purged, or forget that it has.
proc ::chaos::Unpurged {entries} {
    set purges [dict create]
    foreach entry $entries {
        if {[dict get $entry operation] eq "PURGE"} { dict set purges [dict get $entry key] [dict get $entry revision] }
    }
    return [lmap entry $entries {
        set key [dict get $entry key]
        if {[dict exists $purges $key] && [dict get $entry revision] < [dict get $purges $key]} continue
        set entry
    }]
}

# Destroys all and looks what the servers still have of it.
proc ::chaos::leave_nothing {observer kv} {
    variable Connections
    watchers::stop
    Await_none "consumers of the bucket are left" {Consumers $kv}
    # A connection keeps one subscription, for the answers to its requests.
    Await_none "subscriptions are left" {Subscriptions $observer}
    foreach c $Connections {
        if {$c ne $observer} { $c destroy }
    }
    Await_none "connections are left" {Clients $observer}
    foreach class {connection jet_stream key_value kv_watcher kv_lock kv_election kv_member ordered_consumer pull_consumer} {
        set left [llength [info class instances ::nats::$class]]
        if {$left != ($class eq "connection")} { complain "$left objects of class $class are left" }
    }
}

# Waits until a script gives 0.
proc ::chaos::Await_none {complaint script {limit 30000}} {
    set deadline [expr {[clock milliseconds] + $limit}]
    while {[catch {uplevel 1 $script} count] || $count > 0} {
        if {[clock milliseconds] > $deadline} {
            complain "$complaint: $count"
            return
        }
        peers::pause 100
    }
}

# Consumers of the bucket. A cluster may take minutes to remove those whose server was killed, so only those that somebody
# listens to count there.
proc ::chaos::Consumers {kv} {
    variable Servers
    if {$Servers == 1} { return [dict get [$kv status] stream_state consumer_count] }
    return [llength [regexp -all -inline {"push_bound":\s*true} [Consumer_list $kv]]]
}

proc ::chaos::Consumer_list {kv} {
    variable Connections
    # The readers' connection: that of the system account has no JetStream.
    [lindex $Connections 1] request \$JS.API.CONSUMER.LIST.KV_[dict get [$kv status] bucket] {}
}

# What the servers say about connections, in one list of texts for each server.
proc ::chaos::Connz {observer} {
    variable Servers
    set body {{"subscriptions":true}}
    lmap msg [$observer request {$SYS.REQ.SERVER.PING.CONNZ} $body -max_msgs $Servers -timeout 5000] {
        split [string map [list \{\"cid\" \0] [nats::msg data $msg]] \0
    }
}

# The clients' connections, each as the text that describes it.
proc ::chaos::Described {observer} {
    set connections {}
    foreach report [Connz $observer] {
        lappend connections {*}[lsearch -all -inline -not [lrange $report 1 end] {*"name":"system"*}]
    }
    return $connections
}

proc ::chaos::Clients {observer} { llength [Described $observer] }

# Subscriptions beyond one of each connection.
proc ::chaos::Subscriptions {observer} {
    set count 0
    foreach connection [Described $observer] {
        regexp {"subscriptions":\s*(\d+)} $connection -> subscriptions
        incr count [expr {$subscriptions - 1}]
    }
    return $count
}
