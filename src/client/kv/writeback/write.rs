//! A write on the network.

use std::future::Future;
use std::pin::Pin;

use futures_util::future::FutureExt;

use super::super::call::{expect, Call};
use super::super::entry::Entry;
use super::super::handle::Bucket;
use super::super::repeatable::{id_of, identify};
use super::super::ttl::TimeToLive;
use super::change::Operation;
use crate::client::connection::Publish;
use crate::client::error::{Code, Error, Result};

/// A write to be sent, or to be sent once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    pub key: Box<str>,
    pub operation: Operation,
    /// `None`: whatever is there is overwritten.
    pub expected: Option<u64>,
    /// What makes its id. It is the same when it is repeated.
    pub number: u64,
    /// An answer is taken for the truth that contradicts what is known.
    pub is_believed: bool,
}

/// What has become of a write.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It is stored, under this revision.
    Stored(u64),
    /// It was refused: this is the key's latest entry, if there is one.
    Conflict(Option<Box<Entry>>),
    /// It was refused, and nothing is there that explains it: who was asked is behind.
    Doubtful,
    /// Nobody knows, or it was not possible at the moment.
    Unknown,
    /// It was refused for good.
    Failed(Error),
}

/// How the writes of one owner are made.
#[derive(Debug, Clone)]
pub struct Writer {
    /// What nobody else's ids begin with.
    name: String,
    ttl: Option<TimeToLive>,
}

impl Writer {
    /// Values live so long, if that is not left to the bucket.
    pub fn new(ttl: Option<TimeToLive>) -> Writer {
        Writer {
            name: format!("{:032x}", rand::random::<u128>()),
            ttl,
        }
    }

    /// The id of a write.
    pub(super) fn id(&self, number: u64) -> String {
        format!("{}.{number}", self.name)
    }
}

impl Bucket {
    /// Sends a write: it is on its way when this returns, behind those before it. What becomes of it is told in the
    /// background. Must be called in the context of a tokio runtime.
    pub fn write_back(
        &self,
        writer: &Writer,
        write: Write,
        settled: impl FnOnce(Write, Outcome) + Send + 'static,
    ) {
        let call = self.call();
        let writer = writer.clone();
        let mut sent: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async move {
            let outcome = call.write_back(&writer, &write).await;
            settled(write, outcome);
        });
        if (&mut sent).now_or_never().is_none() {
            tokio::spawn(sent);
        }
    }
}

impl Call {
    async fn write_back(&self, writer: &Writer, write: &Write) -> Outcome {
        let id = writer.id(write.number);
        match self.send(writer, write, &id).await {
            Ok(revision) => Outcome::Stored(revision),
            Err(error) => match error.code {
                Code::WrongLastSequence => Box::pin(self.explain(write, &id, error)).await,
                _ => judge(error),
            },
        }
    }

    async fn send(&self, writer: &Writer, write: &Write, id: &str) -> Result<u64> {
        let mut message = self.written(writer, write).await?;
        identify(&mut message, id);
        if let Some(expected) = write.expected {
            expect(&mut message, expected);
        }
        self.write_on_this_link(message).await
    }

    async fn written(&self, writer: &Writer, write: &Write) -> Result<Publish> {
        let Operation::Put(value) = &write.operation else {
            return self.bucket.deletion(&write.key);
        };
        let mut message = self.bucket.message(&write.key, value.clone(), None)?;
        if let Some(ttl) = writer.ttl {
            self.expire(&mut message, ttl).await?;
        }
        Ok(message)
    }

    /// Why a write was refused: for the one before it whose answer got lost, or because of somebody else.
    async fn explain(&self, write: &Write, id: &str, refusal: Error) -> Outcome {
        let expected = write.expected.unwrap_or(0);
        match self.latest(&write.key).await {
            Ok(Some(entry)) if id_of(&entry) == Some(id) => Outcome::Stored(entry.revision),
            Ok(Some(entry)) if entry.revision > expected || write.is_believed => {
                Outcome::Conflict(Some(Box::new(entry)))
            }
            Ok(Some(_)) => Outcome::Doubtful,
            Ok(None) if write.is_believed => Outcome::Conflict(None),
            // A leader that has not read all of its log refuses writes as well.
            Ok(None) => match self.taker_has_got_to(expected).await {
                Ok(true) => Outcome::Conflict(None),
                _ => Outcome::Doubtful,
            },
            // This client may write, and not read.
            Err(error) if error.code == Code::Permissions => Outcome::Failed(refusal),
            Err(error) => judge(error),
        }
    }
}

/// The bucket is full, or what is to be stored is refused for another reason of its own.
const FULL: Code = Code::JsResponse {
    code: 503,
    err_code: 10077,
};

/// Whether time may heal an error.
fn judge(error: Error) -> Outcome {
    match error.code {
        FULL => Outcome::Failed(error),
        // The end of a connection is the end of the watch as well, which tells its own.
        Code::ConnectionClosed
        | Code::Timeout
        | Code::Protocol
        | Code::NoResponders
        | Code::OutboundFull
        | Code::JsResponse { code: 503, .. } => Outcome::Unknown,
        _ => Outcome::Failed(error),
    }
}
