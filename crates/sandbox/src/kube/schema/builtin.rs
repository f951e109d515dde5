//! How server-side apply merges the kinds that are not custom.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::{Additional, ListType, Schema};

/// Where the merge is not the common one, per kind: maps by key, lists as one.
static KINDS: LazyLock<BTreeMap<(&str, &str), Schema>> = LazyLock::new(|| {
    TOPOLOGY
        .iter()
        .map(|(group, kind, paths)| ((*group, *kind), object(paths)))
        .collect()
});

pub(super) fn schema(group: &str, kind: &str) -> Option<&'static Schema> {
    KINDS
        .iter()
        .find(|(known, _)| **known == (group, kind))
        .map(|(_, schema)| schema)
}

const METADATA: &str = "metadata.ownerReferences=uid metadata.finalizers=* metadata.managedFields=";
const CONDITIONS: &str = "status.conditions=type";
const SUBJECTS: &str = "subjects= roleRef!";
const RULES: &str = "rules=";

/// Of a pod's spec, with where it is before each path.
const POD: [&str; 24] = [
    "containers=name",
    "containers[].env=name",
    "containers[].ports=containerPort,protocol",
    "containers[].volumeMounts=mountPath",
    "containers[].volumeDevices=devicePath",
    "containers[].resources.claims=name",
    "initContainers=name",
    "initContainers[].env=name",
    "initContainers[].ports=containerPort,protocol",
    "initContainers[].volumeMounts=mountPath",
    "initContainers[].volumeDevices=devicePath",
    "ephemeralContainers=name",
    "ephemeralContainers[].env=name",
    "ephemeralContainers[].volumeMounts=mountPath",
    "volumes=name",
    "imagePullSecrets=name",
    "hostAliases=ip",
    "topologySpreadConstraints=topologyKey,whenUnsatisfiable",
    "resourceClaims=name",
    "schedulingGates=name",
    "readinessGates=",
    "tolerations=",
    "nodeSelector!",
    "overhead",
];

type Topology = (&'static str, &'static str, &'static [&'static str]);

/// `path=keys` is a list by keys, `path=*` a set, `path=` one value, `path!` a map that is one
/// value; `pod:path` stands for all of [`POD`] below that path.
const TOPOLOGY: [Topology; 30] = [
    ("", "ConfigMap", &[METADATA]),
    ("", "Secret", &[METADATA]),
    ("", "Namespace", &[METADATA, CONDITIONS, "spec.finalizers="]),
    ("", "Event", &[METADATA, "involvedObject!", "related!"]),
    (
        "",
        "Node",
        &[
            METADATA,
            CONDITIONS,
            "status.addresses=type",
            "spec.taints=",
        ],
    ),
    ("", "Endpoints", &[METADATA, "subsets="]),
    (
        "",
        "PersistentVolumeClaim",
        &[METADATA, CONDITIONS, "spec.accessModes=", "spec.selector!"],
    ),
    (
        "",
        "ServiceAccount",
        &[METADATA, "secrets=name", "imagePullSecrets="],
    ),
    (
        "",
        "Service",
        &[
            METADATA,
            CONDITIONS,
            "spec.ports=port,protocol spec.selector! spec.externalIPs= spec.clusterIPs= \
             spec.ipFamilies= spec.loadBalancerSourceRanges= status.loadBalancer.ingress=",
        ],
    ),
    (
        "",
        "Pod",
        &[
            METADATA,
            CONDITIONS,
            "pod:spec",
            "status.podIPs=ip status.hostIPs=",
        ],
    ),
    (
        "",
        "ResourceQuota",
        &[METADATA, "spec.scopes=", "spec.scopeSelector!"],
    ),
    (
        "",
        "ReplicationController",
        &[
            METADATA,
            CONDITIONS,
            "spec.selector!",
            "pod:spec.template.spec",
        ],
    ),
    ("", "LimitRange", &[METADATA, "spec.limits="]),
    (
        "apps",
        "Deployment",
        &[
            METADATA,
            CONDITIONS,
            "spec.selector!",
            "pod:spec.template.spec",
        ],
    ),
    (
        "apps",
        "StatefulSet",
        &[
            METADATA,
            CONDITIONS,
            "spec.selector!",
            "pod:spec.template.spec",
        ],
    ),
    (
        "apps",
        "DaemonSet",
        &[
            METADATA,
            CONDITIONS,
            "spec.selector!",
            "pod:spec.template.spec",
        ],
    ),
    (
        "apps",
        "ReplicaSet",
        &[
            METADATA,
            CONDITIONS,
            "spec.selector!",
            "pod:spec.template.spec",
        ],
    ),
    (
        "batch",
        "Job",
        &[
            METADATA,
            "status.conditions=",
            "spec.selector!",
            "pod:spec.template.spec",
        ],
    ),
    (
        "batch",
        "CronJob",
        &[
            METADATA,
            "status.active=",
            "pod:spec.jobTemplate.spec.template.spec",
        ],
    ),
    ("coordination.k8s.io", "Lease", &[METADATA]),
    (
        "events.k8s.io",
        "Event",
        &[METADATA, "regarding!", "related!"],
    ),
    ("rbac.authorization.k8s.io", "Role", &[METADATA, RULES]),
    (
        "rbac.authorization.k8s.io",
        "ClusterRole",
        &[METADATA, RULES, "aggregationRule.clusterRoleSelectors="],
    ),
    (
        "rbac.authorization.k8s.io",
        "RoleBinding",
        &[METADATA, SUBJECTS],
    ),
    (
        "rbac.authorization.k8s.io",
        "ClusterRoleBinding",
        &[METADATA, SUBJECTS],
    ),
    (
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        &[
            METADATA,
            CONDITIONS,
            "spec.versions= spec.names.shortNames= spec.names.categories= status.storedVersions=",
        ],
    ),
    (
        "admissionregistration.k8s.io",
        "ValidatingWebhookConfiguration",
        &[METADATA, "webhooks=name", "webhooks[].rules="],
    ),
    (
        "admissionregistration.k8s.io",
        "ValidatingAdmissionPolicy",
        &[
            METADATA,
            "spec.validations= spec.variables=name spec.matchConditions=name spec.matchConstraints!",
        ],
    ),
    (
        "networking.k8s.io",
        "NetworkPolicy",
        &[
            METADATA,
            "spec.podSelector!",
            "spec.ingress= spec.egress= spec.policyTypes=",
        ],
    ),
    (
        "policy",
        "PodDisruptionBudget",
        &[METADATA, CONDITIONS, "spec.selector!"],
    ),
];

fn object(paths: &[&str]) -> Schema {
    let mut root = Schema::open();
    for path in paths.iter().flat_map(|paths| paths.split_whitespace()) {
        match path.strip_prefix("pod:") {
            Some(spec) => POD
                .iter()
                .for_each(|path| add(&mut root, &format!("{spec}.{path}"))),
            None => add(&mut root, path),
        }
    }
    root
}

fn add(root: &mut Schema, line: &str) {
    let (path, keys) = match line.split_once('=') {
        Some((path, keys)) => (path, Some(keys)),
        None => (line, None),
    };
    let atomic = path.ends_with('!');
    let mut at = root;
    for step in path.trim_end_matches('!').split('.') {
        let (name, items) = match step.strip_suffix("[]") {
            Some(name) => (name, true),
            None => (step, false),
        };
        at = at
            .properties
            .entry(name.to_owned())
            .or_insert_with(Schema::open);
        if items {
            at = at.items.get_or_insert_with(|| Box::new(Schema::open()));
        }
    }
    at.atomic_map = atomic;
    let Some(keys) = keys else { return };
    at.items.get_or_insert_with(|| Box::new(Schema::open()));
    at.list_type = match keys {
        "" => ListType::Atomic,
        "*" => ListType::Set,
        keys => ListType::Map(keys.split(',').map(ToOwned::to_owned).collect()),
    };
    at.additional = Additional::None;
}
