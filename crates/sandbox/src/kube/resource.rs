//! Which resources there are: a table of the built-in ones, and custom ones as they come.

use std::collections::HashMap;
use std::sync::Arc;

use super::crd::Definition;
use super::errors::About;
use super::schema::Schema;

/// A resource of a server, for as long as that server lives. Custom resources that come back
/// after their definition was deleted are new ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topic(pub(super) u32);

/// One resource in one group.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "what it has and what not, as discovery says"
)]
pub(super) struct Resource {
    pub(super) topic: Topic,
    pub(super) group: String,
    pub(super) kind: String,
    pub(super) list_kind: String,
    pub(super) plural: String,
    pub(super) singular: String,
    pub(super) short_names: Vec<String>,
    pub(super) categories: Vec<String>,
    pub(super) is_namespaced: bool,
    pub(super) verbs: Verbs,
    /// The served versions, the preferred one first.
    pub(super) versions: Vec<String>,
    /// Field selectors beyond `metadata.name` and `metadata.namespace`.
    pub(super) fields: &'static [&'static str],
    pub(super) has_status: bool,
    /// Whether `metadata.generation` counts changes of what is not metadata or status.
    pub(super) has_generation: bool,
    /// Whether an update without a resourceVersion is let through.
    pub(super) may_overwrite: bool,
    /// Whether an update or an apply may create.
    pub(super) definition: Option<Arc<Definition>>,
}

/// What can be done with a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verbs {
    /// All that can be done with an object.
    All,
    /// It is answered at once and nothing is kept.
    CreateOnly,
    /// Namespaces have no `deletecollection`.
    AllButDeleteCollection,
    /// There are none, and none can be made: what they would do is not done here.
    Read,
}

impl Verbs {
    /// As discovery lists them.
    pub(super) fn names(self) -> &'static [&'static str] {
        match self {
            Self::All => &[
                "create",
                "delete",
                "deletecollection",
                "get",
                "list",
                "patch",
                "update",
                "watch",
            ],
            Self::AllButDeleteCollection => &[
                "create", "delete", "get", "list", "patch", "update", "watch",
            ],
            Self::CreateOnly => &["create"],
            Self::Read => &["get", "list", "watch"],
        }
    }

    pub(super) fn has(self, verb: &str) -> bool {
        self.names().contains(&verb)
    }
}

impl Resource {
    /// Errors about the resource: `secrets "x" not found`.
    pub(super) fn about<'a>(&'a self, name: &'a str) -> About<'a> {
        About {
            group: &self.group,
            kind: &self.plural,
            name,
        }
    }

    /// Errors about what an object holds: `Secret "x" is invalid`.
    pub(super) fn about_kind<'a>(&'a self, name: &'a str) -> About<'a> {
        About {
            group: &self.group,
            kind: &self.kind,
            name,
        }
    }

    /// `apps/v1`, or `v1` in the core group.
    pub(super) fn api_version(&self, version: &str) -> String {
        if self.group.is_empty() {
            return version.to_owned();
        }
        format!("{}/{version}", self.group)
    }

    /// What is known of the shape of objects of that version.
    pub(super) fn schema(&self, version: &str) -> Option<&Schema> {
        match &self.definition {
            Some(definition) => definition.version(version).map(|version| &version.schema),
            None => Schema::builtin(&self.group, &self.kind),
        }
    }

    pub(super) fn is_custom(&self) -> bool {
        self.definition.is_some()
    }

    pub(super) fn is(&self, group: &str, plural: &str) -> bool {
        self.group == group && self.plural == plural
    }

    /// Whether that version has a subresource `status`.
    pub(super) fn status_in(&self, version: &str) -> bool {
        match &self.definition {
            Some(definition) => definition
                .version(version)
                .is_some_and(|version| version.status),
            None => self.has_status,
        }
    }

    /// The version objects are kept in.
    pub(super) fn storage_version(&self) -> &str {
        let storage = self
            .definition
            .as_ref()
            .and_then(|definition| definition.storage());
        storage.map_or_else(
            || self.versions.first().map_or("v1", String::as_str),
            |version| version.name.as_str(),
        )
    }
}

/// All resources, found by group and plural.
#[derive(Debug, Default)]
pub(super) struct Resources {
    by_name: HashMap<(String, String), Arc<Resource>>,
    /// By topic; gone ones leave a hole.
    by_topic: Vec<Option<Arc<Resource>>>,
    /// In the order discovery has them.
    order: Vec<(String, String)>,
}

impl Resources {
    /// The built-in ones.
    pub(super) fn builtin() -> Self {
        let mut all = Self::default();
        for row in super::builtin::BUILTIN {
            let mut resource = row.resource();
            // Events are the same objects in both groups.
            let core = all.find("", "events").filter(|_| row.plural == "events");
            resource.topic = core.map_or_else(|| all.next_topic(), |core| core.topic);
            all.insert(resource);
        }
        all
    }

    fn next_topic(&self) -> Topic {
        Topic(u32::try_from(self.by_topic.len()).unwrap_or(u32::MAX))
    }

    fn insert(&mut self, resource: Resource) {
        let key = (resource.group.clone(), resource.plural.clone());
        let resource = Arc::new(resource);
        if resource.topic == self.next_topic() {
            self.by_topic.push(Some(Arc::clone(&resource)));
        } else if resource.is_custom() {
            self.by_topic[resource.topic.0 as usize] = Some(Arc::clone(&resource));
        }
        if self.by_name.insert(key.clone(), resource).is_none() {
            self.order.push(key);
        }
    }

    /// Serves a custom resource, or serves it differently from now on.
    pub(super) fn define(&mut self, definition: Arc<Definition>) -> Topic {
        let known = self
            .find(&definition.group, &definition.plural)
            .map(|known| known.topic);
        let topic = known.unwrap_or_else(|| self.next_topic());
        let mut versions: Vec<String> = definition
            .versions
            .iter()
            .filter(|version| version.served)
            .map(|version| version.name.clone())
            .collect();
        versions.sort_by_cached_key(|version| std::cmp::Reverse(priority(version)));
        self.insert(Resource {
            topic,
            group: definition.group.clone(),
            kind: definition.kind.clone(),
            list_kind: definition.list_kind.clone(),
            plural: definition.plural.clone(),
            singular: definition.singular.clone(),
            short_names: definition.short_names.clone(),
            categories: definition.categories.clone(),
            is_namespaced: definition.namespaced,
            verbs: Verbs::All,
            versions,
            fields: &[],
            has_status: false,
            has_generation: true,
            may_overwrite: false,
            definition: Some(definition),
        });
        topic
    }

    /// Serves a custom resource no longer.
    pub(super) fn forget(&mut self, group: &str, plural: &str) {
        let key = (group.to_owned(), plural.to_owned());
        if let Some(resource) = self.by_name.remove(&key) {
            self.by_topic[resource.topic.0 as usize] = None;
            self.order.retain(|known| *known != key);
        }
    }

    pub(super) fn find(&self, group: &str, plural: &str) -> Option<Arc<Resource>> {
        // The map's keys are pairs of Strings, and a pair of &str cannot be looked up in it
        // without making such a pair; that is two short allocations a request.
        self.by_name
            .get(&(group.to_owned(), plural.to_owned()))
            .cloned()
    }

    pub(super) fn of(&self, topic: Topic) -> Option<Arc<Resource>> {
        self.by_topic.get(topic.0 as usize).cloned().flatten()
    }

    pub(super) fn of_kind(&self, group: &str, kind: &str) -> Option<Arc<Resource>> {
        self.all()
            .find(|resource| resource.group == group && resource.kind == kind)
            .cloned()
    }

    /// In the order of discovery.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.order.iter().filter_map(|key| self.by_name.get(key))
    }

    pub(super) fn has_group(&self, group: &str) -> bool {
        self.all().any(|resource| resource.group == group)
    }

    /// The definitions of all custom resources.
    pub(super) fn definitions(&self) -> Vec<Arc<Definition>> {
        self.all()
            .filter_map(|resource| resource.definition.clone())
            .collect()
    }
}

/// Kubernetes' order of versions: `v2 > v1 > v1beta2 > v1beta1 > v1alpha1 > foo`.
pub(super) fn priority(version: &str) -> (u8, u64, u64, std::cmp::Reverse<String>) {
    let parse = || {
        let rest = version.strip_prefix('v')?;
        let (major, stage) = rest
            .find(|c: char| !c.is_ascii_digit())
            .map_or((rest, ""), |at| rest.split_at(at));
        let major = major.parse().ok()?;
        if stage.is_empty() {
            return Some((3, major, 0));
        }
        let (rank, minor) = match (stage.strip_prefix("beta"), stage.strip_prefix("alpha")) {
            (Some(minor), _) => (2, minor),
            (_, Some(minor)) => (1, minor),
            _ => return None,
        };
        Some((rank, major, minor.parse().ok()?))
    };
    let (rank, major, minor) = parse().unwrap_or_default();
    (rank, major, minor, std::cmp::Reverse(version.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_kubernetes_orders_them() {
        let mut versions = [
            "foo1", "v1alpha1", "v10", "v1beta2", "v2", "v1beta10", "bar",
        ];
        versions.sort_by_cached_key(|version| std::cmp::Reverse(priority(version)));
        assert_eq!(
            versions,
            [
                "v10", "v2", "v1beta10", "v1beta2", "v1alpha1", "bar", "foo1"
            ]
        );
    }

    #[test]
    fn events_are_one_resource_in_two_groups() {
        let all = Resources::builtin();
        let topic = |group| all.find(group, "events").map(|events| events.topic);
        assert!(topic("").is_some());
        assert_eq!(topic(""), topic("events.k8s.io"));
    }
}
