//! From a request to the handler of what it asks for.

use std::sync::Arc;

use jiff::Timestamp;

use super::auth::Identity;
use super::body::{self, Body};
use super::errors::Failure;
use super::query::Query;
use super::render::Form;
use super::resource::Resource;
use super::route::Route;
use super::{Answer, Kube};
use crate::wire::{Request, Response};

/// One request about a resource, past authorization.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) request: &'a Request,
    pub(super) query: Query,
    pub(super) route: Route,
    pub(super) resource: Arc<Resource>,
    pub(super) user: Identity,
    /// How the answer shall look.
    pub(super) form: Form,
    pub(super) now: Timestamp,
}

impl Call<'_> {
    /// Whether this is about the subresource `status`.
    pub(super) fn is_status(&self) -> bool {
        self.route.subresource == "status"
    }

    /// The body, which is to be an object of the resource.
    pub(super) fn object(&self) -> Result<Body, Failure> {
        let api_version = self.resource.api_version(&self.route.version);
        body::object(self.request, &api_version, &self.resource.kind)
    }
}

impl Kube {
    pub(super) fn serve(&mut self, request: &Request, now: Timestamp) -> Result<Answer, Failure> {
        if request.body.len() > body::LIMIT {
            return Err(Failure::too_large());
        }
        let route = Route::of(request.route());
        let query = Query::of(request);
        let user = self.authenticate(request, now)?;
        let user = self.impersonate(request, &route, &query, user)?;
        self.authorize(request, &route, &query, &user)?;
        if !route.is_resource {
            return self.plain(request, &query).map(Answer::Whole);
        }
        let resource = self.served(&route)?;
        let form = Form::of(request, &query)?;
        let call = Call {
            request,
            query,
            route,
            resource,
            user,
            form,
            now,
        };
        self.dispatch(&call)
    }

    /// The resource of a path, if it is served in that version.
    fn served(&self, route: &Route) -> Result<Arc<Resource>, Failure> {
        if !self.resources.has_group(&route.group) {
            return Err(Failure::unknown_path());
        }
        let resource = self
            .resources
            .find(&route.group, &route.plural)
            .filter(|resource| resource.versions.contains(&route.version))
            .filter(|resource| {
                resource.is_namespaced || route.namespace.is_empty() || route.plural == "namespaces"
            });
        resource
            .filter(|_| !route.is_too_long)
            .ok_or_else(Failure::unknown_resource)
    }

    fn dispatch(&mut self, call: &Call<'_>) -> Result<Answer, Failure> {
        let (resource, route) = (&call.resource, &call.route);
        if !route.subresource.is_empty() {
            return self.subresource(call).map(Answer::Whole);
        }
        if matches!(resource.verbs, super::resource::Verbs::CreateOnly) {
            return self.review(call).map(Answer::Whole);
        }
        let reads = matches!(call.request.method.as_str(), "GET" | "HEAD");
        if matches!(resource.verbs, super::resource::Verbs::Read) && !reads {
            return Err(Failure::method_not_allowed());
        }
        let is_bare = resource.is_namespaced && route.namespace.is_empty();
        let method = call.request.method.as_str();
        match (method, route.name.is_empty()) {
            ("GET" | "HEAD", true) if call.query.is_on("watch") => {
                self.watch(call).map(|watch| Answer::Watch(Box::new(watch)))
            }
            ("GET" | "HEAD", true) => self.list(call).map(Answer::Whole),
            _ if is_bare && !route.name.is_empty() => Err(Failure::unknown_resource()),
            _ if is_bare => Err(Failure::method_not_allowed()),
            ("GET" | "HEAD", false) => self.get(call).map(Answer::Whole),
            ("POST", true) => self.create(call).map(Answer::Whole),
            ("PUT", false) => self.replace(call).map(Answer::Whole),
            ("PATCH", false) => self.patch(call).map(Answer::Whole),
            ("DELETE", false) => self.delete(call).map(Answer::Whole),
            ("DELETE", true) if resource.verbs.has("deletecollection") => {
                self.delete_collection(call).map(Answer::Whole)
            }
            _ => Err(Failure::method_not_allowed()),
        }
    }

    fn subresource(&mut self, call: &Call<'_>) -> Result<Response, Failure> {
        let route = &call.route;
        let method = call.request.method.as_str();
        match (call.resource.plural.as_str(), route.subresource.as_str()) {
            ("serviceaccounts", "token") if method == "POST" => self.request_token(call),
            ("serviceaccounts", "token") => Err(Failure::method_not_allowed()),
            ("namespaces", "finalize") if method == "PUT" => self.replace(call),
            (_, "status") if call.resource.status_in(&route.version) => match method {
                "GET" | "HEAD" => self.get(call),
                "PUT" => self.replace(call),
                "PATCH" => self.patch(call),
                _ => Err(Failure::method_not_allowed()),
            },
            // Pods do not run here: of one that there is, there is no log either.
            ("pods", "log") if self.find(call).is_none() => {
                Err(Failure::not_found(&call.resource.about(&route.name)))
            }
            _ => Err(Failure::unknown_resource()),
        }
    }
}
