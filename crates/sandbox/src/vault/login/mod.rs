//! Auth methods: who somebody is, and what the role they ask for gives them.

mod aws;
mod grant;
mod kubernetes;

pub(super) use aws::{AwsAuth, PATHS as AWS_PATHS};
pub(super) use kubernetes::{KubernetesAuth, PATHS as KUBERNETES_PATHS};
