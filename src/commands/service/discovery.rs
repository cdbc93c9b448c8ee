//! `services`: which services there are, and how they fare.

use crate::client::error::Result as ClientResult;
use crate::client::service::{ask, names, Answers as Found, Json, Question, Verb, DEFAULT_PREFIX};
use crate::client::subject;
use crate::commands::connection::{Answer, Answers, Core, Owner, Request};
use crate::commands::options::{bad_choice, Options};
use crate::commands::shape;
use crate::errors::raise;
use crate::runtime;
use std::rc::Rc;
use std::time::Duration;
use tcl::{Interp, Obj, Outcome, Result};

const TIMEOUT: Duration = Duration::from_millis(2000);
const STALL: Duration = Duration::from_millis(500);

/// `$c services ping|info|stats ?name? ?id? ?-option value ...?` → list of answers; with `-callback` an id for
/// `cancel_request`, and each answer is a call `prefix answer`, the end one with an empty answer
///
/// # Errors
/// `ErrInvalidArg`, `ErrBadTimeout`, `ErrBadSubject`; `ErrConnectionClosed`; `ErrTimeout` if the connection is lost.
pub fn discover(core: &Rc<Core>, args: &[Obj]) -> Result<Outcome> {
    let verb = verb(&args[0].text())?;
    let (name, id, rest) = positional(&args[1..]);
    let mut options = Options::parse_with_callback(rest)?;
    let timeout = options.timeout("timeout")?.unwrap_or(TIMEOUT);
    let stall = options.timeout("stall")?.unwrap_or(STALL);
    let max = options.pos_int("max_msgs")?.unwrap_or(0);
    let prefix = options.valid_str("api_prefix")?;
    let callback = options.callback("callback")?;
    options.end()?;
    name.iter()
        .try_for_each(|name| names::check_service(name))
        .map_err(raise)?;
    id.iter()
        .try_for_each(|id| names::check_id(id))
        .map_err(raise)?;
    let prefix = prefix.unwrap_or_else(|| DEFAULT_PREFIX.to_owned());
    subject::check_publish(&prefix, true).map_err(raise)?;
    let question = Question {
        verb,
        name,
        id,
        prefix,
        timeout,
        stall,
        max,
    };
    let _runtime = runtime::enter()?;
    let found = ask(&core.client, question).map_err(raise)?;
    match callback {
        None => runtime::answer(|| found.all(), list),
        Some(callback) => {
            let request = Request {
                callback,
                dictmsg: true,
                owner: Owner::default(),
                hears_of_disconnect: true,
                sentinel: None,
            };
            let id = core
                .deliveries
                .request(request, |answers| tell(found, answers));
            Outcome::value(id)
        }
    }
}

fn list(_: Interp, found: Vec<Json>) -> Result<Obj> {
    Ok(Obj::list(found.iter().map(shape::json_dict)))
}

async fn tell(mut found: Found, mut answers: Answers) {
    answers.if_lost(Answer::NoMoreServices);
    let mut next: ClientResult<Option<Json>> = found.next().await;
    while let Ok(Some(answer)) = next {
        answers.more(Answer::Service(answer));
        next = found.next().await;
    }
    answers.last(Answer::NoMoreServices);
}

fn verb(word: &str) -> Result<Verb> {
    let known = [
        ("ping", Verb::Ping),
        ("info", Verb::Info),
        ("stats", Verb::Stats),
    ];
    let found = known.iter().find(|(name, _)| *name == word);
    found.map(|(_, verb)| *verb).ok_or_else(|| {
        let words = known.map(|(name, _)| name);
        bad_choice("verb", word, &words)
    })
}

/// Name and id, which come before the first word with a dash.
fn positional(words: &[Obj]) -> (Option<String>, Option<String>, &[Obj]) {
    let is_option = |word: &Obj| word.text().starts_with('-');
    let count = words.iter().take_while(|word| !is_option(word)).count();
    let (given, rest) = words.split_at(count.min(2));
    let mut given = given.iter().map(|word| word.text().into_owned());
    (given.next(), given.next(), rest)
}
