#![doc = include_str!("../README.md")]

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, PatchParams};
use kube::runtime::controller::{Action, Controller};
use kube::runtime::finalizer::{Error as FinalizerError, Event, finalizer};
use kube::runtime::watcher;
use kube::{Api, Client, CustomResource, Resource as _, ResourceExt as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Whom to greet.
#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[kube(group = "example.dev", version = "v1", kind = "Greeting")]
#[kube(namespaced, status = "GreetingStatus")]
#[kube(validation = ("self.spec.to != 'nobody'", "greet somebody"))]
pub struct GreetingSpec {
    /// A name.
    pub to: String,
}

/// How far it is.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
pub struct GreetingStatus {
    /// What is said.
    pub text: String,
}

/// Why a greeting is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused, or did not answer.
    #[error("{0}")]
    Kube(#[from] kube::Error),
    /// The finalizer could not be written, or what it waits for failed.
    #[error("{0}")]
    Finalizer(#[from] Box<FinalizerError<kube::Error>>),
}

/// What is not owned by a greeting, and so needs a finalizer: its line in the guestbook.
const FINALIZER: &str = "example.dev/guestbook";
const MANAGER: &str = "greeting";

/// Greets, until the future is dropped.
pub async fn run(client: Client) {
    let everything = watcher::Config::default;
    Controller::new(Api::<Greeting>::all(client.clone()), everything())
        .owns(Api::<ConfigMap>::all(client.clone()), everything())
        .run(reconcile, on_error, Arc::new(client))
        .for_each(|_| std::future::ready(()))
        .await;
}

async fn reconcile(greeting: Arc<Greeting>, client: Arc<Client>) -> Result<Action, Error> {
    let namespace = greeting.namespace().unwrap_or_default();
    let greetings: Api<Greeting> = Api::namespaced((*client).clone(), &namespace);
    let config_maps: Api<ConfigMap> = Api::namespaced((*client).clone(), &namespace);
    let done = finalizer(&greetings, FINALIZER, greeting, |event| async {
        match event {
            Event::Apply(greeting) => greet(&greeting, &greetings, &config_maps).await,
            Event::Cleanup(greeting) => sign(&config_maps, &greeting.name_any(), &json!({})).await,
        }
    });
    done.await.map_err(|error| Box::new(error).into())
}

async fn greet(
    greeting: &Greeting,
    greetings: &Api<Greeting>,
    config_maps: &Api<ConfigMap>,
) -> Result<Action, kube::Error> {
    let name = greeting.name_any();
    let text = format!("Hello, {}!", greeting.spec.to);
    let owner = greeting.controller_owner_ref(&());
    let child = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": name, "ownerReferences": [owner] },
        "data": { "text": text },
    });
    let ours = PatchParams::apply(MANAGER).force();
    config_maps
        .patch(&name, &ours, &Patch::Apply(child))
        .await?;
    sign(config_maps, &name, &json!({ (&*name): text })).await?;
    let status = json!({
        "apiVersion": "example.dev/v1", "kind": "Greeting", "status": { "text": text },
    });
    greetings
        .patch_status(&name, &ours, &Patch::Apply(status))
        .await?;
    Ok(Action::await_change())
}

/// A greeting's lines in the guestbook that all of a namespace share; what it signed before and
/// does not now is gone from it.
async fn sign(
    config_maps: &Api<ConfigMap>,
    name: &str,
    lines: &Value,
) -> Result<Action, kube::Error> {
    let book = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "guestbook" }, "data": lines,
    });
    let ours = PatchParams::apply(&format!("{MANAGER}-{name}"));
    config_maps
        .patch("guestbook", &ours, &Patch::Apply(book))
        .await?;
    Ok(Action::await_change())
}

fn on_error(_: Arc<Greeting>, _: &Error, _: Arc<Client>) -> Action {
    Action::requeue(Duration::from_secs(30))
}
