# A process beside the one under test: it runs the scripts that peers.tcl sends it, each in a coroutine, and ends with its
# standard input. It has servers, relays and writers, so that these go on while the process under test is busy or waits.

namespace eval ::peer {
    variable Root [file dirname [file dirname [file normalize [info script]]]]
}
source [file join $::peer::Root tcl server.tcl]
source [file join $::peer::Root soak relay.tcl]
source [file join $::peer::Root soak writers.tcl]
source [file join $::peer::Root soak arrays.tcl]

# A line is {number script}, in base64; so is the answer, {number code result errorcode}.
proc ::peer::Hear {} {
    if {[gets stdin line] < 0} {
        if {[eof stdin]} { exit }
        return
    }
    lassign [encoding convertfrom utf-8 [binary decode base64 $line]] number script
    coroutine ::peer::Request$number ::peer::Run $number $script
}

proc ::peer::Run {number script} {
    set code [catch {uplevel #0 $script} result options]
    set error [expr {$code == 1 ? [dict get $options -errorcode] : {}}]
    puts [binary encode base64 [encoding convertto utf-8 [list $number $code $result $error]]]
}

proc ::peer::Serve {} {
    fconfigure stdin -blocking 0 -translation lf
    fconfigure stdout -buffering line -translation lf
    fileevent stdin readable ::peer::Hear
    # What goes wrong here belongs to the run.
    interp bgerror {} {apply {{message options} {
        puts stderr "peer: $message\n[dict get $options -errorinfo]"
    }}}
    vwait forever
}

::peer::Serve
