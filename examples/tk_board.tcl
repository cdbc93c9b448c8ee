# A departure board that follows a bucket: headings, states in colours, flights that are edited by a double click, and a
# chart of the delays. What is typed is stored in the bucket, and whatever others store is shown at once.
#
#     TCLLIBPATH=$PWD/build wish examples/tk_board.tcl ?seconds?  (nats-server on PATH, or NATS_SERVER=/path/of/it)
#
# Stays until its window is closed, or for the given number of seconds. Needs Tk.
#
# Prints:
#
#   shown: LIS 14:10 gate 3 on time | OSL 14:25 gate 7 on time | ROM 14:50 gate 1 boarding
#   later: LIS 14:40 gate 3 delayed | OSL 14:25 gate 9 on time | ROM 14:50 gate 1 boarding
#   edited: OSL 14:55 gate 9 delayed
#   conflict: OSL was changed by somebody else
#   delays: LIS 30 OSL 40 ROM 0

package require Tk
package require nats
package require nats::server

set server [nats::server start]
set connection [nats::connection new]
$connection configure -servers [nats::server url $server]
$connection connect
set js [$connection jet_stream]
set kv [$js create_kv_bucket departures -storage memory]

# A value is "planned time gate state"; the time is the one that is expected now.
$kv put LIS {14:10 14:10 3 {on time}}
$kv put OSL {14:25 14:25 7 {on time}}
$kv put ROM {14:50 14:50 1 boarding}

# ---- the board

wm title . Departures
. configure -background #10151c
set em [font measure TkDefaultFont 0]
set line [font metrics TkDefaultFont -linespace]
ttk::style configure Board.Treeview -background #161d27 -fieldbackground #161d27 -foreground #f2cc60 -borderwidth 0 \
    -rowheight [expr {$line * 2}]
ttk::style configure Board.Treeview.Heading -background #10151c -foreground #8b98a9 -relief flat -padding [expr {$line / 4}]
ttk::style map Board.Treeview -background {selected #26415e} -foreground {selected #ffffff}
ttk::style map Board.Treeview.Heading -background {active #10151c}
ttk::treeview .board -style Board.Treeview -columns {time expected gate state} -height 3 -selectmode browse
foreach {column title width anchor} {#0 Destination 16 w time Planned 12 center expected Expected 12 center gate Gate 9 center state State 16 w} {
    .board heading $column -text $title -anchor $anchor
    .board column $column -width [expr {$width * $em}] -anchor $anchor
}
.board tag configure delayed -foreground #ff7b72
.board tag configure boarding -foreground #7ee787
.board tag configure changed -background #3b3413
canvas .chart -background #10151c -highlightthickness 0 -height [expr {$line * 9}] -width [expr {65 * $em}]
label .notice -background #10151c -foreground #8b98a9 -anchor w -text "Double click or Return: edit the expected time and the gate"
pack .board -fill both -expand 1 -padx $em -pady $em
pack .chart -fill x -padx $em
pack .notice -fill x -padx $em -pady $em
bind .board <Double-ButtonPress-1> { edit [.board identify item %x %y] }
bind .board <Return> { edit [.board focus] }
bind .chart <Configure> draw_delays

# ---- the bucket shows itself: an entry is a row

array set revisions {}

proc show {entry} {
    if {$entry eq {}} {
        set ::loaded 1
        return
    }
    set key [dict get $entry key]
    set ::revisions($key) [dict get $entry revision]
    if {[dict get $entry operation] ne "PUT"} {
        if {[.board exists $key]} { .board delete $key }
    } else {
        lassign [dict get $entry value] planned expected gate state
        if {![.board exists $key]} { .board insert {} end -id $key -text $key }
        .board item $key -values [list $planned $expected $gate $state] -tags [list $state]
        if {[info exists ::loaded]} { light_up $key $state }
    }
    draw_delays
    set ::shown [dict get $entry revision]
}

# What has changed lights up for a moment.
proc light_up {key state} {
    .board item $key -tags [list $state changed]
    after 1200 [list apply {{key state} {
        if {[winfo exists .board] && [.board exists $key]} { .board item $key -tags [list $state] }
    }} $key $state]
}

# ---- delays, as bars

proc minutes {time} {
    scan $time %d:%d hours minutes
    expr {60 * $hours + $minutes}
}

proc delay {key} { expr {[minutes [.board set $key expected]] - [minutes [.board set $key time]]} }

proc draw_delays {} {
    global em line
    .chart delete all
    .chart create text 0 0 -anchor nw -text "Delays, minutes" -fill #8b98a9
    set x [expr {10 * $em}]
    set room [expr {[winfo width .chart] - $x - 6 * $em}]
    set y [expr {$line * 2}]
    foreach key [.board children {}] {
        set width [expr {$room * min(60, [delay $key]) / 60.0}]
        .chart create text 0 $y -anchor w -text $key -fill #f2cc60
        .chart create rectangle $x [expr {$y - $line * 0.4}] [expr {$x + $room}] [expr {$y + $line * 0.4}] -fill #161d27 -outline {}
        .chart create rectangle $x [expr {$y - $line * 0.4}] [expr {$x + $width}] [expr {$y + $line * 0.4}] -fill #ff7b72 -outline {}
        .chart create text [expr {$x + $width + $em}] $y -anchor w -text [delay $key] -fill #f2cc60
        set y [expr {$y + $line * 2}]
    }
}

# ---- editing: a small form, which stores only if nobody else was faster

proc edit {key} {
    if {$key eq {}} return
    destroy .form
    toplevel .form -padx $::em -pady $::em
    wm title .form "Flight to $key"
    foreach {column title} {expected Expected gate Gate} {
        ttk::label .form.l$column -text $title
        ttk::entry .form.$column -width 12
        .form.$column insert 0 [.board set $key $column]
        grid .form.l$column .form.$column -padx $::em -pady [expr {$::em / 2}] -sticky w
    }
    ttk::button .form.store -text Store -command [list coroutine store store_flight $key $::revisions($key)]
    grid x .form.store -padx $::em -pady $::em -sticky e
    bind .form <Return> {.form.store invoke}
    bind .form <Escape> {destroy .form}
    focus .form.expected
}

# In a coroutine: the board goes on while the server is asked.
proc store_flight {key revision} {
    set expected [.form.expected get]
    set gate [.form.gate get]
    set planned [.board set $key time]
    set late [expr {[minutes $expected] > [minutes $planned]}]
    try {
        $::kv update $key [list $planned $expected $gate [expr {$late ? "delayed" : "on time"}]] $revision
        destroy .form
        set ::notice "$key is stored"
    } trap {NATS ErrWrongLastSequence} {} {
        set ::notice "$key was changed by somebody else"
    } on error {message} {
        set ::notice $message
    }
    .notice configure -text $::notice
}

# ---- a day at the airport

proc shown {key} {
    lassign [.board item $key -values] planned expected gate state
    return "$key $expected gate $gate $state"
}
proc board {} { join [lmap key [lsort [.board children {}]] { shown $key }] { | } }

$kv watch > -callback show
vwait loaded
puts "shown: [board]"

proc await_revision {revision} {
    while {$::shown < $revision} { vwait shown }
    update
}
$kv put LIS {14:10 14:40 3 delayed}
await_revision [$kv put OSL {14:25 14:25 9 {on time}}]
puts "later: [board]"

# Somebody edits a flight.
edit OSL
.form.expected delete 0 end
.form.expected insert 0 14:55
.form.store invoke
while {[winfo exists .form]} { vwait notice }
await_revision 6
puts "edited: [shown OSL]"

# Two edit the same flight.
edit OSL
.form.gate delete 0 end
.form.gate insert 0 12
await_revision [$kv put OSL {14:25 15:05 9 delayed}]
.form.store invoke
while {![string match *somebody* $notice]} { vwait notice }
puts "conflict: $notice"
destroy .form
puts "delays: [join [lmap key [lsort [.board children {}]] { string cat "$key [delay $key]" }]]"

if {$argc > 0} { after [expr {int([lindex $argv 0] * 1000)}] {destroy .} }
tkwait window .
$connection destroy
nats::server stop $server
exit
