//! Class `nats::kv_member`, made by a method of `nats::key_value`.

use super::coding::Coding;
use super::fed;
use super::jet_stream::Shared;
use super::lease::{self, Leased, Part};
use super::options::Options;
use crate::client::kv::lease::{MemberNews, Membership};
use crate::client::kv::{Bucket, LockOptions};
use crate::errors::invalid_arg;
use crate::runtime;
use bytes::Bytes;
use std::rc::Rc;
use std::sync::Arc;
use tcl::class::Construct;
use tcl::{Call, Class, Interp, Method, Obj, Outcome, Result};

/// The state of a `nats::kv_member` object.
pub type KvMember = Leased<Group>;

/// How the script sees members.
pub struct Group {
    prefix: String,
    coding: Coding,
}

impl Group {
    /// The id of a member by the key as it is stored: what follows the prefix and the dot, or what a codec makes of
    /// the dot.
    fn id(&self, interp: Interp, key: &str) -> Result<Obj> {
        let key = self.coding.seen_key(interp, key)?;
        let key = key.text();
        let rest = key.strip_prefix(&*self.prefix).unwrap_or(&key);
        let mut id = rest.chars();
        id.next();
        Ok(Obj::from(id.as_str()))
    }

    fn value(&self, interp: Interp, value: &Bytes) -> Result<Obj> {
        self.coding.seen_bytes(interp, value)
    }
}

impl Part for Group {
    type Kept = Membership;
    type News = MemberNews;

    fn told(&self, interp: Interp, news: MemberNews) -> Result<Vec<Obj>> {
        let (event, id, value) = match news {
            MemberNews::Joined(key, value) => (
                "joined",
                self.id(interp, &key)?,
                self.value(interp, &value)?,
            ),
            MemberNews::Changed(key, value) => (
                "changed",
                self.id(interp, &key)?,
                self.value(interp, &value)?,
            ),
            MemberNews::Left(key, why) => ("left", self.id(interp, &key)?, Obj::from(why)),
            MemberNews::Current => ("current", Obj::empty(), Obj::empty()),
        };
        Ok(vec![Obj::from(event), id, value])
    }
}

type This<'a> = Call<'a, KvMember>;

impl Class for KvMember {
    const NAME: &'static str = "::nats::kv_member";
    const METHODS: &'static [Method<Self>] = &[
        Method::new("members", "", 0..=0, members),
        Method::new("set", "value", 1..=1, set),
        Method::new("leave", "", 0..=0, leave),
    ];

    fn construct(_: &Construct) -> Result<Self> {
        Err(invalid_arg(
            "nats::kv_member objects are made by the key_value method join",
        ))
    }

    fn released(&self) {
        self.end();
    }
}

/// The options of `join`.
struct Wanted {
    id: String,
    callback: Option<Vec<Obj>>,
    options: LockOptions,
}

fn join_options(words: &[Obj], interp: Interp, coding: &Coding) -> Result<Wanted> {
    let mut options = Options::parse_with_callback(words)?;
    let common = lease::common(&mut options, interp, coding)?;
    let id = options.valid_str("id")?;
    let callback = options.callback("callback")?;
    options.end()?;
    let id = id.ok_or_else(|| invalid_arg("Option -id is needed"))?;
    Ok(Wanted {
        id,
        callback,
        options: LockOptions {
            try_once: true,
            ..common
        },
    })
}

/// `$kv join prefix -id id ?-option value ...?` → object
///
/// # Errors
/// `ErrInvalidArg`; those of [`Bucket::join`].
pub fn create(
    interp: Interp,
    shared: &Rc<Shared>,
    bucket: &Bucket,
    coding: &Coding,
    args: &[Obj],
) -> Result<Outcome> {
    let wanted = join_options(&args[1..], interp, coding)?;
    let prefix = args[0].text().into_owned();
    let key = Obj::from(&*format!("{prefix}.{}", wanted.id));
    let key = coding.key(interp, &key)?.into_owned();
    let pattern = coding.pattern(interp, format!("{prefix}.>"))?;
    let (feeder, mail) = fed::channel();
    let (shared, coding) = (shared.clone(), coding.clone());
    let Wanted {
        callback, options, ..
    } = wanted;
    runtime::answer(
        || bucket.join(&key, &pattern, options, Arc::new(feeder)),
        move |interp, joined| match joined {
            Err(value) => lease::locked(interp, &coding, &value),
            Ok(membership) => {
                let group = Group { prefix, coding };
                KvMember::make(interp, &shared, (group, membership), callback, mail)
            }
        },
    )
}

/// `members` → dict id → value
fn members(call: &This) -> Result<Outcome> {
    let group = &call.this.part;
    let members = call.this.kept().map(|membership| membership.members());
    let mut words = Vec::new();
    for (key, value) in members.into_iter().flatten() {
        words.push(group.id(call.interp, &key)?);
        words.push(group.value(call.interp, &value)?);
    }
    Outcome::value(Obj::list(words))
}

/// `set value`
fn set(call: &This) -> Result<Outcome> {
    let value = call.this.part.coding.value(call.interp, &call.args[0])?;
    match call.this.kept() {
        Some(membership) => runtime::answer(|| membership.set(value), |_, ()| Ok(Obj::empty())),
        None => Outcome::empty(),
    }
}

/// `leave`
fn leave(call: &This) -> Result<Outcome> {
    match call.this.kept() {
        Some(membership) => runtime::answer(|| membership.leave(), |_, ()| Ok(Obj::empty())),
        None => Outcome::empty(),
    }
}
