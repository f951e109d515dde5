//! The API server: how it is reached, and what is missing in it.

use std::error::Error as _;
use std::time::Duration;

use anyhow::Context as _;
use kube::client::ClientBuilder;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use leasehold_api_types::crds;
use tower::timeout::TimeoutLayer;

use crate::args::RunArgs;

const CONNECT: Duration = Duration::from_secs(5);
/// Bounds a call with all its retries up to the answer's headers; a watch goes on after these.
const CALL: Duration = Duration::from_secs(20);
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// A client as flags and environment say. Nothing is sent yet.
pub async fn client(args: &RunArgs) -> anyhow::Result<Client> {
    let mut config = config(args).await?;
    config.connect_timeout = Some(CONNECT);
    let url = config.cluster_url.to_string();
    let builder = ClientBuilder::try_from(config)
        .with_context(|| format!("the configuration for the API server {url} cannot be used"))?;
    tracing::info!(url, "API server");
    Ok(builder.with_layer(&TimeoutLayer::new(CALL)).build())
}

async fn config(args: &RunArgs) -> anyhow::Result<Config> {
    let options = KubeConfigOptions {
        context: args.context.clone(),
        ..KubeConfigOptions::default()
    };
    let kubeconfig = match &args.kubeconfig {
        Some(path) => Kubeconfig::read_from(path)
            .with_context(|| format!("--kubeconfig {}", path.display()))?,
        None if args.context.is_some() => Kubeconfig::read()
            .context("--context needs a kubeconfig: set KUBECONFIG or give --kubeconfig")?,
        None => {
            return Config::infer().await.context(
                "no way to the API server: no kubeconfig was found (KUBECONFIG, ~/.kube/config, --kubeconfig), and this is not a pod",
            );
        }
    };
    Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .context("the kubeconfig cannot be used")
}

/// Waits until the API server answers, however long that takes.
pub async fn reached(client: &Client) {
    let mut wait = FIRST_WAIT;
    loop {
        let error = match client.apiserver_version().await {
            Ok(version) => {
                tracing::info!(version = version.git_version, "the API server answers");
                return;
            }
            Err(error) => error,
        };
        match &error {
            // It answers, though not this: the watches will say what they lack.
            kube::Error::Api(status) if status.code < 500 && status.code != 401 => return,
            _ => {}
        }
        let error = words(&error);
        tracing::warn!(error, again_in = ?wait, "the API server does not answer; waiting");
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// Says which definitions are missing. The watches go on trying, so they may come later.
pub async fn preflight(client: &Client) {
    match missing(client).await {
        Ok(missing) if missing.is_empty() => {}
        Ok(missing) => tracing::warn!(
            missing = missing.join(", "),
            "custom resource definitions are missing; nothing is worked on until they are there: leasehold crds | kubectl apply --server-side -f -"
        ),
        Err(error) => {
            tracing::warn!(
                error = words(&error),
                "could not look which definitions are there"
            );
        }
    }
}

/// Names of the definitions that the API server does not serve.
pub async fn missing(client: &Client) -> kube::Result<Vec<String>> {
    let mut missing = Vec::new();
    for definition in crds::all() {
        let spec = &definition.spec;
        let served = spec
            .versions
            .iter()
            .map(|version| format!("{}/{}", spec.group, version.name));
        let mut found = false;
        for version in served {
            found |= match client.list_api_group_resources(&version).await {
                Ok(list) => list.resources.iter().any(|r| r.name == spec.names.plural),
                Err(kube::Error::Api(status)) if status.code == 404 => false,
                Err(other) => return Err(other),
            };
        }
        if !found {
            missing.push(format!("{}.{}", spec.names.plural, spec.group));
        }
    }
    Ok(missing)
}

/// An error with its causes, in one line: which of them says "connection refused" differs.
fn words(error: &kube::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text = text + ": " + &words;
        }
        cause = error.source();
    }
    text.chars().take(500).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::http::{Request, Response};
    use std::convert::Infallible;

    /// An API server that serves the resources of one group.
    fn serving(group: &'static str, plurals: &'static [&'static str]) -> Client {
        let service = tower::service_fn(move |request: Request<kube::client::Body>| async move {
            let resources: Vec<_> = plurals
                .iter()
                .map(|p| serde_json::json!({"name": p, "singularName": "", "namespaced": true, "kind": "K", "verbs": []}))
                .collect();
            let known = request.uri().path() == format!("/apis/{group}/v1alpha1");
            let (code, body) = if known {
                (
                    200,
                    serde_json::json!({"groupVersion": group, "resources": resources}),
                )
            } else {
                (
                    404,
                    serde_json::json!({"status": "Failure", "code": 404, "reason": "NotFound", "message": "no"}),
                )
            };
            let answer = Response::builder()
                .status(code)
                .body(Body::from(body.to_string()));
            Ok::<_, Infallible>(answer.unwrap())
        });
        Client::new(service, "default")
    }

    #[tokio::test]
    async fn missing_definitions_are_named() {
        let client = serving("engine.kubevault.com", &["secretengines", "awsroles"]);
        assert_eq!(
            missing(&client).await.unwrap(),
            [
                "appbindings.appcatalog.appscode.com",
                "awsaccesskeyrequests.engine.kubevault.com"
            ]
        );
    }

    #[test]
    fn causes_stand_in_one_line() {
        let error = std::io::Error::other("connection refused");
        let text = words(&kube::Error::Service(Box::new(error)));
        assert!(
            text.contains("connection refused") && !text.contains('\n'),
            "{text}"
        );
    }
}
