//! `nats::make_kv_origin`, and origins as arguments of aggregates and mirrors.

use super::options::{bad_value, listed, Options};
use crate::client::kv::Origin;
use crate::errors::invalid_arg;
use tcl::event::word;
use tcl::{Interp, Obj, Outcome, Result};

/// `make_kv_origin ?-option value ...?` → dict of what was given, in the order `stream bucket keys api
/// deliver`. `-domain d` becomes `api` `$JS.d.API`.
///
/// # Errors
/// `ErrInvalidArg`: no `-bucket`, an empty value, `-domain` beside `-api`, an unknown option.
pub fn make_kv_origin(_: Interp, args: &[Obj]) -> Result<Outcome> {
    let options = Options::parse(args)?;
    let keys_given = options.has("keys");
    let origin = take(options)?;
    let keys = keys_given.then(|| super::shape::texts(origin.keys));
    let text = |value: Option<String>| value.map(|value| Obj::from(&*value));
    let pairs = [
        (word("stream"), text(origin.stream)),
        (word("bucket"), text(Some(origin.bucket))),
        (word("keys"), keys),
        (word("api"), text(origin.api)),
        (word("deliver"), text(origin.deliver)),
    ];
    let given = pairs
        .iter()
        .filter_map(|(key, value)| Some((key, value.clone()?)));
    Outcome::value(Obj::dict(given))
}

/// The options of `make_kv_origin`.
pub fn options() -> Vec<(&'static str, String)> {
    listed("-stream name -bucket bucket -keys patterns -api prefix -deliver prefix -domain domain")
}

fn take(mut options: Options) -> Result<Origin> {
    let stream = options.valid_str("stream")?;
    let bucket = options.valid_str("bucket")?;
    let keys = match options.raw("keys") {
        None => Vec::new(),
        Some(value) => {
            let keys = value
                .to_list()
                .ok_or_else(|| bad_value("list", "keys", &value))?;
            keys.iter().map(|key| key.text().into_owned()).collect()
        }
    };
    let api = options.valid_str("api")?;
    let deliver = options.valid_str("deliver")?;
    let domain = options.valid_str("domain")?;
    options.end()?;
    let api = match (api, domain) {
        (Some(_), Some(_)) => {
            return Err(invalid_arg("-domain and -api are mutually exclusive"));
        }
        (api, domain) => api.or_else(|| domain.map(|domain| format!("$JS.{domain}.API"))),
    };
    Ok(Origin {
        stream,
        bucket: bucket.ok_or_else(|| invalid_arg("Option bucket is required"))?,
        keys,
        api,
        deliver,
    })
}

/// An origin dict, as `make_kv_origin` returns it.
pub fn parse(value: &Obj) -> Result<Origin> {
    let words = value
        .to_list()
        .ok_or_else(|| invalid_arg(format!("Invalid origin {}", value.text())))?;
    take(Options::parse(&words)?)
}
