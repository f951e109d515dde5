//! Certificates and keys, made on the spot.

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// A certificate authority that lives as long as a test.
#[derive(Debug)]
pub struct Authority {
    ca_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A server's certificate with its key, and the authority to trust it by.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The certificate.
    pub cert_pem: String,
    /// Its private key.
    pub key_pem: String,
    /// The certificate of the authority that issued it.
    pub ca_pem: String,
}

impl Authority {
    /// Makes a new authority.
    pub fn new() -> Result<Self> {
        let key = KeyPair::generate().context("make the authority's key")?;
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "end-to-end tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca_pem = params
            .self_signed(&key)
            .context("sign the authority")?
            .pem();
        Ok(Self {
            ca_pem,
            issuer: Issuer::new(params, key),
        })
    }

    /// The authority's own certificate.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Issues a certificate for host names and IP addresses.
    pub fn issue(&self, names: &[&str]) -> Result<Certificate> {
        let key = KeyPair::generate().context("make a key")?;
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).context("read the names")?;
        params.use_authority_key_identifier_extension = true;
        let cert = params
            .signed_by(&key, &self.issuer)
            .context("sign a certificate")?;
        Ok(Certificate {
            cert_pem: cert.pem(),
            key_pem: key.serialize_pem(),
            ca_pem: self.ca_pem.clone(),
        })
    }
}

/// A key pair as PEM, private then public, as the apiserver signs
/// service-account tokens with.
pub fn key_pair() -> Result<(String, String)> {
    let key = KeyPair::generate().context("make a key pair")?;
    Ok((key.serialize_pem(), key.public_key_pem()))
}
