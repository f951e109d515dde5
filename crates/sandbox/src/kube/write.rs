//! Creating and updating.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Kube;
use super::answer::Call;
use super::apply::{Managers, Who};
use super::body::Body;
use super::errors::{About, Failure};
use super::names::{self, Rule};
use super::query::WriteOptions;
use super::resource::Resource;
use super::schema::Cause;
use super::store::Stored;
use super::{meta, strict, transition};
use crate::wire::Response;

/// What a write goes by.
#[derive(Debug)]
pub(super) struct Write<'a> {
    pub(super) call: &'a Call<'a>,
    pub(super) options: WriteOptions,
    /// What the client is told in `Warning` headers.
    pub(super) warnings: Vec<String>,
    /// An apply has already said who manages what.
    pub(super) is_apply: bool,
}

impl Write<'_> {
    pub(super) fn resource(&self) -> &Resource {
        &self.call.resource
    }

    /// Who is said to write, in `managedFields`.
    pub(super) fn who(&self) -> Who {
        let Call {
            resource, route, ..
        } = self.call;
        Who {
            is_update: !self.is_apply,
            manager: self.options.manager.clone(),
            api_version: resource.api_version(&route.version),
            subresource: route.subresource.clone(),
        }
    }

    pub(super) fn warn_of_finalizers(&mut self, object: &Value, before: Option<&Value>) {
        if self.resource().is_custom() && !self.call.is_status() {
            let found = names::bare_finalizers(object, before);
            self.warnings.extend(found);
        }
    }

    /// What only the other endpoint, or the server, writes.
    fn hidden(&self) -> Option<&'static str> {
        let Call {
            resource, route, ..
        } = self.call;
        let has_halves = resource.status_in(&route.version) && route.subresource.is_empty();
        has_halves.then_some("f:status")
    }

    fn now(&self) -> Timestamp {
        self.call.now
    }
}

impl Kube {
    pub(super) fn create(&mut self, call: &Call<'_>) -> Result<Response, Failure> {
        let options = WriteOptions::of(&call.query, call.request, "CreateOptions", false)?;
        let mut write = Write {
            call,
            options,
            warnings: Vec::new(),
            is_apply: false,
        };
        let body = call.object()?;
        let mut object = self.decode(&mut write, body)?;
        transition::place(&mut object, call)?;
        if object["metadata"]["resourceVersion"]
            .as_str()
            .is_some_and(|text| !text.is_empty())
        {
            let message = "resourceVersion should not be set on objects to be created";
            return Err(Failure::internal(message));
        }
        write.warn_of_finalizers(&object, None);
        let stored = self.insert(&write, object)?;
        Ok(show(&write, &stored, 201))
    }

    /// Reads an object: what kind it says it is, what of it is known, where it belongs.
    pub(super) fn decode(&self, write: &mut Write<'_>, body: Body) -> Result<Value, Failure> {
        let Call {
            resource, route, ..
        } = write.call;
        let mut object = body.value;
        if !object.is_object() {
            // A JSON patch may put anything in the place of the whole.
            return Err(Failure::bad_request(
                "json: cannot unmarshal into Go value of type map[string]interface {}",
            ));
        }
        let text = &write.call.request.body;
        strict::check_kind(&self.resources, resource, &route.version, &object, text)?;
        let api_version = resource.api_version(&route.version);
        object["apiVersion"] = api_version.into();
        object["kind"] = resource.kind.clone().into();
        strict::check_types(resource, &route.version, &object)?;
        let mut problems = strict::prune(resource, &route.version, &mut object);
        let duplicates = body
            .duplicates
            .iter()
            .map(|path| format!("duplicate field \"{path}\""));
        // Custom resources have them first: they are decoded before anything is pruned.
        let at = if resource.is_custom() {
            0
        } else {
            problems.len()
        };
        problems.splice(at..at, duplicates);
        strict::judge(write, problems)?;
        meta::tidy(&mut object);
        if !resource.is_custom() {
            meta::drop_nulls(&mut object);
        }
        Ok(object)
    }

    /// Creates an object that was read.
    pub(super) fn insert(
        &mut self,
        write: &Write<'_>,
        mut object: Value,
    ) -> Result<Arc<Stored>, Failure> {
        let call = write.call;
        let resource = &call.resource;
        let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default();
        let shown = if text("name").is_empty() {
            text("generateName")
        } else {
            text("name")
        };
        self.check_namespace(call, shown)?;
        self.begin(write, &mut object);
        let causes = self.check(write, &mut object, None)?;
        let name = object["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if !causes.is_empty() {
            return Err(Failure::invalid(&kind_of(resource, &name), &causes));
        }
        self.check_escalation(call, &object, None)?;
        let charged = self.charge(call, &name)?;
        if self
            .store
            .get(resource.topic, &call.route.namespace, &name)
            .is_some()
            && !resource.is("", "namespaces")
            || resource.is("", "namespaces") && self.store.get(resource.topic, "", &name).is_some()
        {
            return Err(Failure::already_exists(&resource.about(&name)));
        }
        if !write.is_apply {
            let blank = super::rules::blank(resource);
            let mut managers = Managers::default();
            let schema = resource.schema(&call.route.version);
            managers.updated(
                write.who(),
                &blank,
                &object,
                schema,
                write.hidden(),
                write.now(),
            );
            managers.write(&mut object);
        }
        if write.options.is_dry_run {
            return Ok(Arc::new(Stored::of(object, 0)));
        }
        self.keep_charged(charged, call.now);
        Ok(self.put(
            resource,
            super::read::to_storage(resource, object),
            call.now,
        ))
    }

    /// Gives a new object what only the server says.
    fn begin(&mut self, write: &Write<'_>, object: &mut Value) {
        let resource = write.resource();
        if resource.has_status && !matches!(resource.plural.as_str(), "nodes")
            || resource.status_in(&write.call.route.version)
        {
            // The status is for its own endpoint to write.
            if let Some(map) = object.as_object_mut() {
                map.remove("status");
            }
        }
        let uid = self.ids.uid();
        let generated = {
            let meta = meta::of(object);
            for key in [
                "generation",
                "deletionTimestamp",
                "deletionGracePeriodSeconds",
                "selfLink",
            ] {
                meta.remove(key);
            }
            if !write.is_apply {
                meta.remove("managedFields");
            }
            meta.insert("uid".to_owned(), uid.into());
            meta.insert(
                "creationTimestamp".to_owned(),
                meta::time(write.now()).into(),
            );
            meta.remove("resourceVersion");
            if resource.has_generation {
                meta.insert("generation".to_owned(), 1.into());
            }
            let text = |key: &str| meta.get(key).and_then(Value::as_str).unwrap_or_default();
            let prefix = text("generateName").to_owned();
            (text("name").is_empty() && !prefix.is_empty()).then_some(prefix)
        };
        if let Some(prefix) = generated {
            let name = self.ids.name(&prefix);
            meta::of(object).insert("name".to_owned(), name.into());
        }
    }

    /// Fills in defaults and says what is wrong with an object.
    fn check(
        &self,
        write: &Write<'_>,
        object: &mut Value,
        old: Option<&Value>,
    ) -> Result<Vec<Cause>, Failure> {
        let Call {
            resource, route, ..
        } = write.call;
        if resource.is_custom()
            && let Some(schema) = resource.schema(&route.version)
        {
            schema.apply_defaults(object);
        }
        super::rules::prepare(write, object, old, self.store.version())?;
        let rule = Rule::of(&resource.group, &resource.kind);
        let mut causes = names::check_metadata(&object["metadata"], rule, resource.is_custom());
        if resource.is_custom()
            && let Some(schema) = resource.schema(&route.version)
        {
            let mut found = schema.validate(object, old);
            if write.call.is_status() {
                found.iter_mut().for_each(Cause::seen_from_status);
            }
            causes.extend(found);
        }
        causes.extend(super::rules::check(write, object, old));
        Ok(causes)
    }

    pub(super) fn replace(&mut self, call: &Call<'_>) -> Result<Response, Failure> {
        let options = WriteOptions::of(&call.query, call.request, "UpdateOptions", false)?;
        let mut write = Write {
            call,
            options,
            warnings: Vec::new(),
            is_apply: false,
        };
        let body = call.object()?;
        let mut object = self.decode(&mut write, body)?;
        transition::place(&mut object, call)?;
        let (resource, route) = (&call.resource, &call.route);
        let found = self.find(call);
        let Some(old) = found.cloned() else {
            if super::rules::may_create_by_update(resource) && route.subresource.is_empty() {
                let stored = self.insert(&write, object)?;
                return Ok(show(&write, &stored, 201));
            }
            return Err(Failure::not_found(&resource.about(&route.name)));
        };
        transition::check_uid(resource, &old, &object)?;
        write.warn_of_finalizers(&object, Some(&old.value()));
        let stored = self.update(&write, &old, object)?;
        Ok(show(&write, &stored, 200))
    }

    /// The object of a call's path.
    pub(super) fn find(&self, call: &Call<'_>) -> Option<&Arc<Stored>> {
        let namespace = if call.resource.is_namespaced {
            &*call.route.namespace
        } else {
            ""
        };
        self.store
            .get(call.resource.topic, namespace, &call.route.name)
    }

    /// Puts an object in the place of an old one, if the rules let it.
    pub(super) fn update(
        &mut self,
        write: &Write<'_>,
        old: &Arc<Stored>,
        mut object: Value,
    ) -> Result<Arc<Stored>, Failure> {
        let call = write.call;
        let resource = &call.resource;
        transition::check_preconditions(resource, old, &object)?;
        if !resource.may_overwrite && transition::write_version(&object).is_none() {
            let field = "metadata.resourceVersion";
            let cause = Cause::invalid(field, &json!(0), "must be specified for an update");
            return Err(Failure::invalid(&resource.about(&old.name), &[cause]));
        }
        let mut before = old.value();
        super::read::from_storage(resource, &call.route.version, &mut before);
        let mut causes = transition::keep_identity(&before, &mut object);
        transition::keep_other_half(call, &before, &mut object);
        causes.extend(transition::new_finalizers(&before, &object));
        // The real server checks these twice, and says so in the details.
        causes.extend(causes.clone());
        causes.extend(self.check(write, &mut object, Some(&before))?);
        if !causes.is_empty() {
            return Err(Failure::invalid(&kind_of(resource, &old.name), &causes));
        }
        self.check_escalation(call, &object, Some(&before))?;
        meta::of(&mut object).insert("resourceVersion".to_owned(), old.version.to_string().into());
        transition::count_generation(call, &before, &mut object);
        if !write.is_apply {
            let mut managers = match object["metadata"]["managedFields"].as_array() {
                // An empty list is how a client says to forget them all.
                Some(list) if transition::is_reset(list) => Managers::default(),
                Some(_) => Managers::of(&object),
                None => Managers::of(&before),
            };
            // What nobody began to count is not counted from here on either.
            if !managers.is_empty() {
                let schema = resource.schema(&call.route.version);
                let (who, hidden) = (write.who(), write.hidden());
                managers.updated(who, &before, &object, schema, hidden, write.now());
            }
            managers.write(&mut object);
        }
        if transition::is_same(&before, &object) {
            return Ok(Arc::clone(old));
        }
        if write.options.is_dry_run {
            return Ok(Arc::new(Stored::of(object, old.version)));
        }
        let object = super::read::to_storage(resource, object);
        if super::delete::is_finished(resource, &object) {
            // The last finalizer is off: this update is the deletion.
            self.remove(resource, &old.key(), call.now);
            return Ok(Arc::new(Stored::of(object, old.version)));
        }
        Ok(self.put(resource, object, call.now))
    }
}

/// The answer to a write, with its warnings.
pub(super) fn show(write: &Write<'_>, stored: &Stored, code: u16) -> Response {
    let mut response = super::render::render_one(write.call, stored, code);
    for warning in &write.warnings {
        let quoted = format!("299 - {}", Value::from(warning.as_str()));
        response.headers.push(("Warning", quoted));
    }
    response
}

/// What an invalid object is called: Events are those of the core group in either.
fn kind_of<'a>(resource: &'a Resource, name: &'a str) -> About<'a> {
    let about = resource.about_kind(name);
    if resource.group == "events.k8s.io" {
        About { group: "", ..about }
    } else {
        about
    }
}
