//! Logging in as somebody of AWS: by a signed request that says who one is.

mod arn;
mod config;
mod request;
mod roles;
mod verify;

use std::collections::BTreeMap;

use crate::vault::call::Op;
use crate::vault::paths::{NOTHING, Path};

use config::{Client, Identity, Sts};
use roles::Role;

/// All that one mount of it keeps.
#[derive(Default)]
pub(in crate::vault) struct AwsAuth {
    client: Option<Client>,
    identity: Identity,
    sts: BTreeMap<String, Sts>,
    roles: BTreeMap<String, Role>,
    /// Whether AWS has said whose keys these are.
    has_account: bool,
    /// Full ARNs by unique id.
    full_arns: BTreeMap<String, String>,
}

pub(in crate::vault) const PATHS: &[Path<AwsAuth>] = &[
    Path::new("login", request::SCHEMA, &[(Op::Update, verify::log_in)]),
    Path::new(
        "config/client",
        config::SCHEMA,
        &[
            (Op::Read, config::read),
            (Op::Update, config::write),
            (Op::Delete, config::delete),
        ],
    )
    .that_exists(|method, _| method.client.is_some()),
    Path::new(
        "config/rotate-root",
        NOTHING,
        &[(Op::Update, config::rotate)],
    ),
    Path::new(
        "config/identity",
        config::IDENTITY_SCHEMA,
        &[
            (Op::Read, config::read_identity),
            (Op::Update, config::write_identity),
        ],
    ),
    Path::new("config/sts?", NOTHING, &[(Op::List, config::list_sts)]),
    Path::new(
        "config/sts/{account_id}",
        config::STS_SCHEMA,
        &[
            (Op::Read, config::read_sts),
            (Op::Update, config::write_sts),
            (Op::Delete, config::delete_sts),
        ],
    )
    .that_exists(|method, fields| method.sts.contains_key(&fields.text("account_id"))),
    Path::new("role?", NOTHING, &[(Op::List, roles::list)]),
    Path::new("roles?", NOTHING, &[(Op::List, roles::list)]),
    Path::new(
        "role/{role}",
        roles::SCHEMA,
        &[
            (Op::Read, roles::read),
            (Op::Update, roles::write),
            (Op::Delete, roles::delete),
        ],
    )
    .that_exists(roles::exists),
    // Logins of EC2 instances are not there, so nothing is ever listed.
    Path::new(
        "identity-accesslist?",
        NOTHING,
        &[(Op::List, roles::nobody)],
    ),
    Path::new("identity-whitelist?", NOTHING, &[(Op::List, roles::nobody)]),
];
