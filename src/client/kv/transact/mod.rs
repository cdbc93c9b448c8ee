//! Several keys written all or none ([ADR-50]).
//!
//! One message for each write, sent as a batch in one go. What the keys are expected to be is judged when the last one
//! has arrived, against what was there before the first. A key that is only looked at has no message: what it is
//! expected to be rides on a write that expects nothing of its own key.
//!
//! - `step`: what is wanted of each key
//! - `plan`: the messages, and what is expected
//! - `commit`: sending them, again where nothing can have been stored
//! - `conflict`: which key is not what was expected, and new keys over deletions
//!
//! [ADR-50]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-50.md

mod commit;
mod conflict;
mod plan;
mod step;

pub use step::{Action, Step};
