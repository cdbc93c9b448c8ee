//! Class `nats::kv_lock`, made by a method of `nats::key_value`.

use super::coding::Coding;
use super::fed;
use super::jet_stream::Shared;
use super::lease::{self, Leased, Part};
use super::options::Options;
use crate::client::kv::lease::{Fence, Holding, Loss, Taken};
use crate::client::kv::{Bucket, LockOptions};
use crate::errors::invalid_arg;
use crate::runtime;
use std::rc::Rc;
use tcl::class::Construct;
use tcl::{Call, Class, Interp, Method, Obj, Object, Outcome, Result};

/// The state of a `nats::kv_lock` object.
pub type KvLock = Leased<Lock>;

/// What it has of its own.
pub struct Lock {
    /// As the script sees it.
    key: Obj,
}

impl Part for Lock {
    type Kept = Holding;
    type News = Loss;

    fn told(&self, _: Interp, loss: Loss) -> Result<Vec<Obj>> {
        Ok(vec![Obj::from(loss.as_str())])
    }
}

type This<'a> = Call<'a, KvLock>;

impl Class for KvLock {
    const NAME: &'static str = "::nats::kv_lock";
    const METHODS: &'static [Method<Self>] = &[
        Method::new("held", "", 0..=0, held),
        Method::new("token", "", 0..=0, token),
        Method::new("revision", "", 0..=0, revision),
        Method::new("remaining", "", 0..=0, remaining),
        Method::new("key", "", 0..=0, key),
        Method::new("release", "", 0..=0, release),
    ];

    fn construct(_: &Construct) -> Result<Self> {
        Err(invalid_arg(
            "nats::kv_lock objects are made by the key_value method lock",
        ))
    }

    fn released(&self) {
        self.end();
    }
}

/// The options of `lock`.
fn lock_options(
    words: &[Obj],
    interp: Interp,
    coding: &Coding,
) -> Result<(LockOptions, Option<Vec<Obj>>)> {
    let mut options = Options::parse(words)?;
    let common = lease::common(&mut options, interp, coding)?;
    let try_once = options.bool("try")?.unwrap_or(false);
    let timeout = options.timeout("timeout")?;
    let on_lost = options.callback("on_lost")?;
    let renew = lease::renew(&mut options)?;
    options.end()?;
    let options = LockOptions {
        try_once,
        timeout,
        renew,
        ..common
    };
    Ok((options, on_lost))
}

/// `$kv lock key ?-option value ...?` → object
///
/// # Errors
/// `ErrInvalidArg`; `ErrCodec`; `ErrLocked`; those of [`Bucket::lock`].
pub fn create(
    interp: Interp,
    shared: &Rc<Shared>,
    bucket: &Bucket,
    coding: &Coding,
    args: &[Obj],
) -> Result<Outcome> {
    let (options, on_lost) = lock_options(&args[1..], interp, coding)?;
    let stored = coding.key(interp, &args[0])?;
    let (feeder, mail) = fed::channel();
    let (shared, coding, key) = (shared.clone(), coding.clone(), args[0].clone());
    runtime::answer(
        || bucket.lock(&stored, options, Box::new(feeder)),
        move |interp, taken| match taken {
            Taken::Held(value) => lease::locked(interp, &coding, &value),
            Taken::Ours(holding) => {
                KvLock::make(interp, &shared, (Lock { key }, holding), on_lost, mail)
            }
        },
    )
}

/// The condition that an object's lock is held.
///
/// # Errors
/// `ErrInvalidArg` for something else than a lock.
pub fn fence(interp: Interp, name: &Obj) -> Result<Fence> {
    let lock = Object::state_of::<KvLock>(interp, name);
    let fence = lock.and_then(|lock| Some(lock.kept()?.fence()));
    fence.ok_or_else(|| {
        let name = name.text();
        invalid_arg(format!("{name} is no object of class nats::kv_lock"))
    })
}

/// What is known of the lock; for one that is gone, nothing.
fn known(call: &This, question: impl FnOnce(&Holding) -> Obj) -> Result<Outcome> {
    let holding = call.this.kept();
    Outcome::value(holding.map_or_else(Obj::empty, |holding| question(&holding)))
}

/// `held` → bool
fn held(call: &This) -> Result<Outcome> {
    known(call, |holding| Obj::from(i64::from(holding.is_held())))
}

/// `token` → the revision of the acquisition
fn token(call: &This) -> Result<Outcome> {
    known(call, |holding| Obj::from(holding.token()))
}

/// `revision` → that of the last renewal
fn revision(call: &This) -> Result<Outcome> {
    known(call, |holding| Obj::from(holding.revision()))
}

/// `remaining` → ms
fn remaining(call: &This) -> Result<Outcome> {
    known(call, |holding| {
        let ms = holding.remaining().as_millis();
        Obj::from(u64::try_from(ms).unwrap_or(u64::MAX))
    })
}

/// `key` → the key
fn key(call: &This) -> Result<Outcome> {
    Outcome::value(call.this.part.key.clone())
}

/// `release`
fn release(call: &This) -> Result<Outcome> {
    match call.this.kept() {
        Some(holding) => runtime::answer(|| holding.release(), |_, ()| Ok(Obj::empty())),
        None => Outcome::empty(),
    }
}
