//! What no two servers share: uids, resource versions, times, ages, addresses and tokens.
//!
//! Each is masked only where it has the right form, so that one that is missing or malformed
//! is still seen.

/// The text without them. Where a line had one, the columns after it lie where they lie.
pub(crate) fn text(text: &str) -> String {
    let lines = text.split('\n').filter(|line| !is_log(line)).map(line);
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether kubectl's libraries said it for their own sake, such as `I1129 13:31:27.161158 …`:
/// what they think of connections that end depends on when they end.
fn is_log(line: &str) -> bool {
    let digit = |byte: u8| byte.is_ascii_digit();
    let rest = line.strip_prefix(['I', 'W', 'E']);
    rest.is_some_and(|rest| fits(rest, "xxxx xx:xx:xx.xxxxxx ", digit) > 0)
}

/// After these a number is a resource version, or another that counts what the server did.
const BEFORE_NUMBERS: &[&str] = &[
    "\"resourceVersion\": \"",
    "\"resourceVersion\":\"",
    "resourceVersion: \"",
    "127.0.0.1:",
    "current:",
    "Resource Version:",
    // The folders `kubectl diff` compares.
    "/LIVE-",
    "/MERGED-",
    "scheme.go:",
];

fn is_after_number_word(text: &str) -> bool {
    let text = text.trim_end();
    BEFORE_NUMBERS.iter().any(|word| text.ends_with(word))
}

fn line(line: &str) -> String {
    // What `diff` says of a file: its time comes last.
    let is_file = line.starts_with("--- /") || line.starts_with("+++ /");
    let line = line.split('\t').next().filter(|_| is_file).unwrap_or(line);
    let mut masked = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let is_word = masked
            .chars()
            .next_back()
            .is_none_or(|last| !last.is_alphanumeric());
        let found = [
            ("<uid>", uid(rest)),
            ("<time>", time(rest)),
            ("<token>", token(rest)),
            ("<age>", age(rest)),
        ];
        let found = found.into_iter().find(|(_, length)| is_word && *length > 0);
        if let Some((mask, length)) = found {
            masked.push_str(mask);
            rest = &rest[length..];
        } else if first.is_ascii_digit() && is_after_number_word(&masked) {
            masked.push_str("<number>");
            rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        } else {
            masked.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    let moves = masked.contains("<age>") || masked.starts_with("LAST SEEN");
    if moves { narrow(&masked) } else { masked }
}

/// What is aligned, no longer so.
fn narrow(line: &str) -> String {
    let mut narrow = String::new();
    for letter in line.chars() {
        if letter != ' ' || !narrow.ends_with("  ") {
            narrow.push(letter);
        }
    }
    narrow
}

/// How long the uid is that the text begins with.
fn uid(text: &str) -> usize {
    let form = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    fits(text, form, |byte| {
        byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
    })
}

/// How long the time is that the text begins with.
fn time(text: &str) -> usize {
    let digit = |byte: u8| byte.is_ascii_digit();
    let forms = ["xxxx-xx-xxTxx:xx:xx.xxxxxxZ", "xxxx-xx-xxTxx:xx:xxZ"];
    forms
        .iter()
        .map(|form| fits(text, form, digit))
        .max()
        .unwrap_or_default()
}

fn fits(text: &str, form: &str, stands_for_x: impl Fn(u8) -> bool) -> usize {
    let bytes = text.as_bytes();
    let fits = |(byte, form): (&u8, u8)| match form {
        b'x' => stands_for_x(*byte),
        form => *byte == form,
    };
    let is_long = bytes.len() >= form.len();
    if is_long && bytes.iter().zip(form.bytes()).all(fits) {
        form.len()
    } else {
        0
    }
}

/// How long the signed token is that the text begins with.
fn token(text: &str) -> usize {
    if !text.starts_with("eyJ") {
        return 0;
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let token = &text[..text.find(|c| !is_part(c)).unwrap_or(text.len())];
    if token.matches('.').count() == 2 {
        token.len()
    } else {
        0
    }
}

/// How long the age is that the text begins with: `5s`, `2m`, `2m5s`.
fn age(text: &str) -> usize {
    let mut length = 0;
    for unit in ["m", "s"] {
        let rest = &text[length..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if (1..=3).contains(&digits) && rest[digits..].starts_with(unit) {
            length += digits + 1;
        }
    }
    let ends = !text[length..].starts_with(|c: char| c.is_alphanumeric() || "-_.=".contains(c));
    if ends { length } else { 0 }
}

#[test]
fn only_what_has_the_right_form_is_masked() {
    let uid = "98304766-95d0-4221-bf16-cee034594971";
    assert_eq!(text(&format!("uid: {uid}\n")), "uid: <uid>\n");
    assert_eq!(text(&uid.to_uppercase()), uid.to_uppercase());
    assert_eq!(text("a   1   12s"), "a  1  <age>");
    assert_eq!(text("a   1   2m5s   x"), "a  1  <age>  x");
    assert_eq!(
        text("--timeout=1s-x 12sec v5s 5s.example"),
        "--timeout=1s-x 12sec v5s 5s.example"
    );
    assert_eq!(text("at 2026-11-22T10:00:00Z"), "at <time>");
    assert_eq!(
        text("resourceVersion: \"12\""),
        "resourceVersion: \"<number>\""
    );
    assert_eq!(
        text("Resource Version:   12"),
        "Resource Version:   <number>"
    );
    assert_eq!(text("I1129 13:31:27.161158   21284 a.go:1] x\nb"), "b");
    assert_eq!(text("eyJhbGciOi.eyJhdWQi.c2ln"), "<token>");
    assert_eq!(text("eyJ.b"), "eyJ.b");
}
