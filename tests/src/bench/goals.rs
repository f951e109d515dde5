//! The goals, and how figures stand to them.

use super::audit::{Tally, kube_refused, kube_watch, kube_write, vault_login, vault_write};
use super::{Figures, Stretch};

/// Requests to the API server for one credential, each of them a write.
pub const KUBE: u64 = 7;
/// Requests to Vault for one credential.
pub const VAULT: u64 = 2;
/// Requests that an operator may make once, however many credentials there are: lists, discovery,
/// its login, looks at engines and roles.
pub const ONCE: u64 = 40;
/// Part of the bare loop's throughput.
pub const OF_BARE: f64 = 0.8;
/// Size of the program, in MB.
pub const PROGRAM: f64 = 15.0;

/// Most resident memory with that many requests, in MB.
pub fn memory(size: usize) -> f64 {
    if size > 500 { 60.0 } else { 30.0 }
}

/// Requests to an API server that only look, and end.
pub fn looks(kube: &Tally) -> u64 {
    kube.sum(|kind| !kube_write(kind) && !kube_watch(kind))
}

/// What binds and is broken, in words. Only counts bind: they are the same on every machine.
pub fn broken(figures: &Figures) -> Vec<String> {
    let mut broken = Vec::new();
    let mut bind = |holds: bool, words: String| {
        if !holds {
            broken.push(format!("{} requests: {words}", figures.size));
        }
    };
    let size = figures.size as u64;
    let Figures {
        issue,
        restart,
        end,
        ..
    } = figures;

    let writes = issue.kube.sum(kube_write);
    let named = issue.kube.words(kube_write);
    bind(
        writes <= KUBE * size,
        format!("{writes} writes to Kubernetes, not {KUBE} each: {named}"),
    );
    let refused = issue.kube.words(kube_refused);
    bind(refused.is_empty(), format!("refused writes: {refused}"));
    let events = issue.kube.sum(|kind| kind == "create events");
    bind(events == size, format!("{events} events, not one each"));
    let looked = looks(&issue.kube);
    bind(
        looked <= ONCE,
        format!(
            "{looked} looks at Kubernetes, not {ONCE} at most: {:?}",
            issue.kube
        ),
    );
    let asked = issue.vault.sum(|_| true);
    bind(
        asked <= VAULT * size + ONCE,
        format!(
            "{asked} requests to Vault, not {VAULT} each: {:?}",
            issue.vault
        ),
    );
    bind(
        issue.users == figures.size && issue.made == size,
        format!("{} IAM users, {} made", issue.users, issue.made),
    );

    let logins = restart.vault.sum(vault_login);
    bind(logins == 1, format!("{logins} logins at a restart, not 1"));
    let written = writes_of(restart);
    bind(
        written.is_empty(),
        format!("writes at a restart: {written}"),
    );
    bind(
        restart.users == figures.size && restart.made == 0,
        format!(
            "{} IAM users after a restart, {} made",
            restart.users, restart.made
        ),
    );
    bind(
        end.users == 0,
        format!("{} IAM users after all were deleted", end.users),
    );
    broken
}

/// All writes of a stretch, in words.
pub fn writes_of(stretch: &Stretch) -> String {
    let kube = stretch.kube.words(kube_write);
    let vault = stretch.vault.words(vault_write);
    [kube, vault]
        .into_iter()
        .filter(|words| !words.is_empty())
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(kinds: &[(&str, u64)]) -> Tally {
        Tally(kinds.iter().map(|(k, n)| ((*k).to_owned(), *n)).collect())
    }

    fn good() -> Figures {
        Figures {
            size: 10,
            issue: Stretch {
                kube: tally(&[
                    ("create secrets", 60),
                    ("create events", 10),
                    ("watch secrets", 7),
                ]),
                vault: tally(&[
                    ("update auth/token/create-orphan", 10),
                    ("read aws/creds/r", 10),
                ]),
                users: 10,
                made: 10,
                ..Stretch::default()
            },
            restart: Stretch {
                vault: tally(&[
                    ("read auth/token/lookup-self", 1),
                    ("update sys/leases/lookup", 10),
                ]),
                users: 10,
                ..Stretch::default()
            },
            end: Stretch::default(),
        }
    }

    #[test]
    fn each_bound_count_binds() {
        assert_eq!(broken(&good()), Vec::<String>::new());
        let spoilt: [fn(&mut Figures); 8] = [
            |f| f.issue.kube = tally(&[("create secrets", 61), ("create events", 10)]),
            |f| f.issue.kube = tally(&[("create secrets (409)", 1), ("create events", 10)]),
            |f| f.issue.kube = tally(&[("create events", 9)]),
            |f| f.issue.kube = tally(&[("create events", 10), ("get secrets", 41)]),
            |f| f.issue.vault = tally(&[("read aws/creds/r", 61)]),
            |f| f.issue.users = 11,
            |f| f.restart.vault = tally(&[("read auth/token/lookup-self", 2)]),
            |f| f.end.users = 1,
        ];
        for (n, spoil) in spoilt.into_iter().enumerate() {
            let mut figures = good();
            spoil(&mut figures);
            assert_eq!(broken(&figures).len(), 1, "{n}: {:?}", broken(&figures));
        }
        let mut written = good();
        written.restart.kube = tally(&[("patch awsroles/status", 1)]);
        assert!(broken(&written)[0].ends_with("1 patch awsroles/status"));
    }
}
