//! Continuous consumption: pull requests without end ([ADR-37]).
//!
//! Requests go out whenever few enough messages are on their way or wait for the receiver ([`Demand`]).
//! What the server has to say about them, and silence, is for the supervisor, a task beside it: it looks
//! whether the consumer still exists, and asks anew, on another inbox. The former inbox is drained, so
//! that what comes late is not lost, and the server forgets the requests that were made for it.
//!
//! # Locks
//!
//! One lock guards what is asked for and where. It is held while neither the connection nor the
//! [`Observer`] is called.
//!
//! [ADR-37]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-37.md

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use async_nats::header::HeaderName;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::demand::{Amount, Demand, Limits};
use super::request::{Priority, PullRequest};
use super::status::{self, Status as PullStatus};
use super::unreadable;
use crate::client::connection::{Deliver, Hold, Level, Status};
use crate::client::error::{Code, Error, Result};
use crate::client::jetstream::subscription::Subscription;
use crate::client::jetstream::{JetStream, Json, JsonExt};
use crate::client::message::{Delivered, Message};

/// How long to wait before asking again what was refused.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// After so many heartbeats without a sign of life requests are taken for lost.
const MISSED_HEARTBEATS: u32 = 2;

/// Longer than anybody waits.
const LONG: Duration = Duration::from_secs(3600);

static PIN_ID: HeaderName = HeaderName::from_static("Nats-Pin-Id");

/// What to consume and how.
#[derive(Debug, Clone)]
pub struct ConsumeConfig {
    pub stream: String,
    pub consumer: String,
    pub limits: Limits,
    /// How long the server keeps each request.
    pub expires: Duration,
    /// At most half of `expires`.
    pub idle_heartbeat: Duration,
    pub priority: Priority,
}

/// Receives what a consumption has to say, from any thread; must not block.
pub trait Observer: Send + Sync + 'static {
    /// Messages in the consumer's order. Each is to be followed by [`Consumption::handled`], sooner or
    /// later.
    fn deliver(&self, messages: Vec<Delivered>);

    /// Something about the consumption itself has changed.
    fn changed(&self, change: Change);

    /// The connection is drained, and the consumption with it. The observer may keep `hold` until it has dealt
    /// with what has come.
    fn drained(&self, _hold: &Hold) {}
}

/// A step in the life of a consumption.
#[derive(Debug)]
pub enum Change {
    /// Something went wrong; worth a warning in a log. Only if the next change is [`Change::Ended`] it
    /// did not go on.
    Error(Error),
    /// No message comes after this.
    Ended,
}

/// A continuous consumption. Dropping it stops it.
pub struct Consumption {
    shared: Arc<Shared>,
}

struct Shared {
    js: JetStream,
    config: ConsumeConfig,
    subject: String,
    /// The session of the connection in which it began: it ends with that.
    session: Option<u64>,
    observer: Box<dyn Observer>,
    flow: Mutex<Flow>,
    wake: Notify,
    /// Ends what the supervisor waits for on the link before.
    relinked: Notify,
    supervisor: OnceLock<AbortHandle>,
}

/// What is asked for, and where it is to come.
struct Flow {
    stage: Stage,
    demand: Demand,
    /// Counts inboxes.
    epoch: u64,
    /// The present one; none while it is replaced.
    inbox: Option<(String, Subscription)>,
    /// What this client was called when it was pinned (ADR-42).
    pin: Option<String>,
    /// When anything came last, or was asked for after a pause.
    heard: Instant,
    /// For the supervisor.
    trouble: Option<Trouble>,
    info: Json,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Running,
    /// Nothing is asked for any more.
    Draining,
    Over,
}

/// Why requests have to be made anew.
#[derive(Debug)]
enum Trouble {
    /// No heartbeat came.
    Silence,
    /// Nobody takes requests.
    Unanswered,
    Forgotten(Error),
    Refused(Error),
    /// There is a new link.
    Relinked,
}

impl Consumption {
    /// Looks the consumer up. Nothing is asked for before [`Consumption::start`].
    ///
    /// # Errors
    /// `InvalidArg` for bad names, and for a consumer that pushes; `StreamNotFound`, `ConsumerNotFound`;
    /// `NotSupported` for priorities that the server does not know; those of [`JetStream::api`].
    pub async fn create(
        js: &JetStream,
        config: ConsumeConfig,
        observer: Box<dyn Observer>,
    ) -> Result<Consumption> {
        let subject = js.pull_subject(&config.stream, &config.consumer)?;
        check_supported(js, &config.priority)?;
        let session = js.connection.session();
        let info = js.consumer_info(&config.stream, &config.consumer).await?;
        let pushes = info
            .object("config")
            .is_some_and(|config| config.contains_key("deliver_subject"));
        if pushes {
            let name = &config.consumer;
            return Err(Error::invalid_arg(format!("Consumer {name} is push based")));
        }
        let flow = Flow {
            stage: Stage::Running,
            demand: Demand::new(config.limits),
            epoch: 0,
            inbox: None,
            pin: None,
            heard: Instant::now(),
            trouble: None,
            info,
        };
        let shared = Shared {
            js: js.clone(),
            config,
            subject,
            session,
            observer,
            flow: Mutex::new(flow),
            wake: Notify::new(),
            relinked: Notify::new(),
            supervisor: OnceLock::new(),
        };
        Ok(Consumption {
            shared: Arc::new(shared),
        })
    }

    /// Begins, in the context of a tokio runtime.
    pub fn start(&self) {
        let shared = &self.shared;
        shared.renew();
        let supervisor = tokio::spawn(shared.clone().supervise());
        // Only the first start counts.
        let _ = shared.supervisor.set(supervisor.abort_handle());
    }

    /// The receiver is done with a message, of this length.
    pub fn handled(&self, length: usize) {
        self.shared.flow().demand.handled(Amount::one(length));
        self.shared.ask();
    }

    /// What the server last said about the consumer.
    pub fn info(&self) -> Json {
        self.shared.flow().info.clone()
    }

    /// Asks for nothing more, and ends when what has come was delivered.
    pub fn drain(&self) {
        self.shared.drain();
    }

    /// Ends at once; the observer hears nothing more, but for a delivery that is under way.
    pub fn stop(&self) {
        self.shared.close();
    }
}

impl Drop for Consumption {
    fn drop(&mut self) {
        self.stop();
    }
}

fn check_supported(js: &JetStream, priority: &Priority) -> Result<()> {
    if priority.priority.is_some() {
        return js.check_server_at_least(2, 12);
    }
    if priority.group.is_some()
        || priority.min_pending.is_some()
        || priority.min_ack_pending.is_some()
    {
        return js.check_server_at_least(2, 11);
    }
    Ok(())
}

/// Asking, and the end.
impl Shared {
    fn flow(&self) -> MutexGuard<'_, Flow> {
        self.flow.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a request if one is due. Without a link there is nobody to ask; the next link makes it good.
    fn ask(&self) {
        if !self.flow().demand.is_low() || !self.is_connected() {
            return;
        }
        let Some((inbox, request)) = self.flow().request(&self.config) else {
            return;
        };
        let mut message = self.js.pull(&self.subject, &request);
        message.reply = Some(inbox.into());
        // It fails when the connection is closed, which ends the subscription, too.
        let _ = self.js.connection.publish_control(message);
    }

    fn is_connected(&self) -> bool {
        self.js.connection.status() == Status::Connected
    }

    /// Forgets all requests and asks anew, on another inbox.
    fn renew(self: &Arc<Self>) {
        let (epoch, old) = {
            let mut flow = self.flow();
            if flow.stage != Stage::Running {
                return;
            }
            flow.epoch += 1;
            flow.trouble = None;
            flow.demand.forget();
            (flow.epoch, flow.inbox.take())
        };
        let connection = &self.js.connection;
        let inbox = connection.new_inbox();
        let shared = self.clone();
        let subscription = Subscription::new(connection, &inbox, PullInbox { shared, epoch });
        if let Some((_, old)) = old {
            old.drain();
        }
        let subscription = match subscription {
            Ok(subscription) if connection.session() == self.session => subscription,
            _ => return self.lost(),
        };
        let mut flow = self.flow();
        if flow.stage != Stage::Running {
            drop(flow);
            // Unsubscribes.
            return drop(subscription);
        }
        flow.inbox = Some((inbox, subscription));
        drop(flow);
        self.ask();
    }

    fn drain(&self) {
        let inbox = {
            let mut flow = self.flow();
            if flow.stage != Stage::Running {
                return;
            }
            flow.stage = Stage::Draining;
            flow.inbox.take()
        };
        match inbox {
            Some((_, subscription)) => subscription.drain(),
            None => self.end(None),
        }
    }

    /// An inbox has ended by itself.
    fn inbox_ended(&self, epoch: u64) {
        let stage = {
            let flow = self.flow();
            if flow.epoch != epoch {
                return;
            }
            flow.stage
        };
        match stage {
            Stage::Running => self.lost(),
            Stage::Draining => self.end(None),
            Stage::Over => {}
        }
    }

    /// The connection was closed. A later one does not bring the consumption back.
    fn lost(&self) {
        self.end(Some(Error::new(Code::ConnectionClosed, "stopped")));
    }

    fn end(&self, error: Option<Error>) {
        if !self.close() {
            return;
        }
        if let Some(error) = error {
            self.observer.changed(Change::Error(error));
        }
        self.observer.changed(Change::Ended);
    }

    /// Ends without a word. Returns whether it was not over before.
    fn close(&self) -> bool {
        let inbox = {
            let mut flow = self.flow();
            if flow.stage == Stage::Over {
                return false;
            }
            flow.stage = Stage::Over;
            flow.inbox.take()
        };
        drop(inbox);
        if let Some(supervisor) = self.supervisor.get() {
            supervisor.abort();
        }
        true
    }

    fn report(&self, error: Error) {
        if self.flow().stage == Stage::Running {
            self.observer.changed(Change::Error(error));
        }
    }
}

impl Flow {
    fn request(&mut self, config: &ConsumeConfig) -> Option<(String, PullRequest)> {
        if self.stage != Stage::Running {
            return None;
        }
        let (inbox, _) = self.inbox.as_ref()?;
        let paused = !self.demand.is_asking();
        let amount = self.demand.next()?;
        if paused {
            self.heard = Instant::now();
        }
        let request = PullRequest {
            batch: amount.messages,
            no_wait: false,
            expires: Some(config.expires),
            max_bytes: config.limits.max_bytes.map(|_| amount.bytes),
            idle_heartbeat: Some(config.idle_heartbeat),
            priority: config.priority.clone(),
            pin: self.pin.clone(),
        };
        Some((inbox.clone(), request))
    }

    /// Takes note of what came on the inbox of an epoch. Returns whether it is for the observer; an
    /// error ends the consumption.
    fn accept(&mut self, message: &Message, epoch: u64) -> Result<bool> {
        let present = epoch == self.epoch;
        if let Some(number) = status::number(message) {
            return match present && self.stage == Stage::Running {
                true => self
                    .take_status(PullStatus::of(number, message))
                    .map(|()| false),
                // The requests of an earlier inbox are forgotten already.
                false => Ok(false),
            };
        }
        let amount = Amount::one(message.length);
        match present {
            true => self.demand.came(amount),
            false => self.demand.came_late(amount),
        }
        let headers = message.headers.as_ref();
        if let Some(pin) = headers.and_then(|headers| headers.get(PIN_ID.clone())) {
            if self.pin.as_deref() != Some(pin.as_str()) {
                self.pin = Some(pin.as_str().to_owned());
            }
        }
        Ok(true)
    }

    fn take_status(&mut self, status: PullStatus) -> Result<()> {
        match status {
            PullStatus::Heartbeat => {}
            PullStatus::Over(Some(rest)) => self.demand.call_off(rest),
            PullStatus::Over(None) => self.demand.forget(),
            PullStatus::TooLong(rest) => {
                if !self.demand.call_off_too_long(rest) {
                    self.trouble = Some(Trouble::Refused(too_long()));
                }
            }
            PullStatus::NoResponders => self.trouble = Some(Trouble::Unanswered),
            PullStatus::Forgotten(error) => {
                self.pin = None;
                self.trouble = Some(Trouble::Forgotten(error));
            }
            PullStatus::Refused(error) => self.trouble = Some(Trouble::Refused(error)),
            PullStatus::Final(error) => return Err(stopped(error)),
        }
        Ok(())
    }

    /// When silence means that something is wrong.
    fn deadline(&self, idle_heartbeat: Duration) -> Instant {
        let from = match self.demand.is_asking() {
            true => self.heard,
            // The server has no request that it could confirm.
            false => Instant::now(),
        };
        let patience = idle_heartbeat.saturating_mul(MISSED_HEARTBEATS).min(LONG);
        from + patience
    }
}

fn too_long() -> Error {
    Error::new(
        Code::JsResponse {
            code: 409,
            err_code: 0,
        },
        "the next message is longer than -max_bytes",
    )
}

fn stopped(error: Error) -> Error {
    let message = format!("stopped due to {error}");
    Error::new(error.code, message)
}

/// One inbox.
struct PullInbox {
    shared: Arc<Shared>,
    epoch: u64,
}

impl Deliver for PullInbox {
    fn deliver(&self, _subscription: u64, messages: &mut Vec<Message>) {
        let mut ended = None;
        let troubled = {
            let mut flow = self.shared.flow();
            if flow.stage == Stage::Over {
                return messages.clear();
            }
            if flow.epoch == self.epoch {
                flow.heard = Instant::now();
            }
            messages.retain(|message| match flow.accept(message, self.epoch) {
                Ok(wanted) => wanted,
                Err(error) => {
                    ended = Some(error);
                    false
                }
            });
            flow.trouble.is_some()
        };
        if !messages.is_empty() {
            let messages = messages.drain(..).map(Delivered::from);
            self.shared.observer.deliver(messages.collect());
        }
        if ended.is_some() {
            self.shared.end(ended);
        } else if troubled {
            self.shared.wake.notify_one();
        } else {
            self.shared.ask();
        }
    }

    fn ended(&self, _subscription: u64) {
        self.shared.inbox_ended(self.epoch);
    }

    fn denied(&self, _subscription: u64, error: &Error) {
        let mut flow = self.shared.flow();
        if flow.epoch == self.epoch {
            flow.trouble = Some(Trouble::Refused(error.clone()));
            self.shared.wake.notify_one();
        }
    }

    fn asks_on(&self) -> Option<&str> {
        Some(&self.shared.subject)
    }

    fn drain(&self, _subscription: u64, hold: &Hold) -> bool {
        if self.shared.flow().epoch == self.epoch {
            self.shared.observer.drained(hold);
            self.shared.drain();
        }
        // It is drained as if by its owner.
        false
    }

    fn relinked(&self, _subscription: u64) {
        let mut flow = self.shared.flow();
        if flow.epoch == self.epoch {
            flow.trouble = Some(Trouble::Relinked);
            drop(flow);
            self.shared.relinked.notify_waiters();
            self.shared.wake.notify_one();
        }
    }
}

/// The supervisor.
impl Shared {
    /// Runs while the consumption does; its end also aborts what it waits for.
    async fn supervise(self: Arc<Self>) {
        while let Some(trouble) = self.trouble().await {
            if matches!(trouble, Trouble::Relinked) {
                tokio::spawn(self.clone().look_up_unreadable());
            }
            tokio::select! {
                () = self.prepare(trouble) => {}
                () = self.relinked.notified() => {}
            }
            self.renew();
        }
    }

    /// Does what comes before the next request.
    async fn prepare(&self, trouble: Trouble) {
        match trouble {
            Trouble::Relinked => {}
            Trouble::Silence => {
                self.report(self.silence());
                self.look_up().await;
            }
            Trouble::Unanswered => {
                self.look_up().await;
                tokio::time::sleep(RETRY_INTERVAL).await;
            }
            Trouble::Forgotten(error) => self.report(error),
            Trouble::Refused(error) => {
                self.report(error);
                tokio::time::sleep(RETRY_INTERVAL).await;
            }
        }
    }

    /// Waits until something is wrong; `None` if the consumption has ended.
    async fn trouble(&self) -> Option<Trouble> {
        loop {
            let connected = self.is_connected();
            let deadline = {
                let mut flow = self.flow();
                if flow.stage != Stage::Running {
                    return None;
                }
                if let Some(trouble) = flow.trouble.take() {
                    return Some(trouble);
                }
                if !connected {
                    // Silence means nothing then.
                    flow.heard = Instant::now();
                }
                flow.deadline(self.config.idle_heartbeat)
            };
            if deadline <= Instant::now() {
                return Some(Trouble::Silence);
            }
            tokio::select! {
                () = self.wake.notified() => {}
                () = tokio::time::sleep_until(deadline.into()) => {}
            }
        }
    }

    /// Delivers what the link broke upon. Meanwhile the consumption goes on.
    async fn look_up_unreadable(self: Arc<Self>) {
        let ConsumeConfig {
            stream, consumer, ..
        } = &self.config;
        let messages = match self.js.unreadable(stream, consumer).await {
            Ok(messages) => messages,
            Err(error) => {
                let text = format!("could not look for what broke the link: {error}");
                return self.js.connection.log(Level::Debug, text);
            }
        };
        for message in messages {
            self.report(unreadable::told(&message));
            let is_wanted = {
                let mut flow = self.flow();
                flow.demand.came_late(Amount::one(message.length));
                flow.stage != Stage::Over
            };
            if is_wanted {
                self.observer.deliver(vec![message]);
            }
        }
    }

    fn silence(&self) -> Error {
        let ms = (self.config.idle_heartbeat * MISSED_HEARTBEATS).as_millis();
        Error::new(Code::ConsumerNotActive, format!("no heartbeat in {ms} ms"))
    }

    /// Waits until the server says that the consumer is there; ends the consumption if it is gone.
    async fn look_up(&self) {
        let ConsumeConfig {
            stream, consumer, ..
        } = &self.config;
        loop {
            match self.js.consumer_info(stream, consumer).await {
                Ok(info) => {
                    self.flow().info = info;
                    return;
                }
                Err(error) if is_gone(&error) => return self.end(Some(stopped(error))),
                Err(error) => self.report(error),
            }
            tokio::time::sleep(RETRY_INTERVAL).await;
        }
    }
}

fn is_gone(error: &Error) -> bool {
    matches!(error.code, Code::ConsumerNotFound | Code::StreamNotFound)
}
