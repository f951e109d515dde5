//! What is counted: for the one on call.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use leasehold_reconcile_core::{Note, note::NotePlace};

/// Labels of an action.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ActionLabels {
    kind: String,
    result: String,
}

/// Labels by kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct KindLabels {
    kind: String,
}

/// Labels of an event.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct EventLabels {
    kind: String,
    reason: String,
}

/// The counters of one operator.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// Actions performed.
    pub actions: Family<ActionLabels, Counter>,
    /// Outcomes told in events.
    pub events: Family<EventLabels, Counter>,
    /// Objects let go without proof that what they stood for has ended.
    pub let_go: Family<KindLabels, Counter>,
    /// Objects that could not be decoded.
    pub undecodable: Family<KindLabels, Counter>,
    /// Bugs that were caught.
    pub panics: Counter,
}

impl Metrics {
    /// Makes the counters readable in that registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "leasehold_actions",
            "Actions performed",
            self.actions.clone(),
        );
        registry.register(
            "leasehold_events",
            "Outcomes told in events",
            self.events.clone(),
        );
        registry.register(
            "leasehold_let_go",
            "Objects let go without proof that their keys ended",
            self.let_go.clone(),
        );
        registry.register(
            "leasehold_undecodable",
            "Times an object could not be decoded",
            self.undecodable.clone(),
        );
        registry.register(
            "leasehold_panics",
            "Panics caught in a drive",
            self.panics.clone(),
        );
    }

    pub(crate) fn acted(&self, kind: &str, ok: bool) {
        let result = if ok { "ok" } else { "failed" };
        let labels = ActionLabels {
            kind: kind.to_owned(),
            result: result.to_owned(),
        };
        self.actions.get_or_create(&labels).inc();
    }

    pub(crate) fn noted(&self, kind: &str, note: &Note) {
        let labels = EventLabels {
            kind: kind.to_owned(),
            reason: note.reason.to_owned(),
        };
        self.events.get_or_create(&labels).inc();
        if note.place == NotePlace::Operator {
            self.let_go
                .get_or_create(&KindLabels {
                    kind: kind.to_owned(),
                })
                .inc();
        }
    }

    pub(crate) fn could_not_decode(&self, kind: &str) {
        self.undecodable
            .get_or_create(&KindLabels {
                kind: kind.to_owned(),
            })
            .inc();
    }
}
