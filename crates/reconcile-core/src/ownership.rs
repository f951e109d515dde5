//! Whose a thing in Vault is: written into it, so that what is not ours is never touched.

use std::collections::BTreeMap;
use std::fmt;

/// Who owns a mount: stands in the mount's description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Cluster name.
    pub cluster: String,
    /// Namespace of the SecretEngine.
    pub namespace: String,
    /// Name of the SecretEngine.
    pub name: String,
    /// Uid of the SecretEngine: two clusters of one name differ in it.
    pub uid: String,
}

const PREFIX: &str = "leasehold: ";

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cluster,
            namespace,
            name,
            uid,
        } = self;
        write!(
            f,
            "{PREFIX}cluster={cluster} namespace={namespace} name={name} uid={uid}"
        )
    }
}

impl Owner {
    /// Reads the owner from a mount's description; `None` if Leasehold did not write it.
    pub fn parse(description: &str) -> Option<Self> {
        let fields: BTreeMap<&str, &str> = description
            .strip_prefix(PREFIX)?
            .split_whitespace()
            .filter_map(|pair| pair.split_once('='))
            .collect();
        let field = |key: &str| fields.get(key).map(|v| (*v).to_owned());
        Some(Self {
            cluster: field("cluster")?,
            namespace: field("namespace")?,
            name: field("name")?,
            uid: field("uid")?,
        })
    }
}

/// Key of the request's uid in a keeper's meta.
pub const META_UID: &str = "uid";

/// Meta of a keeper: whose key hangs on it.
pub fn keeper_meta(
    cluster: &str,
    kind: &str,
    namespace: &str,
    name: &str,
    uid: &str,
) -> BTreeMap<String, String> {
    [
        ("cluster", cluster),
        ("kind", kind),
        ("namespace", namespace),
        ("name", name),
        (META_UID, uid),
    ]
    .into_iter()
    .map(|(k, v)| (k.to_owned(), v.to_owned()))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_read_back_from_the_description() {
        let owner = Owner {
            cluster: "-".into(),
            namespace: "demo".into(),
            name: "aws-secret-engine".into(),
            uid: "u-1".into(),
        };
        assert_eq!(Owner::parse(&owner.to_string()), Some(owner));
        assert_eq!(Owner::parse("my own mount, name=x"), None);
        assert_eq!(Owner::parse("leasehold: cluster=a"), None);
    }
}
