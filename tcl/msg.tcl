# nats::msg - message dicts: header data subject reply sub_id, and seq time in stored messages.

namespace eval ::nats::msg {
    namespace export create set subject data reply no_responders idle_heartbeat flow_control \
        service_error seq timestamp
    namespace ensemble create
}

# Returns a new message. Options: -data, -reply.
proc ::nats::msg::create {subject args} {
    ::set options [::nats::_options $args {data {} reply {}}]
    return [dict create header {} data [dict get $options data] subject $subject \
        reply [dict get $options reply] sub_id {}]
}

# Changes one field of the message in a variable of the caller: -data, -subject or -reply.
proc ::nats::msg::set {varName field value} {
    if {$field ni {-data -subject -reply}} {
        throw {NATS ErrInvalidArg} "Invalid field $field"
    }
    upvar 1 $varName msg
    dict set msg [string range $field 1 end] $value
    return
}

proc ::nats::msg::subject {msg} {
    return [dict get $msg subject]
}

proc ::nats::msg::data {msg} {
    return [dict get $msg data]
}

proc ::nats::msg::reply {msg} {
    return [dict get $msg reply]
}

# 1 if this is the answer of a server to a request that nobody listens to.
proc ::nats::msg::no_responders {msg} {
    return [expr {[::nats::header::lookup $msg Status 0] == 503}]
}

proc ::nats::msg::idle_heartbeat {msg} {
    return [Control $msg Idle]
}

proc ::nats::msg::flow_control {msg} {
    return [Control $msg Flow]
}

# What a service says is wrong: code and description; empty if it is no error. A code that is no integer is 0.
proc ::nats::msg::service_error {msg} {
    ::set header [dict get $msg header]
    if {![dict exists $header Nats-Service-Error-Code] && ![dict exists $header Nats-Service-Error]} return
    ::set code [string trim [::nats::header::lookup $msg Nats-Service-Error-Code 0]]
    if {![regexp {^[+-]?\d+$} $code]} { ::set code 0 }
    return [dict create code [scan $code %lld] description [string trim [::nats::header::lookup $msg Nats-Service-Error {}]]]
}

proc ::nats::msg::seq {msg} {
    return [Stored $msg seq seq]
}

proc ::nats::msg::timestamp {msg} {
    return [Stored $msg time timestamp]
}

# Whether a message is a control message of JetStream whose description begins with this word.
proc ::nats::msg::Control {msg word} {
    return [expr {[dict get $msg data] eq {}
        && [::nats::header::lookup $msg Status 0] == 100
        && [string match $word* [::nats::header::lookup $msg Description {}]]}]
}

proc ::nats::msg::Stored {msg key field} {
    if {![dict exists $msg $key]} {
        throw {NATS ErrInvalidArg} "Invalid field '$field'"
    }
    return [dict get $msg $key]
}
