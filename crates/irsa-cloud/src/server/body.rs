//! Bodies: what is read with a bound, and what is sent.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};

/// Whatever went wrong with a body.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// An answer's body: whole, or streamed from an object.
pub enum Body {
    /// Bytes that are at hand.
    Whole(Full<Bytes>),
    /// A stream.
    Streamed(UnsyncBoxBody<Bytes, BoxError>),
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Whole(Full::from(bytes))
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(Full::from(bytes))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Self::Streamed(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Streamed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Streamed(body) => body.size_hint(),
        }
    }
}

/// Why a body was not read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is larger than the bound.
    #[error("the body is too large")]
    TooLarge,
    /// It did not arrive in time.
    #[error("the body did not arrive in time")]
    TimedOut,
    /// The connection broke.
    #[error("the body could not be read: {0}")]
    Broken(BoxError),
}

/// How much of a body that is too large is read and thrown away, so that its sender gets to read the answer.
const MOST_DRAINED: usize = 16 * 1024 * 1024;

/// Reads a whole body of at most `most` bytes within `time`.
///
/// # Errors
/// [`BodyError`].
pub async fn collect<B>(body: B, most: usize, time: Duration) -> Result<Bytes, BodyError>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    tokio::time::timeout(time, collect_within(body, most)).await.map_err(|_elapsed| BodyError::TimedOut)?
}

async fn collect_within<B>(body: B, most: usize) -> Result<Bytes, BodyError>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let mut body = std::pin::pin!(body);
    let mut whole = BytesMut::new();
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| BodyError::Broken(error.into()))?;
        let Ok(data) = frame.into_data() else { continue };
        read += data.len();
        if read > MOST_DRAINED {
            break;
        }
        if read > most {
            whole.clear();
        } else if whole.is_empty() && body.is_end_stream() {
            return Ok(data);
        } else {
            whole.extend_from_slice(&data);
        }
    }
    if read > most { Err(BodyError::TooLarge) } else { Ok(whole.freeze()) }
}
