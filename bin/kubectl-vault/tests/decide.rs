//! What is written, and what is said, against a server of a few lines.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{Method, Request, Response};
use http_body_util::Full;
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use kube::client::Body;
use kube::core::DynamicObject;
use kubectl_vault::args::Format;
use kubectl_vault::decide::{Server, decide};
use kubectl_vault::output::Printer;
use kubectl_vault::resource::{Named, Wanted};
use kubectl_vault::verdict::{Step, Verdict, step};
use serde_json::{Value, json};

const FOLDER: &str = "/apis/engine.kubevault.com/v1alpha1/namespaces/demo/awsaccesskeyrequests";

fn request(name: &str, status: &Value) -> Value {
    let mut request = json!({
        "apiVersion": "engine.kubevault.com/v1alpha1", "kind": "AWSAccessKeyRequest",
        "metadata": {"name": name, "namespace": "demo", "resourceVersion": "7", "generation": 3,
            "managedFields": [{"manager": "kubectl"}]},
        "spec": {"roleRef": {"name": "r", "namespace": "demo"}, "subjects": []}
    });
    if !status.is_null() {
        request["status"] = status.clone();
    }
    request
}

fn refusal(code: u16, reason: &str, message: &str, name: &str) -> (u16, Value) {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
        "details": {"name": name, "kind": "AWSAccessKeyRequest"}});
    (code, status)
}

/// Everything that was written, as (path and query, content type, body).
type Writes = Arc<Mutex<Vec<(String, String, Value)>>>;

struct Fake {
    stored: Vec<Value>,
    /// The answer to every write instead of the usual one.
    answer: Option<(u16, Value)>,
}

impl Fake {
    fn answer(&self, method: &Method, path: &str) -> (u16, Value) {
        let name = path
            .strip_prefix(FOLDER)
            .unwrap_or_default()
            .trim_start_matches('/');
        let name = name.trim_end_matches("/status");
        let stored = self.stored.iter().find(|r| r["metadata"]["name"] == name);
        match (stored, &self.answer) {
            (_, Some(answer)) if method == Method::PATCH => answer.clone(),
            _ if path == FOLDER => {
                let list = json!({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": self.stored});
                (200, list)
            }
            (Some(stored), _) => (200, stored.clone()),
            (None, _) => {
                let words =
                    format!("awsaccesskeyrequests.engine.kubevault.com \"{name}\" not found");
                refusal(404, "NotFound", &words, name)
            }
        }
    }
}

struct Ran {
    well: bool,
    out: String,
    err: String,
    writes: Vec<(String, String, Value)>,
}

async fn run(fake: Fake, verdict: Verdict, wanted: Wanted, format: Option<Format>) -> Ran {
    let writes = Writes::default();
    let log = writes.clone();
    let fake = Arc::new(fake);
    let service = tower::service_fn(move |call: Request<Body>| {
        let (fake, log) = (fake.clone(), log.clone());
        async move {
            let (head, body) = call.into_parts();
            let answer = fake.answer(&head.method, head.uri.path());
            if head.method != Method::GET {
                let body = body.collect_bytes().await.unwrap();
                let kind = head.headers["content-type"].to_str().unwrap().to_owned();
                let to = head.uri.path_and_query().unwrap().to_string();
                log.lock()
                    .unwrap()
                    .push((to, kind, serde_json::from_slice(&body).unwrap()));
            }
            let body = Full::from(serde_json::to_vec(&answer.1).unwrap());
            Ok::<_, Infallible>(Response::builder().status(answer.0).body(body).unwrap())
        }
    });
    let client = Client::new(service, "default");
    let server = Server::new(client, "demo".into(), true, None);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut printer = Printer::new(&mut out, &mut err, format);
    decide(&server, verdict, wanted, None, &mut printer).await;
    let well = printer.all_well();
    let writes = writes.lock().unwrap().clone();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran {
        well,
        out: text(out),
        err: text(err),
        writes,
    }
}

fn named(names: &[&str]) -> Wanted {
    let one = |name: &&str| Named {
        namespace: None,
        name: (*name).to_owned(),
    };
    Wanted::Named(names.iter().map(one).collect())
}

fn stored(requests: &[(&str, Value)]) -> Fake {
    let stored = requests
        .iter()
        .map(|(name, status)| request(name, status))
        .collect();
    Fake {
        stored,
        answer: None,
    }
}

fn said(conditions: &Value) -> Value {
    json!({ "conditions": conditions })
}

#[tokio::test]
async fn the_condition_is_added_and_nothing_else() {
    let fake = stored(&[("app", Value::Null)]);
    let ran = run(fake, Verdict::Approve, named(&["app"]), None).await;
    assert_eq!(
        (ran.well, ran.out.as_str(), ran.err.as_str()),
        (true, "approved\n", "")
    );
    let [(to, content_type, patch)] = ran.writes.as_slice() else {
        panic!("{:?}", ran.writes)
    };
    assert_eq!(
        *to,
        format!("{FOLDER}/app/status?fieldManager=kubectl-vault")
    );
    assert_eq!(content_type, "application/json-patch+json");
    let time = &patch[1]["value"]["conditions"][0]["lastUpdateTime"];
    assert_eq!(
        time.as_str().unwrap().len(),
        "2026-11-13T12:18:07Z".len(),
        "whole seconds"
    );
    assert_eq!(
        *patch,
        json!([
            {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"},
            {"op": "add", "path": "/status", "value": {"conditions": [{
                "type": "Approved",
                "status": "True",
                "reason": "KubectlApprove",
                "message": "This was approved by kubectl vault approve awsaccesskeyrequest",
                "lastTransitionTime": time,
                "lastUpdateTime": time,
                "observedGeneration": 3
            }]}}
        ])
    );
}

#[tokio::test]
async fn a_denial_after_an_approval_revokes() {
    let approved = said(&json!([{"type": "Ready"}, {"type": "Approved"}]));
    let fake = stored(&[("app", approved)]);
    let ran = run(fake, Verdict::Deny, named(&["app"]), None).await;
    assert_eq!((ran.well, ran.out.as_str()), (true, "Denied\n"));
    let write = &ran.writes[0].2[1];
    assert_eq!(
        (&write["op"], &write["path"]),
        (&json!("add"), &json!("/status/conditions/-"))
    );
    let value = &write["value"];
    assert_eq!(value["type"], "Denied");
    assert_eq!(value["reason"], "KubectlDeny");
    assert_eq!(
        value["message"],
        "This was denied by kubectl vault deny awsaccesskeyrequest"
    );
}

#[tokio::test]
async fn what_was_said_is_not_said_again() {
    // KubeVault's older clients wrote no status.
    let approved = said(&json!([{"type": "Approved"}]));
    let denied = said(&json!([{"type": "Approved"}, {"type": "Denied", "status": "True"}]));
    for (verdict, status, words) in [
        (Verdict::Approve, approved, "already approved\n"),
        (Verdict::Deny, denied, "already denied\n"),
    ] {
        let fake = stored(&[("app", status)]);
        let ran = run(fake, verdict, named(&["app"]), None).await;
        assert_eq!(
            (ran.well, ran.out.as_str(), ran.writes.len()),
            (true, words, 0)
        );
    }
}

#[tokio::test]
async fn a_denial_is_final() {
    let fake = stored(&[
        ("app", said(&json!([{"type": "Denied"}]))),
        ("b", Value::Null),
    ]);
    let ran = run(fake, Verdict::Approve, named(&["app", "zz", "b"]), None).await;
    assert!(!ran.well);
    assert_eq!(
        ran.err,
        "error: awsaccesskeyrequest \"app\" was denied, and a denial is final: create another request\n\
         Error from server (NotFound): awsaccesskeyrequests.engine.kubevault.com \"zz\" not found\n"
    );
    assert_eq!(ran.out, "approved\n", "the others are decided");
    assert_eq!(ran.writes.len(), 1);
}

#[tokio::test]
async fn a_request_that_changed_is_to_be_looked_at_again() {
    let mut fake = stored(&[("app", Value::Null)]);
    fake.answer = Some(refusal(
        409,
        "Conflict",
        "the object has been modified",
        "app",
    ));
    let ran = run(fake, Verdict::Approve, named(&["app"]), None).await;
    assert!(!ran.well && ran.out.is_empty());
    assert_eq!(
        ran.err,
        "Error from server (Conflict): awsaccesskeyrequest \"app\" changed since it was read: look at it again \
         (kubectl get awsaccesskeyrequest app -o yaml), then repeat the command\n"
    );
}

#[tokio::test]
async fn the_servers_refusals_are_passed_on() {
    for (answer, words) in [
        (
            refusal(403, "Forbidden", "no right to approve", "app"),
            "Error from server (Forbidden): no right to approve\n",
        ),
        (
            refusal(401, "Unauthorized", "Unauthorized", ""),
            "error: You must be logged in to the server (Unauthorized)\n",
        ),
        (
            refusal(
                422,
                "Invalid",
                "AWSAccessKeyRequest.g \"app\" is invalid: spec: Forbidden: no",
                "app",
            ),
            "The AWSAccessKeyRequest \"app\" is invalid: spec: Forbidden: no\n",
        ),
        (
            refusal(
                404,
                "NotFound",
                "the server could not find the requested resource",
                "",
            ),
            "error: the server doesn't have a resource type \"awsaccesskeyrequests\": are Leasehold's custom resource definitions installed?\n",
        ),
    ] {
        let mut fake = stored(&[("app", Value::Null)]);
        fake.answer = Some(answer);
        let ran = run(fake, Verdict::Approve, named(&["app"]), None).await;
        assert_eq!((ran.well, ran.err.as_str()), (false, words));
    }
}

#[tokio::test]
async fn a_selection_takes_what_it_finds() {
    let two = stored(&[
        ("a", Value::Null),
        ("b", said(&json!([{"type": "Approved"}]))),
    ]);
    let ran = run(
        two,
        Verdict::Approve,
        Wanted::Selected(Some("x=y".into())),
        None,
    )
    .await;
    assert_eq!(
        (ran.well, ran.out.as_str()),
        (true, "approved\nalready approved\n")
    );
    let none = run(stored(&[]), Verdict::Approve, Wanted::Selected(None), None).await;
    assert_eq!((none.well, none.out.as_str()), (true, ""));
    assert_eq!(none.err, "No resources found in demo namespace.\n");
}

#[tokio::test]
async fn a_file_of_another_namespace_writes_nothing() {
    let wanted = Wanted::Named(vec![
        Named {
            namespace: None,
            name: "app".into(),
        },
        Named {
            namespace: Some("other".into()),
            name: "app".into(),
        },
    ]);
    let ran = run(
        stored(&[("app", Value::Null)]),
        Verdict::Approve,
        wanted,
        None,
    )
    .await;
    assert!(!ran.well && ran.writes.is_empty() && ran.out.is_empty());
    assert!(
        ran.err
            .starts_with("error: the namespace from the provided object \"other\"")
    );
}

#[tokio::test]
async fn objects_are_printed_without_their_managed_fields() {
    let both = || stored(&[("a", Value::Null), ("b", Value::Null)]);
    let names = run(
        both(),
        Verdict::Approve,
        named(&["a", "b"]),
        Some(Format::Name),
    )
    .await;
    let prefix = "awsaccesskeyrequest.engine.kubevault.com";
    assert_eq!(names.out, format!("{prefix}/a\n{prefix}/b\n"));

    let yaml = run(
        both(),
        Verdict::Approve,
        named(&["a", "b"]),
        Some(Format::Yaml),
    )
    .await;
    assert!(
        yaml.out
            .starts_with("apiVersion: engine.kubevault.com/v1alpha1\nkind:")
    );
    assert_eq!(yaml.out.matches("\n---\n").count(), 1);
    assert!(!yaml.out.contains("managedFields"));

    let json = run(both(), Verdict::Approve, named(&["a"]), Some(Format::Json)).await;
    let printed: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(printed["metadata"]["name"], "a");
}

#[tokio::test]
async fn a_reader_that_went_away_stops_nothing() {
    struct Gone;
    impl std::io::Write for Gone {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let (mut out, mut err) = (Gone, Vec::new());
    let mut printer = Printer::new(&mut out, &mut err, None);
    let object: DynamicObject = serde_json::from_value(request("a", &Value::Null)).unwrap();
    printer.request(&object, Verdict::Approve, true);
    assert!(printer.all_well());
    assert!(err.is_empty());
}

fn written(status: &Value, verdict: Verdict) -> Option<Value> {
    let object: DynamicObject = serde_json::from_value(request("a", status)).unwrap();
    match step(&object, verdict, Some("m"), Timestamp::UNIX_EPOCH).unwrap() {
        Step::Write(patch) => Some(patch[1].clone()),
        Step::Nothing => None,
    }
}

#[test]
fn an_approval_the_operator_takes_no_notice_of_is_written_anew() {
    let approved = json!({"type": "Approved", "status": "True", "observedGeneration": 2});
    let stale = said(&json!([{"type": "Ready"}, approved]));
    let write = written(&stale, Verdict::Approve).unwrap();
    assert_eq!(write["op"], "replace");
    assert_eq!(write["path"], "/status/conditions/1");
    assert_eq!(write["value"]["observedGeneration"], 3);
    assert_eq!(write["value"]["lastTransitionTime"], "1970-01-01T00:00:00Z");
    assert_eq!(write["value"]["message"], "m");

    let mut judged = stale;
    judged["approvedGeneration"] = json!(2);
    assert_eq!(
        written(&judged, Verdict::Approve),
        None,
        "the operator has acted upon it"
    );
}

#[test]
fn the_condition_finds_its_place() {
    let place = |status: Value, verdict| {
        let write = written(&status, verdict).unwrap();
        (
            write["op"].as_str().unwrap().to_owned(),
            write["path"].as_str().unwrap().to_owned(),
        )
    };
    let pair = |op: &str, path: &str| (op.to_owned(), path.to_owned());
    let approve = Verdict::Approve;
    assert_eq!(place(Value::Null, approve), pair("add", "/status"));
    assert_eq!(
        place(json!({"phase": "Failed"}), approve),
        pair("add", "/status/conditions")
    );
    assert_eq!(
        place(said(&json!([])), approve),
        pair("add", "/status/conditions/-")
    );
    let withdrawn = said(&json!([{"type": "Approved", "status": "False"}]));
    assert_eq!(
        place(withdrawn, approve),
        pair("replace", "/status/conditions/0")
    );
}
