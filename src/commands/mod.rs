//! One file a Tcl class or command: arguments in, the client called, values out.

mod children;
mod codec;
mod coding;
mod connection;
mod counter;
mod fed;
mod get_many;
mod jet_stream;
mod json;
mod json_builders;
mod json_options;
mod json_text;
mod key_list;
mod key_value;
mod kv_election;
mod kv_lock;
mod kv_member;
mod kv_origin;
mod kv_status;
mod kv_transfer;
mod kv_watcher;
mod lease;
mod metadata;
mod nearest;
mod object_store;
mod object_watcher;
mod options;
mod ordered_consumer;
mod outgoing;
mod paths;
mod payload;
mod pull_consumer;
mod reconcile;
mod reference;
mod run_status;
mod schema;
mod seen;
mod service;
mod shape;
mod transaction;
mod two_way;
mod variables;
mod watch_arguments;
mod watched_array;
mod write_options;

use tcl::command::Command;
use tcl::{command, Interp, Outcome, Result};

/// The plain commands.
const COMMANDS: &[Command] = &[
    Command {
        name: "::nats::connect",
        usage: "url ?-option value ...?",
        args: 1..=usize::MAX,
        call: connection::open,
    },
    Command {
        name: "::nats::_reference",
        usage: "",
        args: 0..=0,
        call: |_, _| all_there_is(),
    },
    Command {
        name: "::nats::_help_script",
        usage: "",
        args: 0..=0,
        call: |_, _| Outcome::value(HELP),
    },
    Command {
        name: "::nats::_manual",
        usage: "name",
        args: 1..=1,
        call: |_, args| reference::manual(args),
    },
    Command {
        name: "::nats::_serve",
        usage: "",
        args: 0..=0,
        call: service::serve,
    },
    Command {
        name: "::nats::json::decode",
        usage: "text",
        args: 1..=1,
        call: json::decode,
    },
    Command {
        name: "::nats::json::quote",
        usage: "text",
        args: 1..=1,
        call: json::quote,
    },
    Command {
        name: "::nats::json::list",
        usage: "?json ...?",
        args: 0..=usize::MAX,
        call: json::list,
    },
    Command {
        name: "::nats::json::object",
        usage: "?key json ...?",
        args: 0..=usize::MAX,
        call: json::object,
    },
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

fn all_there_is() -> Result<Outcome> {
    reference::reference(COMMANDS)
}

/// The script part, embedded so that it cannot be of another version than the library.
const SCRIPTS: &[&str] = &[
    include_str!("../../tcl/nats.tcl"),
    include_str!("../../tcl/header.tcl"),
    include_str!("../../tcl/msg.tcl"),
];

/// What `nats::help` needs; few programs call it.
const HELP: &str = concat!(
    include_str!("../../tcl/markdown.tcl"),
    include_str!("../../tcl/help.tcl")
);

/// Methods of the classes that are written in script.
const METHODS: &[&str] = &[
    include_str!("../../tcl/key_value.tcl"),
    include_str!("../../tcl/kv_transfer.tcl"),
];

/// Makes everything the package offers in this interpreter.
pub fn define(interp: Interp) -> Result<()> {
    for script in SCRIPTS {
        interp.eval(script)?;
    }
    tcl::define::<connection::Connection>(interp)?;
    tcl::define::<jet_stream::JetStream>(interp)?;
    tcl::define::<ordered_consumer::OrderedConsumer>(interp)?;
    tcl::define::<pull_consumer::PullConsumer>(interp)?;
    tcl::define::<key_value::KeyValue>(interp)?;
    tcl::define::<kv_watcher::KvWatcher>(interp)?;
    tcl::define::<object_store::ObjectStore>(interp)?;
    tcl::define::<object_watcher::ObjectWatcher>(interp)?;
    tcl::define::<service::Service>(interp)?;
    tcl::define::<service::ServiceGroup>(interp)?;
    tcl::define::<kv_lock::KvLock>(interp)?;
    tcl::define::<kv_election::KvElection>(interp)?;
    tcl::define::<kv_member::KvMember>(interp)?;
    for script in METHODS {
        interp.eval(script)?;
    }
    command::define(interp, COMMANDS)
}
