//! Class `nats::service_group`: endpoints whose subjects begin alike.

use super::endpoints::{self, Place};
use super::shared::Shared;
use crate::client::service::names;
use crate::commands::options::Options;
use crate::errors::{invalid_arg, raise};
use std::rc::Rc;
use tcl::class::Construct;
use tcl::{Call, Class, Interp, Method, Obj, Object, Outcome, Result};

/// The state of a `nats::service_group` object.
pub struct ServiceGroup {
    shared: Rc<Shared>,
    place: Place,
}

type This<'a> = Call<'a, ServiceGroup>;

const MANY: usize = usize::MAX;

impl Class for ServiceGroup {
    const NAME: &'static str = "::nats::service_group";
    #[rustfmt::skip]
    const METHODS: &'static [Method<Self>] = &[
        Method::new("endpoint", "name -callback cmdPrefix ?-option value ...?", 1..=MANY, |call: &This| {
            endpoints::add(&call.this.shared, &call.this.place, call.args)
        }).options(endpoints::options),
        Method::new("group", "prefix ?-queue_group group?", 1..=MANY, |call: &This| {
            create(call.interp, &call.this.shared, &call.this.place, call.args)
        }),
    ];

    fn construct(_: &Construct) -> Result<Self> {
        Err(invalid_arg(
            "nats::service_group objects are made by the service's method group",
        ))
    }
}

/// `group prefix ?-queue_group group?` → object
///
/// # Errors
/// `ErrBadSubject`, `ErrBadQueueName`; `ErrInvalidArg`, also if the service has stopped.
pub fn create(interp: Interp, shared: &Rc<Shared>, place: &Place, args: &[Obj]) -> Result<Outcome> {
    let core = &shared.feed.core;
    let prefix = args[0].text();
    let mut options = Options::parse(&args[1..])?;
    let queue_group = endpoints::queue_group(core, &mut options, &place.queue_group)?;
    options.end()?;
    names::check_prefix(&prefix, core.config.check_subjects.get()).map_err(raise)?;
    shared.check_running()?;
    let (object, _) = Object::create(interp, |object| {
        shared.children.add(object)?;
        Ok(ServiceGroup {
            shared: shared.clone(),
            place: Place {
                prefix: names::join(&place.prefix, &prefix),
                queue_group,
            },
        })
    })?;
    Outcome::value(object.name())
}
