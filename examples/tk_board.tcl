# A departure board that follows a bucket: -textvariable on the elements of a live array does all the work.
#
#     TCLLIBPATH=$PWD/build wish examples/tk_board.tcl ?seconds?  (nats-server on PATH, or NATS_SERVER=/path/of/it)
#
# Stays until its window is closed, or for the given number of seconds. Needs Tk.
#
# Prints:
#
#   shown: LIS 14:10 gate 3 | OSL 14:25 gate 7
#   later: LIS 14:40 gate 3 | OSL 14:25 gate 9

package require Tk
package require nats
package require nats::server

set server [nats::server start]
set connection [nats::connection new]
$connection configure -servers [nats::server url $server]
$connection connect
set js [$connection jet_stream]
set kv [$js create_kv_bucket departures -storage memory]

array set departures {}
ttk::frame .board -padding 12
pack .board -fill both -expand 1
wm title . Departures

# A row for each key that appears.
proc add_row {array key operation} {
    if {[winfo exists .board.key$key]} return
    ttk::label .board.key$key -text $key -font TkHeadingFont
    ttk::label .board.value$key -textvariable departures($key) -width 24
    grid .board.key$key .board.value$key -sticky w -padx 6 -pady 3
}
trace add variable departures write add_row

# What the board shows.
proc shown {} {
    set labels [lsearch -all -inline [lsort [winfo children .board]] .board.key*]
    join [lmap label $labels {
        set key [$label cget -text]
        string cat "$key $::departures($key)"
    }] { | }
}

proc wait_for {condition} {
    while {![uplevel #0 [list expr $condition]]} { vwait departures }
    update idletasks
}

$kv put LIS "14:10 gate 3"
$kv put OSL "14:25 gate 7"
$kv watch > -values_array departures
wait_for {[array size departures] == 2}
puts "shown: [shown]"

# Somebody at the airport.
$kv put LIS "14:40 gate 3"
$kv put OSL "14:25 gate 9"
wait_for {$departures(OSL) eq "14:25 gate 9"}
puts "later: [shown]"

if {$argc > 0} { after [expr {int([lindex $argv 0] * 1000)}] {destroy .} }
tkwait window .
$connection destroy
nats::server stop $server
exit
