//! The policies there are, and the rules of those who have them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::acl::Acl;
use super::policy::{self, Rule};

/// A policy as it was written, and as it is understood.
#[derive(Debug)]
struct Policy {
    text: String,
    rules: Vec<Rule>,
}

/// All policies by name.
#[derive(Debug, Default)]
pub(super) struct Policies {
    by_name: BTreeMap<String, Policy>,
    /// By entity, then by names: what was made of them.
    compiled: HashMap<String, HashMap<Vec<String>, Arc<Acl>>>,
    compiled_count: usize,
}

pub(super) const ROOT: &str = "root";
pub(super) const DEFAULT: &str = "default";
pub(super) const WRAPPING: &str = "response-wrapping";
/// Nobody is given these.
pub(super) const INTERNAL: [&str; 2] = [WRAPPING, "control-group"];
/// Nobody changes these.
pub(super) const IMMUTABLE: [&str; 3] = [ROOT, WRAPPING, "control-group"];

/// More combinations than this are not remembered at once.
const MOST_COMPILED: usize = 4096;

impl Policies {
    pub(super) fn new() -> Self {
        let mut policies = Self::default();
        for (name, text) in [(DEFAULT, DEFAULT_TEXT), (WRAPPING, WRAPPING_TEXT)] {
            // The tests see to it that they can be read.
            let _ = policies.write(name, text);
        }
        policies
    }

    pub(super) fn write(&mut self, name: &str, text: &str) -> Result<(), String> {
        let rules = policy::parse(text)?;
        let policy = Policy {
            text: text.to_owned(),
            rules,
        };
        self.by_name.insert(name.to_owned(), policy);
        self.forget();
        Ok(())
    }

    pub(super) fn delete(&mut self, name: &str) {
        self.by_name.remove(name);
        self.forget();
    }

    fn forget(&mut self) {
        self.compiled.clear();
        self.compiled_count = 0;
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        if name == ROOT {
            return Some("");
        }
        self.by_name.get(name).map(|policy| policy.text.as_str())
    }

    /// The names people see.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .by_name
            .keys()
            .filter(|name| !INTERNAL.contains(&name.as_str()))
            .cloned()
            .collect();
        names.push(ROOT.to_owned());
        names.sort();
        names
    }

    /// What these policies allow to this entity.
    pub(super) fn acl(&mut self, names: &[String], entity: &str) -> Arc<Acl> {
        let known = self.compiled.get(entity).and_then(|of| of.get(names));
        if let Some(acl) = known {
            return Arc::clone(acl);
        }
        let acl = Arc::new(self.compile(names, entity));
        if self.compiled_count >= MOST_COMPILED {
            self.forget();
        }
        self.compiled_count += 1;
        self.compiled
            .entry(entity.to_owned())
            .or_default()
            .insert(names.to_vec(), Arc::clone(&acl));
        acl
    }

    fn compile(&self, names: &[String], entity: &str) -> Acl {
        if names.iter().any(|name| name == ROOT) {
            return Acl::root();
        }
        let rules: Vec<Rule> = names
            .iter()
            .filter_map(|name| self.by_name.get(name))
            .flat_map(|policy| &policy.rules)
            .filter_map(|rule| fill(rule, entity))
            .collect();
        Acl::of(&rules)
    }
}

/// A rule with its entity filled in; none if it asks for what is not known.
fn fill(rule: &Rule, entity: &str) -> Option<Rule> {
    let mut rule = rule.clone();
    if rule.path.contains("{{") {
        if entity.is_empty() {
            return None;
        }
        rule.path = rule.path.replace("{{identity.entity.id}}", entity);
        if rule.path.contains("{{") {
            return None;
        }
    }
    Some(rule)
}

/// Sorted, in lower case, each once.
pub(super) fn sanitize(names: &[String], adds_default: bool) -> Vec<String> {
    let mut names: Vec<String> = names
        .iter()
        .map(|name| name.trim().to_lowercase())
        .filter(|name| !name.is_empty())
        .collect();
    if names.iter().any(|name| name == ROOT) {
        return vec![ROOT.to_owned()];
    }
    if adds_default {
        names.push(DEFAULT.to_owned());
    }
    names.sort();
    names.dedup();
    names
}

const WRAPPING_TEXT: &str = r#"
path "cubbyhole/response" { capabilities = ["create", "read"] }
path "sys/wrapping/unwrap" { capabilities = ["update"] }
"#;

/// Grants what the one of Vault grants.
const DEFAULT_TEXT: &str = r#"
# What every token may do: look after itself.
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self" { capabilities = ["update"] }
path "auth/token/revoke-self" { capabilities = ["update"] }
path "sys/capabilities-self" { capabilities = ["update"] }
path "sys/internal/ui/resultant-acl" { capabilities = ["read"] }

# Its own entity.
path "identity/entity/id/{{identity.entity.id}}" { capabilities = ["read"] }
path "identity/entity/name/{{identity.entity.name}}" { capabilities = ["read"] }

# Leases whose id it knows, by the old path and the new one.
path "sys/renew" { capabilities = ["update"] }
path "sys/leases/renew" { capabilities = ["update"] }
path "sys/leases/lookup" { capabilities = ["update"] }

# Its own cubbyhole, and what is wrapped.
path "cubbyhole/*" { capabilities = ["create", "read", "update", "delete", "list"] }
path "sys/wrapping/wrap" { capabilities = ["update"] }
path "sys/wrapping/lookup" { capabilities = ["update"] }
path "sys/wrapping/unwrap" { capabilities = ["update"] }

path "sys/tools/hash" { capabilities = ["update"] }
path "sys/tools/hash/*" { capabilities = ["update"] }
path "sys/control-group/request" { capabilities = ["update"] }
path "identity/oidc/provider/+/authorize" { capabilities = ["read", "update"] }
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_policies_can_be_read() {
        let policies = Policies::new();
        assert!(policies.text(DEFAULT).is_some() && policies.text(WRAPPING).is_some());
    }

    #[test]
    fn an_entity_reads_itself_and_nobody_else() {
        let mut policies = Policies::new();
        let names = vec![DEFAULT.to_owned()];
        let read = |acl: &Acl, path| acl.capabilities(path) == ["read"];
        let acl = policies.acl(&names, "e1");
        assert!(read(&acl, "identity/entity/id/e1"));
        assert!(!read(&acl, "identity/entity/id/e2"));
        let nobody = policies.acl(&names, "");
        assert!(!read(&nobody, "identity/entity/id/"));
    }
}
