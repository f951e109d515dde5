//! Where the sandbox may differ from the real Vault.

use crate::cases::Step;

/// As many as there may be.
pub(crate) const MOST: usize = 15;

/// A difference that is known and meant.
pub(crate) struct Difference {
    /// What the case's name begins with.
    pub(crate) case: &'static str,
    /// What the place in the answer begins with: `status`, `headers`, or a pointer.
    pub(crate) at: &'static str,
    /// Why the sandbox is not like Vault there.
    pub(crate) reason: &'static str,
}

impl Difference {
    pub(crate) fn covers(&self, step: &Step, at: &str) -> bool {
        // Vault says most of what is below `data` a second time at the top.
        let at_top = self
            .at
            .strip_prefix("/data")
            .filter(|rest| !rest.is_empty());
        step.case.starts_with(self.case)
            && (at.starts_with(self.at) || at_top.is_some_and(|top| at.starts_with(top)))
    }
}

/// All of them. One that is no longer there fails the test, too.
pub(crate) const DIFFERENCES: &[Difference] = &[
    Difference {
        case: "0 GET sys/ha-status",
        at: "/data/nodes",
        reason: "the machine's name and addresses; the sandbox tells nobody about the machine",
    },
    Difference {
        case: "0 GET sys/key-status",
        at: "/data/encryptions",
        reason: "the sandbox encrypts nothing, so it has nothing to count",
    },
    Difference {
        case: "0 \"error performing token check",
        at: "status",
        reason: "Vault decodes the inside of a token that begins like its own; here tokens have none",
    },
    Difference {
        case: "1.4 half a JSON object",
        at: "status",
        reason: "HCL's own JSON parser takes an object that ends after a key as an empty policy",
    },
    Difference {
        case: "1.4 GET sys/policies/acl/default",
        at: "/data/policy",
        reason: "Vault's text with its comments is under another licence; the rights are the same",
    },
    Difference {
        case: "1.4 GET sys/policy/default",
        at: "/data/rules",
        reason: "the same text by the old path",
    },
    Difference {
        case: "2.8 ",
        at: "",
        reason: "static roles, which no custom resource of ours has, are not simulated",
    },
];
