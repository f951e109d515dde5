//! One request on its way through Vault, and what comes back.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::Upstream;
use super::go;
use super::ids::Ids;

/// What is done to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Read,
    List,
    Create,
    Update,
    Delete,
    Patch,
}

impl Op {
    pub(super) fn is_write(self) -> bool {
        matches!(self, Self::Create | Self::Update)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::List => "list",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Patch => "patch",
        }
    }
}

/// What everything that happens may need.
pub(super) struct Env<'a> {
    pub(super) now: Timestamp,
    pub(super) ids: &'a mut Ids,
    pub(super) upstream: &'a mut dyn Upstream,
    pub(super) release: Release,
}

/// The major and the minor number of a version.
pub(super) type Release = (u32, u32);

/// The lifetimes a mount gives.
#[derive(Debug, Clone, Copy)]
pub(super) struct View {
    pub(super) default: SignedDuration,
    pub(super) max: SignedDuration,
}

/// A request as the engine of its mount sees it.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) op: Op,
    /// Below the mount.
    pub(super) path: &'a str,
    /// With the mount.
    pub(super) route: &'a str,
    /// `aws/`.
    pub(super) mount: &'a str,
    /// Nothing on paths that need none.
    pub(super) token: &'a str,
    pub(super) display_name: &'a str,
    pub(super) view: View,
    pub(super) wrap: Option<SignedDuration>,
}

/// What an engine answers: nothing is 204 after a write and 404 after a read.
pub(super) type Answer = Result<Option<Reply>, Error>;

#[derive(Debug, Default)]
pub(super) struct Reply {
    pub(super) data: Option<Map<String, Value>>,
    pub(super) warnings: Vec<String>,
    pub(super) secret: Option<Secret>,
    pub(super) auth: Option<Box<Auth>>,
    pub(super) login: Option<Box<Login>>,
    pub(super) status: Option<u16>,
    /// The data's keys stand beside the envelope too.
    pub(super) is_flat: bool,
    /// The whole body, made already: unwrapped, or no envelope at all.
    pub(super) body: Option<String>,
    /// Where the mount's own is not what Vault says.
    pub(super) mount_type: Option<&'static str>,
}

impl Reply {
    pub(super) fn data(data: Map<String, Value>) -> Self {
        Self {
            data: Some(data),
            ..Self::default()
        }
    }

    /// The keys of a list; none at all is 404.
    pub(super) fn keys(keys: Vec<String>) -> Option<Self> {
        if keys.is_empty() {
            return None;
        }
        let mut data = Map::new();
        data.insert("keys".to_owned(), keys.into());
        Some(Self::data(data))
    }

    pub(super) fn flat(data: Map<String, Value>) -> Self {
        Self {
            is_flat: true,
            ..Self::data(data)
        }
    }

    pub(super) fn warning(text: impl Into<String>) -> Self {
        Self {
            warnings: vec![text.into()],
            ..Self::default()
        }
    }

    /// Nothing where there is nothing to say.
    pub(super) fn of_warnings(warnings: Vec<String>) -> Option<Self> {
        (!warnings.is_empty()).then(|| Self {
            warnings,
            ..Self::default()
        })
    }

    /// Done, or on its way: a status without a body.
    pub(super) fn empty(status: u16) -> Self {
        Self {
            status: Some(status),
            body: Some(String::new()),
            ..Self::default()
        }
    }
}

/// Something that has a lease.
#[derive(Debug)]
pub(super) struct Secret {
    pub(super) ttl: SignedDuration,
    /// Nothing: the mount's.
    pub(super) max_ttl: SignedDuration,
    pub(super) is_renewable: bool,
    pub(super) lease_id: String,
    pub(super) internal: Internal,
}

/// What an engine needs to know to revoke.
#[derive(Debug, Clone)]
pub(super) enum Internal {
    AwsUser {
        username: String,
    },
    AwsSts,
    Kv {
        ttl: SignedDuration,
        is_leased: bool,
    },
}

/// A token in an answer.
#[derive(Debug, Clone)]
pub(super) struct Auth {
    pub(super) client_token: String,
    pub(super) accessor: String,
    pub(super) policies: Vec<String>,
    pub(super) metadata: Option<BTreeMap<String, String>>,
    pub(super) ttl: SignedDuration,
    pub(super) is_renewable: bool,
    pub(super) entity_id: String,
    pub(super) is_batch: bool,
    pub(super) is_orphan: bool,
    pub(super) num_uses: i64,
}

/// Somebody whom an auth method knows.
#[derive(Debug, Clone)]
pub(super) struct Login {
    /// Who they are to this mount.
    pub(super) alias: String,
    pub(super) display_name: String,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) grant: Grant,
    pub(super) origin: Origin,
}

/// What an auth method's role gives to the tokens it makes.
#[derive(Debug, Clone, Default)]
pub(super) struct Grant {
    pub(super) policies: Vec<String>,
    pub(super) has_no_default_policy: bool,
    pub(super) ttl: SignedDuration,
    pub(super) max_ttl: SignedDuration,
    pub(super) period: SignedDuration,
    pub(super) explicit_max_ttl: SignedDuration,
    pub(super) num_uses: i64,
    /// None: as the mount has it.
    pub(super) is_batch: Option<bool>,
    pub(super) bound_cidrs: Vec<String>,
}

/// What a method must know to renew a token it made.
#[derive(Debug, Clone)]
pub(super) enum Origin {
    Aws {
        role: String,
        canonical_arn: String,
        user_id: String,
    },
    Kubernetes {
        role: String,
    },
}

/// A refusal, or a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Error {
    pub(super) status: u16,
    /// None at all is possible.
    pub(super) errors: Vec<String>,
    /// Told as a list of errors; a login tells them bare.
    pub(super) is_wrapped: bool,
}

impl Error {
    /// Said as it stands.
    pub(super) fn said(status: u16, text: impl Into<String>) -> Self {
        Self {
            status,
            errors: vec![text.into()],
            is_wrapped: false,
        }
    }

    /// 400, said as it stands.
    pub(super) fn bad(text: impl Into<String>) -> Self {
        Self::said(400, text)
    }

    /// Something went wrong inside.
    pub(super) fn failed(text: impl Into<String>) -> Self {
        Self::coded(500, text)
    }

    /// An error of the kind that Vault wraps.
    pub(super) fn coded(status: u16, text: impl Into<String>) -> Self {
        Self {
            is_wrapped: true,
            ..Self::said(status, text)
        }
    }

    /// The status, and no word.
    pub(super) fn silent(status: u16) -> Self {
        Self {
            status,
            errors: Vec::new(),
            is_wrapped: false,
        }
    }

    pub(super) fn denied() -> Self {
        Self::coded(403, "permission denied")
    }

    /// A token that is not there, as Vault says since 1.17.
    pub(super) fn bad_token(release: Release) -> Self {
        if release < (1, 17) {
            return Self::denied().bare();
        }
        Self {
            status: 403,
            errors: vec!["permission denied".to_owned(), "invalid token".to_owned()],
            is_wrapped: true,
        }
    }

    pub(super) fn unsupported_path() -> Self {
        Self::coded(404, "unsupported path")
    }

    pub(super) fn unsupported_operation() -> Self {
        Self::coded(405, "unsupported operation")
    }

    /// What stands in the body.
    pub(super) fn lines(&self) -> Vec<String> {
        if self.is_wrapped {
            vec![go::multierror(&self.errors)]
        } else {
            self.errors.clone()
        }
    }

    /// As one line, where it is part of another error.
    pub(super) fn text(&self) -> String {
        self.errors.join("\n")
    }

    /// The same for a path that needs no token.
    pub(super) fn bare(mut self) -> Self {
        self.is_wrapped = false;
        self
    }
}
