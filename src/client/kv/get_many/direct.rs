//! By one question that any server answers which has the data, page by page.

use std::time::Duration;

use serde_json::Value;

use super::goal::Goal;
use super::leader::State;
use super::request::{Moment, Request};
use super::snapshot::Snapshot;
use crate::client::error::{Code, Error, Result};
use crate::client::jetstream::{units, Batched, DirectQuery, Json, JsonExt, Latest, StoredMessage};
use crate::client::kv::call::{presence, unreachable, Call, Presence};
use crate::client::kv::entry::Entry;
use crate::client::kv::handle::not_found;

/// How often the question is asked again when the link has broken upon the answer.
const BREAKS: u32 = 1;

/// How often it is asked again when nobody listens, as in an election.
const RETRIES: u32 = 2;

/// The time before that.
const ELECTION: Duration = Duration::from_millis(250);

/// As of when.
#[derive(Clone, Copy)]
pub(super) enum Point<'a> {
    Now,
    /// At a moment, which the leader knew with this state.
    At(Moment, &'a State),
}

/// A message that shows how far whoever answers has got, beside what is wanted.
struct Witness {
    subject: String,
    /// It must be in the answer, if it is known.
    sequence: Option<u64>,
}

/// What came of a question that is asked until the answer will do.
pub(super) enum Answer {
    Keys(Snapshot),
    /// There is no answer to be had this way.
    Consumer {
        /// It is likely that one of the messages breaks the link.
        is_wary: bool,
    },
}

/// What came of the question.
enum Said {
    /// All there is, and up to where the answer knows the stream.
    All(Vec<Entry>, u64),
    Nothing,
    /// It may be asked again.
    Unclear,
    /// There is no answer to be had this way.
    NotThisWay,
}

/// A question that is asked until its answer will do.
pub(super) struct Question<'a> {
    call: &'a Call,
    request: &'a Request,
    point: Point<'a>,
    goal: &'a mut Goal,
    witness: Option<Witness>,
    breaks: u32,
    retries: u32,
}

impl<'a> Question<'a> {
    pub(super) fn new(
        call: &'a Call,
        request: &'a Request,
        point: Point<'a>,
        goal: &'a mut Goal,
    ) -> Question<'a> {
        Question {
            call,
            request,
            point,
            goal,
            witness: None,
            breaks: 0,
            retries: 0,
        }
    }

    /// Asks until there is an answer.
    ///
    /// # Errors
    /// `BucketNotFound`; `NoResponders` if nobody knows of the bucket; those of
    /// [`JetStream::batched_get`](crate::client::jetstream::JetStream::batched_get), but for `MaxPayload`.
    pub(super) async fn ask(mut self) -> Result<Answer> {
        if let Point::At(Moment::Revision(revision), _) = self.point {
            self.witness = self.witness_of(revision).await?;
        }
        loop {
            match self.pages().await? {
                Said::All(entries, up_to) if self.has_got_there(&entries, up_to).await? => {
                    return Ok(Answer::Keys(self.snapshot(entries, up_to)));
                }
                Said::All(..) => self.goal.behind(self.call).await?,
                Said::Nothing => {
                    if let Some(nothing) = self.nothing().await? {
                        return Ok(Answer::Keys(nothing));
                    }
                }
                Said::Unclear => self.goal.pause(self.call).await?,
                Said::NotThisWay => {
                    let is_wary = self.breaks > 0;
                    return Ok(Answer::Consumer { is_wary });
                }
            }
        }
    }

    fn stream(&self) -> &'a str {
        self.call.bucket.stream()
    }

    fn query(&self) -> Json {
        let subjects = self.call.bucket.subjects();
        let keys = self.request.keys.iter().map(|key| subjects.stored(key));
        let witness = self.witness.iter().map(|witness| witness.subject.clone());
        let mut query = Json::new();
        query.insert("multi_last".into(), keys.chain(witness).collect());
        match self.point {
            Point::Now => {}
            Point::At(Moment::Revision(revision), _) => {
                query.insert("up_to_seq".into(), revision.into());
            }
            Point::At(Moment::Before(ns), _) => {
                query.insert("up_to_time".into(), units::time_of_ns(ns).into());
            }
        }
        query
    }

    /// Asks for page after page, all of the moment of the first one.
    async fn pages(&mut self) -> Result<Said> {
        match self.call.js.latest(self.stream(), self.query(), None).await {
            Ok(Latest::All(messages, up_to)) => {
                let entries = messages.into_iter().map(|message| self.entry(message));
                Ok(Said::All(entries.collect::<Result<_>>()?, up_to))
            }
            Ok(Latest::Changed) => Ok(Said::NotThisWay),
            Ok(Latest::Other(other)) => self.no_page(other).await,
            Err(error) if error.code == Code::MaxPayload => Ok(Said::NotThisWay),
            Err(error) => Err(error),
        }
    }

    fn entry(&self, message: StoredMessage) -> Result<Entry> {
        let mut entry = Entry::from_stored(message, self.call.bucket.subjects().prefix())?;
        if !self.request.options.headers {
            entry.headers = None;
        }
        Ok(entry)
    }

    /// What there is instead of a page, or of one that follows.
    async fn no_page(&mut self, batched: Batched) -> Result<Said> {
        Ok(match batched {
            Batched::Nothing => Said::Nothing,
            Batched::Incomplete => Said::Unclear,
            Batched::Relinked => self.relinked(),
            Batched::Nobody => return self.nobody().await,
            _ => Said::NotThisWay,
        })
    }

    /// The link broke upon the answer. A message that cannot be read breaks it again and again.
    fn relinked(&mut self) -> Said {
        self.breaks += 1;
        match self.breaks > BREAKS || self.call.js.connection.broke_upon_message() {
            true => Said::NotThisWay,
            false => Said::Unclear,
        }
    }

    /// Nobody answers: the bucket may be gone, or have no leader, or have been told not to.
    async fn nobody(&mut self) -> Result<Said> {
        let bucket = self.call.bucket.name();
        let error = match presence(&self.call.js, self.stream()).await? {
            Presence::There(config) if !config.flag("allow_direct") => {
                return Ok(Said::NotThisWay);
            }
            Presence::There(_) => None,
            Presence::Gone => return Err(not_found(bucket)),
            Presence::Unknown => Some(unreachable(bucket)),
        };
        if self.retries < RETRIES && self.call.js.deadline().allows(ELECTION) {
            self.retries += 1;
            self.call.js.connection.pause(ELECTION).await?;
            return Ok(Said::Unclear);
        }
        error.map_or(Ok(Said::NotThisWay), Err)
    }

    /// Whether an answer is of somebody who has got far enough.
    async fn has_got_there(&self, entries: &[Entry], up_to: u64) -> Result<bool> {
        match self.point {
            Point::Now => Ok(self.goal.is_reached(up_to)),
            Point::At(Moment::Revision(_), _) => {
                let witness = self.witness.as_ref().and_then(|witness| witness.sequence);
                let is_there = |sequence| entries.iter().any(|entry| entry.revision == sequence);
                Ok(witness.is_none_or(is_there))
            }
            Point::At(Moment::Before(ns), state) => match self.next_after(up_to).await? {
                Some(next) => Ok(units::ns_from_time(&next.time).is_none_or(|time| time >= ns)),
                None => Ok(up_to >= state.last),
            },
        }
    }

    /// There is nothing of these keys where somebody answers; `None` if it is to be asked again. An answer without
    /// messages does not tell how far it has got, so something is asked for that is there.
    async fn nothing(&mut self) -> Result<Option<Snapshot>> {
        match self.point {
            // Nothing is as old as that.
            Point::At(Moment::Before(_), _) => return Ok(Some(Snapshot::empty(0))),
            Point::At(Moment::Revision(revision), _) if self.witness.is_none() => {
                return Ok(Some(Snapshot::empty(revision)));
            }
            Point::Now if self.goal.revision() == 0 && !self.request.options.needs_revision => {
                return Ok(Some(Snapshot::empty(0)));
            }
            _ => {}
        }
        if self.witness.is_some() {
            // It has been removed, or is not there yet.
            self.goal.behind(self.call).await?;
        }
        if let Point::Now = self.point {
            self.witness = self.next_after(0).await?.map(|message| Witness {
                subject: message.subject.to_string(),
                sequence: None,
            });
        }
        if self.witness.is_some() {
            return Ok(None);
        }
        let state = self.call.state(self.goal).await?;
        if state.is_empty {
            return Ok(Some(Snapshot::empty(state.last)));
        }
        self.goal.behind(self.call).await.map(|()| None)
    }

    /// The message of a revision, if it is still there.
    async fn witness_of(&self, revision: u64) -> Result<Option<Witness>> {
        let message = self.message([("seq", revision.into())]).await?;
        Ok(message.map(|message| Witness {
            subject: message.subject.to_string(),
            sequence: Some(revision),
        }))
    }

    /// The first message behind a sequence.
    async fn next_after(&self, sequence: u64) -> Result<Option<StoredMessage>> {
        let query = [("seq", (sequence + 1).into()), ("next_by_subj", ">".into())];
        self.message(query).await
    }

    async fn message<const N: usize>(
        &self,
        query: [(&str, Value); N],
    ) -> Result<Option<StoredMessage>> {
        let query = Json::from_iter(query.map(|(name, value)| (name.to_owned(), value)));
        let query = DirectQuery::Json(&query);
        match self.call.js.stream_direct_get(self.stream(), query).await {
            Ok(message) => Ok(Some(message)),
            Err(Error {
                code: Code::MsgNotFound | Code::NoResponders,
                ..
            }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The entries, without a witness that was not asked for.
    fn snapshot(&self, mut entries: Vec<Entry>, revision: u64) -> Snapshot {
        if let Some(witness) = &self.witness {
            let prefix = self.call.bucket.subjects().prefix();
            let key = witness.subject.strip_prefix(prefix);
            if !key.is_some_and(|key| self.request.covers(key)) {
                entries.retain(|entry| entry.subject() != witness.subject);
            }
        }
        Snapshot { revision, entries }
    }
}
