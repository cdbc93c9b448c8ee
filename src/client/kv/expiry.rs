//! Writes of entries that expire ([ADR-43], [ADR-48]).
//!
//! Where a bucket keeps more than one revision of a key, the end of the latest one would bring back the one
//! before, and no marker would tell of it. So an entry that is to expire takes the place of all revisions there.
//!
//! [ADR-43]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-43.md
//! [ADR-48]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-48.md

use async_nats::header::{NATS_MESSAGE_TTL, NATS_ROLLUP};

use super::call::Call;
use super::features::{Features, Needed};
use super::handle::Bucket;
use super::ttl::TimeToLive;
use crate::client::connection::Publish;
use crate::client::error::{Error, Result};

impl Bucket {
    /// Whether an entry may live that long, as far as is known without asking the server.
    ///
    /// # Errors
    /// `InvalidArg` if the markers of the bucket's keys live longer.
    pub fn check_ttl(&self, ttl: TimeToLive) -> Result<()> {
        match self.learned().with(Needed::Ttl) {
            Some(features) => check(self, ttl, &features),
            None => Ok(()),
        }
    }
}

impl Bucket {
    /// The time that an entry lives for which so much is asked: where the bucket's markers live longer, as long as
    /// those.
    pub(super) fn raised(&self, ttl: TimeToLive) -> TimeToLive {
        let features = self.learned().with(Needed::Ttl);
        match features.filter(|features| !features.one_revision) {
            Some(features) if ttl.is_below(features.marker_ttl) => {
                TimeToLive::For(features.marker_ttl)
            }
            _ => ttl,
        }
    }
}

impl Call {
    /// Lets the value expire that a message is to store.
    ///
    /// # Errors
    /// `NotSupported`; `InvalidArg` as [`Bucket::check_ttl`]; those of [`Call::able`].
    pub(super) async fn expire(&self, message: &mut Publish, ttl: TimeToLive) -> Result<()> {
        let features = self.able(Needed::Ttl).await?;
        check(&self.bucket, ttl, &features)?;
        live(message, ttl, &features);
        Ok(())
    }

    /// As [`Call::expire`], for a time that the key's present value has already, if the bucket knows of such.
    pub(super) async fn expire_again(&self, message: &mut Publish, ttl: TimeToLive) -> Result<()> {
        let features = match self.bucket.learned().with(Needed::Ttl) {
            Some(features) => features,
            None => Box::pin(self.fresh_features()).await?,
        };
        if features.has(Needed::Ttl) {
            live(message, ttl, &features);
        }
        Ok(())
    }

    /// Lets the marker expire that a message is to store in the place of all revisions. The server may keep it
    /// for as long as the markers of its own.
    ///
    /// # Errors
    /// `NotSupported`; those of [`Call::able`].
    pub(super) async fn expire_marker(&self, message: &mut Publish, ttl: TimeToLive) -> Result<()> {
        self.able(Needed::Ttl).await?;
        set(message, ttl);
        Ok(())
    }
}

fn live(message: &mut Publish, ttl: TimeToLive, features: &Features) {
    set(message, ttl);
    if !features.one_revision {
        let headers = message.headers.get_or_insert_default();
        headers.insert(NATS_ROLLUP, "sub");
    }
}

fn set(message: &mut Publish, ttl: TimeToLive) {
    let headers = message.headers.get_or_insert_default();
    headers.insert(NATS_MESSAGE_TTL, ttl.header());
}

/// Where there may be several revisions the server raises a time that is shorter than that of its markers, and
/// says nothing.
fn check(bucket: &Bucket, ttl: TimeToLive, features: &Features) -> Result<()> {
    if features.one_revision || !ttl.is_below(features.marker_ttl) {
        return Ok(());
    }
    Err(Error::invalid_arg(format!(
        "The time to live is below the marker ttl of {} ms of bucket {}, which keeps more than one revision",
        features.marker_ttl.as_millis(),
        bucket.name()
    )))
}
