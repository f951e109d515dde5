//! What is seen of a SecretEngine, and how an action changes that.

use leasehold_api_types::{SecretEngineSpec, SecretEngineStatus, secret_engine::RootSecretVersion};
use leasehold_vault_client::{EngineLease, RootConfig, go_duration};

use super::Action;
use crate::{Failure, Known, Note, Object, Settings, ownership::Owner, reasons};

/// A mount at the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountSeen {
    /// `aws`, or something else.
    pub kind: String,
    /// Who wrote its description, if Leasehold did.
    pub owner: Option<Owner>,
    /// Vault's id of this mount; not known of one that was made in this drive.
    pub accessor: Option<String>,
}

/// The Secret with Vault's AWS credentials: which version, and its public half.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootSecretSeen {
    /// Which version of it.
    pub version: RootSecretVersion,
    /// The access key id, which `config/root` gives back.
    pub access_key: String,
}

/// Everything a decision about a SecretEngine may rest on.
#[derive(Clone, Debug)]
pub struct Observed {
    /// Metadata.
    pub object: Object,
    /// Spec.
    pub spec: SecretEngineSpec,
    /// Status as last written.
    pub previous: SecretEngineStatus,
    /// The operator's flags.
    pub settings: Settings,
    /// Whether Vault can be used: `Absent` when the AppBinding is gone and no login lives.
    pub vault: Known<()>,
    /// What is mounted at the path.
    pub mount: Known<MountSeen>,
    /// Vault's own AWS credentials.
    pub root_secret: Known<RootSecretSeen>,
    /// `config/root`.
    pub root_config: Known<RootConfig>,
    /// `config/lease`.
    pub engine_lease: Known<EngineLease>,
    /// AWSRoles that use the mount.
    pub users: Vec<String>,
    /// Which root Secret Vault has.
    pub written: Option<RootSecretVersion>,
    /// Whether the mount was made in this drive.
    pub made: bool,
    /// The action that failed in this drive.
    pub failure: Option<Failure>,
    /// Failed drives in a row before this one.
    pub attempts: u32,
    /// Events to publish.
    pub notes: Vec<Note>,
}

impl Observed {
    /// A SecretEngine nobody has worked on, before an empty Vault that can be used.
    pub fn fresh(object: Object, spec: SecretEngineSpec, settings: Settings) -> Self {
        Self {
            object,
            spec,
            previous: SecretEngineStatus::default(),
            settings,
            vault: Known::Is(()),
            mount: Known::Absent,
            root_secret: Known::Is(RootSecretSeen {
                version: RootSecretVersion::default(),
                access_key: "AKIA…".into(),
            }),
            root_config: Known::Absent,
            engine_lease: Known::Absent,
            users: Vec::new(),
            written: None,
            made: false,
            failure: None,
            attempts: 0,
            notes: Vec::new(),
        }
    }

    /// Who owns a mount of this object.
    pub fn owner(&self) -> Owner {
        Owner {
            cluster: self.settings.cluster.clone(),
            namespace: self.object.namespace.clone(),
            name: self.object.name.clone(),
            uid: self.object.uid.clone(),
        }
    }

    /// Whether the mount was made for this very object: so says its description, or, where somebody
    /// wrote something of their own there, its accessor. Another SecretEngine's word is believed.
    pub fn ours(&self, mount: &MountSeen) -> bool {
        let recorded = self.previous.mount_accessor.as_ref();
        let same = mount.accessor.is_some() && mount.accessor.as_ref() == recorded;
        mount.kind == "aws" && (self.named(mount) || (mount.owner.is_none() && same))
    }

    /// Whether the mount's description says whose it is.
    pub fn named(&self, mount: &MountSeen) -> bool {
        mount.owner.as_ref() == Some(&self.owner())
    }

    /// What `config/root` should say.
    pub fn wanted_root(&self, secret: &RootSecretSeen) -> RootConfig {
        let aws = &self.spec.aws;
        RootConfig {
            access_key: secret.access_key.clone(),
            region: aws.region.clone(),
            iam_endpoint: aws.iam_endpoint.clone().unwrap_or_default(),
            sts_endpoint: aws.sts_endpoint.clone().unwrap_or_default(),
            max_retries: aws.max_retries.unwrap_or(-1),
        }
    }

    /// What `config/lease` should say; `None` leaves it to the mount.
    pub fn wanted_lease(&self) -> Option<Result<EngineLease, Failure>> {
        let config = self.spec.aws.lease_config.as_ref()?;
        let read = |field: &str, text: &str| {
            go_duration::parse(text).ok_or_else(|| {
                Failure::invalid(
                    reasons::DURATION_INVALID,
                    format!("spec.aws.leaseConfig.{field}: \"{text}\" is not a duration such as 1h or 90m"),
                )
            })
        };
        Some(read("lease", &config.lease).and_then(|lease| {
            read("leaseMax", &config.lease_max).map(|lease_max| EngineLease { lease, lease_max })
        }))
    }
}

pub(super) fn absorb(o: &mut Observed, action: &Action, outcome: Result<(), Failure>) {
    if let Err(mut failure) = outcome {
        if *action == Action::RemoveFinalizer {
            // By this reason the object's going is told from what it waits for.
            failure.reason = reasons::KUBERNETES;
        }
        o.failure = Some(failure);
        return;
    }
    match action {
        Action::AddFinalizer => o.object.finalizer = true,
        Action::EnableMount { path, owner } => {
            if o.previous.mount_accessor.is_some() {
                o.notes.push(Note::warning(
                    reasons::DRIFT_REPAIRED,
                    format!(
                        "{path}/ was unmounted in Vault, which ended its keys, and is mounted again"
                    ),
                ));
            }
            o.made = true;
            o.mount = Known::Is(MountSeen {
                kind: "aws".into(),
                owner: Some(owner.clone()),
                accessor: None,
            });
        }
        Action::DescribeMount { owner, .. } => {
            if let Known::Is(mount) = &mut o.mount {
                mount.owner = Some(owner.clone());
            }
            o.notes.push(Note::normal(
                reasons::DRIFT_REPAIRED,
                format!(
                    "the description of {}/ was changed in Vault and says again whose it is",
                    o.spec.path
                ),
            ));
        }
        Action::WriteRootConfig {
            config, version, ..
        } => {
            let settled = o.previous.observed_generation == Some(o.object.generation);
            let repaired =
                settled && o.written.as_ref() == Some(version) && o.root_config.is().is_some();
            if repaired {
                o.notes.push(drift(o, "config/root"));
            }
            o.root_config = Known::Is(config.clone());
            o.written = Some(version.clone());
        }
        Action::WriteEngineLease { lease, .. } => {
            let settled = o.previous.observed_generation == Some(o.object.generation);
            if settled && o.engine_lease.is().is_some() {
                o.notes.push(drift(o, "config/lease"));
            }
            o.engine_lease = Known::Is(*lease);
        }
        Action::DisableMount { path } => {
            o.mount = Known::Absent;
            o.notes.push(Note::normal(
                reasons::REVOKED,
                format!("{path}/ is unmounted; every key issued from it is revoked"),
            ));
        }
        Action::LetGo { message } => o.notes.push(Note::let_go(message.clone())),
        Action::RemoveFinalizer => o.object.finalizer = false,
    }
}

fn drift(o: &Observed, what: &str) -> Note {
    Note::normal(
        reasons::DRIFT_REPAIRED,
        format!(
            "{}/{what} was changed in Vault and is again as the spec says",
            o.spec.path
        ),
    )
}
