//! What `-auth_callback` returns.

use crate::client::connection::Identity;
use crate::errors::invalid_arg;
use tcl::{Obj, Result};

/// Reads a dict of `user password token nkey jwt signature seed`; empty for "ask somebody else".
///
/// # Errors
/// `ErrInvalidArg` for anything else; the message has none of the values, which are secret.
pub fn parse(answer: &Obj) -> Result<Identity> {
    let pairs = answer
        .to_dict()
        .ok_or_else(|| invalid_arg("The result of -auth_callback is not a dict"))?;
    let mut identity = Identity::default();
    for (name, value) in &pairs {
        let name = name.text();
        let field = match &*name {
            "user" => &mut identity.user,
            "password" => &mut identity.password,
            "token" => &mut identity.token,
            "nkey" => &mut identity.nkey,
            "jwt" => &mut identity.jwt,
            "seed" => &mut identity.seed,
            "signature" => {
                let bytes = value.to_bytes().ok_or_else(|| {
                    invalid_arg("The signature that -auth_callback returns is not a byte string")
                })?;
                identity.signature = Some(bytes);
                continue;
            }
            _ => {
                return Err(invalid_arg(format!(
                    "The result of -auth_callback has an unknown key {name}"
                )))
            }
        };
        *field = Some(value.text().into_owned());
    }
    Ok(identity)
}
