//! Publishing with acknowledgement: `publish` and `publish_msg` of `nats::jet_stream`.
//!
//! Synchronous, or with `-callback`, so that one script keeps many messages in flight.

use super::schedule;
use super::shared::{answer_dict, This};
use crate::client::connection::Publish;
use crate::client::error::{Code, Result as ClientResult};
use crate::client::jetstream::{ApiError, Json};
use crate::client::message::HeaderMap;
use crate::commands::connection::{Answer, Answers, Request};
use crate::commands::options::{bad_value, pos_int, Options};
use crate::commands::outgoing::{self, headers, Fields};
use crate::errors::{invalid_arg, raise};
use crate::runtime;
use std::future::Future;
use std::time::Duration;
use tcl::{Obj, Outcome, Result};

/// The options that both methods share.
struct Settings {
    timeout: Option<Duration>,
    callback: Option<Vec<Obj>>,
    /// What the stream is asked to do or to check, as headers.
    headers: Vec<(&'static str, String)>,
}

impl Settings {
    fn take(call: &This, options: &mut Options) -> Result<Settings> {
        let timeout = options
            .timeout("timeout")?
            .unwrap_or_else(|| call.this.shared.client.timeout());
        let callback = options.callback("callback")?;
        let mut headers = Vec::new();
        for (option, header) in [
            ("stream", "Nats-Expected-Stream"),
            ("msg_id", "Nats-Msg-Id"),
            ("expected_last_msg_id", "Nats-Expected-Last-Msg-Id"),
        ] {
            if let Some(value) = options.valid_str(option)? {
                headers.push((header, value));
            }
        }
        for (option, header) in [
            ("expected_last_seq", "Nats-Expected-Last-Sequence"),
            (
                "expected_last_subject_seq",
                "Nats-Expected-Last-Subject-Sequence",
            ),
        ] {
            if let Some(sequence) = options.pos_int(option)? {
                headers.push((header, sequence.to_string()));
            }
        }
        if let Some(ttl) = options.raw("ttl") {
            headers.push(("Nats-TTL", time_to_live(&ttl)?));
        }
        schedule::take(call, options, &mut headers)?;
        Ok(Settings {
            timeout: Some(timeout).filter(|timeout| !timeout.is_zero()),
            callback,
            headers,
        })
    }

    /// # Errors
    /// `ErrInvalidArg` for line breaks, which would add headers of their own.
    fn add_headers(&self, to: Option<HeaderMap>) -> Result<Option<HeaderMap>> {
        if self.headers.is_empty() {
            return Ok(to);
        }
        let mut all = to.unwrap_or_default();
        for (name, value) in &self.headers {
            if value.contains(['\r', '\n']) {
                return Err(invalid_arg(format!("Invalid header {name}")));
            }
            all.insert(*name, value.as_str());
        }
        Ok(Some(all))
    }
}

/// The value of `-ttl`, in ms or `never`, as the server wants it ([ADR-43]). It cuts what is not a whole second;
/// a message shall not live for less than was asked for. What is less than a second it refuses.
///
/// [ADR-43]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-43.md
fn time_to_live(value: &Obj) -> Result<String> {
    match pos_int(value) {
        Some(ms @ ..1000) => Ok(format!("{ms}ms")),
        Some(ms) => Ok(format!("{}ms", u128::from(ms.div_ceil(1000)) * 1000)),
        None if value.text() == "never" => Ok("never".to_string()),
        None => Err(bad_value("timeout", "ttl", value)),
    }
}

/// `publish subject message ?-option value ...?`
pub(super) fn publish(call: &This) -> Result<Outcome> {
    let mut options = Options::parse_with_callback(&call.args[2..])?;
    let settings = Settings::take(call, &mut options)?;
    let given = headers(options.dict("header")?)?;
    options.end()?;
    send(call, (&call.args[0], &call.args[1]), given, settings)
}

/// `publish_msg msg ?-option value ...?`
pub(super) fn publish_msg(call: &This) -> Result<Outcome> {
    let msg = Fields::of(&call.args[0])?;
    let mut options = Options::parse_with_callback(&call.args[1..])?;
    let settings = Settings::take(call, &mut options)?;
    options.end()?;
    let given = headers(msg.header.to_dict())?;
    msg.ignore_reply(&call.this.shared.core);
    send(call, (&msg.subject, &msg.data), given, settings)
}

/// Gives the acknowledgement, a dict with `stream`, `seq` and so on; with a callback the request's id.
fn send(
    call: &This,
    words: (&Obj, &Obj),
    given: Option<HeaderMap>,
    settings: Settings,
) -> Result<Outcome> {
    let shared = &call.this.shared;
    let headers = settings.add_headers(given)?;
    let publish = outgoing::message(&shared.core, words, headers, None, true)?;
    let timeout = settings.timeout;
    match settings.callback {
        None => answer_dict(call, |js| js.publish(publish, timeout)),
        Some(callback) => send_in_background(call, publish, timeout, callback),
    }
}

fn send_in_background(
    call: &This,
    publish: Publish,
    timeout: Option<Duration>,
    callback: Vec<Obj>,
) -> Result<Outcome> {
    let _runtime = runtime::enter()?;
    let shared = &call.this.shared;
    shared.core.client.check_accepting().map_err(raise)?;
    shared.core.client.check_request(&publish).map_err(raise)?;
    let acknowledged = shared.client.try_publish(publish, timeout);
    let request = Request {
        callback,
        dictmsg: true,
        owner: shared.requests,
        hears_of_disconnect: false,
        sentinel: None,
    };
    let deliveries = &shared.core.deliveries;
    Outcome::value(deliveries.request(request, |answers| settle(acknowledged, answers)))
}

async fn settle(
    acknowledged: impl Future<Output = ClientResult<std::result::Result<Json, ApiError>>>,
    mut answers: Answers,
) {
    answers.if_lost(Answer::Unacknowledged);
    answers.last(match acknowledged.await {
        Ok(Ok(ack)) => Answer::Stored(ack),
        Ok(Err(refusal)) => Answer::Refused(refusal),
        // `disconnect` was called.
        Err(error) if error.code == Code::ConnectionClosed => Answer::Nothing,
        Err(_) => Answer::Unacknowledged,
    });
}
