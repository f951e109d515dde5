//! JSON paths, as printer columns and field selectors write them.

use serde_json::Value;

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Field(String),
    /// From the end if negative.
    Index(i64),
    All,
    /// `..`: the value and all below it.
    Deep,
    Filter(Vec<Self>, Option<(Comparison, Value)>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What a path like `.spec.list[?(@.type=="Ready")].status` finds; nothing if it is no path.
pub(crate) fn find<'a>(path: &str, object: &'a Value) -> Vec<&'a Value> {
    parse(path).map_or_else(Vec::new, |steps| follow(&steps, object))
}

fn follow<'a>(steps: &[Step], object: &'a Value) -> Vec<&'a Value> {
    let mut found = vec![object];
    for step in steps {
        found = found
            .into_iter()
            .flat_map(|value| step.from(value))
            .collect();
    }
    found
}

impl Step {
    fn from<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match self {
            Self::Field(name) => value.get(name).into_iter().collect(),
            Self::Index(index) => at(value, *index).into_iter().collect(),
            Self::All => children(value),
            Self::Deep => {
                let mut all = vec![value];
                let mut next = 0;
                while let Some(value) = all.get(next).copied() {
                    all.extend(children(value));
                    next += 1;
                }
                all
            }
            Self::Filter(path, comparison) => children(value)
                .into_iter()
                .filter(|item| {
                    let found = follow(path, item);
                    match comparison {
                        None => !found.is_empty(),
                        Some((comparison, wanted)) => found
                            .first()
                            .is_some_and(|found| comparison.holds(found, wanted)),
                    }
                })
                .collect(),
        }
    }
}

impl Comparison {
    fn holds(self, found: &Value, wanted: &Value) -> bool {
        let order = match (found, wanted) {
            (Value::String(found), Value::String(wanted)) => Some(found.cmp(wanted)),
            (found, wanted) if found == wanted => Some(std::cmp::Ordering::Equal),
            (found, wanted) => match (found.as_f64(), wanted.as_f64()) {
                (Some(found), Some(wanted)) => found.partial_cmp(&wanted),
                _ => None,
            },
        };
        match self {
            Self::Equal => order.is_some_and(std::cmp::Ordering::is_eq),
            Self::NotEqual => !order.is_some_and(std::cmp::Ordering::is_eq),
            Self::Less => order.is_some_and(std::cmp::Ordering::is_lt),
            Self::LessOrEqual => order.is_some_and(std::cmp::Ordering::is_le),
            Self::Greater => order.is_some_and(std::cmp::Ordering::is_gt),
            Self::GreaterOrEqual => order.is_some_and(std::cmp::Ordering::is_ge),
        }
    }
}

fn children(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(fields) => fields.values().collect(),
        _ => Vec::new(),
    }
}

fn at(value: &Value, index: i64) -> Option<&Value> {
    let items = value.as_array()?;
    let from_end = i64::try_from(items.len()).ok()? + index;
    let index = if index < 0 { from_end } else { index };
    items.get(usize::try_from(index).ok()?)
}

fn parse(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("..") {
            steps.push(Step::Deep);
            rest = after;
            if !rest.starts_with('[') {
                rest = field(rest, &mut steps);
            }
        } else if let Some(after) = rest.strip_prefix('.') {
            rest = field(after, &mut steps);
        } else if let Some(after) = rest.strip_prefix('[') {
            let end = closing(after)?;
            steps.push(bracket(&after[..end])?);
            rest = &after[end + 1..];
        } else {
            return None;
        }
    }
    Some(steps)
}

/// Reads a name with `\.` for a point in it, and gives what follows.
fn field<'a>(text: &'a str, steps: &mut Vec<Step>) -> &'a str {
    let mut name = String::new();
    let mut end = text.len();
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            '\\' if !escaped => {
                escaped = true;
                continue;
            }
            '.' | '[' if !escaped => {
                end = at;
                break;
            }
            c => name.push(c),
        }
        escaped = false;
    }
    match name.as_str() {
        "" => {}
        "*" => steps.push(Step::All),
        _ => steps.push(Step::Field(name)),
    }
    &text[end..]
}

/// Where the bracket that is open closes; quotes may hold another.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut quote) = (0, None);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, '[') => depth += 1,
            (None, ']') if depth == 0 => return Some(at),
            (None, ']') => depth -= 1,
            _ => {}
        }
    }
    None
}

fn bracket(text: &str) -> Option<Step> {
    if text == "*" {
        return Some(Step::All);
    }
    if let Some(name) = unquoted(text) {
        return Some(Step::Field(name.replace("\\.", ".")));
    }
    if let Some(condition) = text
        .strip_prefix("?(")
        .and_then(|text| text.strip_suffix(')'))
    {
        return filter(condition);
    }
    text.trim().parse().ok().map(Step::Index)
}

fn filter(condition: &str) -> Option<Step> {
    const SIGNS: [(&str, Comparison); 6] = [
        ("==", Comparison::Equal),
        ("!=", Comparison::NotEqual),
        ("<=", Comparison::LessOrEqual),
        (">=", Comparison::GreaterOrEqual),
        ("<", Comparison::Less),
        (">", Comparison::Greater),
    ];
    let path = |text: &str| parse(text.trim().strip_prefix('@')?);
    for (sign, comparison) in SIGNS {
        if let Some((left, right)) = condition.split_once(sign) {
            let right = right.trim();
            let wanted = match unquoted(right) {
                Some(text) => text.into(),
                None => serde_json::from_str(right).ok()?,
            };
            return Some(Step::Filter(path(left)?, Some((comparison, wanted))));
        }
    }
    Some(Step::Filter(path(condition)?, None))
}

fn unquoted(text: &str) -> Option<&str> {
    let quoted = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    quoted('\'').or_else(|| quoted('"'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::find;

    #[test]
    fn a_path_finds_what_it_names() {
        let object = json!({"metadata": {"labels": {"a.b": "lab", "c": "cc"}}, "list": ["p", "q"],
            "conds": [{"type": "Ready", "status": "True", "n": 3}, {"type": "B", "status": "False"}]});
        for (path, expected) in [
            (".list", json!([["p", "q"]])),
            (".list[0]", json!(["p"])),
            (".list[-1]", json!(["q"])),
            (".list[2]", json!([])),
            (".list[*]", json!(["p", "q"])),
            (".metadata.labels.a\\.b", json!(["lab"])),
            (".metadata.labels['c']", json!(["cc"])),
            (".metadata.labels['a\\.b']", json!(["lab"])),
            (".conds[?(@.type==\"Ready\")].status", json!(["True"])),
            (".conds[?(@.type=='B')].status", json!(["False"])),
            (".conds[?(@.type != 'B')].type", json!(["Ready"])),
            (".conds[?(@.n>2)].type", json!(["Ready"])),
            (".conds[?(@.n)].type", json!(["Ready"])),
            (".conds[*].type", json!(["Ready", "B"])),
            ("..n", json!([3])),
            (".missing.more", json!([])),
            ("nonsense", json!([])),
            (".list[", json!([])),
        ] {
            assert_eq!(json!(find(path, &object)), expected, "{path}");
        }
    }
}
