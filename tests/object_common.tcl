# What the test files about object stores share, on top of kv_common.tcl:
#
#     source -encoding utf-8 [file join [file dirname [info script]] object_common.tcl]
#     namespace eval ::t::object_put {
#         namespace import ::tcltest::test ::kvt::* ::objt::*
#         lassign [kv_server] srv c js
#     }

source -encoding utf-8 [file join [file dirname [info script]] kv_common.tcl]

namespace eval ::objt {
    namespace export {[a-z]*}
    namespace path ::kvt
    variable Count 0
}

# A bucket in memory with a name of its own.
proc ::objt::store {js args} {
    variable Count
    $js create_object_store O[incr Count] -storage memory {*}$args
}

# Bytes that differ everywhere.
proc ::objt::bytes {length} {
    set bytes {}
    for {set n 0} {[string length $bytes] < $length} {incr n} {
        append bytes [binary format I [expr {$n * 2654435761 & 0xffffffff}]]
        if {[string length $bytes] > 4096} break
    }
    if {[string length $bytes] < $length} {
        set bytes [string repeat $bytes [expr {$length / [string length $bytes] + 1}]]
    }
    string range $bytes 0 [expr {$length - 1}]
}

# The subject of an object's meta.
proc ::objt::meta_subject {bucket name} {
    set code [binary encode base64 [encoding convertto utf-8 $name]]
    return \$O.$bucket.M.[string map {+ - / _ \n {}} $code]
}

# Stores a meta as another client could; gives its sequence.
proc ::objt::raw_meta {c bucket name json {header {}}} {
    set reply [$c request [meta_subject $bucket $name] [encoding convertto utf-8 $json] -header $header]
    if {![regexp {"seq":\s*(\d+)} $reply -> seq]} { error $reply }
    return $seq
}

# Stores chunks as another client could.
proc ::objt::raw_chunks {c bucket nuid args} {
    foreach chunk $args {
        set reply [$c request \$O.$bucket.C.$nuid $chunk]
        if {![regexp {"seq":} $reply]} { error $reply }
    }
}

# The JSON of an object's meta, as it is stored.
proc ::objt::stored_meta {js bucket name} {
    nats::msg data [$js stream_msg_get OBJ_$bucket -last_by_subj [meta_subject $bucket $name]]
}

# How many messages there are on the chunk subjects of a bucket, by nuid.
proc ::objt::chunk_counts {c bucket} {
    set info [json [api $c STREAM.INFO.OBJ_$bucket "{\"subjects_filter\":\"\$O.$bucket.C.>\"}"]]
    if {![dict exists $info state subjects]} { return {} }
    set counts {}
    dict for {subject count} [dict get $info state subjects] { dict set counts [lindex [split $subject .] 3] $count }
    return $counts
}

# True if the chunks of the bucket are those of its objects.
proc ::objt::is_clean {os c} {
    set known {}
    foreach info [$os list] {
        if {[dict get $info chunks] > 0} { dict set known [dict get $info nuid] [dict get $info chunks] }
    }
    expr {[sorted $known] eq [sorted [chunk_counts $c [$os bucket]]]}
}

# A file of its own with these bytes.
proc ::objt::file_of {bytes} {
    set channel [file tempfile path]
    fconfigure $channel -translation binary
    puts -nonewline $channel $bytes
    close $channel
    return $path
}

proc ::objt::bytes_of {path} {
    set channel [open $path rb]
    set bytes [read $channel]
    close $channel
    return $bytes
}

# A channel to write to, which takes all; the first time it runs a script before.
proc ::objt::sink {script} {
    variable Sunk
    set channel [chan create write ::objt::Sink]
    fconfigure $channel -translation binary
    set Sunk($channel) $script
    return $channel
}

proc ::objt::Sink {method channel args} {
    variable Sunk
    switch $method {
        initialize { return {initialize finalize watch write} }
        finalize { unset Sunk($channel) }
        write {
            set script $Sunk($channel)
            set Sunk($channel) {}
            uplevel #0 $script
            return [string length [lindex $args 0]]
        }
    }
}
