//! Tokens: who has them, what they may, and whose children they are.

mod create;
mod handlers;
mod roles;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::call::Origin;

pub(super) use handlers::PATHS;
pub(super) use roles::Role;

/// One token.
#[derive(Debug, Clone, Default)]
pub(super) struct Token {
    pub(super) id: String,
    /// None of a batch token.
    pub(super) accessor: String,
    /// Nothing: an orphan.
    pub(super) parent: String,
    /// What was asked for it.
    pub(super) path: String,
    pub(super) policies: Vec<String>,
    pub(super) meta: Option<BTreeMap<String, String>>,
    pub(super) display_name: String,
    /// 0: as often as one likes. Negative: it is being revoked.
    pub(super) num_uses: i64,
    /// To the second.
    pub(super) created: Timestamp,
    /// Zero: it never ends.
    pub(super) ttl: SignedDuration,
    pub(super) explicit_max_ttl: SignedDuration,
    pub(super) period: SignedDuration,
    /// What renewals go by; from its role too.
    pub(super) renewal: Renewal,
    pub(super) is_batch: bool,
    pub(super) role: String,
    pub(super) entity_id: String,
    pub(super) bound_cidrs: Vec<String>,
    /// Its own lease; none of a batch token.
    pub(super) lease_id: String,
    /// The login it is from.
    pub(super) origin: Option<Origin>,
    pub(super) children: BTreeSet<String>,
    pub(super) leases: BTreeSet<String>,
    pub(super) cubbyhole: BTreeMap<String, Map<String, Value>>,
    /// What it unwraps, and what was asked for that.
    pub(super) wrapped: Option<Wrapped>,
}

/// What a token's renewals go by.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Renewal {
    pub(super) ttl: SignedDuration,
    pub(super) max_ttl: SignedDuration,
    pub(super) period: SignedDuration,
    pub(super) explicit_max_ttl: SignedDuration,
}

/// An answer that waits for who has its token.
#[derive(Debug, Clone)]
pub(super) struct Wrapped {
    pub(super) body: String,
    pub(super) path: String,
    pub(super) at: Timestamp,
    pub(super) ttl: SignedDuration,
}

impl Token {
    pub(super) fn is_root(&self) -> bool {
        self.policies
            .iter()
            .any(|name| name == super::policies::ROOT)
    }

    /// The lifetime it was last given.
    pub(super) fn last_ttl(&self) -> SignedDuration {
        if self.renewal.ttl.is_zero() {
            self.ttl
        } else {
            self.renewal.ttl
        }
    }

    /// When a batch token ends.
    pub(super) fn end(&self) -> Timestamp {
        super::leases::after(self.created, self.ttl)
    }
}

/// All tokens by id.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    /// Boxed: half of a map's places may be free, and a token is large.
    by_id: HashMap<String, Box<Token>>,
    /// Ids by accessor.
    by_accessor: BTreeMap<String, String>,
    pub(super) roles: BTreeMap<String, Role>,
}

impl Tokens {
    pub(super) fn insert(&mut self, token: Token) {
        if let Some(parent) = self.by_id.get_mut(&token.parent) {
            parent.children.insert(token.id.clone());
        }
        if !token.accessor.is_empty() {
            self.by_accessor
                .insert(token.accessor.clone(), token.id.clone());
        }
        self.by_id.insert(token.id.clone(), Box::new(token));
    }

    pub(super) fn get(&self, id: &str) -> Option<&Token> {
        self.by_id.get(id).map(|token| &**token)
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Token> {
        self.by_id.get_mut(id).map(|token| &mut **token)
    }

    pub(super) fn by_accessor(&self, accessor: &str) -> Option<&Token> {
        self.get(self.by_accessor.get(accessor)?)
    }

    pub(super) fn accessors(&self) -> Vec<String> {
        self.by_accessor.keys().cloned().collect()
    }

    /// Takes a token away; its parent forgets it, its children have no parent any more.
    pub(super) fn remove(&mut self, id: &str) -> Option<Token> {
        let token = self.by_id.remove(id)?;
        self.by_accessor.remove(&token.accessor);
        if let Some(parent) = self.by_id.get_mut(&token.parent) {
            parent.children.remove(id);
        }
        for child in &token.children {
            if let Some(child) = self.by_id.get_mut(child) {
                child.parent.clear();
            }
        }
        Some(*token)
    }

    /// A token and all below it, the lowest first.
    pub(super) fn tree(&self, id: &str) -> Vec<String> {
        let mut tree = vec![id.to_owned()];
        let mut at = 0;
        while let Some(id) = tree.get(at) {
            if let Some(token) = self.get(id) {
                tree.extend(token.children.iter().cloned());
            }
            at += 1;
        }
        tree.reverse();
        tree
    }

    /// Batch tokens that have ended are of no use to anybody.
    pub(super) fn forget_batch(&mut self, now: Timestamp) {
        self.by_id
            .retain(|_, token| !token.is_batch || token.end() > now);
    }

    pub(super) fn count(&self) -> usize {
        self.by_id.len()
    }
}
