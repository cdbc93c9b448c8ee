# Managing streams: one from a JSON file, as other tools of NATS write them, a changed configuration, a copy that
# renames, single messages.
#
#     TCLLIBPATH=$PWD/build tclsh examples/streams.tcl      (nats-server on PATH, or NATS_SERVER=/path/of/it)
#
# Prints:
#
#   READINGS: sensor.> at most 86400000 ms old
#   now at most 3600000 ms old, with 2 messages
#   copied: archive.kitchen 21.5, archive.cellar 14.0
#   kitchen: 21.5
#   purged: 1
#   streams: ARCHIVE READINGS

package require nats
package require nats::server

set server [nats::server start]
set connection [nats::connection new streams]
$connection configure -servers [nats::server url $server]
$connection connect
set js [$connection jet_stream]

# JSON goes to the server as it is: durations are in nanoseconds there.
$js add_stream_from_json {{
    "name": "READINGS",
    "subjects": ["sensor.>"],
    "storage": "memory",
    "max_age": 86400000000000
}}
set config [dict get [$js stream_info READINGS] config]
puts "READINGS: [dict get $config subjects] at most [dict get $config max_age] ms old"
$js publish sensor.kitchen 21.5
$js publish sensor.cellar 14.0

# update_stream replaces the whole configuration, so begin with the one that is there.
dict set config max_age 3600000
set info [$js update_stream READINGS {*}$config]
puts "now at most [dict get $info config max_age] ms old, with [dict get $info state messages] messages"

# A stream that feeds from another one, under other subjects.
set rename [nats::make_subject_transform -src sensor.* -dest archive.{{wildcard(1)}}]
$js add_stream ARCHIVE -sources [list [nats::make_stream_source -name READINGS -subject_transforms [list $rename]]]
set copied {}
set consumer [$js ordered_consumer ARCHIVE -callback {apply {{msg} {
    lappend ::copied "[nats::msg subject $msg] [nats::msg data $msg]"
}}}]
while {[llength $copied] < 2} { vwait copied }
$consumer destroy
puts "copied: [join $copied {, }]"

# Without a consumer: the latest message of a subject.
puts "kitchen: [nats::msg data [$js stream_msg_get READINGS -last_by_subj sensor.kitchen]]"
puts "purged: [$js purge_stream READINGS -filter sensor.cellar]"
puts "streams: [lsort [$js stream_names]]"

$connection destroy
nats::server stop $server
