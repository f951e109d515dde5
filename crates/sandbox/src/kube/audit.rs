//! Who asked for what.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde_json::Value;

use super::Kube;
use super::query::Query;
use super::route::Route;
use crate::wire::Request;

/// One request that was answered. What a fault kept from the server is not among them.
#[derive(Clone, PartialEq, Eq)]
pub struct Audited {
    /// When it was answered.
    pub at: Timestamp,
    /// Who asked: `system:serviceaccount:demo:app`. Empty if nobody knows the token.
    pub user: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `deletecollection`.
    pub verb: &'static str,
    /// The API group of the resource; empty for the core's.
    pub group: String,
    /// The plural of the resource, with `/` and the subresource if there is one; empty if it was
    /// no resource that was asked for.
    pub resource: String,
    /// Empty for all of them, or none.
    pub namespace: String,
    /// Empty where no single object was asked for.
    pub name: String,
    /// The path with its query, as on the request line.
    pub path: String,
    /// `Accept`: in which form the answer was asked for.
    pub accept: String,
    /// `Content-Type`: which kind of patch it was.
    pub content_type: String,
    /// What was sent, if it was JSON. Of a Secret, that is all of it.
    pub body: Value,
    /// The status of the answer.
    pub status: u16,
}

impl std::fmt::Debug for Audited {
    /// Without the body.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            user,
            verb,
            path,
            status,
            ..
        } = self;
        write!(f, "{user}: {verb} {path}: {status}")
    }
}

/// The last requests, if anybody wants to know.
#[derive(Debug, Default)]
pub(super) struct Log {
    most: usize,
    entries: VecDeque<Audited>,
}

impl Log {
    pub(super) fn is_on(&self) -> bool {
        self.most > 0
    }

    pub(super) fn push(&mut self, entry: Audited) {
        if self.entries.len() == self.most {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }
}

impl Kube {
    /// Keeps the last so many requests for [`Self::audited`]; 0 keeps none, as at first.
    pub fn set_audit(&mut self, most: usize) {
        self.log.most = most;
        let excess = self.log.entries.len().saturating_sub(most);
        self.log.entries.drain(..excess);
    }

    /// The last requests that were answered, oldest first.
    pub fn audited(&self) -> impl Iterator<Item = &Audited> {
        self.log.entries.iter()
    }

    /// What is known of a request before it is answered.
    pub(super) fn about(&self, request: &Request, now: Timestamp) -> Audited {
        let route = Route::of(request.route());
        let is_watch = Query::of(request).is_on("watch");
        let header = |name| request.header(name).unwrap_or_default().to_owned();
        let user = self.authenticate(request, now);
        let mut resource = route.plural.clone();
        if !route.subresource.is_empty() {
            resource = resource + "/" + &route.subresource;
        }
        Audited {
            at: now,
            user: user.map_or_else(|_| String::new(), |user| user.name),
            verb: route.verb(&request.method, is_watch),
            group: route.group,
            resource,
            namespace: route.namespace,
            name: route.name,
            path: request.path.clone(),
            accept: header("Accept"),
            content_type: header("Content-Type"),
            body: serde_json::from_slice(&request.body).unwrap_or_default(),
            status: 0,
        }
    }
}
