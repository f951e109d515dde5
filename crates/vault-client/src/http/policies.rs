//! [`Policies`] over HTTP, at `sys/policies/acl`: `vaultrs` knows the old path only.

use std::collections::BTreeMap;

use async_trait::async_trait;
use rustify_derive::Endpoint;
use serde::Deserialize;
use serde_json::Value;

use super::raw::How;
use super::{HttpVault, absent, not_found};
use crate::Policies;
use crate::error::Result;

#[derive(Endpoint)]
#[endpoint(path = "sys/policies/acl/{self.name}", method = "GET")]
struct Read {
    #[endpoint(skip)]
    name: String,
}

#[derive(Endpoint)]
#[endpoint(path = "sys/policies/acl/{self.name}", method = "POST")]
struct Write {
    #[endpoint(skip)]
    name: String,
    policy: String,
}

#[derive(Endpoint)]
#[endpoint(path = "sys/capabilities-self", method = "POST")]
struct Capabilities {
    paths: Vec<String>,
}

#[derive(Deserialize)]
struct Text {
    #[serde(default)]
    policy: Option<String>,
}

#[async_trait]
impl Policies for HttpVault {
    async fn policy(&self, name: &str) -> Result<Option<String>> {
        let endpoint = Read {
            name: name.to_owned(),
        };
        let found = absent(self.call(&endpoint, &How::idempotent()).await, not_found)?;
        let Some(answer) = found else {
            return Ok(None);
        };
        let text: Text = answer.data()?;
        Ok(Some(text.policy.unwrap_or_default()))
    }

    async fn write_policy(&self, name: &str, text: &str) -> Result<()> {
        let endpoint = Write {
            name: name.to_owned(),
            policy: text.to_owned(),
        };
        self.call(&endpoint, &How::idempotent()).await?.done()
    }

    async fn capabilities(&self, paths: &[String]) -> Result<BTreeMap<String, Vec<String>>> {
        let endpoint = Capabilities {
            paths: paths.to_vec(),
        };
        let answer = self.call(&endpoint, &How::idempotent()).await?;
        let said: BTreeMap<String, Value> = answer.data()?;
        paths
            .iter()
            .map(|path| {
                let list = said
                    .get(path)
                    .and_then(|v| Vec::<String>::deserialize(v).ok())
                    .ok_or_else(|| answer.strange("it left out a path that was asked for"))?;
                Ok((path.clone(), list))
            })
            .collect()
    }
}
