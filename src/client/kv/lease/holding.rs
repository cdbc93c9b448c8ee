//! What the owner has of a key that is held.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::FutureExt;
use tokio::task::AbortHandle;

use super::claim::{Claim, Stored};
use super::fence::Fence;
use super::held::{End, Held};
use super::renew::{keep, rewrite, Care, LeaseObserver};
use crate::client::error::{Code, Result};

/// A key that is held, and renewed in the background. Dropping it gives the key up, without waiting for that.
pub struct Holding {
    held: Arc<Held>,
    keeper: AbortHandle,
}

impl Holding {
    /// Keeps what was acquired from now on.
    pub(super) fn begin(
        claim: Arc<Claim>,
        session: Option<u64>,
        stored: Stored,
        care: Care,
        observer: Box<dyn LeaseObserver>,
    ) -> Holding {
        let held = Arc::new(Held::new(claim, session, stored));
        let keeper = tokio::spawn(keep(held.clone(), care, observer)).abort_handle();
        Holding { held, keeper }
    }

    /// Whether nobody else can have the key now.
    pub fn is_held(&self) -> bool {
        self.held.is_held()
    }

    /// How long it is certain that nobody else has the key, if it is not renewed; zero if it is not held.
    pub fn remaining(&self) -> Duration {
        self.held.remaining()
    }

    /// The fencing token: higher than those of all holders before.
    pub fn token(&self) -> u64 {
        self.held.token()
    }

    /// The key's latest revision, as far as is known. It grows with each renewal.
    pub fn revision(&self) -> u64 {
        self.held.stored().revision
    }

    /// That the key is held, as a condition of other writes.
    pub fn fence(&self) -> Fence {
        Fence::new(self.held.clone())
    }

    /// Gives the key up. If it was lost already that is no error.
    ///
    /// # Errors
    /// Those of [`Bucket::purge`](super::super::handle::Bucket::purge) but `WrongLastSequence`. The key ends in its
    /// time then.
    pub fn release(&self) -> impl Future<Output = Result<()>> + Send + 'static {
        let held = self.held.clone();
        held.finish(End::Released);
        self.keeper.abort();
        async move {
            match held.end() {
                Some(End::Released) => {
                    let _turn = held.turn.lock().await;
                    let revision = held.stored().revision;
                    held.claim.surrender(revision).await
                }
                _ => Ok(()),
            }
        }
    }

    /// Changes the value that others see.
    ///
    /// # Errors
    /// `Locked` if the key is lost; those of [`Bucket::update`](super::super::handle::Bucket::update).
    pub fn set(&self, value: Bytes) -> impl Future<Output = Result<()>> + Send + 'static {
        let held = self.held.clone();
        async move {
            let before = held.claim.set_value(value);
            let written = rewrite(&held).await;
            if matches!(&written, Err(error) if error.code != Code::Timeout) {
                held.claim.set_value(before);
            }
            written
        }
    }

    /// Gives it up in the background. The request is on its way when this returns, if there is a connection.
    pub(super) fn abandon(&self) {
        let is_first = self.held.finish(End::Released);
        self.keeper.abort();
        let Some(runtime) = tokio::runtime::Handle::try_current()
            .ok()
            .filter(|_| is_first)
        else {
            return;
        };
        let held = self.held.clone();
        let mut surrendered: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async move {
            let revision = held.stored().revision;
            // Else it ends by itself.
            let _ = held.claim.surrender(revision).await;
        });
        if (&mut surrendered).now_or_never().is_none() {
            runtime.spawn(surrendered);
        }
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.abandon();
    }
}
