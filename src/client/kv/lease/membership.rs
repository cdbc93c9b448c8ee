//! Membership: a key for each member of a group, that lives only as long as the member does.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::super::handle::Bucket;
use super::held::Loss;
use super::holders::{HolderNews, Holders};
use super::holding::Holding;
use super::lock::{LockOptions, Taken, Taker};
use super::renew::{Beat, LeaseObserver};
use crate::client::error::{Error, Result};

/// What there is to tell of members, each with the member's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberNews {
    Joined(String, Bytes),
    Changed(String, Bytes),
    /// And why.
    Left(String, &'static str),
    /// All that were there at the beginning were told.
    Current,
}

/// Who wants to know of members. Called on runtime threads; must not block.
pub trait MemberObserver: Send + Sync + 'static {
    fn tell(&self, news: MemberNews);

    /// As [`LeaseObserver::beat`].
    fn beat(&self, beat: Beat);
}

/// A member of a group. Dropping it leaves the group, without waiting for that.
pub struct Membership {
    holding: Holding,
    group: Arc<Group>,
    holders: Mutex<Option<Holders>>,
}

/// The members that are known, in the order in which they became so.
struct Group {
    members: Mutex<Vec<(String, Bytes)>>,
    observer: Arc<dyn MemberObserver>,
}

impl Bucket {
    /// Joins a group: takes a key among those that match a pattern. Returns when all members are known; the value of
    /// who has the key if it is somebody else.
    ///
    /// # Errors
    /// Those of [`Bucket::lock`] and [`Bucket::watch`].
    pub fn join(
        &self,
        key: &str,
        pattern: &str,
        options: LockOptions,
        observer: Arc<dyn MemberObserver>,
    ) -> impl Future<Output = Result<std::result::Result<Membership, Bytes>>> + Send + 'static {
        let checked = self
            .check_key(key)
            .and_then(|()| self.check_pattern(pattern));
        let (bucket, key, pattern) = (self.clone(), key.to_owned(), pattern.to_owned());
        async move {
            checked?;
            let group = Arc::new(Group {
                members: Mutex::default(),
                observer,
            });
            let taker = Taker::new(&bucket, &key, options).await?;
            let relay = Relay {
                key,
                group: group.clone(),
            };
            let holding = match taker.take_in_time(Box::new(relay)).await? {
                Taken::Ours(holding) => holding,
                Taken::Held(value) => return Ok(Err(value)),
            };
            let (current, loaded) = oneshot::channel();
            let mut current = Some(current);
            let told = group.clone();
            let tell = move |news| {
                let is_current = news == HolderNews::Current;
                told.take(news);
                if let Some(current) = current.take_if(|_| is_current) {
                    // Who joined may have given up.
                    let _ = current.send(());
                }
            };
            let holders = Holders::watch(&bucket, &pattern, taker.terms, tell).await?;
            let loaded = async {
                // Whoever should tell has ended with the connection.
                loaded.await.map_err(|_| Error::connection_closed())
            };
            taker.in_time(loaded).await?;
            Ok(Ok(Membership {
                holding,
                group,
                holders: Mutex::new(Some(holders)),
            }))
        }
    }
}

impl Group {
    fn members(&self) -> MutexGuard<'_, Vec<(String, Bytes)>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, news: HolderNews) {
        match news {
            HolderNews::Came { key, value, .. } => self.came(&key, value),
            HolderNews::Changed {
                key,
                value,
                is_value: true,
                ..
            } => self.came(&key, value),
            HolderNews::Changed { .. } => {}
            HolderNews::Left { key, why } => self.left(&key, why.as_str()),
            HolderNews::Current => self.observer.tell(MemberNews::Current),
        }
    }

    fn came(&self, key: &str, value: Bytes) {
        let mut members = self.members();
        let known = members.iter_mut().find(|(other, _)| other == key);
        let news = match known {
            Some((_, known)) => {
                *known = value.clone();
                MemberNews::Changed(key.to_owned(), value)
            }
            None => {
                members.push((key.to_owned(), value.clone()));
                MemberNews::Joined(key.to_owned(), value)
            }
        };
        drop(members);
        self.observer.tell(news);
    }

    /// One's own loss may be known by two ways; it is told once.
    fn left(&self, key: &str, why: &'static str) {
        let mut members = self.members();
        let before = members.len();
        members.retain(|(other, _)| other != key);
        let was_there = members.len() < before;
        drop(members);
        if was_there {
            self.observer.tell(MemberNews::Left(key.to_owned(), why));
        }
    }
}

impl Membership {
    /// Keys and values, oneself included.
    pub fn members(&self) -> Vec<(String, Bytes)> {
        self.group.members().clone()
    }

    /// Gives oneself another value.
    ///
    /// # Errors
    /// `Locked` if one is no member any more; those of [`Bucket::update`].
    pub fn set(&self, value: Bytes) -> impl Future<Output = Result<()>> + Send + 'static {
        self.holding.set(value)
    }

    /// Leaves the group; nothing more is told.
    ///
    /// # Errors
    /// Those of [`Holding::release`].
    pub fn leave(&self) -> impl Future<Output = Result<()>> + Send + 'static {
        let mut holders = self.holders.lock().unwrap_or_else(PoisonError::into_inner);
        drop(holders.take());
        self.group.members().clear();
        self.holding.release()
    }
}

/// Tells what becomes of one's own key.
struct Relay {
    key: String,
    group: Arc<Group>,
}

impl LeaseObserver for Relay {
    fn lost(&mut self, loss: Loss) {
        self.group.left(&self.key, loss.as_str());
    }

    fn beat(&mut self, beat: Beat) {
        self.group.observer.beat(beat);
    }
}
