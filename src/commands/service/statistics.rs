//! What a service says about itself, as far as a script has a part in it.

use super::shared::Shared;
use crate::client::connection::Subject;
use crate::commands::{json, shape};
use crate::runtime;
use serde_json::Value;
use tcl::interp::Scope;
use tcl::{Interp, Obj, Outcome, Result};

/// `info` → what others get, without `type`
pub fn info(shared: &Shared) -> Result<Outcome> {
    Outcome::value(shape::json_dict(&shared.client.facts().info()))
}

/// `stats` → what others get, without `type`
pub fn stats(shared: &Shared, interp: Interp) -> Result<Outcome> {
    let data = data(shared, interp);
    Outcome::value(shape::json_dict(&shared.client.facts().stats(data)))
}

/// Answers somebody who has asked for statistics.
pub fn answer(shared: &Shared, interp: Interp, reply: Subject) {
    let data = data(shared, interp);
    if let Ok(_runtime) = runtime::enter() {
        shared.client.answer_stats(reply, data);
    }
}

/// What `-stats_handler` has for each endpoint. Its errors go to the background.
fn data(shared: &Shared, interp: Interp) -> Vec<Option<Value>> {
    let Some(handler) = &shared.stats_handler else {
        return Vec::new();
    };
    let endpoints = shared.client.facts().stats_of_endpoints().into_iter();
    let of_endpoint = |(name, stats): (String, _)| {
        let words = [Obj::from(&*name), shape::json_dict(&stats)];
        let words: Vec<Obj> = handler.iter().cloned().chain(words).collect();
        let data = interp.call(&words, Scope::Global);
        match data.and_then(|data| json::value(&data)) {
            Ok(data) => Some(data),
            Err(error) => {
                interp.background_error(error);
                None
            }
        }
    };
    endpoints.map(of_endpoint).collect()
}
