//! What an object may look like: structural schemas, as the API server reads them.
//!
//! A schema is read once, when its definition is written; what then happens to each object is
//! in the order of the server: [`Schema::prune`], [`Schema::apply_defaults`],
//! [`Schema::validate`].

mod builtin;
mod cause;
#[cfg(feature = "cel")]
mod cel;
#[cfg(not(feature = "cel"))]
#[path = "cel_off.rs"]
mod cel;
mod compile;
mod defaults;
mod embedded;
mod formats;
mod lists;
pub(crate) mod names;
mod numbers;
mod prune;
mod structural;
#[cfg(test)]
mod tests;
mod validate;
mod values;

use std::collections::BTreeMap;

use serde_json::Value;

pub(crate) use cause::Cause;
use cel::Rule;
pub(crate) use prune::OBJECT_META;
use values::Checks;

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
#[expect(
    clippy::struct_excessive_bools,
    reason = "a schema is written with them"
)]
pub(crate) struct Schema {
    kind: Option<Kind>,
    nullable: bool,
    int_or_string: bool,
    preserve_unknown: bool,
    embedded: bool,
    properties: BTreeMap<String, Self>,
    additional: Additional,
    items: Option<Box<Self>>,
    default: Option<Value>,
    list_type: ListType,
    atomic_map: bool,
    checks: Checks,
    rules: Vec<Rule>,
    /// Whether there are rules in it or below it: where there are none, no value is converted.
    any_rules: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
}

/// What `additionalProperties` says.
#[derive(Debug)]
enum Additional {
    /// Nothing: only the properties are known.
    None,
    /// Any value.
    Any,
    Of(Box<Schema>),
}

impl Schema {
    /// Reads an `openAPIV3Schema`; CEL programs are compiled here, once.
    pub(crate) fn compile(schema: &Value) -> Result<Self, Vec<Cause>> {
        Self::compile_at(schema, "spec.validation.openAPIV3Schema")
    }

    /// The same, with causes that begin with the place of the schema in its definition.
    pub(crate) fn compile_at(schema: &Value, place: &str) -> Result<Self, Vec<Cause>> {
        let mut causes = structural::check(schema, place);
        if !causes.is_empty() {
            return Err(causes);
        }
        let compiled = compile::schema(schema, place, &mut causes);
        structural::check_root_defaults(&compiled, place, &mut causes);
        if causes.is_empty() {
            return Ok(compiled);
        }
        Err(causes)
    }

    /// How a built-in kind is merged. It knows no more than that: it prunes and refuses nothing.
    pub(crate) fn builtin(group: &str, kind: &str) -> Option<&'static Self> {
        builtin::schema(group, kind)
    }

    /// Fills in what is missing, and takes out the nulls of fields that may not be null.
    pub(crate) fn apply_defaults(&self, object: &mut Value) {
        defaults::apply(self, object);
    }

    /// Takes out what the schema does not know and says what that was, as `spec.foo`.
    pub(crate) fn prune(&self, object: &mut Value) -> Vec<String> {
        prune::root(self, object)
    }

    /// What is wrong with an object, defaults filled in; `old` is what it replaces. A value that
    /// was wrong before and has not changed is let pass.
    pub(crate) fn validate(&self, new: &Value, old: Option<&Value>) -> Vec<Cause> {
        let mut causes = Vec::new();
        validate::value(self, new, old, "", &mut causes);
        embedded::check(self, new, "", &mut causes);
        lists::check(self, new, old, "", &mut causes);
        if !self.any_rules {
            return causes;
        }
        if causes.iter().any(Cause::is_blocking) {
            causes.push(Cause::rules_not_checked());
        } else {
            cel::check(self, new, old, "", &mut causes);
        }
        causes
    }

    /// The schema of a field of it, or of a key of a map.
    pub(crate) fn child(&self, key: &str) -> Option<&Self> {
        self.properties.get(key).or(match &self.additional {
            Additional::Of(schema) => Some(schema),
            Additional::None | Additional::Any => None,
        })
    }

    /// The schema of an item.
    pub(crate) fn items(&self) -> Option<&Self> {
        self.items.as_deref()
    }

    /// How this list is merged.
    pub(crate) fn list_type(&self) -> ListType {
        self.list_type.clone()
    }

    /// Whether this object or map is merged as one value.
    pub(crate) fn is_atomic_map(&self) -> bool {
        self.atomic_map
    }

    /// The old item that the new one replaces: by the keys of the list, or none.
    fn old_item<'a>(&self, item: &Value, old: Option<&'a Value>) -> Option<&'a Value> {
        let ListType::Map(keys) = &self.list_type else {
            return None;
        };
        let same = |old: &&Value| keys.iter().all(|key| old.get(key) == item.get(key));
        old?.as_array()?.iter().find(same)
    }

    /// The old value of a field, unless the object is replaced as one.
    fn old_field<'a>(&self, key: &str, old: Option<&'a Value>) -> Option<&'a Value> {
        if self.atomic_map {
            return None;
        }
        old?.get(key)
    }
}

/// A field's path: none begins with a point.
fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        return key.to_owned();
    }
    format!("{path}.{key}")
}
