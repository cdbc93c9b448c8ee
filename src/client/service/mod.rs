//! Services ([ADR-32]): endpoints that answer requests, what a service says about itself, and who asks for that.
//!
//! | File | Concept |
//! |---|---|
//! | `names` | what services, versions and groups may be called |
//! | `facts` | what a service says about itself, and its statistics |
//! | `verb` | what it can be asked: `PING`, `INFO`, `STATS` |
//! | `monitor` | the subscriptions on which it is asked, and the answers |
//! | `running` | a service and its endpoints |
//! | `failure` | error answers |
//! | `discovery` | asking all services |
//!
//! The typed layer of async-nats is not used: it lists only one of two endpoints of a name, leaves out fields that
//! other clients need, and loses requests when it is stopped.
//!
//! [ADR-32]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-32.md

mod discovery;
mod facts;
mod failure;
mod monitor;
pub mod names;
mod running;
mod verb;

use serde_json::{Map, Value};

pub use discovery::{ask, Answers, Question};
pub use facts::{EndpointFacts, Facts, Identity};
pub use failure::{Failure, ERROR, ERROR_CODE};
pub use monitor::{Observer, DEFAULT_PREFIX};
pub use running::Service;
pub use verb::Verb;

/// A JSON object.
pub type Json = Map<String, Value>;
