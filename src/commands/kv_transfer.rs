//! Transfers of whole buckets: `export`, `import` and `copy` of `nats::key_value`.
//!
//! Here a transfer is begun, and what it tells is handed to the script part (`tcl/kv_transfer.tcl`), which reads and
//! writes channels and makes the result.

use super::coding::Coding;
use super::key_list;
use super::options::Options;
use super::paths::native;
use crate::client::kv::transfer::Exists;
use crate::client::kv::transfer::{
    Event, ExportOptions, Exported, ImportOptions, Imported, Place, Progress, SourceOptions,
    Summary, Transfer,
};
use crate::client::kv::Bucket;
use crate::errors::{invalid_arg, raise};
use crate::runtime;
use bytes::Bytes;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use tcl::event::word;
use tcl::interp::Scope;
use tcl::{Interp, Obj, Outcome, Result};

/// The default of `-window`.
const WINDOW: u64 = 256;

/// The transfers of an object, by their numbers.
#[derive(Default)]
pub struct Transfers {
    running: RefCell<HashMap<u64, Transfer>>,
    last: Cell<u64>,
}

/// The bucket that a transfer is begun on, and how its script sees keys.
pub struct Side<'a> {
    pub interp: Interp<'a>,
    pub bucket: &'a Bucket,
    pub coding: &'a Coding,
}

/// What the script part needs to know.
struct Begun {
    transfer: Transfer,
    channel: Option<Obj>,
    progress: Option<Vec<Obj>>,
}

impl Side<'_> {
    /// `-keys`, as they are stored.
    fn keys(&self, options: &mut Options) -> Result<Vec<String>> {
        let keys = options.raw("keys");
        self.coding
            .patterns(self.interp, key_list::patterns(keys.as_ref()))
    }
}

impl Transfers {
    /// `my ExportBegin ?-option value ...?` → {number channel progress}
    ///
    /// # Errors
    /// `ErrInvalidArg`, `ErrNotSupported`, `ErrCodec`
    pub fn export(&self, from: &Side, words: &[Obj]) -> Result<Outcome> {
        let mut options = Options::parse(words)?;
        let (place, channel) = place(from.interp, &mut options)?;
        let history = options.bool("history")?.unwrap_or(false);
        let progress = options.callback("progress")?;
        let consistent = options.bool("consistent")?.unwrap_or(false);
        let keys = from.keys(&mut options)?;
        options.end()?;
        let options = ExportOptions {
            entries: SourceOptions { keys, history },
            consistent,
            progress: progress.is_some(),
        };
        let _runtime = runtime::enter()?;
        let transfer = from.bucket.export(&options, place).map_err(raise)?;
        self.begun(Begun {
            transfer,
            channel,
            progress,
        })
    }

    /// `my ImportBegin ?-option value ...?` → {number channel progress}
    ///
    /// # Errors
    /// `ErrInvalidArg`, `ErrNotSupported`, `ErrCodec`
    pub fn import(&self, from: &Side, words: &[Obj]) -> Result<Outcome> {
        let mut options = Options::parse(words)?;
        let (place, channel) = place(from.interp, &mut options)?;
        let exists = exists(&mut options)?;
        let deletes = options.bool("deletes")?.unwrap_or(false);
        let partial = options.bool("partial")?.unwrap_or(false);
        let progress = options.callback("progress")?;
        let window = options.positive("window")?.unwrap_or(WINDOW);
        let keys = from.keys(&mut options)?;
        options.end()?;
        if deletes && partial {
            // All that is missing would be deleted.
            return Err(invalid_arg("-deletes and -partial are mutually exclusive"));
        }
        let options = ImportOptions {
            keys,
            exists,
            deletes,
            partial,
            window: usize::try_from(window).unwrap_or(usize::MAX),
            progress: progress.is_some(),
        };
        let _runtime = runtime::enter()?;
        let transfer = from.bucket.import(&options, place).map_err(raise)?;
        self.begun(Begun {
            transfer,
            channel,
            progress,
        })
    }

    /// `my CopyBegin targetKv ?-option value ...?` → {number {} progress}
    ///
    /// # Errors
    /// `ErrInvalidArg`, `ErrNotSupported`, `ErrCodec`
    pub fn copy(&self, from: &Side, to: &Bucket, words: &[Obj]) -> Result<Outcome> {
        let mut options = Options::parse(words)?;
        let history = options.bool("history")?.unwrap_or(false);
        let exists = exists(&mut options)?;
        let progress = options.callback("progress")?;
        let keys = from.keys(&mut options)?;
        options.end()?;
        let options = SourceOptions { keys, history };
        let _runtime = runtime::enter()?;
        let transfer = from.bucket.copy(to, &options, exists, progress.is_some());
        self.begun(Begun {
            transfer: transfer.map_err(raise)?,
            channel: None,
            progress,
        })
    }

    fn begun(&self, begun: Begun) -> Result<Outcome> {
        let number = self.last.get() + 1;
        self.last.set(number);
        self.running.borrow_mut().insert(number, begun.transfer);
        let progress = begun.progress.map(Obj::list);
        Outcome::value(Obj::list([
            Obj::from(number),
            begun.channel.unwrap_or_else(Obj::empty),
            progress.unwrap_or_else(Obj::empty),
        ]))
    }

    /// `my TransferNext number` → {event data}
    ///
    /// # Errors
    /// Those of the transfer.
    pub fn next(&self, number: &Obj) -> Result<Outcome> {
        let next = self.with(number, Transfer::next)?;
        runtime::answer(|| next, |_, event| Ok(seen(event)))
    }

    /// `my TransferFeed number bytes`
    pub fn feed(&self, number: &Obj, bytes: &Obj) -> Result<Outcome> {
        let part = bytes
            .to_bytes()
            .ok_or_else(|| invalid_arg("The channel has characters above U+00FF"))?;
        self.with(number, |transfer| transfer.feed(Bytes::from(part)))?;
        Outcome::empty()
    }

    /// `my TransferTell number prefix info`: calls back, and ends the work after `break`.
    pub fn tell(&self, interp: Interp, [number, prefix, info]: [&Obj; 3]) -> Result<Outcome> {
        let prefix = prefix.to_list().unwrap_or_default();
        let flow = interp.preserve().callback_in_loop(&prefix, [info.clone()]);
        if flow.is_break() {
            // The callback may have destroyed the object.
            let _ = self.with(number, Transfer::stop);
        }
        Outcome::empty()
    }

    /// `my TransferEnd number`
    pub fn end(&self, number: &Obj) -> Result<Outcome> {
        let ended = number_of(number).and_then(|number| self.running.borrow_mut().remove(&number));
        drop(ended);
        Outcome::empty()
    }

    /// Ends all.
    pub fn end_all(&self) {
        let running = self.running.take();
        drop(running);
    }

    fn with<T>(&self, number: &Obj, use_it: impl FnOnce(&Transfer) -> T) -> Result<T> {
        let running = self.running.borrow();
        let transfer = number_of(number).and_then(|number| running.get(&number));
        let transfer = transfer.ok_or_else(|| invalid_arg("There is no such transfer"))?;
        Ok(use_it(transfer))
    }
}

fn number_of(number: &Obj) -> Option<u64> {
    super::options::pos_int(number)
}

/// `-file` or `-channel`; the name of the channel if it is one.
fn place(interp: Interp, options: &mut Options) -> Result<(Place, Option<Obj>)> {
    let (file, channel) = (options.non_empty("file")?, options.valid_str("channel")?);
    match (file, channel) {
        (Some(file), None) => {
            let Some(path) = native(interp, &file)? else {
                let file = file.text();
                let message = format!("\"{file}\" is no file of the system: use -channel");
                return Err(invalid_arg(message));
            };
            Ok((Place::File(path), None))
        }
        (None, Some(channel)) => {
            let name = Obj::from(&*channel);
            let words = [
                word("::chan"),
                word("configure"),
                name.clone(),
                word("-blocking"),
            ];
            let found = interp.undisturbed(|| interp.call(&words, Scope::Global).is_ok());
            match found {
                true => Ok((Place::Channel, Some(name))),
                false => Err(invalid_arg(format!("There is no channel {channel}"))),
            }
        }
        (Some(_), Some(_)) => Err(invalid_arg("-file and -channel are mutually exclusive")),
        (None, None) => Err(invalid_arg("-file or -channel is needed")),
    }
}

fn exists(options: &mut Options) -> Result<Exists> {
    let word = options.choice("exists", &["overwrite", "skip", "error"])?;
    Ok(match word.as_deref() {
        Some("skip") => Exists::Skip,
        Some("error") => Exists::Error,
        _ => Exists::Overwrite,
    })
}

fn seen(event: Event) -> Obj {
    match event {
        Event::Chunk(bytes) => Obj::list([word("chunk"), Obj::bytes(&bytes)]),
        Event::Want => Obj::list([word("want")]),
        Event::Progress(progress) => Obj::list([word("progress"), far(&progress)]),
        Event::Done(summary) => Obj::list([word("done"), done(&summary)]),
    }
}

/// `entries bytes total`
fn far(progress: &Progress) -> Obj {
    numbers(&[
        ("entries", progress.entries),
        ("bytes", progress.bytes),
        ("total", progress.total),
    ])
}

/// `entries bytes revision` or `written skipped deleted`, then `stopped` if it was.
fn done(summary: &Summary) -> Obj {
    let (mut figures, stopped) = match summary {
        Summary::Exported(Exported {
            entries,
            bytes,
            revision,
            stopped,
        }) => {
            let figures = vec![
                ("entries", *entries),
                ("bytes", *bytes),
                ("revision", *revision),
            ];
            (figures, *stopped)
        }
        Summary::Imported(Imported {
            written,
            skipped,
            deleted,
            stopped,
        }) => {
            let figures = vec![
                ("written", *written),
                ("skipped", *skipped),
                ("deleted", *deleted),
            ];
            (figures, *stopped)
        }
    };
    if stopped {
        figures.push(("stopped", 1));
    }
    numbers(&figures)
}

fn numbers(figures: &[(&str, u64)]) -> Obj {
    let pairs: Vec<_> = figures
        .iter()
        .map(|(name, figure)| (Obj::from(*name), Obj::from(*figure)))
        .collect();
    Obj::dict(pairs.iter().map(|(name, figure)| (name, figure.clone())))
}
