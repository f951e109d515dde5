//! Mistakes the sandbox's Kubernetes could have.

use e2e::differential::lies::Lie;
use leasehold_sandbox::kube::Kube;
use serde_json::Value;

pub(crate) const LIES: [Lie<Kube>; 8] = [
    Lie::about_answers(
        "kube: a strategic patch replaces lists it should merge",
        |asked| {
            let content_type = asked.request.header("Content-Type").unwrap_or_default();
            let is_strategic = content_type.starts_with("application/strategic-merge-patch+json");
            let patch: Option<Value> = serde_json::from_slice(&asked.request.body).ok();
            let has_lists = |patch: Value| patch.is_object() && patch.to_string().contains('[');
            if is_strategic && patch.is_some_and(has_lists) {
                asked.set_header("Content-Type", "application/merge-patch+json");
            }
            asked.honestly()
        },
    ),
    Lie::about_answers(
        "kube: a PUT with a stale resourceVersion is taken",
        |asked| {
            if asked.is("PUT", "/api") {
                asked.change_body(|body| {
                    if let Some(fields) = body["metadata"].as_object_mut() {
                        fields.remove("resourceVersion");
                    }
                });
            }
            asked.honestly()
        },
    ),
    Lie::about_watches("kube: a watch does not tell of deletions", |line| {
        if line.contains(r#""type":"DELETED""#) {
            return String::new();
        }
        line
    }),
    Lie::about_answers("kube: what is not there is forbidden", |asked| {
        asked.changed(|response| {
            if response.status == 404 {
                response.status = 403;
            }
        })
    }),
    Lie::about_answers("kube: warnings are not told", |asked| {
        asked.changed(|response| response.headers.retain(|(name, _)| *name != "Warning"))
    }),
    Lie::about_answers("kube: a dry run is done", |asked| {
        asked.request.path = asked.request.path.replace("dryRun=All", "dryRun=");
        asked.honestly()
    }),
    Lie::about_answers(
        "kube: an apply takes the fields of others without force",
        |asked| {
            let content_type = asked.request.header("Content-Type").unwrap_or_default();
            if content_type.starts_with("application/apply-patch+yaml") {
                asked.request.path.push_str("&force=true");
            }
            asked.honestly()
        },
    ),
    Lie::about_answers("kube: a list is never cut into pages", |asked| {
        let path = &mut asked.request.path;
        for limit in ["limit=1", "limit=2"] {
            if path.ends_with(limit) {
                *path = path.replace(limit, "");
            }
        }
        asked.honestly()
    }),
];
