//! By an ordered consumer, up to a revision.
//!
//! That nothing is pending does not prove that all has come: where an update replaces an entry before its turn, the
//! server counts one too few for a moment. So it is read on up to the stream's last sequence as it is after the
//! creation of the consumer, and entries behind it are held back. With two revisions of a key or more this is exact.
//! With one, an entry that was replaced meanwhile may be missing; it is not if the stream has not changed since.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::collected::{Collected, Limit};
use super::goal::Goal;
use super::leader::State;
use super::request::{Moment, Request};
use super::snapshot::Snapshot;
use crate::client::connection::Hold;
use crate::client::error::{Code, Error, Result};
use crate::client::jetstream::ordered::{
    Change, DeliverPolicy, Item, Observer, Opening, OrderedConfig, OrderedConsumer, Resume,
};
use crate::client::kv::call::Call;
use crate::client::kv::entry::HeadersShown;
use crate::client::kv::handle::not_found;

/// How soon silence says that all has come.
const HEARTBEAT: Duration = Duration::from_millis(200);

/// For how long a quiet moment is looked for where keys may be missing.
const PATIENCE: Duration = Duration::from_secs(1);

impl Call {
    /// The keys as they are.
    ///
    /// # Errors
    /// `BucketNotFound`; `NotConsistent`; `Timeout`; those of
    /// [`JetStream::api`](crate::client::jetstream::JetStream::api).
    pub(super) async fn consume_latest(
        &self,
        request: &Request,
        goal: &mut Goal,
        is_wary: bool,
    ) -> Result<Snapshot> {
        let mut reading = Reading::open(self, request, Limit::Latest(0), is_wary).await?;
        let mut state = reading.approach(goal).await?;
        let patient_until = Instant::now() + PATIENCE;
        // Nothing can have been replaced if there is nothing new.
        while state.keeps_one {
            let before = state.last;
            state = match reading.approach(goal).await {
                Ok(state) if state.last == before => break,
                Ok(state) => state,
                Err(error) if error.code == Code::Timeout => {
                    if request.options.accepts_fuzzy {
                        break;
                    }
                    return Err(not_consistent(self.bucket.name()));
                }
                Err(error) => return Err(error),
            };
            if request.options.accepts_fuzzy && Instant::now() > patient_until {
                break;
            }
        }
        Ok(reading.finish(state.last))
    }

    /// The keys as they were at a moment, up to which the stream has got.
    ///
    /// # Errors
    /// Those of [`Call::consume_latest`], but for `NotConsistent`.
    pub(super) async fn consume_at(
        &self,
        request: &Request,
        at: Moment,
        is_wary: bool,
    ) -> Result<Snapshot> {
        let mut reading = Reading::open(self, request, Limit::At(at), is_wary).await?;
        while !reading.reach().await? {}
        let mut snapshot = reading.finish(0);
        snapshot.revision = match at {
            Moment::Revision(revision) => revision,
            // Nothing of these keys came between this one and that time.
            Moment::Before(_) => snapshot.entries.last().map_or(0, |last| last.revision),
        };
        Ok(snapshot)
    }
}

/// What a consumer tells.
enum News {
    Items(Vec<Item>),
    Change(Change),
}

/// Hands everything on to whoever reads.
struct Reporter {
    news: mpsc::UnboundedSender<News>,
    resume: Resume,
}

impl Observer for Reporter {
    fn deliver(&mut self, items: &mut Vec<Item>) {
        // Whoever reads may have enough.
        let _ = self.news.send(News::Items(std::mem::take(items)));
    }

    fn changed(&mut self, change: Change) {
        let _ = self.news.send(News::Change(change));
    }

    /// It goes on to the end of the call.
    fn drain(&mut self, _hold: &Hold) -> bool {
        false
    }

    fn resume(&mut self) -> Resume {
        self.resume
    }
}

/// What some news mean.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    On,
    /// There is no more at the moment.
    CaughtUp,
    /// The consumer was made anew.
    Anew,
}

/// A consumer that is read. It goes with this.
struct Reading<'a> {
    call: &'a Call,
    consumer: OrderedConsumer,
    news: mpsc::UnboundedReceiver<News>,
    collected: Collected,
    /// Up to this revision all has come.
    reached: Option<u64>,
    error: Option<Error>,
}

impl<'a> Reading<'a> {
    async fn open(
        call: &'a Call,
        request: &Request,
        limit: Limit,
        is_wary: bool,
    ) -> Result<Reading<'a>> {
        let bucket = &call.bucket;
        let filters = bucket.filters(&request.keys)?;
        let (policy, resume) = match limit {
            Limit::Latest(_) => (DeliverPolicy::LastPerSubject, Resume::Replay),
            Limit::At(_) => (DeliverPolicy::All, Resume::FromNext),
        };
        let config = OrderedConfig {
            description: Some("KV get_many".into()),
            deliver_policy: policy,
            idle_heartbeat: HEARTBEAT,
            stream_created: Some(bucket.stream_created().to_owned()),
            ..OrderedConfig::new(bucket.stream()).filtered_by(bucket.filter_subjects(&filters))
        };
        let shown = match request.options.headers {
            true => HeadersShown::Yes,
            false => HeadersShown::No,
        };
        let (sender, news) = mpsc::unbounded_channel();
        let reporter = Box::new(Reporter {
            news: sender,
            resume,
        });
        let consumer = match is_wary {
            true => OrderedConsumer::create_wary(&call.js, config, reporter).await,
            false => OrderedConsumer::create(&call.js, config, reporter).await,
        };
        let consumer = consumer.map_err(|error| match error.code {
            Code::StreamNotFound => not_found(bucket.name()),
            _ => error,
        })?;
        consumer.start();
        Ok(Reading {
            call,
            consumer,
            news,
            collected: Collected::new(bucket.subjects().prefix(), filters, shown, limit),
            reached: None,
            error: None,
        })
    }

    /// Reads up to the stream's end as it is now, and returns what that is. Where the consumer is made anew
    /// meanwhile the end is another one.
    async fn approach(&mut self, goal: &mut Goal) -> Result<State> {
        loop {
            let state = self.call.whole_state(goal).await?;
            if self.reached == Some(state.last) {
                return Ok(state);
            }
            self.collected.raise(state.last);
            if self.reach().await? {
                self.reached = Some(state.last);
                return Ok(state);
            }
        }
    }

    /// Reads up to the limit; false if the consumer was made anew meanwhile.
    async fn reach(&mut self) -> Result<bool> {
        // That there was no more before the limit was known does not matter.
        self.consumer.expect_pause();
        let mut step = Step::On;
        while let Ok(news) = self.news.try_recv() {
            step = self.take(news)?;
            if step == Step::Anew {
                return Ok(false);
            }
        }
        while !self.collected.is_complete() {
            let next = self.call.js.deadline().bound(self.news.recv()).await;
            let Some(news) = next.ok_or_else(|| timed_out(self.call.bucket.name()))? else {
                return Err(Error::connection_closed());
            };
            step = self.take(news)?;
            if step != Step::On {
                break;
            }
        }
        Ok(step != Step::Anew)
    }

    fn take(&mut self, news: News) -> Result<Step> {
        match news {
            News::Items(items) => Ok(self.take_items(items)),
            News::Change(Change::Error(error)) => {
                self.error = Some(error);
                Ok(Step::On)
            }
            News::Change(Change::Stopped) => Err(self.stopped()),
            News::Change(_) => Ok(Step::On),
        }
    }

    fn take_items(&mut self, items: Vec<Item>) -> Step {
        let mut step = Step::On;
        for item in items {
            match item {
                Item::Message(delivery) => self.collected.take(delivery),
                Item::FlowControl(question) => question.answer(),
                Item::CaughtUp if step == Step::On => step = Step::CaughtUp,
                Item::CaughtUp => {}
                Item::Created { opening, .. } => {
                    if matches!(opening, Opening::Replayed | Opening::Recreated) {
                        self.collected.clear();
                    }
                    if opening != Opening::First {
                        self.reached = None;
                        step = Step::Anew;
                    }
                }
            }
        }
        step
    }

    fn stopped(&mut self) -> Error {
        match self.error.take() {
            Some(error) if error.code == Code::StreamNotFound => not_found(self.call.bucket.name()),
            _ => Error::connection_closed(),
        }
    }

    fn finish(mut self, revision: u64) -> Snapshot {
        let entries = self.collected.finish();
        Snapshot { revision, entries }
    }
}

impl Drop for Reading<'_> {
    /// Left to their inactivity, the consumers of many calls would meet the server's limit per stream.
    fn drop(&mut self) {
        self.consumer.remove();
    }
}

fn not_consistent(bucket: &str) -> Error {
    let message = format!(
        "Bucket {bucket} keeps one revision of each key and changes all the time: keys may be missing"
    );
    Error::new(Code::NotConsistent, message)
}

fn timed_out(bucket: &str) -> Error {
    let message = format!("Timeout while reading keys of bucket {bucket}");
    Error::new(Code::Timeout, message)
}
