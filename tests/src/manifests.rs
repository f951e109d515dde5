//! Manifests of this repository: the seeds' with the few fields a test may replace, and the
//! deployment's own.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The repository's root.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All documents of a YAML file of the repository.
pub fn read(path: &str) -> Result<Vec<Value>> {
    let text =
        std::fs::read_to_string(root().join(path)).with_context(|| format!("read {path}"))?;
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_multiple_with_options(&text, options)
        .with_context(|| format!("parse {path}"))
}

/// A manifest of the seeds, with replaced fields. Only fields that `overlay.yaml` names, with a
/// reason, may be replaced: any other difference is an error.
pub fn seed(file: &str, replaced: &[(&str, Value)]) -> Result<Value> {
    let allowed = read("examples/seeds/overlay.yaml")?;
    let allowed = allowed
        .first()
        .and_then(Value::as_array)
        .context("overlay.yaml is a list")?;
    let mut documents = read(&format!("examples/seeds/{file}"))?;
    let mut manifest = documents.pop().context("a manifest")?;
    for (field, value) in replaced {
        let named = allowed
            .iter()
            .any(|rule| rule["file"] == file && rule["field"] == *field);
        if !named {
            bail!(
                "{file}: {field} is not among the fields that examples/seeds/overlay.yaml allows to replace"
            );
        }
        set(&mut manifest, field, value.clone())?;
    }
    Ok(manifest)
}

fn set(manifest: &mut Value, field: &str, value: Value) -> Result<()> {
    let (parent, key) = field.rsplit_once('/').context("a JSON pointer")?;
    let parent = manifest.pointer_mut(parent).and_then(Value::as_object_mut);
    parent
        .with_context(|| format!("{field} has no parent"))?
        .insert(key.to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_the_overlay_does_not_name_cannot_be_replaced() {
        assert!(
            seed(
                "000-secretengine.yaml",
                &[("/spec/aws/iamEndpoint", "x".into())]
            )
            .is_ok()
        );
        assert!(seed("000-secretengine.yaml", &[("/spec/aws/region", "x".into())]).is_err());
    }
}
