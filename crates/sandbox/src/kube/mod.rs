//! The Kubernetes API server.
#![allow(
    dead_code,
    clippy::unused_self,
    clippy::unnecessary_wraps,
    reason = "the store that uses these modules comes next"
)]

pub(crate) mod crd;
pub(crate) mod jsonpath;
pub(crate) mod jwt;
pub(crate) mod openapi;
pub(crate) mod rbac;
pub(crate) mod schema;
pub(crate) mod table;
