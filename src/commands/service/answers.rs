//! Answers to requests: those of the script, and those for what its handlers return or raise.

use super::running::request_of;
use super::shared::{Endpoint, Request, Shared};
use crate::client::connection::Publish;
use crate::client::error::Code;
use crate::client::message::HeaderMap;
use crate::client::service::{Failure, ERROR};
use crate::commands::options::Options;
use crate::commands::outgoing::{self, headers, Fields};
use crate::commands::payload;
use crate::errors::{invalid_arg, raise};
use crate::runtime;
use std::rc::Rc;
use tcl::{Error, Interp, Obj, Outcome, Result};

/// What a handler that fails has for a code, unless it says another one.
const INTERNAL: i64 = 500;

/// A description has no more characters.
const LONGEST: usize = 1000;

/// `respond msg data ?-header dict?`
///
/// # Errors
/// `ErrInvalidArg`, also if the message has no reply subject; those of `publish`.
pub fn respond(shared: &Shared, interp: Interp, args: &[Obj]) -> Result<Outcome> {
    let mut options = Options::parse(&args[2..])?;
    let headers = headers(options.dict("header")?)?;
    options.end()?;
    let message = Fields::of(&args[0])?;
    let answer = answer(shared, &message, &args[1], headers)?;
    if let Some(request) = request_of(shared, interp, &message) {
        request.answered.set(true);
    }
    outgoing::send(&shared.feed.core, interp, answer, None)
}

/// `respond_error msg code description ?data? ?-header dict?`
///
/// # Errors
/// As [`respond`]; `ErrInvalidArg` for a code that is no integer and an empty description.
pub fn respond_error(shared: &Shared, interp: Interp, args: &[Obj]) -> Result<Outcome> {
    let (words, rest) = args.split_at(3);
    let (data, rest) = match rest.len() % 2 {
        0 => (Obj::empty(), rest),
        _ => (rest[0].clone(), &rest[1..]),
    };
    let mut options = Options::parse(rest)?;
    let given = headers(options.dict("header")?)?;
    options.end()?;
    let failure = failure(&words[1], &words[2])?;
    let mut headers = given.unwrap_or_default();
    failure.write(&mut headers);
    let message = Fields::of(&words[0])?;
    let answer = answer(shared, &message, &data, Some(headers))?;
    let request = request_of(shared, interp, &message);
    if let Some(request) = &request {
        request.answered.set(true);
    }
    let endpoint = request.map(|request| request.endpoint.clone());
    if let Some(endpoint) = endpoint.or_else(|| endpoint_of(shared, &message)) {
        shared.failed(&endpoint, &failure);
    }
    outgoing::send(&shared.feed.core, interp, answer, None)
}

fn failure(code: &Obj, description: &Obj) -> Result<Failure> {
    let number = code
        .to_i64()
        .ok_or_else(|| invalid_arg(format!("Invalid code {}", code.text())))?;
    let description = description.text().trim().to_owned();
    if description.is_empty() {
        return Err(invalid_arg("The description is empty"));
    }
    if description.contains(['\r', '\n']) {
        return Err(invalid_arg(format!("Invalid header {ERROR}")));
    }
    Ok(Failure {
        code: number,
        description,
    })
}

fn answer(
    shared: &Shared,
    message: &Fields,
    data: &Obj,
    headers: Option<HeaderMap>,
) -> Result<Publish> {
    if message.reply.is_empty() {
        return Err(invalid_arg("The message has no reply subject"));
    }
    let _runtime = runtime::enter()?;
    // The reply subject is another client's choice.
    outgoing::message(
        &shared.feed.core,
        (&message.reply, data),
        headers,
        None,
        false,
    )
}

/// The endpoint that has received a message.
fn endpoint_of(shared: &Shared, message: &Fields) -> Option<Rc<Endpoint>> {
    let subscription = u64::try_from(message.sub_id.to_i64()?).ok()?;
    let endpoints = shared.endpoints.borrow();
    let mut endpoints = endpoints.iter();
    let endpoint = endpoints.find(|endpoint| endpoint.subscription == subscription);
    endpoint.cloned()
}

/// Answers with what a handler has returned. If that cannot be sent the handler has failed.
pub fn result(shared: &Shared, request: &Request, interp: Interp, value: &Obj) {
    if let Err(error) = try_result(shared, request, value) {
        let message = match &error {
            Error::New { message, .. } => message.clone(),
            Error::Raised(_) => String::new(),
        };
        fail(shared, request, INTERNAL, &message);
        interp.background_error(error);
    }
}

fn try_result(shared: &Shared, request: &Request, value: &Obj) -> Result<()> {
    let Some(reply) = &request.reply else {
        return Ok(());
    };
    let core = &shared.feed.core;
    let payload = payload::encode(value, core.config.utf8_convert.get())?;
    let answer = Publish::new(&**reply, payload);
    request.answered.set(send(shared, answer)?);
    Ok(())
}

/// Sends an answer that nobody waits for; whether there is a connection.
fn send(shared: &Shared, answer: Publish) -> Result<bool> {
    let _runtime = runtime::enter()?;
    let client = &shared.feed.core.client;
    let sent = client
        .check_request(&answer)
        .and_then(|()| client.publish_control(answer));
    match sent {
        // The service has stopped, and says so.
        Err(error) if error.code == Code::ConnectionClosed => Ok(false),
        sent => sent.map(|()| true).map_err(raise),
    }
}

/// Answers for a handler that has failed; its error is in the interpreter.
pub fn raised(shared: &Shared, request: &Request, interp: Interp, error: Error) {
    let message = interp.result();
    let error = match error {
        Error::Raised(code) if code != tcl::error::ERROR => unexpected(code),
        error => error,
    };
    if let Error::New { message, .. } = &error {
        fail(shared, request, INTERNAL, message);
        return interp.background_error(error);
    }
    match own_code(interp) {
        Some(code) => fail(shared, request, code, &message.text()),
        None => {
            fail(shared, request, INTERNAL, &message.text());
            interp.background_error(error);
        }
    }
}

/// The code of `throw {NATS ErrService <code>} text`.
fn own_code(interp: Interp) -> Option<i64> {
    match &*interp.error_code()?.to_list()? {
        [nats, word, code] if nats.text() == "NATS" && word.text() == "ErrService" => code.to_i64(),
        _ => None,
    }
}

/// The error of another completion code than those of `return` and `error`.
fn unexpected(code: i32) -> Error {
    let message = match code {
        3 => "invoked \"break\" outside of a loop".to_owned(),
        4 => "invoked \"continue\" outside of a loop".to_owned(),
        code => format!("command returned bad code: {code}"),
    };
    Error::new(message, &["TCL", "RESULT", "UNEXPECTED"])
}

/// Answers for a handler whose coroutine was deleted. No script runs.
pub fn unwound(shared: &Shared, request: &Request) {
    if !request.answered.get() {
        fail(shared, request, INTERNAL, "The handler was ended");
    }
}

/// Counts an error, and answers with it if nobody has answered.
fn fail(shared: &Shared, request: &Request, code: i64, message: &str) {
    let description = first_line(message);
    let failure = Failure { code, description };
    shared.failed(&request.endpoint, &failure);
    let Some(reply) = request.reply.as_deref().filter(|_| !request.answered.get()) else {
        return;
    };
    let mut headers = HeaderMap::new();
    failure.write(&mut headers);
    let mut answer = Publish::new(reply, "");
    answer.headers = Some(headers);
    // What has failed is told already.
    let _ = send(shared, answer);
    request.answered.set(true);
}

/// The first line that has something in it, as a header may have it.
fn first_line(message: &str) -> String {
    let lines = message.lines().map(str::trim);
    let line = lines.into_iter().find(|line| !line.is_empty());
    let characters = line.unwrap_or("unknown error").chars().take(LONGEST);
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    characters.map(printable).collect()
}

#[cfg(test)]
mod tests {
    use super::first_line;

    #[test]
    fn descriptions() {
        for (message, line) in [
            ("bad thing\nmore", "bad thing"),
            ("\n  \n a \r\n b", "a"),
            ("", "unknown error"),
            ("a\rb\tc", "a b c"),
        ] {
            assert_eq!(first_line(message), line);
        }
        assert_eq!(first_line(&"ä".repeat(2000)).chars().count(), 1000);
    }
}
