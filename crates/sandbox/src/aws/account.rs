//! What one AWS account holds.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;

use super::errors::Error;
use super::managed::{self, MANAGED};
use super::policy::{Document, Grammar, Policy};

/// The whole state, without what faults do to it.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) id: String,
    /// By the name in lower case: two names may not differ in case alone.
    pub(super) users: BTreeMap<String, User>,
    pub(super) groups: BTreeMap<String, Group>,
    pub(super) roles: BTreeMap<String, Role>,
    /// By ARN.
    pub(super) policies: BTreeMap<String, ManagedPolicy>,
    /// By id.
    pub(super) keys: HashMap<String, AccessKey>,
    /// By the id of their key.
    pub(super) sessions: HashMap<String, Session>,
    pub(super) ids: Ids,
    pub(super) max_users: usize,
}

#[derive(Debug)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) id: String,
    pub(super) created: Timestamp,
    pub(super) boundary: Option<String>,
    pub(super) tags: BTreeMap<String, String>,
    /// Ids, oldest first.
    pub(super) keys: Vec<String>,
    /// Names in lower case.
    pub(super) groups: BTreeSet<String>,
    pub(super) own: Policies,
}

#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) id: String,
    pub(super) created: Timestamp,
    pub(super) own: Policies,
}

#[derive(Debug)]
pub(super) struct Role {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) id: String,
    pub(super) created: Timestamp,
    pub(super) description: Option<String>,
    pub(super) trust: Document,
    pub(super) max_session_duration: i64,
    pub(super) boundary: Option<String>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) own: Policies,
}

/// The policies of a user, group or role.
#[derive(Debug, Default)]
pub(super) struct Policies {
    /// By name.
    pub(super) inline: BTreeMap<String, Document>,
    /// ARNs.
    pub(super) attached: BTreeSet<String>,
}

#[derive(Debug)]
pub(super) struct ManagedPolicy {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) id: String,
    pub(super) created: Timestamp,
    pub(super) description: Option<String>,
    pub(super) document: Document,
}

#[derive(Debug)]
pub(super) struct AccessKey {
    pub(super) secret: String,
    /// The name, not in lower case.
    pub(super) user: String,
    pub(super) created: Timestamp,
    pub(super) is_active: bool,
}

/// Temporary credentials.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) secret: String,
    pub(super) token: String,
    pub(super) expires: Timestamp,
    pub(super) holder: Holder,
    /// Empty: not limited by any.
    pub(super) policies: Vec<Policy>,
}

/// Whom credentials are of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Holder {
    /// Somebody who did not sign.
    Nobody,
    /// The long-lived key of a user.
    User(String),
    /// `GetSessionToken` of a user.
    UserSession(String),
    /// `GetFederationToken`: by which user, and whom for.
    Federated { user: String, name: String },
    /// `AssumeRole` and its kin.
    Role { role: String, session: String },
}

impl Account {
    pub(super) fn new(id: String, seed: u64, max_users: usize) -> Self {
        let mut account = Self {
            id,
            users: BTreeMap::new(),
            groups: BTreeMap::new(),
            roles: BTreeMap::new(),
            policies: BTreeMap::new(),
            keys: HashMap::new(),
            sessions: HashMap::new(),
            ids: Ids(seed),
            max_users,
        };
        for (name, actions) in MANAGED {
            let Ok(document) = Document::parse(&managed::document(actions), Grammar::Identity)
            else {
                continue; // the tests see to it that there is none
            };
            let policy = ManagedPolicy {
                name: (*name).to_owned(),
                path: "/".to_owned(),
                id: account.ids.entity("ANPA"),
                created: Timestamp::UNIX_EPOCH,
                description: None,
                document,
            };
            let arn = format!("arn:aws:iam::aws:policy/{name}");
            account.policies.insert(arn, policy);
        }
        account
    }

    pub(super) fn user(&self, name: &str) -> Result<&User, Error> {
        self.users
            .get(&name.to_lowercase())
            .filter(|user| user.name == name)
            .ok_or_else(|| Error::no_such("user", name))
    }

    pub(super) fn user_mut(&mut self, name: &str) -> Result<&mut User, Error> {
        self.users
            .get_mut(&name.to_lowercase())
            .filter(|user| user.name == name)
            .ok_or_else(|| Error::no_such("user", name))
    }

    pub(super) fn group(&self, name: &str) -> Result<&Group, Error> {
        self.groups
            .get(&name.to_lowercase())
            .filter(|group| group.name == name)
            .ok_or_else(|| Error::no_such("group", name))
    }

    pub(super) fn role(&self, name: &str) -> Result<&Role, Error> {
        self.roles
            .get(&name.to_lowercase())
            .filter(|role| role.name == name)
            .ok_or_else(|| Error::no_such("role", name))
    }

    /// `arn:aws:iam::ACCOUNT:KIND PATH NAME`.
    pub(super) fn arn(&self, kind: &str, path: &str, name: &str) -> String {
        format!("arn:aws:iam::{}:{kind}{path}{name}", self.id)
    }

    pub(super) fn user_arn(&self, user: &User) -> String {
        self.arn("user", &user.path, &user.name)
    }

    pub(super) fn role_arn(&self, role: &Role) -> String {
        self.arn("role", &role.path, &role.name)
    }

    /// The policies an own one refers to, with its own.
    pub(super) fn documents<'a>(&'a self, own: &'a Policies) -> impl Iterator<Item = &'a Policy> {
        let attached = own.attached.iter().filter_map(|arn| self.policies.get(arn));
        own.inline
            .values()
            .chain(attached.map(|policy| &policy.document))
            .map(|document| &document.policy)
    }

    /// Everything that says what a user may do.
    pub(super) fn policies_of_user<'a>(&'a self, user: &'a User) -> Vec<&'a Policy> {
        let groups = user.groups.iter().filter_map(|name| self.groups.get(name));
        std::iter::once(&user.own)
            .chain(groups.map(|group| &group.own))
            .flat_map(|own| self.documents(own))
            .collect()
    }
}

/// Ids and secrets: unlike one another, and the same again for the same seed.
/// Nothing here is safe to keep a real secret with.
#[derive(Debug)]
pub(super) struct Ids(u64);

impl Ids {
    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// `AKIA` and its kin: a prefix and sixteen characters of base 32.
    pub(super) fn entity(&mut self, prefix: &str) -> String {
        const ALPHABET: [u8; 32] = *b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let bits = (u128::from(self.next()) << 64) | u128::from(self.next());
        (0..16).fold(prefix.to_owned(), |mut id, n| {
            let digit = (bits >> (n * 5)) & 31;
            id.push(char::from(ALPHABET[usize::try_from(digit).unwrap_or(0)]));
            id
        })
    }

    /// Forty characters.
    pub(super) fn secret(&mut self) -> String {
        BASE64_STANDARD.encode(self.bytes::<30>())
    }

    /// A session token, recognizable as AWS's are.
    pub(super) fn token(&mut self) -> String {
        format!(
            "IQoJb3JpZ2luX2Vj{}",
            BASE64_STANDARD.encode(self.bytes::<150>())
        )
    }

    pub(super) fn request(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            b >> 52,
            b & 0xffff_ffff_ffff
        )
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        for chunk in bytes.chunks_mut(8) {
            let random = self.next().to_le_bytes();
            chunk.copy_from_slice(&random[..chunk.len()]);
        }
        bytes
    }
}
