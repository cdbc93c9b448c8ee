# A service that tells about itself: endpoints, errors, statistics, and somebody who finds it.
#
#     TCLLIBPATH=$PWD/build tclsh examples/micro_service.tcl      (nats-server on PATH, or NATS_SERVER=/path/of/it)
#
# Prints:
#
#   weather 1.2.0 answers on weather.now.*, weather.history
#   now in Oslo: -4
#   Atlantis: NATS ErrService 404: no such town
#   history of Oslo: -4 -2 1
#   now: 2 requests, 1 errors, last 404:no such town
#   history: 1 requests, 0 errors, last
#   stopped; services left: 0

package require nats
package require nats::server

set server [nats::server start -jetstream false]
set c [nats::connect [nats::server url $server]]

# ---- the service

set svc [$c service weather -version 1.2.0 -description "temperatures of towns" -metadata {owner weather@example.org}]
set group [$svc group weather]
array set temperatures {Oslo {-4 -2 1} Rome {11 12 15}}

proc temperatures {town} {
    if {![info exists ::temperatures($town)]} { throw {NATS ErrService 404} "no such town" }
    return $::temperatures($town)
}

# What this callback returns is the answer; its errors are answered, too.
$group endpoint now -subject now.* -respond result -callback {apply {msg {
    lindex [temperatures [lindex [split [nats::msg subject $msg] .] end]] 0
}}}

# This one answers by itself, and may wait meanwhile: each request has a coroutine of its own.
$group endpoint history -max_concurrent 10 -callback [list apply {{svc msg} {
    after 20 [list [info coroutine]]
    yield
    $svc respond $msg [temperatures [nats::msg data $msg]] -header {Unit {Celsius}}
}} $svc]

# ---- a client

foreach service [$c services info weather] {
    set subjects [lmap endpoint [dict get $service endpoints] { dict get $endpoint subject }]
    puts "[dict get $service name] [dict get $service version] answers on [join $subjects {, }]"
}
puts "now in Oslo: [$c request weather.now.Oslo {} -service true]"
try {
    $c request weather.now.Atlantis {} -service true
} trap {NATS ErrService} {message options} {
    puts "Atlantis: [dict get $options -errorcode]: $message"
}
puts "history of Oslo: [$c request weather.history Oslo]"

foreach service [$c services stats weather] {
    foreach endpoint [dict get $service endpoints] {
        dict with endpoint { puts [string trim "$name: $num_requests requests, $num_errors errors, last $last_error"] }
    }
}

# What has come is finished before it stops.
$svc stop
puts "stopped; services left: [llength [$c services ping]]"
$c destroy
nats::server stop $server
