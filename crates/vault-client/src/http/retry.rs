//! What may be tried again, and when.

use std::time::Duration;

use crate::error::{ErrorKind, VaultError};

/// Tries of one call, the first included.
pub(crate) const TRIES: u32 = 3;
/// Longest sum of waits within one call: longer ones belong to the caller, who can tell about them.
const PATIENCE: Duration = Duration::from_secs(10);

/// Which failures of a call may be answered with another try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// None: a second try could make a second key.
    Never,
    /// Those after which nothing happened in Vault: never sent, or refused.
    Unsent,
    /// All that may pass: the call can be made twice.
    Idempotent,
}

/// How long to wait before the next try; `None` if there is none.
///
/// `tries` were made, `waited` was spent between them. No jitter: the callers are spread already,
/// and equal histories shall have equal times.
pub(crate) fn next(
    retry: Retry,
    error: &VaultError,
    unsent: bool,
    tries: u32,
    waited: Duration,
) -> Option<Duration> {
    if tries >= TRIES {
        return None;
    }
    let may = match retry {
        Retry::Never => false,
        Retry::Unsent => unsent || matches!(error.status, Some(412 | 429)),
        Retry::Idempotent => match error.status {
            None => unsent || error.kind == ErrorKind::Unreachable,
            Some(412 | 429 | 472 | 473) => true,
            Some(501) => false,
            Some(status) => status >= 500 && error.kind != ErrorKind::Sealed,
        },
    };
    // Names and certificates do not change within seconds.
    if !may || error.kind == ErrorKind::Tls {
        return None;
    }
    let pause = error
        .retry_after
        .unwrap_or_else(|| Duration::from_millis(500) * 4_u32.pow(tries.saturating_sub(1)));
    (waited + pause <= PATIENCE).then_some(pause)
}

#[cfg(test)]
mod tests {
    use super::{Retry, next};
    use crate::{ErrorKind, VaultError};
    use std::time::Duration;

    fn answered(status: u16, kind: ErrorKind) -> VaultError {
        VaultError {
            status: Some(status),
            ..VaultError::new(kind, "GET", "x", "")
        }
    }

    #[test]
    fn which_failures_are_tried_again() {
        use ErrorKind::{Invalid, RateLimited, Sealed, Unexpected};
        for (status, kind, never, unsent, idempotent) in [
            (400, Invalid, false, false, false),
            (412, Unexpected, false, true, true),
            (429, RateLimited, false, true, true),
            (472, Unexpected, false, false, true),
            (473, Unexpected, false, false, true),
            (500, Unexpected, false, false, true),
            (501, Sealed, false, false, false),
            (502, RateLimited, false, false, true),
            (503, Unexpected, false, false, true),
            (503, Sealed, false, false, false),
        ] {
            let error = answered(status, kind);
            for (retry, may) in [
                (Retry::Never, never),
                (Retry::Unsent, unsent),
                (Retry::Idempotent, idempotent),
            ] {
                let pause = next(retry, &error, false, 1, Duration::ZERO);
                assert_eq!(pause.is_some(), may, "{status} {kind:?} {retry:?}");
            }
        }
    }

    #[test]
    fn what_was_never_sent_may_be_sent_unless_never() {
        let error = VaultError::new(ErrorKind::Unreachable, "GET", "x", "refused");
        assert!(next(Retry::Unsent, &error, true, 1, Duration::ZERO).is_some());
        assert!(next(Retry::Unsent, &error, false, 1, Duration::ZERO).is_none());
        assert!(next(Retry::Idempotent, &error, false, 1, Duration::ZERO).is_some());
        assert!(next(Retry::Never, &error, true, 1, Duration::ZERO).is_none());
        let timeout = VaultError::new(ErrorKind::Timeout, "GET", "x", "");
        assert!(next(Retry::Idempotent, &timeout, false, 1, Duration::ZERO).is_none());
        let tls = VaultError::new(ErrorKind::Tls, "GET", "x", "");
        assert!(next(Retry::Idempotent, &tls, true, 1, Duration::ZERO).is_none());
    }

    #[test]
    fn three_tries_within_ten_seconds() {
        let mut error = answered(429, ErrorKind::RateLimited);
        let pause = |e: &VaultError, tries, waited| {
            next(
                Retry::Idempotent,
                e,
                false,
                tries,
                Duration::from_secs(waited),
            )
        };
        assert_eq!(pause(&error, 1, 0), Some(Duration::from_millis(500)));
        assert_eq!(pause(&error, 2, 0), Some(Duration::from_secs(2)));
        assert_eq!(pause(&error, 3, 0), None);
        error.retry_after = Some(Duration::from_secs(7));
        assert_eq!(pause(&error, 1, 0), Some(Duration::from_secs(7)));
        assert_eq!(pause(&error, 2, 7), None);
        error.retry_after = Some(Duration::from_secs(11));
        assert_eq!(pause(&error, 1, 0), None);
    }
}
