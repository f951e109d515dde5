//! One call over HTTP: headers, time limit, size limit, redirects. Knows no endpoint.

use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_TYPE, HOST, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use reqwest::Url;
use zeroize::Zeroizing;

use super::carrier::Carrier;
use super::connection::{Connection, Target, origin};
use super::errors::{self, NOT_A_VAULT};
use crate::Redacted;
use crate::error::{ErrorKind, Result, VaultError};

const BODY_LIMIT: usize = 1 << 20;
const REDIRECTS: u32 = 3;

const TOKEN: HeaderName = HeaderName::from_static("x-vault-token");
const REQUEST: HeaderName = HeaderName::from_static("x-vault-request");
const NAMESPACE: HeaderName = HeaderName::from_static("x-vault-namespace");

/// What is sent.
pub(crate) struct Request<'a> {
    pub(crate) method: Method,
    /// For errors.
    pub(crate) op: &'static str,
    /// Below `/v1/`.
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
    pub(crate) body: Option<&'a [u8]>,
    pub(crate) token: Option<&'a Redacted>,
    /// What else must not be shown if the answer echoes it.
    pub(crate) secrets: &'a [Redacted],
    pub(crate) namespaced: bool,
    /// Statuses beyond 2xx that are answers, not errors (`sys/health`).
    pub(crate) also: &'static [u16],
    pub(crate) timeout: Duration,
}

/// What came back.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

/// A failed try, and whether it is certain that Vault never saw it.
pub(crate) struct Failed {
    pub(crate) error: VaultError,
    pub(crate) unsent: bool,
}

impl From<VaultError> for Failed {
    fn from(error: VaultError) -> Self {
        Self {
            error,
            unsent: false,
        }
    }
}

/// Who carries the bytes.
pub(crate) enum Way {
    Network(reqwest::Client),
    Carrier(Arc<dyn Carrier>),
}

impl std::fmt::Debug for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Network(_) => "Network",
            Self::Carrier(_) => "Carrier",
        })
    }
}

#[derive(Debug)]
pub(crate) struct Transport {
    way: Way,
    target: Target,
    host: HeaderValue,
    namespace: Option<HeaderValue>,
    pub(crate) request_timeout: Duration,
    pub(crate) issue_timeout: Duration,
}

impl Transport {
    pub(crate) fn new(way: Way, target: Target, connection: &Connection) -> Result<Self> {
        let header = |what: &str, text: &str| {
            HeaderValue::from_str(text).map_err(|_| {
                VaultError::new(
                    ErrorKind::Invalid,
                    "connect",
                    origin(&target.base),
                    format!("the {what} holds characters that no header can carry"),
                )
            })
        };
        let namespace = connection
            .namespace
            .as_deref()
            .map(str::trim)
            .filter(|n| !n.is_empty())
            .map(|n| header("namespace", n))
            .transpose()?;
        Ok(Self {
            way,
            host: header("host", &target.authority())?,
            namespace,
            target,
            request_timeout: connection.request_timeout,
            issue_timeout: connection.issue_timeout,
        })
    }

    /// Scheme, host and port, for errors.
    pub(crate) fn address(&self) -> String {
        origin(&self.target.base)
    }

    /// One try.
    pub(crate) async fn send(&self, request: &Request<'_>) -> Result<Reply, Failed> {
        let token = request
            .token
            .map(|t| token_header(t, request))
            .transpose()?;
        let mut url = self.url(request)?;
        let exchange = async {
            for _ in 0..=REDIRECTS {
                let response = self.exchange(request, &url, token.as_ref()).await?;
                let status = response.status();
                if !status.is_redirection() {
                    return self.finish(request, response).await;
                }
                url = self.redirect(request, &url, &response)?;
            }
            Err(Failed::from(VaultError {
                status: Some(StatusCode::TEMPORARY_REDIRECT.as_u16()),
                ..VaultError::new(
                    ErrorKind::Unexpected,
                    request.op,
                    request.path,
                    format!("redirected more than {REDIRECTS} times"),
                )
            }))
        };
        tokio::time::timeout(request.timeout, exchange)
            .await
            .unwrap_or_else(|_| {
                Err(Failed::from(VaultError::new(
                    ErrorKind::Timeout,
                    request.op,
                    self.address(),
                    format!("no answer within {:?}", request.timeout),
                )))
            })
    }

    /// The URL of a call. By hand: `vaultrs` puts `/v1` before a path that the address has, and
    /// its paths with a leading slash give `//`, which newer Vaults refuse.
    fn url(&self, request: &Request<'_>) -> Result<Url> {
        let invalid =
            |words: &str| VaultError::new(ErrorKind::Invalid, request.op, request.path, words);
        let mut url = self.target.base.clone();
        {
            let mut segments = url
                .path_segments_mut()
                .map_err(|()| invalid("the address is not a URL that can have a path"))?;
            segments.pop_if_empty().push("v1");
            for segment in request.path.split('/') {
                // The URL crate would drop or fold them, and the call would go elsewhere.
                if matches!(segment, "" | "." | "..") || segment.contains(|c: char| c.is_control())
                {
                    return Err(invalid(
                        "this path cannot be asked for: it has an empty part",
                    ));
                }
                segments.push(segment);
            }
        }
        url.set_query(request.query.filter(|q| !q.is_empty()));
        Ok(url)
    }

    async fn exchange(
        &self,
        request: &Request<'_>,
        url: &Url,
        token: Option<&HeaderValue>,
    ) -> Result<reqwest::Response, Failed> {
        let headers = self.headers(request, token);
        let body = request.body.map(<[u8]>::to_vec);
        match &self.way {
            Way::Network(client) => {
                let mut builder = client
                    .request(request.method.clone(), self.target.dial(url))
                    .headers(headers);
                if let Some(body) = body {
                    builder = builder.body(body);
                }
                builder
                    .send()
                    .await
                    .map_err(|e| self.unanswered(e, request))
            }
            Way::Carrier(carrier) => {
                let mut bytes = http::Request::new(body.unwrap_or_default());
                *bytes.method_mut() = request.method.clone();
                *bytes.headers_mut() = headers;
                *bytes.uri_mut() = url.as_str().parse().map_err(|_| {
                    let words = "the path holds characters that no URL can have";
                    VaultError::new(ErrorKind::Invalid, request.op, request.path, words)
                })?;
                let answer = carrier.carry(bytes).await;
                answer.map(Into::into).map_err(|source| {
                    Failed::from(VaultError {
                        source: Some(source),
                        ..VaultError::new(
                            ErrorKind::Unreachable,
                            request.op,
                            self.address(),
                            "no answer came",
                        )
                    })
                })
            }
        }
    }

    fn headers(&self, request: &Request<'_>, token: Option<&HeaderValue>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, self.host.clone());
        headers.insert(REQUEST, HeaderValue::from_static("true"));
        if let Some(token) = token {
            headers.insert(TOKEN, token.clone());
        }
        if let Some(namespace) = self.namespace.as_ref().filter(|_| request.namespaced) {
            headers.insert(NAMESPACE, namespace.clone());
        }
        if request.body.is_some() {
            let json = HeaderValue::from_static("application/json");
            headers.insert(CONTENT_TYPE, json);
        }
        headers
    }

    fn unanswered(&self, error: reqwest::Error, request: &Request<'_>) -> Failed {
        let (error, unsent) = errors::unanswered(error, request.op, &self.address());
        Failed { error, unsent }
    }

    async fn finish(
        &self,
        request: &Request<'_>,
        mut response: reqwest::Response,
    ) -> Result<Reply, Failed> {
        let status = response.status().as_u16();
        let mut body = Zeroizing::new(Vec::new());
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|e| self.unanswered(e, request))?
        {
            if body.len() + chunk.len() > BODY_LIMIT {
                return Err(Failed::from(VaultError {
                    status: Some(status),
                    ..VaultError::new(
                        ErrorKind::Unexpected,
                        request.op,
                        request.path,
                        "answered more than 1 MiB",
                    )
                }));
            }
            body.extend_from_slice(&chunk);
        }
        if (200..=208).contains(&status) || request.also.contains(&status) {
            return Ok(Reply { status, body });
        }
        let secrets: Vec<&Redacted> = request.secrets.iter().chain(request.token).collect();
        Err(Failed::from(errors::answered(
            request.op,
            request.path,
            status,
            response.headers(),
            &body,
            &secrets,
        )))
    }

    /// A standby that does not forward names the active node. The token goes nowhere but to the
    /// address it was meant for: another host is named, not followed.
    fn redirect(
        &self,
        request: &Request<'_>,
        from: &Url,
        response: &reqwest::Response,
    ) -> Result<Url> {
        let status = response.status();
        let refuse = |words: String| VaultError {
            status: Some(status.as_u16()),
            ..VaultError::new(ErrorKind::Unexpected, request.op, request.path, words)
        };
        let to = response
            .headers()
            .get(LOCATION)
            .and_then(|v| v.to_str().ok())
            .and_then(|l| from.join(l).ok())
            .filter(|url| url.username().is_empty() && url.password().is_none())
            .ok_or_else(|| refuse(format!("{NOT_A_VAULT}: it redirects to nowhere")))?;
        let place = origin(&to);
        if place != self.address() {
            return Err(refuse(format!(
                "redirects to {place}, which is not followed: the address must be the one that \
                 answers"
            )));
        }
        if !matches!(
            status,
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT
        ) {
            return Err(refuse(format!(
                "{NOT_A_VAULT}: it redirects within {place}"
            )));
        }
        Ok(to)
    }
}

fn token_header(token: &Redacted, request: &Request<'_>) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(token.expose()).map_err(|_| {
        VaultError::new(
            ErrorKind::Login,
            request.op,
            request.path,
            "the token holds characters that no header can carry",
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}
