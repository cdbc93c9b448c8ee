//! The mailbox and the wait, served by many threads at once, in a real tclsh: `examples/stress.rs`.
//!
//! No item lost, none out of order, no wait forgotten: the script ends, and says "ok". It runs several
//! times, as races do not show each time; `STRESS_ROUNDS` says how often.

mod tclsh;

const SCRIPT: &str = r#"
    load [lindex $argv 0] Stress
    Stress create s
    set calls 0
    interp bgerror {} {apply {{message options} {
        if {[dict get $options -errorcode] ne "TCL BINDINGS COROUTINE"} { puts $message; exit 1 }
    }}}
    # Coroutines that wait at the same time.
    proc worker {waits} {
        for {set n 0} {$n < $waits} {incr n} {
            set us [expr {int(rand() * rand() * 300)}]
            if {[s wait $us] != $us} { puts "wrong answer"; exit 1 }
        }
        incr ::calls
    }
    for {set n 0} {$n < 100} {incr n} { coroutine worker$n worker 20 }
    # Some are deleted while they wait.
    for {set n 0} {$n < 50} {incr n} {
        coroutine doomed$n worker 1000
        after [expr {int(rand() * 20)}] [list catch [list rename doomed$n {}]]
    }
    # Items from many threads.
    proc received {word} {
        if {$word ne "ok"} { puts $word; exit 1 }
        incr ::calls
    }
    foreach n {1 2 3} { s receive 8 5000 received }
    # Waits in the event loop, one in the other.
    proc nested {depth} {
        if {$depth > 0} { after 0 [list nested [expr {$depth - 1}]] }
        s wait 100
        incr ::calls
    }
    nested 8
    for {set n 0} {$n < 100} {incr n} { s wait 20 }
    while {$calls < 100 + 3 + 9} { vwait calls }
    puts ok
"#;

#[test]
fn queues_and_waits_served_by_many_threads() {
    let rounds = std::env::var("STRESS_ROUNDS").map_or(5, |n| n.parse().unwrap_or(5));
    tclsh::run("stress", SCRIPT, rounds, "ok\n");
}
