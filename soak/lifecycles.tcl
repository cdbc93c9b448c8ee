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
    Refused { $js publish life.nowhere text -timeout 500 }
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

proc ::lifecycles::life::Acknowledge {js subject message reply} {
    $js ack $message
    Called
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
