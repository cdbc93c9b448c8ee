//! Rust bindings to Tcl 8.6 and 9: one library for both, through the stub tables.
//!
//! All unsafe code of the project lives here, and nothing about NATS. No C, no generated bindings, no
//! Tcl headers and no libtcl at build time.
//!
//! | module | what lives there |
//! |---|---|
//! | `stubs` | the tables and their functions, as in the C headers |
//! | [`value`], [`text`] | counted values; text and bytes; lists and dicts |
//! | [`interp`], [`error`] | results, errors with codes, variables, evaluation |
//! | [`class`], [`object`], [`command`] | TclOO classes and commands made of tables of functions |
//! | [`event`] | one mailbox a Tcl thread, drained by one event source in capped turns |
//! | `mailbox` | what other threads leave for a Tcl thread |
//! | [`wait`] | the coroutine-aware wait |
//! | `guard` | the one panic wall |
//!
//! Threads: a value, an interpreter and an object belong to one Tcl thread, and their types are not
//! `Send`. What may cross is a [`event::Notifier`], an [`event::Sender`] or a [`wait::Completer`].
#![deny(unsafe_op_in_unsafe_fn, clippy::undocumented_unsafe_blocks)]
// The types of the raw layer follow the C signatures.
#![allow(clippy::type_complexity)]

pub mod class;
pub mod command;
pub mod error;
pub mod event;
mod guard;
pub mod interp;
mod mailbox;
pub mod object;
#[allow(clippy::missing_safety_doc)]
mod stubs;
pub mod text;
pub mod value;
pub mod wait;

pub use class::{Call, Class, Method, Outcome};
pub use error::{Error, Result};
pub use interp::{init, Interp};
pub use object::Object;
pub use value::Obj;

#[doc(hidden)]
pub use stubs::Interp as RawInterp;

/// Exports `Nats_Init`-like functions: `tcl::entry_point!(Nats_Init, init)` makes the C symbol that
/// Tcl's `load` looks for, calling `fn init(Interp) -> tcl::Result<()>`.
///
/// There is no unload procedure on purpose: code must stay mapped while runtime threads live.
#[macro_export]
macro_rules! entry_point {
    ($($symbol:ident => $init:path),+ $(,)?) => {$(
        #[no_mangle]
        pub extern "C" fn $symbol(interp: *mut $crate::RawInterp) -> ::core::ffi::c_int {
            $crate::interp::load(interp, $init)
        }
    )+};
}
