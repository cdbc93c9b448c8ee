# Loads the package and talks to a server: connect, put, get, a watched array. Says where the library came from.
#
#     TCLLIBPATH=... tclsh tools/dist.d/smoke.tcl nats://127.0.0.1:4222

package require nats
set library [lindex [lsearch -inline -index 1 [info loaded] Nats] 0]
set connection [nats::connect [lindex $argv 0]]
set js [$connection jet_stream]
set bucket smoke[pid]
set kv [$js create_kv_bucket $bucket -storage memory]
set revision [$kv put color green]
if {[$kv get_value color] ne "green" || $revision != 1} { error "put and get disagree" }
$kv watch > -values_array values
set timer [after 20000 {error "no value within 20 s"}]
while {![info exists values(color)]} { vwait values }
after cancel $timer
$js delete_kv_bucket $bucket
$connection destroy
puts "Tcl [info patchlevel], $tcl_platform(os) $tcl_platform(machine): connect, put, get, watch with $library"
