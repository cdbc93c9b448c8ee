//! Identification by what the owner answers, asked at each handshake.

use std::sync::Arc;

use async_nats::{Auth, AuthError, ConnectOptions};
use futures_util::future::BoxFuture;
use nkeys::KeyPair;

use super::server::ServerEntry;

/// What there is to identify with. Empty: nothing.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Identity {
    pub user: Option<String>,
    pub password: Option<String>,
    pub token: Option<String>,
    /// A public key.
    pub nkey: Option<String>,
    pub jwt: Option<String>,
    /// The signature of the server's nonce, as bytes.
    pub signature: Option<Vec<u8>>,
    /// Signs the nonce; without `jwt` and `nkey` it also says who signs.
    pub seed: Option<String>,
}

/// Asked at each handshake with a server, with its nonce. `None` if there is no usable answer: the attempt fails.
pub type AskIdentity =
    Arc<dyn Fn((ServerEntry, String)) -> BoxFuture<'static, Option<Identity>> + Send + Sync>;

const NO_ANSWER: &str = "-auth_callback has no usable answer";

/// Options of a handshake in which the owner is asked; `otherwise` is what counts if the answer is empty.
pub(super) fn options<F>(
    ask: AskIdentity,
    server: ServerEntry,
    otherwise: impl Fn() -> F + Send + Sync + 'static,
) -> ConnectOptions
where
    F: std::future::Future<Output = Result<Identity, String>> + Send + 'static,
{
    ConnectOptions::with_auth_callback(move |nonce| {
        let asked = ask((server.clone(), String::from_utf8_lossy(&nonce).into_owned()));
        let otherwise = otherwise();
        let answer = async move {
            let mut identity = asked.await.ok_or(NO_ANSWER)?;
            if identity == Identity::default() {
                identity = otherwise.await?;
            }
            proof(identity, &nonce)
        };
        // As a task it can be shared between threads, which async-nats wants and the futures above are not.
        let answer = tokio::spawn(answer);
        async move {
            let answer = answer.await.unwrap_or_else(|_| Err(NO_ANSWER.to_owned()));
            answer.map_err(AuthError::new)
        }
    })
}

fn proof(identity: Identity, nonce: &[u8]) -> Result<Auth, String> {
    let mut auth = Auth::new();
    auth.username = identity.user;
    auth.password = identity.password;
    auth.token = identity.token;
    auth.nkey = identity.nkey;
    auth.jwt = identity.jwt;
    auth.signature = identity.signature;
    if let Some(seed) = identity.seed {
        // What is wrong with a seed must not tell of it.
        let signs = |_| "the seed cannot be used".to_owned();
        let pair = KeyPair::from_seed(&seed).map_err(signs)?;
        auth.signature = Some(pair.sign(nonce).map_err(signs)?);
        if auth.jwt.is_none() && auth.nkey.is_none() {
            auth.nkey = Some(pair.public_key());
        }
    }
    Ok(auth)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: &str = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";

    #[test]
    fn a_seed_signs() {
        let identity = Identity {
            seed: Some(SEED.into()),
            ..Identity::default()
        };
        let pair = KeyPair::from_seed(SEED).unwrap();
        let auth = proof(identity.clone(), b"nonce").unwrap();
        assert_eq!(auth.nkey, Some(pair.public_key()));
        assert!(pair.verify(b"nonce", &auth.signature.unwrap()).is_ok());
        let with_jwt = Identity {
            jwt: Some("jwt".into()),
            ..identity
        };
        let auth = proof(with_jwt, b"nonce").unwrap();
        assert_eq!((auth.nkey, auth.jwt.as_deref()), (None, Some("jwt")));
        let wrong = Identity {
            seed: Some("SUA".into()),
            ..Identity::default()
        };
        let refused = proof(wrong, b"").err();
        assert_eq!(refused.as_deref(), Some("the seed cannot be used"));
    }
}
