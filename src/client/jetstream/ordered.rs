//! The ordered consumer: every message of a stream once and in order, whatever happens in between
//! ([ADR-17]).
//!
//! It is an ephemeral push consumer that acknowledges nothing. Instead each message carries the
//! consumer's sequence number, and heartbeats carry the last one sent: a gap or a silence means that
//! something was lost, and the consumer is created anew behind the last message that arrived.
//!
//! - `types`: what is consumed, and what comes of it
//! - `tracker`: the rules, without any input or output
//! - `creation`: what is asked of the server
//! - `flow`: the way of a message from the subscription through the rules to the observer
//! - `reading`: messages that the transport cannot read, and those around them, by way of the API
//! - `pace`: pauses between resets
//! - `shared`: a consumer, as its owner, its subscription and its supervisor share it
//! - `inbox`: its subscription
//! - `supervisor`: the task that notices silence, creates the consumer again, retries, gives up
//! - `consumer`: what the owner has
//!
//! A message passes from the connection's task to the [`Observer`] in one call: no task, queue or
//! allocation of its own.
//!
//! # Locks
//!
//! *Flow* holds the sequence state and the observer. Only the connection's tasks and the supervisor
//! take it, and it stays locked while the observer is called: so deliveries of an old subscription
//! cannot overtake those of its successor. *ConsumerState* holds what owners ask for (name, info, …). Flow
//! may be held when state is taken, never the other way round; no owner's call waits for flow. Hence
//! an observer must not block, but may take any lock that its owner holds while calling in here.
//!
//! [ADR-17]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-17.md

mod consumer;
mod creation;
mod flow;
mod inbox;
mod pace;
mod reading;
mod shared;
mod supervisor;
mod tracker;
mod types;

pub use consumer::OrderedConsumer;
pub(crate) use types::KEPT_CAPACITY;
pub use types::{
    Change, DeliverPolicy, Delivery, FlowControl, Item, Observer, Opening, OrderedConfig, Resume,
};
