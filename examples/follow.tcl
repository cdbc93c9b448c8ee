# A script that reacts when somebody changes a value of a bucket, be it in the window of nats::browser (see README.md).
#
#     make browse                             (prints the address of its server: nats://127.0.0.1:...)
#     TCLLIBPATH=$PWD/build tclsh examples/follow.tcl nats://127.0.0.1:... settings
#
# It runs until Ctrl+C, then. Without an address it has a server of its own (nats-server on PATH, or
# NATS_SERVER=/path/of/it), and changes the values itself.
#
# Prints:
#
#   following settings, which has 2 keys
#   theme was light, is dark now
#   shop.title is gone
#   coupon is new: 10 percent

package require nats

lassign $argv url bucket
if {$url eq {}} {
    package require nats::server
    set url [nats::server url [nats::server start]]
    set bucket settings
    set other [nats::connect $url]
    set kv [[$other jet_stream] create_kv_bucket $bucket -storage memory]
    $kv put theme light
    $kv put shop.title "Fruit & Co."
}

# What is told of before the empty entry is there already; what comes after it is what somebody does now.
proc changed {entry} {
    global values following bucket
    if {$entry eq {}} {
        puts "following $bucket, which has [array size values] keys"
        set following 1
        return
    }
    dict with entry {
        if {$operation ne "PUT"} {
            puts "$key is gone"
            unset -nocomplain values($key)
        } else {
            if {[info exists following]} {
                puts [expr {[info exists values($key)] ? "$key was $values($key), is $value now" : "$key is new: $value"}]
            }
            set values($key) $value
        }
    }
    incr ::changes
}

fconfigure stdout -buffering line
array set values {}
# Lines of the log have a channel of their own.
set connection [nats::connect $url -log_chan stderr -max_reconnect_attempts -1]
# The values are text.
$connection configure -utf8_convert true
set watcher [[[$connection jet_stream] bind_kv_bucket $bucket] watch > -callback changed]
if {![info exists other]} { vwait forever }

# Alone: somebody changes something.
while {![info exists following]} { vwait following }
$kv put theme dark
$kv delete shop.title
$kv put coupon "10 percent"
while {$changes < 5} { vwait changes }
$connection destroy
$other destroy
