# A TCP proxy on loopback that misbehaves on demand. For peer.tcl; a relay is known by its port.
#
#     relay::new port            a relay to a port
#     relay::set_mode relay mode
#         flow       passes everything on, in both directions
#         trickle    passes it on in small pieces
#         stall      passes nothing on, and keeps the connections
#         cut        closes the connections, and each new one at once

namespace eval ::relay {
    # relay -> dict: target, mode, channels
    variable Relays
    array set Relays {}
}

proc ::relay::new {target} {
    variable Relays
    # The procedure learns the relay's name from the channel, for the port is not known yet.
    set listener [socket -server ::relay::Accept -myaddr 127.0.0.1 0]
    set relay [lindex [fconfigure $listener -sockname] 2]
    set Relays($relay) [dict create target $target mode flow channels {}]
    return $relay
}

proc ::relay::set_mode {relay mode} {
    variable Relays
    dict set Relays($relay) mode $mode
    foreach {from to} [dict get $Relays($relay) channels] {
        if {$mode eq "cut"} {
            catch {close $from}
            catch {close $to}
        } else {
            Listen $relay $from $to
        }
    }
    if {$mode eq "cut"} { dict set Relays($relay) channels {} }
}

proc ::relay::Accept {client args} {
    variable Relays
    set relay [lindex [fconfigure $client -sockname] 2]
    if {[dict get $Relays($relay) mode] eq "cut" || [catch {socket 127.0.0.1 [dict get $Relays($relay) target]} server]} {
        close $client
        return
    }
    foreach channel [list $client $server] {
        fconfigure $channel -translation binary -buffering none -blocking 0
    }
    foreach {from to} [list $client $server $server $client] {
        dict lappend Relays($relay) channels $from $to
        Listen $relay $from $to
    }
}

proc ::relay::Listen {relay from to} {
    variable Relays
    set mode [dict get $Relays($relay) mode]
    # One of a pair may be closed while the other is still listed.
    if {$from ni [chan names] || $to ni [chan names]} return
    fileevent $from readable [expr {$mode eq "stall" ? {} : [list ::relay::Pass $relay $from $to]}]
}

proc ::relay::Pass {relay from to} {
    variable Relays
    if {[dict get $Relays($relay) mode] eq "trickle"} {
        set size [expr {1 + int(rand() * 40)}]
        fileevent $from readable {}
        after 1 [list ::relay::Listen $relay $from $to]
    } else {
        set size 65536
    }
    if {[catch {read $from $size} data] || ($data eq {} && [eof $from]) || [catch {puts -nonewline $to $data}]} {
        catch {close $from}
        catch {close $to}
    }
}
