# An object of 1 GiB through a file, and into a channel that is slow at first: this process stays small. The same with
# 256 MiB is object-file-4.1 of the tests.
#
#     TCLLIBPATH=$PWD/build NATS_SERVER=$(tools/nats-server) tclsh soak/objects.tcl ?MiB?
#
# Prints how much the process has grown; exits with 1 if that was 64 MiB or more, or if what was read is something else.

package require nats
package require nats::server

# Kilobytes of memory that this process has.
proc resident {} {
    set channel [open /proc/self/status]
    set status [read $channel]
    close $channel
    regexp {VmRSS:\s*(\d+)} $status -> resident
    return $resident
}

proc make {path size} {
    set channel [open $path wb]
    seek $channel [expr {$size - 1}]
    puts -nonewline $channel x
    close $channel
}

set size [expr {([llength $argv] ? [lindex $argv 0] : 1024) * 1048576}]
close [file tempfile directory]
file delete $directory
file mkdir $directory
set server [nats::server start]
set connection [nats::connect [nats::server url $server]]
set failed 0
try {
    set os [[$connection jet_stream -timeout 60000] create_object_store LARGE]
    make $directory/small 2000000
    make $directory/large $size
    # What a call needs at all.
    $os put_file x $directory/small
    $os get_file x $directory/copy
    set before [resident]
    foreach {what script} {
        put_file { set info [$os put_file x $directory/large] }
        get_channel {
            set channel [open "|/bin/sh -c {sleep 2; wc -c}" r+b]
            fconfigure $channel -blocking 0
            $os get_channel x $channel
            fconfigure $channel -blocking 1
            close $channel write
            set count [string trim [read $channel]]
            close $channel
            if {$count != $size} {
                puts "$count bytes of $size"
                set failed 1
            }
        }
        get_file {
            $os get_file x $directory/copy
            if {[file size $directory/copy] != $size} { set failed 1 }
        }
    } {
        set start [clock milliseconds]
        eval $script
        set grown [expr {[resident] - $before}]
        set seconds [expr {([clock milliseconds] - $start) / 1000.0}]
        puts "$what: [expr {$size / 1048576}] MiB in $seconds s, grown by $grown KB"
        if {$grown >= 65536} { set failed 1 }
    }
} finally {
    $connection destroy
    nats::server stop $server
    file delete -force $directory
}
exit $failed
