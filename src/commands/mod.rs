//! One file a Tcl class or command: arguments in, the client called, values out.

mod children;
pub mod connection;
pub mod errors;
mod jet_stream;
mod json_builders;
mod json_options;
mod json_text;
mod key_list;
mod key_value;
mod kv_origin;
mod kv_watcher;
mod last_error;
mod metadata;
mod options;
mod ordered_consumer;
mod outgoing;
mod payload;
mod pull_consumer;
mod shape;
mod watched_array;

use tcl::command::Command;
use tcl::{class, command, Interp, Result};

/// The plain commands.
const COMMANDS: &[Command] = &[
    Command {
        name: "::nats::make_kv_origin",
        usage: "?-option value ...?",
        args: 0..=usize::MAX,
        call: kv_origin::make_kv_origin,
    },
    Command {
        name: "::nats::metadata",
        usage: "msg",
        args: 1..=1,
        call: metadata::metadata,
    },
    Command {
        name: "::nats::make_stream_source",
        usage: "?-option value ...?",
        args: 0..=usize::MAX,
        call: json_builders::make_stream_source,
    },
    Command {
        name: "::nats::make_subject_transform",
        usage: "?-option value ...?",
        args: 0..=usize::MAX,
        call: json_builders::make_subject_transform,
    },
    Command {
        name: "::nats::make_republish",
        usage: "?-option value ...?",
        args: 0..=usize::MAX,
        call: json_builders::make_republish,
    },
];

/// The script part, embedded so that it cannot be of another version than the library.
const SCRIPTS: &[&str] = &[
    include_str!("../../tcl/nats.tcl"),
    include_str!("../../tcl/header.tcl"),
    include_str!("../../tcl/msg.tcl"),
];

/// Makes everything the package offers in this interpreter.
pub fn define(interp: Interp) -> Result<()> {
    for script in SCRIPTS {
        interp.eval(script)?;
    }
    class::define::<connection::Connection>(interp)?;
    class::define::<jet_stream::JetStream>(interp)?;
    class::define::<ordered_consumer::OrderedConsumer>(interp)?;
    class::define::<pull_consumer::PullConsumer>(interp)?;
    class::define::<key_value::KeyValue>(interp)?;
    class::define::<kv_watcher::KvWatcher>(interp)?;
    command::define(interp, COMMANDS)
}
