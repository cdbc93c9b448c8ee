//! The task beside an ordered consumer: it notices silence, resets, retries, gives up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::creation::{self, consumer_config};
use super::inbox::OrderedInbox;
use super::pace::Pace;
use super::shared::Shared;
use super::types::{Change, Opening, Resume};
use crate::client::connection::{Publish, Status};
use crate::client::error::{Code, Error, Result};
use crate::client::jetstream::subscription::Subscription;
use crate::client::jetstream::{units, Json, JsonExt};

/// After so many heartbeats without a sign of life a consumer is taken for dead.
const MISSED_HEARTBEATS: u32 = 3;

/// Why a consumer has to be created again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// A gap in the consumer's sequence.
    Mismatch,
    /// Silence, or the server does not know the consumer any more.
    NotActive,
    /// The next message cannot be read from the link.
    Unreadable,
}

impl Cause {
    fn code(self) -> Code {
        match self {
            Cause::Mismatch => Code::ConsumerSequenceMismatch,
            Cause::NotActive => Code::ConsumerNotActive,
            Cause::Unreadable => Code::BadHeaderMsg,
        }
    }
}

/// What the supervisor waited for.
enum Trouble {
    Reset(Cause),
    Lost,
}

impl Shared {
    pub(super) fn stop(&self) {
        self.state().stopped = true;
        self.detach();
    }

    /// Forgets the present consumer.
    fn detach(&self) {
        let subscription = {
            let mut state = self.state();
            state.name.clear();
            state.subscription.take()
        };
        // Its drop takes the lock of the connection.
        drop(subscription);
    }

    /// Asks the server to delete a consumer. Should that get lost, its inactivity ends it.
    pub(super) fn delete(&self, name: &str) {
        let call = format!("CONSUMER.DELETE.{}.{name}", self.config.stream);
        let request = Publish::new(self.js.subject(&call), "");
        let _ = self.js.connection.publish_control(request);
    }

    /// Runs until the consumer cannot go on. The owner aborts it to stop the consumer.
    pub(super) async fn supervise(self: Arc<Self>) {
        let mut pace = Pace::default();
        loop {
            match self.trouble().await {
                Trouble::Reset(cause) if self.recover(cause, &mut pace).await => {}
                Trouble::Reset(_) => return,
                Trouble::Lost => {
                    self.give_up(connection_closed());
                    return;
                }
            }
        }
    }

    /// Waits until something is wrong.
    async fn trouble(&self) -> Trouble {
        loop {
            if self.was_relinked() {
                if let Some(cause) = self.broken_by().await {
                    return Trouble::Reset(cause);
                }
            }
            let next_look = match self.look() {
                Ok(next_look) => next_look,
                Err(trouble) => return trouble,
            };
            tokio::select! {
                () = self.wake.notified() => {}
                () = tokio::time::sleep_until(next_look.into()) => {}
                () = self.vanished() => return Trouble::Reset(Cause::NotActive),
            }
        }
    }

    /// Whether there is a new link; told once.
    fn was_relinked(&self) -> bool {
        let started = self.state().started;
        started && std::mem::take(&mut self.flow().relinked)
    }

    /// Looks whether all is well, and says when to look again at the latest.
    fn look(&self) -> std::result::Result<Instant, Trouble> {
        let started = self.state().started;
        let mut flow = self.flow();
        if started {
            flow.release();
        }
        flow.tell_time();
        let deadline = flow.heard + self.config.idle_heartbeat * MISSED_HEARTBEATS;
        let next_look = flow
            .waits_until()
            .map_or(deadline, |time| time.min(deadline));
        let broken = flow.is_broken();
        drop(flow);
        if self.is_lost() {
            Err(Trouble::Lost)
        } else if broken && started {
            Err(Trouble::Reset(Cause::Mismatch))
        } else if deadline <= Instant::now() || self.state().denied.is_some() {
            Err(Trouble::Reset(Cause::NotActive))
        } else {
            Ok(next_look)
        }
    }

    /// Returns when the consumer turns out to be gone.
    ///
    /// A server that restarted has forgotten it; after a heartbeat that did not come, asking finds
    /// out sooner than further silence would. Any other answer, or none, leaves the matter to the
    /// heartbeats.
    async fn vanished(&self) {
        let heartbeat = self.config.idle_heartbeat;
        let overdue = heartbeat + heartbeat / 2;
        loop {
            let silence = self.flow().heard.elapsed();
            if silence < overdue {
                tokio::time::sleep(overdue - silence).await;
                continue;
            }
            if self.js.connection.status() == Status::Connected && self.is_unknown().await {
                return;
            }
            tokio::time::sleep(heartbeat).await;
        }
    }

    /// Whether the server says that there is no such consumer.
    async fn is_unknown(&self) -> bool {
        let name = self.state().name.clone();
        match self.js.consumer_info(&self.config.stream, &name).await {
            Ok(_) => false,
            Err(error) => matches!(error.code, Code::ConsumerNotFound | Code::StreamNotFound),
        }
    }

    /// Replaces the consumer. False: that is impossible for good.
    async fn recover(self: &Arc<Self>, mut cause: Cause, pace: &mut Pace) -> bool {
        self.retire();
        // Silence takes its time by itself.
        if cause != Cause::NotActive {
            tokio::time::sleep(self.pause(pace)).await;
        }
        let mut retried = false;
        loop {
            if self.is_lost() {
                self.give_up(connection_closed());
                return false;
            }
            let error = match self.reset(cause, retried).await {
                Ok(true) => return true,
                // The link broke before the answer came: upon the first message?
                Ok(false) => {
                    if self.is_stuck(None).await.unwrap_or(false) {
                        cause = Cause::Unreadable;
                    } else {
                        tokio::time::sleep(self.pause(pace)).await;
                    }
                    continue;
                }
                Err(error) => error,
            };
            if error.code == Code::StreamNotFound {
                let message = format!("stopped due to {error}");
                self.give_up(Error::new(error.code, message));
                return false;
            }
            let message = format!("failed to reset: {error}");
            self.report(Error::new(error.code, message));
            if !self.is_lost() {
                let interval = self.state().retry_interval;
                tokio::time::sleep(interval).await;
            }
            retried = true;
        }
    }

    fn pause(&self, pace: &mut Pace) -> Duration {
        let stream_seq = self.flow().tracker.stream_seq();
        pace.pause(Instant::now(), stream_seq, self.state().retry_interval)
    }

    /// Turns away from the present consumer.
    fn retire(&self) {
        self.flow().renew();
        self.detach();
        self.tell(Change::Resetting);
    }

    /// False if the link broke meanwhile.
    async fn reset(self: &Arc<Self>, cause: Cause, retried: bool) -> Result<bool> {
        let opening = self.resume();
        let how = match opening {
            Opening::Replayed => {
                format!("deliver_policy = {}", self.config.deliver_policy.as_str())
            }
            _ => format!("opt_start_seq = {}", self.flow().tracker.stream_seq() + 1),
        };
        let code = cause.code();
        let message = format!("reset with {how} due to {}", code.words().0);
        self.report(Error::new(code, message));

        // Only a consumer that exists vouches for its stream.
        if cause == Cause::Mismatch && !retried {
            return self.open(opening).await;
        }
        match self.successor().await? {
            None if cause == Cause::Unreadable => {
                self.read_on(opening).await?;
                self.open(Opening::Resumed).await
            }
            None => self.open(opening).await,
            Some(created) => {
                let opened = self.open(Opening::Recreated).await?;
                if !opened {
                    self.open_apart(Opening::Recreated).await?;
                }
                self.state().stream_created = Some(created);
                Ok(opened)
            }
        }
    }

    /// How the observer wants it to go on.
    pub(super) fn resume(&self) -> Opening {
        match self.flow().observer.resume() {
            Resume::FromNext => Opening::Resumed,
            Resume::Replay => Opening::Replayed,
        }
    }

    /// When the stream was created, if it is not the one consumed so far: sequences would begin
    /// again, and the server does not mind a start sequence that lies in the future.
    async fn successor(&self) -> Result<Option<String>> {
        let (known, consumer_created) = {
            let state = self.state();
            let created = units::time_field(&state.info, "created");
            (state.stream_created.clone(), created)
        };
        let Some(known) = known else {
            return Ok(None);
        };
        let info = self.js.stream_info(&self.config.stream).await?;
        let created = info.text("created").unwrap_or_default();
        // What is known may be older than the stream that was consumed, but no consumer is older
        // than its stream.
        let same = created == known
            || match (units::ns_from_time(created), consumer_created) {
                (Some(stream), Some(consumer)) => stream <= consumer,
                _ => true,
            };
        Ok((!same).then(|| created.to_owned()))
    }

    /// Creates the consumer. The subscription comes first: nothing can get lost, nothing has to
    /// wait for the server to learn of it. False if the link broke before the answer came.
    pub(super) async fn open(self: &Arc<Self>, opening: Opening) -> Result<bool> {
        let (epoch, next) = {
            let mut flow = self.flow();
            (flow.renew(), flow.tracker.stream_seq() + 1)
        };
        self.state().denied = None;
        let connection = &self.js.connection;
        let inbox = connection.new_inbox();
        let shared = self.clone();
        let subscription = Subscription::new(connection, &inbox, OrderedInbox { shared, epoch })?;
        let config = consumer_config(&self.config, opening, next);
        let info = tokio::select! {
            biased;
            info = self.create(config, inbox) => info?,
            () = connection.relinked() => return Ok(false),
        };
        if let Some(error) = self.state().denied.clone() {
            self.delete(info.text("name").unwrap_or_default());
            return Err(error);
        }
        self.begin(info, opening, Some(subscription));
        Ok(true)
    }

    /// Begins without a consumer, where the first message breaks the link again and again: as if there had
    /// been one, and the link had broken after its creation.
    pub(super) async fn open_apart(&self, opening: Opening) -> Result<()> {
        let next = self.flow().tracker.stream_seq() + 1;
        let info = self.sound(opening, next).await?;
        self.begin(info, opening, None);
        self.flow().forgo();
        self.wake();
        Ok(())
    }

    /// What the server says about a consumer that would begin there. Nobody listens to it, so it delivers
    /// nothing.
    pub(super) async fn sound(&self, opening: Opening, next: u64) -> Result<Json> {
        let config = consumer_config(&self.config, opening, next);
        let info = loop {
            let inbox = self.js.connection.new_inbox();
            tokio::select! {
                biased;
                info = self.create(config.clone(), inbox) => break info?,
                () = self.js.connection.relinked() => {}
            }
        };
        if let Some(name) = info.text("name") {
            self.delete(name);
        }
        Ok(info)
    }

    /// Asks the server for a consumer of a configuration that delivers to an inbox.
    async fn create(&self, config: Json, inbox: String) -> Result<Json> {
        let (subject, body) = creation::request(&self.js, &self.config.stream, config, inbox);
        let mut info = self.js.checked_api(subject, body).await?;
        units::consumer_to_ms(&mut info);
        Ok(info)
    }

    fn begin(&self, info: Json, opening: Opening, subscription: Option<Subscription>) {
        let name = info.text("name").unwrap_or_default().to_owned();
        let delivered = |key| info.object("delivered").and_then(|d| d.number(key));
        let stream_seq = delivered("stream_seq").unwrap_or(0);
        let consumer_seq = delivered("consumer_seq").unwrap_or(0);
        let num_pending = info.number("num_pending").unwrap_or(0);

        let mut state = self.state();
        if state.stopped {
            return;
        }
        state.name.clone_from(&name);
        state.info.clone_from(&info);
        state.subscription = subscription;
        let started = state.started;
        drop(state);

        let mut flow = self.flow();
        let passed = match opening {
            Opening::Replayed => flow.tracker.stream_seq(),
            // Servers before 2.11 do not say so themselves.
            Opening::First => self.config.first_sequence().map_or(0, |first| first - 1),
            _ => 0,
        };
        flow.tracker.restart(stream_seq.max(passed), consumer_seq);
        flow.begin(num_pending, opening);
        if opening != Opening::First {
            flow.observer.changed(Change::Created { name, info });
        }
        if started {
            flow.release();
        }
    }

    fn is_lost(&self) -> bool {
        self.state().lost || self.js.connection.session() != self.session
    }

    fn give_up(&self, error: Error) {
        self.report(error);
        self.flow().renew();
        self.detach();
        self.tell(Change::Stopped);
    }

    fn report(&self, error: Error) {
        self.state().last_error = Some(error.clone());
        self.tell(Change::Error(error));
    }

    fn tell(&self, change: Change) {
        if !self.state().stopped {
            self.flow().observer.changed(change);
        }
    }
}

fn connection_closed() -> Error {
    Error::new(Code::ConnectionClosed, "stopped")
}
