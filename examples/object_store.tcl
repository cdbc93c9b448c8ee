# Things of any size: files, channels, progress, a watcher, links; on a throw-away server that this script starts and stops.
# At a terminal it shows a bar of the progress.
#
#     make demo
#     TCLLIBPATH=$PWD/build tclsh examples/object_store.tcl   (nats-server on PATH, or NATS_SERVER=/path/of/nats-server)
#
# Prints, with an empty line before each caption:
#
#   A file is stored
#     backup.bin: 1000000 bytes in 8 chunks
#     all is done: 1000000 of 1000000
#   And read again
#     the copy is the same: 1
#   A watcher hears of it
#     backup.bin (the backup)
#     (all that is there)
#     latest -> backup.bin
#     backup.bin is gone
#   What is not there
#     latest: NATS ErrObjectNotFound

package require nats
package require nats::server

proc section {caption} {
    puts "\n$caption"
}

# Terminals have a line speed.
proc is_terminal {channel} {
    expr {![catch {fconfigure $channel -mode}]}
}

# A bar of 40 columns, written over itself. The total is -1 if it is not known.
proc bar {what done total} {
    set ::progress "$done of $total"
    if {![is_terminal stdout] || $total <= 0} return
    set columns [expr {40 * $done / $total}]
    puts -nonewline [format "\r  %s \[%-40s\] %3d %%" $what [string repeat # $columns] [expr {100 * $done / $total}]]
    if {$done == $total} { puts {} }
    flush stdout
}

proc wait_until {condition} {
    while {![uplevel #0 [list expr $condition]]} { vwait ::calls }
}

set server [nats::server start]
set connection [nats::connection new]
$connection configure -servers [nats::server url $server]
$connection connect
set js [$connection jet_stream]
set os [$js create_object_store backups -storage memory]

section "A file is stored"
set channel [file tempfile path]
fconfigure $channel -translation binary
puts -nonewline $channel [string repeat 0123456789 100000]
close $channel
set info [$os put_file backup.bin $path -description "the backup" -progress {bar stored}]
puts "  backup.bin: [dict get $info size] bytes in [dict get $info chunks] chunks"
puts "  all is done: $progress"

section "And read again"
$os get_file backup.bin $path.copy -progress {bar read}
set channels [list [open $path rb] [open $path.copy rb]]
puts "  the copy is the same: [expr {[read [lindex $channels 0]] eq [read [lindex $channels 1]]}]"
foreach channel $channels { close $channel }
file delete $path $path.copy

section "A watcher hears of it"
set calls 0
proc changed {info} {
    incr ::calls
    if {$info eq {}} {
        puts "  (all that is there)"
    } elseif {[dict get $info deleted]} {
        puts "  [dict get $info name] is gone"
    } elseif {[dict exists $info link]} {
        puts "  [dict get $info name] -> [dict get $info link name]"
    } else {
        puts "  [dict get $info name] ([dict get $info description])"
    }
}
$os watch -callback changed
wait_until {$calls == 2}
$os link latest backup.bin
$os delete backup.bin
wait_until {$calls == 4}

section "What is not there"
try {
    $os get latest
} trap {NATS ErrObjectNotFound} {message options} {
    puts "  latest: [dict get $options -errorcode]"
}

$connection destroy
nats::server stop $server
