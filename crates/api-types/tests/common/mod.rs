//! What several tests of this crate need.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::fs;
use std::path::PathBuf;

use leasehold_api_types::crds;
use serde_json::Value;

/// A path of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

/// Fails unless the file holds exactly `wanted`; with `UPDATE=1` writes it instead.
pub(crate) fn same_or_update(path: &str, wanted: &str) {
    let file = repository(path);
    if std::env::var_os("UPDATE").is_some_and(|v| v == "1") {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, wanted).unwrap();
        return;
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == wanted,
        "{path} is not what the types say; write it with: UPDATE=1 cargo test -p leasehold-api-types"
    );
}

/// The definitions as JSON, with the name of their kind.
pub(crate) fn definitions() -> Vec<(String, Value)> {
    crds::all()
        .into_iter()
        .map(|crd| {
            (
                crd.spec.names.kind.clone(),
                serde_json::to_value(crd).unwrap(),
            )
        })
        .collect()
}

/// The schema of a definition's one version.
pub(crate) fn schema(definition: &Value) -> &Value {
    &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
}
