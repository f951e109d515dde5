//! The built-in resources.

use super::resource::{Resource, Topic, Verbs};

/// One of them.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "as in `Resource`")]
pub(super) struct Row {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    pub(super) plural: &'static str,
    short: &'static [&'static str],
    is_namespaced: bool,
    verbs: Verbs,
    has_status: bool,
    has_generation: bool,
    is_workload: bool,
    fields: &'static [&'static str],
}

impl Row {
    pub(super) fn resource(&self) -> Resource {
        let categories = if self.is_workload {
            vec!["all".to_owned()]
        } else {
            Vec::new()
        };
        Resource {
            topic: Topic(0),
            group: self.group.to_owned(),
            kind: self.kind.to_owned(),
            list_kind: format!("{}List", self.kind),
            plural: self.plural.to_owned(),
            singular: self.kind.to_lowercase(),
            short_names: self.short.iter().map(ToString::to_string).collect(),
            categories,
            is_namespaced: self.is_namespaced,
            verbs: self.verbs,
            versions: vec![self.version.to_owned()],
            fields: self.fields,
            has_status: self.has_status,
            has_generation: self.has_generation,
            may_overwrite: !matches!(self.kind, "CustomResourceDefinition" | "Lease"),
            definition: None,
        }
    }
}

const fn row(
    group: &'static str,
    kind: &'static str,
    plural: &'static str,
    short: &'static [&'static str],
) -> Row {
    Row {
        group,
        version: "v1",
        kind,
        plural,
        short,
        is_namespaced: true,
        verbs: Verbs::All,
        has_status: false,
        has_generation: false,
        is_workload: false,
        fields: &[],
    }
}

impl Row {
    const fn cluster(mut self) -> Self {
        self.is_namespaced = false;
        self
    }

    const fn with_status(mut self) -> Self {
        self.has_status = true;
        self
    }

    const fn workload(mut self) -> Self {
        self.has_status = true;
        self.has_generation = true;
        self.is_workload = true;
        self
    }

    const fn review(mut self) -> Self {
        self.verbs = Verbs::CreateOnly;
        self
    }

    const fn selectable(mut self, fields: &'static [&'static str]) -> Self {
        self.fields = fields;
        self
    }
}

const RBAC: &str = "rbac.authorization.k8s.io";
const AUTHN: &str = "authentication.k8s.io";
const AUTHZ: &str = "authorization.k8s.io";

const EVENT_FIELDS: &[&str] = &[
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
];

pub(super) const BUILTIN: &[Row] = &[
    row("", "ConfigMap", "configmaps", &["cm"]),
    row("", "Event", "events", &["ev"]).selectable(EVENT_FIELDS),
    Row {
        verbs: Verbs::Read,
        ..row("", "LimitRange", "limitranges", &["limits"])
    },
    Row {
        verbs: Verbs::AllButDeleteCollection,
        ..row("", "Namespace", "namespaces", &["ns"])
            .cluster()
            .with_status()
            .selectable(&["status.phase"])
    },
    row("", "Node", "nodes", &["no"])
        .cluster()
        .with_status()
        .selectable(&["spec.unschedulable"]),
    Row {
        has_status: true,
        is_workload: true,
        has_generation: true,
        ..row("", "Pod", "pods", &["po"]).selectable(&[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ])
    },
    row("", "ResourceQuota", "resourcequotas", &["quota"]).with_status(),
    row("", "Secret", "secrets", &[]).selectable(&["type"]),
    row("", "ServiceAccount", "serviceaccounts", &["sa"]),
    Row {
        has_status: true,
        is_workload: true,
        ..row("", "Service", "services", &["svc"]).selectable(&["spec.clusterIP", "spec.type"])
    },
    row(AUTHN, "SelfSubjectReview", "selfsubjectreviews", &[])
        .cluster()
        .review(),
    row(AUTHN, "TokenReview", "tokenreviews", &[])
        .cluster()
        .review(),
    row(
        AUTHZ,
        "LocalSubjectAccessReview",
        "localsubjectaccessreviews",
        &[],
    )
    .review(),
    row(
        AUTHZ,
        "SelfSubjectAccessReview",
        "selfsubjectaccessreviews",
        &[],
    )
    .cluster()
    .review(),
    row(
        AUTHZ,
        "SelfSubjectRulesReview",
        "selfsubjectrulesreviews",
        &[],
    )
    .cluster()
    .review(),
    row(AUTHZ, "SubjectAccessReview", "subjectaccessreviews", &[])
        .cluster()
        .review(),
    row("apps", "DaemonSet", "daemonsets", &["ds"]).workload(),
    row("apps", "Deployment", "deployments", &["deploy"]).workload(),
    row("apps", "ReplicaSet", "replicasets", &["rs"])
        .workload()
        .selectable(&["status.replicas"]),
    row("apps", "StatefulSet", "statefulsets", &["sts"]).workload(),
    row("events.k8s.io", "Event", "events", &["ev"]).selectable(EVENT_FIELDS),
    row(RBAC, "ClusterRoleBinding", "clusterrolebindings", &[]).cluster(),
    row(RBAC, "ClusterRole", "clusterroles", &[]).cluster(),
    row(RBAC, "RoleBinding", "rolebindings", &[]),
    row(RBAC, "Role", "roles", &[]),
    Row {
        has_generation: true,
        ..row(
            "apiextensions.k8s.io",
            "CustomResourceDefinition",
            "customresourcedefinitions",
            &["crd", "crds"],
        )
        .cluster()
        .with_status()
    },
    row("coordination.k8s.io", "Lease", "leases", &[]),
];
