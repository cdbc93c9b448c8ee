# Sessions in a bucket: each ends by itself when nobody has used it for a while. Needs a server 2.11 or later.
#
#     TCLLIBPATH=$PWD/build tclsh examples/sessions.tcl       (nats-server on PATH, or NATS_SERVER=/path/of/it)
#
# Prints:
#
#   ann and bob are online
#   bob is busy
#   ann has gone
#   bob logs out
#   nobody is online

package require nats
package require nats::server

namespace eval sessions {
    # Session id -> user, of all that are alive; the bucket keeps it up to date.
    variable online
    array set online {}
    # How long a session lives after it was used last, in ms.
    variable lifetime 2000

    proc login {kv id user} {
        variable lifetime
        # An id that is in use is refused.
        $kv create $id $user -ttl $lifetime
    }

    proc use {kv id} {
        variable lifetime
        $kv touch $id -ttl $lifetime
    }

    # The marker, which tells everybody, goes by itself, too.
    proc logout {kv id} {
        $kv purge $id -ttl 60000
    }

    proc who {} {
        variable online
        lsort [lmap {id user} [array get online] { set user }]
    }

    proc wait_for {users} {
        variable online
        while {[who] ne $users} { vwait [namespace current]::online }
    }
}

set server [nats::server start]
set connection [nats::connection new]
$connection configure -servers [nats::server url $server]
$connection connect
set js [$connection jet_stream]

try {
    set kv [$js create_kv_bucket sessions -storage memory -limit_marker_ttl 60000]
} trap {NATS ErrNotSupported} message {
    puts stderr $message
    exit 1
}
$kv watch > -values_array sessions::online

sessions::login $kv s1 ann
sessions::login $kv s2 bob
sessions::wait_for {ann bob}
puts "[join [sessions::who] { and }] are online"

# Bob goes on working, ann does not.
puts "bob is busy"
proc work {kv} {
    sessions::use $kv s2
    set ::timer [after 300 [list coroutine work-[incr ::works] work $kv]]
}
coroutine work-0 work $kv
sessions::wait_for bob
puts "ann has gone"

after cancel $timer
puts "bob logs out"
sessions::logout $kv s2
sessions::wait_for {}
puts "nobody is online"

$connection destroy
nats::server stop $server
