//! All that Vault holds, and what its parts do together.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use ring::digest;

use super::acl::Acl;
use super::audit::Devices;
use super::call::{Auth, Env, Error, Login, Release};
use super::engine::Engine;
use super::ids::Ids;
use super::leases::{Lease, Leases, Wish, after, lifetime, truncated};
use super::mounts::{Mount, Mounts};
use super::policies::{self, Policies, sanitize};
use super::quotas::Quotas;
use super::sys::Migrations;
use super::tokens::{Renewal, Token, Tokens};

/// The whole state.
pub(super) struct Core {
    pub(super) version: String,
    pub(super) release: Release,
    pub(super) cluster_name: String,
    pub(super) cluster_id: String,
    pub(super) unseal_key: String,
    pub(super) started: Timestamp,
    pub(super) is_sealed: bool,
    pub(super) mounts: Mounts,
    pub(super) policies: Policies,
    pub(super) tokens: Tokens,
    pub(super) leases: Leases,
    pub(super) quotas: Quotas,
    pub(super) devices: Devices,
    pub(super) migrations: Migrations,
    /// Ids by the accessor of the mount and the name of the alias.
    entities: BTreeMap<(String, String), String>,
    /// How many tokens there may be before ended batch tokens are looked for.
    batch_check: usize,
}

impl Core {
    pub(super) fn new(config: super::Config, now: Timestamp, ids: &mut Ids) -> Self {
        let mut core = Self {
            release: release(&config.version),
            version: config.version,
            cluster_name: format!("vault-cluster-{}", ids.hex8()),
            cluster_id: ids.uuid(),
            unseal_key: config.unseal_key,
            started: now,
            is_sealed: false,
            mounts: Mounts::default(),
            policies: Policies::new(),
            tokens: Tokens::default(),
            leases: Leases::default(),
            quotas: Quotas::default(),
            devices: Devices::default(),
            migrations: Migrations::default(),
            entities: BTreeMap::new(),
            batch_check: 1024,
        };
        core.mount_the_usual(ids);
        let root = Token {
            id: config.root_token,
            path: "auth/token/create".to_owned(),
            policies: vec![policies::ROOT.to_owned()],
            display_name: "token".to_owned(),
            created: truncated(now),
            ..Token::default()
        };
        core.keep_token(root, false, now, ids);
        core
    }

    fn mount_the_usual(&mut self, ids: &mut Ids) {
        let mut add = |route: &str, kind: &str, description: &str, engine: Engine| {
            let mut mount = Mount::new(kind, route.starts_with("auth/"), engine, ids);
            description.clone_into(&mut mount.description);
            mount.options = None;
            mount.is_local = kind == "cubbyhole";
            mount.has_seal_wrap = kind == "system";
            let header = match kind {
                "identity" => Some("Authorization"),
                "system" => Some("Accept"),
                _ => None,
            };
            if let Some(header) = header {
                let lists = &mut mount.tuning.lists;
                lists.insert("passthrough_request_headers", vec![header.to_owned()]);
            }
            self.mounts.insert(route.to_owned(), mount);
        };
        add(
            "sys/",
            "system",
            "system endpoints used for control, policy and debugging",
            Engine::System,
        );
        add("identity/", "identity", "identity store", Engine::Identity);
        add(
            "cubbyhole/",
            "cubbyhole",
            "per-token private secret storage",
            Engine::Cubbyhole,
        );
        add(
            "auth/token/",
            "token",
            "token based credentials",
            Engine::Token,
        );
        add(
            "secret/",
            "kv",
            "key/value secret storage",
            Engine::Versioned(Box::default()),
        );
        if let Some(secret) = self.mounts.get_mut("secret/") {
            let version = ("version".to_owned(), "2".to_owned());
            secret.options = Some(BTreeMap::from([version]));
        }
    }

    /// The token of that id, if it is of use.
    pub(super) fn valid_token(&self, id: &str, now: Timestamp) -> Option<&Token> {
        let token = self.tokens.get(id)?;
        let is_valid = if token.is_batch {
            self.is_valid_batch(token, now)
        } else {
            let lease = self.leases.get(&token.lease_id);
            let lives = |lease: &Lease| lease.expires.is_none_or(|expires| expires >= now);
            token.num_uses >= 0 && lease.is_some_and(lives)
        };
        is_valid.then_some(token)
    }

    /// A batch token ends with its parent too.
    pub(super) fn is_valid_batch(&self, token: &Token, now: Timestamp) -> bool {
        token.end() > now
            && (token.parent.is_empty() || self.valid_token(&token.parent, now).is_some())
    }

    /// What a token may do.
    pub(super) fn acl(&mut self, id: &str) -> Arc<Acl> {
        match self.tokens.get(id) {
            Some(token) => self.policies.acl(&token.policies, &token.entity_id),
            None => Arc::default(),
        }
    }

    pub(super) fn has_sudo(&mut self, id: &str, path: &str) -> bool {
        self.acl(id).has_sudo(path)
    }

    /// Gives a new token its ids and its lease.
    pub(super) fn register_token(
        &mut self,
        token: Token,
        is_renewable: bool,
        env: &mut Env<'_>,
    ) -> Auth {
        self.keep_token(token, is_renewable, env.now, env.ids)
    }

    fn keep_token(
        &mut self,
        mut token: Token,
        is_renewable: bool,
        now: Timestamp,
        ids: &mut Ids,
    ) -> Auth {
        if token.is_batch {
            token.id = ids.batch_token();
            if self.tokens.count() >= self.batch_check {
                self.tokens.forget_batch(now);
                self.batch_check = (self.tokens.count() * 2).max(1024);
            }
        } else {
            let is_custom = !token.id.is_empty();
            if !is_custom {
                token.id = ids.service_token();
            }
            token.accessor = ids.short();
            token.lease_id = format!("{}/{}", token.path, salted(&token.id, is_custom));
            let expires = (!token.ttl.is_zero()).then(|| after(now, token.ttl));
            let lease = Lease {
                path: token.path.clone(),
                token: token.id.clone(),
                is_of_batch: false,
                issued: now,
                expires,
                renewed: None,
                is_renewable,
                secret: None,
                failure: None,
                attempts: 0,
                due: expires,
            };
            self.leases.insert(token.lease_id.clone(), lease);
        }
        let auth = self.auth_of(&token);
        self.tokens.insert(token);
        auth
    }

    /// A token as answers have it.
    pub(super) fn auth_of(&self, token: &Token) -> Auth {
        let lease = self.leases.get(&token.lease_id);
        Auth {
            client_token: token.id.clone(),
            accessor: token.accessor.clone(),
            policies: token.policies.clone(),
            metadata: token.meta.clone(),
            ttl: token.ttl,
            is_renewable: lease.is_some_and(|lease| lease.is_renewable),
            entity_id: token.entity_id.clone(),
            is_batch: token.is_batch,
            is_orphan: token.parent.is_empty(),
            num_uses: token.num_uses,
        }
    }

    /// How long a token lives on when it is renewed.
    pub(super) fn renewed_lifetime(
        &mut self,
        token: &Token,
        issued: Timestamp,
        increment: SignedDuration,
        env: &mut Env<'_>,
    ) -> Result<(SignedDuration, Vec<String>), Error> {
        let route = self.mounts.route_of(&token.path).map(str::to_owned);
        let mount = route.as_ref().and_then(|route| self.mounts.get_mut(route));
        let mount =
            mount.ok_or_else(|| Error::failed("unable to retrieve system view from router"))?;
        let view = mount.view();
        let renewal = match &token.origin {
            None if token.role.is_empty() => Renewal {
                ttl: token.last_ttl(),
                ..token.renewal
            },
            None => {
                let role = self.tokens.roles.get(&token.role).ok_or_else(|| {
                    Error::failed(format!(
                        "failed to renew entry: original token role \"{}\" could not be found, \
                         not renewing",
                        token.role
                    ))
                })?;
                role.renewal(token.last_ttl())
            }
            Some(origin) => {
                let mut engine = std::mem::replace(&mut mount.engine, Engine::Away);
                let grant = engine.renew_login(origin, env);
                mount.engine = engine;
                let grant = grant.map_err(|error| {
                    Error::failed(format!("failed to renew entry: {}", error.text()))
                })?;
                Renewal {
                    ttl: grant.ttl,
                    max_ttl: grant.max_ttl,
                    period: grant.period,
                    explicit_max_ttl: token.explicit_max_ttl,
                }
            }
        };
        let wish = Wish {
            increment,
            ttl: renewal.ttl,
            period: renewal.period,
            max_ttl: renewal.max_ttl,
            explicit_max_ttl: renewal.explicit_max_ttl,
        };
        lifetime(view, wish, Some(issued), env.now).map_err(Error::failed)
    }

    /// Makes the token of somebody who has logged in.
    pub(super) fn log_in(
        &mut self,
        login: Login,
        path: &str,
        mount: &str,
        env: &mut Env<'_>,
    ) -> Result<(Auth, Vec<String>), Error> {
        let Some(found) = self.mounts.get(mount) else {
            return Err(Error::failed("failed to find a matching mount"));
        };
        let (view, accessor) = (found.view(), found.accessor.clone());
        let is_batch = match found.tuning.token_type.as_deref() {
            Some("batch") => true,
            Some("service") => false,
            kind => login
                .grant
                .is_batch
                .unwrap_or_else(|| kind == Some("default-batch")),
        };
        let grant = &login.grant;
        let wish = Wish {
            ttl: grant.ttl,
            period: grant.period,
            max_ttl: grant.max_ttl,
            explicit_max_ttl: grant.explicit_max_ttl,
            ..Wish::default()
        };
        let (ttl, warnings) = lifetime(view, wish, None, env.now).map_err(Error::failed)?;
        let policies = sanitize(&grant.policies, !grant.has_no_default_policy);
        for name in &policies {
            if name == policies::ROOT {
                return Err(Error::bad("auth methods cannot create root tokens"));
            }
            if policies::INTERNAL.contains(&name.as_str()) {
                return Err(Error::bad(format!("cannot assign policy \"{name}\"")));
            }
        }
        let alias = (accessor, login.alias);
        let entity_id = self.entities.entry(alias).or_insert_with(|| env.ids.uuid());
        let source = mount.trim_start_matches("auth/").replace('/', "-");
        let display_name = format!("{source}{}", login.display_name);
        let token = Token {
            path: path.to_owned(),
            policies,
            meta: Some(login.metadata),
            display_name: display_name.trim_end_matches('-').to_owned(),
            num_uses: grant.num_uses,
            created: truncated(env.now),
            ttl,
            explicit_max_ttl: grant.explicit_max_ttl,
            period: grant.period,
            is_batch,
            entity_id: entity_id.clone(),
            bound_cidrs: grant.bound_cidrs.clone(),
            origin: Some(login.origin),
            ..Token::default()
        };
        Ok((self.register_token(token, !is_batch, env), warnings))
    }

    /// The ids of all entities.
    pub(super) fn entity_ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.entities.values().cloned().collect();
        ids.sort();
        ids
    }

    /// Forgets whom a mount knew.
    pub(super) fn forget_entities(&mut self, accessor: &str) {
        self.entities.retain(|(of, _), _| of != accessor);
    }
}

fn release(version: &str) -> Release {
    let mut numbers = version.split('.').map(|part| part.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    (next(), next())
}

/// The last part of the lease id of a token, which does not tell the token.
fn salted(id: &str, is_custom: bool) -> String {
    let algorithm = if is_custom {
        &digest::SHA1_FOR_LEGACY_USE_ONLY
    } else {
        &digest::SHA256
    };
    let mut text = if is_custom {
        String::new()
    } else {
        "h".to_owned()
    };
    for byte in digest::digest(algorithm, id.as_bytes()).as_ref() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
