//! Rust bindings to Tcl 8.6 and 9: one library for both, through the stub tables.
//!
//! All unsafe code of the project lives here, and nothing of what it is about. No C, no generated bindings, no
//! Tcl headers and no libtcl at build time.
//!
//! | module | what lives there |
//! |---|---|
//! | `stubs` | the tables and their functions, as in the C headers |
//! | [`value`], [`text`] | counted values; text and bytes; lists and dicts |
//! | [`interp`], [`error`] | results, errors with codes, variables, evaluation |
//! | [`class`], `define`, [`object`], [`command`] | TclOO classes and commands made of tables of functions |
//! | [`channel`] | when channels are ready, and when they are closed |
//! | `load` | what happens when Tcl loads a library |
//! | `instance` | what an object keeps from its making to its end |
//! | [`trace`] | traces on arrays |
//! | [`event`] | one mailbox a Tcl thread, drained by one event source in capped turns |
//! | `mailbox` | what other threads leave for a Tcl thread |
//! | [`wait`] | the coroutine-aware wait |
//! | [`evaluation`] | commands of scripts that run in the place of native ones |
//! | [`exit`] | the end of the process |
//! | `guard` | the one panic wall |
//! | [`fork`] | processes forked off this one |
//!
//! Threads: a value, an interpreter and an object belong to one Tcl thread, and their types are neither
//! `Send` nor `Sync`. What may cross is a [`event::Notifier`], an [`event::Sender`] or a [`wait::Completer`].
//!
//! # A tour
//!
#![doc = "```"]
#![doc = include_str!("../examples/tour.rs")]
#![doc = "```"]
#![deny(unsafe_op_in_unsafe_fn, clippy::undocumented_unsafe_blocks)]
// The types of the raw layer follow the C signatures.
#![allow(clippy::type_complexity)]

pub mod channel;
pub mod class;
pub mod command;
mod define;
pub mod error;
pub mod evaluation;
pub mod event;
pub mod exit;
pub mod fork;
mod guard;
mod instance;
pub mod interp;
#[doc(hidden)]
pub mod load;
mod mailbox;
pub mod object;
#[allow(clippy::missing_safety_doc)]
mod stubs;
pub mod text;
pub mod trace;
pub mod value;
pub mod wait;

pub use class::{Call, Class, Method, Outcome};
pub use define::define;
pub use error::{Error, Kind, Result};
pub use interp::Interp;
pub use load::init;
pub use object::Object;
pub use value::Obj;

#[doc(hidden)]
pub use stubs::Interp as RawInterp;

/// The example of the README is compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

/// Exports what Tcl's `load` looks for: `tcl::entry_point!(Example_Init => init)` makes the C symbol, which calls
/// `fn init(Interp) -> tcl::Result<()>`.
///
/// With `entry_point!(Example_Init => init, codes)` the function `codes` says which words of `-errorcode` a script
/// gets for what the bindings themselves find wrong ([`error::Kind`]).
///
/// There is no unload procedure on purpose: code must stay mapped while threads of the library live.
#[macro_export]
macro_rules! entry_point {
    ($symbol:ident => $init:path) => {
        $crate::entry_point!($symbol => $init, $crate::error::plain_codes);
    };
    ($symbol:ident => $init:path, $codes:path) => {
        #[no_mangle]
        pub unsafe extern "C" fn $symbol(interp: *mut $crate::RawInterp) -> ::core::ffi::c_int {
            // SAFETY: Tcl passes the interpreter that loads the library, of the calling thread.
            unsafe { $crate::load::load(interp, $init, $codes) }
        }
    };
}
