//! Logging in as a service account: by its token, which the API server reviews.

mod config;
mod jwt;
mod roles;
mod verify;

use std::collections::BTreeMap;

use crate::vault::call::Op;
use crate::vault::paths::{NOTHING, Path};

use config::Config;
use roles::Role;

/// All that one mount of it keeps.
#[derive(Default)]
pub(in crate::vault) struct KubernetesAuth {
    config: Option<Config>,
    roles: BTreeMap<String, Role>,
}

pub(in crate::vault) const PATHS: &[Path<KubernetesAuth>] = &[
    Path::new("login", verify::SCHEMA, &[(Op::Update, verify::log_in)]),
    Path::new(
        "config",
        config::SCHEMA,
        &[(Op::Read, config::read), (Op::Update, config::write)],
    ),
    Path::new("role?", NOTHING, &[(Op::List, roles::list)]),
    Path::new(
        "role/{name}",
        roles::SCHEMA,
        &[
            (Op::Read, roles::read),
            (Op::Update, roles::write),
            (Op::Delete, roles::delete),
        ],
    )
    .that_exists(roles::exists),
];
