//! Listings: a watch that ends where the present is reached.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use tokio::time::timeout;

use super::call::{last_of, Call, Found};
use super::handle::Store;
use super::meta::Info;
use super::names::metas;
use super::watch::read;
use crate::client::error::{Code, Error, Result};
use crate::client::jetstream::ordered::{DeliverPolicy, Item, OrderedConfig};
use crate::client::jetstream::{Following, Present};

/// How soon silence tells that nothing is left.
const HEARTBEAT: Duration = Duration::from_millis(250);

impl Store {
    /// All objects, deleted ones included, in the order of their last change.
    ///
    /// # Errors
    /// `BucketNotFound`; `Timeout`; `ConnectionClosed`; those of
    /// [`JetStream::api`](crate::client::jetstream::JetStream::api).
    pub fn list(&self) -> impl Future<Output = Result<Vec<Info>>> + Send + 'static {
        let call = self.call();
        async move { call.list().await }
    }
}

impl Call {
    /// As [`Store::list`].
    pub(super) async fn list(&self) -> Result<Vec<Info>> {
        let Call { js, store } = self;
        let filter = metas(store.name());
        let expected = js.count_subjects(store.stream(), &filter).await;
        let expected = expected.map_err(|error| store.missing(error))?;
        if expected == 0 {
            return Ok(Vec::new());
        }
        let mut listed = store.collect().await?;
        if (listed.len() as u64) < expected {
            self.complete(&mut listed, &filter).await?;
        }
        let infos = listed.into_values().flatten();
        let mut infos: Vec<Info> = infos.collect();
        infos.sort_unstable_by_key(|info| info.revision);
        Ok(infos)
    }

    /// What is counted as left for a consumer may be too little for a moment when a meta replaces another one, and the
    /// listing of a busy bucket end before that has come.
    async fn complete(&self, listed: &mut Listed, filter: &str) -> Result<()> {
        let Call { js, store } = self;
        for (subject, _) in js.subject_pages(store.stream(), filter).all().await? {
            if listed.contains_key(&subject) {
                continue;
            }
            let message = js.stream_msg_get(store.stream(), &last_of(&subject)).await;
            let found = match message {
                Ok(message) => Found::from(message),
                Err(error) if error.code == Code::MsgNotFound => continue,
                Err(error) => return Err(store.missing(error)),
            };
            let Found {
                sequence,
                mtime,
                meta,
                ..
            } = found;
            let info = meta.map(|meta| self.describe(meta, sequence, mtime));
            listed.insert(subject, info);
        }
        Ok(())
    }
}

/// Metas by their subjects; none where it cannot be read.
type Listed = HashMap<String, Option<Info>>;

impl Store {
    /// Reads metas up to the end of current data. The time limit begins here; the consumer goes whatever the outcome is.
    async fn collect(&self) -> Result<Listed> {
        let limit = self.timeout();
        let reading = self.read_all();
        match limit.is_zero() {
            true => reading.await,
            false => timeout(limit, reading).await.unwrap_or_else(|_| {
                let bucket = self.name();
                let message = format!("Timeout while listing the objects of bucket {bucket}");
                Err(Error::new(Code::Timeout, message))
            }),
        }
    }

    async fn read_all(&self) -> Result<Listed> {
        let config = OrderedConfig {
            description: Some("object listing".into()),
            deliver_policy: DeliverPolicy::LastPerSubject,
            idle_heartbeat: HEARTBEAT,
            ..OrderedConfig::new(self.stream())
        };
        let mut present = Present::new(config.deliver_policy);
        let config = config.filtered_by(vec![metas(self.name())]);
        let following = Following::begin(self.js(), config).await;
        let mut following = following.map_err(|error| self.missing(error))?;
        let mut listed = Listed::new();
        loop {
            let item = following.next().await;
            let is_end = match item.map_err(|error| self.missing(error))? {
                Item::Created {
                    num_pending,
                    opening,
                } => {
                    // Each consumer brings all.
                    listed.clear();
                    present.created(num_pending, opening)
                }
                Item::Message(delivery) => {
                    let (_, seen) = present.message(&delivery);
                    let info = read(self, &delivery);
                    listed.insert(delivery.message.subject.to_string(), info);
                    seen.reached
                }
                Item::CaughtUp => present.caught_up(),
                Item::FlowControl(question) => {
                    question.answer();
                    false
                }
            };
            if is_end {
                return Ok(listed);
            }
        }
    }
}
