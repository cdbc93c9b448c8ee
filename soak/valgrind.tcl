# What `make valgrind` runs: each life of lifecycles.tcl a few times, a thread that ends with everything alive, and the end
# of the process with calls in flight.

set root [file dirname [file dirname [file normalize [info script]]]]
source [file join $root soak lifecycles.tcl]
source [file join $root tcl server.tcl]
package require nats

# Under valgrind everything takes its time.
set server [nats::server start -timeout 60000]
interp bgerror {} {apply {{message options} {
    if {[dict get $options -errorcode] ne "NATS ErrInvalidCoroutine"} {
        puts "FAILED: background error: [dict get $options -errorinfo]"
        exit 1
    }
}}}
lifecycles::prepare [nats::server url $server]
foreach name [lifecycles::names] {
    for {set round 0} {$round < 3} {incr round} {
        if {[catch {lifecycles::live $name} message options]} {
            puts "FAILED: $name: [dict get $options -errorinfo]"
            exit 1
        }
    }
    puts "$name"
}
# Debian's Tcl has the package Thread; others may not.
if {![catch {package require Thread}]} {
    set thread [thread::create -joinable thread::wait]
    thread::send $thread [list set ::auto_path $::auto_path]
    thread::send $thread [list set url [nats::server url $server]]
    thread::send $thread {
        package require nats
        set c [nats::connection new]
        $c configure -servers $url
        $c connect
        [[$c jet_stream] bind_kv_bucket LIVES] watch > -callback list
    }
    thread::release $thread
    thread::join $thread
    puts thread
}
set kv $::lifecycles::Kv
$kv watch > -callback list -values_array values
for {set n 0} {$n < 10} {incr n} { coroutine c$n $kv get k1 }
puts "exit with calls in flight"
exit 0
