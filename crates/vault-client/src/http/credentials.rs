//! [`Credentials`] over HTTP.

use async_trait::async_trait;
use rustify_derive::Endpoint;
use serde::Deserialize;

use super::raw::How;
use super::wire::{Answer, seconds, secret};
use super::{HttpVault, trimmed};
use crate::error::{ErrorKind, Result};
use crate::{Credentials, IssueRequest, IssuedCredential, LeaseId, Redacted};

/// Not `vaultrs`' own: that puts `ttl` and `role_arn` where a read ignores them.
#[derive(Endpoint)]
#[endpoint(path = "{self.mount}/{self.kind}/{self.role}", method = "GET")]
struct Read {
    #[endpoint(skip)]
    mount: String,
    #[endpoint(skip)]
    kind: &'static str,
    #[endpoint(skip)]
    role: String,
    #[endpoint(query)]
    role_arn: Option<String>,
    #[endpoint(query)]
    ttl: Option<String>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default, deserialize_with = "secret")]
    access_key: Option<Redacted>,
    #[serde(default, deserialize_with = "secret")]
    secret_key: Option<Redacted>,
    #[serde(default, deserialize_with = "secret")]
    session_token: Option<Redacted>,
    #[serde(default, deserialize_with = "secret")]
    security_token: Option<Redacted>,
    #[serde(default)]
    ttl: Option<i64>,
}

#[async_trait]
impl Credentials for HttpVault {
    async fn issue(
        &self,
        request: &IssueRequest,
        under: Option<&Redacted>,
    ) -> Result<IssuedCredential> {
        let endpoint = Read {
            mount: trimmed(request.mount.as_str()),
            kind: if request.use_sts { "sts" } else { "creds" },
            role: request.role.to_string(),
            role_arn: request.role_arn.clone(),
            ttl: request.ttl.map(|ttl| format!("{}s", ttl.as_secs())),
        };
        let how = How::once().slow();
        let answer = if let Some(keeper) = under {
            self.raw.call(&endpoint, Some(keeper), &how).await?
        } else {
            let live = self.session.live().await?;
            let answer = self.raw.call(&endpoint, Some(&live.token), &how).await;
            if matches!(&answer, Err(e) if e.kind == ErrorKind::Unauthenticated) {
                self.session.forget(&live);
            }
            answer?
        };
        issued(&answer)
    }
}

fn issued(answer: &Answer) -> Result<IssuedCredential> {
    let envelope = answer.envelope::<Data>()?;
    let data = envelope
        .data
        .ok_or_else(|| answer.strange("it sent no credentials"))?;
    let lease = envelope.lease_duration.filter(|s| *s > 0).or(data.ttl);
    Ok(IssuedCredential {
        lease_id: envelope.lease_id.filter(|id| !id.is_empty()).map(LeaseId),
        lease_duration: seconds(lease),
        renewable: envelope.renewable.unwrap_or_default(),
        access_key: data
            .access_key
            .ok_or_else(|| answer.strange("it sent no access key"))?,
        secret_key: data
            .secret_key
            .ok_or_else(|| answer.strange("it sent no secret key"))?,
        session_token: data.session_token.or(data.security_token),
        warnings: envelope.warnings.unwrap_or_default(),
    })
}
