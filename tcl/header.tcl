# nats::header - the headers of a message dict: names with lists of values.

namespace eval ::nats::header {
    namespace export add set delete get values keys lookup
    namespace ensemble create
}

# Appends a value to a header of the message in a variable of the caller.
proc ::nats::header::add {varName key value} {
    upvar 1 $varName msg
    ::set header [dict get $msg header]
    dict lappend header $key $value
    dict set msg header $header
    return
}

# Replaces headers by one value each.
proc ::nats::header::set {varName key value args} {
    if {[llength $args] % 2} {
        throw {NATS ErrInvalidArg} "Missing a value for a key"
    }
    upvar 1 $varName msg
    foreach {name item} [list $key $value {*}$args] {
        dict set msg header $name [list $item]
    }
    return
}

proc ::nats::header::delete {varName key} {
    upvar 1 $varName msg
    dict unset msg header $key
    return
}

# The first value; an error if there is none.
proc ::nats::header::get {msg key} {
    return [lindex [dict get [dict get $msg header] $key] 0]
}

proc ::nats::header::values {msg key} {
    return [dict get [dict get $msg header] $key]
}

proc ::nats::header::keys {msg {pattern *}} {
    return [dict keys [dict get $msg header] $pattern]
}

# The first value, or a default.
proc ::nats::header::lookup {msg key default} {
    ::set header [dict get $msg header]
    if {[dict exists $header $key]} {
        return [lindex [dict get $header $key] 0]
    }
    return $default
}
