# What a connection tells: its log, and the variables a program can follow.
#
#     TCLLIBPATH=$PWD/build tclsh examples/logging.tcl      (nats-server on PATH, or NATS_SERVER=/path/of/it)
#
# Prints:
#
#   status: connecting
#   log: Collector info Connecting to the server at ...
#   log: Collector info Connected to the server at ...
#   status: connected
#   log: Collector warn permissions violation for publish to "secret"
#   error: ErrPermissions
#   log: Collector info Closing connection to ...
#   status: closed
#
# Log lines and traces come in the order of events; the example sorts nothing.

package require nats
package require nats::server

set server [nats::server start -jetstream false -config {
    authorization { users: [ {user: me, password: pw, permissions: { publish: { deny: secret } } } ] }
}]

# The log can go to any channel: here to a reflected one, which prints what it gets in its own way. A logger of Tcllib is
# given by -logger instead.
namespace eval sink {
    namespace export initialize finalize watch write
    namespace ensemble create
    proc initialize {id mode} { return {initialize finalize watch write} }
    proc finalize {id} {}
    proc watch {id events} {}
    proc write {id data} {
        # Each line: [time name level] text
        regexp {^\[\S+ (\S+) (\S+)\] (.*)$} [string trim [encoding convertfrom utf-8 $data]] -> name level text
        puts "log: $name $level $text"
        return [string length $data]
    }
}
set channel [chan create write sink]
fconfigure $channel -buffering line -encoding utf-8

set connection [nats::connection new Collector -log_chan $channel -log_level info]
$connection configure -servers [nats::server url $server] -user me -password pw

# The variables of the object: status and last_error.
set space [info object namespace $connection]
trace add variable ${space}::status write {apply {{name args} {
    upvar 1 $name status
    puts "status: $status"
}}}
trace add variable ${space}::last_error write {apply {{name args} {
    upvar 1 $name error
    if {$error ne {}} {
        puts "error: [lindex [dict get $error code] 1]"
        set ::failed 1
    }
}}}

$connection connect
$connection publish secret "not allowed"
vwait failed
$connection disconnect

$connection destroy
close $channel
nats::server stop $server
