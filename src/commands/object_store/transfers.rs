//! The methods that move bytes.

use super::borrowed::foreign;
use super::pump::{self, ChannelSink, Pumped};
use super::running::Ride;
use super::state::This;
use crate::client::nuid::nuid;
use crate::client::object::meta::Lists;
use crate::client::object::transfer::{Collected, Control, Source};
use crate::client::object::{FileSink, FileSource, GetOptions, PutOptions};
use crate::commands::options::{bad_value, Options};
use crate::commands::paths::native;
use crate::commands::{payload, shape};
use crate::errors::raise;
use crate::runtime;
use std::time::Duration;
use tcl::event::word;
use tcl::interp::{Preserved, Scope};
use tcl::{Interp, Obj, Outcome, Result};

/// A dict of lists of texts.
pub fn headers(options: &mut Options) -> Result<Option<Lists>> {
    let Some(value) = options.raw("headers") else {
        return Ok(None);
    };
    let malformed = || bad_value("dict", "headers", &value);
    let pairs = value.to_dict().ok_or_else(malformed)?;
    let lists = pairs.iter().map(|(name, values)| {
        let values = values.to_list().ok_or_else(malformed)?;
        let values = values.iter().map(|value| value.text().into_owned());
        Ok((name.text().into_owned(), values.collect()))
    });
    lists.collect::<Result<_>>().map(Some)
}

/// What all `put...` have in common. The store's own time limit is the default.
fn put_options(call: &This, words: &[Obj]) -> Result<(PutOptions, Control, Ride)> {
    let mut options = Options::parse(words)?;
    let wanted = PutOptions {
        description: options.valid_str("description")?,
        headers: headers(&mut options)?.unwrap_or_default(),
        metadata: options.metadata("metadata")?.unwrap_or_default(),
        chunk_size: options.pos_int("chunk_size")?,
        revision: options.pos_int("revision")?,
        timeout: timeout(call, &mut options)?,
    };
    let progress = options.callback("progress")?;
    options.end()?;
    let (control, ride) = call.this.running.start(&call.object, progress)?;
    Ok((wanted, control, ride))
}

fn get_options(call: &This, words: &[Obj]) -> Result<(GetOptions, Control, Ride)> {
    let mut options = Options::parse(words)?;
    let wanted = GetOptions {
        timeout: timeout(call, &mut options)?,
    };
    let progress = options.callback("progress")?;
    options.end()?;
    let (control, ride) = call.this.running.start(&call.object, progress)?;
    Ok((wanted, control, ride))
}

fn timeout(call: &This, options: &mut Options) -> Result<Duration> {
    let given = options.timeout("timeout")?;
    Ok(given.unwrap_or(call.this.store.timeout()))
}

/// Waits for a put; `held` is kept until then.
fn put_from(
    call: &This,
    (options, control, ride): (PutOptions, Control, Ride),
    source: impl Source + 'static,
    held: Option<Pumped>,
) -> Result<Outcome> {
    let name = call.args[0].text();
    runtime::answer(
        || call.this.store.put(&name, options, source, control),
        move |_, info| {
            drop((ride, held));
            Ok(shape::object(&info))
        },
    )
}

/// `put name value ?-option value ...?` → info
pub fn put(call: &This) -> Result<Outcome> {
    let value = payload::encode(&call.args[1], call.this.is_text())?;
    put_from(call, put_options(call, &call.args[2..])?, value, None)
}

/// `put_file name path ?-option value ...?` → info
pub fn put_file(call: &This) -> Result<Outcome> {
    let options = put_options(call, &call.args[2..])?;
    let path = &call.args[1];
    if let Some(native) = native(call.interp, path)? {
        let source = FileSource::new(native, path.text().into_owned());
        return put_from(call, options, source, None);
    }
    let channel = open(call.interp, path, "rb")?;
    let (source, pumped) = pump::source(call.interp, &call.object, &channel, true)?;
    put_from(call, options, source, Some(pumped))
}

/// `put_channel name channel ?-option value ...?` → info
pub fn put_channel(call: &This) -> Result<Outcome> {
    let options = put_options(call, &call.args[2..])?;
    let (source, pumped) = pump::source(call.interp, &call.object, &call.args[1], false)?;
    put_from(call, options, source, Some(pumped))
}

/// `get name ?-option value ...?` → bytes
pub fn get(call: &This) -> Result<Outcome> {
    let (options, control, ride) = get_options(call, &call.args[1..])?;
    let name = call.args[0].text();
    let sink = Collected::new(tcl::value::longest());
    let this = call.this.clone();
    runtime::answer(
        || call.this.store.get(&name, options, sink, control),
        move |_, (_, collected)| {
            drop(ride);
            Ok(payload::decode(collected.bytes(), this.is_text()))
        },
    )
}

/// `get_file name path ?-option value ...?` → info
pub fn get_file(call: &This) -> Result<Outcome> {
    let path = &call.args[1];
    let Some(native) = native(call.interp, path)? else {
        return get_foreign_file(call, path);
    };
    let (options, control, ride) = get_options(call, &call.args[2..])?;
    let name = call.args[0].text();
    let sink = FileSink::new(native, path.text().into_owned());
    runtime::answer(
        || call.this.store.get(&name, options, sink, control),
        move |_, (info, _)| {
            drop(ride);
            Ok(shape::object(&info))
        },
    )
}

/// A file of a file system that only Tcl knows.
fn get_foreign_file(call: &This, path: &Obj) -> Result<Outcome> {
    let options = get_options(call, &call.args[2..])?;
    let part = Obj::from(&*format!("{}.{}.part", path.text(), nuid()));
    let channel = open(call.interp, &part, "wb")?;
    let part = Part {
        interp: call.interp.preserve(),
        name: part,
        is_left: true,
    };
    let (sink, pumped) = pump::sink(call.interp, &call.object, &channel, true)?;
    let path = path.clone();
    get_into(call, options, sink, move |interp| {
        drop(pumped);
        part.put(interp, &path)
    })
}

/// `get_channel name channel ?-option value ...?` → info
pub fn get_channel(call: &This) -> Result<Outcome> {
    let options = get_options(call, &call.args[2..])?;
    let (sink, pumped) = pump::sink(call.interp, &call.object, &call.args[1], false)?;
    get_into(call, options, sink, move |_| {
        drop(pumped);
        Ok(())
    })
}

/// Waits for a get into a channel, and ends it.
fn get_into(
    call: &This,
    (options, control, ride): (GetOptions, Control, Ride),
    sink: ChannelSink,
    end: impl FnOnce(Interp) -> Result<()> + 'static,
) -> Result<Outcome> {
    let name = call.args[0].text();
    runtime::answer(
        || call.this.store.get(&name, options, sink, control),
        move |interp, (info, _)| {
            drop(ride);
            end(interp)?;
            Ok(shape::object(&info))
        },
    )
}

fn open(interp: Interp, path: &Obj, access: &'static str) -> Result<Obj> {
    let channel = interp.call(
        &[word("::open"), path.clone(), word(access)],
        Scope::Current,
    )?;
    interp.reset_result();
    Ok(channel)
}

/// A file that is written beside the place where it is to be.
struct Part {
    interp: Preserved,
    name: Obj,
    is_left: bool,
}

impl Part {
    fn put(mut self, interp: Interp, path: &Obj) -> Result<()> {
        let force = word("-force");
        let words = [
            word("::file"),
            word("rename"),
            force,
            self.name.clone(),
            path.clone(),
        ];
        let renamed = interp.call(&words, Scope::Global);
        renamed.map_err(|error| raise(foreign(interp, error)))?;
        self.is_left = false;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let interp = self.interp.get();
        if self.is_left && !interp.is_deleted() {
            let words = [word("::file"), word("delete"), self.name.clone()];
            interp.undisturbed(|| drop(interp.call(&words, Scope::Global)));
        }
    }
}
