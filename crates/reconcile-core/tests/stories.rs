//! What is done and said in every situation, as text: `UPDATE=1 cargo test --test stories` rewrites.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::too_many_lines,
    reason = "helpers of tests"
)]

mod common;

use std::collections::BTreeSet;
use std::path::PathBuf;

use common::*;
use leasehold_reconcile_core::{
    Failure, FailureClass, Known, SignedDuration,
    aws_access_key_request::{
        self as request, Action, KeeperSeen, LeaseSeen, Outcome, RequestMachine, SecretSeen,
    },
    aws_role::{self, AwsRoleMachine},
    explain::{explain, render, request_succeeds},
    reasons,
    secret_engine::{self, MountSeen, SecretEngineMachine},
};

struct Stories {
    seen: BTreeSet<String>,
    wrong: Vec<String>,
}

impl Stories {
    fn tell(&mut self, file: &str, title: &str, story: &str) {
        let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/stories");
        let path = dir.join(format!("{file}.txt"));
        let text = format!("# {title}\n\n{story}");
        assert!(
            self.seen.insert(format!("{file}.txt")),
            "two stories are named {file}"
        );
        if std::env::var_os("UPDATE").is_some() {
            std::fs::create_dir_all(&dir).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        if std::fs::read_to_string(&path).unwrap_or_default() != text {
            self.wrong.push(format!("{file}: is now\n{text}"));
        }
    }

    fn engine(&mut self, file: &str, title: &str, o: secret_engine::Observed) {
        self.engine_but(file, title, o, |_| Ok(()));
    }

    fn engine_but(
        &mut self,
        file: &str,
        title: &str,
        o: secret_engine::Observed,
        outcome: impl FnMut(&secret_engine::Action) -> Result<(), Failure>,
    ) {
        let story = explain::<SecretEngineMachine>(o, now(), outcome, render);
        self.tell(&format!("engine-{file}"), title, &story);
    }

    fn role(&mut self, file: &str, title: &str, o: aws_role::Observed) {
        let story = explain::<AwsRoleMachine>(o, now(), |_| Ok(()), render);
        self.tell(&format!("role-{file}"), title, &story);
    }

    fn request(&mut self, file: &str, title: &str, o: request::Observed) {
        // Leases are listed until their keeper is revoked.
        let mut ended = BTreeSet::new();
        let number = |text: &str| text.rsplit('-').next().map(ToOwned::to_owned);
        self.request_but(file, title, o, |action| match action {
            Action::LookUpLease { lease, .. } if !ended.contains(&number(lease.as_str())) => {
                Ok(Outcome::LeaseSeen(Known::Is(LeaseSeen { ttl: 3000 })))
            }
            Action::RevokeKeeper { accessor, .. } => {
                ended.insert(number(accessor.as_str()));
                Ok(Outcome::Done)
            }
            other => request_succeeds(other),
        });
    }

    fn request_but(
        &mut self,
        file: &str,
        title: &str,
        o: request::Observed,
        outcome: impl FnMut(&Action) -> Result<Outcome, Failure>,
    ) {
        let story = explain::<RequestMachine>(o, now(), outcome, render);
        self.tell(&format!("request-{file}"), title, &story);
    }

    fn end(self) {
        assert!(
            self.wrong.is_empty(),
            "UPDATE=1 rewrites:\n{}",
            self.wrong.join("\n")
        );
    }
}

fn stories() -> Stories {
    Stories {
        seen: BTreeSet::new(),
        wrong: Vec::new(),
    }
}

#[test]
fn of_secret_engines() {
    let mut s = stories();
    s.engine(
        "new",
        "a new SecretEngine before an empty Vault",
        engine("e"),
    );
    s.engine_but(
        "denied",
        "a new SecretEngine, but Vault denies sys/mounts",
        engine("e"),
        |a| match a {
            secret_engine::Action::EnableMount { .. } => Err(denied()),
            _ => Ok(()),
        },
    );
    s.engine("settled", "all is as the spec says", engine("e").provided());
    s.engine(
        "sealed",
        "Vault is sealed",
        engine("e").provided().with(|o| {
            o.vault = Known::Unknown(sealed());
            o.mount = Known::Unknown(sealed());
        }),
    );
    s.engine(
        "path-taken",
        "a kv engine is mounted at the path",
        engine("e").with(|o| {
            o.mount = Known::Is(MountSeen {
                kind: "kv".into(),
                owner: None,
                accessor: Some("kv_1".into()),
            });
        }),
    );
    s.engine(
        "not-ours",
        "somebody else mounted an aws engine there",
        engine("e").with(|o| {
            o.mount = Known::Is(MountSeen {
                kind: "aws".into(),
                owner: None,
                accessor: Some("aws_2".into()),
            });
        }),
    );
    s.engine(
        "foreign-on-delete",
        "deleted, but the mount belongs to another SecretEngine: it is left alone",
        engine("e").provided().deleting().with(|o| {
            let mut owner = o.owner();
            owner.uid = "another".into();
            o.mount = Known::Is(MountSeen {
                kind: "aws".into(),
                owner: Some(owner),
                accessor: Some("aws_1".into()),
            });
        }),
    );
    s.engine(
        "root-secret-missing",
        "the root Secret does not exist",
        engine("e").with(|o| o.root_secret = Known::Absent),
    );
    s.engine(
        "root-secret-changed",
        "the root Secret was changed: Vault gets the new one",
        engine("e").provided().with(|o| {
            if let Known::Is(secret) = &mut o.root_secret {
                secret.version.resource_version = "8".into();
            }
        }),
    );
    s.engine(
        "drift",
        "somebody changed config/root in Vault",
        engine("e").provided().with(|o| {
            if let Known::Is(config) = &mut o.root_config {
                config.region = "us-east-1".into();
            }
        }),
    );
    s.engine(
        "drift-lease",
        "somebody changed config/lease in Vault",
        engine("e").provided().with(|o| {
            o.previous.observed_generation = Some(1);
            if let Known::Is(lease) = &mut o.engine_lease {
                lease.lease *= 2;
            }
        }),
    );
    s.engine(
        "drift-description",
        "somebody changed the description: the mount is known by its accessor",
        engine("e").provided().with(|o| {
            o.mount = Known::Is(MountSeen {
                kind: "aws".into(),
                owner: None,
                accessor: Some("aws_1".into()),
            });
        }),
    );
    s.engine(
        "described-as-anothers",
        "the description names another SecretEngine: that is believed",
        engine("e").provided().with(|o| {
            o.mount = Known::Is(MountSeen {
                kind: "aws".into(),
                owner: Some(owner("other")),
                accessor: Some("aws_1".into()),
            });
        }),
    );
    s.engine(
        "drift-unmounted",
        "somebody unmounted the engine in Vault",
        engine("e").provided().with(|o| {
            o.mount = Known::Absent;
            o.root_config = Known::Absent;
            o.engine_lease = Known::Absent;
        }),
    );
    s.engine(
        "accessor",
        "the look after a mount was made: its accessor is recorded",
        engine("e")
            .provided()
            .with(|o| o.previous.mount_accessor = None),
    );
    s.engine(
        "bad-duration",
        "leaseConfig is not a duration",
        engine("e").with(|o| {
            if let Some(lease) = &mut o.spec.aws.lease_config {
                lease.lease = "soon".into();
            }
        }),
    );
    s.engine(
        "delete",
        "deleted: unmount, then let go",
        engine("e").provided().deleting(),
    );
    s.engine(
        "in-use",
        "deleted while AWSRoles use it",
        engine("e")
            .provided()
            .deleting()
            .with(|o| o.users = vec!["demo/role".into()]),
    );
    s.engine(
        "retain",
        "deleted with deletionPolicy Retain",
        engine("e").provided().deleting().with(|o| {
            o.spec.deletion_policy = leasehold_api_types::secret_engine::DeletionPolicy::Retain;
        }),
    );
    s.engine(
        "binding-gone",
        "deleted a minute after its AppBinding: wait",
        engine("e")
            .provided()
            .deleting()
            .with(|o| o.vault = Known::Absent),
    );
    s.engine(
        "binding-long-gone",
        "deleted, AppBinding gone for more than ten minutes: let go, counted",
        engine("e").provided().deleting().with(|o| {
            o.vault = Known::Absent;
            o.object.deleting = Some(ago(601));
        }),
    );
    s.end();
}

#[test]
fn of_roles() {
    let mut s = stories();
    s.role("new", "a new AWSRole", role("role"));
    s.role(
        "changed",
        "the spec was changed: the whole role is written",
        role("role").provided().with(|o| {
            o.spec.policy_arns = vec!["arn:aws:iam::aws:policy/ReadOnlyAccess".into()];
            o.object.generation = 2;
        }),
    );
    s.role(
        "policy-not-json",
        "policyDocument is not JSON",
        role("role").with(|o| o.spec.policy_document = Some("{oops".into())),
    );
    s.role(
        "name-too-long",
        "the name is too long for an IAM policy",
        role(&"r".repeat(130)),
    );
    s.role(
        "mount-missing",
        "no engine is mounted at the path",
        role("role").with(|o| {
            o.role = Known::Unknown(Failure::transient(
                reasons::MOUNT_MISSING,
                "no secrets engine is mounted at aws/",
            ));
        }),
    );
    s.role(
        "settled",
        "all is as the spec says",
        role("role").provided(),
    );
    s.role(
        "drift",
        "somebody changed the role in Vault",
        role("role").provided().with(|o| {
            o.previous.phase = Some(leasehold_api_types::Phase::Success);
            o.previous.observed_generation = Some(1);
            if let Known::Is(role) = &mut o.role {
                role.iam_groups.push("admins".into());
            }
        }),
    );
    let elsewhere = |cluster: &str| aws_role::RoleMount {
        owner: Some(owner(cluster)),
        accessor: Some("aws_1".into()),
        ..aws_role::RoleMount::default()
    };
    s.role(
        "not-ours",
        "another cluster of the same name made the mount, and has a role of this name there",
        role("role").with(|o| {
            o.mount = Known::Is(elsewhere("-"));
            o.role = Known::Is(leasehold_vault_client::AwsVaultRole::default());
        }),
    );
    s.role(
        "not-ours-namespace",
        "the mount is of a SecretEngine in a namespace that is not watched, or in another cluster",
        role("role").with(|o| {
            let mut mount = elsewhere("-");
            mount.owner.as_mut().unwrap().namespace = "platform".into();
            o.mount = Known::Is(mount);
        }),
    );
    s.role(
        "not-ours-delete",
        "deleted: the other cluster's role is left alone",
        role("role").provided().deleting().with(|o| {
            o.mount = Known::Is(elsewhere("-"));
        }),
    );
    s.role(
        "shared-mount",
        "a cluster of another name made the mount: our roles are named otherwise",
        role("role").with(|o| o.mount = Known::Is(elsewhere("east"))),
    );
    s.role(
        "engine-retained",
        "its SecretEngine left the mount behind: this role was written there before, and goes with its object",
        role("role").provided().deleting().with(|o| {
            o.mount = Known::Is(elsewhere("-"));
            o.previous.mount_accessor = Some("aws_1".into());
        }),
    );
    s.role(
        "delete-mount-unknown",
        "deleted, but whose the mount is cannot be seen: wait",
        role("role").provided().deleting().with(|o| {
            o.mount = Known::Unknown(denied());
        }),
    );
    s.role("delete", "deleted", role("role").provided().deleting());
    s.role(
        "delete-mount-missing",
        "deleted, and its mount is gone already",
        role("role").provided().deleting().with(|o| {
            o.role = Known::Unknown(Failure::transient(
                reasons::MOUNT_MISSING,
                "no secrets engine is mounted at aws/",
            ));
        }),
    );
    s.end();
}

#[test]
fn of_requests_being_issued() {
    let mut s = stories();
    s.request(
        "pending",
        "nobody has approved or denied it",
        request("aws-cred-rqst"),
    );
    s.request(
        "stale-approval",
        "the spec was changed after the approval",
        request("aws-cred-rqst").approved().with(|o| {
            o.object.generation = 2;
            o.previous.conditions[0].observed_generation = Some(1);
        }),
    );
    s.request(
        "approval-of-the-future",
        "a backup brought an approval of another generation: it is none",
        request("aws-cred-rqst").approved().with(|o| {
            o.previous.conditions[0].observed_generation = Some(3);
        }),
    );
    s.request(
        "approval-judged",
        "judged once, before the first issue: what was approved stays approved",
        request("aws-cred-rqst").approved().issued().with(|o| {
            o.object.generation = 2;
            o.previous.conditions[0].observed_generation = Some(1);
        }),
    );
    s.request(
        "approval-false",
        "a condition Approved with status False is no approval",
        request("aws-cred-rqst").approved().with(|o| {
            o.previous.conditions[0].status = Some("False".into());
        }),
    );
    s.request(
        "not-granted",
        "the AWSRole of another namespace grants nothing",
        request("aws-cred-rqst").approved().of_another_namespace(),
    );
    s.request(
        "not-selected",
        "the AWSRole grants the namespaces of team a, this one is team b's",
        request("aws-cred-rqst")
            .approved()
            .of_another_namespace()
            .granting(of_team_a(), Known::Is(team("b"))),
    );
    s.request(
        "labels-unknown",
        "the labels of the namespace cannot be read",
        request("aws-cred-rqst")
            .approved()
            .of_another_namespace()
            .granting(of_team_a(), Known::Unknown(denied())),
    );
    s.request(
        "granted",
        "the AWSRole of another namespace grants this one",
        request("aws-cred-rqst")
            .approved()
            .of_another_namespace()
            .granting(of_team_a(), Known::Is(team("a"))),
    );
    s.request(
        "grant-taken-away",
        "the grant is taken away: the key lives on",
        request("aws-cred-rqst")
            .approved()
            .issued()
            .of_another_namespace(),
    );
    s.request(
        "grant-taken-away-expiring",
        "the grant is taken away and the key is about to end: no new one",
        request("aws-cred-rqst")
            .approved()
            .issued()
            .expiring()
            .of_another_namespace(),
    );
    s.request(
        "grant-taken-away-mid-issue",
        "the grant is taken away after the intent: nothing is read",
        request("aws-cred-rqst")
            .approved()
            .asked(2)
            .of_another_namespace()
            .with(|o| {
                if let Some(keeper) = &mut o.held.keeper {
                    keeper.asked = false;
                }
            }),
    );
    s.request(
        "role-changed",
        "the AWSRole was changed: the key keeps its rights, and that is said",
        request("aws-cred-rqst").approved().issued().with(|o| {
            if let Known::Is(role) = &mut o.role {
                role.generation = 2;
            }
        }),
    );
    let edited = |o: request::Observed| {
        o.with(|o| {
            if let Known::Is(secret) = &mut o.secret {
                secret.edited = true;
            }
        })
    };
    let listed = |a: &Action| match a {
        Action::LookAtSecret => Ok(Outcome::Secret(Known::Is(SecretSeen {
            ours: true,
            facts: Some(key(7)),
            edited: true,
        }))),
        other => request_succeeds(other),
    };
    s.request_but(
        "secret-edited",
        "somebody wrote over the key in the Secret: the next key is issued, the old one ends",
        edited(request("aws-cred-rqst").approved().issued()),
        listed,
    );
    s.request_but(
        "secret-edited-again",
        "for the fourth time in five minutes: once a minute",
        edited(
            (0..3)
                .fold(request("aws-cred-rqst").approved().issued(), |o, n| {
                    o.retiring(n, ahead(200))
                })
                .with(|o| {
                    let credential = o.state.credential.as_mut().unwrap();
                    credential.issued_at = leasehold_api_types::time(ago(10));
                }),
        ),
        listed,
    );
    s.request(
        "approved",
        "approved: keeper, intent, key, Secret, grants, record",
        request("aws-cred-rqst").approved(),
    );
    s.request(
        "sts",
        "a role that assumes a role: nothing to revoke",
        request("aws-cred-rqst").approved().with(|o| {
            if let Known::Is(role) = &mut o.role {
                role.credential_type = leasehold_api_types::CredentialType::AssumedRole;
            }
        }),
    );
    s.request(
        "role-missing",
        "the AWSRole does not exist",
        request("aws-cred-rqst")
            .approved()
            .with(|o| o.role = Known::Absent),
    );
    s.request_but("keeper-refused", "the login may not open keepers", request("aws-cred-rqst").approved(), |a| match a {
        Action::OpenKeeper { .. } => Err(Failure::new(FailureClass::Denied, reasons::KEEPER_REFUSED, "child policies must be subset of parent: add the policy leasehold-keeper to the login")),
        other => request_succeeds(other),
    });
    s.request_but(
        "refused-by-aws",
        "AWS refuses the user",
        request("aws-cred-rqst").approved(),
        |a| match a {
            Action::Issue { .. } => Ok(Outcome::NoKey {
                answered: true,
                failure: Failure::new(
                    FailureClass::Denied,
                    reasons::ISSUE_FAILED,
                    "AccessDenied: not authorized to perform iam:CreateUser",
                ),
            }),
            other => request_succeeds(other),
        },
    );
    s.request(
        "refused-by-aws-next-drive",
        "the drive after: the keeper is closed at once, nothing of the read still runs",
        request("aws-cred-rqst").approved().asked(5).with(|o| {
            if let Some(keeper) = &mut o.held.keeper {
                keeper.refused = true;
            }
        }),
    );
    s.request_but(
        "unanswered",
        "the read was not answered",
        request("aws-cred-rqst").approved(),
        |a| match a {
            Action::Issue { .. } => Ok(Outcome::NoKey {
                answered: false,
                failure: unanswered(),
            }),
            other => request_succeeds(other),
        },
    );
    s.request(
        "unanswered-next-drive",
        "the drive after: set aside, ended when no read can run any more; the next key is issued",
        request("aws-cred-rqst").approved().asked(5),
    );
    s.request_but(
        "quota",
        "the Secret does not fit the quota",
        request("aws-cred-rqst").approved(),
        |a| match a {
            Action::StoreSecret { .. } => Err(Failure::new(
                FailureClass::Denied,
                reasons::SECRET_NOT_STORED,
                "exceeded quota: secrets=10",
            )),
            other => request_succeeds(other),
        },
    );
    s.request(
        "quota-for-five-minutes",
        "the key could not be stored for five minutes: it is given up",
        request("aws-cred-rqst")
            .approved()
            .asked(301)
            .holding()
            .with(|o| o.held.unstored_since = Some(ago(300))),
    );
    let said_taken = |o: &mut request::Observed| {
        o.previous.conditions.push(leasehold_api_types::Condition {
            type_: reasons::READY.into(),
            status: Some("False".into()),
            reason: Some(reasons::NAME_TAKEN.into()),
            ..Default::default()
        });
    };
    let foreign = |a: &Action| match a {
        Action::LookAtSecret => Ok(Outcome::Secret(Known::Is(SecretSeen {
            ours: false,
            facts: None,
            edited: false,
        }))),
        other => request_succeeds(other),
    };
    s.request_but(
        "name-taken-for-five-minutes",
        "somebody else's Secret has the name: the key is given up, and no other is made",
        request("aws-cred-rqst")
            .approved()
            .asked(301)
            .holding()
            .with(|o| o.held.unstored_since = Some(ago(300)))
            .with(said_taken),
        foreign,
    );
    s.request_but(
        "name-taken",
        "a later drive, or another process: it looks, and makes no key",
        request("aws-cred-rqst").approved().with(said_taken),
        foreign,
    );
    s.request_but(
        "name-free-again",
        "the other Secret is gone: the key is issued",
        request("aws-cred-rqst").approved().with(said_taken),
        |a| match a {
            Action::LookAtSecret => Ok(Outcome::Secret(Known::Absent)),
            other => request_succeeds(other),
        },
    );
    s.request(
        "other-replica",
        "another replica's intent is young: left alone",
        request("aws-cred-rqst").approved().intent("another", 20),
    );
    let since = |seconds: i64| {
        move |o: &mut request::Observed| {
            o.seen.insert("accessor-2".into(), ago(seconds));
        }
    };
    s.request(
        "other-clock-behind",
        "an hour old by its writer's clock, but seen for 20 s only: left alone",
        request("aws-cred-rqst")
            .approved()
            .intent("another", 3600)
            .with(since(20)),
    );
    s.request(
        "other-clock-ahead",
        "of the next hour by its writer's clock, but seen for 100 s: taken over",
        request("aws-cred-rqst")
            .approved()
            .intent("another", -3600)
            .with(since(100)),
    );
    s.request(
        "former-of-another-clock",
        "set aside by another clock, and its read may still run: not ended yet",
        request("aws-cred-rqst")
            .approved()
            .issued()
            .retiring(2, ago(3500))
            .with(|o| o.state.retiring[0].lease_id = None)
            .with(since(20)),
    );
    s.request(
        "crash-before-issue",
        "our former run crashed around the read",
        request("aws-cred-rqst")
            .approved()
            .intent("former run", 120),
    );
    s.request_but(
        "crash-after-secret",
        "our former run crashed after the Secret, before the status: only the status is finished",
        request("aws-cred-rqst")
            .approved()
            .intent("former run", 120)
            .stored(2),
        |a| match a {
            Action::LookAtSecret => Ok(Outcome::Secret(Known::Is(SecretSeen {
                ours: true,
                facts: Some(key(2)),
                edited: false,
            }))),
            other => request_succeeds(other),
        },
    );
    s.request(
        "settled",
        "all is well: a look at the lease, and nothing to do",
        request("aws-cred-rqst").approved().issued(),
    );
    s.request_but(
        "lease-gone",
        "somebody revoked the lease in Vault: the next key is issued",
        request("aws-cred-rqst").approved().issued(),
        request_succeeds,
    );
    s.request(
        "grant-lost",
        "somebody deleted the RoleBinding",
        request("aws-cred-rqst")
            .approved()
            .issued()
            .with(|o| o.reader_binding = Known::Absent),
    );
    s.request(
        "secret-lost",
        "somebody deleted the Secret: the next key is issued, the old one ends",
        request("aws-cred-rqst")
            .approved()
            .issued()
            .with(|o| o.secret = Known::Absent),
    );
    s.request(
        "reissue",
        "the key is about to end",
        request("aws-cred-rqst").approved().issued().expiring(),
    );
    s.request(
        "role-gone",
        "the role of a live key is gone",
        request("aws-cred-rqst")
            .approved()
            .issued()
            .with(|o| o.role = Known::Absent),
    );
    s.request(
        "role-gone-expiring",
        "the role is gone and the key is about to end",
        request("aws-cred-rqst")
            .approved()
            .issued()
            .expiring()
            .with(|o| o.role = Known::Absent),
    );
    s.request(
        "status-lost",
        "the status was lost, and a key stands in the Secret: it retires, another is issued",
        request("aws-cred-rqst").approved().stored(5),
    );
    let unused = |o: request::Observed, age: i64| {
        o.with(|o| {
            o.held.keeper = Some(request::HeldKeeper {
                accessor: "accessor-3".into(),
                ttl: SignedDuration::from_mins(70),
                opened_at: ago(age),
                asked: false,
                refused: false,
            });
        })
    };
    s.request(
        "keeper-unused",
        "another replica issued meanwhile: the keeper opened here is closed",
        unused(request("aws-cred-rqst").approved().issued(), 5),
    );
    s.request(
        "keeper-old",
        "a keeper opened a minute ago and not used is closed, and another opened",
        unused(request("aws-cred-rqst").approved(), 60),
    );
    s.request(
        "intent-taken-over",
        "another replica set our intent aside while we held the key: that one ends it",
        request("aws-cred-rqst")
            .approved()
            .issued()
            .asked(90)
            .holding()
            .with(|o| o.state.intent = None),
    );
    s.request(
        "intent-renewed",
        "a key still not stored after 30 s: its intent is written anew before it is",
        request("aws-cred-rqst").approved().asked(31).holding(),
    );
    s.request(
        "too-many-former-keys",
        "48 former keys could not be ended: no further one is made",
        (0..48).fold(
            request("aws-cred-rqst").approved().issued().expiring(),
            |o, n| o.retiring(100 + n, ahead(200)),
        ),
    );
    s.request(
        "role-under-deletion",
        "the AWSRole is being deleted: nothing is issued",
        request("aws-cred-rqst").approved().with(|o| {
            if let Known::Is(role) = &mut o.role {
                role.deleting = true;
            }
        }),
    );
    s.request(
        "role-not-ready",
        "the AWSRole is not in Vault yet",
        request("aws-cred-rqst").approved().with(|o| {
            if let Known::Is(role) = &mut o.role {
                role.ready = Err("its latest change is not in Vault yet".into());
            }
        }),
    );
    s.request(
        "binding-gone",
        "the AppBinding is gone before anything was issued",
        request("aws-cred-rqst")
            .approved()
            .with(|o| vault_of(o, Known::Absent)),
    );
    s.request(
        "retire",
        "a former key's time has come",
        request("aws-cred-rqst")
            .approved()
            .issued()
            .retiring(0, ago(1)),
    );
    s.end();
}

#[test]
fn of_requests_being_ended() {
    let mut s = stories();
    s.request(
        "denied",
        "denied before anything was issued",
        request("aws-cred-rqst").denied(),
    );
    s.request(
        "denied-after-issue",
        "denied after the issue: the key ends, the object stays",
        request("aws-cred-rqst").approved().issued().denied(),
    );
    s.request(
        "denied-mid-issue",
        "denied while the read runs: wait it out",
        request("aws-cred-rqst").approved().asked(30).denied(),
    );
    s.request(
        "delete",
        "deleted: keeper, proof, Secret, finalizer",
        request("aws-cred-rqst").approved().issued().deleting(),
    );
    s.request(
        "delete-all",
        "deleted with a former key and an intent of another run",
        request("aws-cred-rqst")
            .approved()
            .issued()
            .retiring(0, ahead(200))
            .intent("former run", 200)
            .deleting(),
    );
    let listed = |a: &Action| match a {
        Action::LookUpLease { .. } => Ok(Outcome::LeaseSeen(Known::Is(LeaseSeen { ttl: 0 }))),
        Action::RevokeLease { .. } => Err(Failure::new(
            FailureClass::Denied,
            reasons::VAULT_REFUSED,
            "AccessDenied: not authorized to perform iam:DeleteUser",
        )),
        other => request_succeeds(other),
    };
    s.request_but(
        "revocation-pending",
        "deleted: the lease is still listed",
        request("aws-cred-rqst").approved().issued().deleting(),
        listed,
    );
    s.request_but(
        "revocation-failed",
        "deleted: AWS refuses to delete the user",
        request("aws-cred-rqst")
            .approved()
            .issued()
            .deleting()
            .with(|o| {
                o.attempts = 4;
                o.held.looks.insert(key(7).lease.unwrap(), 3);
            }),
        listed,
    );
    s.request_but(
        "status-lost-delete",
        "deleted after the status was lost: the key in the Secret is ended",
        request("aws-cred-rqst").approved().stored(5).deleting(),
        request_succeeds,
    );
    s.request_but(
        "status-lost-denied",
        "denied after the status was lost: the key in the Secret is ended",
        request("aws-cred-rqst").approved().stored(5).denied(),
        request_succeeds,
    );
    s.request_but(
        "lease-not-ours",
        "deleted: the keeper is gone and the lease lives on, so it is somebody else's",
        request("aws-cred-rqst")
            .approved()
            .issued()
            .deleting()
            .with(|o| {
                o.held.looks.insert(key(7).lease.unwrap(), 3);
            }),
        |a| match a {
            Action::LookUpKeeper { .. } => Ok(Outcome::KeeperSeen(Known::Absent)),
            Action::LookUpLease { .. } => {
                Ok(Outcome::LeaseSeen(Known::Is(LeaseSeen { ttl: 3000 })))
            }
            other => request_succeeds(other),
        },
    );
    s.request(
        "binding-gone-delete",
        "deleted, and its AppBinding is gone without a live login: wait, and say how to go on",
        request("aws-cred-rqst")
            .approved()
            .issued()
            .deleting()
            .with(|o| vault_of(o, Known::Absent)),
    );
    s.request(
        "sealed",
        "deleted while Vault is sealed",
        request("aws-cred-rqst")
            .approved()
            .issued()
            .deleting()
            .with(|o| vault_of(o, Known::Unknown(sealed()))),
    );
    s.request(
        "vault-changed",
        "deleted, but the AppBinding now points to another Vault",
        request("aws-cred-rqst")
            .approved()
            .issued()
            .deleting()
            .with(|o| vault_of(o, Known::Is("vault-2".into()))),
    );
    s.request(
        "deadline",
        "deleted two days ago and Vault never came back: let go, counted",
        request("aws-cred-rqst")
            .approved()
            .issued()
            .deleting()
            .with(|o| {
                vault_of(o, Known::Unknown(sealed()));
                o.object.deleting = Some(now() - SignedDuration::from_hours(48));
            }),
    );
    s.request(
        "abandon",
        "deleted with the abandon annotation",
        request("aws-cred-rqst")
            .approved()
            .issued()
            .deleting()
            .with(|o| {
                vault_of(o, Known::Absent);
                o.object.abandon = true;
            }),
    );
    s.request_but(
        "forged-accessor",
        "deleted: the status names somebody else's token",
        request("aws-cred-rqst").approved().issued().deleting(),
        |a| match a {
            Action::LookUpKeeper { .. } => {
                Ok(Outcome::KeeperSeen(Known::Is(KeeperSeen { ours: false })))
            }
            other => request_succeeds(other),
        },
    );
    s.end();
}
