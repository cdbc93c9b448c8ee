//! How endpoints are added to a service, or to a group of one.

use super::requests::ToEndpoint;
use super::shared::{Endpoint, Shared};
use crate::client::service::{names, EndpointFacts, Json};
use crate::client::subject;
use crate::commands::connection::Core;
use crate::commands::options::{listed, Options};
use crate::errors::{invalid_arg, raise};
use crate::runtime;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use tcl::{Obj, Outcome, Result};

/// Where endpoints are added.
pub struct Place {
    /// What their subjects begin with; empty: nothing.
    pub prefix: String,
    /// Of those that say nothing else; empty: none.
    pub queue_group: String,
}

/// The options of `endpoint`, without the callback that its usage has.
pub fn options() -> Vec<(&'static str, String)> {
    listed("-subject subject -queue_group group -metadata dict -respond manual|result -max_concurrent int")
}

/// `endpoint name -callback cmdPrefix ?-option value ...?` → subject
///
/// # Errors
/// `ErrInvalidArg`, also if the service has stopped; `ErrBadSubject`, `ErrBadQueueName`; `ErrConnectionClosed`.
pub fn add(shared: &Shared, place: &Place, args: &[Obj]) -> Result<Outcome> {
    let core = &shared.feed.core;
    let name = args[0].text().into_owned();
    names::check_endpoint(&name).map_err(raise)?;
    let mut options = Options::parse_with_callback(&args[1..])?;
    let callback = options.callback("callback")?;
    let subject = options.valid_str("subject")?;
    let queue_group = queue_group(core, &mut options, &place.queue_group)?;
    let metadata = metadata(&mut options)?;
    let respond = options.choice("respond", &["manual", "result"])?;
    let max_concurrent = options.pos_int("max_concurrent")?.unwrap_or(0);
    options.end()?;
    let callback = callback.ok_or_else(|| invalid_arg("Option callback is required"))?;
    let subject = subject.unwrap_or_else(|| name.clone());
    subject::check_subscribe(&subject, core.config.check_subjects.get()).map_err(raise)?;
    let subject = names::join(&place.prefix, &subject);
    shared.check_running()?;
    let facts = EndpointFacts {
        name,
        subject: subject.clone(),
        queue_group,
        metadata,
    };
    let _runtime = runtime::enter()?;
    let number = shared.endpoints.borrow().len();
    let requests = Arc::new(ToEndpoint::new(&shared.feeder, number));
    let subscription = shared.client.add_endpoint(facts, requests).map_err(raise)?;
    shared.endpoints.borrow_mut().push(Rc::new(Endpoint {
        number,
        subscription,
        callback,
        answers_by_result: respond.as_deref() == Some("result"),
        max_concurrent,
        waiting: RefCell::default(),
        running: Cell::new(0),
        ended: Cell::new(false),
    }));
    Outcome::value(&*subject)
}

/// `-queue_group`; empty: none.
///
/// # Errors
/// `ErrBadQueueName`
pub fn queue_group(core: &Core, options: &mut Options, default: &str) -> Result<String> {
    let Some(group) = options.str("queue_group") else {
        return Ok(default.to_owned());
    };
    if !group.is_empty() {
        subject::check_queue(&group, core.config.check_subjects.get()).map_err(raise)?;
    }
    Ok(group)
}

/// `-metadata`: a dict of texts.
///
/// # Errors
/// `ErrInvalidArg`
pub fn metadata(options: &mut Options) -> Result<Json> {
    let pairs = options.dict("metadata")?.unwrap_or_default();
    let pairs = pairs.iter();
    let pairs = pairs.map(|(key, value)| (key.text().into_owned(), (*value.text()).into()));
    Ok(pairs.collect())
}
