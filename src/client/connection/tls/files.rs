//! Certificates and keys, from files or values. Everything here blocks while it reads.

use std::fs;
use std::path::Path;

use async_nats::rustls::pki_types::pem::PemObject;
use async_nats::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use pkcs8::{EncryptedPrivateKeyInfo, SecretDocument};

use super::options::Options;
use super::verifier::Result;

type Certificate = CertificateDer<'static>;
type Key = PrivateKeyDer<'static>;

/// The certificates of the authorities to trust, of `-cafile` and `-cadir`.
pub(super) fn authorities(options: &Options) -> Result<Vec<Certificate>> {
    let mut found = Vec::new();
    if let Some(file) = &options.ca_file {
        found.extend(certificates_of(file)?);
    }
    if let Some(dir) = &options.ca_dir {
        found.extend(certificates_in(dir)?);
    }
    Ok(found)
}

/// The client's certificate with its chain, and the key to it. A file may hold both.
pub(super) fn identity(options: &Options) -> Result<Option<(Vec<Certificate>, Key)>> {
    let chain = match (&options.cert_file, &options.cert) {
        (Some(file), _) => certificates_of(file)?,
        (None, Some(der)) => vec![Certificate::from(der.clone())],
        (None, None) if options.key_file.is_none() && options.key.is_none() => return Ok(None),
        (None, None) => return Err("-keyfile or -key without -certfile or -cert".to_owned()),
    };
    let key = match (&options.key_file, &options.key, &options.cert_file) {
        (Some(file), _, _) => key_of(file, options)?,
        (None, Some(der), _) => {
            let key = Key::try_from(der.clone());
            key.map_err(|reason| format!("-key: {reason}"))?
        }
        (None, None, Some(file)) => key_of(file, options)?,
        (None, None, None) => return Err("-cert without -key or -keyfile".to_owned()),
    };
    Ok(Some((chain, key)))
}

fn read(path: impl AsRef<Path>) -> Result<Vec<u8>> {
    let path = path.as_ref();
    fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

fn certificates(pem: &[u8]) -> std::result::Result<Vec<Certificate>, impl std::fmt::Display> {
    Certificate::pem_slice_iter(pem).collect::<std::result::Result<Vec<_>, _>>()
}

fn certificates_of(file: &str) -> Result<Vec<Certificate>> {
    let found = certificates(&read(file)?).map_err(|error| format!("{file}: {error}"))?;
    match found.is_empty() {
        true => Err(format!("{file}: no certificate in PEM format")),
        false => Ok(found),
    }
}

/// All certificates in a folder. Files of other kinds may lie there, too.
fn certificates_in(dir: &str) -> Result<Vec<Certificate>> {
    let entries = fs::read_dir(dir).map_err(|error| format!("cannot read {dir}: {error}"))?;
    let mut found: Vec<Certificate> = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        let Ok(pem) = fs::read(&path) else { continue };
        // Folders made by `c_rehash` have each file under two names.
        for certificate in certificates(&pem).unwrap_or_default() {
            if !found.contains(&certificate) {
                found.push(certificate);
            }
        }
    }
    Ok(found)
}

/// Whether the key is in a file where only a passphrase opens it.
pub(super) fn is_locked(options: &Options) -> bool {
    let file = options.key_file.as_ref().or(options.cert_file.as_ref());
    let pem = file.and_then(|file| read(file).ok());
    pem.is_some_and(|pem| encrypted_section(&String::from_utf8_lossy(&pem)).is_some())
}

fn key_of(file: &str, options: &Options) -> Result<Key> {
    let pem = read(file)?;
    let text = String::from_utf8_lossy(&pem);
    if text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(format!(
            "{file}: this form of encryption is not supported, convert it by openssl pkcs8 -topk8"
        ));
    }
    if let Some(section) = encrypted_section(&text) {
        let passphrase = options.passphrase.as_ref();
        let passphrase = passphrase
            .ok_or_else(|| format!("{file}: the key is encrypted, and -password gives nothing"))?;
        // The passphrase is wrong, mostly; the reasons say less than that.
        return decrypt(section, passphrase)
            .ok_or_else(|| format!("{file}: the passphrase does not open the key"));
    }
    // The reason does not quote the file.
    Key::from_pem_slice(&pem).map_err(|error| format!("{file}: no usable private key: {error}"))
}

/// The part of a PEM file that holds an encrypted key in PKCS #8.
fn encrypted_section(text: &str) -> Option<&str> {
    const END: &str = "-----END ENCRYPTED PRIVATE KEY-----";
    let start = text.find("-----BEGIN ENCRYPTED PRIVATE KEY-----")?;
    let length = text[start..].find(END)? + END.len();
    Some(&text[start..start + length])
}

fn decrypt(section: &str, passphrase: &str) -> Option<Key> {
    let (_, document) = SecretDocument::from_pem(section).ok()?;
    let encrypted = EncryptedPrivateKeyInfo::try_from(document.as_bytes()).ok()?;
    let key = encrypted.decrypt(passphrase).ok()?;
    Some(Key::Pkcs8(key.as_bytes().to_vec().into()))
}
