//! The chunks of one object, as they come.

use std::time::Duration;

use bytes::Bytes;

use super::handle::Store;
use super::meta::Meta;
use crate::client::error::Result;
use crate::client::jetstream::ordered::{FlowControl, Item, Opening, OrderedConfig};
use crate::client::jetstream::{Following, JetStream};

/// How soon silence is a sign.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Something that has come.
pub(super) enum Arrival {
    Chunk(Bytes),
    /// To be answered when all before it was dealt with.
    Question(FlowControl),
    /// There may be chunks missing.
    Doubt,
}

/// The chunks on their way. Dropping it ends that.
pub(super) struct Download {
    following: Following,
    /// Chunks that have not come.
    left: u64,
}

impl Download {
    /// # Errors
    /// `BucketNotFound`; those of [`JetStream::api`].
    pub(super) async fn begin(js: &JetStream, store: &Store, meta: &Meta) -> Result<Download> {
        let config = OrderedConfig {
            description: Some("object".into()),
            idle_heartbeat: HEARTBEAT,
            ..OrderedConfig::new(store.stream())
        };
        let config = config.filtered_by(vec![store.chunks(meta.nuid())]);
        let following = Following::begin(js, config).await;
        Ok(Download {
            following: following.map_err(|error| store.missing(error))?,
            left: meta.chunks(),
        })
    }

    /// What comes next. May be given up at any time.
    ///
    /// # Errors
    /// Why nothing comes any more: `StreamNotFound`, `ConnectionClosed`.
    pub(super) async fn next(&mut self) -> Result<Arrival> {
        loop {
            return Ok(match self.following.next().await? {
                Item::Message(delivery) => {
                    self.left = self.left.saturating_sub(1);
                    Arrival::Chunk(delivery.message.into_message().payload)
                }
                Item::FlowControl(question) => Arrival::Question(question),
                Item::CaughtUp => Arrival::Doubt,
                Item::Created {
                    num_pending,
                    opening,
                } => match num_pending != self.left || opening == Opening::Recreated {
                    true => Arrival::Doubt,
                    false => continue,
                },
            });
        }
    }
}
