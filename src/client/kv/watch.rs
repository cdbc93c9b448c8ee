//! Watching a bucket: entries as they happen, after those that are there.
//!
//! A watch is an ordered consumer with a [`Reader`](super::reader) between it and the [`WatchObserver`]: messages become
//! entries, and the end of current data is told.

use std::future::Future;

use super::filters::Filters;
use super::handle::Bucket;
use super::reader::Reader;
use super::watch_item::WatchObserver;
use super::watch_options::WatchOptions;
use crate::client::error::{Code, Result};
use crate::client::jetstream::ordered::{OrderedConfig, OrderedConsumer};

/// A running watch. It needs nothing of its bucket any more. Dropping it stops it.
pub struct Watch {
    consumer: OrderedConsumer,
}

impl Watch {
    /// Lets deliveries begin.
    pub fn start(&self) {
        self.consumer.start();
    }

    /// The consumer behind it.
    pub fn consumer(&self) -> &OrderedConsumer {
        &self.consumer
    }

    /// Ends it. A delivery that is under way may still complete.
    pub fn stop(&self) {
        self.consumer.stop();
    }
}

impl Bucket {
    /// Watches keys. The observer hears nothing before [`Watch::start`].
    ///
    /// # Errors
    /// `InvalidArg` for options that exclude each other; `BucketNotFoundBare`; `RevisionNotFound` if the bucket has not
    /// got as far as the revision to begin with; `JsResponse` for a heartbeat the server refuses; those of
    /// [`JetStream::api`](crate::client::jetstream::JetStream::api).
    pub fn watch(
        &self,
        filters: &Filters,
        options: &WatchOptions,
        observer: Box<dyn WatchObserver>,
    ) -> impl Future<Output = Result<Watch>> + Send + 'static {
        let bucket = self.clone();
        let config = self.watch_config(filters, options);
        let reader = Reader::new(self, filters, options, observer);
        async move {
            let (config, reader) = (config?, reader?);
            match bucket.open(config, reader).await {
                Err(error) if error.code == Code::StreamNotFound => Err(bucket.missing_bare()),
                outcome => outcome,
            }
        }
    }

    async fn open(&self, config: OrderedConfig, reader: Reader) -> Result<Watch> {
        if let Some(revision) = config.opt_start_seq {
            self.check_revision(revision).await?;
        }
        let consumer = OrderedConsumer::create(self.js(), config, Box::new(reader)).await?;
        Ok(Watch { consumer })
    }

    fn watch_config(&self, filters: &Filters, options: &WatchOptions) -> Result<OrderedConfig> {
        let config = OrderedConfig {
            description: Some("KV watcher".into()),
            headers_only: Some(options.meta_only),
            deliver_policy: options.policy()?,
            opt_start_seq: options.from_revision,
            idle_heartbeat: options.idle_heartbeat,
            stream_created: Some(self.stream_created().to_owned()),
            ..OrderedConfig::new(self.stream())
        };
        Ok(config.filtered_by(self.filter_subjects(filters)))
    }
}
