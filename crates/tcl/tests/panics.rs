//! Panics become Tcl errors, wherever they happen, and print nothing: `examples/stress.rs`.

mod tclsh;

const SCRIPT: &str = r#"
    load [lindex $argv 0] Stress
    Stress create s
    proc heard {message options} { lappend ::heard $message [dict get $options -errorcode] }
    interp bgerror {} heard
    proc said {message} { regsub {:\d+\)$} $message ) }
    foreach where {call thread answer} {
        catch {s panic $where} message options
        puts "[said $message] [dict get $options -errorcode]"
        coroutine worker apply {where { catch {s panic $where} ::message ::options; set ::done 1 }} $where
        if {![info exists done]} { vwait done }
        unset done
        puts "[said $message] [dict get $options -errorcode]"
    }
    s panic step
    vwait heard
    puts "[said [lindex $heard 0]] [lindex $heard 1]"
    puts [s wait 10]
"#;

#[test]
fn panics_become_errors_and_print_nothing() {
    let mut expected = String::new();
    for place in ["call", "thread", "answer"] {
        let line = format!(
            "internal error: in {} {place} (crates/tcl/examples/stress.rs) TCL BINDINGS INTERNAL\n",
            if place == "answer" { "an" } else { "a" }
        );
        expected += &line.repeat(2);
    }
    expected +=
        "internal error: in a step (crates/tcl/examples/stress.rs) TCL BINDINGS INTERNAL\n10\n";
    tclsh::run("stress", SCRIPT, 1, &expected);
}
