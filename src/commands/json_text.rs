//! JSON text that a script hands over to be sent as it is.

use serde_json::{Map, Value};
use tcl::{Error, Result};

/// Checks that a text is a JSON object.
///
/// # Errors
/// `TCL VALUE JSON`, for it is the script's text that is wrong, no option of this package.
pub fn check(text: &str) -> Result<()> {
    object(text).map(drop)
}

/// The member `name` of an object.
///
/// # Errors
/// `TCL VALUE JSON` if there is none, or the text is no JSON object.
pub fn name(text: &str) -> Result<String> {
    match object(text)?.remove("name") {
        Some(Value::String(name)) => Ok(name),
        _ => Err(malformed("the JSON object has no name")),
    }
}

fn object(text: &str) -> Result<Map<String, Value>> {
    serde_json::from_str(text)
        .map_err(|error| malformed(&format!("expected a JSON object: {error}")))
}

fn malformed(message: &str) -> Error {
    Error::new(message, &["TCL", "VALUE", "JSON"])
}
