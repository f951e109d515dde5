//! Events: for people who look at an object and wonder.

use k8s_openapi::api::{core::v1::ObjectReference, events::v1};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::{
    Api, Client,
    api::PostParams,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use leasehold_api_types::MANAGER;
use leasehold_reconcile_core::{Note, NoteType, note::NotePlace};

/// An event's note is at most 1 kB.
const NOTE_LIMIT: usize = 1000;
/// Of objects with a longer name the recorder's events are refused.
const NAME_LIMIT: usize = 236;

/// Where events go.
#[derive(Clone)]
pub struct Events {
    recorder: Recorder,
    client: Client,
    instance: String,
    home: Option<String>,
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events")
            .field("home", &self.home)
            .finish_non_exhaustive()
    }
}

impl Events {
    /// Events of this instance; `home` is the operator's own namespace.
    pub fn new(client: Client, instance: &str, home: Option<String>) -> Self {
        let reporter = Reporter {
            controller: MANAGER.into(),
            instance: Some(instance.into()),
        };
        Self {
            recorder: Recorder::new(client.clone(), reporter),
            client,
            instance: instance.into(),
            home,
        }
    }

    /// Publishes one. A failed event is logged and holds nothing up.
    pub async fn publish(&self, about: &ObjectReference, note: &Note) {
        let mut about = about.clone();
        if note.place == NotePlace::Operator {
            tracing::warn!(
                kind = about.kind,
                namespace = about.namespace,
                name = about.name,
                message = note.message,
                "let go"
            );
            // A terminating namespace refuses events.
            let Some(home) = &self.home else { return };
            about.namespace = Some(home.clone());
        }
        let event = Event {
            type_: match note.type_ {
                NoteType::Normal => EventType::Normal,
                NoteType::Warning => EventType::Warning,
            },
            reason: note.reason.into(),
            note: Some(note.message.chars().take(NOTE_LIMIT).collect()),
            action: note.reason.into(),
            secondary: None,
        };
        let long = about.name.as_ref().is_some_and(|n| n.len() > NAME_LIMIT);
        let published = if long {
            self.publish_cut(&event, about).await
        } else {
            self.recorder.publish(&event, &about).await
        };
        if let Err(error) = published {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "event not published"
            );
        }
    }

    /// The recorder puts 17 characters behind the object's name, which may be too many.
    async fn publish_cut(&self, event: &Event, about: ObjectReference) -> kube::Result<()> {
        let now = crate::clock::Clock::now(&crate::clock::SystemClock);
        let stem: String = about.name.iter().flat_map(|n| n.chars()).take(64).collect();
        let name = format!(
            "{}.{:x}",
            stem.trim_end_matches(['-', '.']),
            now.as_nanosecond()
        );
        let namespace = about.namespace.clone().unwrap_or_default();
        let warning = matches!(event.type_, EventType::Warning);
        let whole = v1::Event {
            metadata: ObjectMeta {
                namespace: Some(namespace.clone()),
                name: Some(name),
                ..ObjectMeta::default()
            },
            action: Some(event.action.clone()),
            reason: Some(event.reason.clone()),
            note: event.note.clone(),
            type_: Some(if warning { "Warning" } else { "Normal" }.into()),
            event_time: Some(MicroTime(now)),
            regarding: Some(about),
            reporting_controller: Some(MANAGER.into()),
            reporting_instance: Some(self.instance.clone()),
            ..v1::Event::default()
        };
        let api: Api<v1::Event> = Api::namespaced(self.client.clone(), &namespace);
        api.create(&PostParams::default(), &whole).await.map(drop)
    }
}
