//! What the crate's page shows does what it says: `examples/tour.rs`.

mod tclsh;

const SCRIPT: &str = r#"
    load [lindex $argv 0] Tour
    puts [tour::reverse abc]
    puts [catch {tour::reverse} message]\ $message
    puts [tour::attempt {string length abcd}]
    puts [tour::attempt {expr 1/0}]
    coroutine trier apply {{} { puts [tour::attempt yield] }}
    trier resumed
    puts [tour::attempt {return -level 0 -code break leaves}]
    coroutine deleted apply {{} { puts [tour::attempt yield] }}
    rename deleted {}
    tour::Counter create counter
    puts [counter add 2]
    puts [counter later 10]
    coroutine worker apply {{} { puts "later: [counter later 10]"; set ::done 1 }}
    counter add 40
    vwait done
    proc heard {number} { puts "number $number"; if {$number == 3} { set ::done 2 } }
    counter report 3 heard
    vwait done
    puts [catch {counter add two} message options]\ $message\ [dict get $options -errorcode]
    puts [catch {counter report 3 "\{"} message]\ $message
    counter report 1000 never
    counter destroy
    update
"#;

const SAID: &str = r#"cba
1 wrong # args: should be "tour::reverse text"
returned: 4
failed: divide by zero
returned: resumed
failed: leaves
2
2
later: 42
number 1
number 2
number 3
1 expected integer but got "two" TCL VALUE NUMBER
1 the command is not a list
"#;

#[test]
fn a_command_a_class_a_wait_and_a_callback() {
    tclsh::run("tour", SCRIPT, 1, SAID);
}
