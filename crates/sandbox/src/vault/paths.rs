//! The table of an engine's paths: which of them a request means, and what it
//! does there.

use serde_json::{Map, Value};

use super::call::{Answer, Call, Env, Error, Op};
use super::fields::{self, Fields, Kind, Schema};

/// What happens on a path.
pub(super) type Handler<T> = fn(&mut T, &Call<'_>, &Fields, &mut Env<'_>) -> Answer;

/// One path of an engine whose state is `T`.
pub(super) struct Path<T: 'static> {
    /// Segments: words, `{name}` for a name, `{name@}` for one that may have an `@`, `{name*}`
    /// for all that is left, `{name?}` for that or nothing; a `?` at the end of a word allows a
    /// slash after it.
    pattern: &'static str,
    schema: Schema,
    ops: &'static [(Op, Handler<T>)],
    /// Whether it is there: tells an update from a creation.
    exists: Option<fn(&T, &Fields) -> bool>,
    takes_anything: bool,
}

impl<T> Path<T> {
    pub(super) const fn new(
        pattern: &'static str,
        schema: Schema,
        ops: &'static [(Op, Handler<T>)],
    ) -> Self {
        Self {
            pattern,
            schema,
            ops,
            exists: None,
            takes_anything: false,
        }
    }

    pub(super) const fn that_exists(mut self, exists: fn(&T, &Fields) -> bool) -> Self {
        self.exists = Some(exists);
        self
    }

    /// Parameters of any name are meant to be there.
    pub(super) const fn of_anything(mut self) -> Self {
        self.takes_anything = true;
        self
    }

    fn handler(&self, op: Op) -> Option<Handler<T>> {
        let find = |op| self.ops.iter().find(|(known, _)| *known == op);
        let found = match op {
            Op::Create => find(Op::Create).or_else(|| find(Op::Update)),
            op => find(op),
        };
        found.map(|(_, handler)| *handler)
    }
}

type Captures<'a> = Vec<(&'static str, &'a str)>;

/// Whether a write creates: only where a path knows what it has.
pub(super) fn operation<T>(
    paths: &[Path<T>],
    state: &T,
    path: &str,
    data: &Map<String, Value>,
) -> Result<Op, Error> {
    let Some((found, captures)) = find(paths, path) else {
        return Ok(Op::Update);
    };
    let Some(exists) = found.exists else {
        return Ok(Op::Update);
    };
    fields::check(data, found.schema).map_err(Error::bad)?;
    let mut raw = data.clone();
    for (name, value) in captures {
        raw.insert(name.to_owned(), value.into());
    }
    let fields = Fields { raw };
    Ok(if exists(state, &fields) {
        Op::Update
    } else {
        Op::Create
    })
}

/// Does what a request asks for.
pub(super) fn dispatch<T>(
    paths: &[Path<T>],
    state: &mut T,
    call: &Call<'_>,
    data: Map<String, Value>,
    env: &mut Env<'_>,
) -> Answer {
    let (path, captures) = find(paths, call.path).ok_or_else(Error::unsupported_path)?;
    let handler = path
        .handler(call.op)
        .ok_or_else(Error::unsupported_operation)?;
    let mut fields = Fields { raw: data };
    let mut ignored: Vec<String> = Vec::new();
    if !path.takes_anything {
        let knows = |name: &str| path.schema.iter().any(|(known, _)| *known == name);
        let is_captured = |name: &str| captures.iter().any(|(known, _)| *known == name);
        ignored.extend(
            fields
                .raw
                .keys()
                .filter(|name| !knows(name) && !is_captured(name))
                .cloned(),
        );
    }
    let mut replaced: Vec<&str> = Vec::new();
    for (name, value) in captures {
        if fields.has(name) {
            replaced.push(name);
        }
        fields.raw.insert(name.to_owned(), value.into());
    }
    fields::check(&fields.raw, path.schema)
        .map_err(|error| Error::bad(format!("Field validation failed: {error}")))?;

    let mut reply = handler(state, call, &fields, env)?;
    if let Some(reply) = &mut reply {
        if !ignored.is_empty() {
            reply.warnings.push(format!(
                "Endpoint ignored these unrecognized parameters: [{}]",
                ignored.join(" ")
            ));
        }
        if !replaced.is_empty() {
            reply.warnings.push(format!(
                "Endpoint replaced the value of these parameters with the values captured from \
                 the endpoint's path: [{}]",
                replaced.join(" ")
            ));
        }
    }
    Ok(reply)
}

fn find<'a, 'b, T>(paths: &'b [Path<T>], path: &'a str) -> Option<(&'b Path<T>, Captures<'a>)> {
    paths.iter().find_map(|candidate| {
        captures(candidate.pattern, path).map(|captures| (candidate, captures))
    })
}

fn captures<'a>(pattern: &'static str, path: &'a str) -> Option<Captures<'a>> {
    let mut captures = Vec::new();
    let mut rest = path;
    let mut segments = pattern.split('/');
    while let Some(segment) = segments.next() {
        let is_last = segments.clone().next().is_none();
        if let Some(name) = segment.strip_prefix('{') {
            let name = name.strip_suffix('}')?;
            if let Some(name) = name.strip_suffix('*') {
                if rest.is_empty() {
                    return None;
                }
                captures.push((name, rest));
                return Some(captures);
            }
            if let Some(name) = name.strip_suffix('?') {
                captures.push((name, rest));
                return Some(captures);
            }
            let (name, allows_at) = match name.strip_suffix('@') {
                Some(name) => (name, true),
                None => (name, false),
            };
            let end = rest.find('/').unwrap_or(rest.len());
            let value = &rest[..end];
            if !is_name(value, allows_at) {
                return None;
            }
            captures.push((name, value));
            rest = &rest[end..];
        } else {
            let (word, allows_slash) = match segment.strip_suffix('?') {
                Some(word) => (word, true),
                None => (segment, false),
            };
            rest = rest.strip_prefix(word)?;
            if allows_slash && (rest.is_empty() || rest == "/") {
                return is_last.then_some(captures);
            }
        }
        if is_last {
            return rest.is_empty().then_some(captures);
        }
        // `{name?}` also stands for nothing at all.
        let is_optional = segments
            .clone()
            .next()
            .is_some_and(|next| next.ends_with("?}"));
        match rest.strip_prefix('/') {
            Some(left) => rest = left,
            None if is_optional && rest.is_empty() => {}
            None => return None,
        }
    }
    None
}

/// Letters, digits and `_` at both ends, `-` and `.` between them too.
fn is_name(text: &str, allows_at: bool) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let is_inner =
        |byte: u8| is_word(byte) || byte == b'-' || byte == b'.' || (allows_at && byte == b'@');
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
        return false;
    };
    is_word(*first) && is_word(*last) && bytes.iter().all(|byte| is_inner(*byte))
}

/// The parameters of an auth method's role that are the same for all methods.
pub(super) const NOTHING: &[(&str, Kind)] = &[];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_takes_what_vault_takes() {
        let of = |pattern, path| captures(pattern, path);
        assert_eq!(
            of("roles/{name@}", "roles/k8s.-.demo.aws-role"),
            Some(vec![("name", "k8s.-.demo.aws-role")])
        );
        assert_eq!(of("roles/{name@}", "roles/-bad"), None);
        assert_eq!(of("roles/{name@}", "roles/a/b"), None);
        assert_eq!(of("roles/{name@}", "roles/a/"), None);
        assert_eq!(of("roles?", "roles/"), Some(vec![]));
        assert_eq!(of("roles?", "roles"), Some(vec![]));
        assert_eq!(of("roles?", "rolesx"), None);
        assert_eq!(
            of("leases/lookup/{prefix?}", "leases/lookup/"),
            Some(vec![("prefix", "")])
        );
        assert_eq!(
            of("leases/lookup/{prefix?}", "leases/lookup"),
            Some(vec![("prefix", "")])
        );
        assert_eq!(
            of("leases/lookup/{prefix?}", "leases/lookup/aws/creds"),
            Some(vec![("prefix", "aws/creds")])
        );
        assert_eq!(of("revoke-prefix/{prefix*}", "revoke-prefix"), None);
        assert_eq!(
            of("mounts/{path*}", "mounts/a/b"),
            Some(vec![("path", "a/b")])
        );
    }
}
