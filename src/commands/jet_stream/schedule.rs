//! Messages that a stream publishes later, or again and again: options of `publish` ([ADR-51]).
//!
//! [ADR-51]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-51.md

use super::shared::This;
use crate::client::jetstream::units;
use crate::commands::options::{bad_value, bad_value_because, pos_int, Options};
use crate::errors::{invalid_arg, raise};
use std::time::Duration;
use tcl::{Obj, Result};

const SECOND: u64 = 1000;

/// Takes the options and adds their headers.
///
/// # Errors
/// `ErrInvalidArg`; `ErrNotSupported` for a server that would store the headers and do nothing.
pub(super) fn take(
    call: &This,
    options: &mut Options,
    headers: &mut Vec<(&'static str, String)>,
) -> Result<()> {
    let schedule = options.raw("schedule");
    let target = options.valid_str("schedule_target")?;
    let ttl = options.raw("schedule_ttl");
    let others = [
        (
            "Nats-Schedule-Source",
            options.valid_str("schedule_source")?,
        ),
        (
            "Nats-Schedule-Time-Zone",
            options.valid_str("schedule_time_zone")?,
        ),
    ];
    let rollup = options.bool("schedule_rollup")?;
    let Some(schedule) = schedule else {
        let given = target.is_some() || ttl.is_some() || rollup.is_some();
        return match given || others.iter().any(|(_, value)| value.is_some()) {
            true => Err(invalid_arg("The options -schedule_... need -schedule")),
            false => Ok(()),
        };
    };
    let target = target.ok_or_else(|| invalid_arg("-schedule needs -schedule_target"))?;
    headers.push(("Nats-Schedule", when(&schedule)?));
    headers.push(("Nats-Schedule-Target", target));
    if let Some(ttl) = ttl {
        headers.push(("Nats-Schedule-TTL", whole_seconds(&ttl)?));
    }
    if rollup == Some(true) {
        headers.push(("Nats-Schedule-Rollup", "sub".to_string()));
    }
    let minor = match others[1].1 {
        None => 12,
        Some(_) => 14,
    };
    let others = others.into_iter();
    headers.extend(others.filter_map(|(name, value)| Some((name, value?))));
    let client = &call.this.shared.client;
    client.check_server_at_least(2, minor).map_err(raise)
}

/// A schedule in the server's notation; a number is ms from now, and later rather than sooner, as the server knows
/// whole seconds.
fn when(schedule: &Obj) -> Result<String> {
    let Some(ms) = pos_int(schedule) else {
        let text = schedule.text().into_owned();
        return match text.trim().is_empty() || text.contains(['\r', '\n']) {
            true => Err(bad_value("schedule", "schedule", schedule)),
            false => Ok(text),
        };
    };
    let time = units::second_after(Duration::from_millis(ms));
    let time = time.ok_or_else(|| {
        bad_value_because("schedule", "schedule", schedule, "; it is out of range")
    })?;
    Ok(format!("@at {time}"))
}

/// ms as whole seconds, rounded up.
fn whole_seconds(value: &Obj) -> Result<String> {
    match pos_int(value) {
        Some(ms @ SECOND..) => Ok(format!("{}s", ms.div_ceil(SECOND))),
        Some(_) => Err(bad_value_because(
            "timeout",
            "schedule_ttl",
            value,
            "; at least 1000 ms",
        )),
        None => Err(bad_value("timeout", "schedule_ttl", value)),
    }
}
