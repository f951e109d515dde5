//! Answers that are kept for whoever has their token.

use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use super::call::{Answer, Env, Error, Op, Reply};
use super::core::Core;
use super::http::{self, time};
use super::leases::truncated;
use super::policies;
use super::tokens::{Token, Wrapped};

const INVALID: &str = "wrapping token is not valid or does not exist";

impl Core {
    /// Keeps an answer, and gives the token it can be had with.
    pub(super) fn wrap(
        &mut self,
        mut reply: Reply,
        path: &str,
        mount_type: &str,
        ttl: SignedDuration,
        env: &mut Env<'_>,
    ) -> Reply {
        let accessor = reply.auth.as_ref().map(|auth| auth.accessor.clone());
        let warnings = std::mem::take(&mut reply.warnings);
        let body = http::envelope(&reply, &env.ids.uuid(), mount_type);
        self.keep(body, path, ttl, accessor, &warnings, env)
    }

    fn keep(
        &mut self,
        body: String,
        path: &str,
        ttl: SignedDuration,
        accessor: Option<String>,
        warnings: &[String],
        env: &mut Env<'_>,
    ) -> Reply {
        let token = Token {
            path: path.to_owned(),
            policies: vec![policies::WRAPPING.to_owned()],
            num_uses: 1,
            created: truncated(env.now),
            ttl,
            explicit_max_ttl: ttl,
            wrapped: Some(Wrapped {
                body,
                path: path.to_owned(),
                at: env.now,
                ttl,
            }),
            ..Token::default()
        };
        let auth = self.register_token(token, false, env);
        let mut info = json!({
            "token": auth.client_token,
            "accessor": auth.accessor,
            "ttl": ttl.as_secs(),
            "creation_time": time(env.now),
            "creation_path": path,
        });
        if let Some(accessor) = accessor {
            info["wrapped_accessor"] = accessor.into();
        }
        Reply {
            body: Some(http::wrapped(&info, warnings)),
            ..Reply::default()
        }
    }

    /// Answers what is about a wrapping token; nothing if a request is not.
    pub(super) fn unwrapping(
        &mut self,
        route: &str,
        op: Op,
        data: &Map<String, Value>,
        token: &str,
        env: &mut Env<'_>,
    ) -> Option<Answer> {
        let act = match (route, op) {
            ("sys/wrapping/lookup", Op::Update | Op::Read) => Self::look_at,
            ("sys/wrapping/unwrap", Op::Update) => Self::unwrap_token,
            ("sys/wrapping/rewrap", Op::Update) => Self::rewrap,
            _ => return None,
        };
        let named = data.get("token").and_then(Value::as_str);
        let id = match named {
            Some("") => return Some(Err(bad("empty token in request body"))),
            Some(named) => named,
            None if token.is_empty() => return Some(Err(bad("token is empty"))),
            None => token,
        };
        let is_known = self
            .valid_token(id, env.now)
            .is_some_and(|token| token.wrapped.is_some());
        if !is_known {
            return Some(Err(Error::bad(INVALID)));
        }
        Some(act(self, id, env))
    }

    fn look_at(&mut self, id: &str, _: &mut Env<'_>) -> Answer {
        let wrapped = self.tokens.get(id).and_then(|token| token.wrapped.as_ref());
        let Some(wrapped) = wrapped else {
            return Err(Error::bad(INVALID));
        };
        let mut data = Map::new();
        data.insert("creation_path".to_owned(), wrapped.path.clone().into());
        data.insert("creation_time".to_owned(), time(wrapped.at));
        data.insert("creation_ttl".to_owned(), wrapped.ttl.as_secs().into());
        Ok(Some(Reply::data(data)))
    }

    fn take_wrapped(&mut self, id: &str, env: &Env<'_>) -> Result<Wrapped, Error> {
        let token = self.tokens.get_mut(id);
        let wrapped = token.and_then(|token| token.wrapped.take());
        self.revoke_tree(id, env.now);
        wrapped.ok_or_else(|| Error::bad(INVALID))
    }

    fn unwrap_token(&mut self, id: &str, env: &mut Env<'_>) -> Answer {
        let wrapped = self.take_wrapped(id, env)?;
        Ok(Some(Reply {
            body: Some(wrapped.body),
            ..Reply::default()
        }))
    }

    fn rewrap(&mut self, id: &str, env: &mut Env<'_>) -> Answer {
        let wrapped = self.take_wrapped(id, env)?;
        Ok(Some(self.keep(
            wrapped.body,
            &wrapped.path,
            wrapped.ttl,
            None,
            &[],
            env,
        )))
    }
}

fn bad(why: &str) -> Error {
    Error::said(403, format!("error validating wrapping token: {why}"))
}
