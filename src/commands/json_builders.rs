//! Commands that make JSON for options of streams: `nats::make_stream_source`,
//! `nats::make_subject_transform`, `nats::make_republish`.

use super::jet_stream::{REPUBLISH, SOURCE, TRANSFORM};
use super::json_options::{require, take};
use super::options::{listed, Options};
use serde_json::{json, Map, Value};
use tcl::{Interp, Obj, Outcome, Result};

/// The options of a command; none of one that is not from here.
pub fn options(command: &str) -> Vec<(&'static str, String)> {
    match command {
        "::nats::make_stream_source" => {
            let apart = listed("-api prefix -deliver prefix");
            SOURCE.options().into_iter().chain(apart).collect()
        }
        "::nats::make_subject_transform" => TRANSFORM.options(),
        "::nats::make_republish" => REPUBLISH.options(),
        _ => Vec::new(),
    }
}

/// `make_stream_source -name stream ?-option value ...?` → JSON of where a mirror or a stream with sources
/// gets its messages from. `-api` and `-deliver` become the object `external`.
///
/// # Errors
/// `ErrInvalidArg`: no `-name`, a malformed value, an unknown option.
pub fn make_stream_source(_: Interp, args: &[Obj]) -> Result<Outcome> {
    let mut options = Options::parse(args)?;
    let api = options.valid_str("api")?;
    let deliver = options.valid_str("deliver")?;
    let mut source = take(&SOURCE, &mut options)?;
    options.end()?;
    require(&source, &["name"])?;
    if let Some(api) = api {
        let external = match deliver {
            None => json!({ "api": api }),
            Some(deliver) => json!({ "api": api, "deliver": deliver }),
        };
        // The order of keys is documented.
        let transforms = source.shift_remove("subject_transforms");
        source.insert("external".into(), external);
        source.extend(transforms.map(|value| ("subject_transforms".into(), value)));
    }
    text(source)
}

/// `make_subject_transform -src subject -dest subject` → JSON
///
/// # Errors
/// `ErrInvalidArg`: one of the options is missing, an empty value, an unknown option.
pub fn make_subject_transform(_: Interp, args: &[Obj]) -> Result<Outcome> {
    let mut options = Options::parse(args)?;
    let transform = take(&TRANSFORM, &mut options)?;
    options.end()?;
    require(&transform, &["src", "dest"])?;
    text(transform)
}

/// `make_republish -src subject -dest subject ?-headers_only bool?` → JSON
///
/// # Errors
/// `ErrInvalidArg`: a required option is missing, a malformed value, an unknown option.
pub fn make_republish(_: Interp, args: &[Obj]) -> Result<Outcome> {
    let mut options = Options::parse(args)?;
    let mut republish = take(&REPUBLISH, &mut options)?;
    options.end()?;
    require(&republish, &["src", "dest"])?;
    republish.entry("headers_only").or_insert(false.into());
    text(republish)
}

fn text(object: Map<String, Value>) -> Result<Outcome> {
    Outcome::value(&*Value::Object(object).to_string())
}
