//! How a Vault is reached: address, trust, names, time limits.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::carrier::Carrier;
use super::transport::{Transport, Way};
use crate::error::{ErrorKind, Result, VaultError};

/// How a Vault is reached. Nothing is read from the environment, no proxy is used.
#[derive(Clone, PartialEq, Eq)]
pub struct Connection {
    /// URL of the Vault, maybe with a path before `/v1`: `https://vault.demo.svc:8200`.
    pub address: String,
    /// The only certificates trusted, as PEM; `None` trusts the system's.
    pub ca_pem: Option<Vec<u8>>,
    /// The name expected in the certificate (and sent as SNI), if it is not the address's host.
    pub server_name: Option<String>,
    /// Trusts whatever certificate comes. For tests.
    pub insecure_skip_tls_verify: bool,
    /// `X-Vault-Namespace` of every call but `sys/health`.
    pub namespace: Option<String>,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long one try of a call may take, answer included.
    pub request_timeout: Duration,
    /// The same for what makes Vault wait for AWS: issuing, revoking, unmounting.
    pub issue_timeout: Duration,
    /// Hosts that are not looked up, as `curl --resolve` has them: the connection goes to that
    /// address (and to that port, unless it is 0), while certificate and `Host` stay the host's.
    pub resolve: Vec<(String, SocketAddr)>,
}

impl Connection {
    /// A connection with the system's trust and the usual time limits.
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            ca_pem: None,
            server_name: None,
            insecure_skip_tls_verify: false,
            namespace: None,
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(30),
            issue_timeout: Duration::from_secs(60),
            resolve: Vec::new(),
        }
    }

    pub(crate) fn open(self) -> Result<Transport> {
        let target = Target::new(&self)?;
        let tls = |words: &str| VaultError::new(ErrorKind::Tls, "connect", self.shown(), words);
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("leasehold/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(self.connect_timeout)
            // Shorter than what load balancers keep: a key must not be asked for on a connection
            // that is just being closed.
            .pool_idle_timeout(Duration::from_secs(20))
            .tls_danger_accept_invalid_certs(self.insecure_skip_tls_verify)
            .dns_resolver(Arc::new(Resolver {
                dialled: target.dial_host.clone(),
                host: target.host.clone(),
                fixed: self.resolve.clone(),
            }));
        if let Some(pem) = &self.ca_pem {
            let certificates = reqwest::Certificate::from_pem_bundle(pem).unwrap_or_default();
            if certificates.is_empty() {
                return Err(tls("caBundle holds no PEM certificate"));
            }
            builder = builder.tls_certs_only(certificates);
        } else if target.base.scheme() == "http" {
            // No roots are needed, and an image without any would refuse to start.
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(|e| {
            let words = if self.ca_pem.is_some() {
                "caBundle holds a certificate that cannot be used"
            } else {
                "no system certificates to trust: give a caBundle"
            };
            VaultError {
                source: Some(Box::new(e.without_url())),
                ..tls(words)
            }
        })?;
        Transport::new(Way::Network(client), target, &self)
    }

    pub(crate) fn carried_by(&self, carrier: Arc<dyn Carrier>) -> Result<Transport> {
        Transport::new(Way::Carrier(carrier), Target::new(self)?, self)
    }

    /// The address as it may be shown: a password in it is not.
    fn shown(&self) -> String {
        match Url::parse(self.address.trim()) {
            Ok(url) if url.has_host() => origin(&url),
            _ => "the address".to_owned(),
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("address", &self.shown())
            .field("ca_pem", &self.ca_pem.as_ref().map(Vec::len))
            .field("server_name", &self.server_name)
            .field("insecure_skip_tls_verify", &self.insecure_skip_tls_verify)
            .field("namespace", &self.namespace)
            .field("connect_timeout", &self.connect_timeout)
            .field("request_timeout", &self.request_timeout)
            .field("issue_timeout", &self.issue_timeout)
            .field("resolve", &self.resolve)
            .finish()
    }
}

/// Scheme, host and port of a URL.
pub(crate) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Where calls go: what the address says, and what is dialled for it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The address, without a slash at its end.
    pub(crate) base: Url,
    /// Its host.
    host: String,
    /// The host that is dialled: the server name where there is one, so that SNI and the
    /// certificate's check are for that name. The resolver leads it to the address's host.
    dial_host: String,
    dial_port: Option<u16>,
}

impl Target {
    fn new(connection: &Connection) -> Result<Self> {
        let invalid =
            |words: &str| VaultError::new(ErrorKind::Invalid, "connect", connection.shown(), words);
        let mut base = Url::parse(connection.address.trim())
            .map_err(|e| invalid(&format!("the address is not a URL: {e}")))?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(invalid("the address must begin with http:// or https://"));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(invalid(
                "the address must hold no user name and no password",
            ));
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(invalid("the address must have no query and no fragment"));
        }
        let path = base.path().trim_end_matches('/').to_owned();
        base.set_path(&path);
        let host = base.host_str().unwrap_or_default().to_owned();
        let dial_host = match &connection.server_name {
            Some(name) if base.scheme() == "https" && !name.trim().is_empty() => {
                name.trim().to_owned()
            }
            _ => host.clone(),
        };
        let mut probe = base.clone();
        let dialled = probe.set_host(Some(&dial_host));
        if dialled.is_err()
            || (dial_host != host && !matches!(probe.domain(), Some(d) if d == dial_host))
        {
            return Err(VaultError::new(
                ErrorKind::Tls,
                "connect",
                connection.shown(),
                format!("the server name {dial_host:?} is not a DNS name in small letters"),
            ));
        }
        let dial_port = connection
            .resolve
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(&host))
            .map(|(_, address)| address.port())
            .filter(|port| *port != 0);
        Ok(Self {
            base,
            host,
            dial_host,
            dial_port,
        })
    }

    /// The URL to dial for a URL below the base.
    pub(crate) fn dial(&self, url: &Url) -> Url {
        let mut dialled = url.clone();
        // Both were tried when this was made; the check of the certificate stands on them, so a
        // failure must not fall back: it leaves a URL whose name does not match.
        let _ = dialled.set_host(Some(&self.dial_host));
        if let Some(port) = self.dial_port {
            let _ = dialled.set_port(Some(port));
        }
        dialled
    }

    /// What `Host` says, whatever is dialled.
    pub(crate) fn authority(&self) -> String {
        match self.base.port() {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }
}

struct Resolver {
    dialled: String,
    host: String,
    fixed: Vec<(String, SocketAddr)>,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let wanted = if name.as_str().eq_ignore_ascii_case(&self.dialled) {
            self.host.clone()
        } else {
            name.as_str().to_owned()
        };
        let fixed: Vec<SocketAddr> = self
            .fixed
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(&wanted))
            .map(|(_, address)| *address)
            .collect();
        Box::pin(async move {
            if !fixed.is_empty() {
                return Ok(Box::new(fixed.into_iter()) as Addrs);
            }
            // An IPv6 host stands in brackets in a URL, and a literal is not looked up.
            let wanted = wanted
                .trim_start_matches('[')
                .trim_end_matches(']')
                .to_owned();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((wanted, 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Connection, Target};
    use crate::ErrorKind;

    fn refused(address: &str) -> crate::VaultError {
        Target::new(&Connection::new(address)).expect_err("must be refused")
    }

    #[test]
    fn addresses() {
        let target = Target::new(&Connection::new(" https://vault.demo:8200/edge/ ")).unwrap();
        assert_eq!(target.base.as_str(), "https://vault.demo:8200/edge");
        assert_eq!(target.authority(), "vault.demo:8200");
        for address in [
            "vault:8200",
            "",
            "ftp://vault",
            "unix:/x",
            "http://",
            "http://v/?a=b",
        ] {
            assert_eq!(refused(address).kind, ErrorKind::Invalid, "{address}");
        }
        let error = refused("https://me:sesame@vault");
        assert!(!format!("{error} {error:?}").contains("sesame"));
        let connection = Connection::new("https://me:sesame@vault");
        assert!(!format!("{connection:?}").contains("sesame"));
    }

    #[test]
    fn a_server_name_is_dialled_in_place_of_the_host() {
        let mut connection = Connection::new("https://10.0.0.7:8200/x");
        connection.server_name = Some("vault.demo.svc".into());
        let target = Target::new(&connection).unwrap();
        let url = target.dial(&target.base);
        assert_eq!(url.as_str(), "https://vault.demo.svc:8200/x");
        assert_eq!(target.authority(), "10.0.0.7:8200");
        for name in ["10.0.0.8", "not a name", "a/b", "a:1", "Vault.demo"] {
            connection.server_name = Some(name.into());
            assert_eq!(
                Target::new(&connection).unwrap_err().kind,
                ErrorKind::Tls,
                "{name}"
            );
        }
    }

    #[test]
    fn resolve_leads_to_the_port_given() {
        let mut connection = Connection::new("http://vault.demo.svc:8200");
        connection.resolve = vec![("vault.demo.svc".into(), ([127, 0, 0, 1], 4711).into())];
        let target = Target::new(&connection).unwrap();
        let url = target.dial(&target.base);
        assert_eq!(url.as_str(), "http://vault.demo.svc:4711/");
        assert_eq!(target.authority(), "vault.demo.svc:8200");
    }

    #[test]
    fn a_bundle_without_a_certificate_is_refused() {
        let mut connection = Connection::new("https://vault");
        connection.ca_pem = Some(b"nothing of the kind".to_vec());
        let error = connection.open().map(|_| ()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Tls);
        assert!(error.says("caBundle holds no PEM certificate"));
        let junk = "-----BEGIN CERTIFICATE-----\nanVuaw==\n-----END CERTIFICATE-----\n";
        let mut connection = Connection::new("https://vault");
        connection.ca_pem = Some(junk.into());
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let error = connection.open().map(|_| ()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Tls);
        assert!(error.says("caBundle"), "{error}");
    }
}
