//! A library for tests: the command `fork`, as packages like TclX have it, for all versions of Tcl.
//!
//! `fork` returns the child's process id, and 0 in the child. `reap pid` waits for the child's end, and
//! returns its exit status, or the negative number of the signal that killed it.
#![cfg(unix)]

use core::ffi::c_int;
use tcl::command::{self, Command};
use tcl::{Error, Interp, Outcome, Result};

extern "C" {
    fn fork() -> c_int;
    fn waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int;
}

const COMMANDS: &[Command] = &[
    Command {
        name: "::fork",
        usage: "",
        args: 0..=0,
        call: |_, _| {
            // SAFETY: the child goes on in Tcl, which knows of forks.
            let pid = unsafe { fork() };
            Outcome::value(i64::from(checked(pid)?))
        },
    },
    Command {
        name: "::reap",
        usage: "pid",
        args: 1..=1,
        call: |_, args| {
            let pid = args[0].to_i64().and_then(|pid| pid.try_into().ok());
            let mut status = 0;
            // SAFETY: a place for the status.
            checked(unsafe { waitpid(pid.unwrap_or(0), &mut status, 0) })?;
            let signal = status & 0x7f;
            let code = if signal == 0 {
                status >> 8 & 0xff
            } else {
                -signal
            };
            Outcome::value(i64::from(code))
        },
    },
];

fn checked(returned: c_int) -> Result<c_int> {
    match returned {
        0.. => Ok(returned),
        _ => {
            let error = std::io::Error::last_os_error();
            Err(Error::new(error.to_string(), &["POSIX"]))
        }
    }
}

tcl::entry_point!(Fork_Init => init);

fn init(interp: Interp) -> Result<()> {
    command::define(interp, COMMANDS)?;
    interp.provide(c"fork", c"1.0")
}
