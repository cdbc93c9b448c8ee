//! What the classes of locks, elections and members have in common: objects that hold a key, or want to, and options.

use super::coding::Coding;
use super::fed::{self, Fed, Feed, Feeder, Mail};
use super::jet_stream::Shared;
use super::options::{bad_value, Options};
use super::write_options::ttl_ms;
use crate::client::connection::Hold;
use crate::client::error::{Code, Error};
use crate::client::kv::lease::{
    default_value, Beat, ElectionNews, ElectionObserver, LeaseObserver, Loss, MemberNews,
    MemberObserver,
};
use crate::client::kv::LockOptions;
use crate::errors::raise;
use crate::runtime;
use bytes::Bytes;
use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;
use tcl::event::Receiver;
use tcl::interp::Preserved;
use tcl::object::Unfinished;
use tcl::{Class, Interp, Obj, Object, Result};

/// What is different in each of the classes.
pub trait Part: 'static {
    /// What the client has for the object. It gives the key up when it is dropped.
    type Kept: 'static;
    /// What there is to tell of the key.
    type News: Send;

    /// The words that follow the callback.
    ///
    /// # Errors
    /// `ErrCodec`
    fn told(&self, interp: Interp, news: Self::News) -> Result<Vec<Obj>>;
}

/// The state of an object that holds a key, or wants to.
pub struct Leased<P: Part> {
    pub part: P,
    feed: Feed<Infallible, Told<P::News>>,
    /// Until the object is gone.
    kept: RefCell<Option<Rc<P::Kept>>>,
}

/// What the network has for it.
pub enum Told<N> {
    News(N),
    /// Whoever keeps the key wants a sign of the event loop.
    Beat(Beat),
}

/// The queue that the network fills.
pub type News<N> = Receiver<Mail<Infallible, Told<N>>>;

impl<P: Part> Leased<P> {
    /// The name of a new object. If it cannot be made the key is given up.
    ///
    /// # Errors
    /// `ErrInternal` if this thread is exiting.
    pub fn make(
        interp: Interp,
        shared: &Shared,
        (part, kept): (P, P::Kept),
        callback: Option<Vec<Obj>>,
        news: News<P::News>,
    ) -> Result<Obj>
    where
        Self: Class,
    {
        let (object, made) = Object::create(interp, |object| {
            shared.children.add(object)?;
            Ok(Leased {
                part,
                feed: Feed::new(&shared.core, object, callback, news),
                kept: RefCell::new(Some(Rc::new(kept))),
            })
        })?;
        let unfinished = Unfinished::new(object);
        fed::start(&made)?;
        Ok(unfinished.keep().name())
    }

    /// What the client has, until the object is gone.
    pub fn kept(&self) -> Option<Rc<P::Kept>> {
        self.kept.borrow().clone()
    }

    /// The object is gone.
    pub fn end(&self) {
        self.feed.close();
        let kept = self.kept.take();
        // Giving the key up needs the runtime.
        let _runtime = runtime::enter();
        drop(kept);
    }

    fn tell(&self, news: P::News) {
        let Some(interp) = self.feed.object.interp() else {
            return;
        };
        match self.part.told(interp.get(), news) {
            Ok(words) => self.feed.call_with(&interp, words),
            Err(error) => interp.get().background_error(error),
        }
    }
}

impl<P: Part> Fed for Leased<P> {
    type Item = Infallible;
    type Change = Told<P::News>;

    fn feed(&self) -> &Feed<Infallible, Told<P::News>> {
        &self.feed
    }

    fn take(&self, _: &Preserved, item: Infallible) {
        match item {}
    }

    fn changed(&self, told: Told<P::News>) {
        match told {
            Told::News(news) => self.tell(news),
            Told::Beat(beat) => beat.answer(),
        }
    }

    fn drained(&self, _: Hold) {}
}

impl LeaseObserver for Feeder<Infallible, Told<Loss>> {
    fn lost(&mut self, loss: Loss) {
        self.change(Told::News(loss));
    }

    fn beat(&mut self, beat: Beat) {
        self.change(Told::Beat(beat));
    }
}

impl ElectionObserver for Feeder<Infallible, Told<ElectionNews>> {
    fn tell(&self, news: ElectionNews) {
        self.change(Told::News(news));
    }

    fn beat(&self, beat: Beat) {
        self.change(Told::Beat(beat));
    }
}

impl MemberObserver for Feeder<Infallible, Told<MemberNews>> {
    fn tell(&self, news: MemberNews) {
        self.change(Told::News(news));
    }

    fn beat(&self, beat: Beat) {
        self.change(Told::Beat(beat));
    }
}

/// `-ttl`, `-value` and `-watchdog`.
pub fn common(options: &mut Options, interp: Interp, coding: &Coding) -> Result<LockOptions> {
    let ttl = options.raw("ttl").map(|value| ttl_ms(&value)).transpose()?;
    let value = options.raw("value");
    let value = value.unwrap_or_else(|| Obj::from(&*default_value()));
    let watchdog = options.pos_int("watchdog")?.unwrap_or(0);
    Ok(LockOptions {
        ttl,
        value: coding.value(interp, &value)?,
        watchdog: Duration::from_millis(watchdog),
        ..LockOptions::default()
    })
}

/// Somebody else has the key; the message is the value.
///
/// # Errors
/// `ErrLocked`; `ErrCodec`
pub fn locked<T>(interp: Interp, coding: &Coding, value: &Bytes) -> Result<T> {
    let value = coding.seen_bytes(interp, value)?;
    Err(raise(Error::new(Code::Locked, value.text())))
}

/// `-renew`: ms from one renewal to the next.
pub fn renew(options: &mut Options) -> Result<Option<Duration>> {
    match options.pos_int("renew")? {
        Some(0) => Err(bad_value("pos_int", "renew", &0i64.into())),
        renew => Ok(renew.map(Duration::from_millis)),
    }
}
