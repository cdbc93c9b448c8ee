# The smallest program: connect, subscribe, publish.
#
#     TCLLIBPATH=$PWD/build tclsh examples/hello.tcl      (nats-server on PATH, or NATS_SERVER=/path/of/it)
#
# Prints:
#
#   greet.world says hello
#   greet.moon says good evening

package require nats
package require nats::server

# A server of our own; a program has the address of one that runs: nats://host:4222
set server [nats::server start -jetstream false]

set connection [nats::connection new hello]
$connection configure -servers [nats::server url $server]
$connection connect

# The callback gets subject, message and reply subject.
set count 0
$connection subscribe greet.* -callback {apply {{subject message reply} {
    puts "$subject says $message"
    incr ::count
}}}

$connection publish greet.world hello
$connection publish greet.moon "good evening"

while {$count < 2} { vwait count }
$connection destroy
nats::server stop $server
