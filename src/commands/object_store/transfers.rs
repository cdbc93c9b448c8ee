//! The methods that move bytes.

use super::borrowed::foreign;
use super::pump::{self, ChannelSink, Pumped};
use super::running::Ride;
use super::state::This;
use crate::client::nuid::nuid;
use crate::client::object::meta::Lists;
use crate::client::object::transfer::{Control, Handover, Piece, Pieces, Source};
use crate::client::object::{FileSink, FileSource, GetOptions, PutOptions};
use crate::commands::options::{bad_value, Options};
use crate::commands::paths::native;
use crate::commands::{payload, shape};
use crate::errors::raise;
use crate::runtime;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use tcl::event::word;
use tcl::interp::{Preserved, Scope};
use tcl::value::BytesBuilder;
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
    let value = &call.args[1];
    if call.this.is_text() {
        let bytes = payload::encode(value, true)?;
        return put_from(call, put_options(call, &call.args[2..])?, bytes, None);
    }
    let parts = payload::encode_in_parts(value, PIECE)?;
    let (sender, source) = Pieces::new(parts.length() as u64);
    let outcome = put_from(call, put_options(call, &call.args[2..])?, source, None)?;
    // The first ones are on their way while the others are copied.
    for part in parts {
        // Nobody takes them if the call has failed already.
        let _ = sender.send(part.into());
    }
    Ok(outcome)
}

/// Bytes of a value that are copied at once.
const PIECE: usize = 1024 * 1024;

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
    let collected = Rc::new(RefCell::new(BytesBuilder::default()));
    let (taken, this) = (collected.clone(), call.this.clone());
    runtime::answer_in_parts(
        |parts| {
            let sink = Handover::new(tcl::value::longest(), move |piece| parts.send(piece));
            call.this.store.get(&name, options, sink, control)
        },
        move |piece| match piece {
            Piece::Anew(size) => *taken.borrow_mut() = BytesBuilder::expecting(size),
            Piece::Bytes(bytes) => taken.borrow_mut().push(&bytes),
        },
        move |_, _| {
            drop(ride);
            let bytes = collected.take().finish();
            Ok(match this.is_text() {
                true => payload::decode(&bytes.to_bytes().unwrap_or_default(), true),
                false => bytes,
            })
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
