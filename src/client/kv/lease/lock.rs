//! A lock: a key that one holder has at a time.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::super::handle::Bucket;
use super::super::ttl::TimeToLive;
use super::acquire::{Acquired, Acquisition};
use super::claim::Claim;
use super::holding::Holding;
use super::pulse::Pulse;
use super::renew::{Care, LeaseObserver};
use super::terms::Terms;
use crate::client::error::{Code, Error, Result};

/// How to get a lock, and how to keep it.
#[derive(Debug, Clone, Default)]
pub struct LockOptions {
    /// How long it lasts without a renewal; whole seconds. None: ten seconds, or as long as the bucket has it.
    pub ttl: Option<TimeToLive>,
    /// What others see.
    pub value: Bytes,
    /// Not to wait for somebody else.
    pub try_once: bool,
    /// How long to wait; zero: for ever. None: the time limit of the JetStream handle.
    pub timeout: Option<Duration>,
    /// From one renewal to the next. None: a third of what it lasts.
    pub renew: Option<Duration>,
    /// How long the event loop may be silent; zero: for ever.
    pub watchdog: Duration,
}

/// What comes of wanting a key.
pub enum Taken {
    Ours(Holding),
    /// Somebody else has it, and is not to be waited for: the value.
    Held(Bytes),
}

impl LockOptions {
    fn care(&self, terms: &Terms) -> Care {
        let watchdog = Some(self.watchdog).filter(|watchdog| !watchdog.is_zero());
        Care {
            interval: self.renew.unwrap_or(terms.lasts / 3),
            pulse: watchdog.map(|limit| Arc::new(Pulse::new(limit))),
        }
    }
}

impl Bucket {
    /// Waits until the key is nobody's, then holds it. Of all that hold it, one after the other, each has a higher
    /// token.
    ///
    /// # Errors
    /// `InvalidArg` for a malformed key, and for a length that the bucket does not have; `NotSupported` if the bucket
    /// keeps more than one revision, or has no times to live; `Timeout` if the key is not to be had in time; `BucketNotFound`; those of [`Bucket::put`] and
    /// [`Bucket::watch`].
    pub fn lock(
        &self,
        key: &str,
        options: LockOptions,
        observer: Box<dyn LeaseObserver>,
    ) -> impl Future<Output = Result<Taken>> + Send + 'static {
        let checked = self.check_key(key);
        let (bucket, key) = (self.clone(), key.to_owned());
        async move {
            checked?;
            let taker = Taker::new(&bucket, &key, options).await?;
            taker.take_in_time(observer).await
        }
    }
}

/// Who takes a key, perhaps again and again, and on what terms.
pub(super) struct Taker {
    pub bucket: Bucket,
    pub terms: Terms,
    pub care: Care,
    key: String,
    options: LockOptions,
}

impl Taker {
    /// # Errors
    /// Those of [`Call::terms`](super::super::call::Call).
    pub(super) async fn new(bucket: &Bucket, key: &str, options: LockOptions) -> Result<Taker> {
        let terms = bucket.call().terms(options.ttl).await?;
        Ok(Taker {
            bucket: bucket.clone(),
            care: options.care(&terms),
            terms,
            key: key.to_owned(),
            options,
        })
    }

    /// Waits until the key is nobody's, then holds it.
    ///
    /// # Errors
    /// Those of [`Acquisition::acquire`].
    pub(super) async fn take(&self, observer: Box<dyn LeaseObserver>) -> Result<Taken> {
        let session = self.bucket.js().connection.session();
        let value = self.options.value.clone();
        let claim = Claim::new(self.bucket.clone(), &self.key, value, self.terms);
        let acquisition = Acquisition::of(claim);
        Ok(match acquisition.acquire(!self.options.try_once).await? {
            Acquired::Held(entry) => Taken::Held(entry.value),
            Acquired::Ours(claim, stored) => {
                let care = self.care.clone();
                Taken::Ours(Holding::begin(claim, session, stored, care, observer))
            }
        })
    }

    /// The same, for an event loop that was not asked for signs meanwhile, and in the time that there is for it.
    ///
    /// # Errors
    /// `Timeout`; those of [`Taker::take`].
    pub(super) async fn take_in_time(&self, observer: Box<dyn LeaseObserver>) -> Result<Taken> {
        let taken = async {
            let taken = self.take(observer).await?;
            if let Some(pulse) = &self.care.pulse {
                pulse.beat();
            }
            Ok(taken)
        };
        self.in_time(taken).await
    }

    /// # Errors
    /// `Timeout`; `ConnectionClosed`; those of the future.
    pub(super) async fn in_time<R>(&self, future: impl Future<Output = Result<R>>) -> Result<R> {
        let js = self.bucket.js();
        let timeout = self.options.timeout.unwrap_or(js.timeout());
        let limit = match timeout {
            Duration::ZERO => Duration::MAX,
            limited => limited,
        };
        tokio::select! {
            biased;
            outcome = future => outcome,
            ended = js.connection.pause(limit) => {
                ended?;
                let (key, ms) = (&self.key, timeout.as_millis());
                let message = format!("Lock {key} was not to be had in {ms} ms");
                Err(Error::new(Code::Timeout, message))
            }
        }
    }
}
