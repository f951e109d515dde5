//! kube-controller-manager.

use std::path::Path;

use anyhow::Result;

use super::process::{Process, Spec};
use super::{Binaries, Stand};
use crate::servers::apiserver::ApiServer;

/// The controllers an operator's users see at work: garbage collection by
/// owner, the end of namespaces, default service accounts and the published
/// root certificate. No workloads: there are no nodes.
pub const CONTROLLERS: &str =
    "garbagecollector,namespace,resourcequota,serviceaccount,root-ca-cert-publisher";

/// The running controllers.
#[derive(Debug)]
pub struct ControllerManager {
    /// The server. It listens on no port.
    pub process: Process,
}

impl ControllerManager {
    /// Starts the controllers. When they have begun their work is for the
    /// cluster to find out, by its effects.
    pub fn start(
        binaries: &Binaries,
        stand: &Stand,
        apiserver: &ApiServer,
        kubeconfig: &Path,
    ) -> Result<Self> {
        let program = binaries.program("kube-controller-manager");
        let spec = Spec::new("kube-controller-manager", &program, &stand.path(""))
            .flag("--kubeconfig", kubeconfig)
            .flag("--controllers", CONTROLLERS)
            .flag("--service-account-private-key-file", &apiserver.signing_key)
            .flag("--root-ca-file", &apiserver.ca_file)
            .flag("--leader-elect", "false")
            .flag("--secure-port", "0");
        Ok(Self {
            process: Process::spawn(spec)?,
        })
    }
}
