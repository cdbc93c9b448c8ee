//! A file or a channel to a bucket.

use super::export::Place;
use super::files::OldFile;
use super::format::{self, Line};
use super::lines::{Input, Lines};
use super::report::{Imported, Progress, Reporter, Summary, Transfer};
use super::target::{Exists, Target};
use crate::client::error::{Error, Result};
use crate::client::kv::filters::Filters;
use crate::client::kv::handle::Bucket;
use crate::client::kv::pattern_tree::PatternTree;

/// What is imported, and how.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// Key patterns; none means all keys.
    pub keys: Vec<String>,
    pub exists: Exists,
    /// Keys of the bucket that match and do not come are purged.
    pub deletes: bool,
    /// An export without its last line will do.
    pub partial: bool,
    /// So many writes are in flight at most.
    pub window: usize,
    pub progress: bool,
}

/// The last line is not longer, in bytes.
const LAST_LINE: u64 = 256;

impl Bucket {
    /// Begins an import; the runtime must have been entered.
    ///
    /// # Errors
    /// Those of [`Bucket::filters`]. The transfer's own, all of which leave what was written: `InvalidArg` for a file
    /// that cannot be read, a line that cannot be understood or is missing; `NotSupported` for entries with a time to
    /// live where the bucket knows of none; `WrongLastSequence` for a key that exists and must not; `NotCounter`, with
    /// nothing written, if the bucket's values are counters; those of [`Bucket::put`].
    pub fn import(&self, options: &ImportOptions, place: Place) -> Result<Transfer> {
        let filters = self.filters_or_all(&options.keys)?;
        let (bucket, options) = (self.clone(), options.clone());
        Ok(Transfer::begin(options.progress, |reporter| async move {
            let input = match place {
                Place::Channel => Input::Channel,
                Place::File(path) => Input::File(OldFile::open(&path).await?),
            };
            let target = Target::new(&bucket, options.exists, options.window, options.deletes);
            let patterns = options.keys.iter().map(String::as_str);
            let import = Import {
                wanted: (!options.keys.is_empty()).then(|| PatternTree::of(patterns)),
                filters,
                options,
                lines: Lines::of(input),
                target,
                reporter,
                done: Progress::default(),
            };
            import.run().await.map(Summary::Imported)
        }))
    }
}

struct Import {
    /// `None`: all keys.
    wanted: Option<PatternTree>,
    filters: Filters,
    options: ImportOptions,
    lines: Lines,
    target: Target,
    reporter: Reporter,
    done: Progress,
}

impl Import {
    async fn run(mut self) -> Result<Imported> {
        self.target.check().await?;
        self.look_ahead().await?;
        let read = self.read().await;
        // What is under way is told, whatever happens.
        let settled = self.target.settle().await;
        let stopped = match read.and_then(|stopped| settled.map(|()| stopped)) {
            Ok(stopped) => stopped,
            Err(error) => return Err(self.with_count(error)),
        };
        if !stopped {
            let deleted = self.target.delete_others(self.filters.clone()).await;
            deleted.map_err(|error| self.with_count(error))?;
            self.done.total = self.done.entries;
            self.reporter.tell_last(self.done).await;
        }
        let done = self.target.done;
        Ok(Imported { stopped, ..done })
    }

    /// How many entries there are, and whether they can be written. A channel cannot be looked into.
    async fn look_ahead(&mut self) -> Result<()> {
        let Input::File(file) = &mut self.lines.input else {
            return Ok(());
        };
        let tail = file.tail(LAST_LINE).await?;
        let last = tail
            .split(|byte| *byte == b'\n')
            .rfind(|line| !line.is_empty());
        if let Some(Ok(Line::End(entries))) = last.map(format::read) {
            self.done.total = entries;
        }
        if self.target.can_expire().await? {
            return Ok(());
        }
        if self.has_times_to_live().await? {
            return Err(self.target.cannot_expire());
        }
        let Input::File(file) = std::mem::replace(&mut self.lines.input, Input::Channel) else {
            return Ok(());
        };
        let mut file = file;
        file.rewind().await?;
        self.lines = Lines::of(Input::File(file));
        Ok(())
    }

    async fn has_times_to_live(&mut self) -> Result<bool> {
        while let Some(line) = self.lines.next(&mut self.reporter).await? {
            if !line.windows(TTL.len()).any(|part| part == TTL) {
                continue;
            }
            if let Ok(Line::Entry(record)) = format::read(line) {
                if record.ttl.is_some() && wants(&self.wanted, &record.key) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Reads to the end; true if it was stopped before.
    async fn read(&mut self) -> Result<bool> {
        match self.lines.next(&mut self.reporter).await? {
            None => return Err(Error::invalid_arg("There is no first line")),
            Some(line) => format::read_head(line).map_err(|fault| malformed(1, &fault))?,
        }
        let mut end = None;
        loop {
            if self.reporter.is_stopped() {
                return Ok(true);
            }
            let line = self.lines.next(&mut self.reporter).await?;
            let Some(line) = line.map(format::read) else {
                break;
            };
            let number = self.lines.number;
            match line.map_err(|fault| malformed(number, &fault))? {
                _ if end.is_some() => return Err(malformed(number, "it is behind the last one")),
                Line::End(entries) if entries != self.done.entries => {
                    let fault = format!("{entries} entries were exported");
                    return Err(malformed(number, &fault));
                }
                Line::End(entries) => end = Some(entries),
                Line::Entry(record) => {
                    self.done.entries += 1;
                    self.done.bytes = self.lines.bytes;
                    if wants(&self.wanted, &record.key) {
                        self.target.write(*record).await?;
                    }
                }
            }
            self.reporter.tell(self.done).await;
        }
        self.done.bytes = self.lines.bytes;
        match end.is_some() || self.options.partial {
            true => Ok(false),
            false => Err(Error::invalid_arg(format!(
                "The export is incomplete: it has no last line after {} entries",
                self.done.entries
            ))),
        }
    }

    fn with_count(&self, error: Error) -> Error {
        let Imported {
            written, deleted, ..
        } = self.target.done;
        let message = match deleted {
            0 => format!("{} ({written} entries were written)", error.message),
            _ => format!(
                "{} ({written} entries were written, {deleted} deleted)",
                error.message
            ),
        };
        Error { message, ..error }
    }
}

/// What a line has that tells of a time to live.
const TTL: &[u8] = b"\"ttl\"";

fn wants(wanted: &Option<PatternTree>, key: &str) -> bool {
    wanted.as_ref().is_none_or(|wanted| wanted.covers(key))
}

fn malformed(number: u64, fault: &str) -> Error {
    Error::invalid_arg(format!("Line {number} cannot be imported: {fault}"))
}
