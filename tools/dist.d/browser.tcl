# Opens a window of nats::browser on a server and waits until it shows what is there. Says where the package came from.
#
#     TCLLIBPATH=... NATS_SERVER=... tclsh tools/dist.d/browser.tcl nats://127.0.0.1:4222

set url [lindex $argv 0]
set argv {}
source -encoding utf-8 [file join [file dirname [info script]] .. .. tests common.tcl]
t::display
package require Tk
set version [package require nats::browser]
set from [lindex [package ifneeded nats::browser $version] 1]
wm withdraw .
set connection [nats::connect $url]
set path [nats::browser open $connection]
set window $nats::browser::Windows($path)
t::wait_until {[$window places] ne {} && [[$window places] polled]} 60000
nats::browser select $path server
t::wait_until {[[$window view] ready]} 60000
destroy $path
$connection destroy
set errors [t::background_errors]
if {$errors ne {}} { error $errors }
puts "Tcl [info patchlevel], Tk [package provide Tk]: a window by $from"
file delete -force $::t::tmpdir
exit
