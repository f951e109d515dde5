//! What a schema asks of a value apart from its type.

use regex::Regex;
use serde_json::{Number, Value};

use super::Schema;

#[derive(Debug, Default)]
pub(super) struct Checks {
    pub(super) format: Option<String>,
    pub(super) pattern: Option<Regex>,
    pub(super) min_length: Option<u64>,
    pub(super) max_length: Option<u64>,
    pub(super) minimum: Option<Bound>,
    pub(super) maximum: Option<Bound>,
    pub(super) multiple_of: Option<Number>,
    pub(super) min_items: Option<u64>,
    pub(super) max_items: Option<u64>,
    pub(super) min_properties: Option<u64>,
    pub(super) max_properties: Option<u64>,
    pub(super) required: Vec<String>,
    pub(super) choices: Option<Vec<Value>>,
    pub(super) any_of: Vec<Schema>,
    pub(super) one_of: Vec<Schema>,
    pub(super) all_of: Vec<Schema>,
    pub(super) not: Option<Box<Schema>>,
}

#[derive(Debug)]
pub(super) struct Bound {
    pub(super) value: Number,
    pub(super) exclusive: bool,
}
