//! Events: for people who look at an object and wonder.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use leasehold_api_types::MANAGER;
use leasehold_reconcile_core::{Note, NoteType, note::NotePlace};

/// An event's note is at most 1 kB.
const NOTE_LIMIT: usize = 1000;

/// Where events go.
#[derive(Clone)]
pub struct Events {
    recorder: Recorder,
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
            recorder: Recorder::new(client, reporter),
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
        if let Err(error) = self.recorder.publish(&event, &about).await {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "event not published"
            );
        }
    }
}
