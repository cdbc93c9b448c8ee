//! Leases: keys that live only as long as their holder renews them.
//!
//! A holder writes a key that nobody has, renews it again and again, and counts for itself how long the server keeps
//! what it has written at least. Whoever else wants the key waits until it is gone. The server decides by the
//! revisions that writes expect, so there is one holder at most, and each one's revision is higher than those of all
//! before.
//!
//! - `clock`: the clock that leases are counted on
//! - `terms`: how long an entry lasts that is not renewed
//! - `claim`: what a holder writes, and how it knows its own writes again
//! - `wait`: when a key may be free
//! - `acquire`: from wanting a key to having it
//! - `held`: what is known of a key that is held
//! - `pulse`: whether the script still runs
//! - `renew`: the task that keeps it
//! - `holding`: what the owner has of it, and the release
//! - `fence`: that it is held, as a condition of other writes
//! - `lock`: a lock; `election`: one that is wanted all the time
//! - `holders`: who holds the keys that match a pattern
//! - `membership`: a key for each member of a group

mod acquire;
mod claim;
mod clock;
mod election;
mod fence;
mod held;
mod holders;
mod holding;
mod lock;
mod membership;
mod pulse;
mod renew;
mod terms;
mod wait;

pub use claim::default_value;
pub use election::{Election, ElectionNews, ElectionObserver};
pub use fence::Fence;
pub use held::Loss;
pub use holding::Holding;
pub use lock::{LockOptions, Taken};
pub use membership::{MemberNews, MemberObserver, Membership};
pub use renew::{Beat, LeaseObserver};
