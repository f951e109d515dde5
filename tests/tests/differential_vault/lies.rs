//! Mistakes the sandbox's Vault could have.

use e2e::differential::lies::{Asked, Lie, change_json};
use leasehold_sandbox::Neighbours;
use leasehold_sandbox::vault::Wired;
use leasehold_sandbox::wire::Request;
use serde_json::Value;

/// The server that lies.
pub(crate) type Lying = Wired<Neighbours>;

pub(crate) const LIES: [Lie<Lying>; 8] = [
    Lie::about_answers(
        "vault: what is revoked by its accessor lives on, leases and all",
        |asked| {
            let body: Value = serde_json::from_slice(&asked.request.body).unwrap_or_default();
            let is_one = body["accessor"]
                .as_str()
                .is_some_and(|accessor| accessor.len() == 24);
            if is_one && asked.is("POST", "/v1/auth/token/revoke-accessor") {
                // Answered alike, and of no effect.
                "DELETE".clone_into(&mut asked.request.method);
                "/v1/sys/policies/acl/none".clone_into(&mut asked.request.path);
            }
            asked.honestly()
        },
    ),
    Lie::about_answers("vault: children outlive their parent", |asked| {
        if asked.is("POST", "/v1/auth/token/revoke") && asked.request.path.ends_with("/revoke") {
            asked.request.path.push_str("-orphan");
        }
        asked.honestly()
    }),
    Lie::about_answers(
        "vault: a token lives longer than its explicit_max_ttl",
        |asked| {
            if asked.is("POST", "/v1/auth/token/create") {
                asked.change_body(|body| drop(body["explicit_max_ttl"].take()));
            }
            asked.honestly()
        },
    ),
    Lie::about_answers("vault: warnings are not told", |asked| {
        asked.changed(|response| change_json(response, without_warnings))
    }),
    Lie::about_answers("vault: a role is written anew, not changed", |asked| {
        if asked.is("POST", "/v1/aws/roles/") {
            let mut delete = asked.request.clone();
            "DELETE".clone_into(&mut delete.method);
            delete.body.clear();
            let _ = asked.ask(&delete);
        }
        asked.honestly()
    }),
    Lie::about_answers(
        "vault: another word for a lease that is not there",
        |asked| {
            asked.changed(|response| {
                response.body = response.body.replace("lease not found", "invalid lease");
            })
        },
    ),
    Lie::about_answers("vault: whoever has a token may do everything", |asked| {
        let is_known = !asked
            .request
            .header("X-Vault-Token")
            .unwrap_or_default()
            .is_empty();
        if is_known && is_refused(asked) {
            asked.set_header("X-Vault-Token", "root");
        }
        asked.honestly()
    }),
    Lie::about_answers(
        "vault: what is to be done in a while is done at once",
        |asked| {
            if asked.is("POST", "/v1/sys/leases/revoke") {
                asked.change_body(|body| body["sync"] = true.into());
            }
            asked.honestly()
        },
    ),
];

fn without_warnings(body: &mut Value) {
    if let Some(warnings) = body.get_mut("warnings") {
        warnings.take();
    }
}

/// Whether the token's policies do not let it do what it asks for.
fn is_refused(asked: &mut Asked<'_, Lying>) -> bool {
    let path = asked.request.route().replacen("/v1/", "", 1);
    let check = Request {
        method: "POST".to_owned(),
        path: "/v1/sys/capabilities-self".to_owned(),
        headers: asked.request.headers.clone(),
        body: serde_json::json!({"paths": [path]})
            .to_string()
            .into_bytes(),
    };
    let body = asked
        .ask(&check)
        .map_or_else(String::new, |answer| answer.body);
    body.contains("\"deny\"")
}
