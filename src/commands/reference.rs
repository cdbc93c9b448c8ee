//! What there is: classes, methods, options, commands, as the tables say, and the documents that explain them.
//! `nats::help` and tools make texts of it.

use super::{
    connection, jet_stream, json_builders, key_value, kv_election, kv_lock, kv_member, kv_origin,
    kv_watcher, object_store, object_watcher, ordered_consumer, pull_consumer, service,
};
use tcl::class::usages;
use tcl::command::Command;
use tcl::{Class, Obj, Outcome, Result};

/// The references, in the order in which they are read.
const MANUAL: [(&str, &str); 6] = [
    ("connection", include_str!("../../doc/connection.md")),
    ("jet_stream", include_str!("../../doc/jet_stream.md")),
    ("key_value", include_str!("../../doc/key_value.md")),
    ("object_store", include_str!("../../doc/object_store.md")),
    ("services", include_str!("../../doc/services.md")),
    ("help", include_str!("../../doc/help.md")),
];

/// `_reference` → dict of `classes` and `commands`. A class is a dict, method to usage; a usage is a dict of `arguments`
/// as "wrong # args" shows them, and `options`, a dict of names and words for values.
pub fn reference(commands: &[Command]) -> Result<Outcome> {
    let commands = commands.iter().filter(|row| !row.name.contains("::_"));
    let commands = commands.map(|row| (row.name, usage(row.usage, command_options(row))));
    Outcome::value(dict([
        ("classes", dict(classes())),
        ("commands", dict(commands)),
    ]))
}

/// `_manual name` → the text of a document; empty if there is none
pub fn manual(args: &[Obj]) -> Result<Outcome> {
    let wanted = args[0].text();
    let found = MANUAL.iter().find(|(name, _)| *name == wanted);
    Outcome::value(found.map_or("", |(_, text)| *text))
}

fn classes() -> [(&'static str, Obj); 13] {
    [
        class::<connection::Connection>(),
        class::<jet_stream::JetStream>(),
        class::<ordered_consumer::OrderedConsumer>(),
        class::<pull_consumer::PullConsumer>(),
        class::<key_value::KeyValue>(),
        class::<kv_watcher::KvWatcher>(),
        class::<kv_lock::KvLock>(),
        class::<kv_election::KvElection>(),
        class::<kv_member::KvMember>(),
        class::<object_store::ObjectStore>(),
        class::<object_watcher::ObjectWatcher>(),
        class::<service::Service>(),
        class::<service::ServiceGroup>(),
    ]
}

/// A class, with what its objects and the class itself have from TclOO.
fn class<T: Class>() -> (&'static str, Obj) {
    let made = T::CONSTRUCTOR.into_iter();
    let made = made.map(|row| (row.name, usage(row.usage, (row.options)())));
    let methods = usages::<T>().map(|row| (row.name, usage(row.usage, (row.options)())));
    let end = [("destroy", usage("", Vec::new()))];
    (T::NAME, dict(made.chain(methods).chain(end)))
}

fn usage(arguments: &'static str, others: Vec<(&'static str, String)>) -> Obj {
    let options = in_usage(arguments).into_iter().chain(others);
    let options = options.map(|(name, value)| (name, Obj::from(&*value)));
    dict([
        ("arguments", Obj::from(arguments)),
        ("options", dict(options)),
    ])
}

/// The options that a usage names itself: `?-name word?`, `-name word`, `?-flag?`.
fn in_usage(usage: &'static str) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let mut words = usage.split(' ');
    while let Some(word) = words.next() {
        let name = word.trim_matches('?').strip_prefix('-');
        match name {
            None | Some("option") => {}
            Some(name) if word.ends_with('?') => found.push((name, String::new())),
            Some(name) => {
                let value = words.next().unwrap_or_default();
                found.push((name, value.trim_end_matches('?').to_owned()));
            }
        }
    }
    found
}

fn command_options(row: &Command) -> Vec<(&'static str, String)> {
    match row.name {
        "::nats::connect" => connection::options_of_connect(),
        "::nats::make_kv_origin" => kv_origin::options(),
        name => json_builders::options(name),
    }
}

fn dict<K: AsRef<str>>(pairs: impl IntoIterator<Item = (K, Obj)>) -> Obj {
    let (keys, values): (Vec<Obj>, Vec<Obj>) = pairs
        .into_iter()
        .map(|(key, value)| (Obj::from(key.as_ref()), value))
        .unzip();
    Obj::dict(keys.iter().zip(values))
}
