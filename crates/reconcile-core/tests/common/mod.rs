//! Objects in every situation, as short as one can say them.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary takes what it needs"
)]

use std::collections::BTreeMap;

use leasehold_api_types::{
    AllowedNamespaces, AwsAccessKeyRequestSpec, AwsAccessKeyRequestStatus, AwsRoleSpec, Condition,
    CredentialType, SecretEngineSpec, VaultRef,
    aws_access_key_request::{
        APPROVED, Credential, DENIED, Intent, Lease, Retiring, RoleRef, Subject, VaultPlace,
    },
    aws_role::{LabelDemand, LabelOperator, NamespaceSelector, NamespacesFrom},
    secret_engine::{AwsConfiguration, DeletionPolicy, LeaseConfig, RootSecretVersion},
    time,
};
use leasehold_reconcile_core::{
    Failure, FailureClass, Known, Object, Settings, SignedDuration, Timestamp,
    aws_access_key_request::{self as request, HeldKeeper, KeyFacts, SecretSeen},
    aws_role,
    ownership::Owner,
    reasons, secret_engine,
};
use leasehold_vault_client::ClusterId;

/// When every story begins.
pub fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

pub fn ago(seconds: i64) -> Timestamp {
    now() - SignedDuration::from_secs(seconds)
}

pub fn ahead(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

pub fn object(name: &str) -> Object {
    Object {
        namespace: "demo".into(),
        name: name.into(),
        uid: format!("uid-of-{name}"),
        generation: 1,
        ..Object::default()
    }
}

pub fn denied() -> Failure {
    Failure::new(
        FailureClass::Denied,
        reasons::VAULT_DENIED,
        "POST sys/mounts/aws: 403 permission denied",
    )
}

pub fn sealed() -> Failure {
    Failure::transient(reasons::VAULT_SEALED, "Vault is sealed: unseal it")
}

pub fn unanswered() -> Failure {
    Failure::transient(reasons::VAULT_UNREACHABLE, "no answer within 60 s")
}

pub fn engine(name: &str) -> secret_engine::Observed {
    let spec = SecretEngineSpec {
        vault_ref: VaultRef {
            name: "vault".into(),
        },
        path: "aws".into(),
        aws: AwsConfiguration {
            credential_secret: "aws-root".into(),
            region: "eu-west-1".into(),
            lease_config: Some(LeaseConfig {
                lease: "1h".into(),
                lease_max: "24h".into(),
            }),
            ..AwsConfiguration::default()
        },
        adopt: false,
        deletion_policy: DeletionPolicy::Delete,
    };
    let mut o = secret_engine::Observed::fresh(object(name), spec, Settings::default());
    o.root_secret = Known::Is(secret_engine::RootSecretSeen {
        version: RootSecretVersion {
            uid: "root-uid".into(),
            resource_version: "7".into(),
        },
        access_key: "AKIAROOT".into(),
    });
    o
}

pub trait EngineExt: Sized {
    fn provided(self) -> Self;
    fn deleting(self) -> Self;
    fn with(self, change: impl FnOnce(&mut secret_engine::Observed)) -> Self;
}

impl EngineExt for secret_engine::Observed {
    /// Mounted and configured, as the spec says.
    fn provided(mut self) -> Self {
        self.object.finalizer = true;
        self.mount = Known::Is(secret_engine::MountSeen {
            kind: "aws".into(),
            owner: Some(self.owner()),
            accessor: Some("aws_1".into()),
        });
        self.previous.mount_accessor = Some("aws_1".into());
        let secret = self.root_secret.is().unwrap().clone();
        self.root_config = Known::Is(self.wanted_root(&secret));
        self.engine_lease = Known::Is(self.wanted_lease().unwrap().unwrap());
        self.written = Some(secret.version);
        self.previous.observed_generation = Some(self.object.generation);
        self
    }
    fn deleting(mut self) -> Self {
        self.object.deleting = Some(ago(60));
        self
    }
    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

pub fn role(name: &str) -> aws_role::Observed {
    let spec = AwsRoleSpec {
        vault_ref: VaultRef {
            name: "vault".into(),
        },
        credential_type: CredentialType::IamUser,
        policy_document: Some(r#"{"Version":"2012-10-17","Statement":[]}"#.into()),
        ..AwsRoleSpec::default()
    };
    aws_role::Observed::fresh(object(name), spec, Settings::default())
}

/// A SecretEngine of some cluster.
pub fn owner(cluster: &str) -> Owner {
    Owner {
        cluster: cluster.into(),
        namespace: "demo".into(),
        name: "engine".into(),
        uid: "uid-elsewhere".into(),
    }
}

/// Keys for the namespaces of team a.
pub fn of_team_a() -> AllowedNamespaces {
    let demand = LabelDemand {
        key: "team".into(),
        operator: LabelOperator::In,
        values: vec!["a".into()],
    };
    AllowedNamespaces {
        from: NamespacesFrom::Selector,
        selector: Some(NamespaceSelector {
            match_expressions: vec![demand],
            ..NamespaceSelector::default()
        }),
    }
}

pub fn team(name: &str) -> BTreeMap<String, String> {
    [("team".to_owned(), name.to_owned())].into()
}

pub trait RoleExt: Sized {
    fn provided(self) -> Self;
    fn deleting(self) -> Self;
    fn with(self, change: impl FnOnce(&mut aws_role::Observed)) -> Self;
}

impl RoleExt for aws_role::Observed {
    fn provided(mut self) -> Self {
        self.object.finalizer = true;
        self.role = Known::Is(aws_role::desired(&self.spec).unwrap());
        self
    }
    fn deleting(mut self) -> Self {
        self.object.deleting = Some(ago(60));
        self
    }
    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

pub fn place() -> VaultPlace {
    VaultPlace {
        cluster_id: "vault-1".into(),
        mount: "aws".into(),
        namespace: "demo".into(),
        app_binding: "vault".into(),
    }
}

/// A key that keeper `n` keeps, issued ten minutes ago.
pub fn key(n: u8) -> KeyFacts {
    KeyFacts {
        keeper: Some(format!("accessor-{n}").into()),
        lease: Some(format!("aws/creds/k8s.-.demo.role/lease-{n}").into()),
        duration: SignedDuration::from_hours(1),
        renewable: true,
        issued_at: ago(600),
        expires_at: ahead(3000),
        role_generation: Some(1),
    }
}

pub fn request(name: &str) -> request::Observed {
    let spec = AwsAccessKeyRequestSpec {
        role_ref: RoleRef {
            name: "role".into(),
            namespace: "demo".into(),
            ..RoleRef::default()
        },
        subjects: vec![Subject {
            kind: "ServiceAccount".into(),
            name: "app".into(),
            namespace: Some("demo".into()),
            ..Subject::default()
        }],
        ..AwsAccessKeyRequestSpec::default()
    };
    let previous = AwsAccessKeyRequestStatus::default();
    request::Observed::fresh(object(name), spec, previous, Settings::default())
}

pub trait RequestExt: Sized {
    fn approved(self) -> Self;
    fn denied(self) -> Self;
    fn issued(self) -> Self;
    fn expiring(self) -> Self;
    fn intent(self, by: &str, age: i64) -> Self;
    fn asked(self, age: i64) -> Self;
    fn holding(self) -> Self;
    fn stored(self, n: u8) -> Self;
    fn retiring(self, n: u8, not_before: Timestamp) -> Self;
    fn deleting(self) -> Self;
    fn of_another_namespace(self) -> Self;
    fn granting(self, allowed: AllowedNamespaces, labels: Known<BTreeMap<String, String>>) -> Self;
    fn with(self, change: impl FnOnce(&mut request::Observed)) -> Self;
}

impl RequestExt for request::Observed {
    fn approved(mut self) -> Self {
        self.object.finalizer = true;
        let approved = Condition {
            type_: APPROVED.into(),
            ..Condition::default()
        };
        self.previous.conditions.push(approved);
        self
    }
    fn denied(mut self) -> Self {
        let denied = Condition {
            type_: DENIED.into(),
            ..Condition::default()
        };
        self.previous.conditions.push(denied);
        self
    }
    /// Key 7 is recorded and in the Secret, and the subjects may read it.
    fn issued(mut self) -> Self {
        let key = key(7);
        self.state.credential = Some(key.credential(place(), &self.object.uid));
        self.state.lease = key.lease();
        self.state.secret = Some(self.secret_name());
        self.state.approved_generation = Some(1);
        self.reader_role = Known::Is(true);
        self.reader_binding = Known::Is(true);
        self.stored(7)
    }
    /// It is time for the next key.
    fn expiring(mut self) -> Self {
        let credential: &mut Credential = self.state.credential.as_mut().unwrap();
        credential.renew_at = time(ago(1));
        self
    }
    fn intent(mut self, by: &str, age: i64) -> Self {
        self.state.intent = Some(Intent {
            keeper: Some("accessor-2".into()),
            by: by.into(),
            at: time(ago(age)),
            vault: place(),
        });
        self.seen.insert("accessor-2".into(), ago(age));
        self
    }
    /// Our own intent, whose read was sent.
    fn asked(mut self, age: i64) -> Self {
        self.held.keeper = Some(HeldKeeper {
            accessor: "accessor-2".into(),
            ttl: SignedDuration::from_mins(70),
            opened_at: ago(age),
            asked: true,
            refused: false,
        });
        let me = self.settings.instance.clone();
        self.intent(&me, age)
    }
    /// Key 2 is in memory.
    fn holding(mut self) -> Self {
        self.held.key = Some(key(2));
        self
    }
    fn stored(mut self, n: u8) -> Self {
        self.secret = Known::Is(SecretSeen {
            ours: true,
            facts: Some(key(n)),
            edited: false,
        });
        self
    }
    fn retiring(mut self, n: u8, not_before: Timestamp) -> Self {
        self.state.retiring.push(Retiring {
            keeper: format!("accessor-{n}"),
            lease_id: Some(format!("aws/creds/k8s.-.demo.role/lease-{n}")),
            not_before: time(not_before),
            vault: place(),
        });
        self
    }
    fn deleting(mut self) -> Self {
        self.object.deleting = Some(ago(60));
        self
    }
    fn granting(
        mut self,
        allowed: AllowedNamespaces,
        labels: Known<BTreeMap<String, String>>,
    ) -> Self {
        if let Known::Is(role) = &mut self.role {
            role.allowed = Some(allowed);
            role.labels = labels;
        }
        self
    }
    /// Its role stands in namespace `platform`.
    fn of_another_namespace(mut self) -> Self {
        self.spec.role_ref.namespace = "platform".into();
        self
    }
    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

pub fn vault_of(o: &mut request::Observed, seen: Known<ClusterId>) {
    let bindings: Vec<_> = o.vaults.keys().cloned().collect();
    o.vaults = bindings
        .into_iter()
        .map(|binding| (binding, seen.clone()))
        .collect();
    drop(seen);
}

pub fn some_lease() -> Lease {
    key(7).lease().unwrap()
}

/// Anything a request may look like, sensible or not.
pub mod any {
    use super::*;
    use leasehold_reconcile_core::aws_access_key_request::RoleSeen;
    use proptest::prelude::*;

    pub fn failure() -> impl Strategy<Value = Failure> {
        prop_oneof![
            Just(denied()),
            Just(sealed()),
            Just(unanswered()),
            Just(Failure::invalid(reasons::NAME_TAKEN, "taken")),
            Just(Failure::new(
                FailureClass::Conflict,
                reasons::KUBERNETES,
                "409"
            )),
            Just(Failure::new(
                FailureClass::Unauthenticated,
                reasons::LOGIN_REFUSED,
                "403"
            )),
        ]
    }

    fn known<T: Clone + std::fmt::Debug + 'static>(
        is: impl Strategy<Value = T> + 'static,
    ) -> impl Strategy<Value = Known<T>> {
        prop_oneof![
            1 => Just(Known::Absent),
            4 => is.prop_map(Known::Is),
            1 => failure().prop_map(Known::Unknown),
        ]
    }

    /// A moment: near, far, or absurd.
    fn moment() -> impl Strategy<Value = Timestamp> {
        prop_oneof![
            8 => (-7200_i64..7200).prop_map(ahead),
            1 => Just(Timestamp::MAX),
            1 => Just(Timestamp::UNIX_EPOCH),
        ]
    }

    pub fn object() -> impl Strategy<Value = Object> {
        let deleting = prop_oneof![
            3 => Just(None),
            2 => Just(Some(ago(60))),
            1 => Just(Some(ago(1000))),
            1 => Just(Some(ago(48 * 3600))),
        ];
        (
            deleting,
            prop::bool::weighted(0.8),
            prop::bool::weighted(0.1),
            1..3_i64,
        )
            .prop_map(|(deleting, finalizer, abandon, generation)| Object {
                deleting,
                finalizer,
                abandon,
                generation,
                ..super::object("any")
            })
    }

    fn role_seen() -> impl Strategy<Value = RoleSeen> {
        let seen = super::request("any").role.is().unwrap().clone();
        (
            prop::bool::weighted(0.1),
            prop::bool::weighted(0.1),
            prop::bool::weighted(0.2),
            prop::option::weighted(0.3, known(any::<bool>())),
        )
            .prop_map(move |(deleting, unready, sts, selected)| {
                let mut role = seen.clone();
                role.deleting = deleting;
                if unready {
                    role.ready = Err("not yet".into());
                }
                if sts {
                    role.credential_type = CredentialType::AssumedRole;
                }
                if let Some(selected) = selected {
                    role.allowed = Some(of_team_a());
                    role.labels = selected.map(|yes| team(if yes { "a" } else { "b" }));
                }
                role
            })
    }

    fn secret() -> impl Strategy<Value = SecretSeen> {
        (
            prop::bool::weighted(0.85),
            prop::option::weighted(0.8, 2..8_u8),
            prop::bool::weighted(0.1),
        )
            .prop_map(|(ours, n, edited)| SecretSeen {
                ours,
                facts: n.filter(|_| ours).map(key),
                edited,
            })
    }

    pub fn request() -> impl Strategy<Value = request::Observed> {
        let seen = (
            known(role_seen()),
            known(
                prop_oneof![4 => Just("vault-1"), 1 => Just("vault-2")].prop_map(ClusterId::from),
            ),
            known(secret()),
            any::<bool>(),
            known(any::<bool>()),
            known(any::<bool>()),
            prop::option::weighted(0.1, failure()),
            0..12_u32,
        );
        let people = (
            0..4_u8,
            any::<bool>(),
            prop::bool::weighted(0.3),
            prop::bool::weighted(0.2),
        );
        let state = (
            prop::option::weighted(0.6, moment()),
            prop::option::weighted(0.4, (any::<bool>(), moment(), prop::option::of(moment()))),
            prop::collection::vec((2..8_u8, moment(), any::<bool>()), 0..3),
        );
        let held = (0..6_u8, moment(), prop::option::weighted(0.2, moment()));
        (object(), seen, people, state, held).prop_map(|(object, seen, people, state, held)| {
            let mut o = super::request("any");
            o.object = object;
            let (role, vault, secret, live, reader_role, reader_binding, failure, attempts) = seen;
            o.role = role;
            vault_of(&mut o, vault);
            o.secret = secret;
            o.secret_is_live = live;
            o.reader_role = reader_role;
            o.reader_binding = reader_binding;
            o.failure = failure;
            o.attempts = attempts;
            let finalizer = o.object.finalizer;
            let secret = o.secret.clone();
            if people.0 > 0 {
                o = o.approved();
                if people.2 {
                    o.spec.role_ref.namespace = "elsewhere".into();
                }
                if people.1 {
                    o.previous.conditions[0].observed_generation = Some(1);
                }
            }
            if people.0 == 3 {
                o = o.denied();
            }
            o.object.finalizer = finalizer;
            if people.3 {
                o.previous.conditions.push(Condition {
                    type_: reasons::READY.into(),
                    reason: Some(reasons::NAME_TAKEN.into()),
                    ..Condition::default()
                });
            }
            let (issued, intent, retiring) = state;
            if let Some(renew_at) = issued {
                o = o.issued();
                o.secret = secret;
                let credential = o.state.credential.as_mut().unwrap();
                credential.renew_at = time(renew_at);
            }
            if let Some((mine, at, seen)) = intent {
                let by = if mine {
                    o.settings.instance.clone()
                } else {
                    "another".into()
                };
                o = o.intent(&by, 0);
                o.state.intent.as_mut().unwrap().at = time(at);
                o.seen = seen
                    .map(|seen| ("accessor-2".into(), seen))
                    .into_iter()
                    .collect();
            }
            for (n, not_before, known) in retiring {
                o = o.retiring(n, not_before);
                if !known {
                    o.state.retiring.last_mut().unwrap().lease_id = None;
                }
            }
            let (how, at, not_before) = held;
            o.held.not_before = not_before;
            if how > 1 {
                o.held.keeper = Some(HeldKeeper {
                    accessor: "accessor-2".into(),
                    ttl: SignedDuration::from_mins(70),
                    opened_at: at,
                    asked: how > 2,
                    refused: how == 3,
                });
            }
            if how > 3 {
                o.held.key = Some(key(2));
                o.held.stored = how == 5;
                o.held.unstored_since = not_before;
            }
            o
        })
    }

    pub fn engine() -> impl Strategy<Value = secret_engine::Observed> {
        let seen = (
            known(Just(())),
            known((any::<bool>(), 0..4_u8, any::<bool>())),
            known(Just(())),
            known(any::<bool>()),
            known(any::<bool>()),
            any::<bool>(),
            prop::option::weighted(0.1, failure()),
            0..12_u32,
        );
        let spec = (
            prop::bool::weighted(0.2),
            prop::bool::weighted(0.2),
            any::<bool>(),
            prop::bool::weighted(0.1),
        );
        (object(), seen, spec).prop_map(|(object, seen, spec)| {
            let mut o = super::engine("any").provided();
            o.object = object;
            o.mount = match seen.1 {
                Known::Is((aws, whose, same)) => {
                    let mut owner = o.owner();
                    if whose == 1 {
                        owner.uid = "another".into();
                    }
                    Known::Is(secret_engine::MountSeen {
                        kind: if aws || whose > 1 {
                            "aws".into()
                        } else {
                            "kv".into()
                        },
                        owner: (whose > 0).then_some(owner),
                        accessor: Some(if same { "aws_1".into() } else { "aws_2".into() }),
                    })
                }
                Known::Absent => Known::Absent,
                Known::Unknown(f) => Known::Unknown(f),
            };
            o.vault = seen.0;
            let secret = o.root_secret.is().unwrap().clone();
            o.root_secret = seen.2.map(|()| secret);
            let (config, lease) = (
                o.root_config.is().unwrap().clone(),
                *o.engine_lease.is().unwrap(),
            );
            o.root_config = seen.3.map(|same| {
                let mut config = config;
                if !same {
                    config.region = "elsewhere".into();
                }
                config
            });
            o.engine_lease = seen.4.map(|same| {
                let mut lease = lease;
                if !same {
                    lease.lease *= 2;
                }
                lease
            });
            if seen.5 {
                o.written = None;
            }
            o.failure = seen.6;
            o.attempts = seen.7;
            o.spec.adopt = spec.0;
            if spec.1 {
                o.spec.deletion_policy = DeletionPolicy::Retain;
            }
            if spec.2 {
                o.users = vec!["demo/role".into()];
            }
            if spec.3 {
                o.spec.aws.lease_config.as_mut().unwrap().lease = "soon".into();
            }
            o
        })
    }

    pub fn role() -> impl Strategy<Value = aws_role::Observed> {
        let missing = Failure::transient(reasons::MOUNT_MISSING, "no engine");
        let seen = (
            known(Just(())),
            prop_oneof![4 => known(any::<bool>()), 1 => Just(Known::Unknown(missing))],
            prop::option::weighted(0.1, failure()),
            0..12_u32,
            0..6_u8,
            known((any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>())),
        );
        (object(), seen).prop_map(|(object, (vault, seen, failure, attempts, odd, mount))| {
            let mut o = super::role("any").provided();
            o.object = object;
            o.vault = vault;
            o.mount = mount.map(|(owned, here, adopted, before)| aws_role::RoleMount {
                owner: owned.then(|| owner("-")),
                accessor: Some("aws_1".into()),
                here,
                adopted: adopted && before,
            });
            if odd == 2 {
                o.previous.mount_accessor = Some("aws_1".into());
            }
            let role = o.role.is().unwrap().clone();
            o.role = seen.map(|same| {
                let mut role = role;
                if !same {
                    role.iam_groups.push("other".into());
                }
                role
            });
            o.failure = failure;
            o.attempts = attempts;
            if odd == 0 {
                o.spec.policy_document = Some("[]".into());
            }
            if odd == 1 {
                o.object.name = "r".repeat(200);
            }
            o
        })
    }
}
