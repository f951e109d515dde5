//! Bodies in Kubernetes' protobuf, which Go's typed clients (and so `kubectl create`) send
//! unasked: read into the JSON that the same object would have been.
//!
//! A body is `k8s\0` and a `runtime.Unknown`, which holds the kind and the object. Errors are
//! those of Go's generated readers. No library: prost would compile a type for each of these
//! messages, and neither it nor prost-reflect writes Kubernetes' JSON.

mod messages;
#[cfg(test)]
mod tests;
mod wire;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value};

use self::messages::{Field, Kind, Message};
use self::wire::{BYTES, DOUBLE, NUMBER, Reader};

pub(super) const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";

const PREFIX: &[u8] = b"k8s\0";

/// What is wrong with a body, and what it said it was if that could be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) says: Option<TypeMeta>,
    pub(super) why: String,
}

/// What a body says it is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct TypeMeta {
    pub(super) api_version: String,
    pub(super) kind: String,
}

/// Whether bodies of that kind are read.
pub(super) fn has(api_version: &str, kind: &str) -> bool {
    messages::body(api_version, kind).is_some()
}

/// Reads a body that should be of that kind, if it does not say otherwise.
pub(super) fn read(body: &[u8], api_version: &str, kind: &str) -> Result<Value, Wrong> {
    let unrecognized = |why: String| Wrong { says: None, why };
    if body.is_empty() {
        return Err(unrecognized("empty data".to_owned()));
    }
    let Some(envelope) = body.strip_prefix(PREFIX) else {
        let why = "provided data does not appear to be a protobuf message, expected prefix \
                   [107 56 115 0]";
        return Err(unrecognized(why.to_owned()));
    };
    if envelope.is_empty() {
        return Err(unrecognized("empty body".to_owned()));
    }
    let (mut says, raw) = unknown(envelope).map_err(unrecognized)?;
    if says.kind.is_empty() {
        kind.clone_into(&mut says.kind);
    }
    if says.api_version.is_empty() {
        api_version.clone_into(&mut says.api_version);
    }
    let mut object = match messages::body(&says.api_version, &says.kind) {
        Some(known) => match message(Reader::of(raw), known) {
            Ok(object) => object,
            Err(why) => {
                return Err(Wrong {
                    says: Some(says),
                    why,
                });
            }
        },
        // Whoever asks refuses it for what it says it is.
        None => Map::new(),
    };
    object.insert("apiVersion".to_owned(), says.api_version.into());
    object.insert("kind".to_owned(), says.kind.into());
    Ok(Value::Object(object))
}

/// Opens the envelope.
fn unknown(envelope: &[u8]) -> Result<(TypeMeta, &[u8]), String> {
    let (mut says, mut raw) = (TypeMeta::default(), &envelope[..0]);
    let mut reader = Reader::of(envelope);
    while let Some((number, wire)) = reader.field("Unknown")? {
        let names = ["TypeMeta", "Raw", "ContentEncoding", "ContentType"];
        let name = usize::try_from(number - 1)
            .ok()
            .and_then(|at| names.get(at));
        let Some(name) = name else {
            reader.skip(wire)?;
            continue;
        };
        check_wire(wire, BYTES, name)?;
        let bytes = reader.bytes()?;
        match number {
            1 => type_meta(bytes, &mut says)?,
            2 => raw = bytes,
            _ => {}
        }
    }
    Ok((says, raw))
}

fn type_meta(bytes: &[u8], says: &mut TypeMeta) -> Result<(), String> {
    let mut reader = Reader::of(bytes);
    while let Some((number, wire)) = reader.field("TypeMeta")? {
        let (name, text) = match number {
            1 => ("APIVersion", &mut says.api_version),
            2 => ("Kind", &mut says.kind),
            _ => {
                reader.skip(wire)?;
                continue;
            }
        };
        check_wire(wire, BYTES, name)?;
        *text = String::from_utf8_lossy(reader.bytes()?).into_owned();
    }
    Ok(())
}

fn check_wire(found: u8, wanted: u8, name: &str) -> Result<(), String> {
    if found == wanted {
        return Ok(());
    }
    Err(format!("proto: wrong wireType = {found} for field {name}"))
}

fn message(mut reader: Reader<'_>, message: &Message) -> Result<Map<String, Value>, String> {
    let mut object = Map::new();
    while let Some((number, wire)) = reader.field(message.name)? {
        match message.field(number) {
            Some(field) => read_field(&mut reader, field, wire, &mut object)?,
            None => reader.skip(wire)?,
        }
    }
    Ok(object)
}

fn read_field(
    reader: &mut Reader<'_>,
    field: &Field,
    wire: u8,
    object: &mut Map<String, Value>,
) -> Result<(), String> {
    match &field.kind {
        Kind::List(item) => {
            let packs = matches!(**item, Kind::Int) && wire == BYTES;
            let found = if packs {
                let mut packed = Reader::of(reader.bytes()?);
                let mut all = Vec::new();
                while !packed.is_at_end() {
                    all.push(value(&mut packed, item, NUMBER, field)?);
                }
                all
            } else {
                vec![value(reader, item, wire, field)?]
            };
            let list = object
                .entry(field.name)
                .or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(list) = list {
                list.extend(found);
            }
        }
        Kind::Map(of) => {
            check_wire(wire, BYTES, &field.go_name())?;
            let bytes = reader.bytes()?;
            let (key, value) = entry(reader.field_of(bytes)?, of, field)?;
            let map = object
                .entry(field.name)
                .or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(map) = map {
                map.insert(key, value);
            }
        }
        kind => {
            let value = value(reader, kind, wire, field)?;
            match value {
                Value::Object(inner) if field.name == "..." => object.extend(inner),
                Value::Null => {}
                value if field.is_pointer || !is_zero(&value) => {
                    object.insert(field.name.to_owned(), value);
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// What Go writes of a field that was never set.
fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(is) => !is,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

fn entry(mut reader: Reader<'_>, of: &Kind, field: &Field) -> Result<(String, Value), String> {
    let (mut key, mut found) = (String::new(), None);
    while !reader.is_at_end() {
        let (number, wire, _) = reader.tag()?;
        match (number, of) {
            (1, _) => key = String::from_utf8_lossy(reader.bytes()?).into_owned(),
            // Go has a type for lists as values, and so a message.
            (2, Kind::List(item)) => {
                let mut inner = Reader::of(reader.bytes()?);
                let mut items = Vec::new();
                while let Some((number, wire)) = inner.field(&field.go_name())? {
                    if number == 1 {
                        items.push(value(&mut inner, item, wire, field)?);
                    } else {
                        inner.skip(wire)?;
                    }
                }
                found = Some(Value::Array(items));
            }
            (2, _) => found = Some(value(&mut reader, of, wire, field)?),
            _ => reader.skip(wire)?,
        }
    }
    Ok((key, found.unwrap_or_else(|| "".into())))
}

/// One value, whatever it is.
fn value(reader: &mut Reader<'_>, kind: &Kind, wire: u8, field: &Field) -> Result<Value, String> {
    let wanted = match kind {
        Kind::Int | Kind::Bool => NUMBER,
        Kind::Double => DOUBLE,
        _ => BYTES,
    };
    check_wire(wire, wanted, &field.go_name())?;
    if wanted == NUMBER {
        let number = reader.number()?;
        return Ok(match kind {
            Kind::Bool => (number != 0).into(),
            _ => number.cast_signed().into(),
        });
    }
    if wanted == DOUBLE {
        let number = reader.double()?;
        let whole = super::body::whole(number).map(Value::from);
        return Ok(whole.unwrap_or_else(|| number.into()));
    }
    let bytes = reader.bytes()?;
    Ok(match kind {
        Kind::Bytes => BASE64_STANDARD.encode(bytes).into(),
        Kind::Time | Kind::MicroTime => time(bytes, *kind == Kind::MicroTime)?,
        Kind::Quantity => one_text(bytes, "Quantity")?.into(),
        Kind::Json => serde_json::from_str(&one_text(bytes, "FieldsV1")?).unwrap_or_default(),
        Kind::IntOrString => int_or_string(bytes)?,
        Kind::Message(name) => {
            let object = message(reader.field_of(bytes)?, messages::named(name))?;
            alternative(name, object)
        }
        _ => String::from_utf8_lossy(bytes).into(),
    })
}

/// A message that stands for one of two things in JSON: a schema, or what comes in its place.
fn alternative(name: &str, mut object: Map<String, Value>) -> Value {
    let other = match name {
        "JSONSchemaPropsOrArray" => "jSONSchemas",
        "JSONSchemaPropsOrBool" => "allows",
        "JSONSchemaPropsOrStringArray" => "property",
        _ => return Value::Object(object),
    };
    let found = object.remove("schema").or_else(|| object.remove(other));
    found.unwrap_or_default()
}

/// A message of one text.
fn one_text(bytes: &[u8], name: &str) -> Result<String, String> {
    let mut reader = Reader::of(bytes);
    let mut text = String::new();
    while let Some((number, wire)) = reader.field(name)? {
        if number == 1 && wire == BYTES {
            text = String::from_utf8_lossy(reader.bytes()?).into_owned();
        } else {
            reader.skip(wire)?;
        }
    }
    Ok(text)
}

/// The numbers and texts of a small message, by the numbers of their fields.
fn numbers(bytes: &[u8], name: &str) -> Result<([i64; 4], String), String> {
    let (mut numbers, mut text) = ([0; 4], String::new());
    let mut reader = Reader::of(bytes);
    while let Some((number, wire)) = reader.field(name)? {
        let place = usize::try_from(number)
            .ok()
            .and_then(|at| numbers.get_mut(at));
        match (place, wire) {
            (Some(place), NUMBER) => *place = reader.number()?.cast_signed(),
            (Some(_), BYTES) => text = String::from_utf8_lossy(reader.bytes()?).into_owned(),
            _ => reader.skip(wire)?,
        }
    }
    Ok((numbers, text))
}

/// A time as JSON has it, nothing for Go's zero.
fn time(bytes: &[u8], has_micros: bool) -> Result<Value, String> {
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    let ([_, seconds, nanos, _], _) = numbers(bytes, "Timestamp")?;
    let nanos = i32::try_from(nanos).unwrap_or_default();
    let nanos = if has_micros { nanos } else { 0 };
    let time = Timestamp::new(seconds, nanos).map_err(|error| error.to_string())?;
    Ok(if has_micros {
        format!("{time:.6}").into()
    } else {
        time.to_string().into()
    })
}

fn int_or_string(bytes: &[u8]) -> Result<Value, String> {
    let ([_, kind, number, _], text) = numbers(bytes, "IntOrString")?;
    Ok(if kind == 0 {
        number.into()
    } else {
        text.into()
    })
}
