//! The Vault role that a spec asks for.

use std::time::Duration;

use leasehold_api_types::AwsRoleSpec;
use leasehold_vault_client::{AwsVaultRole, go_duration};
use serde_json::Value;

use crate::{Failure, reasons};

/// The Vault role that a spec asks for.
///
/// # Errors
/// What a person must change in the spec; nothing is sent to Vault then.
pub fn desired(spec: &AwsRoleSpec) -> Result<AwsVaultRole, Failure> {
    Ok(AwsVaultRole {
        credential_type: spec.credential_type.as_str().into(),
        role_arns: spec.role_arns.clone(),
        policy_arns: spec.policy_arns.clone(),
        policy_document: policy(spec)?,
        iam_groups: spec.iam_groups.clone(),
        iam_tags: spec.iam_tags.clone(),
        session_tags: spec.session_tags.clone(),
        external_id: spec.external_id.clone().unwrap_or_default(),
        mfa_serial_number: spec.mfa_serial_number.clone().unwrap_or_default(),
        user_path: spec.user_path.clone().unwrap_or_default(),
        permissions_boundary_arn: spec.permissions_boundary_arn.clone().unwrap_or_default(),
        default_sts_ttl: ttl("defaultSTSTTL", spec.default_sts_ttl.as_deref())?,
        max_sts_ttl: ttl("maxSTSTTL", spec.max_sts_ttl.as_deref())?,
    })
}

/// Whether Vault's role says what is wanted: policies are compared as JSON, not as text.
pub fn same(wanted: &AwsVaultRole, seen: &AwsVaultRole) -> bool {
    let json = |text: &str| serde_json::from_str::<Value>(text).ok();
    let policy = wanted.policy_document == seen.policy_document
        || (!wanted.policy_document.is_empty()
            && json(&wanted.policy_document) == json(&seen.policy_document));
    // Vault shows its default path where none was written.
    let path = wanted.user_path == seen.user_path
        || (wanted.user_path.is_empty() && seen.user_path == "/");
    let rest = |role: &AwsVaultRole| AwsVaultRole {
        policy_document: String::new(),
        user_path: String::new(),
        ..role.clone()
    };
    policy && path && rest(wanted) == rest(seen)
}

fn policy(spec: &AwsRoleSpec) -> Result<String, Failure> {
    let Some(text) = spec.policy_document.as_deref() else {
        return Ok(spec
            .policy
            .as_ref()
            .map(Value::to_string)
            .unwrap_or_default());
    };
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(_)) => Ok(text.to_owned()),
        Ok(_) => Err(Failure::invalid(
            reasons::POLICY_INVALID,
            "spec.policyDocument is not a JSON object: an IAM policy looks like {\"Version\": \"2012-10-17\", \"Statement\": [...]}",
        )),
        Err(e) => Err(Failure::invalid(
            reasons::POLICY_INVALID,
            format!("spec.policyDocument is not JSON ({e}): mend it, nothing was sent to Vault"),
        )),
    }
}

fn ttl(field: &str, text: Option<&str>) -> Result<Duration, Failure> {
    let Some(text) = text else {
        return Ok(Duration::ZERO);
    };
    go_duration::parse(text).ok_or_else(|| {
        Failure::invalid(
            reasons::DURATION_INVALID,
            format!("spec.{field}: \"{text}\" is not a duration such as 1h or 90m"),
        )
    })
}
