//! What tests see of the account without being part of it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::account::{Account, Policies};
use super::{Aws, Count};

impl Aws {
    /// Everything but secrets: users with their keys, groups, roles, how many
    /// sessions, and counts by action.
    pub fn state(&self) -> Value {
        let account = &self.account;
        let users = account.users.values().map(|user| {
            let keys = user.keys.iter().filter_map(|id| {
                let key = account.keys.get(id)?;
                Some(json!({
                    "id": id,
                    "active": key.is_active,
                    "created": key.created.to_string(),
                }))
            });
            let mut value = json!({
                "path": user.path,
                "created": user.created.to_string(),
                "keys": keys.collect::<Vec<_>>(),
                "groups": user.groups,
                "tags": user.tags,
                "boundary": user.boundary,
            });
            add_policies(&mut value, &user.own);
            (user.name.clone(), value)
        });
        let groups = account.groups.values().map(|group| {
            let mut value = json!({"path": group.path});
            add_policies(&mut value, &group.own);
            (group.name.clone(), value)
        });
        let roles = account.roles.values().map(|role| {
            let mut value = json!({
                "path": role.path,
                "maxSessionDuration": role.max_session_duration,
            });
            add_policies(&mut value, &role.own);
            (role.name.clone(), value)
        });
        json!({
            "account": account.id,
            "users": users.collect::<serde_json::Map<_, _>>(),
            "groups": groups.collect::<serde_json::Map<_, _>>(),
            "roles": roles.collect::<serde_json::Map<_, _>>(),
            "policies": own_policies(account),
            "sessions": account.sessions.len(),
            "counts": self.counts(),
        })
    }

    /// How often each action was called; those the stand-in does not know are
    /// under `""`.
    pub fn counts(&self) -> &BTreeMap<&'static str, Count> {
        &self.counts
    }

    /// How many users there are: for figures.
    pub fn user_count(&self) -> usize {
        self.account.users.len()
    }
}

fn add_policies(value: &mut Value, own: &Policies) {
    value["policies"] = json!(own.inline.keys().collect::<Vec<_>>());
    value["attached"] = json!(own.attached);
}

fn own_policies(account: &Account) -> Vec<&String> {
    account
        .policies
        .keys()
        .filter(|arn| !arn.starts_with("arn:aws:iam::aws:"))
        .collect()
}
