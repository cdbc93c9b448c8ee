//! Whom to trust: the verification of a server's certificate.
//!
//! On top of what webpki does: the name to look for can be another than the host of the URL, and a
//! certificate that is itself among the trusted ones is good, even if it says that it is an
//! authority. OpenSSL has it so, and people who make a self-signed certificate rely on it.

use std::sync::{Arc, OnceLock};

use async_nats::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use async_nats::rustls::client::{verify_server_name, WebPkiServerVerifier};
use async_nats::rustls::crypto::{
    verify_tls12_signature, verify_tls13_signature, CryptoProvider, WebPkiSupportedAlgorithms,
};
use async_nats::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use async_nats::rustls::server::ParsedCertificate;
use async_nats::rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

/// What comes of options, or why they cannot be used, in words.
pub(super) type Result<T> = std::result::Result<T, String>;

/// Verifies by the options of a connection.
#[derive(Debug)]
pub(super) struct Verifier {
    decision: Decision,
    names: Names,
    algorithms: WebPkiSupportedAlgorithms,
}

/// The names that a server's certificate may have.
#[derive(Debug)]
pub(super) enum Names {
    /// The host of the URL.
    Host,
    /// The host, or else another one.
    HostOr(ServerName<'static>),
    /// Not the host.
    Only(ServerName<'static>),
}

#[derive(Debug)]
enum Decision {
    Verify(Anchors),
    /// The certificate is not looked at.
    Accept,
    /// The options cannot be used, for this reason.
    Refuse(String),
}

impl Verifier {
    /// Verifies against anchors; without any, accepts whatever comes.
    pub(super) fn new(
        anchors: Option<Anchors>,
        names: Names,
        provider: &CryptoProvider,
    ) -> Verifier {
        Verifier {
            decision: anchors.map_or(Decision::Accept, Decision::Verify),
            names,
            algorithms: provider.signature_verification_algorithms,
        }
    }

    /// Accepts nothing.
    pub(super) fn refusing(reason: String, provider: &CryptoProvider) -> Verifier {
        Verifier {
            decision: Decision::Refuse(reason),
            names: Names::Host,
            algorithms: provider.signature_verification_algorithms,
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, Error> {
        let anchors = match &self.decision {
            Decision::Accept => return Ok(ServerCertVerified::assertion()),
            Decision::Refuse(reason) => return Err(Error::General(reason.clone())),
            Decision::Verify(anchors) => anchors,
        };
        let verify = |name| anchors.verify(end_entity, intermediates, name, ocsp_response, now);
        match &self.names {
            Names::Host => verify(server_name),
            Names::Only(name) => verify(name),
            Names::HostOr(other) => match verify(server_name) {
                Err(error) if is_other_name(&error) => verify(other),
                outcome => outcome,
            },
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn is_other_name(error: &Error) -> bool {
    matches!(
        error,
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
        )
    )
}

/// What is trusted: the certificates that were given, and then those of the system.
#[derive(Debug)]
pub(super) struct Anchors {
    trusted: Vec<CertificateDer<'static>>,
    given: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl Anchors {
    /// # Errors
    /// None of the given certificates can be used.
    pub(super) fn new(
        trusted: Vec<CertificateDer<'static>>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Anchors> {
        let mut store = RootCertStore::empty();
        let (usable, _) = store.add_parsable_certificates(trusted.iter().cloned());
        if usable == 0 && !trusted.is_empty() {
            return Err("none of the trusted certificates can be used".to_owned());
        }
        Ok(Anchors {
            trusted,
            given: chains_to(store, &provider),
            provider,
        })
    }

    fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, Error> {
        let unknown = || Err(Error::InvalidCertificate(CertificateError::UnknownIssuer));
        let verify = |verifier: &WebPkiServerVerifier| {
            verifier.verify_server_cert(end_entity, intermediates, name, ocsp_response, now)
        };
        let outcome = self.given.as_deref().map_or_else(unknown, verify);
        match outcome {
            Err(Error::InvalidCertificate(CertificateError::Other(_)))
                if self.trusted.iter().any(|trusted| trusted == end_entity) =>
            {
                // Of the checks of webpki only the one for "no authority" comes out like this, and
                // that of the dates comes before it.
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
                system(&self.provider).map_or_else(unknown, verify)
            }
            outcome => outcome,
        }
    }
}

fn chains_to(
    store: RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> Option<Arc<WebPkiServerVerifier>> {
    // Fails on an empty store only.
    WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider.clone())
        .build()
        .ok()
}

/// The certificates this system trusts, read when they are first needed.
fn system(provider: &Arc<CryptoProvider>) -> Option<&'static WebPkiServerVerifier> {
    static SYSTEM: OnceLock<Option<Arc<WebPkiServerVerifier>>> = OnceLock::new();
    let verifier = SYSTEM.get_or_init(|| {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        chains_to(store, provider)
    });
    verifier.as_deref()
}
