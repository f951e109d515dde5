//! A request's way: to its mount, past its policies, and back as an answer.

use serde_json::Map;

use super::acl::Question;
use super::call::{Answer, Call, Env, Error, Internal, Op, Reply, Secret, View};
use super::core::Core;
use super::engine::Engine;
use super::http::{self, Incoming};
use super::leases::{Lease, Wish, after, lifetime};
use super::mounts::{Mount, SYSTEM_TTL};
use super::{cubbyhole, paths, sys, tokens};
use crate::wire::Response;

/// What a fault's status is told with, where the plan has no words.
pub(super) fn faulty(status: u16, message: Option<&str>) -> Error {
    if let Some(message) = message {
        return Error::said(status, message);
    }
    match status {
        403 => Error::denied(),
        404 => Error::silent(404),
        405 => Error::unsupported_operation(),
        412 => Error::said(status, "required index state not present"),
        429 => Error::said(status, "request path: rate limit quota exceeded"),
        503 => Error::said(status, "Vault is sealed"),
        500 | 502 => Error::coded(status, "internal error"),
        _ => Error::silent(status),
    }
}

impl Core {
    /// Answers a request that is not about the server itself.
    pub(super) fn serve(&mut self, incoming: Incoming, env: &mut Env<'_>) -> Response {
        let route = self.mounts.route_of(&incoming.route).unwrap_or_default();
        let taken = self.quotas.take(&incoming.route, route, env.now);
        let mut response = if taken.is_allowed {
            self.serve_allowed(incoming, env)
        } else {
            http::refusal(&Error::said(
                429,
                format!(
                    "request path \"{}\": rate limit quota exceeded",
                    incoming.route
                ),
            ))
        };
        response.headers.extend(taken.headers);
        response
    }

    fn serve_allowed(&mut self, incoming: Incoming, env: &mut Env<'_>) -> Response {
        let Incoming {
            op,
            route,
            token,
            wrap,
            ..
        } = &incoming;
        let (op, route, token, wrap) = (*op, route.clone(), token.clone(), *wrap);
        let mount = self.mounts.route_of(&route).unwrap_or_default().to_owned();
        let mount_type = self
            .mounts
            .get(&mount)
            .map_or(String::new(), |mount| mount.kind.clone());
        let is_login = self
            .mounts
            .get(&mount)
            .is_some_and(|found| found.engine.is_login(&route[mount.len()..]));
        let is_open = is_login || sys::is_open(&route);
        let answer = self.handle(incoming, &mount, is_open, env);
        let answer = match answer {
            Ok(Some(reply)) if wrap.is_some() && reply.body.is_none() => Ok(Some(self.wrap(
                reply,
                &route,
                &mount_type,
                wrap.unwrap_or(SYSTEM_TTL),
                env,
            ))),
            other => other,
        };
        let answer = self.after_last_use(&token, answer, env);
        let mount_type = if is_open { "" } else { &mount_type };
        match answer {
            Ok(reply) => http::reply(op, reply, &env.ids.uuid(), mount_type),
            Err(error) if is_open => http::refusal(&error.bare()),
            Err(error) => http::refusal(&error),
        }
    }

    fn handle(
        &mut self,
        incoming: Incoming,
        mount: &str,
        is_open: bool,
        env: &mut Env<'_>,
    ) -> Answer {
        let Incoming {
            mut op,
            route,
            data,
            token,
            wrap,
        } = incoming;
        if op.is_write() && route.ends_with('/') {
            return Err(Error::bad("cannot write to a path ending in '/'"));
        }
        if !is_open && token.is_empty() {
            return Err(Error::denied().bare());
        }
        let path = route.get(mount.len()..).unwrap_or_default();
        if let Some(answer) = self.unwrapping(&route, op, &data, &token, env) {
            return answer;
        }
        if !is_open {
            if self.valid_token(&token, env.now).is_none() {
                return Err(Error::bad_token(env.release));
            }
            if op == Op::Update {
                op = self.operation(mount, path, &data)?;
            }
            let question = Question {
                op,
                path: &route,
                data: &data,
                wrap,
                needs_sudo: sys::needs_sudo(&route),
            };
            let is_allowed = self.acl(&token).allows(&question);
            self.use_token(&token);
            if !is_allowed {
                return Err(Error::denied());
            }
        }
        let display_name = self
            .tokens
            .get(&token)
            .map_or(String::new(), |token| token.display_name.clone());
        let found = self.mounts.get(mount);
        let call = Call {
            op,
            path,
            route: &route,
            mount,
            token: &token,
            display_name: &display_name,
            view: found.map_or(
                View {
                    default: SYSTEM_TTL,
                    max: SYSTEM_TTL,
                },
                Mount::view,
            ),
            wrap,
        };
        let reply = self.dispatch(&call, data, env)?;
        self.finish(&call, reply, env)
            .map(Some)
            .or_else(|nothing| match nothing {
                Some(error) => Err(error),
                None => Ok(None),
            })
    }

    /// Whether a write creates, as far as its mount can tell.
    fn operation(
        &self,
        mount: &str,
        path: &str,
        data: &Map<String, serde_json::Value>,
    ) -> Result<Op, Error> {
        match self.mounts.get(mount).map(|mount| &mount.engine) {
            Some(Engine::System) => paths::operation(sys::PATHS, self, path, data),
            Some(Engine::Token) => paths::operation(tokens::PATHS, self, path, data),
            Some(engine) => engine.operation(path, data),
            None => Ok(Op::Update),
        }
    }

    fn dispatch(
        &mut self,
        call: &Call<'_>,
        data: Map<String, serde_json::Value>,
        env: &mut Env<'_>,
    ) -> Answer {
        let no_route = |why: &str| {
            Error::said(
                404,
                format!(
                    "no handler for route \"{}\". route entry {why}.",
                    call.route
                ),
            )
        };
        let mount = self
            .mounts
            .get(call.mount)
            .ok_or_else(|| no_route("not found"))?;
        if mount.is_tainted {
            return Err(no_route("is tainted"));
        }
        match mount.engine {
            Engine::System => paths::dispatch(sys::PATHS, self, call, data, env),
            Engine::Token => paths::dispatch(tokens::PATHS, self, call, data, env),
            Engine::Cubbyhole => cubbyhole::handle(self, call, data),
            Engine::Identity if call.op == Op::List && call.path == "entity/id/" => {
                Ok(Reply::keys(self.entity_ids()))
            }
            _ => {
                let mut engine = self.take_engine(call.mount);
                let answer = engine.handle(call, data, env);
                self.put_engine(call.mount, engine);
                answer
            }
        }
    }

    /// Gives an answer its lease, or its token.
    fn finish(
        &mut self,
        call: &Call<'_>,
        reply: Option<Reply>,
        env: &mut Env<'_>,
    ) -> Result<Reply, Option<Error>> {
        let mut reply = reply.ok_or(None)?;
        if let Some(login) = reply.login.take() {
            let (auth, warnings) = self
                .log_in(*login, call.route, call.mount, env)
                .map_err(Some)?;
            reply.warnings.extend(warnings);
            reply.auth = Some(Box::new(auth));
        }
        if let Some(secret) = &mut reply.secret
            && secret.lease_id.is_empty()
            && !matches!(
                secret.internal,
                Internal::Kv {
                    is_leased: false,
                    ..
                }
            )
        {
            let warnings = self.lease(call, secret, env).map_err(Some)?;
            reply.warnings.extend(warnings);
        }
        Ok(reply)
    }

    fn lease(
        &mut self,
        call: &Call<'_>,
        secret: &mut Secret,
        env: &mut Env<'_>,
    ) -> Result<Vec<String>, Error> {
        let wish = Wish {
            ttl: secret.ttl,
            max_ttl: secret.max_ttl,
            ..Wish::default()
        };
        let (ttl, warnings) = lifetime(call.view, wish, None, env.now).map_err(Error::failed)?;
        let id = format!("{}/{}", call.route, env.ids.short());
        let mut expires = after(env.now, ttl);
        let mut is_of_batch = false;
        if let Some(token) = self.tokens.get_mut(call.token) {
            is_of_batch = token.is_batch;
            if is_of_batch {
                expires = expires.min(token.end());
                let parent = token.parent.clone();
                if let Some(parent) = self.tokens.get_mut(&parent) {
                    parent.leases.insert(id.clone());
                }
            } else {
                token.leases.insert(id.clone());
            }
        }
        let lease = Lease {
            path: call.route.to_owned(),
            token: call.token.to_owned(),
            is_of_batch,
            issued: env.now,
            expires: Some(expires),
            renewed: None,
            is_renewable: secret.is_renewable,
            secret: Some(secret.internal.clone()),
            failure: None,
            attempts: 0,
            due: Some(expires),
        };
        self.leases.insert(id.clone(), lease);
        secret.lease_id = id;
        let left = expires.duration_since(env.now);
        secret.ttl = left.round(jiff::Unit::Second).unwrap_or(left);
        Ok(warnings)
    }

    /// Counts a use of a token that has only so many.
    fn use_token(&mut self, id: &str) {
        if let Some(token) = self.tokens.get_mut(id)
            && token.num_uses > 0
        {
            token.num_uses = if token.num_uses == 1 {
                -1
            } else {
                token.num_uses - 1
            };
        }
    }

    /// A token that was used for the last time ends, and what it was given with it.
    fn after_last_use(&mut self, id: &str, answer: Answer, env: &Env<'_>) -> Answer {
        let is_over = self.tokens.get(id).is_some_and(|token| token.num_uses < 0);
        if !is_over {
            return answer;
        }
        self.revoke_tree(id, env.now);
        match answer {
            Ok(Some(Reply {
                secret: Some(secret),
                ..
            })) if !secret.lease_id.is_empty() => Err(Error::bad(
                "Secret cannot be returned; token had one use left, so leased credentials \
                     were immediately revoked.",
            )),
            other => other,
        }
    }

    pub(super) fn unseal(&mut self) {
        self.is_sealed = false;
        self.leases.restart();
    }
}
