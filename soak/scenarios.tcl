# The scenarios. Each takes the seconds that its disorder is to last; chaos.tcl has what they are made of.

namespace eval ::scenario {
    namespace path {::chaos ::peers}
}

# A server is killed at random and comes back, under writers and watchers.
proc ::scenario::kill {seconds} {
    set server [server]
    set url [ask [list nats::server url $server]]
    set observer [system_connection [ask [list nats::server port $server]]]
    set readers [connection readers $url]
    set kv [bucket $readers B]
    watchers::start_all early $kv
    writers::start [hasty [connection writers $url] B]
    set end [expr {[clock milliseconds] + 1000 * $seconds}]
    while {[clock milliseconds] < $end} {
        pause [between 200 2500]
        ask [list nats::server kill $server]
        pause [between 0 [expr {rand() < 0.2 ? 4000 : 500}]]
        ask [list nats::server restart $server]
        count kills
        if {rand() < 0.3} { watchers::start_all late[count watches] $kv }
    }
    finish $kv $observer
}

# Of a cluster of three, the server that leads the bucket is killed, paused or restarted.
#
# A server that has just become the leader may refuse an update by what it has not yet read of its own log, although the
# revision is the latest: ErrWrongLastSequence. Such a write must not be in the bucket.
proc ::scenario::cluster {seconds} {
    set servers [Cluster]
    set urls [Urls $servers]
    set observer [system_connection [ask [list nats::server port [lindex $servers 0]]]]
    set readers [connection readers $urls]
    set kv [bucket $readers B -num_replicas 3]
    watchers::start_all early $kv
    writers::start [insist {hasty [connection writers $urls] B}] -tolerate ErrWrongLastSequence
    set js [$readers jet_stream -timeout 1000]
    set end [expr {[clock milliseconds] + 1000 * $seconds}]
    while {[clock milliseconds] < $end} {
        pause [between 1000 3000]
        set leader [Leader $js $servers]
        if {rand() < 0.7} {
            ask [list nats::server kill $leader]
            pause [between 0 2000]
            ask [list nats::server restart $leader]
        } else {
            ask [list nats::server pause $leader]
            pause [between 500 3000]
            ask [list nats::server resume $leader]
        }
        count leaders
    }
    finish $kv $observer
}

# A cluster that has a leader and the bucket. Three servers may fail to find each other: the ports of their routes have to
# be chosen before they start, and somebody else may take one meanwhile; 2.10 servers sometimes leave one of the three out
# of their group, although it has its routes. Then three others try.
proc ::scenario::Cluster {} {
    while 1 {
        set servers [Three_servers]
        try {
            Await_bucket [Urls $servers]
            return $servers
        } on error {message options} {
            if {[count failed_clusters] == 4} { return -options $options $message }
        }
        Stop $servers
    }
}

proc ::scenario::Stop {servers} {
    foreach server $servers { ask [list nats::server stop $server] }
    set ::chaos::Servers 0
}

proc ::scenario::Await_bucket {urls} {
    set c [nats::connection new probe -log_chan [Silence]]
    try {
        $c configure -servers $urls -connect_timeout 1000
        insist {$c connect} 20000
        # Until the cluster has a leader nobody answers.
        insist {[$c jet_stream -timeout 500] create_kv_bucket B -history 64 -num_replicas 3} 20000
    } finally {
        $c destroy
    }
}

proc ::scenario::Urls {servers} {
    ask [list apply {{servers} { lmap server $servers { nats::server url $server } }} $servers]
}

# Three servers with routes to each other.
proc ::scenario::Three_servers {} {
    set ports [ask {
        set channels [lmap n {1 2 3} { socket -server {} -myaddr 127.0.0.1 0 }]
        set ports [lmap channel $channels { lindex [fconfigure $channel -sockname] 2 }]
        foreach channel $channels { close $channel }
        set ports
    }]
    set routes [join [lmap port $ports { string cat nats://127.0.0.1: $port }] ,]
    set number 0
    return [lmap port $ports {
        incr number
        server {} -args [list -n s$number --cluster_name c --cluster nats://127.0.0.1:$port --routes $routes]
    }]
}

# The server that leads a stream; any if there is none at the moment.
proc ::scenario::Leader {js servers {stream KV_B}} {
    set number [expr {1 + int(rand() * 3)}]
    catch { scan [dict get [$js stream_info $stream] cluster leader] s%d number }
    lindex $servers [expr {$number - 1}]
}

# Connections are cut, stalled for longer than the heartbeats, and slowed down, those of readers and writers separately.
proc ::scenario::proxy {seconds} {
    set server [server]
    set port [ask [list nats::server port $server]]
    set observer [system_connection $port]
    set relays [ask [list apply {{port} { list [relay::new $port] [relay::new $port] }} $port]]
    lassign $relays relay1 relay2
    # Stale connections are noticed before the test ends.
    set readers [connection readers nats://127.0.0.1:$relay1 -ping_interval 500]
    set kv [bucket $readers B]
    watchers::start_all early $kv
    writers::start [hasty [connection writers nats://127.0.0.1:$relay2 -ping_interval 500] B]
    set end [expr {[clock milliseconds] + 1000 * $seconds}]
    while {[clock milliseconds] < $end} {
        set relay [lindex $relays [expr {int(rand() * 2)}]]
        set mode [lindex {cut stall trickle} [expr {int(rand() * 3)}]]
        ask [list relay::set_mode $relay $mode]
        count $mode
        pause [between 10 2500]
        ask [list relay::set_mode $relay flow]
        pause [between 0 500]
        if {rand() < 0.2} { watchers::start_all late[count watches] $kv }
    }
    finish $kv $observer
}

# A bucket is deleted and made anew under its watchers, which follow it from its beginning.
proc ::scenario::recreate {seconds} {
    set server [server]
    set url [ask [list nats::server url $server]]
    set observer [system_connection [ask [list nats::server port $server]]]
    set readers [connection readers $url]
    set js [$readers jet_stream -timeout 5000]
    # In memory: 2.10 servers may find messages of a deleted stream of the same name that are still on disk.
    set kv [bucket $readers B -storage memory]
    set writing [hasty [connection writers $url] B]
    set ::watchers::May_end 1
    watchers::start_all early $kv
    writers::start $writing -pace 2
    set end [expr {[clock milliseconds] + 1000 * $seconds}]
    while {[clock milliseconds] < $end} {
        pause [between 200 1500]
        writers::stop
        watchers::settle $kv
        judge $kv [writers::ledger]
        # Most watchers do not see it missing.
        $js delete_kv_bucket B
        bucket $readers B -storage memory
        watchers::renew
        writers::reset
        writers::start $writing -pace 2
        pause [between 0 1000]
        watchers::settle $kv
        watchers::raise_floors $kv
        count buckets
    }
    finish $kv $observer
    set ::watchers::May_end 0
}

# Two-way arrays in three processes, with each policy, while the server is killed and connections are cut and stalled.
proc ::scenario::arrays {seconds} {
    set server [server]
    set port [ask [list nats::server port $server]]
    set observer [system_connection $port]
    set relay [ask [list relay::new $port]]
    set c [connection arrays nats://127.0.0.1:$relay -ping_interval 500]
    foreach policy $::arrays::Policies { set kv [bucket $c $policy] }
    set peers [list [peers::new] [peers::new]]
    foreach peer $peers name {a b} url [list nats://127.0.0.1:$relay nats://127.0.0.1:$port] {
        peers::ask $peer [list apply {{name url} {
            package require nats
            set c [nats::connection new arrays$name -log_chan [open /dev/null w]]
            $c configure -servers $url -reconnect_time_wait 50 -max_reconnect_attempts -1 -connect_timeout 1000 -ping_interval 500
            $c connect
            arrays::begin $name $c
            arrays::change
        }} $name $url]
    }
    arrays::begin c $c
    arrays::change
    set end [expr {[clock milliseconds] + 1000 * $seconds}]
    while {[clock milliseconds] < $end} {
        pause [between 100 1500]
        set mode [lindex {kill cut stall trickle} [expr {int(rand() * 4)}]]
        if {$mode eq "kill"} {
            ask [list nats::server kill $server]
            pause [between 0 1000]
            ask [list nats::server restart $server]
        } else {
            ask [list relay::set_mode $relay $mode]
            pause [between 10 1500]
            ask [list relay::set_mode $relay flow]
        }
        count $mode
    }
    arrays::rest
    foreach peer $peers { peers::ask $peer arrays::rest }
    foreach policy $::arrays::Policies { Await_equal $policy [insist {[$c jet_stream] bind_kv_bucket $policy}] $peers }
    foreach figures [list [arrays::figures] {*}[lmap peer $peers { peers::ask $peer arrays::figures }]] {
        dict for {name value} $figures { figure $name $value }
    }
    arrays::end
    foreach peer $peers { peers::end $peer }
    leave_nothing $observer $kv
}

# All arrays of a policy get to have what its bucket has. What an array is still to hear of comes with its watch.
proc ::scenario::Await_equal {policy kv peers} {
    set deadline [expr {[clock milliseconds] + 60000}]
    while 1 {
        set bucket {}
        set values [insist {$kv get_many > -values true}]
        foreach key [lsort [dict keys $values]] { lappend bucket $key [dict get $values $key] }
        set arrays [list [arrays::contents $policy] {*}[lmap peer $peers { peers::ask $peer [list arrays::contents $policy] }]]
        set others [lsearch -all -inline -not -exact $arrays $bucket]
        if {$others eq {}} return
        if {[clock milliseconds] > $deadline} {
            complain "arrays ($policy) that are not {$bucket}: $others"
            return
        }
        pause 100
    }
}

# The server's storage is full, has room again, and so on.
proc ::scenario::full {seconds} {
    set server [server {max_file_store: 1MB}]
    set url [ask [list nats::server url $server]]
    set observer [system_connection [ask [list nats::server port $server]]]
    set readers [connection readers $url]
    set js [$readers jet_stream]
    set kv [bucket $readers B]
    watchers::start_all early $kv
    set writing [hasty [connection writers $url] B]
    set end [expr {[clock milliseconds] + 1000 * $seconds}]
    while {[clock milliseconds] < $end} {
        set refused [writers::refused]
        # 10047: no resources left; 10077: the bucket is full.
        writers::start $writing -pace 1 -count 12 -tolerate {{ErrJSResponse * 10047} {ErrJSResponse * 10077}}
        while {[writers::refused] < $refused + 20} { pause 20 }
        writers::stop
        judge $kv [writers::ledger]
        $js empty_kv_bucket B
        watchers::settle $kv
        $js empty_kv_bucket B
        watchers::empty_arrays
        watchers::renew
        writers::reset
        count fills
    }
    finish $kv $observer
}

# The thread of the script is busy for long, again and again, while others write; and it is slow in between.
proc ::scenario::blocked {seconds} {
    set server [server]
    set url [ask [list nats::server url $server]]
    set observer [system_connection [ask [list nats::server port $server]]]
    set readers [connection readers $url]
    set kv [bucket $readers B]
    set writer [peers::new]
    peers::ask $writer [list apply {{url} {
        package require nats
        set c [nats::connection new writers]
        $c configure -servers $url
        $c connect
        writers::start [[$c jet_stream] bind_kv_bucket B] -count 4 -pace 3
    }} $url]
    watchers::start_all early $kv
    set end [expr {[clock milliseconds] + 1000 * $seconds}]
    while {[clock milliseconds] < $end} {
        # Nothing runs in this thread meanwhile.
        after [expr {int(min([between 200 60000], $end - [clock milliseconds] + 200))}]
        count blocks
        pause [between 0 500]
        if {rand() < 0.5} { watchers::start_all late[count watches] $kv }
    }
    peers::ask $writer {writers::stop}
    set ledger [peers::ask $writer {writers::ledger}]
    foreach complaint [peers::ask $writer {writers::complaints}] { complain $complaint }
    peers::end $writer
    finish $kv $observer $ledger
}

# Five processes want the same locks. They are killed, stopped for two lengths of their leases, cut off and kept busy, and
# the server is killed and restarted.
proc ::scenario::locks {seconds} {
    set server [server]
    set port [ask [list nats::server port $server]]
    set observer [system_connection $port]
    set readers [connection readers [ask [list nats::server url $server]]]
    set relays [ask [list apply {{port} { lmap n {1 2 3 4 5} { relay::new $port } }} $port]]
    set buckets [Lock_buckets $readers]
    locks::start 5 [lmap relay $relays { string cat nats://127.0.0.1: $relay }] $buckets
    set end [expr {[clock milliseconds] + 1000 * $seconds}]
    while {[clock milliseconds] < $end} {
        set name [expr {int(rand() * 5)}]
        set fault [lindex {kill kill stop cut stall block server} [expr {int(rand() * 7)}]]
        count $fault
        switch -- $fault {
            kill   { locks::harm $name kill }
            stop   { locks::harm $name stop [between 2000 2500] }
            block  { locks::harm $name block [between 500 3500] }
            server { Restart $server [between 0 1500] }
            default {
                set relay [lindex $relays $name]
                ask [list relay::set_mode $relay $fault]
                pause [between 100 3000]
                ask [list relay::set_mode $relay flow]
            }
        }
        pause [between 0 1000]
    }
    Finish_locks $readers $observer $buckets
}

# The same on three servers, of which the leader of the locks is killed or paused, or steps down.
#
# Clusters before 2.12 can lose what they acknowledged when the leader changes, of a stream whose messages expire and are
# written with an expected revision: each replica compares for itself, and one may find expired what another does not.
# A witness sees it. Such a run says nothing of locks, so it begins anew.
proc ::scenario::locks3 {seconds} {
    variable Lost_writes
    while 1 {
        set Lost_writes 0
        set servers [Cluster]
        catch {Locks_on_three $servers $seconds} message options
        if {$Lost_writes == 0 || [count runs_that_lost_writes] > 5} { return -options [dict incr options -level] $message }
        locks::stop
        disconnect
        Stop $servers
        set ::chaos::Complaints {}
    }
}

proc ::scenario::Locks_on_three {servers seconds} {
    set urls [Urls $servers]
    set observer [system_connection [ask [list nats::server port [lindex $servers 0]]]]
    set readers [connection readers $urls]
    set buckets [Lock_buckets $readers -num_replicas 3]
    set js [$readers jet_stream -timeout 1000]
    foreach bucket $buckets { coroutine ::scenario::Witness_$bucket ::scenario::Witness $readers $bucket }
    locks::start 5 [list $urls] $buckets
    set end [expr {[clock milliseconds] + 1000 * $seconds}]
    while {[clock milliseconds] < $end} {
        pause [between 1000 3000]
        set stream KV_[lindex $buckets [expr {int(rand() * [llength $buckets])}]]
        set leader [Leader $js $servers $stream]
        set fault [lindex {kill pause stepdown stop} [expr {int(rand() * 4)}]]
        count $fault
        switch -- $fault {
            kill     { Restart $leader [between 0 2000] }
            stop     { locks::harm [expr {int(rand() * 5)}] stop [between 2000 2500] }
            stepdown { catch {$readers request \$JS.API.STREAM.LEADER.STEPDOWN.$stream {} -timeout 1000} }
            pause {
                ask [list nats::server pause $leader]
                pause [between 500 3000]
                ask [list nats::server resume $leader]
            }
        }
    }
    Finish_locks $readers $observer $buckets
}

proc ::scenario::Restart {server ms} {
    ask [list nats::server kill $server]
    pause $ms
    ask [list nats::server restart $server]
}

# Buckets for locks: one that any server has, and one whose keys may expire if the server has that.
proc ::scenario::Lock_buckets {c args} {
    set js [$c jet_stream -timeout 20000]
    insist { $js create_kv_bucket fallback -ttl 1000 {*}$args }
    if {[package vcompare [dict get [$c server_info] version] 2.11] < 0} { return fallback }
    insist { $js create_kv_bucket markers -limit_marker_ttl 60000 {*}$args }
    return {fallback markers}
}

# Plain messages to a bucket, one after the other: each is acknowledged with a higher revision than those before. Counts
# where that does not hold if the server is known for it.
proc ::scenario::Witness {c bucket} {
    variable Lost_writes
    set is_old [expr {[package vcompare [dict get [$c server_info] version] 2.12] < 0}]
    set latest 0
    while {[info object isa object $c]} {
        # A refusal has the sequence 0.
        if {![catch {$c request \$KV.$bucket.witness {} -timeout 1000} answer] &&
                [regexp {"seq":\s*([1-9]\d*)} $answer -> revision]} {
            if {$revision <= $latest} {
                complain "$bucket: revision $revision was acknowledged after $latest"
                incr Lost_writes $is_old
            }
            set latest $revision
        }
        pause 20
    }
}

# Whatever has happened, the locks can be had again.
proc ::scenario::Finish_locks {readers observer buckets} {
    set before [lmap bucket $buckets { locks::acquired $bucket }]
    foreach bucket $buckets acquired $before {
        insist { if {[locks::acquired $bucket] < $acquired + 3} { error "nobody gets the lock of $bucket any more" } }
    }
    locks::stop
    locks::judge
    leave_nothing $observer [[$readers jet_stream -timeout 20000] bind_kv_bucket [lindex $buckets 0]]
}

# The disk below the server's storage is full, until somebody makes room and starts the server again. Needs the right to
# mount a file system; without it the scenario says so.
proc ::scenario::disk {seconds} {
    set dir [exec mktemp -d]
    if {[catch {exec mount -t tmpfs -o size=6m tmpfs $dir} message]} {
        figure "not run, no right to mount" 1
        file delete $dir
        return
    }
    try {
        Fill_disk $dir $seconds
    } finally {
        catch {ask {foreach server [nats::server handles] { nats::server stop $server }}}
        exec umount $dir
        file delete $dir
    }
}

proc ::scenario::Fill_disk {dir seconds} {
    set ballast [file join $dir ballast]
    set server [server {} -store_dir [file join $dir store]]
    set url [ask [list nats::server url $server]]
    set observer [system_connection [ask [list nats::server port $server]]]
    set readers [connection readers $url]
    set kv [bucket $readers B]
    watchers::start_all early $kv
    set writing [hasty [connection writers $url] B]
    set end [expr {[clock milliseconds] + 1000 * $seconds}]
    while {[clock milliseconds] < $end} {
        exec dd if=/dev/zero of=$ballast bs=1024 count=[expr {int([between 4000 5000])}] 2>/dev/null
        set refused [writers::refused]
        writers::start $writing -count 12 -pace 1 -tolerate {{ErrJSResponse *}}
        while {[writers::refused] < $refused + 12} { pause 20 }
        writers::stop
        file delete $ballast
        ask [list nats::server restart $server]
        insist {$readers ping}
        watchers::settle $kv
        judge $kv [writers::ledger]
        [$readers jet_stream] empty_kv_bucket B
        watchers::settle $kv
        [$readers jet_stream] empty_kv_bucket B
        watchers::empty_arrays
        watchers::renew
        writers::reset
        count fills
    }
    finish $kv $observer
}
