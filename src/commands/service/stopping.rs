//! The end of a service: by `stop`, with its connection, or with the connection's `drain`.

use super::running::current;
use super::shared::Shared;
use crate::client::connection::Hold;
use crate::client::error::{Code, Error, Result as ClientResult};
use crate::commands::options::Options;
use crate::commands::run_status::Status;
use crate::commands::{shape, variables};
use crate::errors::raise;
use crate::runtime;
use std::rc::Rc;
use std::time::Duration;
use tcl::{Interp, Obj, Outcome, Result};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// The default of `-timeout`.
const TIMEOUT: Duration = Duration::from_millis(5000);

/// `stop ?-timeout ms?`: no request comes any more; those that have come are handled first
///
/// # Errors
/// `ErrBadTimeout`; `ErrTimeout` if they were not in time; `ErrConnectionClosed`.
pub fn stop(shared: &Rc<Shared>, interp: Interp, args: &[Obj]) -> Result<Outcome> {
    let mut options = Options::parse(args)?;
    let limit = options.timeout("timeout")?.unwrap_or(TIMEOUT);
    options.end()?;
    if let Some(request) = current(shared, interp) {
        request.stops.set(true);
    }
    begin(shared, interp)?;
    if shared.status.get() == Status::Stopped {
        return Outcome::empty();
    }
    let (waiter, stopped) = oneshot::channel();
    shared.stopping.borrow_mut().push(waiter);
    end_if_idle(shared);
    let shared = shared.clone();
    let finish = move |_: Interp, in_time: bool| {
        if in_time {
            return Ok(Obj::empty());
        }
        end(&shared, Ok(()));
        let name = &shared.client.facts().identity.name;
        Err(raise(Error::new(
            Code::Timeout,
            format!("The service {name} was stopped before all requests were handled"),
        )))
    };
    runtime::answer(|| in_time(stopped, limit), finish)
}

/// Whether the end comes within a time; zero: there is no limit.
async fn in_time(
    stopped: oneshot::Receiver<ClientResult<()>>,
    limit: Duration,
) -> ClientResult<bool> {
    let stopped = match limit.is_zero() {
        true => Ok(stopped.await),
        false => timeout(limit, stopped).await,
    };
    match stopped {
        Ok(Ok(outcome)) => outcome.map(|()| true),
        // The object was destroyed.
        Ok(Err(_)) => Ok(true),
        Err(_) => Ok(false),
    }
}

/// No request comes any more.
fn begin(shared: &Shared, interp: Interp) -> Result<()> {
    if shared.status.get() != Status::Running {
        return Ok(());
    }
    let _runtime = runtime::enter()?;
    shared.client.drain();
    let object = &shared.feed.object;
    shared.status.show(interp, object, Status::Draining)
}

/// The connection is drained.
pub fn drained(shared: &Shared, hold: Hold) {
    shared.hold.replace(Some(hold));
    let Some(preserved) = shared.feed.object.interp() else {
        return;
    };
    let interp = preserved.get();
    if let Err(error) = begin(shared, interp) {
        interp.background_error(error);
    }
    end_if_idle(shared);
}

/// Ends it, if it is about to and nothing is left to be done.
pub fn end_if_idle(shared: &Shared) {
    if shared.status.get() == Status::Draining && shared.is_idle() {
        end(shared, Ok(()));
    }
}

/// The connection has ended.
pub fn closed(shared: &Shared) {
    if shared.status.get() == Status::Stopped {
        return;
    }
    let error = Error::connection_closed();
    let object = &shared.feed.object;
    if let Some(interp) = object.interp() {
        let interp = interp.get();
        let value = shape::last_error(Some(&error));
        if let Err(error) = variables::set(interp, object, "last_error", &value) {
            interp.background_error(error);
        }
    }
    end(shared, Err(error));
}

fn end(shared: &Shared, outcome: ClientResult<()>) {
    if shared.status.get() == Status::Stopped {
        return;
    }
    let waiters = shared.stopping.take();
    shared.release();
    let object = &shared.feed.object;
    shared.status.show_in_background(object, Status::Stopped);
    for waiter in waiters {
        // It may not wait any more.
        let _ = waiter.send(outcome.clone());
    }
}
