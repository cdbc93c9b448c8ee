# A settings window over a two-way array: what is typed is stored, what others store is shown, and a conflict is told.
#
#     TCLLIBPATH=$PWD/build wish examples/settings_window.tcl ?seconds?  (nats-server on PATH, or NATS_SERVER=/path/of/it)
#
# Stays until its window is closed, or for the given number of seconds. Needs Tk.
#
# Prints:
#
#   shown: title "My app", size 10, toolbar 1
#   stored: title "Our app", size 10, toolbar 0
#   shown: title "Our app", size 12, toolbar 0
#   conflict: size: 14 is not stored, others have made it 16
#   shown: title "Our app", size 16, toolbar 0

package require Tk
package require nats
package require nats::server

set server [nats::server start]
set connection [nats::connection new]
$connection configure -servers [nats::server url $server]
$connection connect
set kv [[$connection jet_stream] create_kv_bucket settings -storage memory]
foreach {key value} {window.title "My app" window.size 10 window.toolbar 1} { $kv put $key $value }

# ---- the window: widgets that know nothing of NATS

ttk::frame .form -padding 12
pack .form -fill both -expand 1
wm title . Settings
ttk::label .form.l1 -text Title
ttk::entry .form.title -textvariable settings(window.title)
ttk::label .form.l2 -text Size
ttk::spinbox .form.size -textvariable settings(window.size) -from 6 -to 72
ttk::checkbutton .form.toolbar -text Toolbar -variable settings(window.toolbar)
ttk::label .form.notice -textvariable notice
grid .form.l1 .form.title -sticky we -padx 6 -pady 3
grid .form.l2 .form.size -sticky we -padx 6 -pady 3
grid x .form.toolbar -sticky w -padx 6 -pady 3
grid .form.notice - -sticky w -padx 6 -pady 3

# ---- the array: what is typed is stored two seconds after the last key, or when somebody wants to be sure

proc lost {info} {
    global settings notice
    dict with info {
        set name [lindex [split $key .] end]
        set notice "$name: $value is not stored, others have made it $settings($key)"
    }
}

array set settings {}
set watcher [$kv watch window.> -values_array settings -writable true -delay 2000 -error_callback lost \
    -callback {apply {entry { if {$entry eq {}} { set ::loaded 1 } }}}]
vwait loaded

proc say {what title size toolbar} { puts "$what: title \"$title\", size $size, toolbar $toolbar" }
proc shown {} {
    update
    say shown [.form.title get] [.form.size get] [expr {[.form.toolbar instate selected]}]
}
proc stored {} {
    global kv
    say stored {*}[lmap key {window.title window.size window.toolbar} { $kv get_value $key }]
}
shown

# Somebody types, and clicks.
.form.title delete 0 end
.form.title insert end "Our app"
.form.toolbar invoke
$watcher flush -timeout 5000
stored

# Somebody else changes a setting.
$kv put window.size 12
while {$settings(window.size) != 12} { vwait settings }
shown

# Two change the same setting at once: the first one wins, and the other one is told.
.form.size set 14
$kv put window.size 16
$watcher flush -timeout 5000
puts "conflict: $notice"
shown

if {$argc > 0} { after [expr {int([lindex $argv 0] * 1000)}] {destroy .} }
tkwait window .
# What was typed last is not lost.
$watcher flush -timeout 5000
$connection destroy
nats::server stop $server
exit
