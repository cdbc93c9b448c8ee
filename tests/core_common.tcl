# What the core_*.test files share, on top of kv_common.tcl.
#
#     pki                   makes certificates, once a file; gives their folder: ca, server, named, self, client (.pem, .key)
#     tls_server section    a server with TLS; the section is what its configuration's "tls {...}" has besides certificates
#     meet servers ?option value ...?   a connection to the first server of a cluster, which knows of the others
#     closed_connection srv ?option value ...?   a configured connection with a silent log
#     attempt srv ?option value ...?             connects, pings and goes; gives {ok <INFO tls_required>} or {code message}
#     cluster size ?option value ...?   starts the servers of a cluster; the options are those of nats::server start
#     follow c              records the writes of status and last_error: [got writes]
#     await_return c        waits until a followed connection has lost its server and found one again
#     fake script           a server of our own making, {listener port}; the script is run with the `channel` of each client
#     greet channel ?then? ?fields?   answers a handshake, then sends something; the JSON fields are added to the INFO
#     of c name             the full name of a public variable
#     log_lines c           lines in the log of a connection made by `logging`

source -encoding utf-8 [file join [file dirname [info script]] kv_common.tcl]

namespace eval ::core {
    namespace export {[a-z]*}
    variable Pki {}
    variable Sink [t::null]
}

proc ::core::of {c name} { return [info object namespace $c]::$name }

# The log goes nowhere: failures are expected.
proc ::core::closed_connection {srv args} {
    variable Sink
    set c [nats::connection new {} -log_chan $Sink]
    $c configure -servers [nats::server url $srv] -reconnect_time_wait 50 {*}$args
    return $c
}

proc ::core::attempt {srv args} {
    set c [closed_connection $srv {*}$args]
    try {
        $c connect
        $c ping
        return [list ok [dict get [$c server_info] tls_required]]
    } on error {message options} {
        return [list [dict get $options -errorcode] $message]
    } finally {
        $c destroy
    }
}

# Records the writes of status and last_error.
proc ::core::follow {c} {
    ::kvt::recorder writes
    foreach name {status last_error} {
        trace add variable [of $c $name] write [list ::core::Note $name]
    }
}

proc ::core::Note {name variable args} {
    upvar 1 $variable value
    ::kvt::Record writes [expr {$name eq "status" ? $value : "error:[lindex [lindex $value 1] 1]"}]
}

proc ::core::await_return {c} {
    t::wait_until {"reconnecting" in [::kvt::got writes] && [lindex [::kvt::got writes] end] eq "connected"} 20000
}

# All have routes to the first one.
proc ::core::cluster {size args} {
    set hub [::kvt::free_port]
    set servers {}
    for {set n 1} {$n <= $size} {incr n} {
        set port [expr {$n == 1 ? $hub : [::kvt::free_port]}]
        lappend servers [t::server -jetstream 0 {*}$args \
            -args [list --cluster_name c --cluster nats://127.0.0.1:$port --routes nats://127.0.0.1:$hub]]
    }
    return $servers
}

# A server tells about others once it knows them.
proc ::core::meet {servers args} {
    set c [closed_connection [lindex $servers 0] -max_reconnect_attempts -1 {*}$args]
    t::wait_until {
        ![catch {$c connect}] && ([llength [dict get [$c server_info] connect_urls]] == [llength $servers] || [$c disconnect] ne {})
    } 20000
    return $c
}

# ---- servers of our own making

proc ::core::fake {script} {
    set listener [socket -server [list ::core::Fake $script] -myaddr 127.0.0.1 0]
    list $listener [lindex [fconfigure $listener -sockname] 2]
}

proc ::core::Fake {script channel args} {
    fconfigure $channel -blocking 0 -translation binary -buffering none
    apply [list channel $script] $channel
}

proc ::core::greet {channel {then {}} {fields {"headers":true}}} {
    puts -nonewline $channel "INFO \{\"server_id\":\"F\",\"version\":\"2.10.0\",\"proto\":1,\"max_payload\":1000,$fields\}\r\n"
    fileevent $channel readable [list ::core::Greeted $channel $then]
}

proc ::core::Greeted {channel then} {
    set text [read $channel]
    if {[eof $channel]} { close $channel; return }
    if {[string match *PING\r\n* $text]} {
        puts -nonewline $channel PONG\r\n$then
        fileevent $channel readable [list ::core::Drain $channel]
    }
}

proc ::core::Drain {channel} {
    read $channel
    if {[eof $channel]} { close $channel }
}

# ---- certificates

proc ::core::Openssl {args} {
    if {[catch {exec openssl {*}$args <[t::nothing] 2>@1} output]} { error "openssl [lindex $args 0]: $output" }
}

# A certificate signed by the authority, or by itself if there is no authority yet.
proc ::core::Certificate {dir name subject args} {
    set files [list -keyout $dir/$name.key -out $dir/$name.pem -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1]
    set signer [expr {[file exists $dir/ca.pem] && $name ne "self" ? [list -CA $dir/ca.pem -CAkey $dir/ca.key] : {}}]
    Openssl req -x509 -days 2 -subj /CN=$subject {*}$files {*}$signer {*}[concat {*}[lmap extension $args { list -addext $extension }]]
}

proc ::core::pki {} {
    variable Pki
    if {$Pki ne {}} { return $Pki }
    set dir [file join $::t::tmpdir pki]
    file mkdir $dir
    Certificate $dir ca Authority
    set leaf {basicConstraints=critical,CA:FALSE}
    Certificate $dir server server $leaf subjectAltName=DNS:localhost,IP:127.0.0.1
    Certificate $dir local local $leaf subjectAltName=DNS:localhost
    Certificate $dir named named $leaf subjectAltName=DNS:nats.internal
    Certificate $dir client client $leaf extendedKeyUsage=clientAuth
    # As many people make them: a server certificate that says it is an authority.
    Certificate $dir self self subjectAltName=IP:127.0.0.1
    set Pki $dir
}

proc ::core::tls_server {{certificate server} {section {}} args} {
    set dir [pki]
    t::server -config "
        tls { cert_file: \"$dir/$certificate.pem\", key_file: \"$dir/$certificate.key\", timeout: 5
            $section }
    " {*}$args
}
