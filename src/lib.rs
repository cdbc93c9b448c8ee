//! Package `nats` for Tcl: NATS messaging, JetStream and Key-Value.
//!
//! | part | what it is |
//! |---|---|
//! | [`client`] | NATS as this package understands it; knows no Tcl |
//! | [`commands`] | the Tcl classes and commands: arguments in, client called, values out |
//! | [`errors`] | the client's errors as Tcl errors |
//! | [`runtime`] | the tokio runtime, and the way back to the Tcl thread that asked |
//! | crate `tcl` | the bindings to Tcl; knows no NATS |
//!
//! `load` calls `Nats_Init`. There is no `Nats_SafeInit`: a safe interpreter must not open sockets.
#![forbid(unsafe_code)]

pub mod client;
pub mod commands;
pub mod errors;
pub mod runtime;

use std::ffi::CString;

// What a network thread allocates a Tcl thread frees, and the other way round: the system's allocator has them
// wait for each other.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

tcl::entry_point!(Nats_Init => init, errors::of_bindings);

/// Makes the package in an interpreter.
fn init(interp: tcl::Interp) -> tcl::Result<()> {
    commands::define(interp)?;
    let version = CString::new(env!("CARGO_PKG_VERSION")).unwrap_or_default();
    interp.provide(c"nats", &version)
}
