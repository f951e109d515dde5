//! The columns of the kinds the server knows.

use serde_json::Value;

use super::definition;

const TEXT: &str = include_str!("columns.txt");

/// What the server says of names.
pub(super) fn name() -> &'static str {
    word("$name").unwrap_or_default()
}

/// What the server says of times of creation, and so of ages.
pub(super) fn created() -> &'static str {
    word("$created").unwrap_or_default()
}

fn word(word: &str) -> Option<&'static str> {
    TEXT.lines()
        .find_map(|line| line.strip_prefix(word)?.strip_prefix('|'))
}

/// Those of a kind; name and time of creation for one that the server has none of its own for.
pub(super) fn of(kind: &str) -> Vec<Value> {
    let own = TEXT.lines().skip_while(|line| *line != kind).skip(1);
    let own = own
        .take_while(|line| line.starts_with(' '))
        .filter_map(column);
    let own: Vec<Value> = own.collect();
    if !own.is_empty() {
        return own;
    }
    vec![
        definition("Name", "string", "name", name(), 0),
        definition("Created At", "date", "", created(), 0),
    ]
}

fn column(line: &str) -> Option<Value> {
    let mut parts = line.trim_start().splitn(5, '|');
    let (name, kind, format) = (parts.next()?, parts.next()?, parts.next()?);
    let priority = parts.next()?.parse().ok()?;
    let description = match parts.next()? {
        word @ ("$name" | "$created") => self::word(word)?.to_owned(),
        own => own.replace("\\n", "\n"),
    };
    Some(definition(name, kind, format, &description, priority))
}
