# A program as it was written for nats-tcl 3.2: it uses each public command of that package once at least, and nothing
# that came later. tests/program.test runs it and knows what it has to print.
#
#     tclsh tests/program.tcl url

package require nats 3.2

# Callbacks of subscriptions and requests, which say what they were given.
proc on_message {subject message reply} { puts "message on $subject: $message" }
proc on_dict {subject msg reply} { puts "dict on [nats::msg subject $msg]: [nats::msg data $msg], Tag [nats::header values $msg Tag]" }
proc on_reply {timed_out reply} { puts "reply: $timed_out [expr {$timed_out ? {} : [nats::msg data $reply]}]" }
proc on_ack {timed_out ack error} {
    puts "acknowledged: $timed_out, [dict get $ack stream] [dict get $ack seq], $error"
    set ::acknowledged 1
}
proc on_pull {timed_out msg} {
    puts "pulled: $timed_out [expr {$timed_out ? {} : [nats::msg data $msg]}]"
    if {!$timed_out} { $::js ack $msg }
    set ::pulled 1
}
proc on_ordered {msg} {
    puts "ordered: [nats::msg data $msg]"
    set ::ordered 1
}
proc on_entry {entry} {
    puts "entry: [expr {$entry eq {} ? "no more for now" : "[dict get $entry key] [dict get $entry operation]"}]"
    incr ::entries
}

# ---- core

proc core {url} {
    set c [nats::connection new program -log_level error]
    $c configure -servers [list $url] -randomize false
    puts "status: [$c cget -status], name: [$c cget -name], [dict size [$c configure]] options"
    trace add variable ${c}::status write {apply {{name args} { upvar 1 $name status; puts "now $status" }}}
    $c connect
    puts "current: [expr {[$c current_server] eq [list 127.0.0.1 [lindex [split $url :] end]]}], in the pool: [llength [$c all_servers]]"
    puts "headers: [dict get [$c server_info] headers], in the array: [set ${c}::serverInfo(headers)]"
    puts "inbox: [regexp {^_INBOX\.[0-9A-Za-z]{22}$} [$c inbox]]"

    set sub [$c subscribe greeting -callback on_message]
    puts "subscription $sub"
    $c subscribe tagged -callback on_dict -dictmsg true
    $c subscribe upper -queue workers -dictmsg true -callback [list apply {{c subject msg reply} {
        $c publish $reply [string toupper [nats::msg data $msg]]
    }} $c]
    $c publish greeting hello
    set msg [nats::msg create tagged -data x]
    nats::header add msg Tag one
    nats::header add msg Tag two
    nats::header set msg Other value
    nats::header delete msg Other
    nats::msg set msg -data y
    $c publish_msg $msg
    puts "flushed: [$c ping]"

    puts "request: [$c request upper abc -timeout 5000]"
    set msg [nats::msg create upper -data def]
    puts "request_msg: [nats::msg data [$c request_msg $msg -dictmsg true]]"
    $c request upper ghi -dictmsg true -callback on_reply
    puts "gathered: [lmap msg [$c request upper jkl -max_msgs 1] { nats::msg data $msg }]"
    set id [$c request upper never -callback on_reply]
    $c cancel_request $id
    try {
        $c request nobody.listens x
    } trap {NATS ErrNoResponders} {message} {
        puts $message
    }
    $c unsubscribe $sub
    $c publish greeting unheard
    $c ping
    $c reset -randomize
    puts "randomize: [$c cget -randomize]"
    return $c
}

proc helpers {} {
    set msg [nats::msg create subject -data data -reply reply]
    puts [list [nats::msg subject $msg] [nats::msg data $msg] [nats::msg reply $msg] [nats::msg no_responders $msg] \
        [nats::msg idle_heartbeat $msg] [nats::msg flow_control $msg]]
    nats::header set msg a 1 b 2
    puts [list [nats::header get $msg a] [nats::header keys $msg] [nats::header keys $msg b*] [nats::header lookup $msg c none]]
    puts [list [nats::isotime_to_msec 2022-11-22T13:31:35.4514983Z] [nats::msec_to_isotime 1669123895451] \
        [regexp {^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}$} [nats::timestamp]] [nats::tls_callback info]]
    oo::class create Greeter {
        method greet {name} { puts "hello $name" }
        method callback {} { nats::mymethod greet }
    }
    set greeter [Greeter new]
    {*}[$greeter callback] world
    Greeter destroy
}

# ---- JetStream

proc streams {js} {
    puts "[$js api_prefix], [$js timeout] ms, JetStream uses memory: [dict get [$js account_info] memory]"
    set transform [nats::make_subject_transform -src in.* -dest kept.{{wildcard(1)}}]
    set republish [nats::make_republish -src kept.> -dest copy.>]
    $js add_stream S -subjects {in.* kept.*} -storage memory -allow_direct true -subject_transform $transform -republish $republish
    $js add_stream COPY -storage memory -sources [list [nats::make_stream_source -name S]]
    $js update_stream S {*}[dict get [$js stream_info S] config] -description words
    puts "streams: [lsort [$js stream_names]], [dict get [$js stream_info S] config description]"
    puts "published: [$js publish in.a one]"
    $js publish_msg [nats::msg create in.b -data two]
    $js publish in.c three -callback on_ack
    vwait ::acknowledged
    set msg [$js stream_msg_get S -seq 1]
    puts "stored: [nats::msg seq $msg] [nats::msg subject $msg] [nats::msg data [$js stream_direct_get S -last_by_subj kept.b]]"
    puts "deleted: [$js stream_msg_delete S -seq 1], purged: [$js purge_stream S -filter kept.b]"
    puts "from JSON: [string match *did_create* [$js add_stream_from_json {{"name":"J","subjects":["j"],"storage":"memory"}}]]"
    puts "[string match *durable_name* [$js add_consumer_from_json J JC {{"durable_name":"JC","ack_policy":"explicit"}}]]"
    puts "gone: [$js delete_stream J], [$js delete_stream COPY]"
}

proc consumers {c js} {
    $js add_consumer S -durable_name C
    $js update_consumer S -durable_name C -description words
    $js add_pull_consumer S PULL
    $c subscribe pushed -dictmsg true -callback [list apply {{js subject msg reply} {
        set metadata [nats::metadata $msg]
        puts "pushed: [nats::msg data $msg], [dict get $metadata stream] [dict get $metadata consumer] [dict get $metadata num_delivered]"
        $js term $msg
    }} $js]
    $js add_push_consumer S PUSH pushed
    puts "consumers: [lsort [$js consumer_names S]], pending: [dict get [$js consumer_info S C] num_pending]"
    set msg [lindex [$js fetch S PULL] 0]
    $js in_progress $msg
    $js nak $msg -delay 0
    set msg [lindex [$js consume S PULL -timeout 1000] 0]
    puts "fetched: [nats::msg data $msg], confirmed: '[$js ack_sync $msg]'"
    $js publish in.d four
    $js fetch S PULL -timeout 1000 -callback on_pull
    vwait ::pulled
    set id [$js fetch S PULL -timeout 1000 -callback on_pull]
    $js cancel_pull_request $id
    puts "deleted: [$js delete_consumer S C]"
    set consumer [$js ordered_consumer S -callback on_ordered -filter_subject kept.d]
    vwait ::ordered
    puts "ordered consumer: [expr {[$consumer name] eq [dict get [$consumer info] name]}]"
    $consumer destroy
    $js delete_stream S
}

proc buckets {js} {
    set kv [$js create_kv_bucket B -history 5 -storage memory]
    puts "revisions: [$kv put a 1] [$kv create b 1] [$kv update a 2 1]"
    puts "values: [$kv get_value a], [dict get [$kv get a] revision], [lsort [$kv keys]], [llength [$kv history a]] revisions"
    set watcher [$kv watch > -callback on_entry -values_array ::values]
    while {$::entries < 3} { vwait ::entries }
    $kv delete b
    # A purge removes what is stored of the key, also what a watcher has not been sent yet.
    while {$::entries < 4} { vwait ::entries }
    $kv purge b
    puts "reverted: [$kv revert a 1]"
    while {$::entries < 6} { vwait ::entries }
    puts "array: [array get ::values], consumer: [info object class [$watcher consumer]]"
    $watcher destroy
    puts "history: [dict get [$kv status] history], bound: [[$js bind_kv_bucket B] get_value a], buckets: [$js kv_buckets]"
    set origin [nats::make_kv_origin -bucket B]
    $js create_kv_aggregate ALL false [list $origin] -storage memory
    $js create_kv_mirror M $origin -storage memory
    puts "emptied: [expr {[$js empty_kv_bucket B] > 0}], deleted: [$js delete_kv_bucket ALL], [$js delete_stream M], [$js delete_kv_bucket B]"
}

set entries 0
set c [core [lindex $argv 0]]
helpers
set js [$c jet_stream -timeout 5000]
streams $js
consumers $c $js
buckets $js
$js destroy
$c disconnect
$c destroy
puts "left: [info class instances nats::connection] [info class instances nats::jet_stream]"
