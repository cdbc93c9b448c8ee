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
# be chosen before they start, and somebody else may take one meanwhile. Then three others try.
proc ::scenario::Cluster {} {
    while 1 {
        set servers [Three_servers]
        try {
            Await_bucket [Urls $servers]
            return $servers
        } on error {message options} {
            if {[count failed_clusters] == 4} { return -options $options $message }
        }
        foreach server $servers { ask [list nats::server stop $server] }
        set ::chaos::Servers 0
    }
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

# The server that leads the stream; any if there is none at the moment.
proc ::scenario::Leader {js servers} {
    set number [expr {1 + int(rand() * 3)}]
    catch { scan [dict get [$js stream_info KV_B] cluster leader] s%d number }
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
    watchers::start_all early $kv
    writers::start $writing -pace 2
    set end [expr {[clock milliseconds] + 1000 * $seconds}]
    while {[clock milliseconds] < $end} {
        pause [between 200 1500]
        writers::stop
        watchers::settle $kv
        judge $kv [writers::ledger]
        # Nobody sees the bucket missing: a watcher that does ends, as documented.
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
        watchers::renew
        writers::reset
        count fills
    }
    finish $kv $observer
}
