//! How the case files are read.
//!
//! ```text
//! ### the name of a case
//! kubectl apply -f -
//! @until configmap/a
//! apiVersion: v1
//! kind: ConfigMap
//! ```
//!
//! The second line is the command, its words as in a shell with single quotes. Of the lines
//! after it, those that begin with `@` say how it is run, the others are its standard input.
//! `${ns}` is the file's namespace, `${repo}` the folder of this repository. Lines that begin
//! with `# ` are remarks.

use anyhow::{Context, Result, bail, ensure};

/// One command line.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) arguments: Vec<String>,
    pub(crate) input: Option<String>,
    /// Run again until it prints that: what controllers do takes its time.
    pub(crate) until: Option<String>,
    /// Run as the user who may do next to nothing.
    pub(crate) is_limited: bool,
    /// A name for what it prints, for later cases.
    pub(crate) save: Option<String>,
}

/// The cases of a file.
pub(crate) fn read(text: &str) -> Result<Vec<Case>> {
    let text = format!("\n{text}");
    let parts = text.split("\n### ").skip(1);
    parts
        .map(|part| case(part).with_context(|| part.lines().next().unwrap_or_default().to_owned()))
        .collect()
}

fn case(part: &str) -> Result<Case> {
    let mut lines = part.lines().filter(|line| !line.starts_with("# "));
    let name = lines.next().context("a name")?.to_owned();
    let command = lines.next().context("a command")?;
    let mut arguments = words(command)?;
    ensure!(
        arguments.first().is_some_and(|first| first == "kubectl"),
        "kubectl ARGUMENTS"
    );
    arguments.remove(0);
    let mut case = Case {
        name,
        arguments,
        input: None,
        until: None,
        is_limited: false,
        save: None,
    };
    let mut input = Vec::new();
    for line in lines {
        match line.strip_prefix('@') {
            Some(directive) if input.is_empty() => direct(&mut case, directive)?,
            _ => input.push(line),
        }
    }
    while input.last().is_some_and(|line| line.is_empty()) {
        input.pop();
    }
    if !input.is_empty() {
        case.input = Some(input.join("\n") + "\n");
    }
    Ok(case)
}

fn direct(case: &mut Case, directive: &str) -> Result<()> {
    match directive.split_once(' ').unwrap_or((directive, "")) {
        ("until", text) if !text.is_empty() => case.until = Some(text.to_owned()),
        ("limited", "") => case.is_limited = true,
        ("save", name) if !name.is_empty() => case.save = Some(name.to_owned()),
        _ => bail!("what is @{directive}?"),
    }
    Ok(())
}

/// The words of a line. What stands in single quotes is one.
fn words(line: &str) -> Result<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut is_quoted = false;
    for letter in line.chars() {
        match letter {
            '\'' => {
                is_quoted = !is_quoted;
                word.get_or_insert_default();
            }
            ' ' if !is_quoted => words.extend(word.take()),
            letter => word.get_or_insert_default().push(letter),
        }
    }
    ensure!(!is_quoted, "a quote without an end");
    words.extend(word);
    Ok(words)
}

#[test]
fn quotes_hold_words_together() -> Result<()> {
    let read = words("kubectl get cm  -o jsonpath='{.a b}' ''")?;
    assert_eq!(read, ["kubectl", "get", "cm", "-o", "jsonpath={.a b}", ""]);
    assert!(words("a 'b").is_err());
    Ok(())
}
