# A copy of a bucket that survives restarts: after a start only what has changed meanwhile is read.
#
#     TCLLIBPATH=$PWD/build tclsh examples/cache.tcl      (nats-server on PATH, or NATS_SERVER=/path/of/nats-server)
#
# Prints:
#
#   first start: 1000 entries came, price.7 is 7
#   second start: 3 entries came, price.7 is 99, 1000 prices
#   the bucket was made anew: begun anew, 1 prices

package require nats
package require nats::server

namespace eval cache {
    variable file
    # The copy, and the revision up to which it is right.
    variable values {}
    variable revision 0
    # Entries since the start.
    variable came 0
    variable ready 0

    # Reads the file and follows the bucket from there; returns the watcher when the copy is up to date.
    proc start {kv path} {
        variable file $path
        variable revision
        variable came 0
        variable ready 0
        restore
        set from {}
        if {$revision > 0} { set from [list -from_revision [expr {$revision + 1}]] }
        try {
            set watcher [$kv watch > {*}$from -callback [namespace code take]]
        } trap {NATS ErrRevisionNotFound} {} {
            puts -nonewline "the bucket was made anew: "
            forget
            set watcher [$kv watch > -callback [namespace code take]]
        }
        while {!$ready} { vwait [namespace current]::ready }
        return $watcher
    }

    proc take {entry} {
        variable values
        variable revision
        variable came
        variable ready
        if {$entry eq {}} {
            set ready 1
            return
        }
        incr came
        set key [dict get $entry key]
        switch [dict get $entry operation] {
            PUT { dict set values $key [dict get $entry value] }
            default { dict unset values $key }
        }
        set revision [dict get $entry revision]
    }

    # The values and the revision go into one file, which takes the place of the former one at once.
    proc save {} {
        variable file
        variable values
        variable revision
        set channel [open $file.new w]
        puts $channel [list $revision $values]
        close $channel
        file rename -force $file.new $file
    }

    proc restore {} {
        variable file
        variable values
        variable revision
        forget
        if {![file exists $file]} return
        set channel [open $file]
        lassign [read $channel] revision values
        close $channel
    }

    proc forget {} {
        variable values {}
        variable revision 0
    }
}

set server [nats::server start]
set connection [nats::connection new]
$connection configure -servers [nats::server url $server]
$connection connect
set js [$connection jet_stream]
close [file tempfile path]
file delete $path

set kv [$js create_kv_bucket prices -storage memory]
for {set i 0} {$i < 1000} {incr i} { $connection publish \$KV.prices.price.$i $i }
$connection ping
while {[dict get [$kv status] values] < 1000} { after 10 }

set watcher [cache::start $kv $path]
puts "first start: $cache::came entries came, price.7 is [dict get $cache::values price.7]"
cache::save
$watcher destroy

# The program does not run for a while.
$kv put price.7 99
$kv put price.1000 1000
$kv delete price.8

set watcher [cache::start $kv $path]
puts "second start: $cache::came entries came, price.7 is [dict get $cache::values price.7],\
    [dict size $cache::values] prices"
cache::save
$watcher destroy

$js delete_kv_bucket prices
set kv [$js create_kv_bucket prices -storage memory]
$kv put price.7 1
set watcher [cache::start $kv $path]
puts "begun anew, [dict size $cache::values] prices"

$connection destroy
nats::server stop $server
file delete $path
