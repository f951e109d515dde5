//! Reading the requests, and writing the verdict on them.

use std::future::Future;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, ListParams};
use kube::core::{ApiResource, DynamicObject};
use kube::{Client, Resource};
use leasehold_api_types::AWSAccessKeyRequest;
use serde_json::Value;

use crate::complaint::Complaint;
use crate::output::Printer;
use crate::resource::{Named, Wanted};
use crate::verdict::{Step, Verdict, step};

/// Who a write is attributed to.
pub const FIELD_MANAGER: &str = "kubectl-vault";

const PAGE: u32 = 500;

/// The API server, as one command uses it.
#[derive(Clone)]
pub struct Server {
    client: Client,
    resource: ApiResource,
    namespace: String,
    namespace_given: bool,
    timeout: Option<Duration>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// `namespace_given` tells whether a person named it, or it is the context's.
    pub fn new(
        client: Client,
        namespace: String,
        namespace_given: bool,
        timeout: Option<Duration>,
    ) -> Self {
        let resource = ApiResource::erase::<AWSAccessKeyRequest>(&());
        Self {
            client,
            resource,
            namespace,
            namespace_given,
            timeout,
        }
    }

    fn api(&self, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, &self.resource)
    }

    async fn ask<T>(
        &self,
        question: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, Complaint> {
        let Some(timeout) = self.timeout else {
            return Ok(question.await?);
        };
        match tokio::time::timeout(timeout, question).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(Complaint::verbatim(format!(
                "Unable to connect to the server: no answer within {} s (--request-timeout)",
                timeout.as_secs()
            ))),
        }
    }

    /// All requests of the namespace, or those with these labels.
    pub async fn list(&self, selector: Option<&str>) -> Result<Vec<DynamicObject>, Complaint> {
        let api = self.api(&self.namespace);
        let mut params = ListParams::default().limit(PAGE);
        params.label_selector = selector.map(ToOwned::to_owned);
        let mut found = Vec::new();
        loop {
            let page = self.ask(api.list(&params)).await?;
            found.extend(page.items);
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params.continue_token = Some(token),
                None => return Ok(found),
            }
        }
    }

    /// kubectl takes no file whose namespace is not the one it was told.
    fn namespace_of<'a>(&'a self, named: &'a Named) -> Result<&'a str, Complaint> {
        match &named.namespace {
            Some(own) if self.namespace_given && *own != self.namespace => {
                let given = &self.namespace;
                Err(Complaint::new(format!(
                    "the namespace from the provided object \"{own}\" does not match the namespace \"{given}\". You must pass '--namespace={own}' to perform this operation."
                )))
            }
            Some(own) => Ok(own),
            None => Ok(&self.namespace),
        }
    }

    async fn get(&self, named: &Named) -> Result<DynamicObject, Complaint> {
        let namespace = self.namespace_of(named)?;
        self.ask(self.api(namespace).get(&named.name)).await
    }

    /// Sends a JSON patch to the status subresource.
    async fn patch(
        &self,
        request: &DynamicObject,
        patch: &Value,
    ) -> Result<DynamicObject, Complaint> {
        let name = request.metadata.name.as_deref().unwrap_or_default();
        let namespace = request
            .metadata
            .namespace
            .as_deref()
            .unwrap_or(&self.namespace);
        let folder = AWSAccessKeyRequest::url_path(&(), Some(namespace));
        let call = http::Request::patch(format!(
            "{folder}/{name}/status?fieldManager={FIELD_MANAGER}"
        ))
        .header(CONTENT_TYPE, "application/json-patch+json")
        .body(patch.to_string().into_bytes())
        .map_err(Complaint::new)?;
        let answer = async {
            match self.client.request(call).await {
                Err(kube::Error::Api(status)) if status.is_conflict() => Ok(Err(changed(name))),
                other => other.map(Ok),
            }
        };
        self.ask(answer).await?
    }
}

fn changed(name: &str) -> Complaint {
    Complaint::verbatim(format!(
        "Error from server (Conflict): awsaccesskeyrequest \"{name}\" changed since it was read: look at it again (kubectl get awsaccesskeyrequest {name} -o yaml), then repeat the command"
    ))
}

/// Writes the verdict on every request that is meant; goes on after one that cannot be decided.
pub async fn decide(
    server: &Server,
    verdict: Verdict,
    wanted: Wanted,
    message: Option<&str>,
    printer: &mut Printer<'_>,
) {
    match wanted {
        Wanted::Named(all) => {
            // A file of another namespace is a mistake: found before anything is written.
            if let Some(e) = all
                .iter()
                .find_map(|named| server.namespace_of(named).err())
            {
                return printer.complaint(&e);
            }
            for named in &all {
                match server.get(named).await {
                    Ok(request) => one(server, verdict, &request, message, printer).await,
                    Err(e) => printer.complaint(&e),
                }
            }
        }
        Wanted::Selected(selector) => match server.list(selector.as_deref()).await {
            Ok(found) if found.is_empty() => {
                printer.note(&format!(
                    "No resources found in {} namespace.",
                    server.namespace
                ));
            }
            Ok(found) => {
                for request in &found {
                    one(server, verdict, request, message, printer).await;
                }
            }
            Err(e) => printer.complaint(&e),
        },
    }
}

async fn one(
    server: &Server,
    verdict: Verdict,
    request: &DynamicObject,
    message: Option<&str>,
    printer: &mut Printer<'_>,
) {
    match step(request, verdict, message, Timestamp::now()) {
        Ok(Step::Nothing) => printer.request(request, verdict, false),
        Ok(Step::Write(patch)) => match server.patch(request, &patch).await {
            Ok(written) => printer.request(&written, verdict, true),
            Err(e) => printer.complaint(&e),
        },
        Err(e) => printer.complaint(&e),
    }
}
