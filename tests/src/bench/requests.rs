//! Many requests at once: made, approved, waited for, deleted.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::api::{
    DeleteParams, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams,
};
use kube::{Api, Client, ResourceExt as _};
use leasehold_api_types::AWSAccessKeyRequest;
use leasehold_api_types::aws_access_key_request::RequestPhase;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Calls of the tester under way at once.
const AT_ONCE: usize = 32;
/// Without any progress for so long, it will not come.
const STUCK: Duration = Duration::from_secs(120);

/// Requests for keys of one AWSRole, in one namespace.
#[derive(Clone, Debug)]
pub struct Requests {
    api: Api<AWSAccessKeyRequest>,
    namespace: String,
    role: String,
}

impl Requests {
    /// Of this role; the names of the requests are counted.
    pub fn new(client: &Client, namespace: &str, role: &str) -> Self {
        Self {
            api: Api::namespaced(client.clone(), namespace),
            namespace: namespace.to_owned(),
            role: role.to_owned(),
        }
    }

    /// Names of the first `count`.
    pub fn names(count: usize) -> impl Iterator<Item = String> {
        (0..count).map(|n| format!("request-{n:05}"))
    }

    /// Makes and approves that many.
    pub async fn make(&self, count: usize) -> Result<Vec<AWSAccessKeyRequest>> {
        stream::iter(Self::names(count))
            .map(|name| self.make_one(name))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    async fn make_one(&self, name: String) -> Result<AWSAccessKeyRequest> {
        let request = serde_json::from_value(json!({
            "apiVersion": "engine.kubevault.com/v1alpha1", "kind": "AWSAccessKeyRequest",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {
                "roleRef": {"name": self.role, "namespace": self.namespace},
                "subjects": [{"kind": "ServiceAccount", "name": "app", "namespace": self.namespace}],
            },
        }))?;
        let made = self.api.create(&PostParams::default(), &request).await?;
        let approval = json!({
            "apiVersion": "engine.kubevault.com/v1alpha1", "kind": "AWSAccessKeyRequest",
            "status": {"conditions": [{
                "type": "Approved", "status": "True",
                "reason": "KubectlApprove", "message": "by a bench",
                "lastTransitionTime": jiff::Timestamp::now().to_string(),
                "observedGeneration": made.metadata.generation,
            }]},
        });
        let person = PatchParams::apply("a-person").force();
        let patch = Patch::Apply(approval);
        let approved = self.api.patch_status(&name, &person, &patch).await;
        approved.with_context(|| format!("approve {name}"))
    }

    /// Deletes them all; they are gone later.
    pub async fn delete(&self, count: usize) -> Result<()> {
        stream::iter(Self::names(count))
            .map(|name| async move {
                self.api.delete(&name, &DeleteParams::default()).await?;
                anyhow::Ok(())
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    /// Takes all finalizers off, as nobody else does in a bare loop.
    pub async fn free(&self, count: usize) -> Result<()> {
        let patch = json!({"metadata": {"finalizers": null}});
        stream::iter(Self::names(count))
            .map(|name| {
                let patch = Patch::Merge(patch.clone());
                async move {
                    let params = PatchParams::default();
                    self.api.patch(&name, &params, &patch).await?;
                    anyhow::Ok(())
                }
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    /// Begins to count what becomes of them.
    pub async fn follow(&self) -> Result<Following> {
        let list = self.api.list(&ListParams::default().limit(1)).await?;
        let version = list.metadata.resource_version.context("no version")?;
        let (progress, seen) = watch::channel(Progress::default());
        let api = self.api.clone();
        let task = tokio::spawn(async move { count(api, version, progress).await });
        Ok(Following { seen, task })
    }
}

/// How far they are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// So many have their Secret.
    pub issued: usize,
    /// So many are gone.
    pub gone: usize,
}

/// One watch, counting.
#[derive(Debug)]
pub struct Following {
    seen: watch::Receiver<Progress>,
    task: JoinHandle<Result<()>>,
}

impl Drop for Following {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Following {
    /// Waits until it is so.
    pub async fn until(&mut self, what: &str, so: impl Fn(Progress) -> bool) -> Result<()> {
        loop {
            let now = *self.seen.borrow_and_update();
            if so(now) {
                return Ok(());
            }
            match tokio::time::timeout(STUCK, self.seen.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => bail!("{what}: the watch broke at {now:?}"),
                Err(_) => bail!("{what}: no progress beyond {now:?}"),
            }
        }
    }
}

async fn count(
    api: Api<AWSAccessKeyRequest>,
    mut version: String,
    progress: watch::Sender<Progress>,
) -> Result<()> {
    let mut issued = HashSet::new();
    loop {
        let mut events = std::pin::pin!(api.watch(&WatchParams::default(), &version).await?);
        while let Some(event) = events.try_next().await? {
            match event {
                WatchEvent::Added(o) | WatchEvent::Modified(o) => {
                    version = o.resource_version().unwrap_or_default();
                    let phase = o.status.as_ref().and_then(|s| s.phase);
                    if phase == Some(RequestPhase::Issued) && issued.insert(o.name_any()) {
                        progress.send_modify(|p| p.issued = issued.len());
                    }
                }
                WatchEvent::Deleted(o) => {
                    version = o.resource_version().unwrap_or_default();
                    progress.send_modify(|p| p.gone += 1);
                }
                WatchEvent::Bookmark(b) => version = b.metadata.resource_version,
                WatchEvent::Error(e) => bail!("watch: {}", e.message),
            }
        }
    }
}
