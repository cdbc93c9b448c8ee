# The life of an object of each class, from its making to its end, with errors on the way: for `make valgrind` and for
# tests/memory.test.
#
#     lifecycles::prepare url           a server's address; makes what the lives below share
#     lifecycles::names                 what there is
#     lifecycles::live name             one life
#     lifecycles::finish                ends what `prepare` has made

namespace eval ::lifecycles {
    variable Url
    variable Main
    variable Js
    variable Kv
    variable Calls 0
    variable Null [open /dev/null w]
}

proc ::lifecycles::prepare {url} {
    variable Url $url
    variable Main [Connect]
    variable Js [$Main jet_stream]
    variable Kv [$Js create_kv_bucket LIVES -storage memory -history 3]
    for {set n 0} {$n < 20} {incr n} { $Kv put k$n [string repeat v 50] }
}

proc ::lifecycles::finish {} {
    variable Main
    variable Js
    $Js delete_kv_bucket LIVES
    $Main destroy
}

proc ::lifecycles::names {} {
    lsort [lmap name [info commands ::lifecycles::life::\[a-z\]*] { namespace tail $name }]
}

proc ::lifecycles::live {name} { ::lifecycles::life::$name }

proc ::lifecycles::Connect {} {
    variable Url
    variable Null
    set c [nats::connection new {} -log_chan $Null]
    $c configure -servers $Url
    $c connect
    return $c
}

# Any callback.
proc ::lifecycles::Called {args} { incr ::lifecycles::Calls }

# Runs the event loop until there were so many calls more than at a time before.
proc ::lifecycles::Await {calls} {
    variable Calls
    while {$Calls < $calls} { vwait ::lifecycles::Calls }
}

# A script must fail.
proc ::lifecycles::Refused {script} {
    if {![catch {uplevel 1 $script}]} { error "no error: $script" }
}

# ---- the lives

namespace eval ::lifecycles::life {
    namespace path ::lifecycles
}

proc ::lifecycles::life::connection {} {
    set calls $::lifecycles::Calls
    set c [Connect]
    set id [$c subscribe life.[pid] -callback ::lifecycles::Called -dictmsg true]
    $c publish life.[pid] text -header {a {b c}}
    $c request nobody.listens x -callback ::lifecycles::Called
    Await [expr {$calls + 2}]
    Refused { $c publish "a b" x }
    Refused { $c request nobody.listens x }
    $c unsubscribe $id
    $c ping
    $c destroy
}

# Nobody is there; and one that is not waited for.
proc ::lifecycles::life::refused {} {
    set c [nats::connection new {} -log_chan $::lifecycles::Null]
    $c configure -servers nats://127.0.0.1:1 -connect_timeout 500
    Refused { $c connect }
    $c connect -async
    # It may have failed already.
    catch {$c publish a b}
    $c destroy
}

proc ::lifecycles::life::jet_stream {} {
    set js [$::lifecycles::Main jet_stream -timeout 5000]
    $js stream_info KV_LIVES
    Refused { $js stream_info nosuch }
    Refused { $js bind_kv_bucket "a b" }
    $js destroy
}

proc ::lifecycles::life::key_value {} {
    set kv [$::lifecycles::Js bind_kv_bucket LIVES]
    set revision [$kv put life one]
    $kv update life two $revision
    Refused { $kv update life three $revision }
    Refused { $kv get nosuch }
    $kv delete life
    $kv history life
    $kv keys
    $kv destroy
}

proc ::lifecycles::life::kv_watcher {} {
    set calls $::lifecycles::Calls
    set watcher [$::lifecycles::Kv watch k1* -callback ::lifecycles::Called -values_array ::lifecycles::values]
    $watcher consumer
    Refused { $::lifecycles::Kv watch > -callback "\{" }
    Await [expr {$calls + 1}]
    $watcher destroy
    unset ::lifecycles::values
}

# Changes that are written, refused, lost, decided about, waited for, and dropped; an array that goes and comes back.
proc ::lifecycles::life::two_way_array {} {
    set kv [$::lifecycles::Js create_kv_bucket ARRAYS -storage memory -history 2]
    set options {-values_array ::lifecycles::two -writable true -callback ::lifecycles::Called -error_callback ::lifecycles::Called}
    Refused { $kv watch > {*}$options -conflict "\{" }
    foreach conflict {remote local {::lifecycles::Decide merged}} {
        set calls $::lifecycles::Calls
        set watcher [$kv watch > {*}$options -conflict $conflict -delay 1]
        set ::lifecycles::two(early) 1
        Await [expr {$calls + 1}]
        trace add variable ::lifecycles::two {write unset} ::lifecycles::Called
        set ::lifecycles::two(a) 1
        Refused { set "::lifecycles::two(no key)" 1 }
        Refused { append ::lifecycles::two(a) \u20ac }
        $watcher flush
        # The script has not seen it when it sets the element: a conflict.
        $::lifecycles::Main publish \$KV.ARRAYS.a theirs
        set ::lifecycles::two(a) mine
        unset ::lifecycles::two(early)
        $watcher flush
        set ::lifecycles::two(a) late
        coroutine ::lifecycles::flushing $watcher flush
        rename ::lifecycles::flushing {}
        unset ::lifecycles::two
        set ::lifecycles::two(b) dropped
        $watcher unsaved
        $watcher destroy
        unset ::lifecycles::two
    }
    $kv destroy
    $::lifecycles::Js delete_kv_bucket ARRAYS
}

# What a command decides about a conflict.
proc ::lifecycles::Decide {decision args} { return $decision }

# One that is released, one that is lost, one that is not to be had, one that is given up.
proc ::lifecycles::life::kv_lock {} {
    set calls $::lifecycles::Calls
    set kv [$::lifecycles::Js create_kv_bucket LOCKS -storage memory -ttl 5000]
    set lock [$kv lock a -renew 20 -watchdog 1000]
    Refused { $kv lock a -try true }
    Refused { $kv lock a -timeout 20 }
    Refused { $kv lock b -ttl 1 }
    $lock release
    $lock destroy
    $kv lock b -renew 20 -on_lost ::lifecycles::Called
    $kv delete b
    Await [expr {$calls + 1}]
    $kv lock c
    $kv destroy
    foreach lock [info class instances ::nats::kv_lock] { $lock destroy }
    $::lifecycles::Js delete_kv_bucket LOCKS
}

proc ::lifecycles::life::kv_election {} {
    set calls $::lifecycles::Calls
    set kv [$::lifecycles::Js create_kv_bucket SEATS -storage memory -ttl 5000]
    set one [$kv elect seat -callback ::lifecycles::Called -watchdog 1000]
    Await [expr {$calls + 2}]
    set two [$kv elect seat -callback ::lifecycles::Called]
    Await [expr {$calls + 3}]
    Refused { $kv elect seat }
    $one resign
    Await [expr {$calls + 6}]
    $one destroy
    $two destroy
    $kv destroy
    $::lifecycles::Js delete_kv_bucket SEATS
}

proc ::lifecycles::life::kv_member {} {
    set calls $::lifecycles::Calls
    set kv [$::lifecycles::Js create_kv_bucket GROUPS -storage memory -ttl 5000]
    set one [$kv join g -id one -callback ::lifecycles::Called]
    set two [$kv join g -id two]
    Refused { $kv join g -id one }
    # A value that was replaced before the server sent it is not told of.
    Await [expr {$calls + 3}]
    $two set value
    Await [expr {$calls + 4}]
    $two leave
    Await [expr {$calls + 5}]
    $one members
    $one destroy
    $two destroy
    $kv destroy
    $::lifecycles::Js delete_kv_bucket GROUPS
}

proc ::lifecycles::life::ordered_consumer {} {
    set calls $::lifecycles::Calls
    set consumer [$::lifecycles::Js ordered_consumer KV_LIVES -callback ::lifecycles::Called]
    $consumer name
    Await [expr {$calls + 5}]
    $consumer destroy
}

# A stream with a consumer of the server's, whose messages are acknowledged.
proc ::lifecycles::life::stream {} {
    set calls $::lifecycles::Calls
    set js $::lifecycles::Js
    $js add_stream LIFE -subjects life.js.> -storage memory
    set id [$::lifecycles::Main subscribe life.deliver -dictmsg true -callback [list ::lifecycles::life::Acknowledge $js]]
    $js add_push_consumer LIFE C life.deliver
    $js publish life.js.x text
    Await [expr {$calls + 1}]
    Refused { $js publish life.nowhere text -timeout 100 }
    Refused { $js stream_msg_get LIFE -seq 99 }
    $::lifecycles::Main unsubscribe $id
    $js delete_stream LIFE
}

# Messages that are asked for: once, and continuously.
proc ::lifecycles::life::pull_consumer {} {
    set calls $::lifecycles::Calls
    set js $::lifecycles::Js
    $js add_stream LIFE -subjects life.js.> -storage memory
    $js add_pull_consumer LIFE C
    $js publish life.js.x text
    $js ack [lindex [$js fetch LIFE C -timeout 2000] 0]
    set consumer [$js pull_consumer LIFE C -callback ::lifecycles::Called]
    $js publish life.js.x text
    Await [expr {$calls + 1}]
    $consumer destroy
    $js delete_stream LIFE
}

# A service with a group, handlers that answer, that fail, and that never end.
proc ::lifecycles::life::service {} {
    set calls $::lifecycles::Calls
    set c $::lifecycles::Main
    set svc [$c service life -version 1.0.0 -stats_handler {apply {{endpoint stats} { nats::json list 1 }}}]
    set group [$svc group life]
    $group endpoint fine -respond result -callback ::lifecycles::Called
    $group endpoint fails -max_concurrent 1 -callback {apply {msg { throw {NATS ErrService 7} text }}}
    $svc endpoint waits -callback {apply {msg { set ::lifecycles::waiting [info coroutine]; yield }}}
    $c request life.fine x
    Refused { $c request life.fails x -service true }
    Refused { $svc endpoint a.b -callback list }
    $c publish waits x
    $c services stats life [$svc id]
    Refused { $svc stop -timeout 1 }
    rename $::lifecycles::waiting {}
    $svc destroy
    Await [expr {$calls + 1}]
}

proc ::lifecycles::life::Acknowledge {js subject message reply} {
    $js ack $message
    Called
}

# Values, files and channels; calls that are refused, cancelled, and abandoned.
proc ::lifecycles::life::object_store {} {
    set calls $::lifecycles::Calls
    set js [$::lifecycles::Main jet_stream]
    set os [$js create_object_store LIFE -storage memory]
    set watcher [$os watch -callback ::lifecycles::Called]
    $os put a [string repeat v 5000] -chunk_size 1000 -progress ::lifecycles::Called -metadata {k v} -headers {k v}
    $os get a -progress ::lifecycles::Called
    set channel [file tempfile path]
    $os get_channel a $channel
    seek $channel 0
    $os put_channel b $channel
    close $channel
    $os put_file c $path
    $os get_file c $path
    file delete $path
    Refused { $os put_file c $path }
    Refused { $os put_channel c nosuch }
    Refused { $os put a x -revision 1 }
    Refused { $os put a [string repeat v 5000] -progress {apply {args { return -code break }}} }
    Refused { $os watch -callback "\{" }
    Refused { $os get nosuch }
    $os link l a
    $os update_meta b -name d
    $os delete c
    $os list -show_deleted true
    $os sweep -older_than 0
    $os status
    Await [expr {$calls + 3}]
    coroutine ::lifecycles::abandoned $os put e [string repeat v 20000] -chunk_size 1000
    rename ::lifecycles::abandoned {}
    coroutine ::lifecycles::orphaned apply {{os} {
        catch {$os put f [string repeat v 20000] -chunk_size 1000}
        ::lifecycles::Called
    }} $os
    $os destroy
    Await [expr {$::lifecycles::Calls + 1}]
    $watcher destroy
    $js delete_object_store LIFE
    $js destroy
}

# Keys and values that are coded: by codecs of the package, and by commands of the program, one of which fails.
proc ::lifecycles::life::codecs {} {
    set js $::lifecycles::Js
    set kv [$js create_kv_bucket CODED -storage memory -key_codec base64 -value_codec [list ::lifecycles::life::Reverse gzip]]
    $kv put "any key" [string repeat v 500]
    $kv get "any key"
    $kv keys
    set calls $::lifecycles::Calls
    set watcher [$kv watch > -callback ::lifecycles::Called]
    Await [expr {$calls + 2}]
    Refused { $kv put "any key" fails }
    Refused { $js bind_kv_bucket CODED -value_codec "\{" }
    $watcher destroy
    $kv destroy
    $js delete_kv_bucket CODED
}

proc ::lifecycles::life::Reverse {action text} {
    if {$text eq "fails"} { error "not this one" }
    string reverse $text
}

# Several keys at once, and counters; an old server has neither.
proc ::lifecycles::life::transactions {} {
    set js $::lifecycles::Js
    if {[package vcompare [dict get [$::lifecycles::Main server_info] version] 2.12] < 0} {
        Refused { $js create_kv_bucket ATOMIC -storage memory -allow_atomic true }
        return
    }
    set kv [$js create_kv_bucket ATOMIC -storage memory -allow_atomic true]
    $kv transaction {{put a 1} {put b 2}}
    Refused { $kv transaction {{put a 1} {create b 2}} }
    Refused { $kv transaction {{put a 1} {put a 2}} }
    $kv get_many {a b}
    $kv modify a value { incr value }
    $kv destroy
    $js delete_kv_bucket ATOMIC
    set counters [$js create_kv_bucket COUNTED -storage memory -counters true]
    $counters incr a 5
    Refused { $counters put a x }
    $counters reset a
    $counters destroy
    $js delete_kv_bucket COUNTED
}

# A bucket that is written to a file, read from it, and copied.
proc ::lifecycles::life::transfer {} {
    set js $::lifecycles::Js
    close [file tempfile path]
    $::lifecycles::Kv export -file $path -keys k1*
    set other [$js create_kv_bucket OTHER -storage memory]
    $other import -file $path
    catch {$other import -file $path -exists error}
    $::lifecycles::Kv copy $other -keys k2 -exists overwrite
    $other keys -callback ::lifecycles::Called
    file delete $path
    Refused { $other import -file $path }
    $other destroy
    $js delete_kv_bucket OTHER
}

# Many messages in one call, many replies to one request.
proc ::lifecycles::life::many {} {
    set calls $::lifecycles::Calls
    set c $::lifecycles::Main
    set js $::lifecycles::Js
    $js add_stream MANY -subjects life.many.> -storage memory -allow_direct true
    $js publish_many [lmap n {1 2 3} { nats::msg create life.many.$n -data $n }] -window 2
    Refused { $js publish_many [list [nats::msg create life.many.1 -data x] [nats::msg create "a b"]] }
    # An old server has no such question.
    catch {$js stream_msgs_get MANY -next_by_subj life.many.> -seq 1 -max_bytes 1}
    catch {$js stream_msgs_get MANY -last_by_subj life.many.*}
    Refused { $js stream_msgs_get MANY -last_by_subj life.many.* -batch 0 }
    set id [$c subscribe life.replies -callback [list apply {{c subject message reply} {
        foreach part {1 2 3 {}} { $c publish $reply $part }
    }} $c]]
    $c request life.replies x -max_msgs 0 -sentinel empty
    $c request life.replies x -max_msgs 0 -sentinel {apply {msg { expr {[nats::msg data $msg] == 2} }}}
    Refused { $c request life.replies x -max_msgs 0 -sentinel {apply {msg { error text }}} }
    $c request life.replies x -max_msgs 0 -stall 10000 -sentinel empty -callback ::lifecycles::Called
    Await [expr {$calls + 4}]
    $c unsubscribe $id
    $js delete_stream MANY
}

# A connection that ends by itself when all is done, after it was cut once.
proc ::lifecycles::life::drained {} {
    set calls $::lifecycles::Calls
    set c [Connect]
    $c configure -reconnect_time_wait 1
    $c subscribe life.drained.[pid] -callback ::lifecycles::Called
    set svc [$c service life -version 1.0.0]
    $svc endpoint drained -respond result -callback list
    $c rtt
    $c statistics
    $c reconnect
    # It may be the former link that this goes out on.
    $c ping -timeout 60000
    while {[dict get [$c statistics] reconnects] == 0} { $c ping -timeout 60000 }
    $c publish life.drained.[pid] text
    $c drain
    Await [expr {$calls + 1}]
    $c destroy
}

# Coroutines: one that gets its answer, one that is deleted while it waits, one whose object is destroyed.
proc ::lifecycles::life::coroutines {} {
    set calls $::lifecycles::Calls
    coroutine ::lifecycles::reader apply {{} {
        $::lifecycles::Kv get k1
        ::lifecycles::Called
    }}
    coroutine ::lifecycles::deleted apply {{} { $::lifecycles::Kv get k1 }}
    rename ::lifecycles::deleted {}
    set kv [$::lifecycles::Js bind_kv_bucket LIVES]
    coroutine ::lifecycles::orphan apply {{kv} {
        catch {$kv get k1}
        ::lifecycles::Called
    }} $kv
    $kv destroy
    Await [expr {$calls + 2}]
}

# An interpreter that is deleted with everything in it alive.
proc ::lifecycles::life::interpreter {} {
    set interp [interp create]
    interp eval $interp [list set ::auto_path $::auto_path]
    interp eval $interp [list set url $::lifecycles::Url]
    interp eval $interp {
        package require nats
        set c [nats::connection new {} -log_chan stderr -log_level error]
        $c configure -servers $url
        $c connect
        set js [$c jet_stream]
        set kv [$js bind_kv_bucket LIVES]
        $kv watch > -callback list -values_array ::values
        $c subscribe a -callback list
        coroutine waiting apply {kv { $kv get k1 }} $kv
        catch {$kv get nosuch}
    }
    interp delete $interp
}
