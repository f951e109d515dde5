//! The rules of custom resources: `x-kubernetes-validations`.

mod names;
mod rule;
mod value;

use kube_cel::KubeCelExt as _;
use kube_cel::cel::objects::OptionalValue;
use kube_cel::cel::{Context, ExecutionError, Value as CelValue};
use serde_json::Value;

pub(super) use rule::Rule;

use super::compile::fields;
use super::{Cause, Schema, join};

thread_local! {
    /// A hundred functions, registered once: a request only adds `self` and `oldSelf`.
    static FUNCTIONS: Context<'static> = Context::default().with_all();
}

/// What the rules say of an object that has the right shape.
pub(super) fn check(
    schema: &Schema,
    new: &Value,
    old: Option<&Value>,
    path: &str,
    causes: &mut Vec<Cause>,
) {
    FUNCTIONS.with(|functions| walk(functions, schema, new, old, path, causes));
}

fn walk(
    functions: &Context<'static>,
    schema: &Schema,
    new: &Value,
    old: Option<&Value>,
    path: &str,
    causes: &mut Vec<Cause>,
) {
    // What may be null is judged by the rules around it.
    if !schema.any_rules || new.is_null() {
        return;
    }
    if !schema.rules.is_empty() {
        rules(functions, schema, new, old, path, causes);
    }
    for (key, field) in fields(new) {
        let below = match schema.properties.get(key) {
            Some(below) => (below, join(path, key)),
            None => match schema.child(key) {
                Some(below) => (below, format!("{path}[{key}]")),
                None => continue,
            },
        };
        let old = schema.old_field(key, old);
        walk(functions, below.0, field, old, &below.1, causes);
    }
    let Some(below) = &schema.items else { return };
    for (index, item) in new.as_array().into_iter().flatten().enumerate() {
        let old = schema.old_item(item, old);
        walk(
            functions,
            below,
            item,
            old,
            &format!("{path}[{index}]"),
            causes,
        );
    }
}

fn rules(
    functions: &Context<'static>,
    schema: &Schema,
    new: &Value,
    old: Option<&Value>,
    path: &str,
    causes: &mut Vec<Cause>,
) {
    let old = old.filter(|old| !old.is_null());
    let unchanged = old == Some(new);
    let resource = path.is_empty();
    let old_self = old.map(|old| value::of(schema, old, resource));
    let mut scope = functions.new_inner_scope();
    scope.add_variable_from_value("self", value::of(schema, new, resource));
    for rule in &schema.rules {
        // A value that a new rule refuses may stay as it is.
        if unchanged && !rule.is_transition {
            continue;
        }
        match (rule.is_transition, rule.optional_old_self, &old_self) {
            (false, _, _) => {}
            (true, true, old) => {
                let old = old
                    .clone()
                    .map_or_else(OptionalValue::none, OptionalValue::of);
                scope
                    .add_variable_from_value("oldSelf", CelValue::Opaque(std::sync::Arc::new(old)));
            }
            (true, false, Some(old)) => scope.add_variable_from_value("oldSelf", old.clone()),
            (true, false, None) => continue,
        }
        if let Some(cause) = rule.verdict(&scope, new, path) {
            causes.push(cause);
        }
    }
}

impl Rule {
    fn verdict(&self, scope: &Context<'_>, value: &Value, path: &str) -> Option<Cause> {
        let failure = match self.program.execute(scope) {
            Ok(CelValue::Bool(true)) => return None,
            Ok(CelValue::Bool(false)) => None,
            Ok(_) => Some("no such overload".to_owned()),
            Err(error) => Some(words(&error)),
        };
        if let Some(failure) = failure {
            let detail = format!("{failure} evaluating rule: {}", self.described());
            let kind = Value::from(kind_of(value)).to_string();
            return Some(Cause::invalid_text(path, &kind, &detail));
        }
        let message = self.message(scope);
        let field = self.field(path);
        let shown = !(value.is_object() || value.is_array());
        Some(match (self.reason.as_deref(), shown) {
            (Some("FieldValueForbidden"), _) => Cause::forbidden(&field, &message),
            (Some("FieldValueRequired"), _) => Cause::required(&field, &message),
            (Some("FieldValueDuplicate"), true) => Cause::duplicate(&field, value),
            (Some("FieldValueDuplicate"), false) => Cause::duplicate_unshown(&field),
            (_, true) => Cause::invalid(&field, value, &message),
            (_, false) => Cause::invalid_unshown(&field, &message),
        })
    }

    fn message(&self, scope: &Context<'_>) -> String {
        let made = self
            .message_program
            .as_ref()
            .map(|program| program.execute(scope));
        match made {
            Some(Ok(CelValue::String(text))) if is_one_line(&text) => text.trim().to_owned(),
            _ => self.fallback_message(),
        }
    }
}

fn is_one_line(text: &str) -> bool {
    !text.trim().is_empty() && !text.contains('\n')
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Array(_) => "array",
        Value::String(_) => "string",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::Object(_) | Value::Null => "object",
    }
}

/// An error as the server's interpreter words it.
fn words(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(key) => format!("no such key: {key}"),
        ExecutionError::DivisionByZero(_) => "division by zero".into(),
        ExecutionError::RemainderByZero(_) => "modulus by zero".into(),
        ExecutionError::Overflow(..) => "integer overflow".into(),
        ExecutionError::IndexOutOfBounds(CelValue::Int(index)) => {
            format!("index out of bounds: {index}")
        }
        ExecutionError::FunctionError { function, .. } if function == "int" => {
            "type conversion error from 'string' to 'int'".into()
        }
        ExecutionError::NoSuchOverload
        | ExecutionError::UnsupportedBinaryOperator(..)
        | ExecutionError::ValuesNotComparable(..)
        | ExecutionError::UnsupportedTargetType { .. } => "no such overload".into(),
        other => other.to_string(),
    }
}
