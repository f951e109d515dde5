//! [`Tokens`] over HTTP.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use rustify_derive::Endpoint;
use serde::{Deserialize, Serialize};
use vaultrs::api::token::requests::{
    LookupTokenAccessorRequest, RenewTokenAccessorRequest, RevokeTokenAccessorRequest,
};

use super::raw::How;
use super::wire::seconds;
use super::{HttpVault, absent};
use crate::error::{Result, VaultError};
use crate::{Accessor, Keeper, KeeperRequest, TokenInfo, Tokens};

/// `auth/token/create-orphan`, or a token role's path: one body for both.
#[derive(Endpoint, Serialize)]
#[endpoint(path = "auth/token/{self.at}", method = "POST")]
struct Create {
    #[endpoint(skip)]
    #[serde(skip)]
    at: String,
    policies: Vec<String>,
    no_default_policy: bool,
    ttl: String,
    display_name: String,
    meta: BTreeMap<String, String>,
    renewable: bool,
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Deserialize)]
struct Looked {
    #[serde(default)]
    accessor: Option<String>,
    #[serde(default)]
    meta: Option<BTreeMap<String, String>>,
    #[serde(default)]
    ttl: Option<i64>,
    #[serde(default)]
    renewable: Option<bool>,
    #[serde(default)]
    orphan: Option<bool>,
    #[serde(default)]
    policies: Option<Vec<String>>,
    #[serde(default, rename = "type")]
    kind: Option<String>,
}

/// Whatever the status: it differs between versions.
fn unknown(error: &VaultError) -> bool {
    error.says("invalid accessor")
}

#[async_trait]
impl Tokens for HttpVault {
    async fn open_keeper(&self, request: &KeeperRequest) -> Result<Keeper> {
        let endpoint = Create {
            at: match &request.token_role {
                Some(role) => format!("create/{role}"),
                None => "create-orphan".to_owned(),
            },
            policies: vec![request.policy.clone()],
            no_default_policy: true,
            ttl: format!("{}s", request.ttl.as_secs()),
            display_name: request.display_name.clone(),
            meta: request.meta.clone(),
            renewable: true,
            kind: "service",
        };
        let answer = self.call(&endpoint, &How::unsent()).await?;
        let auth = answer.auth()?;
        Ok(Keeper {
            token: auth
                .client_token
                .ok_or_else(|| answer.strange("it sent no token"))?,
            accessor: auth
                .accessor
                .filter(|a| !a.is_empty())
                .map(Accessor)
                .ok_or_else(|| answer.strange("it sent no accessor"))?,
            ttl: seconds(auth.lease_duration),
            orphan: auth.orphan.unwrap_or_default(),
            renewable: auth.renewable.unwrap_or_default(),
            policies: auth.policies.unwrap_or_default(),
        })
    }

    async fn lookup_accessor(&self, accessor: &Accessor) -> Result<Option<TokenInfo>> {
        let endpoint = LookupTokenAccessorRequest {
            accessor: accessor.to_string(),
        };
        let found = absent(self.call(&endpoint, &How::idempotent()).await, unknown)?;
        let Some(answer) = found else {
            return Ok(None);
        };
        let looked: Looked = answer.data()?;
        Ok(Some(TokenInfo {
            accessor: looked.accessor.unwrap_or_default(),
            meta: looked.meta.unwrap_or_default(),
            ttl: seconds(looked.ttl),
            renewable: looked.renewable.unwrap_or_default(),
            orphan: looked.orphan.unwrap_or_default(),
            policies: looked.policies.unwrap_or_default(),
            kind: looked.kind.unwrap_or_default(),
        }))
    }

    async fn revoke_accessor(&self, accessor: &Accessor) -> Result<()> {
        let endpoint = RevokeTokenAccessorRequest {
            accessor: accessor.to_string(),
        };
        // Gone is what was wanted; newer Vaults say so with a warning only.
        match absent(self.call(&endpoint, &How::idempotent()).await, unknown)? {
            Some(answer) => answer.done(),
            None => Ok(()),
        }
    }

    async fn renew_accessor(&self, accessor: &Accessor, increment: Duration) -> Result<Duration> {
        let endpoint = RenewTokenAccessorRequest {
            accessor: accessor.to_string(),
            increment: Some(format!("{}s", increment.as_secs())),
        };
        let auth = self.call(&endpoint, &How::idempotent()).await?.auth()?;
        Ok(seconds(auth.lease_duration))
    }
}
