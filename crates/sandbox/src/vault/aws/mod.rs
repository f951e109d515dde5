//! The AWS secrets engine.

mod client;
mod config;
mod creds;
mod roles;
mod template;
mod users;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::call::Op;
use super::paths::{NOTHING, Path};

use client::AwsError;
#[cfg(test)]
pub(super) use client::blocks;
pub(super) use client::{Client, tag};
use config::Root;
pub(super) use config::replace_key;
use roles::Role;
use users::Unfinished;

/// All that one mount of it keeps.
#[derive(Default)]
pub(super) struct Engine {
    root: Option<Root>,
    /// How long an IAM user lives, and how long at most.
    lease: Option<(SignedDuration, SignedDuration)>,
    roles: BTreeMap<String, Role>,
    unfinished: Vec<Unfinished>,
    /// Whether STS has answered since it was configured.
    has_sts: bool,
}

impl Engine {
    /// What a user's lease is renewed with.
    pub(super) fn lease(&self) -> (SignedDuration, SignedDuration) {
        self.lease.unwrap_or_default()
    }

    pub(super) fn next_rollback(&self) -> Option<Timestamp> {
        self.unfinished.iter().map(|user| user.due).min()
    }
}

pub(super) const PATHS: &[Path<Engine>] = &[
    Path::new(
        "config/root",
        config::SCHEMA,
        &[(Op::Read, config::read), (Op::Update, config::write)],
    )
    .that_exists(|engine, _| engine.root.is_some()),
    Path::new(
        "config/rotate-root",
        NOTHING,
        &[(Op::Update, config::rotate)],
    ),
    Path::new(
        "config/lease",
        config::LEASE_SCHEMA,
        &[
            (Op::Read, config::read_lease),
            (Op::Update, config::write_lease),
        ],
    ),
    Path::new("roles?", NOTHING, &[(Op::List, roles::list)]),
    Path::new(
        "roles/{name@}",
        roles::SCHEMA,
        &[
            (Op::Read, roles::read),
            (Op::Update, roles::write),
            (Op::Delete, roles::delete),
        ],
    ),
    Path::new(
        "creds/{name@}",
        creds::SCHEMA,
        &[(Op::Read, creds::generate), (Op::Update, creds::generate)],
    ),
    Path::new(
        "sts/{name@}",
        creds::SCHEMA,
        &[(Op::Read, creds::generate), (Op::Update, creds::generate)],
    ),
];
