//! Where the sandbox may answer otherwise, and why.

use crate::compare::Difference;

/// A difference that is meant.
pub(crate) struct Listed {
    /// Why it stays.
    pub(crate) reason: &'static str,
    /// The cases and the places in their answers, whatever is below them included.
    pub(crate) at: &'static [(&'static str, &'static str)],
}

/// All of them. One that is no longer found fails the test, like one that is not listed.
pub(crate) const LISTED: &[Listed] = &[
    Listed {
        reason: "the sandbox serves the groups an operator and kubectl ask for, not all",
        at: &[
            ("access: limited, apis", "/body/groups"),
            ("writes: POST to the groups", "/body/groups"),
        ],
    },
    Listed {
        reason: "the sandbox is another program, built otherwise",
        at: &[
            ("access: limited, version", "/body/compiler"),
            ("access: limited, version", "/body/gitCommit"),
            ("access: limited, version", "/body/goVersion"),
            ("access: limited, version", "/body/platform"),
            ("access: nobody, version", "/body/compiler"),
            ("access: nobody, version", "/body/gitCommit"),
            ("access: nobody, version", "/body/goVersion"),
            ("access: nobody, version", "/body/platform"),
        ],
    },
    Listed {
        reason: "the sandbox reads YAML 1.2, where y is no boolean",
        at: &[
            ("apply: YAML 1.1 has more words for true", "/body/data"),
            (
                "apply: YAML 1.1 has more words for true",
                "/body/metadata/managedFields",
            ),
        ],
    },
    Listed {
        reason: "the words of another YAML library",
        at: &[
            ("apply: no YAML", "/body/message"),
            ("bad-input: broken YAML", "/body/message"),
        ],
    },
    Listed {
        reason: "another YAML library quotes other keys; what is read from it is the same",
        at: &[("lists: one object as YAML", "/body")],
    },
    Listed {
        reason: "an object quoted in a refusal has its keys by name, not as Go's types have them",
        at: &[
            ("collecting: two controllers", "/body/details/causes"),
            (
                "patches: JSON patch, a number for a string",
                "/body/details/causes",
            ),
            (
                "patches: merge patch, a number for a string",
                "/body/details/causes",
            ),
            ("patches: merge patch, another kind", "/body/details/causes"),
            (
                "patches: merge patch, an unknown field, strict",
                "/body/details/causes",
            ),
        ],
    },
    Listed {
        reason: "Pods and Services are kept and nothing more: no admission, no addresses, no nodes",
        at: &[
            ("core: a Service", "/body/metadata/managedFields"),
            (
                "core: a Service whose name begins with a digit",
                "/body/metadata/managedFields",
            ),
            ("core: a Pod", "/body/metadata/managedFields"),
            ("core: a Pod", "/body/spec"),
            ("core: delete a Pod", "/body/metadata"),
            ("core: delete a Pod", "/body/spec"),
        ],
    },
];

/// Whether the difference is listed.
pub(crate) fn allows(found: &Difference) -> bool {
    places().any(|place| covers(place, found))
}

/// What is listed and was not found.
pub(crate) fn not_among(found: &[&Difference]) -> Vec<(&'static str, &'static str)> {
    places()
        .filter(|place| !found.iter().any(|found| covers(*place, found)))
        .collect()
}

fn places() -> impl Iterator<Item = (&'static str, &'static str)> {
    LISTED.iter().flat_map(|listed| listed.at.iter().copied())
}

fn covers((case, place): (&str, &str), found: &Difference) -> bool {
    let below = found.place.strip_prefix(place);
    found.case == case && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
