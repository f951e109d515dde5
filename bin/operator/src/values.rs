//! Values of flags: what is accepted, and what is said of the rest.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use leasehold_vault_client::go_duration;

/// Longest cluster name: a Vault role's name also holds a namespace and a name, and IAM takes 128
/// characters of it.
const CLUSTER_NAME_LIMIT: usize = 40;

/// A duration as Go writes them, at least `least`.
pub fn duration(text: &str, least: Duration) -> Result<Duration, String> {
    let Some(duration) = go_duration::parse(text) else {
        return Err("not a duration: write numbers with units, such as 30s, 10m, 24h or 1h30m (units: s, m, h; a day is 24h)".into());
    };
    if duration < least {
        return Err(format!(
            "too short: at least {}",
            go_duration::format(least)
        ));
    }
    Ok(duration)
}

/// A duration of at least a second.
pub fn from_a_second(text: &str) -> Result<Duration, String> {
    duration(text, Duration::from_secs(1))
}

/// A duration of at least a minute.
pub fn from_a_minute(text: &str) -> Result<Duration, String> {
    duration(text, Duration::from_secs(60))
}

/// The cluster part of Vault role names; nothing stands as `-`.
pub fn cluster_name(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Ok("-".into());
    }
    if let Some(bad) = text
        .chars()
        .find(|c| !(c.is_ascii_alphanumeric() || "-_".contains(*c)))
    {
        return Err(format!(
            "{bad:?} cannot be part of it: it becomes part of Vault role names (k8s.<cluster name>.<namespace>.<name>), so only A-Z, a-z, 0-9, - and _ are allowed"
        ));
    }
    if text.len() > CLUSTER_NAME_LIMIT {
        return Err(format!(
            "longer than {CLUSTER_NAME_LIMIT} characters: it becomes part of Vault role names, which IAM limits"
        ));
    }
    Ok(text.to_owned())
}

/// A namespace; nothing is none.
pub fn namespace(text: &str) -> Result<String, String> {
    let label = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let edge = text.starts_with('-') || text.ends_with('-');
    if text.len() > 63 || edge || !text.chars().all(label) {
        return Err("not the name of a namespace: at most 63 of a-z, 0-9 and -, with no - at its ends; for several namespaces run one operator for each, or one for the cluster".into());
    }
    Ok(text.to_owned())
}

/// `HOST=IP` or `HOST=IP:PORT`; port 0 stands for the URL's own.
pub fn resolve(text: &str) -> Result<(String, SocketAddr), String> {
    let Some((host, address)) = text.split_once('=') else {
        return Err("write HOST=IP or HOST=IP:PORT, such as vault.demo.svc=127.0.0.1:8200".into());
    };
    let named = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if host.is_empty() || !host.chars().all(named) {
        return Err(format!(
            "\"{host}\" is not the name of a host: no scheme, no port, no path"
        ));
    }
    let alone = address
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>();
    let address = match (address.parse::<SocketAddr>(), alone) {
        (Ok(address), _) => address,
        (_, Ok(ip)) => SocketAddr::new(ip, 0),
        _ => {
            return Err(format!(
                "\"{address}\" is neither IP nor IP:PORT (an IPv6 address with a port stands in brackets: [::1]:8200)"
            ));
        }
    };
    Ok((host.to_ascii_lowercase(), address))
}

/// Where health and metrics are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// Nowhere.
    Off,
    /// There.
    At(SocketAddr),
}

/// `IP:PORT` or `off`.
pub fn listen(text: &str) -> Result<Listen, String> {
    if text == "off" {
        return Ok(Listen::Off);
    }
    text.parse().map(Listen::At).map_err(|_| {
        "write IP:PORT, such as 0.0.0.0:8080 or [::]:8080, or off to serve nothing".into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_gos_and_what_is_wrong_is_said() {
        assert_eq!(from_a_second("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(from_a_minute("60s"), Ok(Duration::from_secs(60)));
        assert!(from_a_second("0").unwrap_err().contains("at least 1s"));
        assert!(from_a_minute("59s").unwrap_err().contains("at least 1m0s"));
        for bad in ["", "10", "1d", "-5m", "ten minutes"] {
            let words = from_a_second(bad).unwrap_err();
            assert!(words.contains("10m") && words.contains("24h"), "{words}");
        }
    }

    #[test]
    fn a_cluster_name_fits_into_role_names() {
        assert_eq!(cluster_name(""), Ok("-".into()));
        assert_eq!(cluster_name("prod_eu-1"), Ok("prod_eu-1".into()));
        for bad in ["prod.eu", "a/b", "a b", "ü", "*"] {
            assert!(
                cluster_name(bad).unwrap_err().contains("Vault role names"),
                "{bad}"
            );
        }
        assert!(cluster_name(&"x".repeat(41)).is_err());
    }

    #[test]
    fn one_namespace() {
        assert_eq!(namespace("team-a"), Ok("team-a".into()));
        assert_eq!(namespace(""), Ok(String::new()));
        for bad in ["a,b", "A", "-a", "a-", "a.b"] {
            assert!(namespace(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn hosts_are_resolved_as_told() {
        let at = |text: &str| resolve(text).unwrap();
        let wanted = |address: &str| ("vault.demo.svc".to_owned(), address.parse().unwrap());
        assert_eq!(
            at("vault.demo.svc=127.0.0.1:4711"),
            wanted("127.0.0.1:4711")
        );
        assert_eq!(at("Vault.demo.svc=127.0.0.1"), wanted("127.0.0.1:0"));
        assert_eq!(at("vault.demo.svc=::1"), wanted("[::1]:0"));
        assert_eq!(at("vault.demo.svc=[::1]"), wanted("[::1]:0"));
        assert_eq!(at("vault.demo.svc=[::1]:8200"), wanted("[::1]:8200"));
        for bad in [
            "",
            "vault",
            "=1.2.3.4",
            "https://v=1.2.3.4",
            "v:8200=1.2.3.4",
            "v=w",
            "v=1.2.3.4:x",
        ] {
            assert!(resolve(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn listening_can_be_off() {
        assert_eq!(listen("off"), Ok(Listen::Off));
        assert_eq!(
            listen("127.0.0.1:0"),
            Ok(Listen::At(([127, 0, 0, 1], 0).into()))
        );
        assert!(listen(":8080").unwrap_err().contains("0.0.0.0:8080"));
    }
}
