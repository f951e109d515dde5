//! The kinds that are not custom, with the fields people ask `kubectl explain` for.

use serde_json::{Map, Value, json};

use super::{Resource, complete};

pub(super) struct Builtin {
    pub(super) group: &'static str,
    pub(super) version: &'static str,
    kind: &'static str,
    plural: &'static str,
    namespaced: bool,
    status: bool,
    /// `name:type`; what is below an object or a list's items is open.
    fields: &'static str,
}

const RBAC: &str = "rbac.authorization.k8s.io";

macro_rules! kinds {
    ($($group:expr, $version:literal, $kind:literal, $plural:literal, $scope:ident, $fields:literal;)*) => {
        pub(super) const BUILTIN: &[Builtin] = &[$(Builtin {
            group: $group,
            version: $version,
            kind: $kind,
            plural: $plural,
            namespaced: scope::$scope,
            status: has_status($fields),
            fields: $fields,
        }),*];
    };
}

mod scope {
    pub(super) const CLUSTER: bool = false;
    pub(super) const NAMESPACED: bool = true;
}

kinds! {
    "", "v1", "ConfigMap", "configmaps", NAMESPACED, "data:map binaryData:bytes immutable:boolean";
    "", "v1", "Endpoints", "endpoints", NAMESPACED, "subsets:list";
    "", "v1", "Event", "events", NAMESPACED, "involvedObject:object reason:string message:string source:object firstTimestamp:time lastTimestamp:time count:integer type:string eventTime:time series:object action:string related:object reportingComponent:string reportingInstance:string";
    "", "v1", "LimitRange", "limitranges", NAMESPACED, "spec:object";
    "", "v1", "Namespace", "namespaces", CLUSTER, "spec:object status:object";
    "", "v1", "Node", "nodes", CLUSTER, "spec:object status:object";
    "", "v1", "Pod", "pods", NAMESPACED, "spec:object status:object";
    "", "v1", "ResourceQuota", "resourcequotas", NAMESPACED, "spec:object status:object";
    "", "v1", "Secret", "secrets", NAMESPACED, "data:bytes stringData:map type:string immutable:boolean";
    "", "v1", "Service", "services", NAMESPACED, "spec:object status:object";
    "", "v1", "ServiceAccount", "serviceaccounts", NAMESPACED, "secrets:list imagePullSecrets:list automountServiceAccountToken:boolean";
    "apps", "v1", "Deployment", "deployments", NAMESPACED, "spec:object status:object";
    "apps", "v1", "ReplicaSet", "replicasets", NAMESPACED, "spec:object status:object";
    "apps", "v1", "StatefulSet", "statefulsets", NAMESPACED, "spec:object status:object";
    "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", CLUSTER, "spec:object status:object";
    "admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies", CLUSTER, "spec:object status:object";
    "admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", CLUSTER, "spec:object";
    "admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", CLUSTER, "webhooks:list";
    "coordination.k8s.io", "v1", "Lease", "leases", NAMESPACED, "spec:object";
    "events.k8s.io", "v1", "Event", "events", NAMESPACED, "regarding:object reason:string note:string type:string eventTime:time series:object action:string related:object reportingController:string reportingInstance:string deprecatedCount:integer deprecatedFirstTimestamp:time deprecatedLastTimestamp:time deprecatedSource:object";
    "networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", NAMESPACED, "spec:object";
    "policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", NAMESPACED, "spec:object status:object";
    RBAC, "v1", "ClusterRole", "clusterroles", CLUSTER, "rules:list aggregationRule:object";
    RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings", CLUSTER, "roleRef:object subjects:list";
    RBAC, "v1", "Role", "roles", NAMESPACED, "rules:list";
    RBAC, "v1", "RoleBinding", "rolebindings", NAMESPACED, "roleRef:object subjects:list";
}

const fn has_status(fields: &str) -> bool {
    const END: &[u8] = b"status:object";
    let fields = fields.as_bytes();
    let mut at = 0;
    while at < END.len() {
        if fields.len() < END.len() || fields[fields.len() - END.len() + at] != END[at] {
            return false;
        }
        at += 1;
    }
    true
}

impl Builtin {
    pub(super) fn resource(&self) -> Resource<'_> {
        let properties: Map<String, Value> = self
            .fields
            .split_whitespace()
            .filter_map(|field| field.split_once(':'))
            .map(|(name, kind)| (name.to_owned(), field(kind)))
            .collect();
        let mut schema = json!({"type": "object", "properties": properties});
        complete(&mut schema, [self.group, self.version, self.kind]);
        Resource {
            group: self.group,
            version: self.version,
            kind: self.kind,
            plural: self.plural,
            namespaced: self.namespaced,
            status: self.status,
            schema,
        }
    }
}

fn field(kind: &str) -> Value {
    match kind {
        "time" => json!({"type": "string", "format": "date-time"}),
        "map" => json!({"type": "object", "additionalProperties": {"type": "string"}}),
        "bytes" => {
            json!({"type": "object", "additionalProperties": {"type": "string", "format": "byte"}})
        }
        "list" => json!({"type": "array", "items": {"type": "object"}}),
        kind => json!({ "type": kind }),
    }
}

pub(super) fn reference(name: &str) -> Value {
    json!({"allOf": [{"$ref": format!("#/components/schemas/{name}")}]})
}

/// What the schemas of all kinds refer to.
pub(super) fn common() -> Map<String, Value> {
    let meta = |name: &str| format!("io.k8s.apimachinery.pkg.apis.meta.v1.{name}");
    let text = json!({"type": "string"});
    let texts = json!({"type": "object", "additionalProperties": {"type": "string"}});
    let time = json!({"type": "string", "format": "date-time"});
    let number = json!({"type": "integer", "format": "int64"});
    let owner = json!({"type": "array", "items": reference(&meta("OwnerReference")),
        "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["uid"],
        "x-kubernetes-patch-strategy": "merge", "x-kubernetes-patch-merge-key": "uid"});
    let object = |properties: Value| json!({"type": "object", "properties": properties});
    [
        (
            "ObjectMeta",
            object(json!({
                "name": text, "generateName": text, "namespace": text, "uid": text,
                "resourceVersion": text, "selfLink": text, "generation": number,
                "creationTimestamp": time, "deletionTimestamp": time,
                "deletionGracePeriodSeconds": number, "labels": texts, "annotations": texts,
                "finalizers": {"type": "array", "items": text, "x-kubernetes-list-type": "set",
                    "x-kubernetes-patch-strategy": "merge"},
                "ownerReferences": owner,
                "managedFields": {"type": "array", "items": {"type": "object"}},
            })),
        ),
        (
            "OwnerReference",
            object(json!({
                "apiVersion": text, "kind": text, "name": text, "uid": text,
                "controller": {"type": "boolean"}, "blockOwnerDeletion": {"type": "boolean"},
            })),
        ),
        (
            "ListMeta",
            object(json!({
                "continue": text, "resourceVersion": text, "selfLink": text,
                "remainingItemCount": number,
            })),
        ),
        ("Patch", json!({"type": "object"})),
    ]
    .into_iter()
    .map(|(name, schema)| (meta(name), schema))
    .collect()
}
