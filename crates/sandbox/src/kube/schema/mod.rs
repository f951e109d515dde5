//! What an object may look like: structural schemas, as the API server reads them.

use std::fmt;

use serde_json::Value;

/// One thing wrong with an object: an entry of `details.causes` of an `Invalid` answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cause {
    /// `FieldValueInvalid`, `FieldValueRequired`, …
    pub(crate) reason: &'static str,
    /// What is wrong, without the field.
    pub(crate) message: String,
    /// Where, as `spec.names[0]`.
    pub(crate) field: String,
}

/// The text with the field before it, as it stands in `message` of the `Status`.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// How a list is merged by server-side apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ListType {
    /// As one value.
    Atomic,
    /// By its values.
    Set,
    /// By these keys of its items.
    Map(Vec<String>),
}

/// The schema of a value and of what is in it.
#[derive(Debug)]
pub(crate) struct Schema {
    list_type: ListType,
    atomic_map: bool,
}

impl Schema {
    /// Reads an `openAPIV3Schema`; CEL programs are compiled here, once.
    pub(crate) fn compile(_schema: &Value) -> Result<Self, Vec<Cause>> {
        Ok(Self {
            list_type: ListType::Atomic,
            atomic_map: false,
        })
    }

    /// How a built-in kind is merged. It knows no more than that: it prunes and refuses nothing.
    pub(crate) fn builtin(_group: &str, _kind: &str) -> Option<&'static Self> {
        None
    }

    /// Fills in what is missing.
    pub(crate) fn apply_defaults(&self, _object: &mut Value) {}

    /// Takes out what the schema does not know and says what that was, as `spec.foo`.
    pub(crate) fn prune(&self, _object: &mut Value) -> Vec<String> {
        Vec::new()
    }

    /// What is wrong with an object, defaults filled in; `old` is what it replaces.
    pub(crate) fn validate(&self, _new: &Value, _old: Option<&Value>) -> Vec<Cause> {
        Vec::new()
    }

    /// The schema of a field of it, or of a key of a map.
    pub(crate) fn child(&self, _key: &str) -> Option<&Self> {
        None
    }

    /// The schema of an item.
    pub(crate) fn items(&self) -> Option<&Self> {
        None
    }

    /// How this list is merged.
    pub(crate) fn list_type(&self) -> ListType {
        self.list_type.clone()
    }

    /// Whether this object or map is merged as one value.
    pub(crate) fn is_atomic_map(&self) -> bool {
        self.atomic_map
    }
}
