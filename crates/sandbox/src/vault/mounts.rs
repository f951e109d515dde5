//! Where engines are mounted, and how they are tuned.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use super::call::View;
use super::engine::Engine;
use super::ids::Ids;

/// 768 hours.
pub(super) const SYSTEM_TTL: SignedDuration = SignedDuration::from_hours(768);

/// One mount.
#[expect(clippy::struct_excessive_bools, reason = "Vault shows them so")]
pub(super) struct Mount {
    pub(super) kind: String,
    pub(super) accessor: String,
    pub(super) uuid: String,
    pub(super) description: String,
    pub(super) tuning: Tuning,
    /// `null`, not an empty map, for what was always there.
    pub(super) options: Option<BTreeMap<String, String>>,
    pub(super) is_local: bool,
    pub(super) has_seal_wrap: bool,
    pub(super) has_external_entropy: bool,
    /// Being disabled: nothing reaches it but revocations.
    pub(super) is_tainted: bool,
    pub(super) engine: Engine,
}

/// What can be changed while it is mounted.
#[derive(Debug, Clone, Default)]
pub(super) struct Tuning {
    /// Zero: the system's.
    pub(super) default_ttl: SignedDuration,
    pub(super) max_ttl: SignedDuration,
    pub(super) forces_no_cache: bool,
    pub(super) listing_visibility: String,
    /// Only of an auth method.
    pub(super) token_type: Option<String>,
    /// Lists by their names: what is passed on and what is not hidden.
    pub(super) lists: BTreeMap<&'static str, Vec<String>>,
}

/// The lists a mount may be tuned with.
pub(super) const LISTS: [&str; 5] = [
    "audit_non_hmac_request_keys",
    "audit_non_hmac_response_keys",
    "passthrough_request_headers",
    "allowed_response_headers",
    "allowed_managed_keys",
];

impl Tuning {
    fn extend(&self, map: &mut Map<String, Value>) {
        if !self.listing_visibility.is_empty() {
            map.insert(
                "listing_visibility".to_owned(),
                self.listing_visibility.clone().into(),
            );
        }
        if let Some(kind) = &self.token_type {
            map.insert("token_type".to_owned(), kind.clone().into());
        }
        for (name, list) in &self.lists {
            map.insert((*name).to_owned(), list.clone().into());
        }
    }
}

impl Mount {
    pub(super) fn new(kind: &str, is_auth: bool, engine: Engine, ids: &mut Ids) -> Self {
        let prefix = if is_auth { "auth_" } else { "" };
        Self {
            kind: kind.to_owned(),
            accessor: format!("{prefix}{kind}_{}", ids.hex8()),
            uuid: ids.uuid(),
            description: String::new(),
            tuning: Tuning {
                token_type: is_auth.then(|| "default-service".to_owned()),
                ..Tuning::default()
            },
            options: Some(BTreeMap::new()),
            is_local: false,
            has_seal_wrap: false,
            has_external_entropy: false,
            is_tainted: false,
            engine,
        }
    }

    /// The lifetimes that hold for it.
    pub(super) fn view(&self) -> View {
        let or_system = |ttl: SignedDuration| if ttl.is_zero() { SYSTEM_TTL } else { ttl };
        View {
            default: or_system(self.tuning.default_ttl),
            max: or_system(self.tuning.max_ttl),
        }
    }

    /// What it is, as a list of mounts shows it.
    pub(super) fn info(&self, version: &str) -> Map<String, Value> {
        self.info_with(version, self.tuning.default_ttl, self.tuning.max_ttl)
    }

    /// The same with the lifetimes that hold.
    pub(super) fn effective_info(&self, version: &str) -> Map<String, Value> {
        let view = self.view();
        self.info_with(version, view.default, view.max)
    }

    fn info_with(
        &self,
        version: &str,
        default: SignedDuration,
        max: SignedDuration,
    ) -> Map<String, Value> {
        let mut config = Map::new();
        config.insert("default_lease_ttl".to_owned(), default.as_secs().into());
        config.insert("max_lease_ttl".to_owned(), max.as_secs().into());
        config.insert(
            "force_no_cache".to_owned(),
            self.tuning.forces_no_cache.into(),
        );
        self.tuning.extend(&mut config);
        let running = match self.kind.as_str() {
            "kv" => "v0.25.0+builtin".to_owned(),
            "kubernetes" => "v0.23.0+builtin".to_owned(),
            _ => format!("v{version}+builtin.vault"),
        };
        let mut info = object(json!({
            "accessor": self.accessor,
            "config": config,
            "description": self.description,
            "external_entropy_access": self.has_external_entropy,
            "local": self.is_local,
            "options": self.options,
            "plugin_version": "",
            "running_plugin_version": running,
            "running_sha256": "",
            "seal_wrap": self.has_seal_wrap,
            "type": self.kind,
            "uuid": self.uuid,
        }));
        if !matches!(
            self.kind.as_str(),
            "cubbyhole" | "identity" | "system" | "token" | "generic"
        ) {
            info.insert("deprecation_status".to_owned(), "supported".into());
        }
        info
    }

    /// How it is tuned.
    pub(super) fn tune(&self) -> Map<String, Value> {
        let view = self.view();
        let mut tune = object(json!({
            "default_lease_ttl": view.default.as_secs(),
            "max_lease_ttl": view.max.as_secs(),
            "description": self.description,
            "force_no_cache": self.tuning.forces_no_cache,
        }));
        self.tuning.extend(&mut tune);
        if let Some(options) = &self.options
            && !options.is_empty()
        {
            tune.insert("options".to_owned(), json!(options));
        }
        tune
    }
}

/// The map in a JSON object.
pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// All mounts by route: `aws/`, `auth/token/`, `sys/`.
#[derive(Default)]
pub(super) struct Mounts(BTreeMap<String, Mount>);

impl Mounts {
    pub(super) fn insert(&mut self, route: String, mount: Mount) {
        self.0.insert(route, mount);
    }

    pub(super) fn get(&self, route: &str) -> Option<&Mount> {
        self.0.get(route)
    }

    pub(super) fn get_mut(&mut self, route: &str) -> Option<&mut Mount> {
        self.0.get_mut(route)
    }

    pub(super) fn remove(&mut self, route: &str) -> Option<Mount> {
        self.0.remove(route)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &Mount)> {
        self.0.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&String, &mut Mount)> {
        self.0.iter_mut()
    }

    /// The route a path belongs to.
    pub(super) fn route_of<'a>(&self, path: &'a str) -> Option<&'a str> {
        path.match_indices('/')
            .map(|(at, _)| &path[..=at])
            .find(|route| self.0.contains_key(*route))
    }

    /// A mount that another at this route would shadow, or be shadowed by.
    pub(super) fn conflict(&self, route: &str) -> Option<&str> {
        self.0
            .keys()
            .find(|known| known.starts_with(route) || route.starts_with(known.as_str()))
            .map(String::as_str)
    }
}
