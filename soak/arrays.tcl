# Two-way arrays that are changed at random, for peers and for the process under test.
#
#     arrays::begin name c       two-way arrays of the three buckets on a connection, one for each policy
#     arrays::change             begins to change them
#     arrays::rest               changes nothing any more; to be called in a coroutine, returns once all is stored or lost
#     arrays::contents policy    what an array has, sorted
#     arrays::figures            a dict: changes, lost
#     arrays::end                destroys the watchers
#
# The bucket of a policy has its name.

namespace eval ::arrays {
    variable Policies {remote local merge}
    # policy -> watcher
    variable Watchers {}
    variable Name {}
    variable Timer {}
    variable Count 0
    variable Lost 0
    variable remote
    variable local
    variable merge
}

proc ::arrays::begin {name c} {
    variable Policies
    variable Watchers
    variable Name $name
    variable Count 0
    variable Lost 0
    foreach policy $Policies {
        set conflict [expr {$policy eq "merge" ? "::arrays::Merge" : $policy}]
        set kv [[$c jet_stream -timeout 2000] bind_kv_bucket $policy]
        set watcher [$kv watch > -writable true -values_array ::arrays::$policy -conflict $conflict -idle_heartbeat 300 \
            -error_callback ::arrays::Lose]
        set [info object namespace [$watcher consumer]]::RetryInterval 1000
        dict set Watchers $policy $watcher
    }
}

# The newer one, as the alphabet has it. All decide in the same way.
proc ::arrays::Merge {key mine theirs} { lindex [lsort [list $mine $theirs]] end }

proc ::arrays::Lose {info} {
    variable Lost
    incr Lost
    if {[dict get $info code] ne {NATS ErrWrongLastSequence}} { error "lost: $info" }
}

proc ::arrays::change {} {
    variable Policies
    variable Timer
    variable Count
    variable Name
    for {set n [expr {int(rand() * 5)}]} {$n >= 0} {incr n -1} {
        set element ::arrays::[lindex $Policies [expr {int(rand() * 3)}]](k[expr {int(rand() * 15)}])
        if {rand() < 0.15} { unset -nocomplain $element } else { set $element $Name.[incr Count] }
    }
    set Timer [after [expr {int(rand() * 20)}] ::arrays::change]
}

proc ::arrays::rest {} {
    variable Watchers
    variable Timer
    after cancel $Timer
    dict for {policy watcher} $Watchers { $watcher flush -timeout 60000 }
}

proc ::arrays::contents {policy} {
    set contents {}
    foreach key [lsort [array names ::arrays::$policy]] { lappend contents $key [set ::arrays::${policy}($key)] }
    return $contents
}

proc ::arrays::figures {} { list changes $::arrays::Count lost $::arrays::Lost }

proc ::arrays::end {} {
    variable Watchers
    dict for {policy watcher} $Watchers { $watcher destroy }
    set Watchers {}
}
