//! The Secret with a request's keys: whose key it holds stands in its annotations.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{
    ByteString,
    api::core::v1::Secret,
    apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta, OwnerReference},
};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ObjectMeta as Meta, PostParams, Preconditions},
};
use leasehold_api_types::{MANAGED_BY_LABEL, MANAGER};
use leasehold_reconcile_core::{
    Failure, Known,
    aws_access_key_request::{KeyFacts, SecretSeen},
    reasons,
};
use leasehold_vault_client::IssuedCredential;

use crate::failures;

const KEEPER: &str = "engine.kubevault.com/keeper";
const LEASE_ID: &str = "engine.kubevault.com/lease-id";
const LEASE_SECONDS: &str = "engine.kubevault.com/lease-seconds";
const RENEWABLE: &str = "engine.kubevault.com/lease-renewable";
const ISSUED_AT: &str = "engine.kubevault.com/issued-at";
const EXPIRES_AT: &str = "engine.kubevault.com/expires-at";
const ROLE_GENERATION: &str = "engine.kubevault.com/role-generation";

/// The Secret of that name as the API server itself has it.
pub async fn look(client: &Client, namespace: &str, name: &str, uid: &str) -> Known<SecretSeen> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    match api.get_metadata_opt(name).await {
        Ok(Some(meta)) => Known::Is(seen(&meta.metadata, uid)),
        Ok(None) => Known::Absent,
        Err(e) => Known::Unknown(failures::kubernetes(&e)),
    }
}

/// What a Secret's metadata says, to the request of that uid.
pub fn seen(meta: &Meta, uid: &str) -> SecretSeen {
    let facts = facts(meta.annotations.as_ref());
    SecretSeen {
        ours: owned_by(meta, uid),
        edited: edited(meta, facts.as_ref()),
        facts,
    }
}

/// Whether somebody else wrote over the key: the API server keeps who last gave each field its
/// value, and each part of a new key is another one. Labels, annotations and further fields in the
/// data are anybody's. Without such records nothing is known, and nothing follows.
fn edited(meta: &Meta, facts: Option<&KeyFacts>) -> bool {
    let managers = meta.managed_fields.as_deref().unwrap_or_default();
    // Keys that cannot be revoked have a third part that changes with each of them.
    let sts = facts.is_some_and(|f| f.keeper.is_none());
    let parts = ["f:access_key", "f:secret_key", "f:security_token"];
    let parts = &parts[..if sts { 3 } else { 2 }];
    let names = |entry: &ManagedFieldsEntry, under: &str, part: &str| {
        let fields = entry.fields_v1.as_ref().map(|f| &f.0[under]);
        fields.is_some_and(|data| data.get(part).is_some())
    };
    let (ours, others): (Vec<_>, Vec<_>) = managers
        .iter()
        .partition(|entry| entry.manager.as_deref() == Some(MANAGER));
    let wrote = ours.iter().filter_map(|entry| entry.time.clone()).max();
    // What is applied as stringData changes the data without a word of that: then its time tells.
    let over = |part: &str| {
        others
            .iter()
            .any(|entry| names(entry, "f:stringData", part) && entry.time > wrote)
    };
    let kept = |part: &str| ours.iter().any(|entry| names(entry, "f:data", part));
    !managers.is_empty() && !parts.iter().all(|part| kept(part) && !over(part))
}

/// Of who wrote what, the cache keeps one thing: an entry of nobody's where the key was edited.
pub fn trim(meta: &mut Meta) {
    let edited = edited(meta, facts(meta.annotations.as_ref()).as_ref());
    meta.managed_fields = edited.then(|| vec![ManagedFieldsEntry::default()]);
}

/// Whether the object of that uid controls it.
pub fn owned_by(meta: &Meta, uid: &str) -> bool {
    meta.owner_references
        .iter()
        .flatten()
        .any(|o| o.uid == uid && o.controller == Some(true))
}

/// Stores a key. What exists under that name is replaced only if the same request owns it, and
/// only at the version that was looked at. Returns the version written.
pub async fn store(
    client: &Client,
    meta: ObjectMeta,
    facts: &KeyFacts,
    key: &IssuedCredential,
    uid: &str,
) -> Result<u64, Failure> {
    let namespace = meta.namespace.clone().unwrap_or_default();
    let api: Api<Secret> = Api::namespaced(client.clone(), &namespace);
    let mut secret = secret(meta, facts, key);
    let name = secret.name_any();
    let params = PostParams {
        field_manager: Some(MANAGER.into()),
        ..PostParams::default()
    };
    let stored = match api.create(&params, &secret).await {
        Err(kube::Error::Api(s)) if s.is_already_exists() => {
            let found = api
                .get_metadata(&name)
                .await
                .map_err(|e| not_stored(&name, &e))?;
            if !owned_by(&found.metadata, uid) {
                return Err(taken("Secret", &namespace, &name));
            }
            secret.metadata.resource_version = found.metadata.resource_version;
            api.replace(&name, &params, &secret).await
        }
        other => other,
    };
    let version = stored
        .map_err(|e| not_stored(&name, &e))?
        .resource_version();
    Ok(crate::memory::number(&version.unwrap_or_default()))
}

/// Deletes the request's own Secret; one that is not its own is left alone.
pub async fn delete(
    client: &Client,
    namespace: &str,
    name: &str,
    uid: &str,
) -> Result<(), Failure> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let found = match api.get_metadata_opt(name).await {
        Ok(Some(found)) => found.metadata,
        Ok(None) => return Ok(()),
        Err(e) => return Err(failures::kubernetes(&e)),
    };
    if !owned_by(&found, uid) {
        return Ok(());
    }
    let preconditions = Preconditions {
        uid: found.uid,
        resource_version: None,
    };
    let params = DeleteParams::background().preconditions(preconditions);
    match api.delete(name, &params).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(s)) if s.is_not_found() => Ok(()),
        Err(e) => Err(failures::kubernetes(&e)),
    }
}

/// Somebody else has that name.
pub fn taken(kind: &str, namespace: &str, name: &str) -> Failure {
    Failure::invalid(
        reasons::NAME_TAKEN,
        format!(
            "{kind} {namespace}/{name} exists and belongs to somebody else: it is left as it is. Delete or rename it, and the key is delivered"
        ),
    )
}

/// Metadata of an object that belongs to a request.
pub fn owned_meta(namespace: &str, name: &str, owner: OwnerReference) -> ObjectMeta {
    ObjectMeta {
        namespace: Some(namespace.into()),
        name: Some(name.into()),
        labels: Some([(MANAGED_BY_LABEL.into(), MANAGER.into())].into()),
        owner_references: Some(vec![owner]),
        ..ObjectMeta::default()
    }
}

fn not_stored(name: &str, error: &kube::Error) -> Failure {
    let failure = failures::kubernetes(error);
    Failure::transient(
        reasons::SECRET_NOT_STORED,
        format!(
            "the issued key cannot be stored in Secret {name}: {}. It is kept for five minutes, then revoked",
            failure.message
        ),
    )
}

fn secret(mut meta: ObjectMeta, facts: &KeyFacts, key: &IssuedCredential) -> Secret {
    meta.annotations = Some(annotations(facts));
    let token = key.session_token.as_ref().map_or("", |t| t.expose());
    let bytes = |text: &str| ByteString(text.as_bytes().to_vec());
    let mut data: BTreeMap<String, ByteString> = [
        ("access_key".to_owned(), bytes(key.access_key.expose())),
        ("secret_key".to_owned(), bytes(key.secret_key.expose())),
        ("security_token".to_owned(), bytes(token)),
    ]
    .into();
    if !token.is_empty() {
        data.insert("session_token".to_owned(), bytes(token));
    }
    Secret {
        metadata: meta,
        data: Some(data),
        type_: Some("Opaque".into()),
        ..Secret::default()
    }
}

fn annotations(facts: &KeyFacts) -> BTreeMap<String, String> {
    let pairs = [
        (KEEPER, facts.keeper.as_ref().map(ToString::to_string)),
        (LEASE_ID, facts.lease.as_ref().map(ToString::to_string)),
        (LEASE_SECONDS, Some(facts.duration.as_secs().to_string())),
        (RENEWABLE, Some(facts.renewable.to_string())),
        (ISSUED_AT, Some(facts.issued_at.to_string())),
        (EXPIRES_AT, Some(facts.expires_at.to_string())),
        (
            ROLE_GENERATION,
            facts.role_generation.map(|g| g.to_string()),
        ),
    ];
    pairs
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)))
        .collect()
}

fn facts(annotations: Option<&BTreeMap<String, String>>) -> Option<KeyFacts> {
    let annotations = annotations?;
    let text = |key: &str| annotations.get(key).map(String::as_str);
    let moment = |key: &str| text(key)?.parse::<Timestamp>().ok();
    Some(KeyFacts {
        keeper: text(KEEPER).map(Into::into),
        lease: text(LEASE_ID).map(Into::into),
        duration: SignedDuration::from_secs(text(LEASE_SECONDS)?.parse().ok()?),
        renewable: text(RENEWABLE) == Some("true"),
        issued_at: moment(ISSUED_AT)?,
        expires_at: moment(EXPIRES_AT)?,
        role_generation: text(ROLE_GENERATION).and_then(|g| g.parse().ok()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use leasehold_vault_client::Redacted;

    fn key_facts() -> KeyFacts {
        KeyFacts {
            keeper: Some("acc".into()),
            lease: Some("aws/creds/r/abc".into()),
            duration: SignedDuration::from_hours(1),
            renewable: true,
            issued_at: "2026-01-01T00:00:00Z".parse().unwrap(),
            expires_at: "2026-01-01T01:00:00Z".parse().unwrap(),
            role_generation: Some(3),
        }
    }

    #[test]
    fn a_secret_tells_whose_key_it_holds() {
        let facts = key_facts();
        assert_eq!(super::facts(Some(&annotations(&facts))), Some(facts));
        assert_eq!(super::facts(None), None);
    }

    fn managed(manager: &str, fields: &[&str]) -> ManagedFieldsEntry {
        let data: serde_json::Map<String, serde_json::Value> = fields
            .iter()
            .map(|f| (format!("f:{f}"), serde_json::json!({})))
            .collect();
        ManagedFieldsEntry {
            manager: Some(manager.into()),
            fields_v1: Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::FieldsV1(
                serde_json::json!({"f:data": data}),
            )),
            ..ManagedFieldsEntry::default()
        }
    }

    #[test]
    fn an_edited_key_is_told_from_an_annotated_secret() {
        let facts = key_facts();
        let edited = |managers: Vec<ManagedFieldsEntry>| {
            let meta = ObjectMeta {
                annotations: Some(annotations(&facts)),
                managed_fields: Some(managers),
                ..ObjectMeta::default()
            };
            let mut trimmed = meta.clone();
            trim(&mut trimmed);
            let live = seen(&meta, "u").edited;
            assert_eq!(live, seen(&trimmed, "u").edited, "the cache tells the same");
            live
        };
        let all = ["access_key", "secret_key", "security_token"];
        assert!(!edited(vec![managed(MANAGER, &all)]));
        assert!(!edited(vec![
            managed(MANAGER, &all),
            managed("kubectl-annotate", &[])
        ]));
        // The same value said by two, and a field of somebody's own.
        assert!(!edited(vec![
            managed(MANAGER, &all),
            managed("argocd", &["access_key", "note"])
        ]));
        assert!(edited(vec![
            managed(MANAGER, &all[1..]),
            managed("kubectl-edit", &["access_key"])
        ]));
        assert!(
            edited(vec![managed(MANAGER, &all[..1])]),
            "removed by somebody"
        );
        assert!(
            edited(vec![managed("velero", &all)]),
            "restored by somebody"
        );
        let applied = |seconds: i64| {
            let mut entries = [managed(MANAGER, &all), managed("kubectl", &["secret_key"])];
            for (entry, second) in entries.iter_mut().zip([10, seconds]) {
                let time = Timestamp::from_second(second).unwrap();
                entry.time = Some(leasehold_api_types::time(time));
            }
            let fields = entries[1].fields_v1.as_mut().unwrap();
            fields.0 = serde_json::json!({"f:stringData": {"f:secret_key": {}}});
            entries.to_vec()
        };
        assert!(edited(applied(11)), "applied as stringData");
        assert!(!edited(applied(9)), "and written anew by us since");
        assert!(!seen(&ObjectMeta::default(), "u").edited);
    }

    #[test]
    fn the_keys_of_the_seed_are_there_and_the_token_of_sts() {
        let mut key = IssuedCredential {
            lease_id: None,
            lease_duration: std::time::Duration::from_secs(3600),
            renewable: true,
            access_key: Redacted::new("AKIA1"),
            secret_key: Redacted::new("s"),
            session_token: None,
            warnings: vec![],
        };
        let keys = |k: &IssuedCredential| -> Vec<String> {
            secret(ObjectMeta::default(), &key_facts(), k)
                .data
                .unwrap()
                .into_keys()
                .collect()
        };
        assert_eq!(keys(&key), ["access_key", "secret_key", "security_token"]);
        key.session_token = Some(Redacted::new("t"));
        assert_eq!(
            keys(&key),
            [
                "access_key",
                "secret_key",
                "security_token",
                "session_token"
            ]
        );
    }
}
