//! Objects within objects: `x-kubernetes-embedded-resource`.

use serde_json::Value;

use super::cause::quote;
use super::compile::fields;
use super::names::{DNS_1035_LABEL, is_dns_1035_label};
use super::{Cause, Schema, join};

pub(super) fn check(schema: &Schema, value: &Value, path: &str, causes: &mut Vec<Cause>) {
    if schema.embedded && value.is_object() {
        resource(value, path, causes);
    }
    for (key, field) in fields(value) {
        if let Some(below) = schema.child(key) {
            check(below, field, &join(path, key), causes);
        }
    }
    let Some(below) = &schema.items else { return };
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        check(below, item, &format!("{path}[{index}]"), causes);
    }
}

fn resource(value: &Value, path: &str, causes: &mut Vec<Cause>) {
    match value["apiVersion"].as_str() {
        None | Some("") => causes.push(Cause::required(&join(path, "apiVersion"), "")),
        Some(version) if version.matches('/').count() > 1 => {
            let detail = format!("unexpected GroupVersion string: {version}");
            let field = join(path, "apiVersion");
            causes.push(Cause::invalid_text(&field, &quote(version), &detail));
        }
        Some(_) => {}
    }
    match value["kind"].as_str() {
        None | Some("") => causes.push(Cause::required(&join(path, "kind"), "")),
        Some(kind) if !is_dns_1035_label(&kind.to_lowercase()) => {
            let detail =
                format!("may have mixed case, but should otherwise match: {DNS_1035_LABEL}");
            causes.push(Cause::invalid_text(
                &join(path, "kind"),
                &quote(kind),
                &detail,
            ));
        }
        Some(_) => {}
    }
    let name = value["metadata"]["name"].as_str().unwrap_or_default();
    for wrong in ["/", "%"] {
        if name.contains(wrong) {
            let field = join(path, "metadata.name");
            let detail = format!("may not contain '{wrong}'");
            causes.push(Cause::invalid_text(&field, &quote(name), &detail));
        }
    }
}
