//! From answers and broken connections to the one error. Nothing of a body gets through but
//! Vault's own `errors`.

use std::error::Error as StdError;
use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;
use serde::Deserialize;

use crate::Redacted;
use crate::error::{ErrorKind, VaultError};

pub(crate) const NOT_A_VAULT: &str = "did not answer as a Vault does";
/// Longest word kept, and how many: they end up in conditions and logs.
const WORD_LIMIT: usize = 1500;
const WORDS: usize = 8;

#[derive(Deserialize)]
struct Errors {
    errors: Vec<String>,
}

/// The error of an answer that is not a success. `secrets` were sent: whoever echoes them shall
/// not have them shown.
pub(crate) fn answered(
    op: &'static str,
    path: &str,
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
    secrets: &[&Redacted],
) -> VaultError {
    let vault = serde_json::from_slice::<Errors>(body).ok();
    let spoke = vault.is_some();
    let mut words: Vec<String> = vault
        .map(|e| e.errors)
        .unwrap_or_default()
        .into_iter()
        .take(WORDS)
        .map(|word| clean(word, secrets))
        .collect();
    let kind = if spoke {
        kind(status, &words)
    } else if status == 429 {
        ErrorKind::RateLimited
    } else {
        let speaks_tls = body.starts_with(b"Client sent an HTTP request to an HTTPS server");
        words.push(if speaks_tls {
            "the server speaks TLS: the address must begin with https://".to_owned()
        } else {
            NOT_A_VAULT.to_owned()
        });
        ErrorKind::Unexpected
    };
    if kind == ErrorKind::Sealed && words.iter().all(String::is_empty) {
        words.push("Vault is sealed or not initialised".to_owned());
    }
    VaultError {
        kind,
        op,
        path: path.to_owned(),
        status: Some(status),
        words,
        retry_after: retry_after(headers),
        source: None,
    }
}

fn clean(mut word: String, secrets: &[&Redacted]) -> String {
    for secret in secrets.iter().filter(|s| s.expose().len() >= 4) {
        if word.contains(secret.expose()) {
            word = word.replace(secret.expose(), "<redacted>");
        }
    }
    if word.len() > WORD_LIMIT {
        let end = (0..=WORD_LIMIT)
            .rfind(|i| word.is_char_boundary(*i))
            .unwrap_or_default();
        word.truncate(end);
        word.push('…');
    }
    word
}

fn kind(status: u16, words: &[String]) -> ErrorKind {
    let says = |needle: &str| words.iter().any(|w| w.contains(needle));
    let throttled = || says("Throttl") || says("RateExceeded") || says("Rate exceeded");
    match status {
        // Vault from 1.17 on says so; before, and OpenBao, leave out the counting line that a
        // policy's refusal begins with.
        403 if says("invalid token")
            || (!says("error occurred") && words == ["permission denied"]) =>
        {
            ErrorKind::Unauthenticated
        }
        403 => ErrorKind::Denied,
        404 if says("no handler for route") || says("namespace not found") => ErrorKind::NoMount,
        404 if says("unsupported path") => ErrorKind::Invalid,
        404 => ErrorKind::NotFound,
        429 => ErrorKind::RateLimited,
        400 | 502 if throttled() => ErrorKind::RateLimited,
        // AWS's failures come with 400 as well: these pass.
        400 if says("RequestError: send request failed")
            || says("status code: 5")
            || says("StatusCode: 5")
            || says("StatusCode: 0,") =>
        {
            ErrorKind::Unexpected
        }
        400 if says("No secret engine mount at")
            || says("cannot fetch sysview for path")
            || says("no mount entry found") =>
        {
            ErrorKind::NoMount
        }
        400 | 405 | 413 | 415 => ErrorKind::Invalid,
        501 => ErrorKind::Sealed,
        500 | 503
            if says("Vault is sealed")
                || says("node is not active")
                || says("no active Vault instance")
                || says("node not active") =>
        {
            ErrorKind::Sealed
        }
        _ => ErrorKind::Unexpected,
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    // The other form, a date, is not what Vault sends.
    Some(Duration::from_secs(text.trim().parse::<u32>().ok()?.into()))
}

/// A call that got no answer, and whether it is certain that it was never sent.
pub(crate) fn unanswered(
    error: reqwest::Error,
    op: &'static str,
    address: &str,
) -> (VaultError, bool) {
    let error = error.without_url();
    let unsent = error.is_connect() || error.is_builder();
    let (kind, words) = if let Some(tls) = tls_words(&error) {
        (ErrorKind::Tls, tls)
    } else if error.is_connect() && error.is_timeout() {
        (ErrorKind::Unreachable, "no connection in time".to_owned())
    } else if error.is_timeout() {
        (ErrorKind::Timeout, "no answer in time".to_owned())
    } else if error.is_connect() {
        (
            ErrorKind::Unreachable,
            format!("no connection: {}", root_words(&error)),
        )
    } else {
        (
            ErrorKind::Unreachable,
            format!(
                "the connection broke before the answer was whole: {}",
                root_words(&error)
            ),
        )
    };
    let mut failure = VaultError::new(kind, op, address, words);
    failure.source = Some(Box::new(error));
    (failure, unsent)
}

fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |e: &&'a (dyn StdError + 'static)| {
        let e: &'a (dyn StdError + 'static) = *e;
        // An io::Error's source is its content's source: the content itself would be skipped.
        match e
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
        {
            Some(inner) => Some(inner),
            None => e.source(),
        }
    })
}

fn tls_words(error: &reqwest::Error) -> Option<String> {
    let tls = chain(error).find_map(|e| e.downcast_ref::<rustls::Error>())?;
    Some(match tls {
        rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType) => {
            "the server does not speak TLS: is it http://?".to_owned()
        }
        rustls::Error::InvalidCertificate(_) => format!("the certificate is not trusted: {tls}"),
        _ => format!("TLS: {tls}"),
    })
}

/// What lies at the bottom: `Connection refused (os error 111)`.
fn root_words(error: &reqwest::Error) -> String {
    chain(error)
        .last()
        .map(ToString::to_string)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{NOT_A_VAULT, answered};
    use crate::{ErrorKind, Redacted, VaultError};
    use http::HeaderMap;
    use std::time::Duration;

    fn error(status: u16, body: &str) -> VaultError {
        answered(
            "GET",
            "aws/x",
            status,
            &HeaderMap::new(),
            body.as_bytes(),
            &[],
        )
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table")]
    fn every_row() {
        use ErrorKind::{
            Denied, Invalid, NoMount, NotFound, RateLimited, Sealed, Unauthenticated, Unexpected,
        };
        for (status, words, kind) in [
            (400, "Role \\\"x\\\" not found", Invalid),
            (
                400,
                "Error creating IAM user: Throttling: Rate exceeded",
                RateLimited,
            ),
            (
                400,
                "Error assuming role: RequestLimitExceeded RateExceeded",
                RateLimited,
            ),
            (400, "invalid lease", Invalid),
            (
                400,
                "Error creating IAM user: AccessDenied: no\\n\\tstatus code: 403, request id: 5",
                Invalid,
            ),
            (
                400,
                "Error creating IAM user: RequestError: send request failed\\ncaused by: dial",
                Unexpected,
            ),
            (
                400,
                "Error creating IAM user: InternalFailure: oh\\n\\tstatus code: 500, request id: x",
                Unexpected,
            ),
            (400, "No secret engine mount at aws/", NoMount),
            (400, "cannot fetch sysview for path \\\"aws/\\\"", NoMount),
            (
                400,
                "tune of path \\\"aws/\\\" failed: no mount entry found",
                NoMount,
            ),
            (403, "permission denied", Unauthenticated),
            (
                403,
                "2 errors occurred:\\n\\t* permission denied\\n\\t* invalid token\\n\\n",
                Unauthenticated,
            ),
            (
                403,
                "1 error occurred:\\n\\t* permission denied\\n\\n",
                Denied,
            ),
            (403, "service account name not authorized", Denied),
            (404, "", NotFound),
            (404, "role \\\"none\\\" does not exist", NotFound),
            (
                404,
                "no handler for route \\\"x\\\". route entry not found.",
                NoMount,
            ),
            (
                404,
                "no handler for route \\\"x\\\". route entry is tainted.",
                NoMount,
            ),
            (
                404,
                "1 error occurred:\\n\\t* unsupported path\\n\\n",
                Invalid,
            ),
            (
                405,
                "1 error occurred:\\n\\t* unsupported operation\\n\\n",
                Invalid,
            ),
            (412, "required index state not present", Unexpected),
            (413, "too large", Invalid),
            (
                429,
                "request path \\\"aws/creds/x\\\": rate limit quota exceeded",
                RateLimited,
            ),
            (472, "", Unexpected),
            (473, "", Unexpected),
            (
                500,
                "1 error occurred:\\n\\t* internal error\\n\\n",
                Unexpected,
            ),
            (
                500,
                "local node not active but active cluster node not found",
                Sealed,
            ),
            (501, "", Sealed),
            (502, "Throttling: Rate exceeded", RateLimited),
            (502, "bad gateway", Unexpected),
            (503, "Vault is sealed", Sealed),
            (503, "node is not active", Sealed),
            (503, "no active Vault instance found", Sealed),
            (
                503,
                "API access to this namespace has been locked",
                Unexpected,
            ),
        ] {
            let body = format!("{{\"errors\":[\"{words}\"]}}");
            let got = error(status, &body);
            assert_eq!(got.kind, kind, "{status} {words}");
            assert_eq!(got.status, Some(status));
        }
        assert_eq!(error(404, "{\"errors\":[]}").kind, NotFound);
        assert_eq!(error(404, "{\"errors\":[]}").to_string(), "GET aws/x: 404");
    }

    #[test]
    fn what_is_not_vaults_is_not_believed_and_not_shown() {
        for status in [400, 403, 404, 500, 503] {
            for body in [
                "<html>SUPERSECRET</html>",
                "",
                "[]",
                "{\"secret\":\"SUPERSECRET\"}",
                "null",
            ] {
                let got = error(status, body);
                assert_eq!(got.kind, ErrorKind::Unexpected, "{status} {body}");
                assert!(got.says(NOT_A_VAULT));
                assert!(!format!("{got} {got:?}").contains("SUPERSECRET"));
            }
        }
        assert_eq!(error(429, "slow down").kind, ErrorKind::RateLimited);
        let tls = error(400, "Client sent an HTTP request to an HTTPS server.\n");
        assert!(tls.says("https://"));
    }

    #[test]
    fn retry_after_is_kept() {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", "7".parse().unwrap());
        let got = answered("GET", "x", 429, &headers, b"{\"errors\":[]}", &[]);
        assert_eq!(got.retry_after, Some(Duration::from_secs(7)));
        headers.insert(
            "retry-after",
            "Wed, 21 Oct 2026 07:28:00 GMT".parse().unwrap(),
        );
        let got = answered("GET", "x", 429, &headers, b"{\"errors\":[]}", &[]);
        assert_eq!(got.retry_after, None);
    }

    #[test]
    fn echoed_secrets_and_long_words_are_cut() {
        let token = Redacted::new("hvs.SUPERSECRET");
        let body = format!(
            "{{\"errors\":[\"bad hvs.SUPERSECRET {}\"]}}",
            "ä".repeat(4000)
        );
        let got = answered(
            "GET",
            "x",
            400,
            &HeaderMap::new(),
            body.as_bytes(),
            &[&token],
        );
        assert!(!format!("{got} {got:?}").contains("SUPERSECRET"));
        assert!(got.says("bad <redacted>"));
        assert!(got.to_string().len() < 2000);
    }
}
