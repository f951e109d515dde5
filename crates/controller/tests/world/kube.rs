//! The API server, as people and tests see it.

use std::sync::{Arc, LazyLock};

use kube::Client;
use leasehold_api_types::crds;
use leasehold_sandbox::Sandbox;
use leasehold_sandbox::faults::{FaultPlan, Rule};
use leasehold_sandbox::kube::Audited;
use serde_json::{Value, json};

use super::{NS, plan};

/// More than any test asks.
const AUDITED: usize = 100_000;
const OPERATOR: &str = "system:serviceaccount:leasehold-system:leasehold";
/// The rights as they are deployed.
const DEPLOYED: [&str; 4] = [
    include_str!("../../../../deploy/kubernetes/namespace.yaml"),
    include_str!("../../../../deploy/kubernetes/serviceaccount.yaml"),
    include_str!("../../../../deploy/kubernetes/clusterrole.yaml"),
    include_str!("../../../../deploy/kubernetes/clusterrolebinding.yaml"),
];

/// Read once: every test has a cluster of its own, some have a hundred.
static DEFINITIONS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let definitions = crds::all().into_iter();
    definitions
        .map(|definition| serde_json::to_value(definition).unwrap())
        .collect()
});
static RIGHTS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let documents = DEPLOYED.iter();
    documents
        .flat_map(|text| serde_saphyr::from_multiple::<Value>(text).unwrap())
        .collect()
});

pub(crate) struct Kube {
    sandbox: Arc<Sandbox>,
    token: String,
}

impl Kube {
    pub(super) fn new(sandbox: Arc<Sandbox>) -> Self {
        let mut kube = Self {
            sandbox,
            token: String::new(),
        };
        for object in DEFINITIONS.iter().chain(&*RIGHTS) {
            kube.apply(object);
        }
        kube.namespace(NS);
        let path = "/api/v1/namespaces/leasehold-system/serviceaccounts/leasehold/token";
        let years = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": { "expirationSeconds": 100_000_000 } });
        let token = kube.ask("POST", path, Some(&years)).unwrap();
        let token = token["status"]["token"].as_str().unwrap();
        token.clone_into(&mut kube.token);
        kube.forget_calls();
        kube
    }

    /// With the rights it is deployed with.
    pub(crate) fn operators_client(&self) -> Client {
        let way = self.sandbox.kube_in_process().with_bearer(&self.token);
        Client::new(way, "default")
    }

    /// What shall go wrong from now on, in place of what did.
    pub(crate) fn fault(&self, rule: Rule) {
        self.sandbox.with_kube(|kube| kube.set_faults(plan(rule)));
    }

    pub(crate) fn mend(&self) {
        let nothing = FaultPlan::default();
        self.sandbox.with_kube(|kube| kube.set_faults(nothing));
    }

    /// How many calls the fault happened to.
    pub(crate) fn met(&self) -> u64 {
        self.sandbox.with_kube(|kube| kube.faults_met()[0])
    }

    /// What the operator asked for.
    pub(crate) fn calls(&self) -> Vec<Audited> {
        self.sandbox.with_kube(|kube| {
            let calls = kube.audited().filter(|call| call.user == OPERATOR);
            calls.cloned().collect()
        })
    }

    pub(crate) fn forget_calls(&self) {
        self.sandbox.with_kube(|kube| {
            kube.set_audit(0);
            kube.set_audit(AUDITED);
        });
    }

    pub(crate) fn object(&self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        self.ask("GET", &path(resource, namespace, name), None)
    }

    /// Those of that resource in `demo`.
    pub(crate) fn all(&self, resource: &str) -> Vec<Value> {
        let mut list = self.ask("GET", &path(resource, NS, ""), None).unwrap();
        match list["items"].take() {
            Value::Array(items) => items,
            other => panic!("{resource}: {other}"),
        }
    }

    pub(crate) fn namespace(&self, name: &str) {
        self.apply(
            &json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } }),
        );
    }

    /// As a person would, with `kubectl`.
    #[expect(clippy::needless_pass_by_value, reason = "it is made for the call")]
    pub(crate) fn create(&self, resource: &str, object: Value) {
        let namespace = object["metadata"]["namespace"].as_str().unwrap();
        self.ask("POST", &path(resource, namespace, ""), Some(&object))
            .unwrap();
    }

    /// Metadata, spec and status, whatever of it is changed.
    pub(crate) fn edit(
        &self,
        resource: &str,
        namespace: &str,
        name: &str,
        change: impl FnOnce(&mut Value),
    ) {
        let before = self.object(resource, namespace, name).unwrap();
        let mut object = before.clone();
        change(&mut object);
        let at = path(resource, namespace, name);
        let status = object["status"].clone();
        if object["metadata"] != before["metadata"] || object["spec"] != before["spec"] {
            object = self.ask("PUT", &at, Some(&object)).unwrap();
        }
        if status != before["status"] {
            object["status"] = status;
            let at = format!("{at}/status");
            self.ask("PUT", &at, Some(&object)).unwrap();
        }
    }

    pub(crate) fn delete(&self, resource: &str, namespace: &str, name: &str) {
        self.ask("DELETE", &path(resource, namespace, name), None)
            .unwrap();
    }

    /// From now on the definition says nothing about the objects, as another version's might.
    pub(crate) fn loosen(&self, kind: &str) {
        let mut definitions = DEFINITIONS.iter();
        let named = definitions.find(|definition| definition["spec"]["names"]["kind"] == kind);
        let mut definition = named.unwrap().clone();
        definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"] =
            json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
        self.apply(&definition);
    }

    /// Ends all watches with 410 Gone.
    pub(crate) fn expire_watches(&self) {
        self.sandbox
            .with_kube(leasehold_sandbox::kube::Kube::expire_watches);
    }

    /// Whether watches fall behind.
    pub(crate) fn hold_watches(&self, held: bool) {
        self.sandbox.with_kube(|kube| kube.hold_watches(held));
    }

    fn apply(&self, object: &Value) {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
        let version = text("/apiVersion").unwrap();
        let root = if version.contains('/') { "apis" } else { "api" };
        let within = text("/metadata/namespace");
        let within = within.map_or_else(String::new, |name| format!("namespaces/{name}/"));
        let plural = text("/kind").unwrap().to_lowercase() + "s";
        let name = text("/metadata/name").unwrap();
        let at = format!("/{root}/{version}/{within}{plural}/{name}?fieldManager=kubectl&force=1");
        self.ask("PATCH", &at, Some(object)).unwrap();
    }

    /// `None` is what is not there; all else must succeed.
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Option<Value> {
        let (status, answer) = self.sandbox.ask_kube(method, path, body);
        assert!(
            status < 300 || (status == 404 && method == "GET"),
            "{method} {path}: {status} {}",
            answer["message"]
        );
        (status < 300).then_some(answer)
    }
}

fn path(resource: &str, namespace: &str, name: &str) -> String {
    let group = match resource {
        "secrets" => "api/v1",
        "roles" | "rolebindings" => "apis/rbac.authorization.k8s.io/v1",
        "events" => "apis/events.k8s.io/v1",
        "appbindings" => "apis/appcatalog.appscode.com/v1alpha1",
        _ => "apis/engine.kubevault.com/v1alpha1",
    };
    let path = format!("/{group}/namespaces/{namespace}/{resource}/{name}");
    path.trim_end_matches('/').to_owned()
}

pub(crate) fn is_write(call: &Audited) -> bool {
    !["list", "watch", "get"].contains(&call.verb)
}

/// `verb resource`.
pub(crate) fn what(call: &Audited) -> String {
    format!("{} {}", call.verb, call.resource)
}
