//! Keys and values: enough of them for what people try first.

mod unversioned;
mod versioned;

pub(super) use unversioned::{PATHS as UNVERSIONED, Unversioned};
pub(super) use versioned::{PATHS as VERSIONED, Versioned};

/// The names right below a path; those that go on end with a slash.
pub(super) fn children<'a>(paths: impl Iterator<Item = &'a String>, below: &str) -> Vec<String> {
    let mut names: Vec<String> = paths
        .filter_map(|path| path.strip_prefix(below))
        .map(|rest| match rest.find('/') {
            Some(at) => rest[..=at].to_owned(),
            None => rest.to_owned(),
        })
        .filter(|name| !name.is_empty())
        .collect();
    names.sort();
    names.dedup();
    names
}

/// A path to list below, with the slash at its end, or nothing.
fn folder(path: &str) -> String {
    let path = path.trim_matches('/');
    if path.is_empty() {
        String::new()
    } else {
        format!("{path}/")
    }
}
