//! Which messages there are: a table, read when it is first needed.

use std::collections::HashMap;
use std::sync::LazyLock;

/// The fields of a message.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) name: &'static str,
    /// Of what can be a body; `*` for what can be one in any.
    api_version: Option<&'static str>,
    fields: Vec<Field>,
}

#[derive(Debug)]
pub(super) struct Field {
    number: i32,
    /// In JSON; `...` for one whose fields stand beside the others there.
    pub(super) name: &'static str,
    go: Option<&'static str>,
    /// Whether Go tells its zero from its absence.
    pub(super) is_pointer: bool,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Bytes,
    Bool,
    Int,
    Double,
    Time,
    MicroTime,
    Quantity,
    IntOrString,
    /// JSON in a message of its own.
    Json,
    Message(&'static str),
    List(Box<Self>),
    Map(Box<Self>),
}

impl Message {
    pub(super) fn field(&self, number: i32) -> Option<&Field> {
        self.fields.iter().find(|field| field.number == number)
    }
}

impl Field {
    /// As Go's errors name it.
    pub(super) fn go_name(&self) -> String {
        if let Some(name) = self.go {
            return name.to_owned();
        }
        let mut letters = self.name.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first.into_iter().chain(letters).collect()
    }
}

/// The message of a name; an empty one if the table has none, which a test excludes.
pub(super) fn named(name: &str) -> &'static Message {
    static NONE: Message = Message {
        name: "",
        api_version: None,
        fields: Vec::new(),
    };
    TABLE.get(name).unwrap_or(&NONE)
}

/// The message in which a kind is sent.
pub(super) fn body(api_version: &str, kind: &str) -> Option<&'static Message> {
    // The table has one Event under its own name, and the other with its group's.
    [kind, &format!("events.{kind}")]
        .into_iter()
        .filter_map(|name| TABLE.get(name))
        .find(|message| {
            message
                .api_version
                .is_some_and(|own| own == api_version || own == "*")
        })
}

static TABLE: LazyLock<HashMap<&'static str, Message>> = LazyLock::new(|| {
    let lines = include_str!("messages.txt").lines();
    let messages = lines
        .filter(|line| !line.starts_with('#'))
        .filter_map(message);
    messages.map(|message| (message.name, message)).collect()
});

fn message(line: &'static str) -> Option<Message> {
    let (head, fields) = line.split_once(':')?;
    let (name, api_version) = match head.split_once(' ') {
        Some((name, api_version)) => (name, Some(api_version)),
        None => (head, None),
    };
    let fields = fields.trim().split(", ").filter_map(field).collect();
    Some(Message {
        name,
        api_version,
        fields,
    })
}

fn field(text: &'static str) -> Option<Field> {
    let (number, rest) = text.split_once(' ')?;
    let (names, kind) = rest.split_once(' ')?;
    let (name, go) = match names.split_once('=') {
        Some((name, go)) => (name, Some(go)),
        None => (names, None),
    };
    let pointed = kind.strip_prefix('*');
    Some(Field {
        number: number.parse().ok()?,
        name,
        go,
        is_pointer: pointed.is_some(),
        kind: self::kind(pointed.unwrap_or(kind)),
    })
}

fn kind(text: &'static str) -> Kind {
    if let Some(item) = text.strip_prefix("[]") {
        return Kind::List(Box::new(kind(item)));
    }
    if let Some(value) = text.strip_prefix("{}") {
        return Kind::Map(Box::new(kind(value)));
    }
    match text {
        "string" => Kind::Text,
        "bytes" => Kind::Bytes,
        "bool" => Kind::Bool,
        "int" => Kind::Int,
        "double" => Kind::Double,
        "time" => Kind::Time,
        "microTime" => Kind::MicroTime,
        "quantity" => Kind::Quantity,
        "intOrString" => Kind::IntOrString,
        "json" => Kind::Json,
        name => Kind::Message(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(kind: &Kind) -> Vec<&Kind> {
        match kind {
            Kind::List(item) | Kind::Map(item) => parts(item),
            other => vec![other],
        }
    }

    #[test]
    fn every_line_of_the_table_is_read_and_every_message_it_names_is_there() {
        let text = include_str!("messages.txt");
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        for line in lines.clone() {
            let message = message(line).expect(line);
            let numbers = line.split(", ").filter(|part| part.contains(' ')).count();
            assert_eq!(message.fields.len(), numbers, "{line}");
            for field in &message.fields {
                for kind in parts(&field.kind) {
                    if let Kind::Message(name) = kind {
                        assert!(TABLE.contains_key(name), "{name} in {line}");
                    }
                }
            }
        }
        assert_eq!(TABLE.len(), lines.count());
        assert_eq!(
            body("events.k8s.io/v1", "Event").map(|one| one.name),
            Some("events.Event")
        );
        assert!(body("v1", "Role").is_none());
    }
}
