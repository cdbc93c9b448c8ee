# The cases of bench/all.tcl on this package. Arguments and output are those of bench/raw:
#
#     tclsh bench/client.tcl url case count keys payload inflight
#
# prints [result <operations> <seconds> <VmHWM in KiB>].

package require nats

namespace eval bench {
    variable Read bench_read Write bench_write
    # As many different keys are written.
    variable Written 1000

    proc key {number} { format sensor.%07d $number }

    proc put {kv first step} {
        variable Written
        variable Count
        variable Payload
        for {set i $first} {$i < $Count} {incr i $step} {
            $kv put [key [expr {$i % $Written}]] $Payload
        }
    }

    proc get {kv first step} {
        variable Count
        variable Keys
        variable Payload
        set length [string length $Payload]
        for {set i $first} {$i < $Count} {incr i $step} {
            set entry [$kv get [key [expr {$i % $Keys}]]]
            if {[string length [dict get $entry value]] != $length} { error "a value has the wrong length" }
        }
    }

    # Runs as many coroutines as requests are to be in flight, until the last has ended.
    proc in_flight {command kv} {
        variable Inflight
        variable Running $Inflight
        for {set i 0} {$i < $Inflight} {incr i} {
            coroutine Worker$i [namespace which Share] $command $kv $i $Inflight
        }
        while {$Running > 0} { vwait [namespace which -variable Running] }
    }

    proc Share {command kv first step} {
        variable Running
        $command $kv $first $step
        incr Running -1
    }

    # ---- the cases

    proc case_put {read write} { put $write 0 1; set ::bench::Count }
    proc case_get {read write} { get $read 0 1; set ::bench::Count }
    proc case_put64 {read write} { in_flight put $write; set ::bench::Count }
    proc case_get64 {read write} { in_flight get $read; set ::bench::Count }

    proc case_watch {read write} {
        variable Done 0
        variable Finished
        set watcher [$read watch > -callback [namespace which On_entry]]
        vwait [namespace which -variable Finished]
        $watcher destroy
        return $Done
    }
    proc On_entry {entry} {
        variable Done
        if {$entry eq {}} { set ::bench::Finished 1 } else { incr Done }
    }

    # No callback takes part. The last keys arrive at about the same time; from then on the array is looked at every
    # millisecond.
    proc case_array {read write} {
        variable Values
        variable Keys
        variable Finished
        set name [namespace which -variable Values]
        array set Values {}
        trace add variable Values([key [expr {$Keys - 1}]]) write [list apply {args {set ::bench::Finished 1}}]
        set watcher [$read watch > -values_array $name]
        vwait [namespace which -variable Finished]
        while {[array size Values] < $Keys} {
            after 1 {set ::bench::Finished 1}
            vwait [namespace which -variable Finished]
        }
        $watcher destroy
        array size Values
    }

    proc case_keys {read write} { llength [$read keys] }
    proc case_history {read write} { llength [$read history >] }

    proc case_pubsub {read write} {
        variable Connection
        variable Count
        variable Payload
        variable Done 0
        variable Finished
        $Connection subscribe bench.pubsub -callback [namespace which On_message]
        $Connection ping
        for {set i 0} {$i < $Count} {incr i} { $Connection publish bench.pubsub $Payload }
        vwait [namespace which -variable Finished]
        return $Done
    }
    proc On_message {subject message reply} {
        variable Done
        variable Count
        if {[incr Done] == $Count} { set ::bench::Finished 1 }
    }

    proc peak_memory {} {
        set channel [open /proc/self/status]
        set status [read $channel]
        close $channel
        regexp -line {^VmHWM:\s*(\d+)} $status -> kib
        return $kib
    }

    proc main {url case count keys payload inflight} {
        variable Connection [nats::connection new]
        variable Count $count
        variable Keys $keys
        variable Payload [string repeat x $payload]
        variable Inflight $inflight
        variable Read
        variable Write
        $Connection configure -servers [list $url] -busy_poll true
        $Connection connect
        set js [$Connection jet_stream -timeout 30000]
        set read [$js bind_kv_bucket $Read]
        set write [$js bind_kv_bucket $Write]
        set start [clock microseconds]
        set done [case_$case $read $write]
        set seconds [expr {([clock microseconds] - $start) / 1e6}]
        puts [format "result %d %.6f %d" $done $seconds [peak_memory]]
        $Connection destroy
    }
}

if {[info exists argv0] && [file normalize $argv0] eq [file normalize [info script]]} {
    bench::main {*}$argv
}
