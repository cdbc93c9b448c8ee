# What was measured over the last minutes, by series ("stream ORDERS", "connection"): counters that grow, and levels.

oo::class create ::nats::browser::Samples {
    variable Series

    constructor {} { array set Series {} }

    # How far back they go, in ms.
    method span {} { return 300000 }

    method add {series fields} {
        set now [clock milliseconds]
        lappend Series($series) [dict merge $fields [list t $now]]
        if {$now - [dict get [lindex $Series($series) 0] t] > [my span] + 10000} {
            set Series($series) [lrange $Series($series) 1 end]
        }
    }

    method keep_only {pattern names} {
        foreach series [array names Series $pattern] {
            if {$series ni $names} { unset Series($series) }
        }
    }

    # The levels of a field: a list of pairs {time value}.
    method levels {series field} {
        if {![info exists Series($series)]} { return {} }
        lmap sample $Series($series) {
            if {![dict exists $sample $field]} continue
            list [dict get $sample t] [dict get $sample $field]
        }
    }

    # How fast a counter grew, a second. A counter that shrinks has begun anew.
    method rates {series field} {
        set rates {}
        foreach pair [my levels $series $field] {
            lassign $pair time value
            if {[info exists before] && $time > $then} {
                lappend rates [list $time [expr {max(0, $value - $before) * 1000.0 / ($time - $then)}]]
            }
            lassign $pair then before
        }
        return $rates
    }

    method latest {series field} {
        if {![info exists Series($series)]} { return {} }
        set sample [lindex $Series($series) end]
        expr {[dict exists $sample $field] ? [dict get $sample $field] : {}}
    }
}
