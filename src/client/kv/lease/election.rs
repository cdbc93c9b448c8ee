//! A leader election: a lock that is wanted for as long as somebody stands for it.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use super::super::handle::Bucket;
use super::held::Loss;
use super::holders::{HolderNews, Holders};
use super::holding::Holding;
use super::lock::{LockOptions, Taken, Taker};
use super::renew::{Beat, LeaseObserver};
use crate::client::error::{Code, Error, Result};

/// How soon one tries again who could not even wait for the key.
const PAUSE: Duration = Duration::from_secs(1);

/// What there is to tell of an election.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ElectionNews {
    /// With the token.
    Elected(u64),
    /// `None`: it has resigned.
    Lost(Option<Loss>),
    /// Somebody else leads, or nobody (empty value, revision 0).
    Leader { value: Bytes, revision: u64 },
}

/// Who stands for election. Called on runtime threads; must not block.
pub trait ElectionObserver: Send + Sync + 'static {
    fn tell(&self, news: ElectionNews);

    /// As [`LeaseObserver::beat`].
    fn beat(&self, beat: Beat);
}

/// Somebody who stands for election. Dropping it releases what it leads.
pub struct Election {
    seat: Arc<Seat>,
    resign: mpsc::UnboundedSender<oneshot::Sender<Result<()>>>,
    candidate: AbortHandle,
    _holders: Holders,
}

/// What is known of the seat.
#[derive(Default)]
struct Seat {
    leader: Mutex<Bytes>,
    /// Our own lead.
    holding: Mutex<Option<Arc<Holding>>>,
}

impl Seat {
    fn holding(&self) -> MutexGuard<'_, Option<Arc<Holding>>> {
        self.holding.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leader(&self) -> MutexGuard<'_, Bytes> {
        self.leader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bucket {
    /// Stands for election to a key, from now on.
    ///
    /// # Errors
    /// Those of [`Bucket::lock`] but `Timeout`; those of [`Bucket::watch`].
    pub fn elect(
        &self,
        key: &str,
        options: LockOptions,
        observer: Arc<dyn ElectionObserver>,
    ) -> impl Future<Output = Result<Election>> + Send + 'static {
        let checked = self.check_key(key);
        let (bucket, key) = (self.clone(), key.to_owned());
        async move {
            checked?;
            let taker = Taker::new(&bucket, &key, options).await?;
            let seat = Arc::new(Seat::default());
            let (told, ears) = (seat.clone(), observer.clone());
            let tell = move |news| {
                if let Some((value, revision)) = leader(news) {
                    *told.leader() = value.clone();
                    ears.tell(ElectionNews::Leader { value, revision });
                }
            };
            let holders = Holders::watch(&bucket, &key, taker.terms, tell).await?;
            let (resign, resignations) = mpsc::unbounded_channel();
            let candidate = Candidate {
                taker,
                seat: seat.clone(),
                resignations,
                observer,
            };
            Ok(Election {
                seat,
                resign,
                candidate: tokio::spawn(candidate.run()).abort_handle(),
                _holders: holders,
            })
        }
    }
}

/// Who leads, by what is new.
fn leader(news: HolderNews) -> Option<(Bytes, u64)> {
    match news {
        HolderNews::Came {
            value, revision, ..
        }
        | HolderNews::Changed {
            value, revision, ..
        } => Some((value, revision)),
        HolderNews::Left { .. } => Some((Bytes::new(), 0)),
        HolderNews::Current => None,
    }
}

impl Election {
    /// Whether nobody else can lead now.
    pub fn is_leader(&self) -> bool {
        let holding = self.seat.holding();
        holding.as_ref().is_some_and(|holding| holding.is_held())
    }

    /// The fencing token, while this one leads; else 0.
    pub fn token(&self) -> u64 {
        let holding = self.seat.holding();
        let held = holding.as_ref().filter(|holding| holding.is_held());
        held.map_or(0, |holding| holding.token())
    }

    /// The value of who leads, as far as is known; empty: nobody.
    pub fn leader(&self) -> Bytes {
        self.seat.leader().clone()
    }

    /// Gives up the lead, and does not stand for as long as a lease is.
    ///
    /// # Errors
    /// Those of [`Holding::release`].
    pub fn resign(&self) -> impl Future<Output = Result<()>> + Send + 'static {
        let (done, resigned) = oneshot::channel();
        // Nobody receives it if the connection is closed.
        let _ = self.resign.send(done);
        async move { resigned.await.unwrap_or(Ok(())) }
    }
}

impl Drop for Election {
    fn drop(&mut self) {
        self.candidate.abort();
        let holding = self.seat.holding().take();
        if let Some(holding) = holding {
            holding.abandon();
        }
    }
}

struct Candidate {
    taker: Taker,
    seat: Arc<Seat>,
    resignations: mpsc::UnboundedReceiver<oneshot::Sender<Result<()>>>,
    observer: Arc<dyn ElectionObserver>,
}

/// What ends a lead.
enum Ended {
    Lost(Loss),
    Resigned,
}

impl Candidate {
    async fn run(mut self) {
        loop {
            let (sender, mut losses) = mpsc::unbounded_channel();
            let holding = match self.win(sender).await {
                Some(Ok(holding)) => holding,
                Some(Err(error)) => {
                    let connection = &self.taker.bucket.js().connection;
                    let is_over = error.code == Code::ConnectionClosed;
                    if is_over || connection.pause(PAUSE).await.is_err() {
                        return;
                    }
                    continue;
                }
                None => {
                    self.stand_back().await;
                    continue;
                }
            };
            let token = holding.token();
            *self.seat.holding() = Some(holding.clone());
            self.observer.tell(ElectionNews::Elected(token));
            let ended = self.lead(&holding, &mut losses).await;
            self.seat.holding().take();
            let loss = match ended {
                Ended::Lost(loss) => Some(loss),
                Ended::Resigned => None,
            };
            self.observer.tell(ElectionNews::Lost(loss));
            match loss {
                Some(Loss::Closed) => return,
                Some(_) => {}
                None => self.stand_back().await,
            }
        }
    }

    /// Waits until the key is ours; `None` if we resign meanwhile.
    async fn win(&mut self, losses: mpsc::UnboundedSender<Loss>) -> Option<Result<Arc<Holding>>> {
        let relay = Relay {
            losses,
            observer: self.observer.clone(),
        };
        let taken = tokio::select! {
            taken = awake(&self.taker, &*self.observer, relay) => taken,
            () = beats(&self.taker, &*self.observer) => return None,
            Some(done) = self.resignations.recv() => {
                answer(done, Ok(()));
                return None;
            }
        };
        Some(taken.map(Arc::new))
    }

    async fn lead(
        &mut self,
        holding: &Holding,
        losses: &mut mpsc::UnboundedReceiver<Loss>,
    ) -> Ended {
        tokio::select! {
            loss = losses.recv() => Ended::Lost(loss.unwrap_or(Loss::Closed)),
            Some(done) = self.resignations.recv() => {
                answer(done, holding.release().await);
                Ended::Resigned
            }
        }
    }

    /// Lets others lead for a while.
    async fn stand_back(&mut self) {
        let connection = self.taker.bucket.js().connection.clone();
        let pause = connection.pause(self.taker.terms.lasts);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                // The next attempt finds out if it was for the connection's end.
                _ = &mut pause => return,
                Some(done) = self.resignations.recv() => answer(done, Ok(())),
            }
        }
    }
}

fn answer(done: oneshot::Sender<Result<()>>, outcome: Result<()>) {
    // Who asked may have been destroyed.
    let _ = done.send(outcome);
}

/// Takes the key for a script that runs: one that hangs would only lose it again.
async fn awake(taker: &Taker, observer: &dyn ElectionObserver, relay: Relay) -> Result<Holding> {
    if let Some(pulse) = &taker.care.pulse {
        while pulse.is_silent() {
            if pulse.ask() {
                observer.beat(Beat::of(pulse));
            }
            taker.bucket.js().connection.pause(pulse.interval()).await?;
        }
    }
    match taker.take(Box::new(relay)).await? {
        Taken::Ours(holding) => Ok(holding),
        Taken::Held(_) => Err(Error::new(Code::Locked, "Somebody else leads")),
    }
}

/// Asks for signs of the event loop, for as long as the key is waited for. Never returns.
async fn beats(taker: &Taker, observer: &dyn ElectionObserver) {
    let Some(pulse) = &taker.care.pulse else {
        return std::future::pending().await;
    };
    loop {
        if pulse.ask() {
            observer.beat(Beat::of(pulse));
        }
        tokio::time::sleep(pulse.interval()).await;
    }
}

/// Tells what becomes of a lead.
struct Relay {
    losses: mpsc::UnboundedSender<Loss>,
    observer: Arc<dyn ElectionObserver>,
}

impl LeaseObserver for Relay {
    fn lost(&mut self, loss: Loss) {
        // The election may have ended.
        let _ = self.losses.send(loss);
    }

    fn beat(&mut self, beat: Beat) {
        self.observer.beat(beat);
    }
}
