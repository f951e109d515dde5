//! Bodies: requests' are read whole, answers' may go on.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::sync::watch;

use super::Served;
use super::server::told;
use super::shared::Watching;

/// Why a request's body is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    /// It is larger than the server takes.
    TooLarge,
    /// It did not come in time.
    TooSlow,
    /// It broke off, or is no body.
    Broken,
}

/// So much of a body that is too large is read all the same: a client that is still sending
/// when the connection closes never sees why.
const MOST_DRAINED: usize = 64 << 20;

/// All of a request's body.
pub(super) async fn whole(
    body: Incoming,
    most: usize,
    waits_for_leave: bool,
    patience: Duration,
) -> Result<Vec<u8>, Unread> {
    let announced = body.size_hint().lower();
    let is_too_large = usize::try_from(announced).is_ok_and(|length| length > most);
    if is_too_large && waits_for_leave {
        // The client asked first: it is told before it sends anything.
        return Err(Unread::TooLarge);
    }
    tokio::time::timeout(patience, read(body, most))
        .await
        .unwrap_or(Err(Unread::TooSlow))
}

async fn read(mut body: Incoming, most: usize) -> Result<Vec<u8>, Unread> {
    let mut read = Vec::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Unread::Broken)?.into_data() else {
            continue;
        };
        length += data.len();
        if length <= most {
            read.extend_from_slice(&data);
        } else if length > MOST_DRAINED {
            break;
        }
    }
    if length > most {
        return Err(Unread::TooLarge);
    }
    Ok(read)
}

/// An answer's body.
pub(super) enum Said {
    /// All of it.
    Whole(Bytes),
    /// A watch, until it ends or the server does.
    Watch(Pin<Box<dyn Future<Output = Option<Told>> + Send>>),
}

/// A part of a watch, and what follows.
pub(super) struct Told(Bytes, Said);

impl Said {
    pub(super) fn watch<S: Served>(watching: Watching<S>, stop: watch::Receiver<bool>) -> Self {
        Self::Watch(Box::pin(next(watching, stop)))
    }
}

async fn next<S: Served>(
    mut watching: Watching<S>,
    mut stop: watch::Receiver<bool>,
) -> Option<Told> {
    let bytes = tokio::select! {
        bytes = watching.next() => bytes?,
        () = told(&mut stop) => return None,
    };
    Some(Told(bytes.into(), Said::watch(watching, stop)))
}

impl Body for Said {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let told = match &mut *self {
            Self::Whole(bytes) if bytes.is_empty() => None,
            Self::Whole(bytes) => Some(Told(std::mem::take(bytes), Self::Whole(Bytes::new()))),
            Self::Watch(next) => ready!(next.as_mut().poll(context)),
        };
        let Told(bytes, rest) = told.unwrap_or_else(|| Told(Bytes::new(), Self::default()));
        *self = rest;
        let frame = (!bytes.is_empty()).then(|| Ok(Frame::data(bytes)));
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Watch(_) => SizeHint::default(),
        }
    }
}

impl Default for Said {
    fn default() -> Self {
        Self::Whole(Bytes::new())
    }
}
