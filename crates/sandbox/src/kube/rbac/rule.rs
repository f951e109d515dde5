//! One rule of a role.

use serde_json::{Map, Value};

use super::Attributes;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) verbs: Vec<String>,
    pub(super) groups: Vec<String>,
    pub(super) resources: Vec<String>,
    pub(super) names: Vec<String>,
    pub(super) paths: Vec<String>,
}

impl Rule {
    pub(super) fn all(rules: &Value) -> Vec<Self> {
        let texts = |list: &Value| -> Vec<String> {
            let texts = list
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str);
            texts.map(ToOwned::to_owned).collect()
        };
        let rule = |rule: &Value| Self {
            verbs: texts(&rule["verbs"]),
            groups: texts(&rule["apiGroups"]),
            resources: texts(&rule["resources"]),
            names: texts(&rule["resourceNames"]),
            paths: texts(&rule["nonResourceURLs"]),
        };
        rules.as_array().into_iter().flatten().map(rule).collect()
    }

    pub(super) fn allows(&self, attributes: &Attributes<'_>) -> bool {
        if !has(&self.verbs, attributes.verb) {
            return false;
        }
        if !attributes.path.is_empty() {
            return self
                .paths
                .iter()
                .any(|path| path_covers(path, attributes.path));
        }
        let resource = join(attributes.resource, attributes.subresource);
        has(&self.groups, attributes.group)
            && self.covers_resource(&resource)
            && (self.names.is_empty() || self.names.iter().any(|name| name == attributes.name))
    }

    /// `secrets`, `pods/log`; a rule may say `*` or `*/status`.
    fn covers_resource(&self, resource: &str) -> bool {
        let any = resource
            .split_once('/')
            .map(|(_, subresource)| format!("*/{subresource}"));
        has(&self.resources, resource) || any.is_some_and(|any| self.resources.contains(&any))
    }

    /// Whether this rule gives all that a rule of one verb, group, resource and name gives.
    pub(super) fn covers(&self, one: &Self) -> bool {
        let all = |wanted: &[String], had: &[String]| wanted.iter().all(|wanted| has(had, wanted));
        let names = self.names.is_empty()
            || (!one.names.is_empty() && one.names.iter().all(|name| self.names.contains(name)));
        let paths = |wanted: &String| self.paths.iter().any(|path| path_covers(path, wanted));
        all(&one.verbs, &self.verbs)
            && all(&one.groups, &self.groups)
            && one
                .resources
                .iter()
                .all(|resource| self.covers_resource(resource))
            && names
            && one.paths.iter().all(paths)
    }

    /// This rule as rules of one verb, group, resource and name each.
    pub(super) fn broken_down(&self) -> Vec<Self> {
        let mut rules = Vec::new();
        for group in &self.groups {
            for resource in &self.resources {
                for verb in &self.verbs {
                    let one = Self {
                        verbs: vec![verb.clone()],
                        groups: vec![group.clone()],
                        resources: vec![resource.clone()],
                        ..Self::default()
                    };
                    if self.names.is_empty() {
                        rules.push(one);
                        continue;
                    }
                    rules.extend(self.names.iter().map(|name| Self {
                        names: vec![name.clone()],
                        ..one.clone()
                    }));
                }
            }
        }
        for path in &self.paths {
            rules.extend(self.verbs.iter().map(|verb| Self {
                verbs: vec![verb.clone()],
                paths: vec![path.clone()],
                ..Self::default()
            }));
        }
        rules
    }

    pub(super) fn on_resources(&self) -> Option<Value> {
        let lists = [
            ("verbs", &self.verbs),
            ("apiGroups", &self.groups),
            ("resources", &self.resources),
            ("resourceNames", &self.names),
        ];
        (!self.resources.is_empty()).then(|| object(&lists))
    }

    pub(super) fn on_paths(&self) -> Option<Value> {
        let lists = [("verbs", &self.verbs), ("nonResourceURLs", &self.paths)];
        (!self.paths.is_empty()).then(|| object(&lists))
    }
}

fn object(lists: &[(&str, &Vec<String>)]) -> Value {
    let filled = lists.iter().filter(|(_, list)| !list.is_empty());
    filled
        .map(|(key, list)| ((*key).to_owned(), Value::from((*list).clone())))
        .collect::<Map<_, _>>()
        .into()
}

fn has(list: &[String], wanted: &str) -> bool {
    list.iter().any(|known| known == "*" || known == wanted)
}

fn path_covers(path: &str, wanted: &str) -> bool {
    path == wanted
        || path
            .strip_suffix('*')
            .is_some_and(|start| wanted.starts_with(start))
}

pub(super) fn join(resource: &str, subresource: &str) -> String {
    if subresource.is_empty() {
        return resource.to_owned();
    }
    format!("{resource}/{subresource}")
}
