//! Where kubectl may see another thing in the sandbox, and why.

/// A difference that is meant.
pub(crate) struct Listed {
    /// Why it stays.
    pub(crate) reason: &'static str,
    /// FILE: CASE, each.
    pub(crate) cases: &'static [&'static str],
}

/// All of them. One that is no longer found fails the test, like one that is not listed.
pub(crate) const LISTED: &[Listed] = &[
    Listed {
        reason: "the sandbox serves the groups an operator and kubectl ask for, not all",
        cases: &["discovery: all groups"],
    },
    Listed {
        reason: "JSON has its keys by name, not as Go's types have them, which only --raw shows",
        cases: &["get: by path"],
    },
];

/// Whether the difference is listed.
pub(crate) fn allows(case: &str) -> bool {
    cases().any(|listed| listed == case)
}

/// What is listed and was not found.
pub(crate) fn not_among(found: &[&str]) -> Vec<&'static str> {
    cases().filter(|listed| !found.contains(listed)).collect()
}

fn cases() -> impl Iterator<Item = &'static str> {
    LISTED
        .iter()
        .flat_map(|listed| listed.cases.iter().copied())
}
