//! Whom Vault reaches: the other two, without a network.

use std::net::SocketAddr;
use std::time::Duration;

use crate::aws::Aws;
use crate::face::{Answer, Course, Served, Shared};
use crate::faults::Cut;
use crate::kube::Kube;
use crate::vault::Upstream;
use crate::wire::{Request, Response};

/// The servers beside a sandbox's Vault, by the addresses Vault may be configured with.
///
/// Their locks are taken while Vault's is held, and never the other way round.
#[derive(Debug)]
pub struct Neighbours {
    kube: Shared<Kube>,
    aws: Shared<Aws>,
    kube_address: SocketAddr,
    aws_address: SocketAddr,
    late: Duration,
}

impl Neighbours {
    pub(super) fn new(
        (kube, kube_address): (Shared<Kube>, SocketAddr),
        (aws, aws_address): (Shared<Aws>, SocketAddr),
    ) -> Self {
        Self {
            kube,
            aws,
            kube_address,
            aws_address,
            late: Duration::ZERO,
        }
    }
}

/// How Go says that a server closed the connection without an answer.
const CUT: &str = "EOF";

impl Upstream for Neighbours {
    fn call(&mut self, url: &str, request: &Request) -> Result<Response, String> {
        let authority = Authority::of(url);
        if authority.is_kubernetes(self.kube_address) {
            return ask(&self.kube, request, &mut self.late);
        }
        if authority.is_aws(self.aws_address) {
            return ask(&self.aws, request, &mut self.late);
        }
        Err(authority.unreachable())
    }

    fn late(&mut self) -> Duration {
        std::mem::take(&mut self.late)
    }
}

fn ask<S: Served>(
    shared: &Shared<S>,
    request: &Request,
    late: &mut Duration,
) -> Result<Response, String> {
    shared.at(|machine, now| {
        let fault = machine.fault(request, now);
        let Course {
            delay,
            answer_delay,
            cut,
        } = S::course(&fault);
        *late += delay;
        if cut == Some(Cut::Before) {
            return Err(CUT.to_owned());
        }
        let answer = machine.answer(request, &fault, now);
        *late += answer_delay;
        match answer {
            _ if cut == Some(Cut::After) => Err(CUT.to_owned()),
            Answer::Whole(response) => Ok(response),
            Answer::Late(response, more) => {
                *late += more;
                Ok(response)
            }
            // Vault watches nothing.
            Answer::Watch(..) => Err(CUT.to_owned()),
        }
    })
}

/// The part of a URL that says which server.
struct Authority<'a> {
    host: &'a str,
    port: u16,
}

impl<'a> Authority<'a> {
    fn of(url: &'a str) -> Self {
        let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let default = if scheme == "http" { 80 } else { 443 };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().unwrap_or(default)),
            _ => (authority, default),
        };
        Self {
            host: host.trim_start_matches('[').trim_end_matches(']'),
            port,
        }
    }

    fn is_kubernetes(&self, address: SocketAddr) -> bool {
        /// The names every pod knows it by.
        const NAMES: [&str; 4] = [
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
        ];
        self.is_at(address) || (self.port == 443 && NAMES.contains(&self.host))
    }

    fn is_aws(&self, address: SocketAddr) -> bool {
        let is_service = |name: &str| ["iam", "sts", "ec2"].contains(&name);
        let is_default = self
            .host
            .strip_suffix(".amazonaws.com")
            .and_then(|name| name.split('.').next())
            .is_some_and(is_service);
        self.is_at(address) || (self.port == 443 && is_default)
    }

    fn is_at(&self, address: SocketAddr) -> bool {
        let is_local = self.host == "localhost"
            || self
                .host
                .parse()
                .is_ok_and(|ip: std::net::IpAddr| ip == address.ip() || ip.is_loopback());
        self.port == address.port() && is_local
    }

    /// How Go says that nobody is there.
    fn unreachable(&self) -> String {
        let Self { host, port } = self;
        let address = match *host {
            "localhost" => Ok(std::net::IpAddr::from([127, 0, 0, 1])),
            host => host.parse(),
        };
        match address {
            Ok(ip) => {
                let address = SocketAddr::new(ip, *port);
                format!("dial tcp {address}: connect: connection refused")
            }
            Err(_) => format!("dial tcp: lookup {host}: no such host"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_which_server() {
        let kube: SocketAddr = "127.0.0.1:6443".parse().unwrap();
        let aws: SocketAddr = "127.0.0.1:4566".parse().unwrap();
        for (url, expected) in [
            ("https://127.0.0.1:6443", "kube"),
            ("https://localhost:6443/", "kube"),
            ("https://[::1]:6443/x", "kube"),
            ("https://kubernetes.default.svc", "kube"),
            ("https://kubernetes.default.svc:443", "kube"),
            ("http://127.0.0.1:4566", "aws"),
            ("https://iam.amazonaws.com/", "aws"),
            ("https://sts.eu-central-1.amazonaws.com", "aws"),
            ("https://s3.amazonaws.com/", "nobody"),
            ("https://iam.amazonaws.com.evil.example/", "nobody"),
            ("http://kubernetes.default.svc", "nobody"),
            ("http://127.0.0.1:1", "nobody"),
            ("http://10.0.0.1:6443", "nobody"),
            ("", "nobody"),
        ] {
            let authority = Authority::of(url);
            let found = match () {
                () if authority.is_kubernetes(kube) => "kube",
                () if authority.is_aws(aws) => "aws",
                () => "nobody",
            };
            assert_eq!(found, expected, "{url}");
        }
    }

    #[test]
    fn nobody_there_is_said_as_go_says_it() {
        let said = |url| Authority::of(url).unreachable();
        assert_eq!(
            said("http://localhost:1/x"),
            "dial tcp 127.0.0.1:1: connect: connection refused"
        );
        assert_eq!(
            said("https://[::1]/"),
            "dial tcp [::1]:443: connect: connection refused"
        );
        assert_eq!(
            said("https://nowhere.example:8443"),
            "dial tcp: lookup nowhere.example: no such host"
        );
    }
}
