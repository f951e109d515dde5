//! Manifests as people write them: several in a file, lists of them, other kinds in between.

use std::io::Read;
use std::path::Path;

use anyhow::Context as _;
use kube::Resource;
use leasehold_api_types::{AWSAccessKeyRequest, AWSRole, SecretEngine};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A document, and where it stands.
#[derive(Debug)]
pub(super) struct Manifest {
    pub(super) place: String,
    pub(super) object: Object,
}

/// What stands in a document.
#[derive(Debug)]
pub(super) enum Object {
    Engine(Box<SecretEngine>),
    Role(Box<AWSRole>),
    Request(Box<AWSAccessKeyRequest>),
    /// Nothing that the operator acts on; its kind.
    Other(String),
}

/// The text of a file, and its name for people.
pub(super) fn read(file: &Path, input: &mut dyn Read) -> anyhow::Result<(String, String)> {
    let name = super::shown(file);
    if file.as_os_str() != "-" {
        let text = std::fs::read_to_string(file).with_context(|| format!("reading {name}"))?;
        return Ok((name, text));
    }
    let mut text = String::new();
    input
        .read_to_string(&mut text)
        .context("reading standard input")?;
    Ok((name, text))
}

/// All objects of a text; those of lists one by one.
pub(super) fn parse(file: &str, text: &str) -> anyhow::Result<Vec<Manifest>> {
    let options = serde_saphyr::options! { strict_booleans: true };
    let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(text, options)
        .with_context(|| format!("{file} is not YAML"))?;
    let mut manifests = Vec::new();
    for (number, document) in documents.into_iter().enumerate() {
        let place = format!("{file}, document {}", number + 1);
        if document.is_null() {
            continue;
        }
        let list = document["kind"]
            .as_str()
            .is_some_and(|k| k.ends_with("List"));
        match document["items"].as_array().filter(|_| list) {
            Some(items) => {
                for (number, item) in items.iter().enumerate() {
                    manifests.push(decode(format!("{place}, item {}", number + 1), item)?);
                }
            }
            None => manifests.push(decode(place, &document)?),
        }
    }
    Ok(manifests)
}

fn decode(place: String, document: &Value) -> anyhow::Result<Manifest> {
    let text = |field: &str| document[field].as_str().unwrap_or_default();
    let (version, kind) = (text("apiVersion"), text("kind"));
    anyhow::ensure!(
        !version.is_empty() && !kind.is_empty(),
        "{place}: apiVersion or kind is missing: not a Kubernetes manifest"
    );
    let object = if is::<SecretEngine>(version, kind) {
        Object::Engine(typed(&place, document)?)
    } else if is::<AWSRole>(version, kind) {
        Object::Role(typed(&place, document)?)
    } else if is::<AWSAccessKeyRequest>(version, kind) {
        Object::Request(typed(&place, document)?)
    } else {
        Object::Other(kind.to_owned())
    };
    Ok(Manifest { place, object })
}

fn is<K: Resource<DynamicType = ()>>(version: &str, kind: &str) -> bool {
    K::api_version(&()) == version && K::kind(&()) == kind
}

fn typed<K: DeserializeOwned + Resource>(place: &str, document: &Value) -> anyhow::Result<Box<K>> {
    let mut object: K = serde_path_to_error::deserialize(document).map_err(|e| {
        let field = e.path().to_string();
        anyhow::anyhow!("{place}, field {field}: {}", e.into_inner())
    })?;
    let meta = object.meta_mut();
    anyhow::ensure!(meta.name.is_some(), "{place}, field metadata.name: missing");
    // What the API server would fill in.
    meta.namespace.get_or_insert_with(|| "default".into());
    meta.generation.get_or_insert(1);
    Ok(Box::new(object))
}
