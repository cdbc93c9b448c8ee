# Processes of the benchmark: run to their end, or until their time is up.

proc bench::read_file {path} {
    set channel [open $path]
    try { return [read $channel] } finally { close $channel }
}

# The output of a command, standard error included; an error if it fails or takes longer than a limit in seconds.
proc bench::run {command {limit 300}} {
    variable Output {}
    variable State running
    set channel [open |[list {*}$command 2>@1] r]
    fconfigure $channel -blocking 0
    fileevent $channel readable [list bench::On_output $channel]
    set timer [after [expr {$limit * 1000}] {set bench::State late}]
    vwait bench::State
    after cancel $timer
    if {$State eq "late"} {
        catch { exec /bin/sh -c "kill [pid $channel]" }
        error "not within $limit s: $command\n$Output"
    }
    fconfigure $channel -blocking 1
    if {[catch {close $channel} message]} { error "$command: $message\n$Output" }
    return $Output
}

proc bench::On_output {channel} {
    append ::bench::Output [read $channel]
    if {[eof $channel]} { set ::bench::State ended }
}

# The numbers of a client's line "result a b c".
proc bench::result {command {limit 300}} {
    set output [run $command $limit]
    if {![regexp -line {^result (.*)$} $output -> numbers]} { error "no result: $command\n$output" }
    return $numbers
}

proc bench::median {numbers} {
    set sorted [lsort -real $numbers]
    set middle [expr {[llength $sorted] / 2}]
    if {[llength $sorted] % 2} { return [lindex $sorted $middle] }
    expr {([lindex $sorted $middle-1] + [lindex $sorted $middle]) / 2.0}
}

# 1234567 as 1 234 567.
proc bench::grouped {number} {
    set number [format %.0f $number]
    while {[regsub {^(-?\d+)(\d{3})} $number {\1 \2} number]} {}
    return $number
}
