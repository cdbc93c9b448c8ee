//! What can be written at all.

use std::future::Future;

use super::super::call::{expect, Call};
use super::super::features::{counters_only, Features, Needed};
use super::super::handle::Bucket;
use super::super::repeatable::identify;
use super::super::ttl::TimeToLive;
use super::change::Operation;
use super::write::Writer;
use crate::client::connection::Status;
use crate::client::error::{Code, Error, Result};

impl Bucket {
    /// Whether an operation may be carried out, as far as can be told without a server.
    ///
    /// # Errors
    /// `InvalidArg` for a malformed key; `MaxPayload`; `HeadersNotSupported`; `ConnectionClosed`.
    pub fn check_write(&self, writer: &Writer, key: &str, operation: &Operation) -> Result<()> {
        let mut message = match operation {
            Operation::Put(value) => self.message(key, value.clone(), None)?,
            Operation::Delete => self.deletion(key)?,
        };
        // It will be no longer than this.
        identify(&mut message, &writer.id(u64::MAX));
        expect(&mut message, u64::MAX);
        self.js().connection.check_publish(&message)
    }

    /// Whether there is a connection to a server at the moment.
    pub fn is_linked(&self) -> bool {
        self.js().connection.status() == Status::Connected
    }

    /// Whether keys can be written, with a time to live if one is given. Where that is known no server is asked.
    ///
    /// # Errors
    /// `NotCounter`; `NotSupported` if the bucket takes no writes, or those who take them are out of reach, or if it has
    /// no times to live; `InvalidArg` as [`Bucket::check_ttl`]; those of [`Bucket::put`].
    pub fn check_writable(
        &self,
        ttl: Option<TimeToLive>,
    ) -> impl Future<Output = Result<()>> + Send + 'static {
        let call = self.call();
        async move {
            let known = call.bucket.learned().known();
            if !known.is_some_and(|features| is_writable(&features)) {
                call.ask_whether_writable().await?;
            }
            if let Some(ttl) = ttl {
                call.able(Needed::Ttl).await?;
                call.bucket.check_ttl(ttl)?;
            }
            Ok(())
        }
    }
}

fn is_writable(features: &Features) -> bool {
    features.listens && !features.counters
}

impl Call {
    async fn ask_whether_writable(&self) -> Result<()> {
        let bucket = self.bucket.name();
        match self.fresh_features().await {
            Ok(features) if features.counters => Err(counters_only(bucket)),
            Ok(features) if features.listens => Ok(()),
            // What comes of a write will tell.
            Err(error) if error.code == Code::Permissions => Ok(()),
            Ok(_) => Err(read_only(bucket, "its stream listens on no subject")),
            Err(error) if self.bucket.is_mirror() && is_out_of_reach(&error) => Err(read_only(
                bucket,
                &format!("its origin is out of reach: {}", error.message),
            )),
            Err(error) => Err(error),
        }
    }
}

fn is_out_of_reach(error: &Error) -> bool {
    matches!(
        error.code,
        Code::BucketNotFound
            | Code::NoResponders
            | Code::Timeout
            | Code::JetStreamNotEnabled
            | Code::JetStreamNotEnabledForAccount
    )
}

fn read_only(bucket: &str, why: &str) -> Error {
    Error::new(
        Code::NotSupported,
        format!("Bucket {bucket} cannot be written: {why}"),
    )
}
