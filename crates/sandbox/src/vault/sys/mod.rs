//! The paths below `sys/`.

mod audit;
mod capabilities;
mod leases;
mod mounts;
mod policies;
mod quotas;
mod remount;
mod rest;
mod server;

use super::call::{Op, Reply};
use super::core::Core;
use super::fields::{Kind, Schema};
use super::paths::{NOTHING, Path};

pub(super) use leases::tidying;
pub(super) use remount::Migrations;
pub(super) use server::before_everything;

const PATH: Schema = &[("path", Kind::Text)];
const NAME: Schema = &[("name", Kind::Text)];

pub(super) const PATHS: &[Path<Core>] = &[
    Path::new("mounts", NOTHING, &[(Op::Read, mounts::list)]),
    Path::new("auth", NOTHING, &[(Op::Read, mounts::list_auth)]),
    Path::new(
        "mounts/auth/{path}/tune",
        mounts::TUNE,
        &[
            (Op::Read, mounts::read_tune_auth),
            (Op::Update, mounts::tune_auth),
        ],
    ),
    Path::new(
        "mounts/{path*}",
        mounts::MOUNT,
        &[
            (Op::Read, mounts::read),
            (Op::Update, mounts::write),
            (Op::Delete, mounts::delete),
        ],
    ),
    Path::new(
        "auth/{path*}",
        mounts::MOUNT,
        &[
            (Op::Read, mounts::read_auth),
            (Op::Update, mounts::write_auth),
            (Op::Delete, mounts::delete_auth),
        ],
    ),
    Path::new("remount", remount::SCHEMA, &[(Op::Update, remount::start)]),
    Path::new(
        "remount/status/{id*}",
        NOTHING,
        &[(Op::Read, remount::status)],
    ),
    Path::new("policies/acl?", NOTHING, &[(Op::List, policies::list)]),
    Path::new(
        "policies/acl/{name*}",
        policies::SCHEMA,
        &[
            (Op::Read, policies::read),
            (Op::Update, policies::write),
            (Op::Delete, policies::delete),
        ],
    ),
    Path::new(
        "policy?",
        NOTHING,
        &[
            (Op::Read, policies::list_old),
            (Op::List, policies::list_old),
        ],
    ),
    Path::new(
        "policy/{name*}",
        policies::OLD_SCHEMA,
        &[
            (Op::Read, policies::read_old),
            (Op::Update, policies::write_old),
            (Op::Delete, policies::delete),
        ],
    ),
    Path::new(
        "capabilities",
        capabilities::SCHEMA,
        &[(Op::Update, capabilities::of_token)],
    ),
    Path::new(
        "capabilities-accessor",
        capabilities::SCHEMA,
        &[(Op::Update, capabilities::of_accessor)],
    ),
    Path::new(
        "capabilities-self",
        capabilities::SCHEMA,
        &[(Op::Update, capabilities::of_self)],
    ),
    Path::new(
        "internal/ui/mounts",
        NOTHING,
        &[(Op::Read, mounts::visible)],
    ),
    Path::new(
        "internal/ui/mounts/{path*}",
        PATH,
        &[(Op::Read, mounts::visible_one)],
    ),
    Path::new(
        "leases/lookup",
        leases::SCHEMA,
        &[(Op::Update, leases::lookup)],
    ),
    Path::new(
        "leases/lookup/{prefix?}",
        leases::SCHEMA,
        &[(Op::List, leases::list)],
    ),
    Path::new(
        "leases/renew",
        leases::SCHEMA,
        &[(Op::Update, leases::renew)],
    ),
    Path::new(
        "leases/renew/{url_lease_id*}",
        leases::SCHEMA,
        &[(Op::Update, leases::renew)],
    ),
    Path::new("renew", leases::SCHEMA, &[(Op::Update, leases::renew)]),
    Path::new(
        "renew/{url_lease_id*}",
        leases::SCHEMA,
        &[(Op::Update, leases::renew)],
    ),
    Path::new(
        "leases/revoke",
        leases::SCHEMA,
        &[(Op::Update, leases::revoke)],
    ),
    Path::new(
        "leases/revoke/{url_lease_id*}",
        leases::SCHEMA,
        &[(Op::Update, leases::revoke)],
    ),
    Path::new("revoke", leases::SCHEMA, &[(Op::Update, leases::revoke)]),
    Path::new(
        "revoke/{url_lease_id*}",
        leases::SCHEMA,
        &[(Op::Update, leases::revoke)],
    ),
    Path::new(
        "leases/revoke-prefix/{prefix*}",
        leases::SCHEMA,
        &[(Op::Update, leases::revoke_prefix)],
    ),
    Path::new(
        "revoke-prefix/{prefix*}",
        leases::SCHEMA,
        &[(Op::Update, leases::revoke_prefix)],
    ),
    Path::new(
        "leases/revoke-force/{prefix*}",
        leases::SCHEMA,
        &[(Op::Update, leases::revoke_force)],
    ),
    Path::new(
        "revoke-force/{prefix*}",
        leases::SCHEMA,
        &[(Op::Update, leases::revoke_force)],
    ),
    Path::new("leases/tidy", NOTHING, &[(Op::Update, leases::tidy)]),
    Path::new("leases/count", leases::SCHEMA, &[(Op::Read, leases::count)]),
    Path::new(
        "leases?",
        leases::SCHEMA,
        &[(Op::Read, leases::irrevocable)],
    ),
    Path::new("wrapping/wrap", NOTHING, &[(Op::Update, rest::wrap)]).of_anything(),
    Path::new(
        "quotas/config",
        quotas::CONFIG,
        &[(Op::Read, quotas::config), (Op::Update, quotas::set_config)],
    ),
    Path::new("quotas/rate-limit?", NOTHING, &[(Op::List, quotas::list)]),
    Path::new(
        "quotas/rate-limit/{name}",
        quotas::SCHEMA,
        &[
            (Op::Read, quotas::read),
            (Op::Update, quotas::write),
            (Op::Delete, quotas::delete),
        ],
    ),
    Path::new("audit", NOTHING, &[(Op::Read, audit::list)]),
    Path::new(
        "audit-hash/{path*}",
        audit::SCHEMA,
        &[(Op::Update, audit::hash)],
    ),
    Path::new(
        "audit/{path*}",
        audit::SCHEMA,
        &[(Op::Update, audit::enable), (Op::Delete, audit::disable)],
    ),
    Path::new("key-status", NOTHING, &[(Op::Read, rest::key_status)]),
    Path::new("rotate", NOTHING, &[(Op::Update, rest::nothing)]),
    Path::new("ha-status", NOTHING, &[(Op::Read, rest::ha_status)]),
    Path::new("host-info", NOTHING, &[(Op::Read, rest::host_info)]),
    Path::new(
        "version-history?",
        NOTHING,
        &[(Op::List, rest::version_history)],
    ),
    Path::new("config/cors", NOTHING, &[(Op::Read, rest::cors)]),
    Path::new("plugins/catalog/{type}", NAME, &[(Op::List, rest::plugins)]),
    Path::new(
        "plugins/catalog/{type}/",
        NAME,
        &[(Op::List, rest::plugins)],
    ),
    Path::new("license/status", NOTHING, &[(Op::Read, rest::enterprise)]),
    Path::new("namespaces?", NOTHING, &[(Op::List, rest::enterprise)]),
    Path::new(
        "quotas/lease-count/{name}",
        NOTHING,
        &[(Op::Read, rest::enterprise), (Op::Update, rest::enterprise)],
    ),
    Path::new(
        "internal/ui/resultant-acl",
        NOTHING,
        &[(Op::Read, capabilities::resultant)],
    ),
    Path::new(
        "replication/status",
        NOTHING,
        &[(Op::Read, rest::replication)],
    ),
    Path::new("experiments", NOTHING, &[(Op::Read, rest::experiments)]),
    Path::new(
        "internal/counters/activity",
        NOTHING,
        &[(Op::Read, rest::nothing)],
    ),
];

/// Paths that need no token.
pub(super) fn is_open(route: &str) -> bool {
    route.strip_prefix("sys/").is_some_and(|path| {
        matches!(
            path,
            "wrapping/lookup" | "internal/ui/mounts" | "replication/status"
        ) || path.starts_with("internal/ui/mounts/")
    })
}

/// Paths that need more than ordinary rights.
pub(super) fn needs_sudo(route: &str) -> bool {
    const PREFIXES: [&str; 14] = [
        "sys/auth/",
        "sys/audit/",
        "sys/config/cors",
        "sys/config/auditing/",
        "sys/config/ui/headers/",
        "sys/plugins/catalog/",
        "sys/revoke-prefix/",
        "sys/revoke-force/",
        "sys/leases/revoke-prefix/",
        "sys/leases/revoke-force/",
        "sys/leases/lookup/",
        "sys/raw",
        "auth/token/accessors/",
        "sys/internal/inspect/",
    ];
    const EXACT: [&str; 8] = [
        "sys/remount",
        "sys/audit",
        "sys/rotate",
        "sys/leases",
        "sys/leases/",
        "sys/seal",
        "sys/step-down",
        "auth/token/revoke-orphan",
    ];
    EXACT.contains(&route) || PREFIXES.iter().any(|prefix| route.starts_with(prefix))
}

/// An answer that has no envelope of its mount's.
fn of_no_mount(reply: Reply) -> Reply {
    Reply {
        mount_type: Some(""),
        ..reply
    }
}
