//! Watching a bucket: metas as they are stored, after those that are there.

use std::future::Future;
use std::time::Duration;

use super::handle::Store;
use super::meta::{Info, Meta};
use super::names::metas;
use crate::client::connection::{Hold, Level};
use crate::client::error::Result;
use crate::client::jetstream::ordered::{
    Change, DeliverPolicy, Delivery, FlowControl, Item, Observer, Opening, OrderedConfig,
    OrderedConsumer, Resume, KEPT_CAPACITY,
};
use crate::client::jetstream::{units, Present};

/// How to watch.
#[derive(Debug, Clone)]
pub struct WatchOptions {
    /// Without deletions.
    pub ignore_deletes: bool,
    /// Without anything that is there already.
    pub updates_only: bool,
    pub idle_heartbeat: Duration,
}

/// What a watch has to tell.
#[derive(Debug)]
pub enum WatchItem {
    /// An object was stored, changed or deleted.
    Object(Box<Info>),
    /// Everything that was there at the beginning was told. Comes exactly once.
    EndOfData,
    /// To be answered when everything before it was dealt with.
    FlowControl(FlowControl),
}

/// Receives what a watch has to tell, as an [`Observer`] does.
pub trait WatchObserver: Send + 'static {
    /// In stream order. What is left in the vector is dropped; it may be taken as a whole.
    fn deliver(&mut self, items: &mut Vec<WatchItem>);

    /// Something about the underlying consumer has changed.
    fn changed(&mut self, change: Change);

    /// As [`Observer::drain`].
    fn drain(&mut self, hold: &Hold) -> bool;
}

impl Store {
    /// Watches all objects. The observer hears nothing before [`OrderedConsumer::start`].
    ///
    /// # Errors
    /// `BucketNotFound`; `JsResponse` for a heartbeat the server refuses; those of
    /// [`JetStream::api`](crate::client::jetstream::JetStream::api).
    pub fn watch(
        &self,
        options: &WatchOptions,
        observer: Box<dyn WatchObserver>,
    ) -> impl Future<Output = Result<OrderedConsumer>> + Send + 'static {
        let (store, options) = (self.clone(), options.clone());
        async move {
            let info = store.js().stream_info(store.stream()).await;
            let mut info = info.map_err(|error| store.missing(error))?;
            let created = match info.shift_remove("created") {
                Some(serde_json::Value::String(created)) => Some(created),
                _ => None,
            };
            store.observe(&options, created, observer).await
        }
    }

    async fn observe(
        &self,
        options: &WatchOptions,
        stream_created: Option<String>,
        observer: Box<dyn WatchObserver>,
    ) -> Result<OrderedConsumer> {
        let deliver_policy = match options.updates_only {
            true => DeliverPolicy::New,
            false => DeliverPolicy::LastPerSubject,
        };
        let config = OrderedConfig {
            description: Some("object watcher".into()),
            deliver_policy,
            idle_heartbeat: options.idle_heartbeat,
            stream_created,
            ..OrderedConfig::new(self.stream())
        };
        let reader = Reader {
            store: self.clone(),
            ignore_deletes: options.ignore_deletes,
            present: Present::new(deliver_policy),
            items: Vec::new(),
            observer,
        };
        let config = config.filtered_by(vec![metas(self.name())]);
        let created = OrderedConsumer::create(self.js(), config, Box::new(reader)).await;
        created.map_err(|error| self.missing(error))
    }
}

/// Reads the messages of a consumer as metas.
struct Reader {
    store: Store,
    ignore_deletes: bool,
    present: Present,
    items: Vec<WatchItem>,
    observer: Box<dyn WatchObserver>,
}

impl Reader {
    fn created(&mut self, num_pending: u64, opening: Opening) {
        let reached = self.present.created(num_pending, opening);
        self.end_if(reached);
    }

    fn message(&mut self, delivery: &Delivery) {
        let (is_new, seen) = self.present.message(delivery);
        let info = is_new.then(|| read(&self.store, delivery)).flatten();
        if let Some(info) = info.filter(|info| self.wants(info)) {
            self.items.push(WatchItem::Object(Box::new(info)));
        }
        self.end_if(seen.reached);
    }

    fn wants(&self, info: &Info) -> bool {
        !(self.ignore_deletes && info.meta.is_deleted())
    }

    fn end_if(&mut self, reached: bool) {
        if reached {
            self.items.push(WatchItem::EndOfData);
        }
    }
}

impl Observer for Reader {
    fn deliver(&mut self, items: &mut Vec<Item>) {
        for item in items.drain(..) {
            match item {
                Item::Created {
                    num_pending,
                    opening,
                } => self.created(num_pending, opening),
                Item::Message(delivery) => self.message(&delivery),
                Item::CaughtUp => {
                    let reached = self.present.caught_up();
                    self.end_if(reached);
                }
                Item::FlowControl(question) => self.items.push(WatchItem::FlowControl(question)),
            }
        }
        if !self.items.is_empty() {
            self.observer.deliver(&mut self.items);
            self.items.clear();
            self.items.shrink_to(KEPT_CAPACITY);
        }
    }

    fn changed(&mut self, change: Change) {
        self.observer.changed(change);
    }

    fn is_impatient(&self) -> bool {
        self.present.is_doubtful()
    }

    fn drain(&mut self, hold: &Hold) -> bool {
        self.observer.drain(hold)
    }

    fn resume(&mut self) -> Resume {
        self.present.resume()
    }
}

/// An object as a consumer has delivered its meta; none, and a warning in the log, if that is none.
pub(super) fn read(store: &Store, delivery: &Delivery) -> Option<Info> {
    let message = &delivery.message;
    let Some(meta) = Meta::read(&message.payload) else {
        let text = format!("{} has no object's meta", message.subject);
        store.js().connection.log(Level::Warn, text);
        return None;
    };
    Some(Info {
        bucket: store.name().to_owned(),
        meta,
        revision: delivery.stream_seq,
        mtime: units::ms_from_ns(delivery.timestamp_ns),
    })
}
