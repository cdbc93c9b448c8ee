# Headers: beside its payload, a message carries names with lists of values.
#
#     TCLLIBPATH=$PWD/build tclsh examples/headers.tcl      (nats-server on PATH, or NATS_SERVER=/path/of/it)
#
# Prints:
#
#   payload: 21.5
#   names: Room Tags Unit
#   unit: C
#   tags: kitchen, south
#   no such header: none
#   forwarded with Hops 1

package require nats
package require nats::server

set server [nats::server start -jetstream false]
set connection [nats::connection new headers]
$connection configure -servers [nats::server url $server]
$connection connect

# -dictmsg true: the callback gets the whole message, a dict, instead of the payload.
$connection subscribe sensor.temperature -dictmsg true -callback on_temperature
proc on_temperature {subject msg reply} {
    puts "payload: [nats::msg data $msg]"
    puts "names: [lsort [nats::header keys $msg]]"
    puts "unit: [nats::header get $msg Unit]"
    puts "tags: [join [nats::header values $msg Tags] {, }]"
    puts "no such header: [nats::header lookup $msg Missing none]"
    # A received message can be changed and sent on.
    nats::header set msg Hops 1
    nats::msg set msg -subject forwarded
    $::connection publish_msg $msg
}

$connection subscribe forwarded -dictmsg true -callback {apply {{subject msg reply} {
    puts "forwarded with Hops [nats::header get $msg Hops]"
    set ::done 1
}}}

# A header is a dict: each name has a list of values.
$connection publish sensor.temperature 21.5 -header {Unit C Room {{living room}} Tags {kitchen south}}

vwait done
$connection destroy
nats::server stop $server
