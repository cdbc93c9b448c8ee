# What the service*.test files share, on top of kv_common.tcl.
#
#     service ?option value ...?    sets svc to a service `calc`, version 1.0.0, of the file's connection
#     answering script              a callback that runs a script with `msg` and this `svc`
#     of object name                a public variable of an object
#     endpoints facts ?name ...?    fields of the endpoints in what `info`, `stats` or `services` give, a list for each
#     outcome c subject ?data? ?option value ...?   of a request: the reply, or {code message} of the error
#     told                          the background errors so far, also those that were about to be told
#     told_codes                    their codes
#     clean_services                destroys services and connections but the file's, then `clean`

source -encoding utf-8 [file join [file dirname [info script]] kv_common.tcl]

namespace eval ::svct {
    namespace export {[a-z]*}
}

proc ::svct::service {args} {
    set ::svct::svc [[lindex $::kvt::Home 1] service calc -version 1.0.0 {*}$args]
    uplevel 1 [list set svc $::svct::svc]
}

proc ::svct::answering {script} {
    list apply [list msg "upvar #0 ::svct::svc svc\n$script"]
}

proc ::svct::of {object name} { set [info object namespace $object]::$name }

proc ::svct::endpoints {facts args} {
    lmap endpoint [dict get $facts endpoints] { lmap name $args { dict get $endpoint $name } }
}

proc ::svct::outcome {c subject {data {}} args} {
    lassign [::kvt::failure { $c request $subject $data -timeout 5000 -service true {*}$args }] code result
    expr {$code eq "no error" ? $result : [list $code $result]}
}

proc ::svct::told {} {
    update
    t::background_errors
}

proc ::svct::told_codes {} {
    update
    ::kvt::background_codes
}

proc ::svct::clean_services {} {
    foreach object [info class instances ::nats::service] { $object destroy }
    foreach object [info class instances ::nats::connection] {
        if {$object ne [lindex $::kvt::Home 1]} { $object destroy }
    }
    ::kvt::clean
}
