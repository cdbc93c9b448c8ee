//! A bucket to a file or a channel.

use std::path::PathBuf;

use super::files::{NewFile, OldFile};
use super::format;
use super::record::Record;
use super::report::{Exported, Progress, Reporter, Summary, Transfer};
use super::source::{Source, SourceOptions};
use crate::client::error::{Code, Error, Result};
use crate::client::jetstream::{Deadline, Json};
use crate::client::kv::entry::Entry;
use crate::client::kv::filters::Filters;
use crate::client::kv::get_many::ManyOptions;
use crate::client::kv::handle::Bucket;

/// So much is written at once, in bytes.
const PART: usize = 256 * 1024;

/// So many keys can be read at one moment while they are written.
const AT_ONCE: u64 = 1024;

/// A file, or the channel of whoever starts a transfer.
#[derive(Debug, Clone)]
pub enum Place {
    File(PathBuf),
    Channel,
}

/// What is exported, and how.
#[derive(Debug, Clone, Default)]
pub struct ExportOptions {
    pub entries: SourceOptions,
    /// Only a state that the bucket really had.
    pub consistent: bool,
    pub progress: bool,
}

impl Bucket {
    /// Begins an export; the runtime must have been entered. A file is there when all of it is.
    ///
    /// # Errors
    /// Those of [`Bucket::filters`]. The transfer's own: `InvalidArg` for a file that cannot be written;
    /// `BucketNotFound`; `NotConsistent`; `Timeout` for a silence of the server; `ConnectionClosed`.
    pub fn export(&self, options: &ExportOptions, place: Place) -> Result<Transfer> {
        let filters = self.filters_or_all(&options.entries.keys)?;
        let (bucket, options) = (self.clone(), options.clone());
        Ok(Transfer::begin(options.progress, |reporter| async move {
            let output = match place {
                Place::Channel if !options.consistent => Output::Channel,
                // What is not consistent cannot be taken back from a channel.
                Place::Channel => Output::Spool(NewFile::spool().await?),
                Place::File(path) => Output::File(NewFile::create(&path).await?),
            };
            let export = Export {
                bucket,
                filters,
                options,
                output,
                reporter,
                buffer: Vec::new(),
                done: Progress::default(),
                config: Json::new(),
            };
            export.run().await.map(Summary::Exported)
        }))
    }
}

/// Where lines go.
enum Output {
    File(NewFile),
    Channel,
    /// To the channel when everything is there.
    Spool(NewFile),
}

struct Export {
    bucket: Bucket,
    filters: Filters,
    options: ExportOptions,
    output: Output,
    reporter: Reporter,
    /// What is still to be written.
    buffer: Vec<u8>,
    done: Progress,
    /// Of the bucket's stream.
    config: Json,
}

/// How an attempt has ended.
enum Attempt {
    Whole(u64),
    /// Up to this revision.
    Stopped(u64),
    /// Entries may be missing.
    Torn,
}

impl Export {
    async fn run(mut self) -> Result<Exported> {
        let deadline = Deadline::after(self.bucket.js().timeout());
        loop {
            match self.attempt().await? {
                Attempt::Whole(revision) => return self.finish(revision).await,
                Attempt::Stopped(revision) => return Ok(self.exported(revision, true)),
                Attempt::Torn if self.is_small() => {
                    let revision = self.at_once().await?;
                    return self.finish(revision).await;
                }
                Attempt::Torn if deadline.is_over() => return Err(self.not_consistent()),
                Attempt::Torn => self.begin_again().await?,
            }
        }
    }

    async fn attempt(&mut self) -> Result<Attempt> {
        let history = self.options.entries.history;
        let consistent = self.options.consistent;
        let mut source = Source::open(&self.bucket, &self.filters, history, consistent).await?;
        let head = format::head(self.bucket.name(), source.revision, &source.config);
        self.append(&head);
        self.config = std::mem::take(&mut source.config);
        let mut last = source.revision;
        while let Some(entries) = source.next().await? {
            for entry in entries {
                last = last.max(entry.revision);
                self.add(&entry.into()).await?;
            }
            self.done.total = source.total.max(self.done.entries);
            self.reporter.tell(self.done).await;
            if self.reporter.is_stopped() {
                self.flush().await?;
                return Ok(Attempt::Stopped(last));
            }
        }
        if consistent && source.keeps_one && !source.is_quiet().await? {
            return Ok(Attempt::Torn);
        }
        self.close(last).await?;
        Ok(Attempt::Whole(last))
    }

    /// Whether all that is wanted can be read as it is at one moment.
    fn is_small(&self) -> bool {
        !self.options.entries.history && self.done.entries <= AT_ONCE
    }

    /// Reads it like that, also while it is written.
    async fn at_once(&mut self) -> Result<u64> {
        self.begin_again().await?;
        let options = ManyOptions {
            headers: true,
            needs_revision: true,
            ..ManyOptions::default()
        };
        let keys = match &self.options.entries.keys[..] {
            [] => vec![">".to_owned()],
            keys => keys.to_vec(),
        };
        let snapshot = self.bucket.get_many(&keys, &options).await?;
        let head = format::head(self.bucket.name(), snapshot.revision, &self.config);
        self.append(&head);
        for entry in snapshot.entries.into_iter().filter(Entry::is_put) {
            self.add(&entry.into()).await?;
        }
        self.close(snapshot.revision).await?;
        Ok(snapshot.revision)
    }

    /// The last line.
    async fn close(&mut self, revision: u64) -> Result<()> {
        let end = format::end(self.done.entries, revision);
        self.append(&end);
        self.flush().await
    }

    async fn add(&mut self, record: &Record) -> Result<()> {
        let before = self.buffer.len();
        format::write(&mut self.buffer, record);
        self.done.bytes += (self.buffer.len() - before) as u64;
        self.done.entries += 1;
        if self.buffer.len() < PART {
            return Ok(());
        }
        match &mut self.output {
            // The server sends on meanwhile, and lines take less memory than entries.
            Output::File(file) | Output::Spool(file) => file.write(&mut self.buffer).await,
            Output::Channel => self.flush().await,
        }
    }

    fn append(&mut self, line: &[u8]) {
        self.buffer.extend_from_slice(line);
        self.done.bytes += line.len() as u64;
    }

    async fn flush(&mut self) -> Result<()> {
        match &mut self.output {
            Output::File(file) | Output::Spool(file) => file.flush(&mut self.buffer).await,
            Output::Channel => {
                self.reporter.write(std::mem::take(&mut self.buffer)).await;
                Ok(())
            }
        }
    }

    async fn begin_again(&mut self) -> Result<()> {
        self.buffer.clear();
        self.done = Progress::default();
        match &mut self.output {
            Output::File(file) | Output::Spool(file) => file.clear().await,
            Output::Channel => Ok(()),
        }
    }

    async fn finish(mut self, revision: u64) -> Result<Exported> {
        self.done.total = self.done.entries;
        self.reporter.tell_last(self.done).await;
        let exported = self.exported(revision, false);
        match self.output {
            Output::Channel => {}
            Output::File(file) => file.finish().await?,
            Output::Spool(file) => {
                let mut spool = OldFile::open(file.part()).await?;
                loop {
                    let part = spool.read().await?;
                    if part.is_empty() {
                        break;
                    }
                    self.reporter.write(part.into()).await;
                }
            }
        }
        Ok(exported)
    }

    fn exported(&self, revision: u64, stopped: bool) -> Exported {
        Exported {
            entries: self.done.entries,
            bytes: self.done.bytes,
            revision,
            stopped,
        }
    }

    fn not_consistent(&self) -> Error {
        let bucket = self.bucket.name();
        let message = format!(
            "Bucket {bucket} keeps one revision of each key and changes all the time: keys may be missing"
        );
        Error::new(Code::NotConsistent, message)
    }
}
