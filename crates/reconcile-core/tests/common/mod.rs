//! Objects in every situation, as short as one can say them.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary takes what it needs"
)]

use leasehold_api_types::{
    AwsAccessKeyRequestSpec, AwsAccessKeyRequestStatus, AwsRoleSpec, Condition, CredentialType,
    SecretEngineSpec, VaultRef,
    aws_access_key_request::{
        APPROVED, Credential, DENIED, Intent, Lease, Retiring, RoleRef, Subject, VaultPlace,
    },
    secret_engine::{AwsConfiguration, DeletionPolicy, LeaseConfig, RootSecretVersion},
    time,
};
use leasehold_reconcile_core::{
    Failure, FailureClass, Known, Object, Settings, SignedDuration, Timestamp,
    aws_access_key_request::{self as request, HeldKeeper, KeyFacts, SecretSeen},
    aws_role, reasons, secret_engine,
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
        });
        let secret = self.root_secret.is().unwrap().clone();
        self.root_config = Known::Is(self.wanted_root(&secret));
        self.engine_lease = Known::Is(self.wanted_lease().unwrap().unwrap());
        self.written = Some(secret.version);
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
    /// Key 1 is recorded and in the Secret, and the subjects may read it.
    fn issued(mut self) -> Self {
        let key = key(1);
        self.state.credential = Some(key.credential(place(), &self.object.uid));
        self.state.lease = key.lease();
        self.state.secret = Some(self.secret_name());
        self.state.approved_generation = Some(1);
        self.reader_role = Known::Is(true);
        self.reader_binding = Known::Is(true);
        self.stored(1)
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
    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

pub fn vault_of(o: &mut request::Observed, seen: Known<ClusterId>) {
    for vault in o.vaults.values_mut() {
        *vault = seen.clone();
    }
}

pub fn some_lease() -> Lease {
    key(1).lease().unwrap()
}
