//! What a request is about, read off its path.

use percent_encoding::percent_decode_str;

/// A request for a resource, or for another path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Route {
    /// The parts after the prefix; all parts if it is no resource.
    pub(super) is_resource: bool,
    pub(super) group: String,
    pub(super) version: String,
    pub(super) namespace: String,
    pub(super) plural: String,
    pub(super) name: String,
    pub(super) subresource: String,
    /// Whether the path has more parts than any resource's.
    pub(super) is_too_long: bool,
}

impl Route {
    /// Reads `/api/v1/…` and `/apis/GROUP/VERSION/…`.
    pub(super) fn of(path: &str) -> Self {
        let parts: Vec<String> = path
            .split('/')
            .filter(|part| !part.is_empty())
            .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
            .collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match parts[..] {
            ["api", version, ref rest @ ..] if !rest.is_empty() => {
                Self::resource("", version, rest)
            }
            ["apis", group, version, ref rest @ ..] if !rest.is_empty() => {
                Self::resource(group, version, rest)
            }
            _ => Self::default(),
        }
    }

    fn resource(group: &str, version: &str, parts: &[&str]) -> Self {
        let (namespace, rest) = match parts {
            // A namespace's own subresources; anything else there is a resource in it.
            ["namespaces", name, "status" | "finalize"] | ["namespaces", name] => (*name, parts),
            ["namespaces", name, rest @ ..] => (*name, rest),
            _ => ("", parts),
        };
        let part = |at: usize| rest.get(at).copied().unwrap_or_default().to_owned();
        Self {
            is_resource: true,
            group: group.to_owned(),
            version: version.to_owned(),
            namespace: namespace.to_owned(),
            plural: part(0),
            name: part(1),
            subresource: part(2),
            is_too_long: rest.len() > 3,
        }
    }

    /// What the request does, as RBAC calls it.
    pub(super) fn verb(&self, method: &str, is_watch: bool) -> &'static str {
        match (method, self.name.is_empty()) {
            ("GET" | "HEAD", true) if is_watch => "watch",
            ("GET" | "HEAD", true) => "list",
            ("GET" | "HEAD", false) => "get",
            ("POST", _) => "create",
            ("PUT", _) => "update",
            ("PATCH", _) => "patch",
            ("DELETE", true) => "deletecollection",
            ("DELETE", false) => "delete",
            _ => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_in_itself() {
        let route = Route::of("/api/v1/namespaces/x/status");
        assert_eq!((&*route.plural, &*route.name), ("namespaces", "x"));
        assert_eq!((&*route.namespace, &*route.subresource), ("x", "status"));
        let route = Route::of("/apis/g/v1/namespaces/x/things/y/status");
        assert_eq!((&*route.plural, &*route.name), ("things", "y"));
        assert_eq!((&*route.namespace, &*route.subresource), ("x", "status"));
        assert!(!Route::of("/apis/g/v1").is_resource);
    }
}
