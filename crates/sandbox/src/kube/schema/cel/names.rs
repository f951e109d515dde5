//! Names in a rule that mean nothing: a variable there is not, a field the schema has not.
//!
//! The interpreter finds them when it comes to them, and the API server when the rule is written.
//! Types are not checked beyond that.

use kube_cel::cel::IdedExpr;
use kube_cel::cel::common::ast::{ComprehensionExpr, Expr, SelectExpr};

use super::super::{Additional, Kind, Schema};
use super::value::escaped;

/// What the names of a rule stand for; the type of some is not known.
struct Scope<'a> {
    names: Vec<(&'a str, Option<&'a Schema>)>,
    /// Whether `self` has `apiVersion`, `kind` and `metadata`, declared or not.
    resource: Option<&'a Schema>,
}

/// The first such name, as the server words it, and where it stands in the text.
pub(super) fn unknown(
    expression: &IdedExpr,
    schema: &Schema,
    resource: bool,
    source: &str,
) -> Option<String> {
    let mut scope = Scope {
        names: vec![("self", Some(schema)), ("oldSelf", Some(schema))],
        resource: resource.then_some(schema),
    };
    let (what, sign) = scope.walk(expression).err()?;
    let at = source.find(&sign).unwrap_or_default();
    let before = &source[..at];
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    let (line, column) = (before.matches('\n').count() + 1, before.len() - line_start);
    let text = source.lines().nth(line - 1).unwrap_or_default();
    Some(format!(
        "ERROR: <input>:{line}:{}: {what}\n | {text}\n | {}^",
        column + 1,
        ".".repeat(column)
    ))
}

/// Whether a rule is a value that is true or false, as far as one can see.
pub(super) fn may_be_bool(expression: &IdedExpr, schema: &Schema) -> bool {
    let mut scope = Scope {
        names: vec![("self", Some(schema)), ("oldSelf", Some(schema))],
        resource: Some(schema),
    };
    let kind = scope
        .walk(expression)
        .ok()
        .flatten()
        .and_then(|schema| schema.kind);
    kind.is_none_or(|kind| kind == Kind::Boolean)
}

/// What is wrong, and the text by which to find it.
type Wrong = (String, String);

impl<'a> Scope<'a> {
    /// The schema of a value, if it is known.
    fn walk(&mut self, expression: &'a IdedExpr) -> Result<Option<&'a Schema>, Wrong> {
        match &expression.expr {
            Expr::Ident(name) => self.variable(name),
            // `has(…)` is true or false, whatever the field is.
            Expr::Select(select) => self
                .field(select)
                .map(|found| found.filter(|_| !select.test)),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::Call(call) => {
                let target = match &call.target {
                    // `math.greatest(…)`: the name of a library, not of a value.
                    Some(target) if self.is_library(target) => None,
                    Some(target) => self.walk(target)?,
                    None => None,
                };
                let arguments: Vec<_> = call
                    .args
                    .iter()
                    .map(|argument| self.walk(argument))
                    .collect::<Result<_, _>>()?;
                Ok(
                    match (call.func_name.as_str(), target, arguments.as_slice()) {
                        ("_[_]", _, [Some(list), _]) => list.items().or_else(|| value_of(list)),
                        _ => None,
                    },
                )
            }
            Expr::List(list) => {
                for element in &list.elements {
                    self.walk(element)?;
                }
                Ok(None)
            }
            Expr::Literal(_) | Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => Ok(None),
        }
    }

    fn is_library(&self, target: &IdedExpr) -> bool {
        matches!(&target.expr, Expr::Ident(name) if !self.names.iter().any(|(known, _)| known == name))
    }

    fn variable(&self, name: &str) -> Result<Option<&'a Schema>, Wrong> {
        const TYPES: [&str; 13] = [
            "bool",
            "bytes",
            "double",
            "dyn",
            "google",
            "int",
            "list",
            "map",
            "null_type",
            "optional_type",
            "string",
            "type",
            "uint",
        ];
        if let Some((_, schema)) = self.names.iter().rev().find(|(known, _)| *known == name) {
            return Ok(*schema);
        }
        if TYPES.contains(&name) || name.starts_with('@') {
            return Ok(None);
        }
        let what = format!("undeclared reference to '{name}' (in container '')");
        Err((what, name.to_owned()))
    }

    fn field(&mut self, select: &'a SelectExpr) -> Result<Option<&'a Schema>, Wrong> {
        let Some(object) = self.walk(&select.operand)? else {
            return Ok(None);
        };
        if let Some(value) = value_of(object) {
            return Ok(Some(value));
        }
        let declared = object
            .properties
            .iter()
            .find(|(name, _)| **name == select.field || escaped(name) == select.field);
        let own = matches!(select.field.as_str(), "apiVersion" | "kind" | "metadata");
        let resource =
            object.embedded || self.resource.is_some_and(|root| std::ptr::eq(root, object));
        // The place of `has(…)` is its parenthesis.
        let sign = if select.test {
            "(".to_owned()
        } else {
            format!(".{}", select.field)
        };
        match (declared, object.kind) {
            _ if own && resource => Ok(None),
            (Some((_, field)), _) => Ok(Some(field)),
            (None, Some(Kind::Object)) if matches!(object.additional, Additional::None) => {
                Err((format!("undefined field '{}'", select.field), sign))
            }
            (None, Some(Kind::String | Kind::Integer | Kind::Boolean))
                if object.checks.format.is_none() =>
            {
                let kind = match object.kind {
                    Some(Kind::Integer) => "int",
                    Some(Kind::Boolean) => "bool",
                    _ => "string",
                };
                Err((
                    format!("type '{kind}' does not support field selection"),
                    sign,
                ))
            }
            (None, _) => Ok(None),
        }
    }

    fn comprehension(&mut self, all: &'a ComprehensionExpr) -> Result<Option<&'a Schema>, Wrong> {
        let range = self.walk(&all.iter_range)?;
        self.walk(&all.accu_init)?;
        let outside = self.names.len();
        let second = all.iter_var2.as_deref();
        // Of a map the keys are gone through, of which nothing is known.
        let item = range.and_then(Schema::items).filter(|_| second.is_none());
        self.names.push((&all.iter_var, item));
        self.names.extend(second.map(|name| (name, None)));
        self.names.push((&all.accu_var, None));
        let inside = [&all.loop_cond, &all.loop_step, &all.result];
        let checked = inside
            .into_iter()
            .try_for_each(|part| self.walk(part).map(|_| ()));
        self.names.truncate(outside);
        checked.map(|()| None)
    }
}

/// The schema of a map's values.
fn value_of(map: &Schema) -> Option<&Schema> {
    match &map.additional {
        Additional::Of(value) => Some(value),
        Additional::None | Additional::Any => None,
    }
}
