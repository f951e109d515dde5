//! Deleting.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Kube;
use super::answer::Call;
use super::body;
use super::errors::Failure;
use super::meta;
use super::query::{DeleteOptions, Propagation};
use super::resource::Resource;
use super::store::Stored;
use crate::wire::Response;

/// What a deletion came to.
#[derive(Debug)]
pub(super) enum Deleted {
    /// The object is gone; this was its last state.
    Gone(Arc<Stored>),
    /// It waits for its finalizers.
    Waits(Arc<Stored>),
}

impl Kube {
    pub(super) fn delete(&mut self, call: &Call<'_>) -> Result<Response, Failure> {
        let options = delete_options(call)?;
        let resource = &call.resource;
        let Some(old) = self.find(call).cloned() else {
            return Err(Failure::not_found(&resource.about(&call.route.name)));
        };
        check_preconditions(resource, &old, &options)?;
        let deleted = self.delete_one(resource, &old, &options, call.now);
        Ok(match deleted {
            Deleted::Gone(old) if !returns_object(resource) => Response::json(
                200,
                &json!({
                    "kind": "Status",
                    "apiVersion": "v1",
                    "metadata": {},
                    "status": "Success",
                    "details": details(resource, &old),
                }),
            ),
            Deleted::Gone(object) | Deleted::Waits(object) => {
                super::render::render_one(call, &object, 200)
            }
        })
    }

    pub(super) fn delete_collection(&mut self, call: &Call<'_>) -> Result<Response, Failure> {
        let options = delete_options(call)?;
        let (response, objects) = self.list_with_objects(call)?;
        for object in objects {
            self.delete_one(&call.resource, &object, &options, call.now);
        }
        Ok(response)
    }

    /// Deletes an object, or marks it if it has finalizers.
    pub(super) fn delete_one(
        &mut self,
        resource: &Resource,
        old: &Arc<Stored>,
        options: &DeleteOptions,
        now: jiff::Timestamp,
    ) -> Deleted {
        let mut object = old.value();
        mark_propagation(&mut object, options.propagation);
        let is_namespace = resource.is("", "namespaces");
        if is_namespace {
            *meta::field(meta::field(&mut object, "status"), "phase") = "Terminating".into();
        }
        let is_definition = resource.is("apiextensions.k8s.io", "customresourcedefinitions");
        if is_definition && !old.is_deleting {
            super::custom::begin_end(&mut object, now);
        }
        let holds = !meta::finalizers(&object).is_empty()
            || is_namespace && has_namespace_finalizer(&object);
        if !holds {
            if options.is_dry_run {
                return Deleted::Gone(Arc::clone(old));
            }
            let gone = self.remove(resource, &old.key(), now);
            return Deleted::Gone(gone.unwrap_or_else(|| Arc::clone(old)));
        }
        let meta = meta::of(&mut object);
        if !old.is_deleting {
            meta.insert("deletionTimestamp".to_owned(), meta::time(now).into());
            if !is_namespace && !is_definition {
                meta.insert("deletionGracePeriodSeconds".to_owned(), 0.into());
            }
            let generation = meta.get("generation").and_then(Value::as_i64);
            if let Some(generation) = generation.filter(|_| !is_definition) {
                meta.insert("generation".to_owned(), (generation + 1).into());
            }
        }
        if object == old.value() {
            return Deleted::Waits(Arc::clone(old));
        }
        if options.is_dry_run {
            return Deleted::Waits(Arc::new(Stored::of(object, old.version)));
        }
        Deleted::Waits(self.put(resource, object, now))
    }
}

fn delete_options(call: &Call<'_>) -> Result<DeleteOptions, Failure> {
    let body = if call.request.body.is_empty() {
        Value::Null
    } else {
        match body::media_type(call.request) {
            "application/json" | "" => {
                let read = body::json(&call.request.body);
                read.map_err(|why| {
                    let what = "couldn't get version/kind; json parse error";
                    Failure::bad_request(format!("{what}: {why}"))
                })?
                .value
            }
            _ => body::object(call.request, "meta.k8s.io/v1", "DeleteOptions")?.value,
        }
    };
    DeleteOptions::of(&call.query, &body)
}

/// The finalizers of the garbage collector that a way of deleting asks for.
fn mark_propagation(object: &mut Value, propagation: Option<Propagation>) {
    let Some(propagation) = propagation else {
        return;
    };
    let (wanted, other) = match propagation {
        Propagation::Orphan => (Some("orphan"), "foregroundDeletion"),
        Propagation::Foreground => (Some("foregroundDeletion"), "orphan"),
        Propagation::Background => {
            meta::remove_finalizer(object, "orphan");
            (None, "foregroundDeletion")
        }
    };
    meta::remove_finalizer(object, other);
    if let Some(wanted) = wanted {
        meta::add_finalizer(object, wanted);
    }
}

fn check_preconditions(
    resource: &Resource,
    old: &Stored,
    options: &DeleteOptions,
) -> Result<(), Failure> {
    // Here the error is about the kind, not the resource.
    let about = resource.about_kind(&old.name);
    if let Some(uid) = options.uid.as_deref().filter(|uid| **uid != *old.uid) {
        let why = format!(
            "the UID in the precondition ({uid}) does not match the UID in record ({}). The \
             object might have been deleted and then recreated",
            old.uid
        );
        return Err(Failure::conflict(&about, &why));
    }
    let current = old.version.to_string();
    if let Some(version) = options
        .version
        .as_deref()
        .filter(|version| **version != *current)
    {
        let why = format!(
            "the ResourceVersion in the precondition ({version}) does not match the \
             ResourceVersion in record ({current}). The object might have been modified"
        );
        return Err(Failure::conflict(&about, &why));
    }
    Ok(())
}

/// An update of an object that has another uid.
pub(super) fn uid_mismatch(resource: &Resource, old: &Stored, uid: &str) -> Failure {
    let place = if resource.group.is_empty() {
        format!("/registry/{}/{}", resource.plural, old.key())
    } else {
        format!(
            "/registry/{}/{}/{}",
            resource.group,
            resource.plural,
            old.key()
        )
    };
    let why = format!(
        "StorageError: invalid object, Code: 4, Key: {place}, ResourceVersion: 0, \
         AdditionalErrorMsg: Precondition failed: UID in precondition: {uid}, UID in object \
         meta: {}",
        old.uid
    );
    Failure::conflict(&resource.about(&old.name), &why)
}

/// Whether an object is marked and nothing holds it any more.
pub(super) fn is_finished(resource: &Resource, object: &Value) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
        && meta::finalizers(object).is_empty()
        && !(resource.is("", "namespaces") && has_namespace_finalizer(object))
}

fn has_namespace_finalizer(object: &Value) -> bool {
    object["spec"]["finalizers"]
        .as_array()
        .is_some_and(|list| !list.is_empty())
}

/// A few kinds are answered with, where others get a `Status`.
fn returns_object(resource: &Resource) -> bool {
    resource.group.is_empty()
        && matches!(
            resource.plural.as_str(),
            "pods" | "resourcequotas" | "services" | "serviceaccounts"
        )
}

fn details(resource: &Resource, old: &Stored) -> Value {
    let mut details = json!({"name": *old.name, "kind": resource.plural, "uid": *old.uid});
    if !resource.group.is_empty() {
        details["group"] = resource.group.clone().into();
    }
    details
}
