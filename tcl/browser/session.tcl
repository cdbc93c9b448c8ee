# What the parts of a window share: the connection, the window's own jet_stream object, whether anything may be changed,
# and the log of what went wrong.

oo::class create ::nats::browser::Session {
    superclass ::nats::browser::Part
    variable Connection Js Read_only Log Listener Samples

    # The listener is told: cmdPrefix failed|noted text.
    constructor {connection read_only listener} {
        next [self]
        set Connection $connection
        set Read_only $read_only
        set Listener $listener
        set Log {}
        # Nobody waits in here, so a server that is busy may take its time.
        set Js [$connection jet_stream -timeout 20000]
        set Samples [Samples new]
    }

    destructor {
        # The application may have destroyed its connection, and with it the object, before.
        if {[info object isa object $Js]} { $Js destroy }
        $Samples destroy
        next
    }

    method js {} { return $Js }
    method connection {} { return $Connection }
    method read_only {} { return $Read_only }
    method samples {} { return $Samples }
    method alive {} { expr {[info object isa object $Connection] && [info object isa object $Js]} }

    method status {} {
        if {![my alive]} { return gone }
        $Connection cget -status
    }

    method server_info {} {
        if {[my status] ne "connected" || [catch {$Connection server_info} info]} { return {} }
        return $info
    }

    # Values are bytes in here, whatever the application's connection makes of them.
    method to_bytes {value} {
        if {[$Connection cget -utf8_convert]} { return [To_bytes $value] }
        return $value
    }
    method to_value {bytes} {
        if {[$Connection cget -utf8_convert]} { return [To_text $bytes] }
        return $bytes
    }

    # The bytes of a key's latest entry where the application's connection makes text of them and that is not sure: bytes
    # that are no UTF-8 look like characters then. The API's own answer has them in base64.
    method exact_bytes {bucket key value} {
        if {![$Connection cget -utf8_convert] || ![regexp {[\u0080-\u00ff]} $value]} { return [my to_bytes $value] }
        set question [::nats::json object last_by_subj [::nats::json quote \$KV.$bucket.$key]]
        set answer [::nats::json decode [$Connection request [$Js api_prefix].STREAM.MSG.GET.KV_$bucket $question]]
        if {![dict exists $answer message]} { return [my to_bytes $value] }
        binary decode base64 [expr {[dict exists $answer message data] ? [dict get $answer message data] : ""}]
    }

    # Whether bytes can be written through the connection.
    method is_writable {bytes} {
        expr {![$Connection cget -utf8_convert] || [To_bytes [To_text $bytes]] eq $bytes}
    }

    # A call has failed. What ends together with the window or the connection is no failure worth telling.
    method failed {message options} {
        set code [dict get $options -errorcode]
        if {![my alive]} { set message "the connection was destroyed" }
        my log $message [expr {[lindex $code 0] eq "NATS" ? [lindex $code 1] : {}}] \
            [expr {[lindex $code 0] eq "NATS" ? {} : [dict get $options -errorinfo]}]
    }

    method log {message {code {}} {trace {}}} {
        lappend Log [dict create time [clock milliseconds] message $message code $code trace $trace]
        set Log [lrange $Log end-199 end]
        {*}$Listener failed [expr {$code eq {} ? $message : "$message ($code)"}]
    }

    method note {text} { {*}$Listener noted $text }

    # The last 200, each a dict: time message code trace; the trace only of what is no error of NATS.
    method errors {} { return $Log }

    # Whether something may be changed; says so if not.
    method may_write {} {
        if {$Read_only} { my note "Read-only: nothing is changed" }
        expr {!$Read_only}
    }
}
