//! Strategic merge patches, for the built-in kinds that are patched so: a merge in which the
//! lists that have a merge key are merged by it.

use serde_json::{Map, Value};

/// The merge keys of the lists that have one, by the list's name: none of these names is
/// used for another sort of list in the kinds that are served.
const MERGE_KEYS: &[(&str, &str)] = &[
    ("conditions", "type"),
    ("containers", "name"),
    ("env", "name"),
    ("ephemeralContainers", "name"),
    ("hostAliases", "ip"),
    ("imagePullSecrets", "name"),
    ("initContainers", "name"),
    ("ownerReferences", "uid"),
    ("secrets", "name"),
    ("topologySpreadConstraints", "topologyKey"),
    ("volumeDevices", "devicePath"),
    ("volumeMounts", "mountPath"),
    ("volumes", "name"),
];

/// Lists of plain values that are merged as sets.
const SETS: &[&str] = &["finalizers"];

fn merge_key(list: &str, items: &[Value]) -> Option<&'static str> {
    if list == "ports" {
        // Of containers or of a Service.
        let is_service = items.iter().any(|item| item.get("port").is_some());
        return Some(if is_service { "port" } else { "containerPort" });
    }
    MERGE_KEYS
        .iter()
        .find(|(name, _)| *name == list)
        .map(|(_, key)| *key)
}

/// Merges a patch into an object.
pub(super) fn merge(object: &mut Value, patch: &Value) -> Result<(), String> {
    let (Value::Object(map), Value::Object(patch)) = (object, patch) else {
        return Ok(());
    };
    merge_maps(map, patch)
}

fn merge_maps(map: &mut Map<String, Value>, patch: &Map<String, Value>) -> Result<(), String> {
    match patch.get("$patch").and_then(Value::as_str) {
        Some("replace") => {
            map.clone_from(patch);
            map.remove("$patch");
            return Ok(());
        }
        Some("delete") => {
            map.clear();
            return Ok(());
        }
        _ => {}
    }
    if let Some(Value::Array(kept)) = patch.get("$retainKeys") {
        map.retain(|key, _| kept.iter().any(|known| known == key));
    }
    for (key, value) in patch {
        if let Some(list) = key.strip_prefix("$deleteFromPrimitiveList/") {
            if let (Some(Value::Array(items)), Some(gone)) = (map.get_mut(list), value.as_array()) {
                items.retain(|item| !gone.contains(item));
            }
            continue;
        }
        if key.starts_with('$') {
            continue;
        }
        merge_field(map, key, value)?;
    }
    Ok(())
}

fn merge_field(map: &mut Map<String, Value>, key: &str, value: &Value) -> Result<(), String> {
    // Those of a ServiceAccount are one value, those of a Pod are not.
    let is_merged = key != "imagePullSecrets" || map.contains_key("containers");
    match (map.get_mut(key), value) {
        (_, Value::Null) => {
            map.remove(key);
        }
        (Some(Value::Object(inner)), Value::Object(patch)) => merge_maps(inner, patch)?,
        (Some(Value::Array(items)), Value::Array(patch)) => {
            if SETS.contains(&key) {
                let new = patch.iter().filter(|item| !items.contains(item)).cloned();
                let new: Vec<Value> = new.collect();
                items.extend(new);
            } else if let Some(merge_key) = merge_key(key, patch).filter(|_| is_merged) {
                merge_lists(items, patch, merge_key)?;
            } else {
                patch.clone_into(items);
            }
        }
        _ => {
            map.insert(key.to_owned(), without_directives(value));
        }
    }
    Ok(())
}

fn merge_lists(items: &mut Vec<Value>, patch: &[Value], key: &str) -> Result<(), String> {
    if patch.iter().any(|item| item["$patch"] == "replace") {
        let is_directive = |item: &&Value| item["$patch"] == "replace";
        *items = patch
            .iter()
            .filter(|item| !is_directive(item))
            .cloned()
            .collect();
        return Ok(());
    }
    for item in patch {
        let Some(value) = item.get(key) else {
            return Err(format!(
                "map: {item} does not contain declared merge key: {key}"
            ));
        };
        let known = items.iter().position(|own| own.get(key) == Some(value));
        let is_deletion = item["$patch"] == "delete";
        match known {
            Some(at) if is_deletion => {
                items.remove(at);
            }
            Some(at) => merge(&mut items[at], item)?,
            None if is_deletion => {}
            None => items.push(without_directives(item)),
        }
    }
    Ok(())
}

/// What a patch adds, without what only steers it, and without what it would take away.
fn without_directives(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let fields = map
                .iter()
                .filter(|(key, value)| !key.starts_with('$') && !value.is_null());
            Value::Object(
                fields
                    .map(|(key, value)| (key.clone(), without_directives(value)))
                    .collect(),
            )
        }
        Value::Array(list) => list.iter().map(without_directives).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_with_a_merge_key_are_merged_by_it() {
        let mut object = json!({"spec": {
            "containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "1"}],
            "args": ["x"],
        }});
        let patch = json!({"spec": {
            "containers": [{"name": "b", "image": "2"}, {"name": "a", "$patch": "delete"}],
            "args": ["y"],
        }});
        merge(&mut object, &patch).expect("a patch that fits");
        assert_eq!(
            object,
            json!({"spec": {"containers": [{"name": "b", "image": "2"}], "args": ["y"]}})
        );
    }

    #[test]
    fn pull_secrets_are_merged_in_pods_only() {
        for (mut object, left) in [
            (json!({"imagePullSecrets": [{"name": "a"}]}), 1),
            (
                json!({"containers": [], "imagePullSecrets": [{"name": "a"}]}),
                2,
            ),
        ] {
            let patch = json!({"imagePullSecrets": [{"name": "b"}]});
            merge(&mut object, &patch).expect("a patch that fits");
            assert_eq!(
                object["imagePullSecrets"].as_array().map(Vec::len),
                Some(left)
            );
        }
    }

    #[test]
    fn finalizers_are_a_set_with_its_own_way_to_delete() {
        let mut object = json!({"metadata": {"finalizers": ["a", "b"]}});
        let patch = json!({"metadata": {
            "finalizers": ["c"],
            "$deleteFromPrimitiveList/finalizers": ["a"],
        }});
        merge(&mut object, &patch).expect("a patch that fits");
        let left: Vec<&str> = super::super::meta::finalizers(&object);
        assert_eq!(left.len(), 2);
        assert!(left.contains(&"b") && left.contains(&"c"));
    }
}
