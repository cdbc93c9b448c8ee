# The cases of bench/all.tcl on this package. Arguments and output are those of bench/raw:
#
#     tclsh bench/client.tcl url case count keys payload inflight
#
# prints [result <operations> <seconds> <VmHWM in KiB> <processor time in ms>], the latter of the case alone.

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

    # Publishes what nobody wants, until the server has read it.
    proc case_publish {read write} {
        variable Connection
        variable Count
        variable Payload
        for {set i 0} {$i < $Count} {incr i} { $Connection publish bench.nobody $Payload }
        $Connection ping
        return $Count
    }

    # Lists of messages to the stream of the bucket, as fast as it stores them.
    proc case_many {read write} {
        variable Js
        variable Count
        variable Payload
        variable Written
        variable Write
        set size [expr {min($Count, 10000)}]
        set messages {}
        for {set i 0} {$i < $size} {incr i} {
            lappend messages [nats::msg create \$KV.$Write.[key [expr {$i % $Written}]] -data $Payload]
        }
        for {set done 0} {$done < $Count} {incr done $size} { $Js publish_many $messages }
        return $done
    }

    proc case_rtt {read write} {
        variable Connection
        variable Count
        for {set i 0} {$i < $Count} {incr i} { $Connection rtt }
        return $Count
    }

    proc case_request {read write} { in_flight request $write; set ::bench::Count }
    proc request {kv first step} {
        variable Connection
        variable Count
        variable Payload
        set length [string length $Payload]
        for {set i $first} {$i < $Count} {incr i $step} {
            if {[string length [$Connection request bench.question $Payload]] != $length} { error "an answer has the wrong length" }
        }
    }

    # Answers until standard input ends.
    proc case_respond {read write} {
        variable Connection
        variable Finished
        $Connection subscribe bench.question -callback [list apply [list {subject message reply} {
            $::bench::Connection publish $reply $message
        }]]
        $Connection ping
        puts ready
        flush stdout
        fconfigure stdin -blocking 0
        fileevent stdin readable {if {[gets stdin] eq {} && [eof stdin]} { set ::bench::Finished 1 }}
        vwait [namespace which -variable Finished]
        return 0
    }

    # All of the bucket by a pull consumer, each message acknowledged.
    proc case_pull {read write} {
        variable Js
        variable Read
        variable Keys
        variable Done 0
        variable Finished
        set name pull[pid]
        $Js add_pull_consumer KV_$Read $name -max_ack_pending -1 -mem_storage true
        set puller [$Js pull_consumer KV_$Read $name -callback [namespace which On_pulled]]
        vwait [namespace which -variable Finished]
        $puller destroy
        $Js delete_consumer KV_$Read $name
        return $Done
    }
    proc On_pulled {message} {
        variable Js
        variable Done
        variable Keys
        $Js ack $message
        if {[incr Done] == $Keys} { set ::bench::Finished 1 }
    }

    proc peak_memory {} {
        set channel [open /proc/self/status]
        set status [read $channel]
        close $channel
        regexp -line {^VmHWM:\s*(\d+)} $status -> kib
        return $kib
    }

    # Of all threads, in ms.
    proc processor_time {} {
        set channel [open /proc/self/stat]
        # The second word, in parentheses, may have blanks.
        set fields [lrange [split [lindex [split [read $channel] )] end] { }] 1 end]
        close $channel
        expr {([lindex $fields 11] + [lindex $fields 12]) * 10}
    }

    proc main {url case count keys payload inflight} {
        variable Connection [nats::connection new]
        variable Count $count
        variable Keys $keys
        variable Payload [string repeat x $payload]
        variable Inflight $inflight
        variable Read
        variable Write
        variable Js
        $Connection configure -servers [list $url] -busy_poll true
        $Connection connect
        set Js [$Connection jet_stream -timeout 30000]
        set read [$Js bind_kv_bucket $Read]
        set write [$Js bind_kv_bucket $Write]
        set before [processor_time]
        set start [clock microseconds]
        set done [case_$case $read $write]
        set seconds [expr {([clock microseconds] - $start) / 1e6}]
        puts [format "result %d %.6f %d %d" $done $seconds [peak_memory] [expr {[processor_time] - $before}]]
        $Connection destroy
    }
}

if {[info exists argv0] && [file normalize $argv0] eq [file normalize [info script]]} {
    bench::main {*}$argv
}
