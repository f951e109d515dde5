//! Names that are derived: in Vault, in Kubernetes, in AWS.

use leasehold_vault_client::RoleName;

/// A Kubernetes name is at most this long.
const NAME_LIMIT: usize = 253;
/// What IAM takes as a policy name; Vault uses the role's name as that.
pub const IAM_POLICY_NAME_LIMIT: usize = 128;

/// Name of an AWSRole in Vault: `k8s.{cluster}.{namespace}.{name}`, KubeVault's contract.
pub fn vault_role(cluster: &str, namespace: &str, name: &str) -> RoleName {
    RoleName(format!("k8s.{cluster}.{namespace}.{name}"))
}

/// Name of a request's Secret: `{request}-{six of [a-z0-9]}`, the six from the request's uid, so
/// that it is found again after a crash.
pub fn secret(request: &str, uid: &str) -> String {
    cut_to(request, &format!("-{}", six(uid)))
}

/// Name of the Role and RoleBinding that let the subjects read a Secret.
pub fn reader(secret: &str) -> String {
    cut_to(secret, "-reader")
}

/// Display name of a keeper: `{namespace}-{request}`. It becomes part of the IAM user's name, of
/// which Vault keeps 64 characters.
pub fn keeper_display_name(namespace: &str, request: &str) -> String {
    format!("{namespace}-{request}").chars().take(64).collect()
}

/// `stem` + `suffix`, cut with a hash of the whole where that would be too long: never two alike.
fn cut_to(stem: &str, suffix: &str) -> String {
    if stem.len() + suffix.len() <= NAME_LIMIT {
        return format!("{stem}{suffix}");
    }
    let hash = format!("-{:016x}", fnv(stem.as_bytes()));
    let keep = NAME_LIMIT - hash.len() - suffix.len();
    let head: String = stem.chars().take(keep).collect();
    format!("{}{hash}{suffix}", head.trim_end_matches(['-', '.']))
}

/// Six characters of [a-z0-9] that stand for a uid.
fn six(uid: &str) -> String {
    const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut rest = fnv(uid.as_bytes());
    (0..6)
        .map(|_| {
            let letter = ALPHABET[usize::try_from(rest % 36).unwrap_or_default()];
            rest /= 36;
            char::from(letter)
        })
        .collect()
}

/// A number between 0 and 1 that stands for a uid: spreads what would else happen all at once.
pub fn spread(uid: &str) -> f64 {
    (fnv(uid.as_bytes()) >> 11) as f64 / (1u64 << 53) as f64
}

/// FNV-1a with a final mix, so that near uids lie far apart.
fn fnv(bytes: &[u8]) -> u64 {
    let mut h = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
        (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3)
    });
    h ^= h >> 32;
    h = h.wrapping_mul(0xd6e8_feb8_6659_fd93);
    h ^ (h >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vault_role_is_named_as_kubevault_names_it() {
        assert_eq!(
            vault_role("-", "demo", "aws-role").as_str(),
            "k8s.-.demo.aws-role"
        );
    }

    #[test]
    fn a_secret_is_named_after_its_request_with_six_characters() {
        let name = secret("aws-cred-rqst", "6a9d1c5e-0000-4000-8000-000000000001");
        let six = name.strip_prefix("aws-cred-rqst-").unwrap();
        assert_eq!(six.len(), 6);
        assert!(
            six.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        );
        assert_eq!(
            name,
            secret("aws-cred-rqst", "6a9d1c5e-0000-4000-8000-000000000001")
        );
    }

    #[test]
    fn names_at_the_limit_are_cut_and_never_alike() {
        let long = "a".repeat(253);
        let other = format!("{}b", "a".repeat(252));
        for name in [secret(&long, "u"), reader(&secret(&long, "u"))] {
            assert!(name.len() <= 253, "{}", name.len());
        }
        assert_ne!(secret(&long, "u"), secret(&other, "u"));
        assert_ne!(reader(&long), reader(&other));
    }
}
