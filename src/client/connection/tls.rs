//! The TLS options of a connection, as a configuration of rustls.
//!
//! Whether TLS is used turns out during the handshake: the server demands it, the scheme of its URL
//! is `tls`, or `-secure` or `-tls_first` is set. So options that cannot be used are no error before
//! that: the verifier of an otherwise usable configuration reports them then.
//!
//! | File | Concept |
//! |---|---|
//! | `options` | the names scripts use, which are those of TclTLS |
//! | `files` | certificates and keys |
//! | `verifier` | whom to trust, under which name |

mod files;
mod options;
mod verifier;

use std::sync::Arc;

use async_nats::rustls::crypto::{ring, CryptoProvider};
use async_nats::rustls::{version, ClientConfig, SupportedProtocolVersion};
use async_nats::ConnectOptions;
use tokio::task::spawn_blocking;

use super::server::ServerEntry;
use super::settings::Settings;
use options::Options;
use verifier::{Anchors, Result, Verifier};

pub use options::TlsOption;

/// The configuration for links to a server.
pub(super) async fn configuration(server: &ServerEntry, settings: &Settings) -> ClientConfig {
    let options = match &settings.tls_opts {
        Ok(given) => Options::parse(given),
        Err(reason) => Err(reason.clone()),
    };
    let options = options.map(|mut options| {
        options.inherited_name = server.inherited_name().map(str::to_owned);
        options
    });
    match &settings.tls_opts {
        Ok(given) if given.is_empty() => usable_or_refusal(options),
        _ => from_files(options, settings).await,
    }
}

/// Adds what the settings say about TLS.
pub(super) fn configure(
    options: ConnectOptions,
    config: ClientConfig,
    server: &ServerEntry,
    settings: &Settings,
) -> ConnectOptions {
    let options = options
        .require_tls(settings.requires_tls(server))
        .tls_client_config(config);
    match settings.tls_first {
        true => options.tls_first(),
        false => options,
    }
}

/// Files are read on a thread where that may take its time.
async fn from_files(parsed: Result<Options>, settings: &Settings) -> ClientConfig {
    let ask = settings.ask_passphrase.clone();
    let read = spawn_blocking(move || {
        let locked = parsed.as_ref().is_ok_and(files::is_locked);
        (parsed, locked)
    });
    let (mut parsed, locked) = match read.await {
        Ok(read) => read,
        Err(panic) => return refusal(panic.to_string()),
    };
    if let (true, Ok(options), Some(ask)) = (locked, &mut parsed, ask) {
        if let Some(whom) = options.password.clone() {
            options.passphrase = ask(whom).await;
        }
    }
    let made = spawn_blocking(move || usable_or_refusal(parsed)).await;
    made.unwrap_or_else(|panic| refusal(panic.to_string()))
}

fn usable_or_refusal(parsed: Result<Options>) -> ClientConfig {
    parsed
        .and_then(|options| usable(&options))
        .unwrap_or_else(refusal)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// A configuration that follows the options.
fn usable(options: &Options) -> Result<ClientConfig> {
    let provider = provider();
    let anchors = match options.verifies() {
        true => Some(Anchors::new(
            files::authorities(options)?,
            provider.clone(),
        )?),
        false => None,
    };
    let verifier = Verifier::new(anchors, options.names()?, &provider);
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions(options)?)
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    match files::identity(options)? {
        None => Ok(builder.with_no_client_auth()),
        Some((chain, key)) => builder
            .with_client_auth_cert(chain, key)
            .map_err(|error| format!("unusable client certificate or key: {error}")),
    }
}

/// A configuration with which every handshake fails, for a reason.
fn refusal(reason: String) -> ClientConfig {
    let provider = provider();
    let verifier = Verifier::refusing(reason, &provider);
    // The safe versions go with every provider, so the fallback is never used.
    ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap_or_else(|_| ClientConfig::builder())
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth()
}

fn versions(options: &Options) -> Result<Vec<&'static SupportedProtocolVersion>> {
    let mut versions = Vec::new();
    if options.tls13 {
        versions.push(&version::TLS13);
    }
    if options.tls12 {
        versions.push(&version::TLS12);
    }
    match versions.is_empty() {
        true => Err("no protocol version is enabled".to_owned()),
        false => Ok(versions),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(pairs: &[(&str, &str)]) -> Vec<TlsOption> {
        let option = |(name, value): &(&str, &str)| TlsOption {
            name: (*name).to_owned(),
            value: (*value).to_owned(),
            flag: value.parse::<u8>().ok().map(|number| number != 0),
        };
        pairs.iter().map(option).collect()
    }

    fn error(pairs: &[(&str, &str)]) -> Option<String> {
        let options = Options::parse(&given(pairs));
        options.and_then(|options| usable(&options)).err()
    }

    #[test]
    fn nothing_given_is_usable() {
        assert_eq!(error(&[]), None);
        assert_eq!(error(&[("-require", "0"), ("-command", "")]), None);
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (pairs, part) in [
            (
                &[("-tls1.2", "0"), ("-tls1.3", "0")][..],
                "no protocol version",
            ),
            (&[("-cafile", "/nonexistent/ca.pem")], "/nonexistent/ca.pem"),
            (&[("-cadir", "/nonexistent")], "/nonexistent"),
            (&[("-certfile", "/nonexistent/c.pem")], "/nonexistent/c.pem"),
            (&[("-key", "x")], "-key"),
            (&[("-servername", "a b")], "a b"),
        ] {
            let error = error(pairs);
            assert!(
                error.as_ref().is_some_and(|e| e.contains(part)),
                "{error:?}"
            );
        }
    }

    #[test]
    fn unusable_options_still_make_a_configuration() {
        usable_or_refusal(Options::parse(&given(&[("-nosuch", "1")])));
        usable_or_refusal(Err("not a list".to_owned()));
    }
}
