//! A connection to NATS with the behaviour nats-tcl users know.
//!
//! async-nats speaks the protocol; what it would decide by itself is decided here: which server is
//! tried when, what is buffered meanwhile, what is restored afterwards, and what the owner is told.
//!
//! | File | Concept |
//! |---|---|
//! | `handle` | [`Connection`], which others have |
//! | `inner` | the state behind its lock |
//! | `owner` | what the tasks of a connection may ask of it |
//! | `settings` | the options |
//! | `url` | the URLs of servers |
//! | `server` | one server: where it is, how it has fared |
//! | `pool` | the order in which servers are tried |
//! | `attempt` | from a server of the pool to a link |
//! | `link` | one established connection to one server |
//! | `publish` | what is published |
//! | `window` | what a link has been given and has not written yet |
//! | `outgoing` | messages that wait to be sent, and the limit of what may wait |
//! | `sending` | the way of a message from the call to the link |
//! | `closing` | the end of a link that was closed |
//! | `auth` | how a link identifies itself |
//! | `identity` | what the owner answers when it is asked how to identify |
//! | `tls` | TLS options of a link |
//! | `info` | what a server says about itself |
//! | `discovery` | news of a server, over a short connection of its own |
//! | `failures` | what `-ERR` texts, failed attempts and broken links mean |
//! | `trace` | what async-nats tells its log only |
//! | `supervisor` | the task that makes links and notices their end |
//! | `state` | what a connection knows, and its transitions |
//! | `deliver` | who receives messages |
//! | `subscriptions` | subscriptions and the tasks that hand over their messages |
//! | `waiters` | who waits for a message on an inbox |
//! | `requests` | requests and pings |
//! | `pipeline` | requests of which many are in flight |
//! | `pause` | a wait that ends with the connection |
//! | `gather` | requests that want several replies |
//! | `reports` | every `-ERR` of a link |
//! | `permissions` | what a server does not permit, and who fails for it |
//! | `hold` | what keeps a connection that is drained from closing |
//! | `drain` | the end of a connection that leaves nothing undone |
//! | `exit` | what is still to be sent when the process ends |
//! | `traffic` | how much was transported |
//! | `clock` | moments that may never come |
//! | `events` | what the owner is told |
//!
//! Ownership runs one way: [`Connection`] handles own the state, the state owns the link, and tasks
//! refer to the state weakly. So dropping the last handle ends everything.
//!
//! One lock guards the state. It is never held across an `await` or while a [`Sink`] or [`Deliver`]
//! is called. Handing a message to a link happens under it, which makes the order of calls the
//! order on the wire.

mod attempt;
mod auth;
mod clock;
mod closing;
mod deliver;
mod discovery;
mod drain;
mod events;
mod exit;
mod failures;
mod gather;
mod handle;
mod hold;
mod identity;
mod info;
mod inner;
mod link;
mod outgoing;
mod owner;
mod pause;
mod permissions;
mod pipeline;
mod pool;
mod publish;
mod reader;
mod reports;
mod requests;
mod sending;
mod server;
mod settings;
mod state;
mod subscriptions;
mod supervisor;
mod tls;
mod trace;
mod traffic;
mod url;
mod waiters;
mod window;

pub use async_nats::Subject;
pub(crate) use clock::until;
pub use deliver::Deliver;
pub use drain::Drain;
pub use events::{Event, Level, Sink, Status};
pub use exit::all_sent;
pub use gather::{Ends, Gather, GatherHandle, Gathered};
pub use handle::Connection;
pub use hold::Hold;
pub use identity::{AskIdentity, Identity};
pub use info::ServerInfo;
pub use pipeline::Pipeline;
pub use publish::Publish;
pub use server::{Credentials, ServerEntry};
pub use settings::{AskPassphrase, ReconnectDelay, Settings};
pub use tls::TlsOption;
pub use traffic::Traffic;
pub use url::{parse_url, without_secrets};
pub(crate) use waiters::responded;
