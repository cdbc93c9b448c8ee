# Processes beside this one, and how a scenario waits. Everything here is called in a coroutine.
#
#     peers::new                 starts a process of peer.tcl; gives its handle
#     peers::ask peer script     runs a script there, gives its result or raises its error
#     peers::tell peer script    the same without waiting; an error there is a background error here
#     peers::end peer            ends the process, and the servers that it has started
#     peers::pause ms            lets time pass

namespace eval ::peers {
    variable Directory [file dirname [file normalize [info script]]]
    # peer -> its channel's requests: number -> coroutine, or empty for `tell`
    variable Waiting
    array set Waiting {}
    variable Count 0
}

proc ::peers::new {} {
    variable Directory
    variable Waiting
    set peer [open |[list [info nameofexecutable] [file join $Directory peer.tcl] 2>@stderr] r+]
    fconfigure $peer -blocking 0 -buffering line -translation lf
    fileevent $peer readable [list ::peers::Hear $peer]
    set Waiting($peer) {}
    ask $peer [list set ::auto_path $::auto_path]
    return $peer
}

proc ::peers::ask {peer script} {
    Send $peer $script [info coroutine]
    lassign [yield] code result error
    if {$code == 1} { return -code error -errorcode $error "in a peer: $result" }
    return $result
}

proc ::peers::tell {peer script} {
    Send $peer $script {}
}

proc ::peers::Send {peer script coroutine} {
    variable Waiting
    variable Count
    dict set Waiting($peer) [incr Count] $coroutine
    puts $peer [binary encode base64 [encoding convertto utf-8 [list $Count $script]]]
}

proc ::peers::Hear {peer} {
    variable Waiting
    if {[gets $peer line] < 0} {
        if {[eof $peer]} {
            close $peer
            error "a peer has ended by itself"
        }
        return
    }
    lassign [encoding convertfrom utf-8 [binary decode base64 $line]] number code result error
    set coroutine [dict get $Waiting($peer) $number]
    dict unset Waiting($peer) $number
    if {$coroutine ne {}} {
        # The variable is gone if the coroutine ends the peer.
        $coroutine [list $code $result $error]
    } elseif {$code == 1} {
        error "in a peer: $result"
    }
}

proc ::peers::end {peer} {
    variable Waiting
    fileevent $peer readable {}
    # Its end may take as long as the end of its servers does.
    fconfigure $peer -blocking 1
    close $peer write
    read $peer
    close $peer
    unset Waiting($peer)
}

proc ::peers::pause {ms} {
    after [expr {int($ms)}] [list [info coroutine]]
    yield
}
