//! From kubectl's flags to a client.

use std::path::Path;

use kube::config::{InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};

use crate::args::ConnectArgs;
use crate::complaint::Complaint;

/// A client as the flags and the kubeconfig want it, and the namespace they name.
pub async fn connect(args: &ConnectArgs) -> Result<(Client, String), Complaint> {
    // A second call finds a provider installed, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    let config = config(args).await?;
    let namespace = args
        .namespace
        .clone()
        .unwrap_or_else(|| config.default_namespace.clone());
    let client = Client::try_from(config).map_err(Complaint::new)?;
    Ok((client, namespace))
}

async fn config(args: &ConnectArgs) -> Result<Config, Complaint> {
    let mut config = match kubeconfig(args.kubeconfig.as_deref())? {
        Some(found) => from_kubeconfig(found, args).await?,
        None => without_kubeconfig(args)?,
    };
    // A person waits: say what is wrong at once instead of trying again for minutes.
    config.default_retry = false;
    if let Some(server) = &args.server {
        config.cluster_url = server_url(server)?;
    }
    if let Some(token) = &args.token {
        let auth = &mut config.auth_info;
        auth.token = Some(token.clone().into());
        (auth.token_file, auth.exec, auth.auth_provider) = (None, None, None);
        (auth.username, auth.password) = (None, None);
    }
    if args.as_user.is_some() {
        config.auth_info.impersonate.clone_from(&args.as_user);
    }
    if !args.as_group.is_empty() {
        if config.auth_info.impersonate.is_none() {
            return Err(Complaint::new("--as-group needs a user: give --as as well"));
        }
        config.auth_info.impersonate_groups = Some(args.as_group.clone());
    }
    if args.insecure_skip_tls_verify {
        config.accept_invalid_certs = true;
    }
    Ok(config)
}

/// kubectl takes an address without a scheme for plain HTTP.
fn server_url(server: &str) -> Result<http::Uri, Complaint> {
    let whole = if server.contains("://") {
        server.to_owned()
    } else {
        format!("http://{server}")
    };
    whole
        .parse()
        .map_err(|e| Complaint::new(format!("--server {server}: {e}")))
}

fn kubeconfig(path: Option<&Path>) -> Result<Option<Kubeconfig>, Complaint> {
    let (found, named) = match path {
        Some(path) => (Kubeconfig::read_from(path), true),
        None => (Kubeconfig::read(), false),
    };
    match found {
        Ok(found) => Ok(Some(found)),
        Err(KubeconfigError::ReadConfig(e, path)) if e.kind() == std::io::ErrorKind::NotFound => {
            if named {
                let path = path.display();
                return Err(Complaint::new(format!(
                    "stat {path}: no such file or directory"
                )));
            }
            Ok(None)
        }
        Err(KubeconfigError::FindPath) => Ok(None),
        Err(other) => Err(Complaint::new(format!(
            "error loading config file: {other}"
        ))),
    }
}

async fn from_kubeconfig(found: Kubeconfig, args: &ConnectArgs) -> Result<Config, Complaint> {
    // kube goes on without credentials, kubectl does not.
    if let Some(user) = &args.user
        && !found.auth_infos.iter().any(|named| named.name == *user)
    {
        return Err(Complaint::new(format!(
            "auth info \"{user}\" does not exist"
        )));
    }
    let options = KubeConfigOptions {
        context: args.context.clone(),
        cluster: args.cluster.clone(),
        user: args.user.clone(),
    };
    match Config::from_custom_kubeconfig(found, &options).await {
        Ok(config) => Ok(config),
        Err(KubeconfigError::CurrentContextNotSet) if args.server.is_some() => {
            without_kubeconfig(args)
        }
        Err(KubeconfigError::LoadContext(name)) => {
            Err(Complaint::new(format!("context \"{name}\" does not exist")))
        }
        Err(KubeconfigError::LoadClusterOfContext(name)) => {
            Err(Complaint::new(format!("cluster \"{name}\" does not exist")))
        }
        Err(other) => Err(Complaint::new(other)),
    }
}

/// In a pod, its ServiceAccount; with --server, nothing but the flags.
fn without_kubeconfig(args: &ConnectArgs) -> Result<Config, Complaint> {
    if let Some(server) = &args.server {
        return Ok(Config::new(server_url(server)?));
    }
    if args.context.is_some() || args.cluster.is_some() || args.user.is_some() {
        return Err(Complaint::new(
            "no kubeconfig was found: set KUBECONFIG or give --kubeconfig",
        ));
    }
    Config::incluster().map_err(|_: InClusterError| {
        Complaint::new("no kubeconfig was found: set KUBECONFIG or give --kubeconfig")
    })
}
