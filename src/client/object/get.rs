//! Reading an object, whatever happens to it meanwhile.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::call::Call;
use super::digest::{is_same, Digest};
use super::download::{Arrival, Download};
use super::handle::{corrupt, no_object, Store};
use super::links::resolve;
use super::meta::Info;
use super::names::check_object;
use super::transfer::{Control, Reporter, Sink};
use crate::client::connection::until;
use crate::client::error::{Code, Error, Result};
use crate::client::jetstream::JsonExt;

/// How often a reading begins anew because the object was replaced.
const REPLACEMENTS: u32 = 3;

/// How long it takes until a doubt comes back.
const DOUBT: Duration = Duration::from_secs(1);

/// How an object is read.
#[derive(Debug, Clone, Default)]
pub struct GetOptions {
    /// For how long there may be no message; zero: for ever.
    pub timeout: Duration,
}

impl Store {
    /// Reads an object, following links. The result says which one that was.
    ///
    /// # Errors
    /// `InvalidArg` for a malformed name; `ObjectNotFound`; `ObjectLink`; `ObjectCorrupt` if its bytes are not those that
    /// were stored; `ObjectChanged` if it is replaced again and again; what the sink says; `BucketNotFound`; `Timeout`;
    /// `Cancelled`, or what else the caller says; those of
    /// [`JetStream::api`](crate::client::jetstream::JetStream::api).
    pub fn get<S: Sink + 'static>(
        &self,
        name: &str,
        options: GetOptions,
        mut sink: S,
        control: Control,
    ) -> impl Future<Output = Result<(Info, S)>> + Send + 'static {
        let checked = check_object(name);
        let call = Call {
            js: self.js().with_timeout(options.timeout),
            store: self.clone(),
        };
        let name = name.to_owned();
        async move {
            checked?;
            let (mut reporter, mut cancel) = control.split();
            let reading = read(call, &name, options.timeout, &mut sink, &mut reporter);
            let info = cancel.unless(reading).await?;
            cancel.unless(sink.finish()).await?;
            Ok((info, sink))
        }
    }
}

async fn read(
    call: Call,
    name: &str,
    patience: Duration,
    sink: &mut dyn Sink,
    reporter: &mut Reporter,
) -> Result<Info> {
    let mut replacements = 0;
    let info = loop {
        let (call, info) = resolve(&call, name).await?;
        sink.begin(&info).await?;
        let reading = Reading {
            call: &call,
            info: &info,
            patience,
            digest: Digest::new(),
            done: 0,
            chunks: 0,
            heard: Instant::now(),
        };
        match reading.run(sink, reporter).await? {
            End::Read => break info,
            End::Replaced if replacements == REPLACEMENTS => return Err(changed(name)),
            End::Replaced => replacements += 1,
        }
    };
    reporter
        .finish(info.meta.size(), Some(info.meta.size()))
        .await;
    Ok(info)
}

/// The error of an object that is not the same any more.
pub fn changed(name: &str) -> Error {
    let message = format!("Object {name} was replaced while it was read");
    Error::new(Code::ObjectChanged, message)
}

fn incomplete(name: &str) -> Error {
    corrupt(name, "chunks", "chunks are missing")
}

/// One attempt.
struct Reading<'a> {
    call: &'a Call,
    info: &'a Info,
    patience: Duration,
    digest: Digest,
    /// Bytes.
    done: u64,
    chunks: u64,
    /// When a chunk has come last, and was dealt with.
    heard: Instant,
}

/// How it ends.
enum End {
    Read,
    /// There is another object of that name.
    Replaced,
}

/// What a doubt has led to.
enum Finding {
    /// All chunks are there; they will come.
    Patience,
    Replaced,
}

impl Reading<'_> {
    /// Reads all bytes, unless another object takes this one's place meanwhile.
    async fn run(mut self, sink: &mut dyn Sink, reporter: &mut Reporter) -> Result<End> {
        let meta = &self.info.meta;
        let size = meta.size();
        if size > 0 {
            if meta.nuid().is_empty() {
                return Err(incomplete(meta.name()));
            }
            let Call { js, store } = self.call;
            let mut download = Download::begin(js, store, meta).await?;
            let mut doubt = None;
            while self.chunks < meta.chunks() {
                match self.next(&mut download, doubt).await? {
                    Arrival::Chunk(bytes) => {
                        doubt = None;
                        self.take(&bytes).await?;
                        sink.write(bytes).await?;
                        self.heard = Instant::now();
                        reporter.advance(self.done, Some(size));
                    }
                    Arrival::Question(question) => question.answer(),
                    Arrival::Doubt => match self.look().await? {
                        Finding::Patience => doubt = Some(Instant::now() + DOUBT),
                        Finding::Replaced => return Ok(End::Replaced),
                    },
                }
            }
        }
        self.check().await?;
        Ok(End::Read)
    }

    /// What comes next, and be it that a doubt comes back.
    async fn next(&self, download: &mut Download, doubt: Option<Instant>) -> Result<Arrival> {
        let limit = match self.patience.is_zero() {
            true => None,
            false => self.heard.checked_add(self.patience),
        };
        let arrival = tokio::select! {
            biased;
            arrival = download.next() => arrival,
            () = until(doubt) => Ok(Arrival::Doubt),
            () = until(limit) => Err(self.timed_out()),
        };
        arrival.map_err(|error| self.call.store.missing(error))
    }

    async fn take(&mut self, bytes: &Bytes) -> Result<()> {
        self.digest.add(bytes).await;
        self.chunks += 1;
        self.done += bytes.len() as u64;
        match self.done > self.info.meta.size() {
            true => Err(self.wrong()),
            false => Ok(()),
        }
    }

    /// # Errors
    /// `ObjectCorrupt` if these are not the bytes that were stored.
    async fn check(self) -> Result<()> {
        let meta = &self.info.meta;
        let wrong = self.wrong();
        let own = self.digest.finish().await?;
        let is_right = meta.digest().is_empty() || is_same(meta.digest(), &own);
        match is_right && self.done == meta.size() {
            true => Ok(()),
            false => Err(wrong),
        }
    }

    fn wrong(&self) -> Error {
        corrupt(self.info.meta.name(), "digest", "digest does not match")
    }

    /// Looks whether the object is still there, with all its chunks.
    ///
    /// # Errors
    /// `ObjectNotFound`, `ObjectCorrupt`
    async fn look(&self) -> Result<Finding> {
        let meta = &self.info.meta;
        let info = self.call.existing(meta.name()).await?;
        if info.meta.link().is_some() || info.meta.nuid() != meta.nuid() {
            return Ok(Finding::Replaced);
        }
        match self.call.count_chunks(meta.nuid()).await? < meta.chunks() {
            false => Ok(Finding::Patience),
            true => Err(self.incomplete().await?),
        }
    }

    /// Chunks expire before the meta of their object does.
    async fn incomplete(&self) -> Result<Error> {
        let Call { js, store } = self.call;
        let info = js.stream_info(store.stream()).await;
        let info = info.map_err(|error| store.missing(error))?;
        let age = info
            .object("config")
            .and_then(|config| config.number("max_age"));
        let name = self.info.meta.name();
        Ok(match age.unwrap_or(0) {
            0 => incomplete(name),
            _ => no_object(name),
        })
    }

    fn timed_out(&self) -> Error {
        let name = self.info.meta.name();
        let message = format!("Timeout while reading object {name}");
        Error::new(Code::Timeout, message)
    }
}
