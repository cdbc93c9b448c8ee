# What the tests of two-way arrays share, on top of kv_common.tcl. A file calls `two_way_setup` in its namespace, which
# then has the variable `cfg`, a server (`srv`, `c`, `js`), and a second connection to it, somebody else's (`c2`, `js2`).

source -encoding utf-8 [file join [file dirname [info script]] kv_common.tcl]

namespace eval ::kvt {
    namespace export {[a-z]*}
    # The namespace of the file.
    variable Two_way
}

proc ::kvt::two_way_setup {} {
    variable Two_way [uplevel 1 {namespace current}]
    uplevel 1 {
        variable cfg
        lassign [kv_server] srv c js
        set c2 [connection $srv]
        set js2 [$c2 jet_stream]
        t::only server_211 {[server_has $c 2.11]}
        t::only server_212 {[server_has $c 2.12]}
    }
    return
}

proc ::kvt::Two_way_value {name} {
    variable Two_way
    set ${Two_way}::$name
}

proc ::kvt::two_way_bucket {args} {
    [Two_way_value js] create_kv_bucket B -storage memory -history 10 {*}$args
}

# The bucket, as somebody else has it.
proc ::kvt::others {args} {
    [Two_way_value js2] bind_kv_bucket B {*}$args
}

# What others write in a process of their own, unseen by the event loop of this one. Each argument is a method's words.
proc ::kvt::unseen {args} {
    set script "
        set ::auto_path [list $::auto_path]
        package require nats
        set c \[nats::connection new\]
        \$c configure -servers [nats::server url [Two_way_value srv]]
        \$c connect
        set kv \[\[\$c jet_stream\] bind_kv_bucket B\]
    "
    foreach command $args { append script "\$kv $command\n" }
    exec {*}[tclsh] << "$script\nexit"
}

# A two-way array of all keys, up to date, with the recorders w and errors.
proc ::kvt::writable {kv args} {
    variable Two_way
    set options [list -writable true -values_array ${Two_way}::cfg -callback [recorder w] -error_callback [recorder errors]]
    set watcher [$kv watch > {*}$options {*}$args]
    await_end w
    return $watcher
}

# What the array has.
proc ::kvt::contents {} {
    variable Two_way
    sorted [array get ${Two_way}::cfg]
}

# The entries of the bucket, in short.
proc ::kvt::stored {} {
    try { brief [[others] history >] } trap {NATS ErrKeyNotFound} {} { list }
}

# Keys and values of the bucket.
proc ::kvt::in_bucket {} {
    sorted [[others] get_many > -values true]
}

# Waits until a watcher has seen a revision.
proc ::kvt::await_revision {watcher revision {limit 30000}} {
    t::wait_until {[$watcher revision] >= $revision} $limit
}

# The changes that were lost, in short: {key operation value code}.
proc ::kvt::lost {} {
    lmap info [got errors] {
        list [dict get $info key] [dict get $info operation] [dict get $info value] [lindex [dict get $info code] 1]
    }
}

proc ::kvt::clean_array {} {
    variable Two_way
    clean
    namespace eval $Two_way {
        unset -nocomplain cfg
        variable cfg
    }
}
