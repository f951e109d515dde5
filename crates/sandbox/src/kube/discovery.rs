//! Paths that are no resource: what there is, which version, how it is.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::Kube;
use super::crd::Definition;
use super::errors::Failure;
use super::query::Query;
use super::resource::{Resource, Verbs};
use super::{jwt, openapi};
use crate::wire::{Request, Response};

/// Which Kubernetes this stands in for.
const MINOR: &str = "36";
const VERSION: &str = "v1.36.3";

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

impl Kube {
    /// Answers for a path that is no resource.
    pub(super) fn plain(&self, request: &Request, query: &Query) -> Result<Response, Failure> {
        let path = request.route().trim_end_matches('/');
        // The list of groups minds no method.
        if !matches!(request.method.as_str(), "GET" | "HEAD") && path != "/apis" {
            let is_known = matches!(path, "/api" | "/version" | "/api/v1");
            return Err(if is_known {
                Failure::method_not_allowed()
            } else {
                Failure::unknown_path()
            });
        }
        let is_aggregated = wants_aggregated(request);
        let json = |value: Value| Ok(Response::json(200, &value));
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        match parts[..] {
            ["healthz" | "readyz" | "livez", ..] => Ok(healthy(path, query)),
            ["version"] => json(version()),
            ["api"] if is_aggregated => Ok(aggregated(&self.groups(true))),
            ["apis"] if is_aggregated => Ok(aggregated(&self.groups(false))),
            ["api"] => json(json!({
                "kind": "APIVersions",
                "versions": ["v1"],
                "serverAddressByClientCIDRs": [{
                    "clientCIDR": "0.0.0.0/0",
                    "serverAddress": request.header("Host").unwrap_or_default(),
                }],
            })),
            ["apis"] => json(json!({
                "kind": "APIGroupList",
                "apiVersion": "v1",
                "groups": self.groups(false).iter().map(Group::plain).collect::<Vec<_>>(),
            })),
            ["apis", group] => match self.groups(false).iter().find(|known| known.name == group) {
                Some(group) => {
                    let mut group = group.plain();
                    group["kind"] = "APIGroup".into();
                    group["apiVersion"] = "v1".into();
                    json(group)
                }
                None => Err(Failure::unknown_path()),
            },
            ["api", version] => self.version_resources("", version),
            ["apis", group, version] => self.version_resources(group, version),
            ["openapi", "v2"] if wants_protobuf(request) => {
                let kind = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
                Ok(Response::new(200, kind, openapi::V2_PROTOBUF.to_owned()))
            }
            ["openapi", ..] => self.openapi(&parts),
            [".well-known", "openid-configuration"] => {
                let host = request.header("Host").unwrap_or("127.0.0.1");
                json(jwt::discovery(
                    &self.config.issuer,
                    &format!("https://{host}/openid/v1/jwks"),
                ))
            }
            ["openid", "v1", "jwks"] => json(self.tokens.jwks()),
            _ => Err(Failure::unknown_path()),
        }
    }

    fn openapi(&self, parts: &[&str]) -> Result<Response, Failure> {
        let definitions = self.resources.definitions();
        let definitions: Vec<&Definition> = definitions.iter().map(AsRef::as_ref).collect();
        let document = match parts {
            ["openapi", "v2"] => Some(openapi::v2(&definitions)),
            ["openapi", "v3"] => Some(openapi::index(&definitions)),
            ["openapi", "v3", "api", version] => openapi::v3("", version, &definitions),
            ["openapi", "v3", "apis", group, version] => openapi::v3(group, version, &definitions),
            _ => None,
        };
        let document = document.ok_or_else(Failure::unknown_path)?;
        Ok(Response::json(200, &document))
    }

    /// The groups with what is in them; the core group is on its own.
    fn groups(&self, is_core: bool) -> Vec<Group<'_>> {
        let mut groups: Vec<Group<'_>> = Vec::new();
        for resource in self.resources.all() {
            if resource.group.is_empty() != is_core {
                continue;
            }
            match groups.iter_mut().find(|group| group.name == resource.group) {
                Some(group) => group.resources.push(resource),
                None => groups.push(Group {
                    name: &resource.group,
                    resources: vec![resource],
                }),
            }
        }
        groups
    }

    fn version_resources(&self, group: &str, version: &str) -> Result<Response, Failure> {
        let mut resources: Vec<&Arc<Resource>> = self
            .resources
            .all()
            .filter(|resource| resource.group == group)
            .filter(|resource| resource.versions.iter().any(|known| known == version))
            .collect();
        if resources.is_empty() {
            let is_group = self.resources.has_group(group);
            return Err(if is_group {
                Failure::unknown_resource()
            } else {
                Failure::unknown_path()
            });
        }
        resources.sort_by(|a, b| a.plural.cmp(&b.plural));
        let list: Vec<Value> = resources
            .iter()
            .flat_map(|resource| entries(resource, version))
            .collect();
        let mut body = json!({
            "kind": "APIResourceList",
            "groupVersion": if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") },
            "resources": list,
        });
        if !group.is_empty() {
            body["apiVersion"] = "v1".into();
        }
        Ok(Response::json(200, &body))
    }
}

fn wants_aggregated(request: &Request) -> bool {
    let accept = request.header("Accept").unwrap_or_default();
    accept.split(',').any(|range| {
        range.contains("as=APIGroupDiscoveryList")
            && range.contains("v=v2")
            && !range.contains("v=v2beta1")
    })
}

fn version() -> Value {
    json!({
        "major": "1",
        "minor": MINOR,
        "emulationMajor": "1",
        "emulationMinor": MINOR,
        "minCompatibilityMajor": "1",
        "minCompatibilityMinor": "35",
        "gitVersion": VERSION,
        "gitCommit": "sandbox",
        "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "rustc",
        "platform": "sandbox",
    })
}

fn healthy(path: &str, query: &Query) -> Response {
    let name = path
        .trim_start_matches('/')
        .split('/')
        .next()
        .unwrap_or_default();
    let body = match query.get("verbose") {
        Some(_) => format!("[+]ping ok\n{name} check passed\n"),
        None => "ok".to_owned(),
    };
    Response::new(200, "text/plain; charset=utf-8", body)
}

/// A group and its resources.
struct Group<'a> {
    name: &'a str,
    resources: Vec<&'a Arc<Resource>>,
}

impl Group<'_> {
    /// All versions, the preferred one first.
    fn versions(&self) -> Vec<&str> {
        let mut versions: Vec<&str> = self
            .resources
            .iter()
            .flat_map(|resource| resource.versions.iter().map(String::as_str))
            .collect();
        versions
            .sort_by_cached_key(|version| std::cmp::Reverse(super::resource::priority(version)));
        versions.dedup();
        versions
    }

    fn plain(&self) -> Value {
        let version = |version: &str| json!({"groupVersion": format!("{}/{version}", self.name), "version": version});
        let versions = self.versions();
        json!({
            "name": self.name,
            "versions": versions.iter().map(|one| version(one)).collect::<Vec<_>>(),
            "preferredVersion": versions.first().map(|one| version(one)),
        })
    }

    fn aggregated(&self) -> Value {
        let versions: Vec<Value> = self
            .versions()
            .into_iter()
            .map(|version| {
                let mut resources: Vec<_> = self
                    .resources
                    .iter()
                    .filter(|resource| resource.versions.iter().any(|known| known == version))
                    .collect();
                resources.sort_by(|a, b| a.plural.cmp(&b.plural));
                let resources: Vec<Value> = resources
                    .iter()
                    .map(|resource| discovered(resource, version))
                    .collect();
                json!({"version": version, "resources": resources, "freshness": "Current"})
            })
            .collect();
        let name = if self.name.is_empty() {
            json!({})
        } else {
            json!({"name": self.name})
        };
        json!({"metadata": name, "versions": versions})
    }
}

fn aggregated(groups: &[Group<'_>]) -> Response {
    let body = json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": groups.iter().map(Group::aggregated).collect::<Vec<_>>(),
    });
    Response::new(200, AGGREGATED, body.to_string())
}

/// The subresources: name, kind with its group, verbs.
fn subresources(
    resource: &Resource,
    version: &str,
) -> Vec<(&'static str, Option<&'static str>, Value)> {
    let mut all = Vec::new();
    if resource.is("", "namespaces") {
        all.push(("finalize", None, json!(["update"])));
    }
    if resource.status_in(version) {
        all.push(("status", None, json!(["get", "patch", "update"])));
    }
    if resource.is("", "serviceaccounts") {
        all.push(("token", Some("TokenRequest"), json!(["create"])));
    }
    all
}

fn storage_version_hash(resource: &Resource) -> String {
    let (group, version, kind) = (&resource.group, resource.storage_version(), &resource.kind);
    let hash = digest(&SHA256, format!("{group}/{version}/{kind}").as_bytes());
    STANDARD.encode(&hash.as_ref()[..8])
}

/// A resource and its subresources, as the old form of discovery has them.
fn entries(resource: &Resource, version: &str) -> Vec<Value> {
    let mut entry = json!({
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.is_namespaced,
        "kind": resource.kind,
        "verbs": verbs(resource),
    });
    if !resource.short_names.is_empty() {
        entry["shortNames"] = json!(resource.short_names);
    }
    if !resource.categories.is_empty() {
        entry["categories"] = json!(resource.categories);
    }
    if resource.is_custom() {
        entry["storageVersionHash"] = storage_version_hash(resource).into();
    }
    let mut entries = vec![entry];
    for (name, kind, verbs) in subresources(resource, version) {
        let mut entry = json!({
            "name": format!("{}/{name}", resource.plural),
            "singularName": "",
            "namespaced": resource.is_namespaced,
            "kind": kind.unwrap_or(&resource.kind),
            "verbs": verbs,
        });
        if kind.is_some() {
            entry["group"] = "authentication.k8s.io".into();
            entry["version"] = "v1".into();
        }
        entries.push(entry);
    }
    entries
}

/// Custom resources list their verbs in another order.
fn verbs(resource: &Resource) -> Value {
    if resource.is_custom() && resource.verbs == Verbs::All {
        return json!([
            "delete",
            "deletecollection",
            "get",
            "list",
            "patch",
            "create",
            "update",
            "watch"
        ]);
    }
    json!(resource.verbs.names())
}

/// A resource, as the new form has it.
fn discovered(resource: &Resource, version: &str) -> Value {
    // The real one leaves group and version of built-in kinds empty.
    let (group, own_version) = if resource.is_custom() {
        (resource.group.as_str(), version)
    } else {
        ("", "")
    };
    let kind = |kind: &str| json!({"group": group, "version": own_version, "kind": kind});
    let mut entry = json!({
        "resource": resource.plural,
        "responseKind": kind(&resource.kind),
        "scope": if resource.is_namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": resource.singular,
        "verbs": verbs(resource),
    });
    if !resource.short_names.is_empty() {
        entry["shortNames"] = json!(resource.short_names);
    }
    if !resource.categories.is_empty() {
        entry["categories"] = json!(resource.categories);
    }
    let subresources: Vec<Value> = subresources(resource, version)
        .into_iter()
        .map(|(name, own, verbs)| {
            let kind = match own {
                Some(own) => {
                    json!({"group": "authentication.k8s.io", "version": "v1", "kind": own})
                }
                None => kind(&resource.kind),
            };
            json!({"subresource": name, "responseKind": kind, "verbs": verbs})
        })
        .collect();
    if !subresources.is_empty() {
        entry["subresources"] = subresources.into();
    }
    entry
}
/// Whether the first that a client would have is protobuf.
fn wants_protobuf(request: &Request) -> bool {
    let accept = request.header("Accept").unwrap_or_default();
    let first = accept.split([',', ';']).next().unwrap_or_default();
    first.ends_with("+protobuf")
}
