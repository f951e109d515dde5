//! What is wrong with a definition apart from its versions.

use serde_json::{Value, json};

use super::super::schema::Cause;
use super::super::schema::names::{DNS_1035_LABEL, is_dns_1035_label};
use super::texts;

const DNS_1123_SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case \
    alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. \
    'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

pub(super) fn definition(crd: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let spec = &crd["spec"];
    name(crd, &mut causes);
    group(crd, &mut causes);
    names(&spec["names"], &mut causes);
    match spec["scope"].as_str().unwrap_or_default() {
        "" => causes.push(Cause::required("spec.scope", "")),
        "Cluster" | "Namespaced" => {}
        other => {
            let cause =
                Cause::not_supported("spec.scope", &other.into(), ["Cluster", "Namespaced"]);
            causes.push(cause);
        }
    }
    if spec["preserveUnknownFields"] == true {
        let detail = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in \
                      spec.versions[*].schema instead";
        causes.push(Cause::invalid(
            "spec.preserveUnknownFields",
            &true.into(),
            detail,
        ));
    }
    conversion(&spec["conversion"], &mut causes);
    stored(crd, &mut causes);
    causes
}

fn name(crd: &Value, causes: &mut Vec<Cause>) {
    let (name, spec) = (
        crd["metadata"]["name"].as_str().unwrap_or_default(),
        &crd["spec"],
    );
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if !is_dns_1123_subdomain(name) {
        causes.push(Cause::invalid(
            "metadata.name",
            &name.into(),
            DNS_1123_SUBDOMAIN,
        ));
    }
    if name
        != format!(
            "{}.{}",
            text(&spec["names"]["plural"]),
            text(&spec["group"])
        )
    {
        let detail = "must be spec.names.plural+\".\"+spec.group";
        causes.push(Cause::invalid("metadata.name", &name.into(), detail));
    }
}

fn group(crd: &Value, causes: &mut Vec<Cause>) {
    let group = crd["spec"]["group"].as_str().unwrap_or_default();
    let field = "spec.group";
    if group.is_empty() {
        causes.push(Cause::required(field, ""));
        return;
    }
    if !is_dns_1123_subdomain(group) {
        causes.push(Cause::invalid(field, &group.into(), DNS_1123_SUBDOMAIN));
    } else if !group.contains('.') {
        causes.push(Cause::invalid(
            field,
            &group.into(),
            "should be a domain with at least one dot",
        ));
    }
    let protected = [".k8s.io", ".kubernetes.io"]
        .iter()
        .any(|end| group.ends_with(end))
        || matches!(group, "k8s.io" | "kubernetes.io");
    let annotation = "api-approved.kubernetes.io";
    if protected && crd["metadata"]["annotations"][annotation].is_null() {
        let detail = "protected groups must have approval annotation \"api-approved.kubernetes.io\", \
                      see https://github.com/kubernetes/enhancements/pull/1111";
        causes.push(Cause::required(
            &format!("metadata.annotations[{annotation}]"),
            detail,
        ));
    }
}

fn names(names: &Value, causes: &mut Vec<Cause>) {
    let text = |key: &str| names[key].as_str().unwrap_or_default();
    for key in ["plural", "singular", "kind", "listKind"] {
        let (field, value) = (format!("spec.names.{key}"), text(key));
        if value.is_empty() {
            causes.push(Cause::required(&field, ""));
        } else if matches!(key, "plural" | "singular") {
            label(&field, value, causes);
        } else if !is_dns_1035_label(&value.to_lowercase()) {
            let detail =
                format!("may have mixed case, but should otherwise match: {DNS_1035_LABEL}");
            causes.push(Cause::invalid(&field, &value.into(), &detail));
        }
    }
    for key in ["shortNames", "categories"] {
        for (index, name) in texts(&names[key]).iter().enumerate() {
            label(&format!("spec.names.{key}[{index}]"), name, causes);
        }
    }
    if !text("kind").is_empty() && text("kind") == text("listKind") {
        let detail = "kind and listKind may not be the same";
        causes.push(Cause::invalid(
            "spec.names.listKind",
            &text("listKind").into(),
            detail,
        ));
    }
}

fn conversion(conversion: &Value, causes: &mut Vec<Cause>) {
    match conversion["strategy"].as_str().unwrap_or_default() {
        "None" => {}
        "Webhook" => {
            let webhook = &conversion["webhook"];
            if webhook["clientConfig"].is_null() {
                let detail = "required when strategy is set to Webhook";
                causes.push(Cause::required(
                    "spec.conversion.webhookClientConfig",
                    detail,
                ));
            }
            if texts(&webhook["conversionReviewVersions"]).is_empty() {
                causes.push(Cause::required(
                    "spec.conversion.conversionReviewVersions",
                    "",
                ));
            }
        }
        "" => causes.push(Cause::required("spec.conversion.strategy", "")),
        other => causes.push(Cause::not_supported(
            "spec.conversion.strategy",
            &other.into(),
            ["None", "Webhook"],
        )),
    }
}

/// One version is stored, and what was stored before is still there.
fn stored(crd: &Value, causes: &mut Vec<Cause>) {
    let versions = crd["spec"]["versions"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let stored: Vec<&Value> = versions
        .iter()
        .filter(|version| version["storage"] == true)
        .collect();
    let mut seen: Vec<&Value> = Vec::new();
    let twice = versions.iter().any(|version| {
        let known = seen.contains(&&version["name"]);
        seen.push(&version["name"]);
        known
    });
    if twice {
        let detail = "must contain unique version names";
        causes.push(Cause::invalid_text(
            "spec.versions",
            &shown(versions),
            detail,
        ));
    }
    if stored.len() != 1 {
        let detail = "must have exactly one version marked as storage version";
        causes.push(Cause::invalid_text(
            "spec.versions",
            &shown(versions),
            detail,
        ));
    }
    if stored.is_empty() {
        let detail = "must have at least one stored version";
        causes.push(Cause::invalid(
            "status.storedVersions",
            &Value::Null,
            detail,
        ));
    }
    for (index, name) in texts(&crd["status"]["storedVersions"]).iter().enumerate() {
        if !versions.iter().any(|version| version["name"] == **name) {
            let detail = format!(
                "missing from spec.versions; {name} was previously a storage version, \
                and must remain in spec.versions until a storage migration ensures no data remains \
                persisted in {name} and removes {name} from status.storedVersions"
            );
            let field = format!("status.storedVersions[{index}]");
            causes.push(Cause::invalid(&field, &name.as_str().into(), &detail));
        }
    }
}

/// The versions as the server shows them when all have the same schema.
fn shown(versions: &[Value]) -> String {
    let one = |version: &Value| {
        format!(
            "{{\"Name\":{},\"Served\":{},\"Storage\":{},\"Deprecated\":{},\"DeprecationWarning\":{},\
             \"Schema\":null,\"Subresources\":null,\"AdditionalPrinterColumns\":null,\
             \"SelectableFields\":null}}",
            version["name"],
            version["served"] == true,
            version["storage"] == true,
            version["deprecated"] == true,
            json!(version["deprecationWarning"].as_str()),
        )
    };
    let all: Vec<String> = versions.iter().map(one).collect();
    format!("[{}]", all.join(","))
}

pub(super) fn label(field: &str, value: &str, causes: &mut Vec<Cause>) {
    if !is_dns_1035_label(value) {
        causes.push(Cause::invalid(field, &value.into(), DNS_1035_LABEL));
    }
}

fn is_dns_1123_subdomain(text: &str) -> bool {
    let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let label = |label: &str| {
        label.starts_with(ends)
            && label.ends_with(ends)
            && label.chars().all(|c| ends(c) || c == '-')
    };
    text.len() <= 253 && text.split('.').all(label)
}
