//! Pulling messages from a consumer.
//!
//! A pull request asks a consumer for a number of messages, which come on the inbox that it names as its
//! reply subject. What the server has to say about a request comes there too, as a status.
//!
//! - `request`: what a request asks for
//! - `status`: what the server says about it
//! - `fetch`: one request, and what it brings
//! - `unreadable`: messages that break the link instead of being delivered
//! - `consume`: requests without end ([ADR-37]); `demand` knows when and for how much
//!
//! [ADR-37]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-37.md

mod consume;
mod demand;
mod fetch;
mod request;
mod status;
mod unreadable;

pub use consume::{Change, ConsumeConfig, Consumption, Observer};
pub use demand::Limits;
pub use fetch::{Fetch, Fetched};
pub use request::{Priority, PullRequest};
