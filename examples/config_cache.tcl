# Configuration of an application in a bucket, at hand as an ordinary Tcl array.
#
#     TCLLIBPATH=$PWD/build tclsh examples/config_cache.tcl       (nats-server on PATH, or NATS_SERVER=/path/of/it)
#
# Reading $config(...) is reading a variable: no request, no waiting. Traces on the array tell what has changed.
#
# Prints:
#
#   loaded: 3 settings
#   log.level is info, http.port is 8080, http.proxy is none
#   log.level = debug
#   http.proxy = proxy.example:3128
#   http.proxy: back to the default
#   log.level is debug, http.port is 8080, http.proxy is none

package require nats
package require nats::server

namespace eval app {
    # The bucket's values, and what holds where the bucket has none.
    variable config
    array set config {}
    variable defaults {log.level warn http.port 80 http.proxy none}

    # A setting: the bucket's value, else the default.
    proc setting {name} {
        variable config
        variable defaults
        if {[info exists config($name)]} { return $config($name) }
        dict get $defaults $name
    }

    proc show {} {
        variable defaults
        puts [join [lmap name [dict keys $defaults] { string cat "$name is [setting $name]" }] {, }]
    }

    # Trace on the array, for what has to act on a change.
    proc changed {array name operation} {
        variable config
        puts [expr {$operation eq "write" ? "$name = $config($name)" : "$name: back to the default"}]
        incr ::changes
    }

    # Returns once the array has all current settings: the empty entry marks the end of current data.
    proc load {kv} {
        # The array is a namespace variable; a local one would be gone when the procedure returns.
        variable config
        set watcher [$kv watch > -values_array config -callback [namespace code loaded]]
        vwait [namespace current]::ready
        puts "loaded: [array size config] settings"
        trace add variable config {write unset} [namespace code changed]
        return $watcher
    }

    proc loaded {entry} {
        if {$entry eq {}} { set [namespace current]::ready 1 }
    }
}

set server [nats::server start]
set connection [nats::connection new]
$connection configure -servers [nats::server url $server]
$connection connect
set js [$connection jet_stream]

# What an administrator has done.
set kv [$js create_kv_bucket config -history 10 -storage memory]
$kv put log.level info
$kv put http.port 8080
$kv put ui.theme dark

app::load $kv
app::show

# What the administrator does while the application runs, elsewhere as a rule.
set changes 0
$kv put log.level debug
$kv put http.proxy proxy.example:3128
$kv delete http.proxy
while {$changes < 3} { vwait changes }
app::show

$connection destroy
nats::server stop $server
