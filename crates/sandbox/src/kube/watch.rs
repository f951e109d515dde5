//! Watches.

use std::fmt::Write as _;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Kube;
use super::answer::Call;
use super::errors::Failure;
use super::render::Form;
use super::resource::{Resource, Topic};
use super::selector::Selector;
use super::store::{Event, Stored};

/// How often a watch that wants bookmarks gets one.
const BOOKMARK_EVERY: SignedDuration = SignedDuration::from_secs(60);
/// How long a watch lasts that does not say.
const LASTS: i64 = 50 * 60;

/// A watch: where it is and what it wants. It holds nothing of the server.
#[derive(Debug)]
pub struct Watch {
    resource: Arc<Resource>,
    version: String,
    namespace: String,
    selector: Selector,
    form: Form,
    /// The version up to which everything is sent.
    sent: u64,
    /// Whether the objects that are there already still have to be sent.
    start: Start,
    wants_bookmarks: bool,
    bookmark: Timestamp,
    end: Timestamp,
    /// Of which era it is: it ends with it.
    era: u64,
    has_ended: bool,
}

/// What tests do to all watches at once.
#[derive(Debug, Default)]
pub(super) struct Watches {
    is_held: bool,
    era: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// Only changes, from a version on.
    Changes,
    /// What is there first.
    Objects,
    /// What is there first, and then a bookmark that says so.
    ObjectsAndMark,
}

/// What a watch has to send now.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Next {
    /// Whole lines of JSON; often none.
    pub bytes: Vec<u8>,
    /// Whether the stream ends after them.
    pub has_ended: bool,
}

impl Watch {
    /// The value of `Content-Type` of a watch's answer.
    pub const CONTENT_TYPE: &'static str = "application/json";

    /// The resource it watches: nothing happens to it unless that changes, or time passes.
    pub fn topic(&self) -> Topic {
        self.resource.topic
    }

    /// When it has something to send, or ends, even if nothing changes.
    pub fn due(&self) -> Timestamp {
        if self.wants_bookmarks {
            self.end.min(self.bookmark)
        } else {
            self.end
        }
    }

    fn ended(&mut self, lines: String) -> Next {
        self.has_ended = true;
        Next {
            bytes: lines.into_bytes(),
            has_ended: true,
        }
    }
}

impl Kube {
    /// Begins a watch.
    pub(super) fn watch(&self, call: &Call<'_>) -> Result<Watch, Failure> {
        let query = &call.query;
        super::list::check_options(query, true)?;
        let selector = Selector::parse(
            query.text("labelSelector"),
            query.text("fieldSelector"),
            &call.resource,
        )?;
        let wants_bookmarks = query.is_on("allowWatchBookmarks");
        let version = self.check_version(query.text("resourceVersion"), Failure::internal)?;
        let start = match query.get("sendInitialEvents") {
            Some("false") => Start::Changes,
            Some(_) if wants_bookmarks => Start::ObjectsAndMark,
            Some(_) => Start::Objects,
            None if version == 0 => Start::Objects,
            None => Start::Changes,
        };
        let lasts = query
            .number("timeoutSeconds")?
            .filter(|seconds| *seconds > 0)
            .unwrap_or(LASTS);
        let end = call
            .now
            .checked_add(SignedDuration::from_secs(lasts))
            .unwrap_or(Timestamp::MAX);
        let sent = if version == 0 && start == Start::Changes {
            self.store.version()
        } else {
            version
        };
        Ok(Watch {
            resource: Arc::clone(&call.resource),
            version: call.route.version.clone(),
            namespace: call.route.namespace.clone(),
            selector,
            form: call.form,
            sent,
            start,
            wants_bookmarks,
            bookmark: call.now + BOOKMARK_EVERY,
            end,
            era: self.watches.era,
            has_ended: false,
        })
    }

    /// Lets all watches fall behind, or go on: held, they send nothing, as if the server were
    /// too busy to. Whoever works from a cache works from a stale one meanwhile.
    pub fn hold_watches(&mut self, is_held: bool) {
        self.watches.is_held = is_held;
        self.touch_watches();
    }

    /// Ends all open watches with a 410, held ones too, as a server does that has forgotten what
    /// they still have to hear of. Their clients must list anew, and learn only from that what
    /// happened meanwhile.
    pub fn expire_watches(&mut self) {
        self.watches.era += 1;
        self.touch_watches();
    }

    fn touch_watches(&mut self) {
        for resource in self.resources.all() {
            self.store.touch(resource.topic);
        }
    }

    /// What a watch has to send now. Cheap if nothing changed.
    pub fn next(&mut self, watch: &mut Watch, now: Timestamp) -> Next {
        if watch.has_ended {
            return watch.ended(String::new());
        }
        if watch.era != self.watches.era {
            return self.expired(watch);
        }
        if self.watches.is_held {
            if watch.end <= now {
                return watch.ended(String::new());
            }
            if watch.bookmark <= now {
                watch.bookmark = now + BOOKMARK_EVERY;
            }
            return Next::default();
        }
        let mut lines = String::new();
        if watch.start != Start::Changes {
            self.send_objects(watch, &mut lines, now);
        }
        let topic = watch.topic();
        if self.store.last_change(topic) > watch.sent {
            let Some(events) = self.store.since(topic, watch.sent) else {
                return self.expired(watch);
            };
            for event in events {
                send_event(watch, event, &mut lines, now);
            }
        }
        watch.sent = watch.sent.max(self.store.version());
        if watch.wants_bookmarks && watch.bookmark <= now {
            send_bookmark(watch, false, &mut lines, now);
            watch.bookmark = now + BOOKMARK_EVERY;
        }
        // The resource may be gone for good, or served differently.
        let is_served = self.resources.of(topic).is_some_and(|served| {
            served.versions.contains(&watch.version) || served.group != watch.resource.group
        });
        if watch.end <= now || !is_served {
            return watch.ended(lines);
        }
        Next {
            bytes: lines.into_bytes(),
            has_ended: false,
        }
    }

    fn expired(&self, watch: &mut Watch) -> Next {
        let oldest = self.store.oldest(watch.topic());
        let message = format!("too old resource version: {} ({oldest})", watch.sent);
        let status = Failure::expired(message).status();
        watch.ended(json!({"type": "ERROR", "object": status}).to_string() + "\n")
    }

    fn send_objects(&self, watch: &mut Watch, lines: &mut String, now: Timestamp) {
        let namespace = if watch.resource.is_namespaced {
            watch.namespace.clone()
        } else {
            String::new()
        };
        for (_, object) in self.store.range(watch.topic(), &namespace, "") {
            if watch.selector.matches(object) {
                send(watch, "ADDED", object, object.version, lines, now);
            }
        }
        watch.sent = self.store.version();
        if watch.start == Start::ObjectsAndMark {
            send_bookmark(watch, true, lines, now);
        }
        watch.start = Start::Changes;
    }
}

fn send_bookmark(watch: &mut Watch, is_initial_end: bool, lines: &mut String, now: Timestamp) {
    let mut metadata = json!({"resourceVersion": watch.sent.to_string()});
    if is_initial_end {
        metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
    }
    let (kind, api_version): (&str, Value) = match watch.form {
        Form::Metadata => ("PartialObjectMetadata", "meta.k8s.io/v1".into()),
        _ => (
            &watch.resource.kind,
            watch.resource.api_version(&watch.version).into(),
        ),
    };
    let object = json!({"kind": kind, "apiVersion": api_version, "metadata": metadata});
    if matches!(watch.form, Form::Table(_) | Form::Rows(_)) {
        // Shown as any other object, nameless.
        let object = Arc::new(Stored::of(object, watch.sent));
        send(watch, "BOOKMARK", &object, watch.sent, lines, now);
        return;
    }
    let _ = writeln!(lines, "{}", json!({"type": "BOOKMARK", "object": object}));
}

fn send(
    watch: &mut Watch,
    kind: &str,
    object: &Arc<Stored>,
    version: u64,
    lines: &mut String,
    now: Timestamp,
) {
    lines.push_str("{\"type\":\"");
    lines.push_str(kind);
    lines.push_str("\",\"object\":");
    if version == object.version {
        lines.push_str(&super::render::rendered(
            &watch.resource,
            &watch.version,
            watch.form,
            object,
            now,
        ));
    } else {
        let mut value = object.value();
        value["metadata"]["resourceVersion"] = version.to_string().into();
        let object = Stored::of(value, version);
        lines.push_str(&super::render::rendered(
            &watch.resource,
            &watch.version,
            watch.form,
            &object,
            now,
        ));
    }
    lines.push_str("}\n");
    if let Form::Table(include) = watch.form {
        watch.form = Form::Rows(include);
    }
}

fn send_event(watch: &mut Watch, event: &Event, lines: &mut String, now: Timestamp) {
    let is_here = |object: &Stored| {
        let is_near = !watch.resource.is_namespaced
            || watch.namespace.is_empty()
            || *object.namespace == *watch.namespace;
        is_near && watch.selector.matches(object)
    };
    let was = event.old.as_deref().is_some_and(is_here);
    let is = !event.is_deletion && is_here(&event.new);
    let kind = match (was, is) {
        (false, true) => "ADDED",
        (true, true) => "MODIFIED",
        (true, false) => "DELETED",
        (false, false) => return,
    };
    // What leaves a selection is shown as it last was in it.
    let left = !event.is_deletion && kind == "DELETED";
    let object = event.old.as_ref().filter(|_| left).unwrap_or(&event.new);
    send(watch, kind, object, event.version, lines, now);
}
