//! Class `nats::service`, made by a method of `nats::connection`.
//!
//! Public variables in the object's namespace: `status`, which is `running`, `draining` or `stopped`, and `last_error`,
//! as that of a connection.

use super::endpoints::{self, Place};
use super::requests::ToService;
use super::shared::Shared;
use super::{answers, group, handling, statistics, stopping};
use crate::client::nuid::nuid;
use crate::client::service::{names, Identity, Service as Client, DEFAULT_PREFIX};
use crate::client::subject;
use crate::commands::children::Children;
use crate::commands::connection::Core;
use crate::commands::fed::{self, Feed};
use crate::commands::options::Options;
use crate::commands::run_status::RunStatus;
use crate::commands::variables;
use crate::errors::{invalid_arg, raise};
use crate::runtime;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use tcl::class::Construct;
use tcl::object::Unfinished;
use tcl::{Call, Class, Interp, Method, Obj, Object, Outcome, Result};

/// The group of endpoints that say nothing else.
const QUEUE_GROUP: &str = "q";

/// The state of a `nats::service` object.
pub struct Service {
    shared: Rc<Shared>,
    /// Where its endpoints are added.
    place: Place,
}

type This<'a> = Call<'a, Service>;

const MANY: usize = usize::MAX;

#[rustfmt::skip]
const TABLE: &[Method<Service>] = &[
    Method::new("endpoint", "name -callback cmdPrefix ?-option value ...?", 1..=MANY, |call: &This| {
        endpoints::add(&call.this.shared, &call.this.place, call.args)
    }).options(endpoints::options),
    Method::new("group", "prefix ?-queue_group group?", 1..=MANY, |call: &This| {
        group::create(call.interp, &call.this.shared, &call.this.place, call.args)
    }),
    Method::new("respond", "msg data ?-header dict?", 2..=MANY, |call: &This| {
        answers::respond(&call.this.shared, call.interp, call.args)
    }),
    Method::new("respond_error", "msg code description ?data? ?-header dict?", 3..=MANY, |call: &This| {
        answers::respond_error(&call.this.shared, call.interp, call.args)
    }),
    Method::new("info", "", 0..=0, |call: &This| statistics::info(&call.this.shared)),
    Method::new("stats", "", 0..=0, |call: &This| statistics::stats(&call.this.shared, call.interp)),
    Method::new("reset", "", 0..=0, |call: &This| {
        call.this.shared.client.facts().reset();
        Outcome::empty()
    }),
    Method::new("stop", "?-timeout ms?", 0..=MANY, |call: &This| {
        stopping::stop(&call.this.shared, call.interp, call.args)
    }),
    Method::new("id", "", 0..=0, |call: &This| Outcome::value(&*call.this.identity().id)),
    Method::new("name", "", 0..=0, |call: &This| Outcome::value(&*call.this.identity().name)),
];

impl Service {
    fn identity(&self) -> &Identity {
        &self.shared.client.facts().identity
    }
}

impl Class for Service {
    const NAME: &'static str = "::nats::service";
    const METHODS: &'static [Method<Self>] = TABLE;

    fn construct(_: &Construct) -> Result<Self> {
        Err(invalid_arg(
            "nats::service objects are made by the connection's method service",
        ))
    }

    /// Makes the public variables.
    fn constructed(&self, interp: Interp) -> Result<()> {
        let shared = &self.shared;
        let object = &shared.feed.object;
        variables::set(interp, object, "last_error", &Obj::empty())?;
        shared.status.show(interp, object, shared.status.get())
    }

    fn failing(&self, _: Interp) {
        self.shared.feed.core.show_end();
    }

    fn destroyed(&self, _: Interp) {
        self.shared.children.destroy_all();
    }

    fn released(&self) {
        self.shared.release();
    }
}

/// What `service` is told.
struct Wanted {
    identity: Identity,
    queue_group: String,
    stats_handler: Option<Vec<Obj>>,
    prefix: String,
}

/// `$c service name ?-option value ...?` → object
///
/// # Errors
/// `ErrConnectionClosed` in any status but `connected`; `ErrInvalidArg`, `ErrBadSubject`, `ErrBadQueueName`.
pub fn create(interp: Interp, core: &Rc<Core>, args: &[Obj]) -> Result<Outcome> {
    core.client.check_connected().map_err(raise)?;
    let wanted = wanted(core, args)?;
    let _runtime = runtime::enter()?;
    let (object, service) = Object::create(interp, |object| {
        core.children.add(object)?;
        start(core, object, wanted)
    })?;
    let unfinished = Unfinished::new(object);
    handling::start(&service.shared)?;
    Outcome::value(unfinished.keep().name())
}

fn start(core: &Rc<Core>, object: &Object, wanted: Wanted) -> Result<Service> {
    let (feeder, mail): (ToService, _) = fed::channel();
    let by_script = wanted.stats_handler.is_some();
    let client = Client::start(
        &core.client,
        wanted.identity,
        &wanted.prefix,
        by_script,
        Arc::new(feeder.clone()),
    );
    let shared = Rc::new(Shared {
        client: client.map_err(raise)?,
        feed: Feed::new(core, object, None, mail),
        feeder,
        children: Children::of("service"),
        stats_handler: wanted.stats_handler,
        status: RunStatus::running(),
        endpoints: RefCell::default(),
        runnable: RefCell::default(),
        running: RefCell::default(),
        stopping: RefCell::default(),
        hold: RefCell::default(),
    });
    let place = Place {
        prefix: String::new(),
        queue_group: wanted.queue_group,
    };
    Ok(Service { shared, place })
}

/// The arguments, checked.
fn wanted(core: &Core, args: &[Obj]) -> Result<Wanted> {
    let name = args[0].text().into_owned();
    names::check_service(&name).map_err(raise)?;
    let mut options = Options::parse(&args[1..])?;
    let version = options.valid_str("version")?;
    let description = options.str("description").unwrap_or_default();
    let metadata = endpoints::metadata(&mut options)?;
    let queue_group = endpoints::queue_group(core, &mut options, QUEUE_GROUP)?;
    let stats_handler = options.callback("stats_handler")?;
    let prefix = options.valid_str("api_prefix")?;
    options.end()?;
    let version = version.ok_or_else(|| invalid_arg("Option version is required"))?;
    names::check_version(&version).map_err(raise)?;
    let prefix = prefix.unwrap_or_else(|| DEFAULT_PREFIX.to_owned());
    subject::check_publish(&prefix, true).map_err(raise)?;
    Ok(Wanted {
        identity: Identity {
            name,
            id: nuid(),
            version,
            description,
            metadata,
        },
        queue_group,
        stats_handler,
        prefix,
    })
}
