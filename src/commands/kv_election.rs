//! Class `nats::kv_election`, made by a method of `nats::key_value`.

use super::coding::Coding;
use super::fed;
use super::jet_stream::Shared;
use super::lease::{self, Leased, Part};
use super::options::Options;
use crate::client::kv::lease::{Election, ElectionNews};
use crate::client::kv::{Bucket, LockOptions};
use crate::errors::invalid_arg;
use crate::runtime;
use bytes::Bytes;
use std::rc::Rc;
use std::sync::Arc;
use tcl::class::Construct;
use tcl::{Call, Class, Interp, Method, Obj, Outcome, Result};

/// The state of a `nats::kv_election` object.
pub type KvElection = Leased<Candidate>;

/// What it has of its own.
pub struct Candidate {
    coding: Coding,
}

type This<'a> = Call<'a, KvElection>;

impl Class for KvElection {
    const NAME: &'static str = "::nats::kv_election";
    const METHODS: &'static [Method<Self>] = &[
        Method::new("is_leader", "", 0..=0, is_leader),
        Method::new("token", "", 0..=0, token),
        Method::new("leader", "", 0..=0, leader),
        Method::new("resign", "", 0..=0, resign),
    ];

    fn construct(_: &Construct) -> Result<Self> {
        Err(invalid_arg(
            "nats::kv_election objects are made by the key_value method elect",
        ))
    }

    fn released(&self) {
        self.end();
    }
}

/// The options of `elect`.
fn elect_options(
    words: &[Obj],
    interp: Interp,
    coding: &Coding,
) -> Result<(LockOptions, Vec<Obj>)> {
    let mut options = Options::parse_with_callback(words)?;
    let common = lease::common(&mut options, interp, coding)?;
    let callback = options.callback("callback")?;
    options.end()?;
    let callback = callback.ok_or_else(|| invalid_arg("Option -callback is needed"))?;
    Ok((common, callback))
}

/// `$kv elect key -callback prefix ?-option value ...?` → object
///
/// # Errors
/// `ErrInvalidArg`; those of [`Bucket::elect`].
pub fn create(
    interp: Interp,
    shared: &Rc<Shared>,
    bucket: &Bucket,
    coding: &Coding,
    args: &[Obj],
) -> Result<Outcome> {
    let (options, callback) = elect_options(&args[1..], interp, coding)?;
    let key = coding.key(interp, &args[0])?;
    let (feeder, mail) = fed::channel();
    let (shared, coding) = (shared.clone(), coding.clone());
    runtime::answer(
        || bucket.elect(&key, options, Arc::new(feeder)),
        move |interp, election| {
            let candidate = Candidate { coding };
            KvElection::make(interp, &shared, (candidate, election), Some(callback), mail)
        },
    )
}

impl Candidate {
    /// The value of who leads; nobody has none to decode.
    fn value(&self, interp: Interp, value: &Bytes) -> Result<Obj> {
        match value.is_empty() {
            true => Ok(Obj::empty()),
            false => self.coding.seen_bytes(interp, value),
        }
    }
}

impl Part for Candidate {
    type Kept = Election;
    type News = ElectionNews;

    fn told(&self, interp: Interp, news: ElectionNews) -> Result<Vec<Obj>> {
        let (event, info) = match news {
            ElectionNews::Elected(token) => ("elected", vec![("token", Obj::from(token))]),
            ElectionNews::Lost(loss) => {
                let reason = loss.map_or("resigned", |loss| loss.as_str());
                ("lost", vec![("reason", Obj::from(reason))])
            }
            ElectionNews::Leader { value, revision } => {
                let value = self.value(interp, &value)?;
                let revision = Obj::from(revision);
                ("leader", vec![("value", value), ("revision", revision)])
            }
        };
        let info = info
            .into_iter()
            .flat_map(|(name, value)| [Obj::from(name), value]);
        Ok(vec![Obj::from(event), Obj::list(info)])
    }
}

/// `is_leader` → bool
fn is_leader(call: &This) -> Result<Outcome> {
    let election = call.this.kept();
    let leads = election.is_some_and(|election| election.is_leader());
    Outcome::value(i64::from(leads))
}

/// `token` → the revision by which this one leads, 0 if it does not
fn token(call: &This) -> Result<Outcome> {
    let election = call.this.kept();
    Outcome::value(election.map_or(0, |election| election.token()))
}

/// `leader` → the value of who leads
fn leader(call: &This) -> Result<Outcome> {
    let value = call.this.kept().map(|election| election.leader());
    let candidate = &call.this.part;
    Outcome::value(candidate.value(call.interp, &value.unwrap_or_default())?)
}

/// `resign`
fn resign(call: &This) -> Result<Outcome> {
    match call.this.kept() {
        Some(election) => runtime::answer(|| election.resign(), |_, ()| Ok(Obj::empty())),
        None => Outcome::empty(),
    }
}
