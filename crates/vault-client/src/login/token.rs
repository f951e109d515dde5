//! A token that somebody else made.

use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde::de::IgnoredAny;
use vaultrs::api::token::requests::LookupTokenSelfRequest;

use super::{Login, LoginToken, RawVault};
use crate::Redacted;
use crate::error::{ErrorKind, Result, VaultError};
use crate::http::raw::{How, login_error};

/// Uses a given token, after asking Vault what it is.
#[derive(Debug)]
pub struct TokenLogin {
    token: Redacted,
}

impl TokenLogin {
    /// Uses `token`.
    pub fn new(token: Redacted) -> Self {
        Self { token }
    }
}

#[derive(Deserialize)]
struct Looked {
    #[serde(default)]
    accessor: Option<String>,
    #[serde(default)]
    ttl: Option<u64>,
    #[serde(default)]
    renewable: Option<bool>,
    #[serde(default)]
    expire_time: Option<IgnoredAny>,
}

#[async_trait]
impl Login for TokenLogin {
    async fn login(&self, raw: &RawVault) -> Result<LoginToken> {
        let endpoint = LookupTokenSelfRequest {};
        let malformed = |words: &str| {
            Err(VaultError::new(
                ErrorKind::Login,
                "login",
                "auth/token/lookup-self",
                words,
            ))
        };
        if self.token.is_empty() {
            return malformed("the login Secret holds an empty token");
        }
        if !self.token.expose().bytes().all(|b| b.is_ascii_graphic()) {
            return malformed(
                "the token in the login Secret holds spaces, line ends or characters that no \
                 token has",
            );
        }
        let answer = raw
            .call(&endpoint, Some(&self.token), &How::idempotent())
            .await
            .map_err(|error| {
                let what = match error.kind {
                    ErrorKind::Unauthenticated => "is not valid in this Vault",
                    ErrorKind::Denied => {
                        "may not look itself up in this Vault: add to its policy path \"auth/token/lookup-self\" { capabilities = [\"read\"] }"
                    }
                    _ => return login_error(error),
                };
                let mut error = login_error(error);
                for word in &mut error.words {
                    *word = format!("the token in the login Secret {what}: {word}");
                }
                error
            })?;
        let looked: Looked = answer.data()?;
        Ok(LoginToken {
            token: self.token.clone(),
            // A root token has neither end nor ttl; one in its last second has an end and ttl 0.
            ttl: looked
                .ttl
                .filter(|s| *s > 0 || looked.expire_time.is_some())
                .map(Duration::from_secs),
            renewable: looked.renewable.unwrap_or_default(),
            accessor: looked.accessor.unwrap_or_default().into(),
        })
    }
}
