//! NATS as this package understands it: connections, JetStream, key-value buckets, object stores, services.
//!
//! Nothing here knows Tcl; `src/commands` calls in, the threads of the tokio runtime run it.

mod blocking;
pub mod connection;
pub mod error;
pub mod headers;
pub mod jetstream;
pub mod kv;
pub mod message;
pub mod nuid;
pub mod object;
pub mod service;
pub mod subject;
