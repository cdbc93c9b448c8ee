# Watchers of all kinds on one bucket, what they saw, and the judgement at the end.
#
#     watchers::start name kv pattern ?-option value ...?   begins a watch with a callback, with -array also with an array
#     watchers::start_all name kv                           one of each kind
#     watchers::settle kv                                   writes something, and waits until each of them has seen it
#     watchers::settled                                     the revision of the last thing that `settle` wrote
#     watchers::renew, watchers::raise_floors kv            the bucket was emptied, or another one has taken its place
#     watchers::judge stored ledger                         a list of complaints about what they saw
#     watchers::judge_arrays stored                         the same, of the arrays
#     watchers::judge_bucket stored ledger                  the same, of the bucket itself
#     watchers::stop                                        destroys them all and forgets what they saw
#     watchers::seen                                        how many entries they saw
#
# `stored` is what the bucket holds at the end, as by history; `ledger` what writers.tcl says.

namespace eval ::watchers {
    # name -> dict: object, pattern, options, array, floor (up to this revision the latest of a key will do)
    variable Watches {}
    # name -> what its callback was given: {revision key operation value}, or END
    variable Seen
    array set Seen {}
    # name -> the last key of `settle` that it saw
    variable Sentinel
    array set Sentinel {}
    variable Sentinels 0
    variable Settled 0
    variable Heartbeat 300
    # The scenario takes the bucket away for a moment.
    variable May_end 0
}

proc ::watchers::start {name kv pattern args} {
    variable Watches
    variable Seen
    variable Heartbeat
    set Seen($name) {}
    set ::watchers::Sentinel($name) {}
    set array [dict exists $args -array]
    dict unset args -array
    set array_option {}
    if {$array} { set array_option [list -values_array ::watchers::Array_$name] }
    set object [$kv watch $pattern -callback [list ::watchers::Note $name] -idle_heartbeat $Heartbeat {*}$array_option {*}$args]
    set [info object namespace [$object consumer]]::RetryInterval 1000
    dict set Watches $name [dict create object $object kv $kv pattern $pattern options $args array $array floor 0]
    Raise_floor $name $kv
}

# What was stored before a watch began, or began anew in another bucket, may have been superseded.
proc ::watchers::Raise_floor {name kv} {
    variable Watches
    if {[Option $name -include_history]} return
    set last [::chaos::insist { dict get [$kv status] stream_state last_seq }]
    # It may have been stopped meanwhile.
    if {[dict exists $Watches $name]} { dict set Watches $name floor $last }
}

proc ::watchers::raise_floors {kv} {
    variable Watches
    foreach name [dict keys $Watches] { Raise_floor $name $kv }
}

proc ::watchers::start_all {name kv} {
    foreach {kind pattern options} {
        all      >      {}
        array    >      {-array 1}
        history  >      {-include_history true}
        live     >      {-ignore_deletes true -array 1}
        updates  >      {-updates_only true}
        names    >      {-meta_only true}
        some     k.1.>  {-include_history true}
    } {
        ::chaos::insist { start $name-$kind $kv $pattern {*}$options }
    }
}

proc ::watchers::Note {name entry} {
    variable Seen
    variable Watches
    # Nobody writes that a key went with its bucket.
    if {[dict exists $entry reason]} return
    if {$entry ne {}} {
        dict with entry { lappend Seen($name) [list $revision $key $operation $value] }
        if {[string match *sentinel* $key]} { set ::watchers::Sentinel($name) $key }
        return
    }
    lappend Seen($name) END
    # Before this the latest entries may have been sought more than once, as when the link broke meanwhile.
    coroutine ::watchers::floor[incr ::watchers::Floors] ::watchers::Raise_floor $name [dict get $Watches $name kv]
}

proc ::watchers::Option {name option} {
    variable Watches
    expr {[dict exists $Watches $name options $option] && [dict get $Watches $name options $option]}
}

# One put for each watch, on a key that it watches, repeated until they all have seen theirs.
proc ::watchers::settle {kv {limit 60000}} {
    variable Watches
    variable Sentinels
    set deadline [expr {[clock milliseconds] + $limit}]
    set number [incr Sentinels]
    set awaited {}
    foreach name [dict keys $Watches] {
        set key [string map {> {}} [dict get $Watches $name pattern]]sentinel.$number
        dict set awaited $name $key
    }
    foreach key [lsort -unique [dict values $awaited]] { set ::watchers::Settled [Put_surely $kv $key $deadline] }
    while {[set late [Late $awaited]] ne {}} {
        if {[clock milliseconds] > $deadline} { error "not settled within $limit ms: $late" }
        dict for {name key} $awaited {
            if {[Revive $name]} { set ::watchers::Settled [Put_surely $kv $key $deadline] }
        }
        ::peers::pause 20
    }
}

# A watch that sees its bucket missing ends, as documented. Where a scenario takes the bucket away it begins anew.
proc ::watchers::Revive {name} {
    variable Watches
    variable May_end
    set watch [dict get $Watches $name]
    set error [set [info object namespace [[dict get $watch object] consumer]]::last_error]
    if {!$May_end || $error eq {} || [dict get $error code] ne {NATS ErrStreamNotFound}} { return 0 }
    dict with watch {
        $object destroy
        unset -nocomplain ::watchers::Array_$name
        ::chaos::insist { start $name $kv $pattern {*}$options {*}[expr {$array ? {-array 1} : {}}] }
    }
    ::chaos::figure revived 1
    return 1
}

proc ::watchers::settled {} { return $::watchers::Settled }

proc ::watchers::Put_surely {kv key deadline} {
    while {[catch {$kv put $key sentinel} result options]} {
        if {[clock milliseconds] > $deadline} { return -options $options $result }
        ::peers::pause 100
    }
    return $result
}

# The watches that wait for the last put, with the reason of their consumers, or for the end of current data: if entries
# were replaced while it was counted, that comes with the next pause.
proc ::watchers::Late {awaited} {
    variable Watches
    variable Sentinel
    variable Seen
    set late {}
    dict for {name key} $awaited {
        if {$Sentinel($name) ne $key} {
            set namespace [info object namespace [[dict get $Watches $name object] consumer]]
            lappend late "$name ([set ${namespace}::last_error])"
        } elseif {"END" ni $Seen($name)} {
            lappend late "$name (end of current data)"
        }
    }
    return $late
}

# ---- judgement

proc ::watchers::judge {stored ledger} {
    variable Watches
    set complaints {}
    foreach name [dict keys $Watches] {
        foreach complaint [Judge_one $name $stored $ledger] { lappend complaints "$name: $complaint" }
    }
    return $complaints
}

proc ::watchers::Judge_one {name stored ledger} {
    variable Watches
    variable Seen
    set complaints {}
    set ends [llength [lsearch -all -exact $Seen($name) END]]
    if {$ends != 1} { lappend complaints "$ends ends of current data" }
    set previous 0
    set seen [dict create]
    foreach item $Seen($name) {
        if {$item eq "END"} continue
        lassign $item revision
        if {$revision <= $previous} { lappend complaints "revision $revision after $previous" }
        set previous $revision
        dict set seen $revision $item
        if {![Known $name $item $ledger]} { lappend complaints "nobody wrote {[string range $item 0 80]}" }
    }
    set floor [dict get $Watches $name floor]
    set superseded [Superseded $name $stored $seen]
    foreach entry $stored {
        set revision [dict get $entry revision]
        if {![Wanted $name $entry]} continue
        if {$revision <= $floor && ![dict exists $seen $revision]} {
            if {![Option $name -updates_only] && $revision > [dict get $superseded [dict get $entry key]]} {
                lappend complaints "revision $revision ([dict get $entry key]) was not seen, nor a later one"
            }
            continue
        }
        if {![dict exists $seen $revision]} {
            lappend complaints "revision $revision ([dict get $entry key] [dict get $entry operation]) was not seen"
        } elseif {[dict get $seen $revision] ne [Expected $name $entry]} {
            lappend complaints "revision $revision was seen as [string range [dict get $seen $revision] 0 80]"
        }
    }
    return $complaints
}

# For each key the latest revision that was seen, or that a watch does not want: earlier ones count no more.
proc ::watchers::Superseded {name stored seen} {
    set latest [dict create]
    foreach entry $stored {
        set revision [dict get $entry revision]
        set key [dict get $entry key]
        if {![dict exists $latest $key]} { dict set latest $key 0 }
        if {[dict exists $seen $revision] || ![Wanted $name $entry]} {
            dict set latest $key [expr {max($revision, [dict get $latest $key])}]
        }
    }
    return $latest
}

proc ::watchers::Wanted {name entry} {
    variable Watches
    set pattern [string map {> *} [dict get $Watches $name pattern]]
    expr {[string match $pattern [dict get $entry key]] && ([dict get $entry operation] eq "PUT" || ![Option $name -ignore_deletes])}
}

proc ::watchers::Expected {name entry} {
    set value [expr {[Option $name -meta_only] ? {} : [dict get $entry value]}]
    list [dict get $entry revision] [dict get $entry key] [dict get $entry operation] $value
}

# Whether a writer has tried this.
proc ::watchers::Known {name item ledger} {
    lassign $item revision key operation value
    if {![dict exists $ledger $key]} { return [string match *sentinel* $key] }
    set doubt [dict get $ledger $key doubt]
    if {[Option $name -meta_only]} { return 1 }
    foreach tried [concat [dict get $ledger $key acked] [list $doubt]] {
        if {[lindex $tried 0] eq $operation && [lindex $tried 1] eq $value} { return 1 }
    }
    return 0
}

# An array has the values of the bucket. With -ignore_deletes it keeps those that are gone as well.
proc ::watchers::judge_arrays {stored} {
    variable Watches
    set bucket [dict create]
    foreach entry $stored {
        if {[dict get $entry operation] eq "PUT"} {
            dict set bucket [dict get $entry key] [dict get $entry value]
        } else {
            dict unset bucket [dict get $entry key]
        }
    }
    set complaints {}
    foreach name [dict keys $Watches] {
        if {![dict get $Watches $name array]} continue
        upvar 0 ::watchers::Array_$name values
        dict for {key value} $bucket {
            if {![info exists values($key)] || $values($key) ne $value} { lappend complaints "$name: wrong element $key" }
        }
        if {![Option $name -ignore_deletes] && [array size values] != [dict size $bucket]} {
            lappend complaints "$name: [array size values] elements, but [dict size $bucket] keys"
        }
    }
    return $complaints
}

# A new bucket has taken the place of the old one: what was seen counts no more.
proc ::watchers::renew {} {
    variable Watches
    variable Seen
    variable Settled 0
    foreach name [dict keys $Watches] {
        set Seen($name) END
        dict set Watches $name floor 0
    }
}

# Nobody tells a watch that its bucket was emptied.
proc ::watchers::empty_arrays {} {
    variable Watches
    foreach name [dict keys $Watches] {
        if {[dict get $Watches $name array]} {
            array unset ::watchers::Array_$name
            array set ::watchers::Array_$name {}
        }
    }
}

proc ::watchers::seen {} {
    variable Seen
    set count 0
    foreach name [array names Seen] { incr count [llength $Seen($name)] }
    return $count
}

proc ::watchers::stop {} {
    variable Watches
    variable Seen
    variable Settled 0
    foreach name [dict keys $Watches] {
        set object [dict get $Watches $name object]
        if {[info object isa object $object]} { $object destroy }
        unset -nocomplain ::watchers::Array_$name
    }
    set Watches {}
    array unset Seen
}

# ---- the bucket

# Whether the bucket has what the writers were told: each key's acknowledged writes since its last purge, in their order,
# with their revisions; behind them perhaps the one in doubt; nothing else.
proc ::watchers::judge_bucket {stored ledger} {
    set by_key [dict create]
    foreach entry $stored {
        dict lappend by_key [dict get $entry key] \
            [list [dict get $entry operation] [dict get $entry value] [dict get $entry revision]]
    }
    set complaints {}
    dict for {key log} $ledger {
        set found [expr {[dict exists $by_key $key] ? [dict get $by_key $key] : {}}]
        set acked [dict get $log acked]
        set doubt [dict get $log doubt]
        if {![Fits $found $acked] && ($doubt eq {} || ![Fits $found [concat $acked [list $doubt]]])} {
            lappend complaints "key $key: acknowledged [Brief $acked], in doubt [Brief [list $doubt]], stored [Brief $found]"
        }
    }
    foreach key [dict keys $by_key] {
        if {![dict exists $ledger $key] && ![string match *sentinel* $key]} { lappend complaints "nobody wrote key $key" }
    }
    return $complaints
}

proc ::watchers::Fits {found wanted} {
    set purge [lindex [lsearch -all -index 0 -exact $wanted PURGE] end]
    if {$purge ne {}} { set wanted [lrange $wanted $purge end] }
    if {[llength $found] != [llength $wanted]} { return 0 }
    foreach is $found should $wanted {
        lassign $should operation value revision
        if {[lindex $is 0] ne $operation || [lindex $is 1] ne $value} { return 0 }
        if {$revision ne {} && [lindex $is 2] != $revision} { return 0 }
    }
    return 1
}

proc ::watchers::Brief {log} {
    join [lmap item $log { string cat [lindex $item 0] @ [lindex $item 2] = [string range [lindex $item 1] 0 8] }] " "
}
