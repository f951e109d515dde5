//! One rule, compiled.

use kube_cel::cel::Program;
use serde_json::{Value, json};

use super::super::{Cause, Schema};
use super::names;

#[derive(Debug)]
pub(in super::super) struct Rule {
    text: String,
    pub(super) program: Program,
    /// Whether it asks for `oldSelf`.
    pub(super) is_transition: bool,
    pub(super) optional_old_self: bool,
    message: Option<String>,
    pub(super) message_program: Option<Program>,
    pub(super) reason: Option<String>,
    /// Without the first point.
    field_path: Option<String>,
}

impl Rule {
    /// The rules of a schema, whose form has been looked at before.
    pub(in super::super) fn all(
        source: &Value,
        schema: &Schema,
        place: &str,
        causes: &mut Vec<Cause>,
    ) -> Vec<Self> {
        let rules = source["x-kubernetes-validations"].as_array();
        rules
            .into_iter()
            .flatten()
            .enumerate()
            .filter_map(|(index, rule)| {
                let place = format!("{place}.x-kubernetes-validations[{index}]");
                Self::compile(rule, schema, &place)
                    .map_err(|cause| causes.push(cause))
                    .ok()
            })
            .collect()
    }

    fn compile(rule: &Value, schema: &Schema, place: &str) -> Result<Self, Cause> {
        let text = |key: &str| {
            rule[key]
                .as_str()
                .filter(|text| !text.is_empty())
                .map(ToOwned::to_owned)
        };
        let wrong = |key: &str, what: &str, error: &str| {
            let detail = format!("{what}: {}", error.trim_end());
            Cause::invalid_text(&format!("{place}.{key}"), &shown(rule), &detail)
        };
        let source = text("rule").unwrap_or_default();
        let program = Program::compile(&source)
            .map_err(|error| wrong("rule", "compilation failed", &error.to_string()))?;
        let message_program = text("messageExpression")
            .map(|source| Program::compile(&source))
            .transpose()
            .map_err(|error| {
                let what = "messageExpression compilation failed";
                wrong("messageExpression", what, &error.to_string())
            })?;
        // The schema of the whole object stands at the end of its path in the definition.
        let resource = place.contains("openAPIV3Schema.x-kubernetes-validations");
        if let Some(error) = names::unknown(program.expression(), schema, resource, &source) {
            return Err(wrong("rule", "compilation failed", &error));
        }
        if !names::may_be_bool(program.expression(), schema) {
            let detail = "cel expression must evaluate to a bool";
            return Err(Cause::invalid_text(
                &format!("{place}.rule"),
                &shown(rule),
                detail,
            ));
        }
        if let Some((program, text)) = message_program.as_ref().zip(text("messageExpression"))
            && let Some(error) = names::unknown(program.expression(), schema, resource, &text)
        {
            let what = "messageExpression compilation failed";
            return Err(wrong("messageExpression", what, &error));
        }
        Ok(Self {
            is_transition: program.references().has_variable("oldSelf"),
            program,
            text: source,
            optional_old_self: rule["optionalOldSelf"] == true,
            message: text("message"),
            message_program,
            reason: text("reason"),
            field_path: text("fieldPath").as_deref().map(plain_path),
        })
    }

    /// The field a failure is put to.
    pub(super) fn field(&self, path: &str) -> String {
        match (&self.field_path, path) {
            (None, path) => path.to_owned(),
            (Some(below), "") => below.clone(),
            (Some(below), path) => format!("{path}.{below}"),
        }
    }

    /// What stands for the rule in the text of an error.
    pub(super) fn described(&self) -> &str {
        self.message.as_deref().unwrap_or(&self.text)
    }

    pub(super) fn fallback_message(&self) -> String {
        let message = self.message.as_deref().map(|text| text.trim().to_owned());
        message.unwrap_or_else(|| format!("failed rule: {}", self.text.trim()))
    }
}

/// `.a['b.c']` as `a.b.c`.
fn plain_path(path: &str) -> String {
    path.replace("['", ".")
        .replace("']", "")
        .trim_start_matches('.')
        .to_owned()
}

/// A rule as the server shows it: its own fields' names, in its order.
fn shown(rule: &Value) -> String {
    let text = |key: &str| json!(rule[key].as_str().unwrap_or_default());
    format!(
        "{{\"Rule\":{},\"Message\":{},\"MessageExpression\":{},\"Reason\":{},\"FieldPath\":{},\
         \"OptionalOldSelf\":{}}}",
        text("rule"),
        text("message"),
        text("messageExpression"),
        rule["reason"],
        text("fieldPath"),
        rule["optionalOldSelf"],
    )
}
