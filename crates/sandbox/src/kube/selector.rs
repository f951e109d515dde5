//! Label and field selectors.

use std::borrow::Cow;
use std::cell::OnceCell;

use serde_json::Value;

use super::errors::Failure;
use super::resource::Resource;
use super::store::Stored;

/// Which objects are meant.
#[derive(Debug, Clone, Default)]
pub(super) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<(String, bool, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    operator: Operator,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    In,
    NotIn,
    Exists,
    Absent,
    Greater,
    Less,
}

impl Selector {
    /// Reads `labelSelector` and `fieldSelector`.
    pub(super) fn parse(labels: &str, fields: &str, resource: &Resource) -> Result<Self, Failure> {
        Ok(Self {
            labels: Parser::new(labels)
                .requirements()
                .map_err(Failure::bad_request)?,
            fields: parse_fields(fields, resource)?,
        })
    }

    pub(super) fn is_everything(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    pub(super) fn matches(&self, object: &Stored) -> bool {
        // Few selectors ask for more than names, and then an object is read anew: kept beside
        // each, the fields they may ask for would take as much as the object.
        let read = OnceCell::new();
        self.labels
            .iter()
            .all(|requirement| requirement.holds(object))
            && self.fields.iter().all(|(field, is_equal, value)| {
                let found = match field.as_str() {
                    "metadata.name" => Cow::Borrowed(&*object.name),
                    "metadata.namespace" => Cow::Borrowed(&*object.namespace),
                    field => field_of(read.get_or_init(|| object.value()), field),
                };
                (found == value.as_str()) == *is_equal
            })
    }
}

impl Requirement {
    fn holds(&self, object: &Stored) -> bool {
        let value = find(&object.labels, &self.key);
        let is_among = value.is_some_and(|value| self.values.iter().any(|known| known == value));
        let compare = |is: fn(&i64, &i64) -> bool| {
            let value = value.and_then(|value| value.parse::<i64>().ok());
            let bound = self
                .values
                .first()
                .and_then(|bound| bound.parse::<i64>().ok());
            value
                .zip(bound)
                .is_some_and(|(value, bound)| is(&value, &bound))
        };
        match self.operator {
            Operator::In => is_among,
            Operator::NotIn => !is_among,
            Operator::Exists => value.is_some(),
            Operator::Absent => value.is_none(),
            Operator::Greater => compare(i64::gt),
            Operator::Less => compare(i64::lt),
        }
    }
}

fn find<'a>(pairs: &'a [(Box<str>, Box<str>)], key: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(known, _)| **known == *key)
        .map(|(_, value)| &**value)
}

/// The value of a field as a selector may ask for it.
fn field_of<'a>(object: &'a Value, field: &str) -> Cow<'a, str> {
    let path = match field {
        "source" => "source.component",
        field => field,
    };
    let found = path
        .split('.')
        .try_fold(object, |value, name| value.get(name));
    match found {
        Some(Value::String(text)) => Cow::Borrowed(text),
        None | Some(Value::Null | Value::Array(_) | Value::Object(_)) => {
            Cow::Borrowed(default_of(field))
        }
        Some(other) => Cow::Owned(other.to_string()),
    }
}

fn default_of(path: &str) -> &'static str {
    match path {
        "spec.unschedulable" | "spec.hostNetwork" => "false",
        "status.replicas" => "0",
        _ => "",
    }
}

fn selectable<'a>(
    resource: &'a Resource,
    api_version: &str,
) -> impl Iterator<Item = &'a str> + use<'a> {
    let version = api_version.rsplit('/').next().unwrap_or_default();
    let definition = resource.definition.as_deref();
    let version = definition.and_then(|definition| definition.version(version));
    version
        .into_iter()
        .flat_map(|version| version.selectable_fields.iter().map(String::as_str))
}

fn parse_fields(text: &str, resource: &Resource) -> Result<Vec<(String, bool, String)>, Failure> {
    let mut terms = Vec::new();
    for term in text.split(',').filter(|term| !term.is_empty()) {
        let split = ["!=", "==", "="]
            .iter()
            .find_map(|operator| Some((*operator, term.split_once(operator)?)));
        let Some((operator, (field, value))) = split else {
            return Err(Failure::bad_request(format!(
                "invalid selector: '{text}'; can't understand '{term}'"
            )));
        };
        let renamed;
        let field = match field.strip_prefix("regarding.") {
            Some(rest) if resource.group == "events.k8s.io" => {
                renamed = format!("involvedObject.{rest}");
                &renamed
            }
            _ if resource.group == "events.k8s.io" && field == "reportingController" => {
                "reportingComponent"
            }
            _ => field,
        };
        let storage = resource.api_version(resource.storage_version());
        let extra: Vec<&str> = selectable(resource, &storage)
            .map(|path| path.trim_start_matches('.'))
            .chain(resource.fields.iter().copied())
            .collect();
        if !["metadata.name", "metadata.namespace"].contains(&field) && !extra.contains(&field) {
            return Err(unknown_field(field, resource, &extra));
        }
        terms.push((field.to_owned(), operator != "!=", value.to_owned()));
    }
    Ok(terms)
}

fn unknown_field(field: &str, resource: &Resource, extra: &[&str]) -> Failure {
    // Resources with fields of their own have a converter of their own, with other words.
    if extra.is_empty() && !resource.is_custom() {
        return Failure::bad_request(format!(
            "\"{field}\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
        ));
    }
    Failure::bad_request(format!("field label not supported: {field}"))
}

/// Reads label selectors as Kubernetes does: `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1`.
struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn requirements(mut self) -> Result<Vec<Requirement>, String> {
        let mut requirements = Vec::new();
        if self.peek().is_empty() {
            return Ok(requirements);
        }
        loop {
            let next = self.peek();
            if next != "!" && !is_word(next) {
                let expected = "expected: !, identifier, or 'end of string'";
                return Err(format!("found '{next}', {expected}"));
            }
            requirements.push(self.requirement()?);
            match self.token() {
                "" => return Ok(requirements),
                "," if self.peek().is_empty() => {
                    return Err("found '', expected: identifier after ','".to_owned());
                }
                "," => {}
                other => return Err(format!("found '{other}', expected: ',' or 'end of string'")),
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let parse = "unable to parse requirement: ";
        let is_absent = self.peek() == "!";
        if is_absent {
            self.token();
        }
        let key = self.token();
        if !is_word(key) {
            return Err(format!("{parse}found '{key}', expected: identifier"));
        }
        check_key(key).map_err(|error| format!("{parse}{error}"))?;
        let made = |operator, values| {
            Ok(Requirement {
                key: key.to_owned(),
                operator,
                values,
            })
        };
        if is_absent {
            return made(Operator::Absent, Vec::new());
        }
        if matches!(self.peek(), "" | ",") {
            return made(Operator::Exists, Vec::new());
        }
        let operator = match self.token() {
            "=" | "==" => return made(Operator::In, vec![self.value(key)?]),
            "!=" => return made(Operator::NotIn, vec![self.value(key)?]),
            ">" => return made(Operator::Greater, vec![self.integer()?]),
            "<" => return made(Operator::Less, vec![self.integer()?]),
            "in" => Operator::In,
            "notin" => Operator::NotIn,
            other => {
                return Err(format!(
                    "{parse}found '{other}', expected: in, notin, =, ==, !=, gt, lt"
                ));
            }
        };
        let values = self.set().map_err(|error| format!("{parse}{error}"))?;
        made(operator, values)
    }

    fn value(&mut self, key: &str) -> Result<String, String> {
        let parse = "unable to parse requirement: ";
        if matches!(self.peek(), "" | ",") {
            return Ok(String::new());
        }
        let value = self.token();
        if !is_word(value) {
            return Err(format!("{parse}found '{value}', expected: identifier"));
        }
        super::names::label_value(value)
            .map_err(|why| format!("{parse}values[0][{key}]: Invalid value: \"{value}\": {why}"))?;
        Ok(value.to_owned())
    }

    fn integer(&mut self) -> Result<String, String> {
        let value = self.token();
        if value.parse::<i64>().is_ok() {
            return Ok(value.to_owned());
        }
        Err(format!(
            "unable to parse requirement: values[0]: Invalid value: \"{value}\": for 'Gt', 'Lt' \
             operators, the value must be an integer"
        ))
    }

    fn set(&mut self) -> Result<Vec<String>, String> {
        let open = self.token();
        if open != "(" {
            return Err(format!("found '{open}' expected: '('"));
        }
        let mut values = Vec::new();
        loop {
            match self.token() {
                ")" => return Ok(values),
                "," if values.is_empty() => values.push(String::new()),
                "," => {
                    if matches!(self.peek(), "," | ")") {
                        values.push(String::new());
                    }
                }
                word if is_word(word) => values.push(word.to_owned()),
                other if values.is_empty() => {
                    return Err(format!("found '{other}', expected: ',', ')' or identifier"));
                }
                other => return Err(format!("found '{other}', expected: ',' or ')'")),
            }
        }
    }

    fn peek(&mut self) -> &'a str {
        let at = self.at;
        let token = self.token();
        self.at = at;
        token
    }

    fn token(&mut self) -> &'a str {
        let rest = self.text[self.at..].trim_start();
        let start = self.text.len() - rest.len();
        let special = |c: char| "=!(),<>".contains(c);
        let length = ["==", "!=", "=", "!", "(", ")", ",", "<", ">"]
            .iter()
            .find(|symbol| rest.starts_with(**symbol))
            .map_or_else(
                || {
                    rest.find(|c: char| special(c) || c.is_whitespace())
                        .unwrap_or(rest.len())
                },
                |symbol| symbol.len(),
            );
        self.at = start + length;
        &rest[..length]
    }
}

fn is_word(token: &str) -> bool {
    token
        .chars()
        .next()
        .is_some_and(|first| !"=!(),<>".contains(first))
}

fn check_key(key: &str) -> Result<(), String> {
    let problems = super::names::label_key(key);
    if problems.is_empty() {
        return Ok(());
    }
    Err(format!(
        "<nil>: Invalid value: \"{key}\": {}",
        problems.join("; ")
    ))
}
