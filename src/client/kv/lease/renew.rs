//! The task that keeps a key: it renews it in time, and tells when it is lost.

use std::sync::Arc;
use std::time::Duration;

use super::claim::{Latest, Stored, PAUSE};
use super::clock::Moment;
use super::held::{End, Held, Loss};
use super::pulse::Pulse;
use crate::client::connection::Status;
use crate::client::error::{Code, Error, Result};
use crate::client::jetstream::Deadline;

/// A machine that was suspended is noticed that soon: timers stand still meanwhile.
const LONGEST_SLEEP: Duration = Duration::from_secs(10);

/// The owner of a key that is held. Called on a runtime thread; must not block.
pub trait LeaseObserver: Send + 'static {
    /// It is lost. Comes once at most, and not after a release.
    fn lost(&mut self, loss: Loss);

    /// A sign of the event loop is wanted; only with a watchdog.
    fn beat(&mut self, beat: Beat);
}

/// A question for a sign.
pub struct Beat(Arc<Pulse>);

impl Beat {
    pub(super) fn of(pulse: &Arc<Pulse>) -> Beat {
        Beat(pulse.clone())
    }

    /// The event loop runs.
    pub fn answer(&self) {
        self.0.beat();
    }
}

/// When and how a key is renewed.
#[derive(Clone)]
pub(super) struct Care {
    /// From one renewal to the next.
    pub interval: Duration,
    pub pulse: Option<Arc<Pulse>>,
}

/// What comes of a renewal.
enum Renewal {
    Done,
    Failed,
    /// It was not tried, as the event loop is silent.
    Withheld,
    Lost(Loss),
}

/// Keeps a key until it is lost or given up.
pub(super) async fn keep(held: Arc<Held>, care: Care, mut observer: Box<dyn LeaseObserver>) {
    let loss = until_lost(&held, &care, &mut *observer).await;
    if held.finish(End::Lost) {
        observer.lost(loss);
    }
}

async fn until_lost(held: &Held, care: &Care, observer: &mut dyn LeaseObserver) -> Loss {
    let connection = &held.claim.bucket.js().connection;
    let mut due = held.stored().sent.after(care.interval);
    let mut is_withheld = false;
    loop {
        ask(care, observer);
        let next = due.min(held.deadline()).left().min(longest_sleep(care));
        if connection.pause(next).await.is_err() {
            return Loss::Closed;
        }
        if held.deadline().is_over() {
            return match is_withheld {
                true => Loss::Watchdog,
                false => Loss::Expired,
            };
        }
        if !due.is_over() {
            continue;
        }
        let renewal = renew(held, care).await;
        is_withheld = matches!(renewal, Renewal::Withheld);
        due = match renewal {
            Renewal::Done => held.stored().sent.after(care.interval),
            Renewal::Failed => Moment::now().after(PAUSE),
            Renewal::Withheld => Moment::now().after(longest_sleep(care).min(PAUSE)),
            Renewal::Lost(loss) => return loss,
        };
    }
}

fn longest_sleep(care: &Care) -> Duration {
    let beat = care.pulse.as_ref().map(|pulse| pulse.interval());
    beat.unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP)
}

fn ask(care: &Care, observer: &mut dyn LeaseObserver) {
    if let Some(pulse) = care.pulse.as_ref().filter(|pulse| pulse.ask()) {
        observer.beat(Beat::of(pulse));
    }
}

async fn renew(held: &Held, care: &Care) -> Renewal {
    let _turn = held.turn.lock().await;
    if care.pulse.as_ref().is_some_and(|pulse| pulse.is_silent()) {
        return Renewal::Withheld;
    }
    // What waits for a link would be stored when nobody counts on it any more.
    if held.claim.bucket.js().connection.status() != Status::Connected {
        return Renewal::Failed;
    }
    match write(held).await {
        Ok(stored) => {
            held.renewed(stored);
            Renewal::Done
        }
        Err(error) => match error.code {
            Code::WrongLastSequence => Box::pin(explain(held)).await,
            Code::BucketNotFound => Renewal::Lost(Loss::Deleted),
            _ => Renewal::Failed,
        },
    }
}

async fn write(held: &Held) -> Result<Stored> {
    let revision = held.stored().revision;
    held.claim.write(revision, limit(held)).await
}

/// No answer is waited for that comes too late.
fn limit(held: &Held) -> Deadline {
    let left = held.deadline().left().max(Duration::from_millis(1));
    Deadline::after(held.claim.terms.patience().min(left))
}

/// A renewal was refused: for one before it whose answer got lost, or because of somebody else.
async fn explain(held: &Held) -> Renewal {
    let revision = held.stored().revision;
    match held.claim.latest(limit(held)).await {
        Ok(Latest::Ours(stored)) if stored.revision > revision => {
            held.renewed(stored);
            Renewal::Done
        }
        Ok(Latest::Value(entry)) if entry.revision > revision => Renewal::Lost(Loss::Taken),
        Ok(Latest::Deletion(entry)) if entry.revision > revision => {
            Renewal::Lost(match entry.reason.is_some() {
                true => Loss::Expired,
                false => Loss::Deleted,
            })
        }
        // A leader that has not read all of its log refuses a renewal as well.
        Ok(Latest::Nothing) => match held.claim.has_got_to(revision, limit(held)).await {
            Ok(true) => Renewal::Lost(Loss::Deleted),
            _ => Renewal::Failed,
        },
        Err(error) if error.code == Code::BucketNotFound => Renewal::Lost(Loss::Deleted),
        // Whoever was asked has not got as far as the conflict.
        _ => Renewal::Failed,
    }
}

/// Writes a value that has changed, as soon as possible.
///
/// # Errors
/// `Locked` if the key is lost; those of [`Bucket::update`](super::super::handle::Bucket::update).
pub(super) async fn rewrite(held: &Held) -> Result<()> {
    let _turn = held.turn.lock().await;
    while held.is_held() {
        let error = match write(held).await {
            Ok(stored) => {
                held.renewed(stored);
                return Ok(());
            }
            Err(error) => error,
        };
        if error.code != Code::WrongLastSequence {
            return Err(error);
        }
        match Box::pin(explain(held)).await {
            Renewal::Done => {}
            Renewal::Lost(_) => break,
            Renewal::Failed | Renewal::Withheld => {
                held.claim.bucket.js().connection.pause(PAUSE).await?;
            }
        }
    }
    Err(not_held(held))
}

/// Finds out what has become of writes whose answers did not come. False if the key is lost.
pub(super) async fn catch_up(held: &Held) -> bool {
    !matches!(Box::pin(explain(held)).await, Renewal::Lost(_))
}

/// The error of who has lost a key.
pub(super) fn not_held(held: &Held) -> Error {
    let message = format!("Key {} is not held any more", held.claim.key);
    Error::new(Code::Locked, message)
}
