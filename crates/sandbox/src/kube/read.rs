//! Reading one object, and the versions objects are read in.

use serde_json::Value;

use super::Kube;
use super::answer::Call;
use super::errors::Failure;
use super::resource::Resource;
use crate::wire::Response;

impl Kube {
    pub(super) fn get(&self, call: &Call<'_>) -> Result<Response, Failure> {
        self.check_version(call.query.text("resourceVersion"), Failure::internal)?;
        let Some(object) = self.find(call) else {
            return Err(Failure::not_found(&call.resource.about(&call.route.name)));
        };
        Ok(super::render::render_one(call, object, 200))
    }

    /// Refuses a version that has not been yet, and what is none.
    pub(super) fn check_version(
        &self,
        text: &str,
        refuse: impl Fn(String) -> Failure,
    ) -> Result<u64, Failure> {
        if text.is_empty() {
            return Ok(0);
        }
        let version = text.parse().map_err(|_| {
            let why = super::query::go_number_error("ParseUint", text);
            refuse(format!("resourceVersion: Invalid value: \"{text}\": {why}"))
        })?;
        if version > self.store.version() {
            return Err(Failure::too_new(version, self.store.version()));
        }
        Ok(version)
    }
}

/// An object in the version it is kept in.
pub(super) fn to_storage(resource: &Resource, mut object: Value) -> Value {
    if resource.is_custom() {
        object["apiVersion"] = resource.api_version(resource.storage_version()).into();
    } else if resource.group == "events.k8s.io" {
        super::events::to_core(&mut object);
        super::events::prepare(&mut object);
    }
    object
}

/// An object in the version it is asked for; events stay those of the core group inside.
pub(super) fn from_storage(resource: &Resource, version: &str, object: &mut Value) {
    if resource.group == "events.k8s.io" {
        super::events::from_core(object);
        super::events::prepare(object);
    }
    object["apiVersion"] = resource.api_version(version).into();
    if resource.is_custom()
        && let Some(schema) = resource.schema(version)
    {
        schema.apply_defaults(object);
    }
}
