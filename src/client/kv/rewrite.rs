//! Replacing what a key has, while others may write it, too.

use std::future::Future;
use std::time::Duration;

use async_nats::header::HeaderName;

use super::call::{expect, Call};
use super::entry::Entry;
use super::handle::Bucket;
use super::names;
use super::ttl::TimeToLive;
use crate::client::connection::Publish;
use crate::client::error::{Code, Error, Result};
use crate::client::headers::Headers;
use crate::client::message::HeaderMap;

/// How often `touch` reads and writes before it gives up.
const ATTEMPTS: u32 = 10;

/// The longest pause after a first attempt that has met with a conflict; that after a second one is twice as
/// long, and so on.
const PAUSE: Duration = Duration::from_millis(10);

impl Bucket {
    /// Waits before another attempt to replace a value, after so many.
    ///
    /// # Errors
    /// `ConnectionClosed`; `Timeout` as soon as no server is left.
    pub fn pause(&self, attempts: u32) -> impl Future<Output = Result<()>> + Send + 'static {
        let call = self.call();
        async move { call.pause(attempts).await }
    }

    /// The value that a key has, if it has one, at the beginning of an attempt (1, 2, …) to replace it. Later
    /// ones ask the leader: a replica that lags behind would lead to the same conflict again.
    ///
    /// # Errors
    /// `InvalidArg` for a malformed key; those of [`Bucket::get`] but `KeyNotFound`.
    pub fn present(
        &self,
        key: &str,
        attempt: u32,
    ) -> impl Future<Output = Result<Option<Entry>>> + Send + 'static {
        let checked = self.check_key(key);
        let (call, key) = (self.call(), key.to_owned());
        async move {
            checked?;
            call.present(&key, attempt).await
        }
    }

    /// Stores the present value of a key again, byte by byte and with its own headers, so that its time to live
    /// begins anew: the given one, or the one it has, or that of the bucket. Returns the new revision.
    ///
    /// # Errors
    /// `KeyNotFound`; `WrongLastSequence` if others write the key all the time; `BadHeaderMsg` for headers that
    /// cannot be written by this client; `NotSupported` if `ttl` is given and the bucket has no times to live;
    /// those of [`Bucket::get`] and [`Bucket::put`].
    pub fn touch(
        &self,
        key: &str,
        ttl: Option<TimeToLive>,
    ) -> impl Future<Output = Result<u64>> + Send + 'static {
        let checked = self
            .check_key(key)
            .and_then(|()| ttl.map_or(Ok(()), |ttl| self.check_ttl(ttl)));
        let (call, key) = (self.call(), key.to_owned());
        async move {
            checked?;
            call.writes_values().await?;
            let mut attempt = 1;
            loop {
                let entry = call.present(&key, attempt).await?;
                let entry = entry.ok_or_else(|| call.bucket.no_key(&key))?;
                let message = call.again(&key, entry, ttl).await?;
                match call.write(message).await {
                    Err(error) if error.code == Code::WrongLastSequence && attempt < ATTEMPTS => {
                        call.pause(attempt).await?;
                        attempt += 1;
                    }
                    outcome => return outcome,
                }
            }
        }
    }
}

impl Call {
    async fn pause(&self, attempts: u32) -> Result<()> {
        let longest = PAUSE.saturating_mul(attempts);
        let pause = longest.mul_f64(rand::random::<f64>());
        self.js.connection.pause(pause).await
    }

    async fn present(&self, key: &str, attempt: u32) -> Result<Option<Entry>> {
        let found = match attempt {
            0 | 1 => self.entry(key, None).await,
            _ => self.entry_once_more(key).await,
        };
        match found {
            Ok(entry) => Ok(Some(entry).filter(Entry::is_put)),
            Err(error) if error.code == Code::KeyNotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// By way of the leader, if this client may ask it.
    pub(super) async fn entry_once_more(&self, key: &str) -> Result<Entry> {
        match self.entry_at_leader(key).await {
            Err(error) if error.code == Code::Permissions && self.bucket.is_direct() => {
                self.entry(key, None).await
            }
            found => found,
        }
    }

    /// The message that stores an entry again if it is still the latest.
    async fn again(&self, key: &str, entry: Entry, ttl: Option<TimeToLive>) -> Result<Publish> {
        let own = entry.headers.as_deref().map(own_headers).transpose()?;
        let mut message = self.bucket.message(key, entry.value, own.flatten())?;
        match (ttl, entry.ttl) {
            (Some(ttl), _) => self.expire(&mut message, ttl).await?,
            (None, Some(ttl)) => self.expire_again(&mut message, ttl).await?,
            (None, None) => {}
        }
        expect(&mut message, entry.revision);
        Ok(message)
    }
}

/// Those that a client has added for itself.
///
/// # Errors
/// `BadHeaderMsg` for a name that the transport cannot write.
pub(super) fn own_headers(headers: &Headers) -> Result<Option<HeaderMap>> {
    let mut own = HeaderMap::new();
    let fields = headers.fields();
    for (name, values) in fields.filter(|(name, _)| names::is_own_header(name)) {
        let parsed = HeaderName::try_from(name).map_err(|_| {
            let message = format!("Header \"{name}\" cannot be written");
            Error::new(Code::BadHeaderMsg, message)
        })?;
        for value in values {
            own.append(parsed.clone(), value.as_str());
        }
    }
    Ok((!own.is_empty()).then_some(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_headers_are_those_of_no_system() {
        let headers = Headers::read(
            b"NATS/1.0\r\nA: 1\r\nA: 2\r\nNats-TTL: 5\r\nKV-Operation: PUT\r\nnats-x: y\r\n\r\n",
        );
        let own = own_headers(&headers).unwrap().unwrap();
        let values: Vec<_> = own.get_all("A").map(|value| value.as_str()).collect();
        assert_eq!(values, ["1", "2"]);
        assert_eq!(own.len(), 2);
        let none = Headers::read(b"NATS/1.0\r\nNats-TTL: 5\r\n\r\n");
        assert!(own_headers(&none).unwrap().is_none());
        let odd = Headers::read(b"NATS/1.0\r\na b: 5\r\n\r\n");
        assert_eq!(own_headers(&odd).unwrap_err().code, Code::BadHeaderMsg);
    }
}
