//! The servers of a bench: like those of the scenarios, with audit logs that tell what was asked
//! of them and by whom.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::json;

use super::audit::Log;
use crate::real::{RealOptions, RealStand};
use crate::servers::Stand as Folder;
use crate::stand::{OPERATOR, Stand as _, Wants};

/// A control plane and a Vault that write audit logs, and a fast AWS.
pub async fn start() -> Result<RealStand> {
    let folder = Folder::new("bench")?;
    let options = RealOptions {
        wants: Wants {
            audit: true,
            faults: true,
            ..Wants::default()
        },
        apiserver_flags: audit_flags(&folder)?,
        stand_in_flags: vec!["--max-users=100000"],
    };
    RealStand::start_as(options, folder).await
}

/// What the operator's ServiceAccount asks of the API server, from now on.
pub fn kube_log(stand: &RealStand) -> Log {
    Log::from_its_end(stand.folder().path("audit.log"))
}

/// What is asked of Vault, from now on.
pub fn vault_log(stand: &RealStand) -> Result<Log> {
    let dir = stand.vault.process.log_path().parent();
    let dir = dir.context("the log is in a folder")?;
    Ok(Log::from_its_end(dir.join("audit.log")))
}

/// The IAM users that Vault made: how many ever, and how many there are.
pub async fn users(stand: &RealStand) -> Result<(u64, usize)> {
    let aws = stand.stand_in()?;
    let state = aws.state().await?;
    let calls = &state["counts"]["CreateUser"];
    let count = |what: &str| calls[what].as_u64().unwrap_or_default();
    Ok((count("calls") - count("errors"), aws.users().await?.len()))
}

/// Metadata of what the operator's ServiceAccount asks, and of nothing else. Each line is written
/// before the answer is complete, so that none is missing or dropped.
fn audit_flags(folder: &Folder) -> Result<Vec<String>> {
    let account = format!("system:serviceaccount:{}:{}", OPERATOR.0, OPERATOR.1);
    let policy = json!({
        "apiVersion": "audit.k8s.io/v1", "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "omitManagedFields": true,
        "rules": [{"level": "Metadata", "users": [account]}, {"level": "None"}],
    });
    let policy = folder.write("audit-policy.json", policy.to_string())?;
    let flag = |name: &str, path: &Path| format!("--audit-{name}={}", path.display());
    Ok(vec![
        flag("policy-file", &policy),
        flag("log-path", &folder.path("audit.log")),
        // No rotation: it would move lines away from the reader.
        "--audit-log-maxsize=0".into(),
    ])
}
