//! Vault and the API server around one SecretEngine or AWSRole: a thing in Vault that has to be
//! there, be right, and be gone.

use std::marker::PhantomData;

use leasehold_api_types::{AwsRoleStatus, SecretEngineStatus};
use leasehold_reconcile_core::{
    Failure, FailureClass, Known, Machine, Timestamp,
    aws_role::{self, AwsRoleMachine},
    explore::{Digest, Fate, Move, World},
    reasons,
    secret_engine::{self, MountSeen, SecretEngineMachine},
};

use crate::common;

/// What there is, in Vault and in the API server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bits {
    present: bool,
    foreign: bool,
    right: bool,
    /// What the status says was written.
    written: bool,
    used: bool,
    finalizer: bool,
    deleting: bool,
}

pub(crate) enum Effect {
    AddFinalizer,
    Make,
    Write,
    End,
    Say,
    RemoveFinalizer,
}

/// The two kinds.
pub(crate) trait Kind: 'static {
    type Machine: Machine<Outcome = ()>;
    /// Whether making it replaces what is there.
    const REPLACES: bool;
    fn observed(bits: &Bits) -> <Self::Machine as Machine>::Observed;
    fn effect(action: &<Self::Machine as Machine>::Action) -> Effect;
    fn written(status: &<Self::Machine as Machine>::Status) -> bool;
    fn bits(observed: &<Self::Machine as Machine>::Observed) -> Bits;
    fn failed(observed: &<Self::Machine as Machine>::Observed) -> bool;
}

pub(crate) struct Engine;
impl Kind for Engine {
    type Machine = SecretEngineMachine;
    const REPLACES: bool = false;
    fn observed(bits: &Bits) -> secret_engine::Observed {
        let mut o = common::EngineExt::provided(common::engine("e"));
        let mut owner = o.owner();
        if bits.foreign {
            owner.uid = "another".into();
        }
        let mount = MountSeen {
            kind: "aws".into(),
            owner: Some(owner),
            accessor: Some("aws_1".into()),
        };
        o.mount = if bits.present {
            Known::Is(mount)
        } else {
            Known::Absent
        };
        if !bits.right {
            o.root_config = Known::Absent;
        }
        if !bits.written {
            o.written = None;
        }
        if bits.used {
            o.users = vec!["demo/role".into()];
        }
        o.object.finalizer = bits.finalizer;
        o.object.deleting = bits.deleting.then(|| common::ago(1));
        o
    }
    fn effect(action: &secret_engine::Action) -> Effect {
        use secret_engine::Action;
        match action {
            Action::AddFinalizer => Effect::AddFinalizer,
            Action::EnableMount { .. } => Effect::Make,
            Action::DescribeMount { .. }
            | Action::WriteRootConfig { .. }
            | Action::WriteEngineLease { .. } => Effect::Write,
            Action::DisableMount { .. } => Effect::End,
            Action::LetGo { .. } => Effect::Say,
            Action::RemoveFinalizer => Effect::RemoveFinalizer,
        }
    }
    fn written(status: &SecretEngineStatus) -> bool {
        status.root_secret.is_some()
    }
    fn bits(o: &secret_engine::Observed) -> Bits {
        Bits {
            present: o.mount.is().is_some(),
            foreign: o.mount.is().is_some_and(|m| !o.ours(m)),
            right: o.root_config.is().is_some(),
            written: o.written.is_some(),
            used: !o.users.is_empty(),
            finalizer: o.object.finalizer,
            deleting: o.object.deleting.is_some(),
        }
    }
    fn failed(o: &secret_engine::Observed) -> bool {
        o.failure.is_some()
    }
}

pub(crate) struct Role;
impl Kind for Role {
    type Machine = AwsRoleMachine;
    const REPLACES: bool = true;
    fn observed(bits: &Bits) -> aws_role::Observed {
        let mut o = common::RoleExt::provided(common::role("r"));
        if let Known::Is(role) = &mut o.role
            && !bits.right
        {
            role.iam_groups.push("other".into());
        }
        if !bits.present {
            o.role = Known::Absent;
        }
        if bits.foreign {
            o.mount = Known::Is(aws_role::RoleMount {
                owner: Some(common::owner("-")),
                ..aws_role::RoleMount::default()
            });
        }
        o.object.finalizer = bits.finalizer;
        o.object.deleting = bits.deleting.then(|| common::ago(1));
        o
    }
    fn effect(action: &aws_role::Action) -> Effect {
        use aws_role::Action;
        match action {
            Action::AddFinalizer => Effect::AddFinalizer,
            Action::WriteRole { .. } => Effect::Make,
            Action::DeleteRole { .. } => Effect::End,
            Action::LetGo { .. } => Effect::Say,
            Action::RemoveFinalizer => Effect::RemoveFinalizer,
        }
    }
    fn written(_: &AwsRoleStatus) -> bool {
        true
    }
    fn bits(o: &aws_role::Observed) -> Bits {
        let wanted = aws_role::desired(&o.spec).unwrap();
        Bits {
            present: o.role.is().is_some(),
            foreign: o.foreign().is_some(),
            right: o.role.is().is_some_and(|r| aws_role::same(&wanted, r)),
            written: true,
            finalizer: o.object.finalizer,
            deleting: o.object.deleting.is_some(),
            ..Bits::default()
        }
    }
    fn failed(o: &aws_role::Observed) -> bool {
        o.failure.is_some()
    }
}

pub(crate) struct Provision<K> {
    bits: Bits,
    gone: bool,
    version: u8,
    /// The version, and whether the status said it was written, as each replica last saw it.
    saw: Vec<(u8, bool)>,
    /// Removals of the finalizer still on their way, with their version.
    late: Vec<u8>,
    /// Whether the making is still on its way.
    late_make: bool,
    people: u8,
    let_go: bool,
    slipped: bool,
    wrong: Option<&'static str>,
    kind: PhantomData<K>,
}

impl<K> Clone for Provision<K> {
    fn clone(&self) -> Self {
        Self {
            bits: self.bits.clone(),
            saw: self.saw.clone(),
            late: self.late.clone(),
            kind: PhantomData,
            ..*self
        }
    }
}

fn conflict() -> Failure {
    Failure::new(FailureClass::Conflict, reasons::KUBERNETES, "409")
}

impl<K> Provision<K> {
    pub(crate) fn new(replicas: usize, people: u8) -> Self {
        Self {
            bits: Bits::default(),
            gone: false,
            version: 1,
            saw: vec![(0, false); replicas],
            late: Vec::new(),
            late_make: false,
            people,
            let_go: false,
            slipped: false,
            wrong: None,
            kind: PhantomData,
        }
    }

    /// The mount is another cluster's, and has a role of this name.
    pub(crate) fn foreign(mut self) -> Self {
        self.bits.present = true;
        self.bits.foreign = true;
        self
    }

    fn unfinalize(&mut self) {
        self.version += 1;
        self.bits.finalizer = false;
        self.gone |= self.bits.deleting;
    }
}

impl<K: Kind> Provision<K> {
    fn make(&mut self) -> Result<(), Failure> {
        if self.bits.present && !K::REPLACES {
            return Err(common::denied());
        }
        if self.bits.foreign {
            self.wrong = Some("what is not ours is overwritten");
        }
        self.bits.present = true;
        self.bits.right |= K::REPLACES;
        Ok(())
    }
}

impl<K: Kind> World for Provision<K> {
    type Machine = K::Machine;

    fn now(&self, _: usize) -> Timestamp {
        common::now()
    }

    fn observe(&mut self, replica: usize) -> Option<<K::Machine as Machine>::Observed> {
        self.saw[replica] = (self.version, self.bits.written);
        (!self.gone).then(|| K::observed(&self.bits))
    }

    fn fates(&self, action: &<K::Machine as Machine>::Action) -> Vec<Fate> {
        match K::effect(action) {
            Effect::Say => vec![],
            Effect::RemoveFinalizer | Effect::Make => vec![Fate::Refused, Fate::Lost, Fate::Late],
            _ => vec![Fate::Refused, Fate::Lost],
        }
    }

    fn perform(
        &mut self,
        replica: usize,
        action: &<K::Machine as Machine>::Action,
        fate: Fate,
    ) -> Result<(), Failure> {
        if fate == Fate::Refused {
            return Err(common::denied());
        }
        let effect = K::effect(action);
        let versioned = matches!(effect, Effect::AddFinalizer | Effect::RemoveFinalizer);
        if versioned && !self.gone && self.saw[replica].0 != self.version {
            return Err(conflict());
        }
        match effect {
            Effect::AddFinalizer if self.gone => return Err(conflict()),
            Effect::AddFinalizer => {
                self.bits.finalizer = true;
                self.version += 1;
            }
            Effect::Make if fate == Fate::Late => self.late_make = true,
            Effect::Make => {
                // Vault knows no versions: a replica that lost the lead may write once more after
                // the other saw the end. No key hangs on that.
                self.slipped |= self.saw[replica].0 != self.version && self.saw.len() > 1;
                self.make()?;
            }
            Effect::Write => {
                if !self.bits.present {
                    return Err(common::denied());
                }
                if self.bits.foreign {
                    self.wrong = Some("what is not ours is overwritten");
                }
                self.bits.right = true;
            }
            Effect::End => {
                if self.bits.foreign && self.bits.present {
                    self.wrong = Some("what is not ours is ended");
                }
                self.bits.present = false;
                self.bits.right = false;
            }
            Effect::Say => self.let_go = true,
            Effect::RemoveFinalizer if fate == Fate::Late => self.late.push(self.version),
            Effect::RemoveFinalizer if self.gone => {}
            Effect::RemoveFinalizer => self.unfinalize(),
        }
        if matches!(fate, Fate::Lost | Fate::Late) {
            return Err(common::unanswered());
        }
        if versioned {
            self.saw[replica].0 = self.version;
        }
        Ok(())
    }

    fn is_news(&self, replica: usize, status: &<K::Machine as Machine>::Status) -> bool {
        K::written(status) != self.saw[replica].1
    }

    fn write_status(
        &mut self,
        replica: usize,
        status: &<K::Machine as Machine>::Status,
        fate: Fate,
    ) -> Result<(), Failure> {
        if fate == Fate::Refused || fate == Fate::Late {
            return Err(common::denied());
        }
        if self.gone || self.saw[replica].0 != self.version {
            return Err(conflict());
        }
        self.bits.written = K::written(status);
        self.version += 1;
        if fate == Fate::Lost {
            return Err(common::unanswered());
        }
        self.saw[replica] = (self.version, self.bits.written);
        Ok(())
    }

    fn remember(&mut self, _: usize, _: &<K::Machine as Machine>::Observed) {}

    fn crash(&mut self, _: usize) {}

    fn moves(&self, busy: bool) -> Vec<Move<Self>> {
        let mut moves = Vec::new();
        let mut push = |label: &str, change: &dyn Fn(&mut Self)| {
            let mut world = self.clone();
            change(&mut world);
            moves.push(Move {
                label: label.to_owned(),
                world,
                cost: 0,
            });
        };
        if !self.gone && !self.bits.deleting {
            push("the user deletes it", &|w| {
                w.bits.deleting = true;
                w.version += 1;
                w.gone = !w.bits.finalizer;
            });
        }
        if self.late_make {
            // Vault knows no versions: what lands when its object is gone stays. No key hangs on it.
            push("takes effect at last: the mount or role", &|w| {
                w.late_make = false;
                w.slipped |= w.bits.deleting;
                let _ = w.make();
            });
        }
        if self.people > 0 {
            if self.bits.present && !self.bits.foreign {
                push("somebody changes it in Vault", &|w| {
                    w.people -= 1;
                    w.bits.right = false;
                });
                push("somebody deletes it in Vault", &|w| {
                    w.people -= 1;
                    w.bits.present = false;
                    w.bits.right = false;
                });
            }
            // Who mounts something between our look and our write wins.
            if !self.bits.present && !busy && !K::REPLACES {
                push("somebody else mounts an engine at the path", &|w| {
                    w.people -= 1;
                    w.bits.present = true;
                    w.bits.foreign = true;
                });
            }
        }
        for i in 0..self.late.len() {
            push("takes effect at last: the finalizer's removal", &|w| {
                let version = w.late.remove(i);
                if !w.gone && version == w.version {
                    w.unfinalize();
                }
            });
        }
        moves
    }

    fn pass(&mut self) -> bool {
        let made = std::mem::take(&mut self.late_make);
        if made {
            self.slipped |= self.bits.deleting;
            let _ = self.make();
        }
        !std::mem::take(&mut self.late).is_empty() || made
    }

    fn violation(&self) -> Option<String> {
        if let Some(wrong) = self.wrong {
            return Some(wrong.to_owned());
        }
        let left =
            self.gone && self.bits.present && !self.bits.foreign && !self.let_go && !self.slipped;
        left.then(|| "it is gone, and what it made in Vault is left".to_owned())
    }

    fn unsettled(&self) -> Option<String> {
        if self.gone || (self.bits.foreign && !self.bits.deleting) {
            return None;
        }
        if self.bits.deleting {
            return Some("deleted but not gone".into());
        }
        let there = self.bits.present && self.bits.right && self.bits.written;
        (!there).then(|| "not as the spec says".into())
    }

    fn digest(&self, d: &mut Digest) {
        digest_bits(&self.bits, d);
        d.number(
            i64::from(self.gone) * 2
                + i64::from(self.let_go)
                + 4 * i64::from(self.slipped)
                + 8 * i64::from(self.people)
                + 64 * i64::from(self.late_make),
        );
        for (version, written) in &self.saw {
            d.number(i64::from(*version == self.version) * 2 + i64::from(*written));
        }
        for version in &self.late {
            d.number(i64::from(*version == self.version));
        }
    }

    fn digest_observed(&self, o: &<K::Machine as Machine>::Observed, d: &mut Digest) {
        digest_bits(&K::bits(o), d);
        d.number(i64::from(K::failed(o)));
    }
}

fn digest_bits(b: &Bits, d: &mut Digest) {
    let all = [
        b.present,
        b.foreign,
        b.right,
        b.written,
        b.used,
        b.finalizer,
        b.deleting,
    ];
    d.number(all.iter().fold(1, |n, bit| n * 2 + i64::from(*bit)));
}
