//! What can be mounted.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::call::{Answer, Call, Env, Error, Grant, Internal, Op, Origin};
use super::kv::{Unversioned, Versioned};
use super::login::{AwsAuth, KubernetesAuth};
use super::{aws, kv, paths};

/// An engine with all it keeps.
pub(super) enum Engine {
    System,
    Token,
    Identity,
    Cubbyhole,
    Aws(Box<aws::Engine>),
    Unversioned(Box<Unversioned>),
    Versioned(Box<Versioned>),
    AwsAuth(Box<AwsAuth>),
    Kubernetes(Box<KubernetesAuth>),
    /// At work: something asks it while it asks for something.
    Away,
}

impl Engine {
    /// The engine of a type of mount.
    pub(super) fn of(
        kind: &str,
        is_auth: bool,
        options: &BTreeMap<String, String>,
    ) -> Option<Self> {
        let is_versioned = options.get("version").is_some_and(|version| version == "2");
        Some(match (kind, is_auth) {
            ("aws", false) => Self::Aws(Box::default()),
            ("kv", false) if is_versioned => Self::Versioned(Box::default()),
            ("kv", false) => {
                let has_leases = options
                    .get("leased_passthrough")
                    .is_some_and(|is| is == "true");
                Self::Unversioned(Box::new(Unversioned::new(has_leases)))
            }
            ("aws", true) => Self::AwsAuth(Box::default()),
            ("kubernetes", true) => Self::Kubernetes(Box::default()),
            _ => return None,
        })
    }

    /// Whether a path is for those who have no token yet.
    pub(super) fn is_login(&self, path: &str) -> bool {
        matches!(self, Self::AwsAuth(_) | Self::Kubernetes(_)) && path == "login"
    }

    /// Whether a write creates.
    pub(super) fn operation(&self, path: &str, data: &Map<String, Value>) -> Result<Op, Error> {
        match self {
            Self::Aws(engine) => paths::operation(aws::PATHS, &**engine, path, data),
            Self::Unversioned(engine) => paths::operation(kv::UNVERSIONED, &**engine, path, data),
            Self::Versioned(engine) => paths::operation(kv::VERSIONED, &**engine, path, data),
            Self::AwsAuth(engine) => {
                paths::operation(super::login::AWS_PATHS, &**engine, path, data)
            }
            Self::Kubernetes(engine) => {
                paths::operation(super::login::KUBERNETES_PATHS, &**engine, path, data)
            }
            _ => Ok(Op::Update),
        }
    }

    pub(super) fn handle(
        &mut self,
        call: &Call<'_>,
        data: Map<String, Value>,
        env: &mut Env<'_>,
    ) -> Answer {
        match self {
            Self::Aws(engine) => paths::dispatch(aws::PATHS, &mut **engine, call, data, env),
            Self::Unversioned(engine) => {
                paths::dispatch(kv::UNVERSIONED, &mut **engine, call, data, env)
            }
            Self::Versioned(engine) => {
                paths::dispatch(kv::VERSIONED, &mut **engine, call, data, env)
            }
            Self::AwsAuth(engine) => {
                paths::dispatch(super::login::AWS_PATHS, &mut **engine, call, data, env)
            }
            Self::Kubernetes(engine) => paths::dispatch(
                super::login::KUBERNETES_PATHS,
                &mut **engine,
                call,
                data,
                env,
            ),
            // Nothing is kept of entities but their ids.
            Self::Identity if matches!(call.op, Op::Read | Op::List) => Ok(None),
            _ => Err(Error::unsupported_path()),
        }
    }

    /// Takes back what a lease stands for.
    pub(super) fn revoke(
        &mut self,
        internal: &Internal,
        issued: Timestamp,
        env: &mut Env<'_>,
    ) -> Result<(), Error> {
        match self {
            Self::Aws(engine) => engine.revoke(internal, issued, env),
            _ => Ok(()),
        }
    }

    /// What a renewal starts from: a lifetime and the longest one.
    pub(super) fn renew(&self, internal: &Internal) -> (SignedDuration, SignedDuration) {
        match (self, internal) {
            (Self::Aws(engine), _) => engine.lease(),
            (_, Internal::Kv { ttl, .. }) => (*ttl, SignedDuration::ZERO),
            _ => (SignedDuration::ZERO, SignedDuration::ZERO),
        }
    }

    /// What a token of a login is renewed with, if whoever logged in still may.
    pub(super) fn renew_login(
        &mut self,
        origin: &Origin,
        env: &mut Env<'_>,
    ) -> Result<Grant, Error> {
        match self {
            Self::AwsAuth(engine) => engine.renew(origin, env),
            Self::Kubernetes(engine) => engine.renew(origin),
            _ => Err(Error::unsupported_path()),
        }
    }

    /// Makes versions of what has none; says whether there was something to do.
    pub(super) fn upgrade(&mut self, now: Timestamp) -> bool {
        let Self::Unversioned(kv) = self else {
            return false;
        };
        let values = std::mem::take(&mut kv.values);
        *self = Self::Versioned(Box::new(Versioned::of(values, now)));
        true
    }

    /// When half-done work is next cleaned up.
    pub(super) fn next_rollback(&self) -> Option<Timestamp> {
        match self {
            Self::Aws(engine) => engine.next_rollback(),
            _ => None,
        }
    }

    pub(super) fn rollback(&mut self, env: &mut Env<'_>) {
        if let Self::Aws(engine) = self {
            engine.rollback(env);
        }
    }
}
