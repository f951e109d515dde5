//! What an AppBinding says: where its Vault is, and how to log in.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{Api, Client, ResourceExt};
use leasehold_api_types::{
    AppBinding, AppBindingSpec, VaultServerConfiguration, app_binding::ServiceReference,
};
use leasehold_reconcile_core::{Failure, FailureClass, reasons};
use leasehold_vault_client::{
    Connection, ErrorKind, Redacted, VaultError,
    login::{KubernetesLogin, Login, TokenLogin},
};

use super::jwt::{FixedJwt, TokenRequestJwt};
use crate::failures;

/// Type of a Secret that holds a Vault token under the key `token`.
const TOKEN_SECRET: &str = "kubevault.com/token";
/// Type of a Secret that holds a ServiceAccount's token under the key `token`.
const SERVICE_ACCOUNT_SECRET: &str = "kubernetes.io/service-account-token";

/// How to reach and log in to a Vault.
pub(super) struct Described {
    pub(super) connection: Connection,
    pub(super) login: Arc<dyn Login>,
    pub(super) token_role: Option<String>,
    /// Changes when the login Secret does.
    pub(super) fingerprint: String,
}

/// Reads an AppBinding, and its login Secret if it names one.
pub(super) async fn describe(
    client: &Client,
    binding: &AppBinding,
    resolve: &[(String, SocketAddr)],
) -> Result<Described, Failure> {
    let path = crate::stores::path(binding);
    let namespace = binding.namespace().unwrap_or_default();
    let configuration = binding.spec.configuration().map_err(|e| {
        invalid(
            &path,
            &format!("spec.parameters cannot be read as a VaultServerConfiguration ({e})"),
        )
    })?;
    let connection = connection(&binding.spec, &configuration, &namespace, resolve)
        .map_err(|why| invalid(&path, &why))?;
    let token_role = configuration.token_role.clone();
    let account = configuration
        .kubernetes
        .as_ref()
        .map(|k| k.service_account_name.clone());
    if let Some(account) = account.filter(|a| !a.is_empty()) {
        let jwt = Arc::new(TokenRequestJwt::new(client.clone(), &namespace, &account));
        let login = kubernetes(&configuration, jwt).map_err(|why| invalid(&path, &why))?;
        return Ok(Described {
            connection,
            login,
            token_role,
            fingerprint: account,
        });
    }
    let Some(name) = binding.spec.secret.as_ref().map(|s| s.name.clone()) else {
        return Err(invalid(
            &path,
            "it names no login: set spec.secret.name to a Secret with a token, or spec.parameters.kubernetes.serviceAccountName",
        ));
    };
    let secret = login_secret(client, &namespace, &name).await?;
    let login = by_secret(&secret, &configuration, &format!("{namespace}/{name}"))?;
    let fingerprint = format!(
        "{}/{}",
        secret.uid().unwrap_or_default(),
        secret.resource_version().unwrap_or_default()
    );
    Ok(Described {
        connection,
        login,
        token_role,
        fingerprint,
    })
}

async fn login_secret(client: &Client, namespace: &str, name: &str) -> Result<Secret, Failure> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    match api.get_opt(name).await {
        Ok(Some(secret)) => Ok(secret),
        Ok(None) => Err(missing(format!(
            "Secret {namespace}/{name}, the login to Vault, does not exist: create it with the key token and type {TOKEN_SECRET}"
        ))),
        Err(e) => Err(failures::kubernetes(&e)),
    }
}

fn by_secret(
    secret: &Secret,
    configuration: &VaultServerConfiguration,
    path: &str,
) -> Result<Arc<dyn Login>, Failure> {
    let type_ = secret.type_.as_deref().unwrap_or_default();
    match type_ {
        TOKEN_SECRET => Ok(Arc::new(TokenLogin::new(text(
            secret.data.as_ref(),
            "token",
            path,
        )?))),
        SERVICE_ACCOUNT_SECRET => {
            let jwt = Arc::new(FixedJwt(text(secret.data.as_ref(), "token", path)?));
            kubernetes(configuration, jwt).map_err(|why| invalid(path, &why))
        }
        other => Err(missing(format!(
            "Secret {path} has type \"{other}\", which is no login this operator knows: use {TOKEN_SECRET} with the key token, or {SERVICE_ACCOUNT_SECRET}"
        ))),
    }
}

fn kubernetes(
    configuration: &VaultServerConfiguration,
    jwt: Arc<dyn leasehold_vault_client::login::JwtSource>,
) -> Result<Arc<dyn Login>, String> {
    let Some(role) = configuration.vault_role.clone().filter(|r| !r.is_empty()) else {
        return Err("a login as ServiceAccount needs spec.parameters.vaultRole".into());
    };
    let mount_path = configuration
        .path
        .clone()
        .unwrap_or_else(|| "kubernetes".into());
    Ok(Arc::new(KubernetesLogin {
        mount_path,
        role,
        jwt,
    }))
}

/// A text under a key of a Secret, trimmed; never part of a message.
pub(crate) fn text(
    data: Option<&BTreeMap<String, ByteString>>,
    key: &str,
    path: &str,
) -> Result<Redacted, Failure> {
    let Some(bytes) = data.and_then(|d| d.get(key)) else {
        return Err(missing(format!("Secret {path} has no key {key}: add it")));
    };
    let Ok(text) = std::str::from_utf8(&bytes.0) else {
        return Err(missing(format!(
            "Secret {path}, key {key}: not UTF-8 text; write it again"
        )));
    };
    let text = Redacted::new(text);
    if text.is_empty() || text.expose().chars().any(char::is_control) {
        return Err(missing(format!(
            "Secret {path}, key {key}: empty, or holds control characters; write it again"
        )));
    }
    Ok(text)
}

fn connection(
    spec: &AppBindingSpec,
    configuration: &VaultServerConfiguration,
    namespace: &str,
    resolve: &[(String, SocketAddr)],
) -> Result<Connection, String> {
    let config = &spec.client_config;
    let service = config.service.as_ref();
    let address = match (&config.url, service) {
        (Some(url), _) if !url.is_empty() => url.clone(),
        (_, Some(service)) => of_service(service, namespace)?,
        _ => {
            return Err(
                "it says neither spec.clientConfig.url nor service: where is Vault?".into(),
            );
        }
    };
    // A Service in front says which name the certificate is for, also where a url is dialled.
    let by_service = service.map(|s| format!("{}.{namespace}.svc", s.name));
    let mut connection = Connection::new(address);
    connection.ca_pem = config
        .ca_bundle
        .as_ref()
        .map(|b| b.0.clone())
        .filter(|b| !b.is_empty());
    connection.server_name = config
        .server_name
        .clone()
        .filter(|n| !n.is_empty())
        .or(by_service);
    connection.insecure_skip_tls_verify = config.insecure_skip_tls_verify;
    connection.namespace = configuration.namespace.clone().filter(|n| !n.is_empty());
    connection.resolve = resolve.to_vec();
    Ok(connection)
}

fn of_service(service: &ServiceReference, namespace: &str) -> Result<String, String> {
    let scheme = service
        .scheme
        .as_deref()
        .unwrap_or("https")
        .to_ascii_lowercase();
    if scheme != "http" && scheme != "https" {
        return Err(format!(
            "spec.clientConfig.service.scheme \"{scheme}\" is neither http nor https"
        ));
    }
    let path = service
        .path
        .as_deref()
        .unwrap_or_default()
        .trim_matches('/');
    let slash = if path.is_empty() { "" } else { "/" };
    Ok(format!(
        "{scheme}://{}.{namespace}.svc:{}{slash}{path}",
        service.name, service.port
    ))
}

fn invalid(path: &str, why: &str) -> Failure {
    Failure::invalid(
        reasons::APP_BINDING_INVALID,
        format!("AppBinding {path}: {why}"),
    )
}

/// Why no client could be made of what it says; nothing was sent.
pub(super) fn unusable(binding: &AppBinding, error: &VaultError) -> Failure {
    let at = crate::stores::path(binding);
    if error.kind != ErrorKind::Invalid {
        return failures::vault(error, &at);
    }
    let why = format!("spec.clientConfig: {}", error.words.join("; "));
    invalid(&at, &why)
}

fn missing(message: String) -> Failure {
    Failure::new(FailureClass::Transient, reasons::LOGIN_MISSING, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use leasehold_api_types::app_binding::ClientConfig;

    fn of(client_config: ClientConfig) -> Result<Connection, String> {
        let spec = AppBindingSpec {
            client_config,
            ..AppBindingSpec::default()
        };
        connection(&spec, &VaultServerConfiguration::default(), "demo", &[])
    }

    fn service(scheme: &str) -> ServiceReference {
        ServiceReference {
            scheme: Some(scheme.into()),
            name: "vault".into(),
            port: 8200,
            ..ServiceReference::default()
        }
    }

    #[test]
    fn the_seeds_service_is_an_address_and_a_name() {
        let c = of(ClientConfig {
            service: Some(service("HTTPS")),
            ..ClientConfig::default()
        })
        .unwrap();
        assert_eq!(c.address, "https://vault.demo.svc:8200");
        assert_eq!(c.server_name.as_deref(), Some("vault.demo.svc"));
    }

    #[test]
    fn a_url_wins_and_a_server_name_wins() {
        let c = of(ClientConfig {
            url: Some("https://10.0.0.1:8200".into()),
            service: Some(service("http")),
            server_name: Some("vault.example.com".into()),
            ..ClientConfig::default()
        })
        .unwrap();
        assert_eq!(c.address, "https://10.0.0.1:8200");
        assert_eq!(c.server_name.as_deref(), Some("vault.example.com"));
    }

    #[test]
    fn what_says_no_address_is_refused_with_the_field_to_set() {
        assert!(
            of(ClientConfig::default())
                .unwrap_err()
                .contains("spec.clientConfig.url")
        );
        assert!(
            of(ClientConfig {
                service: Some(service("ftp")),
                ..ClientConfig::default()
            })
            .is_err()
        );
    }

    #[test]
    fn a_token_with_a_newline_is_trimmed_and_garbage_is_refused() {
        let data = |bytes: &[u8]| [("token".to_owned(), ByteString(bytes.to_vec()))].into();
        assert_eq!(
            text(Some(&data(b"hvs.x\n")), "token", "demo/t")
                .unwrap()
                .expose(),
            "hvs.x"
        );
        for bad in [&b"\xff\xfe"[..], b"", b"a\nb"] {
            let failure = text(Some(&data(bad)), "token", "demo/t").unwrap_err();
            assert!(failure.message.contains("demo/t"), "{}", failure.message);
        }
        assert!(text(None, "token", "demo/t").is_err());
    }
}
