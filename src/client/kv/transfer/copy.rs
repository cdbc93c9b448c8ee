//! A bucket to another one.

use super::record::Record;
use super::report::{Imported, Progress, Reporter, Summary, Transfer};
use super::source::{Source, SourceOptions};
use super::target::{Exists, Target};
use crate::client::error::{Error, Result};
use crate::client::kv::filters::Filters;
use crate::client::kv::handle::Bucket;

/// So many writes are in flight at most.
const WINDOW: usize = 256;

impl Bucket {
    /// Begins to copy entries to another bucket, which may be one of another connection; the runtime must have been
    /// entered. They are written as they are stored.
    ///
    /// # Errors
    /// `InvalidArg` for the same bucket; those of [`Bucket::filters`]. The transfer's own: `NotSupported` for an entry
    /// with a time to live where the other bucket knows of none; `WrongLastSequence` for a key that exists and must
    /// not; `BucketNotFound`; `Timeout`; `ConnectionClosed`; those of [`Bucket::put`].
    pub fn copy(
        &self,
        to: &Bucket,
        options: &SourceOptions,
        exists: Exists,
        progress: bool,
    ) -> Result<Transfer> {
        if self.is_same_as(to) {
            let message = format!("Bucket {} cannot be copied to itself", self.name());
            return Err(Error::invalid_arg(message));
        }
        let filters = self.filters_or_all(&options.keys)?;
        let (from, history) = (self.clone(), options.history);
        let target = Target::new(to, exists, WINDOW, false);
        Ok(Transfer::begin(progress, |reporter| async move {
            let copied = run(from, filters, history, target, reporter).await;
            copied.map(Summary::Imported)
        }))
    }

    /// Whether both are one bucket. Two streams of the same name were hardly created in the same nanosecond.
    fn is_same_as(&self, other: &Bucket) -> bool {
        self.stream() == other.stream() && self.stream_created() == other.stream_created()
    }
}

async fn run(
    from: Bucket,
    filters: Filters,
    history: bool,
    mut target: Target,
    mut reporter: Reporter,
) -> Result<Imported> {
    target.check().await?;
    let mut progress = Progress::default();
    let mut source = Source::open(&from, &filters, history, false).await?;
    let copied = copy(&mut source, &mut target, &mut reporter, &mut progress).await;
    let settled = target.settle().await;
    let stopped = copied.and_then(|stopped| settled.map(|()| stopped))?;
    if !stopped {
        progress.total = progress.entries;
        reporter.tell_last(progress).await;
    }
    let done = target.done;
    Ok(Imported { stopped, ..done })
}

/// True if it was stopped.
async fn copy(
    source: &mut Source,
    target: &mut Target,
    reporter: &mut Reporter,
    progress: &mut Progress,
) -> Result<bool> {
    while let Some(entries) = source.next().await? {
        for entry in entries {
            let record = Record::from(entry);
            progress.entries += 1;
            progress.bytes += record.value.len() as u64;
            target.write(record).await?;
        }
        progress.total = source.total.max(progress.entries);
        reporter.tell(*progress).await;
        if reporter.is_stopped() {
            return Ok(true);
        }
    }
    Ok(false)
}
