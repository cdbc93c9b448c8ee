//! Traces on arrays, in a real tclsh of each version.

mod tclsh;

const SCRIPT: &str = r#"
    load [lindex $argv 0] Traces
    proc heard {event element} {
        puts "$event <$element>"
        if {$element eq "bad"} { error "no such thing" }
    }
    array set a {old 1}
    traces::set ::a heard
    set a(x) 1
    append a(x) 2
    incr a(n) 5
    array set a {y 1 "\u20ac\u0000" 2}
    unset a(x)
    array unset a n*
    puts [catch {set a(bad) 1} message options]\ $message\ [dict get $options -errorcode]
    unset a(bad)
    unset a
    set a(again) 1
    unset a
    array set a {}
    set a(more) 1
    traces::remove
    set a(silent) 1
    unset a

    puts "from inside"
    proc ends {event element} { puts "ends $event"; traces::remove }
    array set b {}
    traces::set ::b heard
    traces::set ::b ends
    set b(1) 1
    set b(2) 1
    # The one that was set last comes first, and takes away what Tcl is about to call.
    traces::set ::b heard
    traces::set ::b ends
    unset b
    set b(3) 1
    unset b

    puts "links and namespaces"
    namespace eval n { array set c {} }
    namespace eval link {}
    namespace upvar ::n c ::link::c
    upvar #0 ::n::c ::link::c
    traces::set ::link::c heard
    set n::c(1) 1
    namespace delete n
    traces::remove

    puts "an interpreter that goes"
    interp create i
    interp eval i [list load [lindex $argv 0] Traces]
    interp eval i {
        proc heard {event element} { puts "$event <$element>" }
        array set d {1 1}
        traces::set ::d heard
        set d(1) 2
    }
    interp delete i
    traces::remove
    puts [catch {traces::set ::no::such heard} message]\ $message
"#;

const SAID: &str = "written <x>
written <x>
written <n>
written <y>
written <\u{20ac}\u{0}>
unset <x>
unset <n>
written <bad>
1 can't set \"a(bad)\": no such thing TCL WRITE VARNAME
unset <bad>
gone <>
written <again>
gone <>
written <more>
from inside
ends written
ends gone
links and namespaces
written <1>
gone <>
an interpreter that goes
written <1>
1 can't trace \"::no::such\": parent namespace doesn't exist
";

#[test]
fn traces_on_arrays() {
    tclsh::run("traces", SCRIPT, 1, SAID);
}
