//! The names of TLS options. They are those of TclTLS, because scripts have them already.

use async_nats::rustls::pki_types::ServerName;

use super::verifier::{Names, Result};

/// One pair of the option list.
#[derive(Clone)]
pub struct TlsOption {
    pub name: String,
    /// Text; or bytes, each as the character of its number.
    pub value: String,
    /// The value as a boolean, if it is one.
    pub flag: Option<bool>,
}

/// Names without meaning for rustls: cipher lists and obsolete versions it does not have, callbacks that
/// need not be called, things of servers and of OpenSSL.
const IGNORED: [&str; 19] = [
    "-alpn",
    "-autoservername",
    "-castore",
    "-cipher",
    "-ciphers",
    "-ciphersuites",
    "-dhparams",
    "-model",
    "-post_handshake",
    "-request",
    "-securitylevel",
    "-server",
    "-session_id",
    "-ssl2",
    "-ssl3",
    "-tls1",
    "-tls1.1",
    "-validatecommand",
    "-vcmd",
];

/// What the options say, over the defaults.
pub(super) struct Options {
    pub(super) ca_file: Option<String>,
    pub(super) ca_dir: Option<String>,
    pub(super) cert_file: Option<String>,
    pub(super) key_file: Option<String>,
    pub(super) cert: Option<Vec<u8>>,
    pub(super) key: Option<Vec<u8>>,
    /// What to ask for the passphrase of the key.
    pub(super) password: Option<String>,
    /// The answer, once there is one.
    pub(super) passphrase: Option<String>,
    pub(super) tls12: bool,
    pub(super) tls13: bool,
    /// The name that a server inherits from the one that told of it.
    pub(super) inherited_name: Option<String>,
    server_name: Option<String>,
    require: bool,
    /// `-command` is not empty; TclTLS then keeps the outcome of the verification.
    command: bool,
}

impl Options {
    /// # Errors
    /// An unknown name, or a value that is no boolean where one belongs.
    pub(super) fn parse(given: &[TlsOption]) -> Result<Options> {
        let mut options = Options {
            ca_file: None,
            ca_dir: None,
            cert_file: None,
            key_file: None,
            cert: None,
            key: None,
            password: None,
            passphrase: None,
            tls12: true,
            tls13: true,
            inherited_name: None,
            server_name: None,
            require: true,
            command: true,
        };
        for option in given {
            options.set(option)?;
        }
        Ok(options)
    }

    fn set(&mut self, option: &TlsOption) -> Result<()> {
        // As elsewhere an empty value is none.
        let text = || Some(option.value.clone()).filter(|text| !text.is_empty());
        let bytes = || text().map(|text| bytes(&text));
        match option.name.as_str() {
            "-cafile" => self.ca_file = text(),
            "-cadir" => self.ca_dir = text(),
            "-certfile" => self.cert_file = text(),
            "-keyfile" => self.key_file = text(),
            "-cert" => self.cert = bytes(),
            "-key" => self.key = bytes(),
            "-password" => self.password = text(),
            "-servername" => self.server_name = text(),
            "-command" => self.command = text().is_some(),
            "-require" => self.require = boolean(option)?,
            "-tls1.2" => self.tls12 = boolean(option)?,
            "-tls1.3" => self.tls13 = boolean(option)?,
            name if IGNORED.contains(&name) => {}
            name => return Err(format!("bad option \"{name}\"")),
        }
        Ok(())
    }

    /// Whether the server's certificate is verified: unless both words for it are spoken.
    pub(super) fn verifies(&self) -> bool {
        self.require || self.command
    }

    /// The names that the certificate may have.
    pub(super) fn names(&self) -> Result<Names> {
        if let Some(name) = &self.server_name {
            return ServerName::try_from(name.clone())
                .map(Names::Only)
                .map_err(|_| format!("invalid -servername \"{name}\""));
        }
        // What is no name of a certificate has connected nobody.
        let inherited = self.inherited_name.clone();
        let inherited = inherited.and_then(|name| {
            let name = name.trim_matches(['[', ']']).to_owned();
            ServerName::try_from(name).ok()
        });
        Ok(inherited.map_or(Names::Host, Names::HostOr))
    }
}

fn bytes(text: &str) -> Vec<u8> {
    // A character that is no byte cannot be part of a certificate, whatever it is cut to.
    text.chars().map(|c| c as u32 as u8).collect()
}

fn boolean(option: &TlsOption) -> Result<bool> {
    let TlsOption { name, value, flag } = option;
    flag.ok_or_else(|| format!("{name}: expected boolean value but got \"{value}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn option(name: &str, value: &str) -> TlsOption {
        TlsOption {
            name: name.to_owned(),
            value: value.to_owned(),
            flag: match value {
                "0" => Some(false),
                "1" => Some(true),
                _ => None,
            },
        }
    }

    fn verifies(pairs: &[(&str, &str)]) -> bool {
        let given: Vec<_> = pairs.iter().map(|(n, v)| option(n, v)).collect();
        Options::parse(&given).is_ok_and(|options| options.verifies())
    }

    #[test]
    fn only_both_words_switch_verification_off() {
        assert!(verifies(&[]));
        assert!(verifies(&[("-require", "0")]));
        assert!(verifies(&[("-command", "")]));
        assert!(verifies(&[("-require", "1"), ("-command", "")]));
        assert!(!verifies(&[("-require", "0"), ("-command", "")]));
    }

    #[test]
    fn unknown_names_and_bad_values() {
        for name in IGNORED {
            assert!(Options::parse(&[option(name, "x")]).is_ok());
        }
        let error = Options::parse(&[option("-nosuch", "x")]).err();
        assert_eq!(error.as_deref(), Some("bad option \"-nosuch\""));
        for name in ["-require", "-tls1.2", "-tls1.3"] {
            let error = Options::parse(&[option(name, "maybe")]).err();
            let message = format!("{name}: expected boolean value but got \"maybe\"");
            assert_eq!(error, Some(message));
        }
    }

    #[test]
    fn bytes_survive_as_characters() {
        let options = Options::parse(&[option("-cert", "0\u{82}\u{ff}\0")]);
        assert_eq!(
            options.ok().and_then(|o| o.cert),
            Some(vec![0x30, 0x82, 0xff, 0])
        );
    }
}
