//! Vault: a stand-in that real clients, the `vault` command among them, take for the real one.
//!
//! [`Vault`] is the whole of it: a state machine that is given a [`Request`] and the time and
//! gives a [`Response`]. What it has to ask of others, AWS and a Kubernetes API server, it asks
//! through [`Upstream`]. It enforces policies, keeps leases and revokes them, and refuses in
//! Vault's words.

#![expect(
    clippy::unnecessary_wraps,
    reason = "what a path does is in a table, and those have one type"
)]

mod acl;
mod audit;
mod aws;
mod call;
mod core;
mod cubbyhole;
mod engine;
mod expiry;
mod fields;
mod go;
mod hcl;
mod http;
mod ids;
mod json;
mod kv;
mod leases;
mod login;
mod mounts;
mod paths;
mod policies;
mod policy;
mod quotas;
mod requests;
#[cfg(feature = "http")]
mod served;
mod sys;
mod tokens;
mod wrapping;

use jiff::Timestamp;

use self::core::Core;
use call::Env;
use http::{Incoming, Stop};
use ids::Ids;

pub use crate::faults::{Cut, Fault, FaultPlan, Rule};
pub use crate::wire::{Request, Response};
pub use audit::Audited;
#[cfg(feature = "http")]
pub use served::Wired;

/// What a server starts with: initialized, unsealed, one root token, as `vault server -dev`.
#[derive(Clone)]
pub struct Config {
    /// The token that may do everything.
    pub root_token: String,
    /// The version it says it is. Before 1.17 an unknown token gets the words of a refused
    /// one, and before 1.19 a write of `config/root` of the AWS engine replaces all of it.
    pub version: String,
    /// What ids and secrets are made from: the same seed makes the same ones.
    pub seed: u64,
    /// What unseals it, in Base64 or hexadecimal.
    pub unseal_key: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            root_token: "root".to_owned(),
            version: "1.21.0".to_owned(),
            seed: 0,
            unseal_key: "c2FuZGJveCB1bnNlYWwga2V5IG9mIDMyIGJ5dGVzISE=".to_owned(),
        }
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("version", &self.version)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

/// Whom Vault calls: AWS's IAM and STS, the Kubernetes API server.
pub trait Upstream {
    /// Sends a request to the server at `url`, which is a scheme and an authority, and gives
    /// its answer; an error where none comes, in the words of Go's HTTP client after the URL:
    /// `dial tcp 127.0.0.1:1: connect: connection refused`, or `EOF`.
    fn call(&mut self, url: &str, request: &Request) -> Result<Response, String>;

    /// How long those that were called since this was last asked kept Vault waiting, beyond
    /// what passed on the clock.
    fn late(&mut self) -> std::time::Duration {
        std::time::Duration::ZERO
    }
}

/// Nobody is there.
impl Upstream for () {
    fn call(&mut self, url: &str, _: &Request) -> Result<Response, String> {
        let host = url.split_once("://").map_or(url, |(_, host)| host);
        Err(format!("dial tcp: lookup {host}: no such host"))
    }
}

/// One Vault server.
pub struct Vault {
    core: Core,
    ids: Ids,
    faults: crate::faults::Faults,
    log: audit::Log,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault")
            .field("version", &self.core.version)
            .field("is_sealed", &self.core.is_sealed)
            .finish_non_exhaustive()
    }
}

impl Vault {
    /// A server as it comes up in development mode.
    pub fn new(config: Config, now: Timestamp) -> Self {
        let mut ids = Ids::new(config.seed);
        Self {
            core: Core::new(config, now, &mut ids),
            ids,
            faults: crate::faults::Faults::default(),
            log: audit::Log::default(),
        }
    }

    /// Says anew what shall go wrong.
    pub fn set_faults(&mut self, plan: FaultPlan) {
        self.faults = crate::faults::Faults::new(plan);
    }

    /// Takes from the plan what shall happen to a request; it counts as having happened. Follow
    /// it with [`Self::answer`].
    pub fn fault(&mut self, request: &Request, _now: Timestamp) -> Fault {
        self.faults.take(request)
    }

    /// By rule of the plan: to how many calls it happened. A test that plans a fault sees by
    /// it that the fault was met.
    pub fn faults_met(&self) -> &[u64] {
        self.faults.met()
    }

    /// Answers a request to which a fault happens: with the fault's error, but without its
    /// delays and cuts. What is due is done first; what the request makes due, such as the
    /// revocation of a dead token's leases, is left to [`Self::advance`].
    pub fn answer(
        &mut self,
        request: &Request,
        fault: &Fault,
        now: Timestamp,
        upstream: &mut dyn Upstream,
    ) -> Response {
        self.advance(now, upstream);
        if let Some((status, message)) = &fault.error {
            return http::refusal(&requests::faulty(*status, message.as_deref()));
        }
        let mut env = Env {
            now,
            ids: &mut self.ids,
            upstream,
            release: self.core.release,
        };
        let route = match http::route(request) {
            Ok(route) => route,
            Err(Stop::Elsewhere(path)) => return http::redirect(path),
            Err(Stop::Refused(error)) => return http::refusal(&error),
        };
        if let Some(response) = sys::before_everything(&mut self.core, request, &route, &env) {
            return response;
        }
        let incoming = match Incoming::of(request, route) {
            Ok(incoming) => incoming,
            Err(error) => return http::refusal(&error),
        };
        if !self.log.is_on() {
            return self.core.serve(incoming, &mut env);
        }
        let token = self.core.tokens.get(&incoming.token);
        let mut audited = Audited {
            at: now,
            operation: incoming.op.name(),
            path: incoming.route.clone(),
            status: 0,
            accessor: token.map_or_else(String::new, |token| token.accessor.clone()),
        };
        let response = self.core.serve(incoming, &mut env);
        audited.status = response.status;
        self.log.push(audited);
        response
    }

    /// Does what is due: revokes what has expired, at AWS too, tries again what failed, and
    /// cleans up what was left half done. Says when to call again; a request may make something
    /// due earlier, so ask after each.
    pub fn advance(&mut self, now: Timestamp, upstream: &mut dyn Upstream) -> Option<Timestamp> {
        self.core.advance(&mut Env {
            now,
            ids: &mut self.ids,
            upstream,
            release: self.core.release,
        })
    }

    /// Seals it: nothing is answered but that, and nothing expires, though time goes on.
    pub fn seal(&mut self) {
        self.core.is_sealed = true;
    }

    /// Unseals it: what expired meanwhile is due now.
    pub fn unseal(&mut self) {
        self.core.unseal();
    }

    /// Whether it is sealed.
    pub fn is_sealed(&self) -> bool {
        self.core.is_sealed
    }

    /// How many leases there are, tokens' own among them: for figures.
    pub fn lease_count(&self) -> usize {
        self.core.leases.count()
    }

    /// Keeps the last so many requests for [`Self::audited`]; 0 keeps none, as at first.
    pub fn set_audit(&mut self, most: usize) {
        self.log.keep(most);
    }

    /// The last requests that were answered, oldest first; those below `sys/health` and its
    /// like are not among them.
    pub fn audited(&self) -> impl Iterator<Item = &Audited> {
        self.log.entries()
    }
}

#[cfg(test)]
mod tests;
