//! The task beside an ordered consumer: it notices silence, resets, retries, gives up.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::Notify;

use super::creation::consumer_config;
use super::flow::{Flow, Inbox};
use super::{Change, Observer, Opening, OrderedConfig, Resume};
use crate::client::connection::{Publish, Status};
use crate::client::error::{Code, Error, Result};
use crate::client::jetstream::subscription::Subscription;
use crate::client::jetstream::{units, JetStream, Json, JsonExt};

/// After so many heartbeats without a sign of life a consumer is taken for dead.
const MISSED_HEARTBEATS: u32 = 3;

/// Long enough for the consumers of many clients not to come back all at once, again and again.
const RETRY_INTERVAL: Duration = Duration::from_secs(10);

/// Why a consumer has to be created again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// A gap in the consumer's sequence.
    Mismatch,
    /// Silence, or the server does not know the consumer any more.
    NotActive,
}

impl Cause {
    fn code(self) -> Code {
        match self {
            Cause::Mismatch => Code::ConsumerSequenceMismatch,
            Cause::NotActive => Code::ConsumerNotActive,
        }
    }
}

/// What the supervisor waited for.
enum Trouble {
    Reset(Cause),
    Lost,
}

/// A consumer, as shared by its owner, its subscription and its supervisor.
pub(super) struct Shared {
    js: JetStream,
    /// The session of the connection in which it was made: a later one does not bring it back.
    session: Option<u64>,
    config: OrderedConfig,
    flow: Mutex<Flow>,
    face: Mutex<Face>,
    wake: Notify,
}

/// What owners ask for and set.
pub(super) struct Face {
    pub(super) name: String,
    pub(super) info: Json,
    pub(super) last_error: Option<Error>,
    pub(super) retry_interval: Duration,
    subscription: Option<Subscription>,
    /// Which stream it is: one of the same name may take its place.
    stream_created: Option<String>,
    started: bool,
    stopped: bool,
    /// The connection was closed; a later one does not bring the consumer back.
    lost: bool,
}

impl Shared {
    pub(super) fn new(
        js: JetStream,
        config: OrderedConfig,
        observer: Box<dyn Observer>,
    ) -> Arc<Shared> {
        let flow = Flow::new(js.connection.clone(), observer);
        let face = Face {
            name: String::new(),
            info: Json::new(),
            last_error: None,
            retry_interval: RETRY_INTERVAL,
            subscription: None,
            stream_created: config.stream_created.clone(),
            started: false,
            stopped: false,
            lost: false,
        };
        Arc::new(Shared {
            session: js.connection.session(),
            js,
            config,
            flow: Mutex::new(flow),
            face: Mutex::new(face),
            wake: Notify::new(),
        })
    }

    /// Not to be taken while the face is locked.
    pub(super) fn flow(&self) -> MutexGuard<'_, Flow> {
        self.flow.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn face(&self) -> MutexGuard<'_, Face> {
        self.face.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the supervisor look what happened.
    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }

    pub(super) fn start(&self) {
        self.face().started = true;
        self.wake();
    }

    /// The connection has ended, and the subscription with it.
    pub(super) fn lost(&self) {
        self.face().lost = true;
        self.wake();
    }

    pub(super) fn stop(&self) {
        let mut face = self.face();
        face.stopped = true;
        face.name.clear();
        let subscription = face.subscription.take();
        drop(face);
        drop(subscription);
    }

    /// Asks the server to delete a consumer. Should that get lost, its inactivity ends it.
    pub(super) fn delete(&self, name: &str) {
        let call = format!("CONSUMER.DELETE.{}.{name}", self.config.stream);
        let request = Publish::new(self.js.subject(&call), "");
        let _ = self.js.connection.publish(request);
    }

    /// Runs until the consumer cannot go on. The owner aborts it to stop the consumer.
    pub(super) async fn supervise(self: Arc<Self>) {
        loop {
            match self.trouble().await {
                Trouble::Reset(cause) if self.recover(cause).await => {}
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

    /// Looks whether all is well, and says when to look again at the latest.
    fn look(&self) -> std::result::Result<Instant, Trouble> {
        let started = self.face().started;
        let mut flow = self.flow();
        if started {
            flow.release();
        }
        if flow.pause_at().is_some_and(|pause| pause <= Instant::now()) {
            flow.pause();
        }
        let deadline = flow.heard + self.config.idle_heartbeat * MISSED_HEARTBEATS;
        let next_look = flow
            .pause_at()
            .map_or(deadline, |pause| pause.min(deadline));
        let broken = flow.is_broken();
        drop(flow);
        if self.is_lost() {
            Err(Trouble::Lost)
        } else if broken {
            Err(Trouble::Reset(Cause::Mismatch))
        } else if deadline <= Instant::now() {
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
        let name = self.face().name.clone();
        match self.js.consumer_info(&self.config.stream, &name).await {
            Ok(_) => false,
            Err(error) => matches!(error.code, Code::ConsumerNotFound | Code::StreamNotFound),
        }
    }

    /// Replaces the consumer. False: that is impossible for good.
    async fn recover(self: &Arc<Self>, cause: Cause) -> bool {
        self.retire();
        let mut retried = false;
        loop {
            if self.is_lost() {
                self.give_up(connection_closed());
                return false;
            }
            let Err(error) = self.reset(cause, retried).await else {
                return true;
            };
            if error.code == Code::StreamNotFound {
                let message = format!("stopped due to {error}");
                self.give_up(Error::new(error.code, message));
                return false;
            }
            let message = format!("failed to reset: {error}");
            self.report(Error::new(error.code, message));
            if !self.is_lost() {
                let interval = self.face().retry_interval;
                tokio::time::sleep(interval).await;
            }
            retried = true;
        }
    }

    /// Turns away from the present consumer.
    fn retire(&self) {
        self.flow().renew();
        let mut face = self.face();
        face.name.clear();
        let subscription = face.subscription.take();
        drop(face);
        drop(subscription);
        self.tell(Change::Resetting);
    }

    async fn reset(self: &Arc<Self>, cause: Cause, retried: bool) -> Result<()> {
        let (resume, next) = {
            let mut flow = self.flow();
            (flow.observer.resume(), flow.tracker.stream_seq() + 1)
        };
        let (how, opening) = match resume {
            Resume::FromNext => (format!("opt_start_seq = {next}"), Opening::Resumed),
            Resume::Replay => (
                format!("deliver_policy = {}", self.config.deliver_policy.as_str()),
                Opening::Replayed,
            ),
        };
        let code = cause.code();
        let message = format!("reset with {how} due to {}", code.words().0);
        self.report(Error::new(code, message));

        // Only a consumer that exists vouches for its stream.
        if cause == Cause::Mismatch && !retried {
            return self.open(opening).await;
        }
        match self.successor().await? {
            None => self.open(opening).await,
            Some(created) => {
                self.open(Opening::Recreated).await?;
                self.face().stream_created = Some(created);
                Ok(())
            }
        }
    }

    /// When the stream was created, if it is not the one consumed so far: sequences would begin
    /// again, and the server does not mind a start sequence that lies in the future.
    async fn successor(&self) -> Result<Option<String>> {
        let (known, consumer_created) = {
            let face = self.face();
            let created = units::time_field(&face.info, "created");
            (face.stream_created.clone(), created)
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
    /// wait for the server to learn of it.
    pub(super) async fn open(self: &Arc<Self>, opening: Opening) -> Result<()> {
        let (epoch, next) = {
            let mut flow = self.flow();
            (flow.renew(), flow.tracker.stream_seq() + 1)
        };
        let connection = &self.js.connection;
        let inbox = connection.new_inbox();
        let shared = self.clone();
        let subscription = Subscription::new(connection, &inbox, Inbox { shared, epoch })?;
        let call = format!("CONSUMER.CREATE.{}", self.config.stream);
        let body = Value::Object(self.creation(inbox, opening, next)).to_string();
        let mut info = self.js.api(&call, body).await?;
        units::config_to_ms(&mut info, units::CONSUMER_DURATIONS);
        self.begin(info, opening, subscription);
        Ok(())
    }

    fn begin(&self, info: Json, opening: Opening, subscription: Subscription) {
        let name = info.text("name").unwrap_or_default().to_owned();
        let delivered = |key| info.object("delivered").and_then(|d| d.number(key));
        let stream_seq = delivered("stream_seq").unwrap_or(0);
        let consumer_seq = delivered("consumer_seq").unwrap_or(0);
        let num_pending = info.number("num_pending").unwrap_or(0);

        let mut face = self.face();
        if face.stopped {
            return;
        }
        face.name.clone_from(&name);
        face.info.clone_from(&info);
        face.subscription = Some(subscription);
        let started = face.started;
        drop(face);

        let mut flow = self.flow();
        let passed = match opening {
            Opening::Replayed => flow.tracker.stream_seq(),
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

    /// The body of the creation request.
    fn creation(&self, inbox: String, opening: Opening, next: u64) -> Json {
        let mut config = consumer_config(&self.config, opening, next);
        config.insert("deliver_subject".into(), inbox.into());
        let mut body = Json::new();
        body.insert("stream_name".into(), self.config.stream.as_str().into());
        body.insert("config".into(), config.into());
        if self.js.server_at_least(2, 10, 0) {
            body.insert("action".into(), "create".into());
        }
        body
    }

    fn is_lost(&self) -> bool {
        self.face().lost || self.js.connection.session() != self.session
    }

    fn give_up(&self, error: Error) {
        self.report(error);
        self.flow().renew();
        let mut face = self.face();
        face.name.clear();
        let subscription = face.subscription.take();
        drop(face);
        drop(subscription);
        self.tell(Change::Stopped);
    }

    fn report(&self, error: Error) {
        self.face().last_error = Some(error.clone());
        self.tell(Change::Error(error));
    }

    fn tell(&self, change: Change) {
        if !self.face().stopped {
            self.flow().observer.changed(change);
        }
    }
}

fn connection_closed() -> Error {
    Error::new(Code::ConnectionClosed, "stopped")
}
