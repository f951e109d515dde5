//! All custom resource definitions, in the order in which they are applied.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

use crate::{AWSAccessKeyRequest, AWSRole, AppBinding, SecretEngine};

/// Every definition of this crate.
pub fn all() -> Vec<CustomResourceDefinition> {
    vec![
        AppBinding::crd(),
        SecretEngine::crd(),
        AWSRole::crd(),
        AWSAccessKeyRequest::crd(),
    ]
}
