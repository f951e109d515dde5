//! An API server, as far as the operator asks one: watches from a list on, optimistic locking,
//! server-side apply of a status, finalizers, owner references.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{Either, Full, channel};
use kube::Client;
use kube::client::Body;
use leasehold_controller::clock::Clock;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{Fault, Time};

type Answer = Result<Value, (u16, &'static str, String)>;
type Key = (String, String, String);
type Script = Box<dyn FnMut(&Call) -> Option<Fault> + Send>;

/// A request that came in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Call {
    /// `list`, `watch`, `get`, `create`, `replace`, `patch` or `delete`.
    pub(crate) verb: &'static str,
    /// Plural, with `/subresource`.
    pub(crate) resource: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// What was sent.
    pub(crate) body: Value,
    /// Whether only metadata was asked for.
    pub(crate) metadata_only: bool,
    query: BTreeMap<String, String>,
    merge: bool,
}

impl Call {
    pub(crate) fn is_write(&self) -> bool {
        !["list", "watch", "get"].contains(&self.verb)
    }

    /// `verb resource`.
    pub(crate) fn what(&self) -> String {
        format!("{} {}", self.verb, self.resource)
    }
}

#[derive(Default)]
struct State {
    version: u64,
    uids: u64,
    objects: BTreeMap<Key, Value>,
    /// By the owner's uid.
    owned: BTreeMap<String, Vec<Key>>,
    log: Vec<(u64, String, &'static str, Value)>,
    /// Watches that began before this version are told that it is too old.
    expired: u64,
    held: bool,
    calls: Vec<Call>,
    scripts: Vec<Script>,
}

/// The API server.
#[derive(Clone)]
pub(crate) struct Kube {
    state: Arc<Mutex<State>>,
    news: Arc<watch::Sender<()>>,
    time: Time,
}

impl Kube {
    pub(crate) fn new(time: Time) -> Self {
        let state = State {
            version: 100,
            ..State::default()
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            news: Arc::new(watch::Sender::new(())),
            time,
        }
    }

    pub(crate) fn client(&self) -> Client {
        let kube = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let kube = kube.clone();
            async move { kube.serve(request).await }
        });
        Client::new(service, "default")
    }

    /// What shall go wrong from now on.
    pub(crate) fn on(&self, script: impl FnMut(&Call) -> Option<Fault> + Send + 'static) {
        self.lock().scripts.push(Box::new(script));
    }

    /// Nothing goes wrong any more.
    pub(crate) fn mend(&self) {
        self.lock().scripts.clear();
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.lock().calls.clone()
    }

    pub(crate) fn forget_calls(&self) {
        self.lock().calls.clear();
    }

    pub(crate) fn object(&self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        let key = (resource.into(), namespace.into(), name.into());
        self.lock().objects.get(&key).cloned()
    }

    pub(crate) fn all(&self, resource: &str) -> Vec<Value> {
        let state = self.lock();
        let of = state.objects.iter().filter(|((r, ..), _)| r == resource);
        of.map(|(_, object)| object.clone()).collect()
    }

    /// Everything that is stored, as text.
    pub(crate) fn dump(&self, but: &str) -> String {
        let state = self.lock();
        let kept = state.objects.iter().filter(|((r, ..), _)| r != but);
        kept.map(|(_, object)| object.to_string()).collect()
    }

    /// As a person would, with `kubectl`.
    pub(crate) fn create(&self, resource: &str, object: Value) {
        let namespace = object["metadata"]["namespace"].as_str().unwrap().to_owned();
        self.lock()
            .create(resource, &namespace, object, &self.time)
            .unwrap();
        self.news.send_replace(());
    }

    pub(crate) fn edit(
        &self,
        resource: &str,
        namespace: &str,
        name: &str,
        change: impl FnOnce(&mut Value),
    ) {
        let mut state = self.lock();
        let key = (resource.to_owned(), namespace.to_owned(), name.to_owned());
        let mut object = state.objects[&key].clone();
        change(&mut object);
        state.put(&key, object);
        drop(state);
        self.news.send_replace(());
    }

    pub(crate) fn delete(&self, resource: &str, namespace: &str, name: &str) {
        let key = (resource.to_owned(), namespace.to_owned(), name.to_owned());
        let now = self.time.now().to_string();
        self.lock().delete(&key, None, &now).unwrap();
        self.news.send_replace(());
    }

    /// Gone, and no watch ever tells.
    pub(crate) fn vanish(&self, resource: &str, namespace: &str, name: &str) {
        let key = (resource.to_owned(), namespace.to_owned(), name.to_owned());
        self.lock().objects.remove(&key).unwrap();
    }

    /// Ends all watches with 410 Gone.
    pub(crate) fn expire_watches(&self) {
        let mut state = self.lock();
        state.version += 1;
        state.expired = state.version;
        drop(state);
        self.news.send_replace(());
    }

    /// Whether watches fall behind.
    pub(crate) fn hold_watches(&self, held: bool) {
        self.lock().held = held;
        self.news.send_replace(());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    async fn serve(
        &self,
        request: Request<Body>,
    ) -> Result<Response<Either<Full<Bytes>, channel::Channel<Bytes>>>, std::io::Error> {
        let call = parse(request).await;
        let fault = {
            let mut state = self.lock();
            state.calls.push(call.clone());
            state.scripts.iter_mut().find_map(|script| script(&call))
        };
        let lost = || Err(std::io::Error::other("connection reset"));
        match &fault {
            Some(Fault::Refuse(code, reason)) => {
                return Ok(answer(Err((*code, reason, "as told".into()))));
            }
            Some(Fault::LoseCall) => return lost(),
            Some(Fault::LagThenFail(by)) => {
                tokio::time::sleep(*by).await;
                return lost();
            }
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::Panic) => panic!("API server"),
            Some(Fault::LoseAnswer | Fault::Lag(_)) | None => {}
        }
        if call.verb == "watch" {
            let (sender, body) = channel::Channel::new(64);
            tokio::spawn(self.clone().watch(call, sender));
            return Ok(Response::new(Either::Right(body)));
        }
        let done = self.lock().handle(&call, &self.time);
        self.news.send_replace(());
        match fault {
            Some(Fault::LoseAnswer) => lost(),
            Some(Fault::Lag(by)) => {
                tokio::time::sleep(by).await;
                Ok(answer(done))
            }
            _ => Ok(answer(done)),
        }
    }

    async fn watch(self, call: Call, mut to: channel::Sender<Bytes, Infallible>) {
        let from = call.query["resourceVersion"].parse::<u64>().unwrap();
        let mut news = self.news.subscribe();
        let mut at = from;
        loop {
            news.mark_unchanged();
            let (expired, lines) = {
                let state = self.lock();
                let lines = if state.held {
                    Vec::new()
                } else {
                    state.news(&call, &mut at)
                };
                (from < state.expired, lines)
            };
            for line in lines {
                if to.send_data(line.into()).await.is_err() {
                    return;
                }
            }
            if expired {
                let status = status(410, "Expired", "too old resource version");
                let line = json!({ "type": "ERROR", "object": status }).to_string() + "\n";
                let _ = to.send_data(line.into()).await;
                return;
            }
            if news.changed().await.is_err() {
                return;
            }
        }
    }
}

async fn parse(request: Request<Body>) -> Call {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().trim_start_matches('/').to_owned();
    let mut segments: Vec<&str> = path.split('/').collect();
    segments.drain(..if segments[0] == "api" { 2 } else { 3 });
    let namespaced = segments[0] == "namespaces" && segments.len() > 2;
    let namespace = if namespaced { segments[1] } else { "" }.to_owned();
    if namespaced {
        segments.drain(..2);
    }
    let query: BTreeMap<String, String> = parts
        .uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(k, v)| (k.to_owned(), v.replace("%2F", "/").replace("%3D", "=")))
        .collect();
    let header = |name: &str| {
        let value = parts.headers.get(name).map(|v| v.to_str().unwrap());
        value.unwrap_or_default().to_owned()
    };
    let name = segments.get(1).copied().unwrap_or_default();
    let verb = match parts.method {
        Method::GET if !name.is_empty() => "get",
        Method::GET if query.contains_key("watch") => "watch",
        Method::GET => "list",
        Method::POST => "create",
        Method::PUT => "replace",
        Method::PATCH => "patch",
        _ => "delete",
    };
    let sub = segments.get(2).map(|s| format!("/{s}")).unwrap_or_default();
    let body = body.collect_bytes().await.unwrap();
    Call {
        verb,
        resource: format!("{}{sub}", segments[0]),
        namespace,
        name: name.to_owned(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
        metadata_only: header("accept").contains("PartialObjectMetadata"),
        query,
        merge: header("content-type").contains("merge-patch"),
    }
}

fn answer(done: Answer) -> Response<Either<Full<Bytes>, channel::Channel<Bytes>>> {
    let (code, body) = match done {
        Ok(object) => (200, object),
        Err((code, reason, message)) => (code, status(code, reason, &message)),
    };
    let mut response = Response::new(Either::Left(Full::new(body.to_string().into())));
    *response.status_mut() = code.try_into().unwrap();
    response
}

fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "reason": reason, "code": code, "message": message,
    })
}

impl State {
    fn news(&self, call: &Call, at: &mut u64) -> Vec<String> {
        let mut lines = Vec::new();
        let from = self.log.partition_point(|(version, ..)| version <= at);
        for (version, resource, type_, object) in &self.log[from..] {
            *at = *version;
            if *resource == call.resource && selected(call, object) {
                let object = shown(call, object.clone());
                lines.push(json!({ "type": type_, "object": object }).to_string() + "\n");
            }
        }
        lines
    }

    fn handle(&mut self, call: &Call, time: &Time) -> Answer {
        let (resource, sub) = call
            .resource
            .split_once('/')
            .unwrap_or((&call.resource, ""));
        let key = (
            resource.to_owned(),
            call.namespace.clone(),
            call.name.clone(),
        );
        let now = time.now().to_string();
        match (call.verb, sub) {
            ("list", _) => {
                let of = self.objects.iter().filter(|((r, ..), _)| r == resource);
                let items: Vec<Value> = of
                    .filter(|(_, object)| selected(call, object))
                    .map(|(_, object)| shown(call, object.clone()))
                    .collect();
                let version = self.version.to_string();
                Ok(
                    json!({ "kind": "List", "apiVersion": "v1", "metadata": { "resourceVersion": version }, "items": items }),
                )
            }
            ("get", _) => Ok(shown(call, self.get(&key)?)),
            ("create", "token") => Ok(
                json!({ "metadata": {}, "spec": { "audiences": [] }, "status": { "token": "jwt", "expirationTimestamp": now } }),
            ),
            ("create", _) => self.create(resource, &call.namespace, call.body.clone(), time),
            ("replace", _) => {
                let found = self.get(&key)?;
                checked(&call.body, &found)?;
                let mut object = call.body.clone();
                for kept in ["uid", "creationTimestamp", "generation"] {
                    object["metadata"][kept] = found["metadata"][kept].clone();
                }
                Ok(self.put(&key, object))
            }
            ("patch", "status") => {
                let mut object = self.get(&key)?;
                checked(&call.body, &object)?;
                if call.merge {
                    merge(&mut object["status"], &call.body["status"]);
                    return Ok(self.put(&key, object));
                }
                let theirs = object["status"]["conditions"].as_array().cloned();
                let mut status = call.body["status"].clone();
                for theirs in theirs.into_iter().flatten() {
                    if theirs["type"] == "Approved" || theirs["type"] == "Denied" {
                        let all = status["conditions"].as_array_mut().unwrap();
                        assert!(
                            all.iter().all(|c| c["type"] != theirs["type"]),
                            "the operator never approves nor denies"
                        );
                        all.push(theirs);
                    }
                }
                object["status"] = status;
                Ok(self.put(&key, object))
            }
            ("patch", _) => {
                assert!(call.merge, "{call:?}");
                let mut object = self.get(&key)?;
                checked(&call.body, &object)?;
                merge(&mut object, &call.body);
                Ok(self.put(&key, object))
            }
            _ => self.delete(&key, call.body["preconditions"]["uid"].as_str(), &now),
        }
    }

    fn get(&self, key: &Key) -> Answer {
        let found = self.objects.get(key).cloned();
        found.ok_or_else(|| (404, "NotFound", format!("{key:?} not found")))
    }

    fn create(
        &mut self,
        resource: &str,
        namespace: &str,
        mut object: Value,
        time: &Time,
    ) -> Answer {
        let meta = &mut object["metadata"];
        let name = meta["name"].as_str().unwrap().to_owned();
        let key = (resource.to_owned(), namespace.to_owned(), name);
        if self.objects.contains_key(&key) {
            return Err((409, "AlreadyExists", format!("{key:?} exists")));
        }
        self.uids += 1;
        meta["uid"] = json!(format!("uid-{}", self.uids));
        meta["generation"] = json!(1);
        meta["creationTimestamp"] = json!(time.now().to_string());
        for owner in meta["ownerReferences"].as_array().into_iter().flatten() {
            let of = owner["uid"].as_str().unwrap().to_owned();
            self.owned.entry(of).or_default().push(key.clone());
        }
        Ok(self.put(&key, object))
    }

    /// Stores it under a new version, if it is another; gone when nothing holds it any more.
    fn put(&mut self, key: &Key, mut object: Value) -> Value {
        let found = self.objects.get(key).cloned();
        if let Some(found) = &found {
            object["metadata"]["resourceVersion"] = found["metadata"]["resourceVersion"].clone();
            if object == *found {
                return object;
            }
            if object["spec"] != found["spec"] {
                let generation = found["metadata"]["generation"].as_i64().unwrap();
                object["metadata"]["generation"] = json!(generation + 1);
            }
        }
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let meta = &object["metadata"];
        let held = meta["finalizers"].as_array().is_some_and(|f| !f.is_empty());
        let type_ = if meta["deletionTimestamp"].is_string() && !held {
            self.objects.remove(key);
            self.collect(&meta["uid"].clone());
            "DELETED"
        } else {
            self.objects.insert(key.clone(), object.clone());
            if found.is_some() { "MODIFIED" } else { "ADDED" }
        };
        let version = object["metadata"]["resourceVersion"].as_str().unwrap();
        let news = (
            version.parse().unwrap(),
            key.0.clone(),
            type_,
            object.clone(),
        );
        let at = self.log.partition_point(|(v, ..)| *v < news.0);
        self.log.insert(at, news);
        object
    }

    fn delete(&mut self, key: &Key, uid: Option<&str>, now: &str) -> Answer {
        let mut object = self.get(key)?;
        if uid.is_some_and(|uid| object["metadata"]["uid"] != uid) {
            return Err((409, "Conflict", "another uid".into()));
        }
        if object["metadata"]["deletionTimestamp"].is_null() {
            object["metadata"]["deletionTimestamp"] = json!(now);
        }
        Ok(self.put(key, object))
    }

    /// Deletes what the object of that uid owned.
    fn collect(&mut self, uid: &Value) {
        let uid = uid.as_str().unwrap_or_default();
        for key in self.owned.remove(uid).unwrap_or_default() {
            let _ = self.delete(&key, None, "2026-01-01T00:00:00Z");
        }
    }
}

fn checked(sent: &Value, found: &Value) -> Result<(), (u16, &'static str, String)> {
    let version = &sent["metadata"]["resourceVersion"];
    if version.is_string() && *version != found["metadata"]["resourceVersion"] {
        return Err((409, "Conflict", "the object has been modified".into()));
    }
    Ok(())
}

fn selected(call: &Call, object: &Value) -> bool {
    let here = call.namespace.is_empty() || object["metadata"]["namespace"] == *call.namespace;
    let label = call
        .query
        .get("labelSelector")
        .and_then(|l| l.split_once('='));
    here && label.is_none_or(|(key, value)| object["metadata"]["labels"][key] == *value)
}

fn shown(call: &Call, object: Value) -> Value {
    if call.metadata_only {
        let meta = &object["metadata"];
        return json!({ "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": meta });
    }
    object
}

fn merge(object: &mut Value, patch: &Value) {
    let Some(fields) = patch.as_object() else {
        *object = patch.clone();
        return;
    };
    for (key, value) in fields {
        if !value.is_null() {
            merge(&mut object[key], value);
        } else if let Some(object) = object.as_object_mut() {
            object.remove(key);
        }
    }
}
