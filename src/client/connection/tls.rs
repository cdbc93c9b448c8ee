//! The place where the TLS options of a connection meet async-nats (core.md §11).
//!
//! Whether TLS is used is decided during the handshake: when the server demands it, when the
//! scheme of its URL is `tls`, or with `-secure`.

use async_nats::ConnectOptions;

use super::settings::Settings;
use crate::client::error::Result;

/// Adds what the settings say about TLS.
///
/// # Errors
/// `Tls`, when the options cannot be used; it makes the attempt fail, never `configure`.
pub(super) fn configure(options: ConnectOptions, settings: &Settings) -> Result<ConnectOptions> {
    // `settings.tls_opts` will be turned into a `rustls::ClientConfig` here.
    Ok(options.require_tls(settings.secure))
}
