//! What is known of a thing in the world: "could not look" is never "not there".

use crate::Failure;

/// What is known of a thing outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known<T> {
    /// Looked, and it is not there.
    Absent,
    /// Looked, and this is it.
    Is(T),
    /// Could not look. Nothing destructive may follow from this.
    Unknown(Failure),
}

impl<T> Known<T> {
    /// The thing, if it is there.
    pub fn is(&self) -> Option<&T> {
        match self {
            Self::Is(t) => Some(t),
            Self::Absent | Self::Unknown(_) => None,
        }
    }

    /// Why the look failed, if it did.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Unknown(f) => Some(f),
            Self::Absent | Self::Is(_) => None,
        }
    }

    /// Another view of the thing.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Known<U> {
        match self {
            Self::Absent => Known::Absent,
            Self::Is(t) => Known::Is(f(t)),
            Self::Unknown(e) => Known::Unknown(e),
        }
    }
}

impl<T> From<Result<Option<T>, Failure>> for Known<T> {
    fn from(looked: Result<Option<T>, Failure>) -> Self {
        match looked {
            Ok(Some(t)) => Self::Is(t),
            Ok(None) => Self::Absent,
            Err(f) => Self::Unknown(f),
        }
    }
}
