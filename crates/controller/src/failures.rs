//! Failures of Vault and of the API server, in the core's words: translated once, here.

use leasehold_reconcile_core::{Failure, FailureClass, Known, reasons, settings::KEEPER_POLICY};
use leasehold_vault_client::{ErrorKind, MountPath, VaultError};

use crate::sessions::Session;

/// A failed call to the Vault behind that AppBinding.
pub fn vault(error: &VaultError, at: &str) -> Failure {
    let words = as_each_time(&error.to_string());
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
                "Vault does not answer: {words}. Check the address in AppBinding {at}, and that Vault runs"
            ),
        ),
        ErrorKind::Tls => (
            FailureClass::Denied,
            reasons::VAULT_CERTIFICATE,
            format!(
                "Vault's certificate is not accepted: {words}. Check caBundle and serverName in AppBinding {at}"
            ),
        ),
        _ => (
            FailureClass::Transient,
            reasons::VAULT_UNEXPECTED,
            format!(
                "{words}. If no Vault listens at the address in AppBinding {at}, correct it; else Vault's log says why"
            ),
        ),
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

/// A failed creds read under a keeper.
pub fn issue_under_keeper(error: &VaultError, mount: &MountPath, at: &str) -> Failure {
    match error.kind {
        ErrorKind::Denied | ErrorKind::Unauthenticated => keeper_refused(
            mount,
            &format!("the keeper token may not read the keys ({error})"),
        ),
        _ => issue(error, at),
    }
}

/// A failed creds read, in AWS's or Vault's own words.
pub fn issue(error: &VaultError, at: &str) -> Failure {
    match error.kind {
        ErrorKind::Invalid => Failure::new(
            FailureClass::Denied,
            reasons::ISSUE_FAILED,
            as_each_time(&error.to_string()),
        ),
        _ if answered(error) => vault(error, at),
        _ => Failure::transient(
            reasons::ISSUE_UNANSWERED,
            format!(
                "Vault did not answer in time; a key that may have been made is ended: {}",
                as_each_time(&error.to_string())
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

/// What is said again when the same is refused again: each refusal of AWS has another id, and names
/// another user where Vault was about to make one. Kept, every retry would be a status write.
fn as_each_time(words: &str) -> String {
    without_user_names(&without_request_ids(words))
}

fn without_user_names(words: &str) -> String {
    let mut on_resource = false;
    let words = words.split(' ').map(|word| {
        let is_resource = std::mem::replace(&mut on_resource, word == "resource:");
        match (without_tail(word), word.rsplit_once('/')) {
            (Some(kept), _) => kept,
            // Named by a template of somebody's own.
            (None, Some((path, _))) if is_resource && path.contains(":user") => {
                format!("{path}/*")
            }
            (None, _) => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Without the time and the random letters at the end of the names that Vault gives:
/// `vault-token-demo-app-1700000000-aBcDeF`.
fn without_tail(word: &str) -> Option<String> {
    const SECONDS: usize = 10;
    let starts = word.match_indices('-').map(|(at, _)| at);
    let at = starts.into_iter().find(|at| {
        let (digits, rest) = word[at + 1..].split_at_checked(SECONDS).unwrap_or_default();
        digits.len() == SECONDS
            && digits.bytes().all(|b| b.is_ascii_digit())
            && rest.starts_with('-')
    })?;
    let random = &word[at + SECONDS + 2..];
    let end = random
        .find(|c: char| !c.is_ascii_alphanumeric())
        .unwrap_or(random.len());
    Some(format!("{}-*{}", &word[..at], &random[end..]))
}

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
    fn what_is_refused_again_is_said_in_the_same_words() {
        let said = |user: &str, id: &str| {
            as_each_time(&format!(
                "GET aws/creds/r: 400: AccessDenied: User: arn:aws:iam::1:user/vault-root is not authorized to perform: iam:CreateUser on resource: arn:aws:iam::1:user/{user} because no identity-based policy allows the iam:CreateUser action status code: 403, request id: {id}"
            ))
        };
        let first = said(
            "vault-token-demo-app-k8s.-.demo.r-1700000000-aBcDeFgHiJ",
            "7a62c49f",
        );
        let second = said(
            "vault-token-demo-app-k8s.-.demo.r-1700000031-kLmNoPqRsT",
            "1b2c3d4e",
        );
        assert_eq!(first, second);
        assert!(
            first.contains("user/vault-token-demo-app-k8s.-.demo.r-* because"),
            "{first}"
        );
        assert!(first.contains(":user/vault-root is not"), "{first}");
        let own = said("team/x8h3k", "7a62c49f");
        assert_eq!(own, said("team/qqq41", "1b2c3d4e"));
        assert!(own.contains("arn:aws:iam::1:user/team/* because"), "{own}");
        for kept in [
            "a-1234567890",
            "arn:aws:iam::123456789012:role/a-b",
            "ü-1700000000é",
        ] {
            assert_eq!(as_each_time(kept), kept);
        }
    }

    #[test]
    fn an_answer_that_is_no_vaults_names_the_app_binding() {
        let error = VaultError {
            status: Some(200),
            ..VaultError::new(
                ErrorKind::Unexpected,
                "GET",
                "sys/health",
                "did not answer as a Vault does",
            )
        };
        let failure = vault(&error, "demo/vault");
        assert_eq!(failure.reason, reasons::VAULT_UNEXPECTED);
        for words in ["GET sys/health", "AppBinding demo/vault", "correct it"] {
            assert!(failure.message.contains(words), "{}", failure.message);
        }
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
        let failure = vault(&error, "demo/vault");
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
        let of_login = issue(&error, "demo/vault");
        assert_eq!(of_login.reason, reasons::VAULT_DENIED);
        assert!(
            of_login
                .message
                .contains("path \"aws/sts/k8s.-.demo.role\"")
        );
        let of_keeper = issue_under_keeper(&error, &mount, "demo/vault");
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
