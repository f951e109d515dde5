//! Failures of Vault and of the API server, in the core's words: translated once, here.

use leasehold_reconcile_core::{Failure, FailureClass, Known, reasons, settings::KEEPER_POLICY};
use leasehold_vault_client::{ErrorKind, MountPath, VaultError};

use crate::sessions::Session;

/// A failed call to Vault.
pub fn vault(error: &VaultError) -> Failure {
    let words = without_request_ids(&error.to_string());
    let (class, reason, message) = match error.kind {
        ErrorKind::Unauthenticated => (
            FailureClass::Unauthenticated,
            reasons::LOGIN_REFUSED,
            format!("Vault no longer knows the operator's login: {words}"),
        ),
        ErrorKind::Login => (
            FailureClass::Denied,
            reasons::LOGIN_REFUSED,
            format!("the operator cannot log in to Vault: {words}"),
        ),
        ErrorKind::Denied => (
            FailureClass::Denied,
            reasons::VAULT_DENIED,
            format!(
                "Vault's policies do not let the operator do this: {words}. Add to its policy: path \"{}\" {{ capabilities = [{}] }}",
                error.path,
                capabilities(error.op)
            ),
        ),
        ErrorKind::Invalid => (FailureClass::Invalid, reasons::VAULT_REFUSED, words),
        ErrorKind::NotFound => (FailureClass::Transient, reasons::VAULT_REFUSED, words),
        ErrorKind::NoMount => (
            FailureClass::Transient,
            reasons::MOUNT_MISSING,
            format!(
                "nothing is mounted there in Vault: create a SecretEngine with that spec.path ({words})"
            ),
        ),
        ErrorKind::Sealed => (
            FailureClass::Transient,
            reasons::VAULT_SEALED,
            format!("Vault is sealed or has no active node: unseal it ({words})"),
        ),
        ErrorKind::RateLimited => (FailureClass::Transient, reasons::VAULT_THROTTLED, words),
        ErrorKind::Unreachable | ErrorKind::Timeout => (
            FailureClass::Transient,
            reasons::VAULT_UNREACHABLE,
            format!(
                "Vault does not answer: {words}. Check the address in the AppBinding, and that Vault runs"
            ),
        ),
        ErrorKind::Tls => (
            FailureClass::Denied,
            reasons::VAULT_CERTIFICATE,
            format!(
                "Vault's certificate is not accepted: {words}. Check caBundle and serverName in the AppBinding"
            ),
        ),
        _ => (FailureClass::Transient, reasons::VAULT_UNEXPECTED, words),
    };
    Failure::new(class, reason, message)
}

/// The login a drive looked through, for its actions.
pub fn held(session: &Known<Session>) -> Result<&Session, Failure> {
    match session {
        Known::Is(session) => Ok(session),
        Known::Absent => Err(Failure::transient(
            reasons::APP_BINDING_NOT_FOUND,
            "there is no AppBinding and no login to Vault any more",
        )),
        Known::Unknown(failure) => Err(failure.clone()),
    }
}

/// A failed creds read, in AWS's or Vault's own words. Keys of STS are read under the login itself.
pub fn issue(error: &VaultError, mount: &MountPath, under_keeper: bool) -> Failure {
    match error.kind {
        ErrorKind::Denied | ErrorKind::Unauthenticated if under_keeper => keeper_refused(
            mount,
            &format!("the keeper token may not read the keys ({error})"),
        ),
        ErrorKind::Invalid => Failure::new(
            FailureClass::Denied,
            reasons::ISSUE_FAILED,
            without_request_ids(&error.to_string()),
        ),
        _ if answered(error) => vault(error),
        _ => Failure::transient(
            reasons::ISSUE_UNANSWERED,
            format!(
                "Vault did not answer in time; a key that may have been made is ended: {}",
                without_request_ids(&error.to_string())
            ),
        ),
    }
}

/// Whether Vault answered a creds read, so that nothing of it is still running there. A proxy's
/// 5xx proves nothing.
pub fn answered(error: &VaultError) -> bool {
    error
        .status
        .is_some_and(|status| (400..500).contains(&status))
}

/// The login may not open keepers, or these may not read keys.
pub fn keeper_refused(mount: &MountPath, why: &str) -> Failure {
    Failure::new(
        FailureClass::Denied,
        reasons::KEEPER_REFUSED,
        format!(
            "no key is issued without a keeper token to end it by: {why}. Write the policy once: vault policy write {KEEPER_POLICY} - with: path \"{mount}/creds/k8s.*\" {{ capabilities = [\"read\"] }} ; and let the operator's login hold {KEEPER_POLICY} and have: path \"auth/token/create-orphan\" {{ capabilities = [\"create\", \"update\"] }}"
        ),
    )
}

/// A failed call to the API server.
pub fn kubernetes(error: &kube::Error) -> Failure {
    if is_stale(error) {
        return Failure::new(
            FailureClass::Conflict,
            reasons::KUBERNETES,
            "the object changed meanwhile; looking again",
        );
    }
    match error {
        kube::Error::Api(status) => {
            let class = match status.code {
                401 | 403 => FailureClass::Denied,
                400 | 405..=422 => FailureClass::Invalid,
                _ => FailureClass::Transient,
            };
            let message = format!("the API server answers {}: {}", status.code, status.message);
            Failure::new(class, reasons::KUBERNETES, message)
        }
        // Other errors may hold a response body: their kind is enough.
        kube::Error::Service(_) | kube::Error::HyperError(_) => {
            Failure::transient(reasons::KUBERNETES, "the API server does not answer")
        }
        _ => Failure::transient(
            reasons::KUBERNETES,
            "the API server did not answer as expected",
        ),
    }
}

/// Whether a write met a newer version of the object, or none at all.
pub fn is_stale(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(s) if s.is_conflict() || s.is_not_found())
}

// AWS puts a new id into each refusal: kept, every retry would be a status write.
fn without_request_ids(words: &str) -> String {
    let mut kept = Vec::new();
    let mut skip = false;
    for word in words.split(' ') {
        if std::mem::take(&mut skip) {
            continue;
        }
        let lower = word.to_ascii_lowercase();
        if lower == "id:"
            && kept
                .last()
                .is_some_and(|w: &&str| w.eq_ignore_ascii_case("request"))
        {
            kept.pop();
            skip = true;
            continue;
        }
        if lower == "requestid:" {
            skip = true;
            continue;
        }
        kept.push(word);
    }
    kept.join(" ").trim_end_matches(',').to_owned()
}

fn capabilities(op: &str) -> &'static str {
    match op {
        "GET" => "\"read\"",
        "LIST" => "\"list\"",
        "DELETE" => "\"delete\"",
        _ => "\"create\", \"update\"",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aws_words_are_kept_and_its_request_ids_are_not() {
        let words = "GET aws/creds/r: 400: Error creating IAM user: AccessDenied: User: arn:aws:iam::1:user/v is not authorized to perform: iam:CreateUser status code: 403, request id: 7a62c49f-347e-4fc4-9331-6e8eEXAMPLE";
        let kept = without_request_ids(words);
        assert!(kept.ends_with("iam:CreateUser status code: 403"), "{kept}");
    }

    #[test]
    fn a_denial_names_the_policy_line_that_is_missing() {
        let error = VaultError {
            status: Some(403),
            ..VaultError::new(
                ErrorKind::Denied,
                "POST",
                "sys/mounts/aws",
                "permission denied",
            )
        };
        let failure = vault(&error);
        assert_eq!(failure.reason, reasons::VAULT_DENIED);
        assert!(
            failure
                .message
                .contains("path \"sys/mounts/aws\" { capabilities = [\"create\", \"update\"] }"),
            "{}",
            failure.message
        );
    }

    #[test]
    fn a_refused_read_names_the_line_of_whoever_read() {
        let path = "aws/sts/k8s.-.demo.role";
        let error = VaultError {
            status: Some(403),
            ..VaultError::new(ErrorKind::Denied, "GET", path, "permission denied")
        };
        let mount = MountPath("aws".into());
        let of_login = issue(&error, &mount, false);
        assert_eq!(of_login.reason, reasons::VAULT_DENIED);
        assert!(
            of_login
                .message
                .contains("path \"aws/sts/k8s.-.demo.role\"")
        );
        let of_keeper = issue(&error, &mount, true);
        assert_eq!(of_keeper.reason, reasons::KEEPER_REFUSED);
    }

    #[test]
    fn only_vaults_own_refusal_is_an_answer_to_a_read() {
        let with = |status| VaultError {
            status,
            ..VaultError::new(ErrorKind::Unexpected, "GET", "aws/creds/r", "x")
        };
        assert!(answered(&with(Some(400))));
        for unproven in [Some(502), Some(504), Some(500), None] {
            assert!(!answered(&with(unproven)), "{unproven:?}");
        }
    }
}
