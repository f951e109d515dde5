//! Names for users and sessions: Go's templates, as far as names need them.

use std::iter::Peekable;
use std::str::Chars;

use crate::vault::call::Env;

/// What Vault names users by if it is not told otherwise.
pub(super) const DEFAULT: &str = "{{ if (eq .Type \"STS\") }}{{ printf \"vault-%s-%s\"  \
     (unix_time) (random 20) | truncate 32 }}{{ else }}{{ printf \"vault-%s-%s-%s\" (printf \
     \"%s-%s\" (.DisplayName) (.PolicyName) | truncate 42) (unix_time) (random 20) | truncate 64 \
     }}{{ end }}";

/// What a template can name.
pub(super) struct Fields<'a> {
    pub(super) kind: &'a str,
    pub(super) display_name: &'a str,
    pub(super) policy_name: &'a str,
}

/// A name with `_` for what AWS does not take.
pub(super) fn normal(name: &str) -> String {
    let fits = |char: char| char.is_ascii_alphanumeric() || "+=,.@_-".contains(char);
    name.chars()
        .map(|char| if fits(char) { char } else { '_' })
        .collect()
}

/// Fills a template in; an error is as Vault says it.
pub(super) fn fill(
    template: &str,
    fields: &Fields<'_>,
    env: &mut Env<'_>,
) -> Result<String, String> {
    parts(template, fields, env).map_err(|reason| explained(template, &reason))
}

/// Go names the place: of what it cannot read the line, of what it cannot find the column too.
fn explained(template: &str, reason: &str) -> String {
    let Some(field) = reason.strip_prefix(NO_FIELD) else {
        let line = template.lines().count().max(1);
        return format!(
            "unable to initialize username template: unable to parse template: template: \
             template:{line}: {reason}"
        );
    };
    let before = &template[..template.find(field).unwrap_or_default()];
    let line = before.matches('\n').count() + 1;
    let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1);
    format!(
        "failed to generate username: unable to apply template: template: \
         template:{line}:{column}: executing \"template\" at <{field}>: {NO_FIELD}{} in type \
         aws.UsernameMetadata",
        &field[1..]
    )
}

/// What a reason begins with that ends with the field's name.
const NO_FIELD: &str = "can't evaluate field ";

fn parts(template: &str, fields: &Fields<'_>, env: &mut Env<'_>) -> Result<String, String> {
    let mut filled = String::new();
    // Of each `if` around: whether this part of it counts.
    let mut branches: Vec<bool> = Vec::new();
    let mut rest = template;
    while let Some(from) = rest.find("{{") {
        let counts = branches.iter().all(|counts| *counts);
        if counts {
            filled.push_str(&rest[..from]);
        }
        let inner = &rest[from + 2..];
        let to = inner.find("}}").ok_or("unclosed action")?;
        let action = inner[..to].trim().trim_matches('-').trim();
        rest = &inner[to + 2..];
        if let Some(condition) = action.strip_prefix("if ") {
            let is_true =
                counts && !matches!(value(condition, fields, env)?.as_str(), "" | "false");
            branches.push(is_true);
        } else if action == "else" {
            let last = branches.last_mut().ok_or("unexpected {{else}}")?;
            *last = !*last;
        } else if action == "end" {
            branches.pop().ok_or("unexpected {{end}}")?;
        } else if counts {
            filled.push_str(&value(action, fields, env)?);
        }
    }
    if !branches.is_empty() {
        return Err("unexpected EOF".to_owned());
    }
    filled.push_str(rest);
    Ok(filled)
}

fn value(text: &str, fields: &Fields<'_>, env: &mut Env<'_>) -> Result<String, String> {
    let mut evaluator = Evaluator {
        chars: text.chars().peekable(),
        fields,
        env,
        depth: 0,
    };
    evaluator.pipeline()
}

struct Evaluator<'a, 'b, 'c> {
    chars: Peekable<Chars<'a>>,
    fields: &'a Fields<'a>,
    env: &'b mut Env<'c>,
    depth: usize,
}

impl Evaluator<'_, '_, '_> {
    fn skip_blanks(&mut self) {
        while self.chars.next_if(|char| char.is_whitespace()).is_some() {}
    }

    /// Up to the end, or to the bracket that closes it.
    fn pipeline(&mut self) -> Result<String, String> {
        self.depth += 1;
        if self.depth > 32 {
            return Err("too deeply nested".to_owned());
        }
        let mut piped: Option<String> = None;
        loop {
            let mut words = Vec::new();
            let mut name = None;
            loop {
                self.skip_blanks();
                match self.chars.peek() {
                    None | Some('|' | ')') => break,
                    Some('"') => words.push(self.string()?),
                    Some('(') => {
                        self.chars.next();
                        words.push(self.pipeline()?);
                        if self.chars.next() != Some(')') {
                            return Err("unclosed left paren".to_owned());
                        }
                    }
                    Some(_) => {
                        let word = self.word();
                        if name.is_none() && words.is_empty() && !is_value(&word) {
                            name = Some(word);
                        } else {
                            words.push(self.field(word)?);
                        }
                    }
                }
            }
            words.extend(piped.take());
            let result = match name {
                Some(name) => self.apply(&name, &words)?,
                None => words
                    .into_iter()
                    .next()
                    .ok_or("missing value for command")?,
            };
            if self.chars.peek() == Some(&'|') {
                self.chars.next();
                piped = Some(result);
            } else {
                self.depth -= 1;
                return Ok(result);
            }
        }
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(char) = self
            .chars
            .next_if(|char| !char.is_whitespace() && !"|()\"".contains(*char))
        {
            word.push(char);
        }
        word
    }

    fn string(&mut self) -> Result<String, String> {
        self.chars.next();
        let mut text = String::new();
        while let Some(char) = self.chars.next() {
            match char {
                '"' => return Ok(text),
                '\\' => text.extend(self.chars.next()),
                other => text.push(other),
            }
        }
        Err("unterminated quoted string".to_owned())
    }

    fn field(&self, word: String) -> Result<String, String> {
        match word.as_str() {
            ".Type" => Ok(self.fields.kind.to_owned()),
            ".DisplayName" => Ok(self.fields.display_name.to_owned()),
            ".PolicyName" => Ok(self.fields.policy_name.to_owned()),
            field if field.starts_with('.') => Err(format!("{NO_FIELD}{field}")),
            _ => Ok(word),
        }
    }

    fn apply(&mut self, name: &str, args: &[String]) -> Result<String, String> {
        let arg = |n: usize| {
            args.get(n)
                .map(String::as_str)
                .ok_or_else(|| format!("wrong number of args for {name}"))
        };
        let count = |n: usize| arg(n)?.parse::<usize>().map_err(|error| error.to_string());
        Ok(match name {
            "unix_time" => self.env.now.as_second().to_string(),
            "unix_time_millis" => self.env.now.as_millisecond().to_string(),
            "uuid" => self.env.ids.uuid(),
            "random" => self.env.ids.base62(count(0)?.min(4096)),
            "truncate" => arg(1)?.chars().take(count(0)?).collect(),
            "uppercase" => arg(0)?.to_uppercase(),
            "lowercase" => arg(0)?.to_lowercase(),
            "replace" => arg(2)?.replace(arg(0)?, arg(1)?),
            "eq" => (arg(0)? == arg(1)?).to_string(),
            "printf" => {
                let mut values = args.iter().skip(1);
                let mut text = String::new();
                let mut chars = arg(0)?.chars();
                while let Some(char) = chars.next() {
                    match (char, char == '%') {
                        (_, true) => match chars.next() {
                            Some('%') => text.push('%'),
                            _ => text.push_str(values.next().map_or("%!s(MISSING)", |value| value)),
                        },
                        (char, false) => text.push(char),
                    }
                }
                text
            }
            other => return Err(format!("function \"{other}\" not defined")),
        })
    }
}

fn is_value(word: &str) -> bool {
    word.starts_with('.') || word.starts_with(|char: char| char.is_ascii_digit())
}
