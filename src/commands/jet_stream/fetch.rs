//! Fetching messages: `fetch`, its older name `consume`, and `cancel_pull_request` of `nats::jet_stream`.

use super::shared::{text, This};
use crate::client::error::Code;
use crate::client::jetstream::names;
use crate::client::jetstream::pull::{Fetch, Fetched, PullRequest};
use crate::client::message::Delivered;
use crate::commands::connection::{Answer, Answers, Owner, Request};
use crate::commands::options::{pos_int, Options};
use crate::errors::{invalid_arg, raise};
use crate::runtime;
use std::time::Duration;
use tcl::{Obj, Outcome, Result};

/// With a timeout from this on, the server's answer shall come before it.
const MARGIN_FROM: Duration = Duration::from_millis(20);
const MARGIN: Duration = Duration::from_millis(10);

struct Settings {
    request: PullRequest,
    /// How long the client waits; zero: without end.
    limit: Duration,
    callback: Option<Vec<Obj>>,
}

impl Settings {
    fn take(call: &This, words: &[Obj]) -> Result<Settings> {
        let mut options = Options::parse_with_callback(words)?;
        let batch = options.pos_int("batch_size")?.unwrap_or(1);
        let timeout = options.timeout("timeout")?;
        let expires = options.timeout("expires")?;
        let callback = options.callback("callback")?;
        options.end()?;
        let expires = match (timeout, expires) {
            (None, Some(_)) => return Err(invalid_arg("-expires requires -timeout")),
            (None, None) => None,
            (Some(_), Some(expires)) => Some(expires),
            (Some(timeout), None) if timeout >= MARGIN_FROM => Some(timeout - MARGIN),
            (Some(timeout), None) => Some(timeout),
        };
        Ok(Settings {
            request: PullRequest {
                batch,
                no_wait: timeout.is_none(),
                expires,
                ..PullRequest::default()
            },
            limit: timeout.unwrap_or_else(|| call.this.shared.client.timeout()),
            callback,
        })
    }
}

/// `fetch stream consumer ?-option value ...?` → list of messages; with a callback the fetch's id
pub(super) fn fetch(call: &This) -> Result<Outcome> {
    let (stream, consumer) = (text(&call.args[0]), text(&call.args[1]));
    names::check_stream(&stream).map_err(raise)?;
    names::check_consumer(&consumer).map_err(raise)?;
    let mut settings = Settings::take(call, &call.args[2..])?;
    match settings.callback.take() {
        None => collect(call, (stream, consumer), settings),
        Some(callback) => call_back(call, (&stream, &consumer), &settings, callback),
    }
}

fn collect(call: &This, names: (String, String), settings: Settings) -> Result<Outcome> {
    let shared = call.this.shared.clone();
    let core = shared.core.clone();
    let label = format!("Sync pull request {}", core.deliveries.next_id());
    let start = move || {
        let names = (&*names.0, &*names.1);
        let fetch = shared
            .client
            .fetch(names, &settings.request, settings.limit, label);
        async move {
            let fetch = fetch?;
            Ok((fetch.subscription(), fetch.all().await?))
        }
    };
    runtime::answer(
        start,
        move |_, (subscription, messages): (u64, Vec<Delivered>)| {
            let dicts = messages
                .iter()
                .map(|message| core.config.delivered(message, subscription));
            Ok(Obj::list(dicts))
        },
    )
}

fn call_back(
    call: &This,
    names: (&str, &str),
    settings: &Settings,
    callback: Vec<Obj>,
) -> Result<Outcome> {
    let _runtime = runtime::enter()?;
    let shared = &call.this.shared;
    let deliveries = &shared.core.deliveries;
    let id = deliveries.next_id();
    let label = format!("Async pull request {id}");
    let fetch = shared
        .client
        .fetch(names, &settings.request, settings.limit, label)
        .map_err(raise)?;
    let request = Request {
        callback,
        dictmsg: true,
        owner: Owner::FETCHES,
        hears_of_disconnect: false,
        sentinel: None,
    };
    let handle = Some(fetch.handle());
    deliveries.begin(id, request, handle, |answers| deliver(fetch, answers));
    Outcome::value(id)
}

/// One call for each message, and one more if they end before all have come.
async fn deliver(mut fetch: Fetch, answers: Answers) {
    let id = fetch.subscription();
    let last = loop {
        match fetch.next().await {
            Fetched::Message(message) if fetch.is_complete() => {
                break Answer::Delivered(message, id)
            }
            Fetched::Message(message) => answers.more(Answer::Delivered(message, id)),
            Fetched::Status(message) => break Answer::Status(message, id),
            Fetched::TimedOut => break Answer::TimedOut,
            // `disconnect` was called.
            Fetched::Ended(error) if error.code == Code::ConnectionClosed => break Answer::Nothing,
            Fetched::Ended(_) => break Answer::TimedOut,
            Fetched::Complete => break Answer::Nothing,
        }
    };
    // Nothing of it remains when its last callback runs.
    drop(fetch);
    answers.last(last);
}

/// `cancel_pull_request fetchID`: no more callbacks; the server is told at once
pub(super) fn cancel_pull_request(call: &This) -> Result<Outcome> {
    let _runtime = runtime::enter()?;
    let word = &call.args[0];
    let deliveries = &call.this.shared.core.deliveries;
    let is_fetch = |owner| owner == Owner::FETCHES;
    match pos_int(word).filter(|id| deliveries.cancel(*id, is_fetch)) {
        Some(_) => Outcome::empty(),
        None => Err(invalid_arg(format!("Invalid fetch ID {}", word.text()))),
    }
}
