//! What every object has: names, uids, times.

use jiff::Timestamp;
use ring::digest::{SHA256, digest};
use serde_json::{Map, Value};

/// Where uids and generated names come from.
#[derive(Debug)]
pub(super) struct Ids {
    seed: u64,
    count: u64,
}

impl Ids {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, count: 0 }
    }

    fn bytes(&mut self) -> [u8; 16] {
        self.count += 1;
        let mut text = [0; 16];
        text[..8].copy_from_slice(&self.seed.to_le_bytes());
        text[8..].copy_from_slice(&self.count.to_le_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest(&SHA256, &text).as_ref()[..16]);
        bytes
    }

    /// A uid, of the shape of a random UUID.
    pub(super) fn uid(&mut self) -> String {
        let mut bytes = self.bytes();
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let mut uid = String::with_capacity(36);
        for (at, byte) in bytes.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                uid.push('-');
            }
            for digit in [byte >> 4, byte & 15] {
                uid.push(char::from_digit(digit.into(), 16).unwrap_or('0'));
            }
        }
        uid
    }

    /// A name with that prefix and five random characters, none of which makes words.
    pub(super) fn name(&mut self, prefix: &str) -> String {
        const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        let prefix: String = prefix.chars().take(58).collect();
        let bytes = self.bytes();
        let random = bytes.iter().take(5);
        let random = random.map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]));
        prefix + &random.collect::<String>()
    }
}

/// A time as metadata has it, in whole seconds.
pub(super) fn time(now: Timestamp) -> String {
    let seconds = Timestamp::from_second(now.as_second()).unwrap_or(now);
    seconds.to_string()
}

/// The metadata of an object, which is made a map if it is none.
pub(super) fn of(object: &mut Value) -> &mut Map<String, Value> {
    static_map(field(object, "metadata"))
}

/// A field of an object; both are made if they are missing.
pub(super) fn field<'a>(object: &'a mut Value, name: &str) -> &'a mut Value {
    static_map(object)
        .entry(name.to_owned())
        .or_insert(Value::Null)
}

fn static_map(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(map) => map,
        _ => unreachable!("it was just made one"),
    }
}

/// The finalizers of an object.
pub(super) fn finalizers(object: &Value) -> Vec<&str> {
    let list = object["metadata"]["finalizers"].as_array();
    list.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// Takes a finalizer off.
pub(super) fn remove_finalizer(object: &mut Value, name: &str) {
    let meta = of(object);
    if let Some(Value::Array(list)) = meta.get_mut("finalizers") {
        list.retain(|known| known != name);
        if list.is_empty() {
            meta.remove("finalizers");
        }
    }
}

/// Puts a finalizer on, once.
pub(super) fn add_finalizer(object: &mut Value, name: &str) {
    if finalizers(object).contains(&name) {
        return;
    }
    let list = of(object)
        .entry("finalizers")
        .or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(list) = list {
        list.push(name.into());
    }
}

/// Takes out of the metadata what says nothing: nulls, empty maps and lists, empty texts.
pub(super) fn tidy(object: &mut Value) {
    of(object).retain(|_, value| match value {
        Value::Null => false,
        Value::Object(map) => !map.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::String(text) => !text.is_empty(),
        _ => true,
    });
}

/// Takes all nulls out, as reading into Go's structs does.
pub(super) fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            for (key, value) in map {
                match value {
                    // A null among texts becomes an empty one.
                    Value::Object(texts) if key == "data" => {
                        for text in texts.values_mut().filter(|text| text.is_null()) {
                            *text = "".into();
                        }
                    }
                    value => drop_nulls(value),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_are_uuids_and_differ() {
        let mut ids = Ids::new(1);
        let (first, second) = (ids.uid(), ids.uid());
        assert_ne!(first, second);
        assert_eq!(first.len(), 36);
        assert_eq!(&first[14..15], "4");
        assert_eq!(first, Ids::new(1).uid(), "the seed decides");
    }

    #[test]
    fn times_have_no_fraction() {
        let now: Timestamp = "2026-11-22T10:00:00.123Z".parse().expect("a time");
        assert_eq!(time(now), "2026-11-22T10:00:00Z");
    }
}
