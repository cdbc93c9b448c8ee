# What the core_*.test files share, on top of kv_common.tcl.
#
#     pki                   makes certificates, once a file; gives their folder: ca, server, named, self, client (.pem, .key)
#     tls_server section    a server with TLS; the section is what its configuration's "tls {...}" has besides certificates
#     closed_connection srv ?option value ...?   a configured connection with a silent log
#     attempt srv ?option value ...?             connects, pings and goes; gives {ok <INFO tls_required>} or {code message}
#     of c name             the full name of a public variable
#     log_lines c           lines in the log of a connection made by `logging`

source [file join [file dirname [info script]] kv_common.tcl]

namespace eval ::core {
    namespace export {[a-z]*}
    variable Pki {}
    variable Sink [open /dev/null w]
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

# ---- certificates

proc ::core::Openssl {args} {
    if {[catch {exec openssl {*}$args </dev/null 2>@1} output]} { error "openssl [lindex $args 0]: $output" }
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
