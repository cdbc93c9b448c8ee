//! How a connection is made, and how it connects.

use super::config::{self, unknown_flags};
use super::core::{Connection, Core, This};
use super::log::Log;
use crate::client::connection::Status;
use crate::client::error::Result as ClientResult;
use crate::commands::options::{listed, plain_name, Options};
use crate::errors::{invalid_arg, raise};
use crate::runtime;
use futures_util::FutureExt;
use std::rc::Rc;
use tcl::object::Unfinished;
use tcl::{Interp, Obj, Object, Outcome, Result};

/// The options of `new`; all others are those of `configure`.
const OF_NEW: [&str; 3] = ["logger", "log_chan", "log_level"];

/// The same, as they are told.
pub(super) fn options_of_new() -> Vec<(&'static str, String)> {
    listed("-logger logger -log_chan channel -log_level error|warn|info|debug")
}

/// The options of `nats::connect`.
pub fn options_of_connect() -> Vec<(&'static str, String)> {
    // The servers are its first argument.
    let others = config::options().into_iter();
    let others = others.filter(|(name, _)| *name != "servers");
    options_of_new().into_iter().chain(others).collect()
}

/// Makes the state of an object with a name and the options of `new`.
///
/// # Errors
/// `ErrInvalidArg`; `ErrInternal` if this thread is exiting.
pub(super) fn make(object: &Object, name: String, words: &[Obj]) -> Result<Connection> {
    let mut options = Options::parse(words)?;
    let log_name = match name.is_empty() {
        true => tail(&object.name().text()).to_string(),
        false => name.clone(),
    };
    let log = Log::from_options(&mut options, log_name)?;
    options.end()?;
    let _runtime = runtime::enter()?;
    let core = Core::create(object, name, log)?;
    Ok(Connection { core })
}

/// The last component of a qualified name.
fn tail(name: &str) -> &str {
    name.rsplit("::").next().unwrap_or(name)
}

/// `$c connect ?-async?`
pub(super) fn connect(call: &This) -> Result<Outcome> {
    let asynchronous = match call.args {
        [] => false,
        [word] if word.text() == "-async" => true,
        words => return Err(unknown_flags(words)),
    };
    let core = &call.this.core;
    if asynchronous {
        let _runtime = runtime::enter()?;
        if core.client.connect().map_err(raise)?.is_some() {
            core.show_events_up_to(Status::Connecting);
        }
        return Outcome::empty();
    }
    connected(core, |()| Ok(Obj::empty()))
}

/// Connects, and makes a result of that.
fn connected(core: &Rc<Core>, finish: impl FnOnce(()) -> Result<Obj> + 'static) -> Result<Outcome> {
    let _runtime = runtime::enter()?;
    let Some(connected) = core.client.connect().map_err(raise)? else {
        return Outcome::value(finish(())?);
    };
    core.show_events_up_to(Status::Connecting);
    let core = core.clone();
    runtime::answer(
        || connected.map(Ok),
        move |_, outcome: ClientResult<()>| {
            core.show_outcome();
            finish(outcome.map_err(raise)?)
        },
    )
}

/// `nats::connect url ?-option value ...?` → a connected object. The options are those of `new` and `configure`.
///
/// # Errors
/// Those of `new`, `configure` and `connect`; no object is left then, nor if the coroutine is deleted meanwhile.
pub fn open(interp: Interp, args: &[Obj]) -> Result<Outcome> {
    let (url, words) = (&args[0], &args[1..]);
    let is = |pair: &[Obj], names: &[&str]| names.contains(&&*plain_name(&pair[0]));
    let (of_new, others): (Vec<&[Obj]>, _) = words.chunks(2).partition(|pair| is(pair, &OF_NEW));
    if others.iter().any(|pair| is(pair, &["servers"])) {
        return Err(invalid_arg("The servers are the first argument"));
    }
    let named = others.iter().rfind(|pair| is(pair, &["name"]));
    let name = named.and_then(|pair| pair.get(1));
    let name = name.map_or_else(String::new, |name| name.text().into_owned());
    let (object, connection) =
        Object::create(interp, |object| make(object, name, &of_new.concat()))?;
    let unfinished = Unfinished::new(object);
    let core = connection.core.clone();
    let options = [vec![Obj::from("-servers"), url.clone()], others.concat()].concat();
    core.config.configure(&core.client, &options)?;
    connected(&core, |()| match unfinished.object().is_alive() {
        true => Ok(unfinished.keep().name()),
        false => Err(invalid_arg("The connection was destroyed meanwhile")),
    })
}
