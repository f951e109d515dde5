//! HCL, in the old form that policies are written in: blocks, assignments, lists.

use std::iter::Peekable;
use std::str::CharIndices;

use serde_json::{Number, Value};

/// Something with a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Object(Vec<Item>),
    List(Vec<Self>),
    Scalar(Value),
}

/// `keys { … }` or `key = value`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    pub(super) keys: Vec<String>,
    pub(super) node: Node,
    /// Of the first key.
    pub(super) at: Place,
    /// Of the value.
    pub(super) value_at: Place,
}

/// Line and column, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(pub(super) usize, pub(super) usize);

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.0, self.1)
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Ident(String),
    Text(String),
    Number(String),
    Assign,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    Comma,
    Other(char),
    End,
}

impl Token {
    fn name(&self) -> &'static str {
        match self {
            Self::Ident(_) => "IDENT",
            Self::Text(_) => "STRING",
            Self::Number(_) => "NUMBER",
            Self::Assign => "ASSIGN",
            Self::LeftBrace => "LBRACE",
            Self::RightBrace => "RBRACE",
            Self::LeftBracket => "LBRACK",
            Self::RightBracket => "RBRACK",
            Self::Comma => "COMMA",
            Self::Other(_) => "ILLEGAL",
            Self::End => "EOF",
        }
    }
}

/// Reads the items of a text.
pub(super) fn parse(text: &str) -> Result<Vec<Item>, String> {
    let mut parser = Parser {
        tokens: lex(text)?,
        at: 0,
        depth: 0,
    };
    parser.items(false)
}

struct Parser {
    tokens: Vec<(Token, Place)>,
    at: usize,
    depth: usize,
}

/// Deeper than any policy, and no danger to the stack.
const DEEPEST: usize = 64;

impl Parser {
    fn peek(&self) -> (&Token, Place) {
        let last = self.tokens.len() - 1;
        let (token, place) = &self.tokens[self.at.min(last)];
        (token, *place)
    }

    fn next(&mut self) -> (Token, Place) {
        let (token, place) = self.peek();
        let next = (token.clone(), place);
        self.at += 1;
        next
    }

    fn items(&mut self, is_inside: bool) -> Result<Vec<Item>, String> {
        let mut items: Vec<Item> = Vec::new();
        loop {
            let (token, place) = self.peek();
            match token {
                Token::End if is_inside => {
                    return Err(format!(
                        "At {place}: object expected closing RBRACE got: EOF"
                    ));
                }
                Token::End => return Ok(items),
                Token::RightBrace if is_inside => {
                    self.at += 1;
                    return Ok(items);
                }
                Token::Comma if is_inside => self.at += 1,
                _ => {
                    let item = self.item()?;
                    let is_again = item.keys.len() == 1
                        && !matches!(item.node, Node::Object(_))
                        && items.iter().any(|known| known.keys == item.keys);
                    if is_again {
                        return Err(format!(
                            "The argument \"{}\" at {} was already set. Each argument can only be \
                             defined once",
                            item.keys[0], item.at
                        ));
                    }
                    items.push(item);
                }
            }
        }
    }

    fn item(&mut self) -> Result<Item, String> {
        let mut keys: Vec<String> = Vec::new();
        let (_, at) = self.peek();
        loop {
            let (token, place) = self.next();
            match token {
                Token::Ident(key) | Token::Text(key) => keys.push(key),
                Token::Assign if keys.len() == 1 => {
                    let (_, value_at) = self.peek();
                    let node = self.value()?;
                    return Ok(Item {
                        keys,
                        node,
                        at,
                        value_at,
                    });
                }
                Token::Assign => {
                    return Err(format!(
                        "At {place}: nested object expected: LBRACE got: ASSIGN"
                    ));
                }
                Token::LeftBrace if !keys.is_empty() => {
                    let node = self.object()?;
                    return Ok(Item {
                        keys,
                        node,
                        at,
                        value_at: place,
                    });
                }
                Token::End if keys.len() == 1 => {
                    return Err(format!(
                        "At {place}: key '{}' expected start of object ('{{') or assignment ('=')",
                        keys[0]
                    ));
                }
                Token::End if !keys.is_empty() => {
                    return Err(format!(
                        "At {place}: nested object expected: LBRACE got: EOF"
                    ));
                }
                other => {
                    return Err(format!(
                        "At {place}: expected: IDENT | STRING | ASSIGN | LBRACE got: {}",
                        other.name()
                    ));
                }
            }
        }
    }

    fn object(&mut self) -> Result<Node, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("too deeply nested".to_owned());
        }
        let items = self.items(true)?;
        self.depth -= 1;
        Ok(Node::Object(items))
    }

    fn value(&mut self) -> Result<Node, String> {
        let (token, place) = self.next();
        match token {
            Token::Text(text) => Ok(Node::Scalar(text.into())),
            Token::Number(text) => Ok(Node::Scalar(number(&text))),
            Token::Ident(word) if word == "true" || word == "false" => {
                Ok(Node::Scalar((word == "true").into()))
            }
            Token::LeftBrace => self.object(),
            Token::LeftBracket => self.list(),
            Token::End => Err(format!("At {place}: Reached end of file")),
            other => Err(format!(
                "At {place}: Unknown token: {place} {}",
                other.name()
            )),
        }
    }

    fn list(&mut self) -> Result<Node, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("too deeply nested".to_owned());
        }
        let mut list = Vec::new();
        let mut wants_comma = false;
        loop {
            let (token, place) = self.peek();
            match token {
                Token::RightBracket => {
                    self.at += 1;
                    self.depth -= 1;
                    return Ok(Node::List(list));
                }
                Token::Comma if wants_comma => {
                    self.at += 1;
                    wants_comma = false;
                }
                other if wants_comma => {
                    return Err(format!(
                        "At {place}: error parsing list, expected comma or list end, got: {}",
                        other.name()
                    ));
                }
                Token::Ident(word) if word != "true" && word != "false" => {
                    return Err(format!(
                        "At {place}: unexpected token while parsing list: IDENT"
                    ));
                }
                Token::Text(_)
                | Token::Number(_)
                | Token::Ident(_)
                | Token::LeftBrace
                | Token::LeftBracket => {
                    list.push(self.value()?);
                    wants_comma = true;
                }
                other => {
                    return Err(format!(
                        "At {place}: unexpected token while parsing list: {}",
                        other.name()
                    ));
                }
            }
        }
    }
}

fn number(text: &str) -> Value {
    text.parse::<i64>()
        .map(Number::from)
        .ok()
        .or_else(|| text.parse().ok().and_then(Number::from_f64))
        .map_or(Value::Null, Value::Number)
}

struct Lexer<'a> {
    text: &'a str,
    chars: Peekable<CharIndices<'a>>,
    line: usize,
    line_start: usize,
}

fn lex(text: &str) -> Result<Vec<(Token, Place)>, String> {
    let mut lexer = Lexer {
        text,
        chars: text.char_indices().peekable(),
        line: 1,
        line_start: 0,
    };
    let mut tokens = Vec::new();
    loop {
        let token = lexer.token()?;
        let is_end = token.0 == Token::End;
        tokens.push(token);
        if is_end {
            return Ok(tokens);
        }
    }
}

impl Lexer<'_> {
    /// Where the text ends, as HCL counts it.
    fn end(&self) -> Place {
        Place(self.line, self.text.len() - self.line_start + 2)
    }

    fn token(&mut self) -> Result<(Token, Place), String> {
        while let Some((at, char)) = self.chars.next() {
            let place = Place(self.line, at - self.line_start + 1);
            let token = match char {
                '\n' => {
                    self.line += 1;
                    self.line_start = at + 1;
                    continue;
                }
                char if char.is_whitespace() => continue,
                '#' => {
                    self.skip_line();
                    continue;
                }
                '/' => {
                    self.comment(place)?;
                    continue;
                }
                '=' => Token::Assign,
                '{' => Token::LeftBrace,
                '}' => Token::RightBrace,
                '[' => Token::LeftBracket,
                ']' => Token::RightBracket,
                ',' => Token::Comma,
                '"' => self.string()?,
                '<' => self.heredoc(place)?,
                char if char.is_ascii_digit() || char == '-' => {
                    Token::Number(self.word(at, |c| c.is_ascii_alphanumeric() || ".+-".contains(c)))
                }
                char if char.is_alphabetic() || char == '_' => {
                    Token::Ident(self.word(at, |c| c.is_alphanumeric() || "_-.".contains(c)))
                }
                other => Token::Other(other),
            };
            return Ok((token, place));
        }
        Ok((Token::End, self.end()))
    }

    fn word(&mut self, from: usize, fits: impl Fn(char) -> bool) -> String {
        let mut to = self.text.len();
        while let Some((at, char)) = self.chars.peek() {
            if !fits(*char) {
                to = *at;
                break;
            }
            self.chars.next();
        }
        self.text[from..to].to_owned()
    }

    fn skip_line(&mut self) {
        while self.chars.next_if(|(_, char)| *char != '\n').is_some() {}
    }

    fn comment(&mut self, place: Place) -> Result<(), String> {
        match self.chars.next() {
            Some((_, '/')) => {
                self.skip_line();
                Ok(())
            }
            Some((_, '*')) => {
                let mut last = ' ';
                for (at, char) in self.chars.by_ref() {
                    if char == '\n' {
                        self.line += 1;
                        self.line_start = at + 1;
                    }
                    if last == '*' && char == '/' {
                        return Ok(());
                    }
                    last = char;
                }
                Err(format!("At {}: comment not terminated", self.end()))
            }
            _ => Err(format!("At {place}: expected '/' for comment")),
        }
    }

    fn string(&mut self) -> Result<Token, String> {
        let mut text = String::new();
        while let Some((_, char)) = self.chars.next() {
            match char {
                '"' => return Ok(Token::Text(text)),
                '\n' => break,
                '\\' => match self.chars.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, 'r')) => text.push('\r'),
                    Some((_, other)) => text.push(other),
                    None => break,
                },
                other => text.push(other),
            }
        }
        let Place(line, column) = self.end();
        Err(format!("At {line}:{}: literal not terminated", column - 1))
    }

    fn heredoc(&mut self, place: Place) -> Result<Token, String> {
        if self.chars.next_if(|(_, char)| *char == '<').is_none() {
            return Ok(Token::Other('<'));
        }
        let from = self.chars.peek().map_or(self.text.len(), |(at, _)| *at);
        let rest = &self.text[from..];
        let (tag, body) = rest
            .split_once('\n')
            .ok_or_else(|| format!("At {place}: heredoc not terminated"))?;
        let tag = tag.trim().trim_start_matches('-');
        let mut text = String::new();
        let mut length = rest.len() - body.len();
        for line in body.split_inclusive('\n') {
            length += line.len();
            self.line += 1;
            if line.trim() == tag {
                let to = from + length;
                self.line_start = to;
                while self.chars.next_if(|(at, _)| *at < to).is_some() {}
                return Ok(Token::Text(text));
            }
            text.push_str(line);
        }
        Err(format!("At {}: heredoc not terminated", self.end()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_stand_where_hcl_says_they_do() {
        let cases = [
            (
                "path \"a\" {",
                "At 1:12: object expected closing RBRACE got: EOF",
            ),
            (
                "hello",
                "At 1:7: key 'hello' expected start of object ('{') or assignment ('=')",
            ),
            (
                "path \"a\" { capabilities = [\"read\" \"list\"] }",
                "At 1:35: error parsing list, expected comma or list end, got: STRING",
            ),
            (
                "path \"a\" { capabilities = [read] }",
                "At 1:28: unexpected token while parsing list: IDENT",
            ),
            (
                "path \"a { capabilities = [\"read\"] }",
                "At 1:36: literal not terminated",
            ),
            (
                "5",
                "At 1:1: expected: IDENT | STRING | ASSIGN | LBRACE got: NUMBER",
            ),
            (
                "path \"a\" { capabilities = [\"read\"] capabilities = [\"list\"] }",
                "The argument \"capabilities\" at 1:36 was already set. Each argument can only be \
                 defined once",
            ),
        ];
        for (text, error) in cases {
            assert_eq!(parse(text).unwrap_err(), error, "{text}");
        }
    }

    #[test]
    fn comments_and_heredocs_are_read() {
        let text = "# a\n/* b\n */ path \"x\" { // c\n a = <<EOT\nline\nEOT\n b = [1, true,] }";
        let items = parse(text).unwrap();
        assert_eq!(items.len(), 1);
        let Node::Object(inner) = &items[0].node else {
            panic!("no block");
        };
        assert_eq!(inner[0].node, Node::Scalar("line\n".into()));
        assert_eq!(
            inner[1].node,
            Node::List(vec![Node::Scalar(1.into()), Node::Scalar(true.into())])
        );
    }

    #[test]
    fn endless_nesting_ends() {
        assert!(parse(&"a {".repeat(100_000)).is_err());
        assert!(parse(&format!("a = {}", "[".repeat(100_000))).is_err());
    }
}
