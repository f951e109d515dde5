//! Events: one per outcome, none per step.

/// Normal or Warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoteType {
    /// As it should be.
    Normal,
    /// A person should look.
    Warning,
}

/// Where an event is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NotePlace {
    /// Beside the object.
    Object,
    /// In the operator's own namespace: a terminating one refuses events. Counted, too.
    Operator,
}

/// An event to publish.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// Normal or Warning.
    pub type_: NoteType,
    /// Where to write it.
    pub place: NotePlace,
    /// One of [`crate::reasons`].
    pub reason: &'static str,
    /// For a person.
    pub message: String,
}

impl Note {
    /// Something good happened.
    pub fn normal(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            type_: NoteType::Normal,
            place: NotePlace::Object,
            reason,
            message: message.into(),
        }
    }

    /// Something a person should look at.
    pub fn warning(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            type_: NoteType::Warning,
            ..Self::normal(reason, message)
        }
    }

    /// Whether this says that something was let go.
    pub fn is_let_go(&self) -> bool {
        self.place == NotePlace::Operator
    }

    /// Something was let go without proof that it ended.
    pub fn let_go(message: impl Into<String>) -> Self {
        Self {
            place: NotePlace::Operator,
            ..Self::warning(crate::reasons::ABANDONED, message)
        }
    }
}
