//! Lists: selectors, pages, versions.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Value, json};

use super::Kube;
use super::answer::Call;
use super::errors::Failure;
use super::query::Query;
use super::schema::Cause;
use super::selector::Selector;
use super::store::Stored;
use crate::wire::Response;

/// Go does not mind bits that are left over at the end.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A page of objects and what is said about it.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) version: u64,
    pub(super) objects: Vec<Arc<Stored>>,
    pub(super) next: Option<String>,
    pub(super) remaining: Option<usize>,
}

impl Kube {
    pub(super) fn list(&self, call: &Call<'_>) -> Result<Response, Failure> {
        self.list_with_objects(call).map(|(response, _)| response)
    }

    pub(super) fn list_with_objects(
        &self,
        call: &Call<'_>,
    ) -> Result<(Response, Vec<Arc<Stored>>), Failure> {
        check_options(&call.query, false)?;
        let query = &call.query;
        let selector = Selector::parse(
            query.text("labelSelector"),
            query.text("fieldSelector"),
            &call.resource,
        )?;
        let page = self.page(call, &selector)?;
        Ok((super::render::render_list(call, &page), page.objects))
    }

    fn page(&self, call: &Call<'_>, selector: &Selector) -> Result<Page, Failure> {
        let query = &call.query;
        query.number("timeoutSeconds")?;
        let limit = query.number("limit")?.unwrap_or_default();
        let limit = usize::try_from(limit).ok().filter(|limit| *limit > 0);
        let given = query.text("resourceVersion");
        let (at, start) = if let Some(token) =
            query.get("continue").filter(|token| !token.is_empty())
        {
            let (version, start) = parse_continue(token)?;
            if !given.is_empty() && given != "0" {
                return Err(Failure::bad_request(
                    "specifying resource version is not allowed when using continue",
                ));
            }
            (Some(version).filter(|version| *version > 0), start)
        } else {
            let invalid = |why| Failure::bad_request(format!("invalid resource version: {why}"));
            let version = self.check_version(given, invalid)?;
            let is_exact = query.text("resourceVersionMatch") == "Exact"
                || limit.is_some() && version > 0 && query.text("resourceVersionMatch").is_empty();
            (Some(version).filter(|_| is_exact), String::new())
        };
        let version = at.unwrap_or_else(|| self.store.version());
        let mut rest = self.objects_at(call, at, &start)?.into_iter();
        let matching = rest.by_ref().filter(|object| selector.matches(object));
        let mut page = Page {
            version,
            objects: matching.take(limit.unwrap_or(usize::MAX)).collect(),
            ..Page::default()
        };
        // Of what is left nobody looks yet whether it matches.
        if rest.len() > 0 {
            let last = page.objects.last().map(|last| last.key());
            let from = format!("{}\0", last.unwrap_or_default());
            page.next = Some(make_continue(version, &from));
            page.remaining = selector.is_everything().then_some(rest.len());
        }
        Ok(page)
    }

    /// The objects from a key on, as they were at a version if one is given.
    fn objects_at(
        &self,
        call: &Call<'_>,
        at: Option<u64>,
        start: &str,
    ) -> Result<Vec<Arc<Stored>>, Failure> {
        let topic = call.resource.topic;
        let namespace = if call.resource.is_namespaced {
            &*call.route.namespace
        } else {
            ""
        };
        let current = self.store.range(topic, namespace, start);
        let Some(version) = at.filter(|version| *version < self.store.last_change(topic)) else {
            return Ok(current.map(|(_, object)| Arc::clone(object)).collect());
        };
        let events = self.store.since(topic, version).ok_or_else(|| {
            if start.is_empty() {
                return Failure::expired("The resourceVersion for the provided list is too old.");
            }
            Failure::expired(
                "The provided continue parameter is too old to display a consistent list result. \
                 You can start a new list without the continue parameter, or use the continue \
                 token in this response to retrieve the remainder of the results. Continuing \
                 with the provided token results in an inconsistent list - objects that were \
                 created, modified, or deleted between the time the first chunk was returned and \
                 now may show up in the list.",
            )
            .with_continue(make_continue(0, start))
        })?;
        let mut objects: BTreeMap<String, Arc<Stored>> = current
            .map(|(key, object)| (key.clone(), Arc::clone(object)))
            .collect();
        // What each object was before the first change since then.
        let mut seen = std::collections::HashSet::new();
        for event in events {
            let key = event.new.key();
            let is_here = namespace.is_empty() || *event.new.namespace == *namespace;
            if !is_here || *key < *start || !seen.insert(key.clone()) {
                continue;
            }
            match &event.old {
                Some(old) => objects.insert(key, Arc::clone(old)),
                None => objects.remove(&key),
            };
        }
        Ok(objects.into_values().collect())
    }
}

/// The options of lists and watches that exclude each other.
pub(super) fn check_options(query: &Query, is_watch: bool) -> Result<(), Failure> {
    let invalid = |cause| Err(Failure::invalid_options("ListOptions", cause));
    let forbidden = |field, why| invalid(Cause::forbidden(field, why));
    let version = query.text("resourceVersion");
    let matching = query.text("resourceVersionMatch");
    let initial = query.get("sendInitialEvents");
    if let Some(initial) = initial {
        if !is_watch {
            return forbidden(
                "sendInitialEvents",
                "sendInitialEvents is forbidden for list",
            );
        }
        if initial != "false" && matching != "NotOlderThan" {
            let why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
            return forbidden("resourceVersionMatch", why);
        }
    }
    if matching.is_empty() {
        return Ok(());
    }
    if is_watch && initial.is_none() {
        let why =
            "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
        return forbidden("resourceVersionMatch", why);
    }
    if is_watch {
        return Ok(());
    }
    if version.is_empty() {
        let why = "resourceVersionMatch is forbidden unless resourceVersion is provided";
        return forbidden("resourceVersionMatch", why);
    }
    if query.get("continue").is_some_and(|token| !token.is_empty()) {
        let why = "resourceVersionMatch is forbidden when continue is provided";
        return forbidden("resourceVersionMatch", why);
    }
    match matching {
        "Exact" if version == "0" => {
            let why = "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"";
            forbidden("resourceVersionMatch", why)
        }
        "Exact" | "NotOlderThan" => Ok(()),
        other => {
            let known = ["Exact", "NotOlderThan", ""];
            invalid(Cause::not_supported(
                "resourceVersionMatch",
                &other.into(),
                known,
            ))
        }
    }
}

fn make_continue(version: u64, start: &str) -> String {
    let version = if version == 0 {
        json!(-1)
    } else {
        json!(version)
    };
    let token = json!({"v": "meta.k8s.io/v1", "rv": version, "start": start});
    LENIENT.encode(token.to_string())
}

/// The version a page goes on at, 0 for now, and the key it begins with.
fn parse_continue(token: &str) -> Result<(u64, String), Failure> {
    let refuse = |why: &str| {
        Failure::bad_request(format!(
            "invalid continue token: continue key is not valid: {why}"
        ))
    };
    let bytes = LENIENT
        .decode(token)
        .map_err(|_| refuse("illegal base64 data at input byte 0"))?;
    let token: Value = serde_json::from_slice(&bytes).map_err(|error| {
        let go = super::golang::json_error(&bytes);
        refuse(&go.unwrap_or_else(|| error.to_string()))
    })?;
    let empty = "encoded start key empty (version meta.k8s.io/v1)";
    let start = token["start"].as_str().ok_or_else(|| refuse(empty))?;
    let version = token["rv"].as_i64().unwrap_or_default();
    if version == 0 {
        return Err(refuse(
            "incorrect encoded start resourceVersion (version meta.k8s.io/v1)",
        ));
    }
    Ok((u64::try_from(version).unwrap_or_default(), start.to_owned()))
}
