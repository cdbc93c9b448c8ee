# A form of thirty keys: read at once, as they were at one moment, and saved without losing what others have changed.
#
#     TCLLIBPATH=$PWD/build tclsh examples/form.tcl           (nats-server on PATH, or NATS_SERVER=/path/of/it)
#
# Prints:
#
#   30 fields of revision 30, the city is Paris
#   saved: city phone
#   saved: fax
#   changed by somebody else meanwhile: city is Rome, not Oslo
#   Rome, 555-1234, 555-4321

package require nats
package require nats::server

# What somebody has on the screen: the entries as they were read, and the fields as they stand in the form.
namespace eval form {
    # Reads all fields of a customer. One answer of the server, however many they are, and never the half of a change
    # that `transaction` makes.
    proc open {kv prefix} {
        set entries [$kv get_many $prefix.* -revision_var revision]
        set fields [dict map {key entry} $entries { dict get $entry value }]
        dict create kv $kv prefix $prefix entries $entries fields $fields revision $revision
    }

    proc field {form name} { dict get $form fields [dict get $form prefix].$name }

    # Writes what the user has changed, each field on top of the revision that the user has seen. Returns the names of the
    # fields that somebody else has changed; these are left as they are.
    proc save {form} {
        set saved {}
        set lost {}
        dict for {key value} [dict get $form fields] {
            set entry [dict get $form entries $key]
            if {$value eq [dict get $entry value]} continue
            set name [lindex [split $key .] end]
            try {
                [dict get $form kv] update $key $value [dict get $entry revision]
                lappend saved $name
            } trap {NATS ErrWrongLastSequence} {} {
                lappend lost $name
            }
        }
        if {$saved ne {}} { puts "saved: [lsort $saved]" }
        return $lost
    }
}

set server [nats::server start]
set connection [nats::connection new]
$connection configure -servers [nats::server url $server]
$connection connect
set js [$connection jet_stream]
set kv [$js create_kv_bucket customers -storage memory]
foreach name {name street zip country phone mobile fax mail web} { $kv put 7.$name "the $name" }
for {set n 1} {$n <= 20} {incr n} { $kv put 7.note$n {} }
$kv put 7.city Paris

# Two people open the form of the same customer.
set ann [form::open $kv 7]
set bob [form::open $kv 7]
puts "[dict size [dict get $ann fields]] fields of revision [dict get $ann revision], the city is [form::field $ann city]"

dict set ann fields 7.city Rome
dict set ann fields 7.phone 555-1234
form::save $ann

dict set bob fields 7.city Oslo
dict set bob fields 7.fax 555-4321
foreach name [form::save $bob] {
    set theirs [form::field [form::open $kv 7] $name]
    puts "changed by somebody else meanwhile: $name is $theirs, not [form::field $bob $name]"
}

set now [form::open $kv 7]
puts [join [lmap name {city phone fax} { form::field $now $name }] ", "]

$connection destroy
nats::server stop $server
