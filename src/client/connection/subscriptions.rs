//! The subscriptions of a connection, and the tasks that hand over their messages.
//!
//! A subscription outlives links. On each link it has a route: an async-nats subscriber and a task
//! that pumps messages from there to the owner, batch by batch. The pump of a new link starts when
//! that of the previous one has handed over the last message, so messages never overtake.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::Poll;

use async_nats::{Message, Subject, Subscriber};
use futures_util::Stream;
use tokio::task::{unconstrained, JoinHandle};

use super::deliver::Deliver;
use super::hold::Hold;
use super::link::{immediately, Link};
use super::owner::{Dry, Owner, Quota};
use crate::client::error::{Code, Error, Result};

/// The most messages handed over in one call.
const BATCH: usize = 512;

/// More messages than any subscription gets.
const NEVER: u64 = u64::MAX;

/// The subscriptions by ID, which is also the order in which they were made.
#[derive(Default)]
pub(super) struct Subscriptions {
    entries: BTreeMap<u64, Entry>,
    last_id: u64,
}

struct Entry {
    subject: Subject,
    queue: Option<String>,
    /// Messages after which it ends; 0: never.
    max: u64,
    /// Messages handed over so far.
    received: u64,
    deliver: Arc<dyn Deliver>,
    route: Option<Route>,
    /// It ends when what is on its way has arrived.
    draining: bool,
    /// A connection that is drained waits for its end.
    _hold: Option<Hold>,
}

/// How far a drained subscription is.
pub(super) enum Drained {
    /// It has ended, as there is no link; this is to be told.
    Ended(Arc<dyn Deliver>),
    /// The server sends nothing more. What it has sent comes before the answer to anything asked from now on;
    /// then [`Subscriptions::arrived`] is to be called.
    Arriving,
    /// It ends by itself.
    Ending,
}

/// The way of a subscription's messages on one link.
struct Route {
    subscriber: Arc<Mutex<Subscriber>>,
    pump: JoinHandle<()>,
    /// Messages received before this link, of which its server knows nothing.
    before: u64,
    /// Something may still come.
    is_open: bool,
}

impl Subscriptions {
    /// Adds a subscription; [`Subscriptions::attach`] makes it known to a server.
    pub(super) fn add(
        &mut self,
        subject: Subject,
        queue: Option<&str>,
        max: u64,
        deliver: Arc<dyn Deliver>,
    ) -> u64 {
        self.last_id += 1;
        self.entries.insert(
            self.last_id,
            Entry {
                subject,
                queue: queue.map(str::to_owned),
                max,
                received: 0,
                deliver,
                route: None,
                draining: false,
                _hold: None,
            },
        );
        self.last_id
    }

    /// Makes a subscription known to the server of a link.
    pub(super) fn attach(&mut self, id: u64, link: &Link, owner: &Weak<dyn Owner>) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.attach(id, link, owner);
        }
    }

    /// Makes all subscriptions known to the server of a new link.
    pub(super) fn attach_all(&mut self, link: &Link, owner: &Weak<dyn Owner>) {
        for (id, entry) in &mut self.entries {
            entry.attach(*id, link, owner);
        }
    }

    /// A link broke: nothing more is to be expected from its routes than what has arrived.
    pub(super) fn detach_all(&mut self) {
        for route in self.entries.values_mut().filter_map(|e| e.route.as_mut()) {
            route.close();
        }
    }

    /// Ends a subscription after `max` messages in all, or now.
    ///
    /// # Errors
    /// `BadSubscription`
    pub(super) fn end(&mut self, id: u64, max: u64) -> Result<bool> {
        let Some(entry) = self.entries.get_mut(&id) else {
            return Err(Error::new(
                Code::BadSubscription,
                format!("Invalid subscription ID {id}"),
            ));
        };
        if max > entry.received {
            entry.limit(max);
            return Ok(false);
        }
        if let Some(mut entry) = self.entries.remove(&id) {
            if let Some(route) = &mut entry.route {
                route.close();
            }
        }
        Ok(true)
    }

    /// Lets a subscription end when it has handed over what is on its way; [`Subscriptions::stop`] tells the server.
    pub(super) fn drain(&mut self, id: u64) -> Drained {
        let Some(entry) = self.entries.get_mut(&id) else {
            return Drained::Ending;
        };
        if std::mem::replace(&mut entry.draining, true) {
            return Drained::Ending;
        }
        match &entry.route {
            Some(route) if route.is_open => Drained::Arriving,
            Some(_) => Drained::Ending,
            None => match self.entries.remove(&id) {
                Some(entry) => Drained::Ended(entry.deliver),
                None => Drained::Ending,
            },
        }
    }

    /// Has the server send nothing more to a drained subscription.
    pub(super) fn stop(&mut self, id: u64) {
        let route = self.entries.get_mut(&id).and_then(|e| e.route.as_mut());
        if let Some(route) = route.filter(|route| route.is_open) {
            route.stop();
        }
    }

    /// All that was on its way to a drained subscription is here.
    pub(super) fn arrived(&mut self, id: u64) {
        let entry = self.entries.get_mut(&id).filter(|entry| entry.draining);
        if let Some(route) = entry.and_then(|entry| entry.route.as_mut()) {
            route.close();
        }
    }

    /// The connection waits for the end of all subscriptions but one. Returns them.
    pub(super) fn hold(&mut self, hold: &Hold, but: Option<u64>) -> Vec<(u64, Arc<dyn Deliver>)> {
        let others = self.entries.iter_mut().filter(|(id, _)| Some(**id) != but);
        others
            .map(|(id, entry)| {
                entry._hold = Some(hold.clone());
                (*id, entry.deliver.clone())
            })
            .collect()
    }

    /// A route has handed over its last message: it broke, or was drained.
    pub(super) fn ran_dry(&mut self, id: u64, subscriber: &Arc<Mutex<Subscriber>>) -> Dry {
        let Some(entry) = self.entries.get_mut(&id) else {
            return Dry::Nothing;
        };
        let route = &mut entry.route;
        let gone = route.take_if(|route| Arc::ptr_eq(&route.subscriber, subscriber));
        match (gone, entry.draining) {
            (None, _) => Dry::Nothing,
            (Some(_), false) => Dry::Unlinked,
            (Some(_), true) => {
                self.entries.remove(&id);
                Dry::Ended
            }
        }
    }

    /// Those that get messages from a link.
    pub(super) fn subscribers(&self) -> Vec<Arc<Mutex<Subscriber>>> {
        let routes = self.entries.values().filter_map(|e| e.route.as_ref());
        routes.map(|route| route.subscriber.clone()).collect()
    }

    /// Who is told of a new link, in the order of the subscriptions.
    pub(super) fn receivers(&self) -> impl Iterator<Item = (u64, Arc<dyn Deliver>)> + '_ {
        self.entries
            .iter()
            .map(|(id, entry)| (*id, entry.deliver.clone()))
    }

    /// The subscriptions to a subject.
    pub(super) fn on(&self, subject: &Subject) -> Vec<(u64, Arc<dyn Deliver>)> {
        let entries = self.entries.iter();
        entries
            .filter(|(_, entry)| entry.subject == *subject)
            .map(|(id, entry)| (*id, entry.deliver.clone()))
            .collect()
    }

    pub(super) fn subject(&self, id: u64) -> Option<&Subject> {
        self.entries.get(&id).map(|entry| &entry.subject)
    }

    /// Forgets all subscriptions without a word to the server.
    pub(super) fn clear(&mut self) -> impl Iterator<Item = (u64, Arc<dyn Deliver>)> {
        std::mem::take(&mut self.entries)
            .into_iter()
            .map(|(id, entry)| (id, entry.deliver))
    }

    /// Accounts for a batch that arrived; `None` when the subscription has ended.
    pub(super) fn take(&mut self, id: u64, count: usize) -> Option<Quota> {
        let entry = self.entries.get_mut(&id)?;
        let available = u64::try_from(count).unwrap_or(u64::MAX);
        let wanted = match entry.max {
            0 => available,
            max => available.min(max - entry.received),
        };
        entry.received += wanted;
        let last = entry.max != 0 && entry.received >= entry.max;
        if last {
            if let Some(mut route) = self.entries.remove(&id).and_then(|e| e.route) {
                route.close();
            }
        }
        Some(Quota {
            count: usize::try_from(wanted).unwrap_or(count),
            last,
        })
    }
}

impl Entry {
    fn attach(&mut self, id: u64, link: &Link, owner: &Weak<dyn Owner>) {
        if self.draining {
            return;
        }
        let Some(subscriber) = link.subscribe(self.subject.clone(), self.queue.clone()) else {
            return;
        };
        let subscriber = Arc::new(Mutex::new(subscriber));
        let pump = Pump {
            owner: owner.clone(),
            id,
            subscriber: subscriber.clone(),
            deliver: self.deliver.clone(),
        };
        let previous = self.route.take().map(|route| route.pump);
        self.route = Some(Route {
            subscriber,
            // A message that is there is taken now: with tokio's pauses, async-nats would read on meanwhile, and what
            // the server may send ahead would pile up as messages, which are several times as large.
            pump: tokio::spawn(unconstrained(pump.run(previous))),
            before: self.received,
            is_open: true,
        });
        if self.max != 0 {
            self.limit(self.max);
        }
    }

    /// Sets the limit, here and at the server.
    fn limit(&mut self, max: u64) {
        self.max = max;
        if let Some(route) = &self.route {
            let max = max.saturating_sub(route.before);
            let mut subscriber = lock(&route.subscriber);
            // Fails on a broken link, where it does not matter.
            immediately(subscriber.unsubscribe_after(max));
        }
    }
}

impl Route {
    /// Has the server send nothing more; what it has sent still arrives.
    ///
    /// async-nats forgets a subscription when it says UNSUB, and drops what arrives later, also when it drains.
    /// It does not if UNSUB has a number that was not reached yet. Servers read one as long as this as none.
    /// One that takes it at its word goes on sending until the route is closed.
    fn stop(&mut self) {
        let mut subscriber = lock(&self.subscriber);
        immediately(subscriber.unsubscribe_after(NEVER));
    }

    /// Ends the route; what has arrived is still pumped.
    fn close(&mut self) {
        self.is_open = false;
        let mut subscriber = lock(&self.subscriber);
        immediately(subscriber.unsubscribe());
    }
}

/// Moves messages from a subscriber to their receiver.
struct Pump {
    owner: Weak<dyn Owner>,
    id: u64,
    subscriber: Arc<Mutex<Subscriber>>,
    deliver: Arc<dyn Deliver>,
}

impl Pump {
    async fn run(self, previous: Option<JoinHandle<()>>) {
        if let Some(previous) = previous {
            // Whether it ended well or in a panic, it has ended.
            let _ = previous.await;
        }
        let mut batch = Vec::new();
        let mut overflow = Overflow::default();
        while self.fill(&mut batch).await {
            let Some(quota) = self.quota(&batch) else {
                return;
            };
            batch.truncate(quota.count);
            self.deliver.deliver(self.id, &mut batch);
            self.account(&mut overflow, batch.len());
            batch.clear();
            if quota.last {
                self.deliver.ended(self.id);
                return;
            }
        }
        match self.ran_dry() {
            Dry::Nothing => {}
            Dry::Unlinked => self.deliver.unlinked(self.id),
            Dry::Ended => self.deliver.ended(self.id),
        }
    }

    fn ran_dry(&self) -> Dry {
        let owner = self.owner.upgrade();
        owner.map_or(Dry::Nothing, |owner| {
            owner.ran_dry(self.id, &self.subscriber)
        })
    }

    fn quota(&self, batch: &[Message]) -> Option<Quota> {
        self.owner.upgrade()?.take(self.id, batch)
    }

    /// Notes how many messages were dropped, and tells when that begins and when it is over.
    fn account(&self, overflow: &mut Overflow, dropped: usize) {
        if dropped == 0 && !overflow.lasts {
            return;
        }
        overflow.dropped += dropped;
        let begins = !overflow.lasts;
        overflow.lasts = dropped > 0 || !self.deliver.has_caught_up();
        let Some(owner) = self.owner.upgrade() else {
            return;
        };
        if dropped > 0 {
            owner.dropped(dropped);
        }
        if begins {
            owner.slow_consumer(self.id);
        } else if !overflow.lasts {
            owner.caught_up(self.id, std::mem::take(&mut overflow.dropped));
        }
    }

    /// Waits for a message and takes along what else is there; false at the end of the route.
    async fn fill(&self, batch: &mut Vec<Message>) -> bool {
        poll_fn(|cx| {
            let mut subscriber = lock(&self.subscriber);
            while batch.len() < BATCH {
                match Pin::new(&mut *subscriber).poll_next(cx) {
                    Poll::Ready(Some(message)) => batch.push(message),
                    Poll::Pending if batch.is_empty() => return Poll::Pending,
                    // At the end of the stream it will say so again next time.
                    Poll::Ready(None) | Poll::Pending => break,
                }
            }
            Poll::Ready(!batch.is_empty())
        })
        .await
    }
}

/// Messages a receiver did not take, since it began to be too slow.
#[derive(Default)]
struct Overflow {
    lasts: bool,
    dropped: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nowhere;

    impl Deliver for Nowhere {
        fn deliver(&self, _: u64, _: &mut Vec<Message>) {}
    }

    fn add(table: &mut Subscriptions, max: u64) -> u64 {
        table.add("a".into(), None, max, Arc::new(Nowhere))
    }

    fn take(table: &mut Subscriptions, id: u64, count: usize) -> Option<(usize, bool)> {
        table.take(id, count).map(|quota| (quota.count, quota.last))
    }

    #[test]
    fn ids_count_on() {
        let mut table = Subscriptions::default();
        assert_eq!([add(&mut table, 0), add(&mut table, 0)], [1, 2]);
        assert_eq!(table.clear().count(), 2);
        assert_eq!(add(&mut table, 0), 3);
        assert!(table.end(3, 0).is_ok());
        assert_eq!(add(&mut table, 0), 4);
    }

    #[test]
    fn a_limited_subscription_ends() {
        let mut table = Subscriptions::default();
        let id = add(&mut table, 3);
        assert_eq!(take(&mut table, id, 2), Some((2, false)));
        assert_eq!(take(&mut table, id, 5), Some((1, true)));
        assert_eq!(take(&mut table, id, 1), None);
        let error = table.end(id, 0).unwrap_err();
        assert_eq!(error.code, Code::BadSubscription);
        assert_eq!(error.message, "Invalid subscription ID 1");
    }

    #[test]
    fn limits_count_from_the_beginning() {
        let mut table = Subscriptions::default();
        let id = add(&mut table, 0);
        assert_eq!(take(&mut table, id, 5), Some((5, false)));
        assert!(table.end(id, 7).is_ok());
        assert_eq!(take(&mut table, id, 5), Some((2, true)));
        let id = add(&mut table, 0);
        assert_eq!(take(&mut table, id, 5), Some((5, false)));
        assert!(table.end(id, 5).is_ok());
        assert_eq!(take(&mut table, id, 1), None);
    }
}
