//! Storing an object: chunks first, then the meta that makes an object of them.

use std::future::{pending, Future};
use std::time::Duration;

use async_nats::header::NATS_EXPECTED_STREAM;
use async_nats::HeaderMap;
use bytes::Bytes;
use tokio::task::yield_now;

use super::call::{Call, Found, KnownBy, TRIES};
use super::change::{expected, may_repeat};
use super::digest::Digest;
use super::handle::{corrupt, Store};
use super::meta::{Info, Lists, Meta, Texts};
use super::names::check_object;
use super::transfer::{Control, Reporter, Source};
use super::upload::{Step, Upload};
use crate::client::connection::{Publish, Status};
use crate::client::error::{Code, Error, Result};
use crate::client::jetstream::JetStream;
use crate::client::nuid::nuid;

/// Bytes of a chunk unless asked for otherwise.
const CHUNK: usize = 128 * 1024;

/// What a message of a chunk needs beside its payload.
const HEADERS: usize = 256;

/// How an object is stored.
#[derive(Debug, Clone, Default)]
pub struct PutOptions {
    pub description: Option<String>,
    pub headers: Lists,
    pub metadata: Texts,
    /// Bytes.
    pub chunk_size: Option<u64>,
    /// Only if this is the object's revision; 0: only if there is none.
    pub revision: Option<u64>,
    /// For how long there may be no acknowledgement; zero: for ever.
    pub timeout: Duration,
}

impl Store {
    /// Stores an object, in the place of one that there may be. It is there as a whole or not at all.
    ///
    /// # Errors
    /// `InvalidArg` for a malformed name or size of chunks; what the source says; `WrongLastSequence`; `BucketNotFound`;
    /// `MaxPayload` for a meta that is too long; `JsResponse`, such as 503/10077 for a bucket that is full and 400/10109
    /// for a sealed one; `Timeout`, after which it may be stored all the same; `ObjectCorrupt`; `Cancelled`, or what else
    /// the caller says; those of [`JetStream::api`](crate::client::jetstream::JetStream::api).
    pub fn put(
        &self,
        name: &str,
        options: PutOptions,
        source: impl Source + 'static,
        control: Control,
    ) -> impl Future<Output = Result<Info>> + Send + 'static {
        let chunk_size = check_object(name).and_then(|()| self.chunk_size(options.chunk_size));
        let call = Call {
            js: self.js().with_timeout(options.timeout),
            store: self.clone(),
        };
        let name = name.to_owned();
        async move {
            let put = Put {
                call,
                name,
                options,
                chunk_size: chunk_size?,
                nuid: nuid(),
            };
            put.run(Box::new(source), control).await
        }
    }

    /// # Errors
    /// `InvalidArg` for one that no message can have.
    fn chunk_size(&self, wanted: Option<u64>) -> Result<usize> {
        let info = self.js().connection.server_info();
        let limit = info.map_or(usize::MAX, |info| info.max_payload);
        let limit = limit.saturating_sub(HEADERS).max(1);
        let Some(wanted) = wanted else {
            return Ok(CHUNK.min(limit));
        };
        match usize::try_from(wanted) {
            Ok(size) if (1..=limit).contains(&size) => Ok(size),
            _ => Err(Error::invalid_arg(format!(
                "Invalid value for the pos_int option chunk_size : {wanted}; allowed values: 1 to {limit}"
            ))),
        }
    }
}

struct Put {
    call: Call,
    name: String,
    options: PutOptions,
    /// Bytes.
    chunk_size: usize,
    nuid: String,
}

/// What has been sent, and what was there before.
struct Sent {
    meta: Meta,
    before: Option<Found>,
}

impl Put {
    async fn run(self, source: Box<dyn Source>, control: Control) -> Result<Info> {
        let (mut reporter, mut cancel) = control.split();
        let mut debris = Debris::new(&self);
        let sending = self.send(source, &mut reporter, &mut debris);
        let sent = match cancel.unless(sending).await {
            Ok(sent) => sent,
            Err(error) => return Err(debris.cleared(error).await),
        };
        // From here on there may be an object that has the chunks.
        let exists = std::mem::take(&mut debris.exists);
        match self.establish(sent).await {
            Err(error) if !is_unknown(&error) => {
                debris.exists = exists;
                Err(debris.cleared(error).await)
            }
            outcome => outcome,
        }
    }

    /// Makes an object of what was sent, in the place of the one before.
    async fn establish(&self, sent: Sent) -> Result<Info> {
        let Sent { meta, mut before } = sent;
        let mut tries = TRIES;
        let revision = loop {
            let sequence = before.as_ref().map_or(0, |found| found.sequence);
            match self.call.write(&meta, sequence, KnownBy::Nuid).await {
                Err(error) if may_repeat(&error, self.options.revision) && tries > 1 => tries -= 1,
                Err(error) => return Err(error),
                Ok(revision) => break revision,
            }
            before = self.call.last(&self.name).await?;
        };
        let replaced = before.and_then(|found| found.meta);
        if let Some(replaced) = replaced.filter(Meta::has_chunks) {
            self.call.purge_chunks(replaced.nuid()).await;
        }
        self.call.stored(meta, revision).await
    }

    /// Sends all chunks, and waits until they are stored.
    async fn send(
        &self,
        mut source: Box<dyn Source>,
        reporter: &mut Reporter,
        debris: &mut Debris,
    ) -> Result<Sent> {
        let total = source.open().await?;
        let before = self.call.last(&self.name).await?;
        expected(&self.name, before.as_ref(), self.options.revision)?;
        self.check_meta()?;
        let mut upload = Upload::new(&self.call, &self.nuid, self.options.timeout);
        let mut digest = Digest::new();
        let (mut size, mut stored) = (0, 0);
        let mut reading = Some(Box::pin(next(source, self.chunk_size)));
        while reading.is_some() || !upload.is_idle() {
            let may_read = upload.has_room(self.chunk_size);
            tokio::select! {
                step = upload.step() => {
                    let step = step?;
                    if let Step::Stored(length) = &step {
                        stored += *length as u64;
                        reporter.advance(stored, total);
                    }
                    upload.go_on(step).await?;
                }
                (source, bytes) = coming(&mut reading), if may_read => {
                    let bytes = bytes?;
                    reading = (!bytes.is_empty()).then(|| Box::pin(next(source, self.chunk_size)));
                    if !bytes.is_empty() {
                        digest.add(&bytes).await;
                        size += bytes.len() as u64;
                        debris.exists = true;
                        upload.send(bytes).await?;
                        // Many chunks may be sent at once: others have their turn.
                        yield_now().await;
                    }
                }
            }
        }
        if !upload.is_complete().await? {
            return Err(corrupt(&self.name, "chunks", "chunks got lost"));
        }
        reporter.finish(size, total).await;
        let mut meta = self.meta();
        meta.set_content(&self.nuid, size, upload.count(), digest.finish().await?);
        Ok(Sent { meta, before })
    }

    /// The meta, of no chunks yet.
    fn meta(&self) -> Meta {
        let mut meta = Meta::new(self.call.store.name(), &self.name, &self.nuid);
        if let Some(description) = &self.options.description {
            meta.set_description(description);
        }
        meta.set_headers(&self.options.headers);
        meta.set_metadata(&self.options.metadata);
        meta.set_chunk_size(self.chunk_size as u64);
        meta
    }

    /// # Errors
    /// `MaxPayload` if the meta may become too long; `ConnectionClosed`.
    fn check_meta(&self) -> Result<()> {
        let mut meta = self.meta();
        meta.set_content(&self.nuid, u64::MAX, u64::MAX, Digest::sample());
        let message = self.call.message(&meta, u64::MAX);
        self.call.js.connection.check_publish(&message)
    }
}

/// The next bytes, and the source for more.
async fn next(mut source: Box<dyn Source>, length: usize) -> (Box<dyn Source>, Result<Bytes>) {
    let bytes = source.read(length).await;
    (source, bytes)
}

/// What a future brings; never anything if there is none.
async fn coming<F: Future + Unpin>(future: &mut Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => pending().await,
    }
}

/// Whether a message may have been stored despite of the error.
fn is_unknown(error: &Error) -> bool {
    matches!(
        error.code,
        Code::Timeout | Code::ConnectionClosed | Code::Protocol
    )
}

/// Chunks of an object that does not come about.
struct Debris {
    js: JetStream,
    store: Store,
    nuid: String,
    exists: bool,
}

impl Debris {
    fn new(put: &Put) -> Debris {
        Debris {
            js: put.call.js.clone(),
            store: put.call.store.clone(),
            nuid: put.nuid.clone(),
            exists: false,
        }
    }

    /// Removes the chunks, and hands back why.
    async fn cleared(mut self, reason: Error) -> Error {
        if std::mem::take(&mut self.exists) {
            self.remove().await;
        }
        reason
    }

    /// Each of its two steps takes a short time at most. What could not be sent goes out on the next link.
    fn remove(&self) -> impl Future<Output = ()> + Send + 'static {
        let (js, store) = (self.js.clone(), self.store.clone());
        let nuid = self.nuid.clone();
        async move {
            if js.connection.status() == Status::Connected {
                // A stream takes messages in their order, but does not wait with a purge for those before. This one,
                // which it refuses, is answered when it has them.
                let mut fence = Publish::new(store.chunks(&nuid), Bytes::new());
                let mut headers = HeaderMap::new();
                headers.insert(NATS_EXPECTED_STREAM, "none");
                fence.headers = Some(headers);
                let _ = js.for_a_look().publish_for_sequence(fence).await;
            }
            let js = js.for_a_look();
            Call { store, js }.purge_chunks(&nuid).await;
        }
    }
}

impl Drop for Debris {
    fn drop(&mut self) {
        if self.exists {
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                runtime.spawn(self.remove());
            }
        }
    }
}
