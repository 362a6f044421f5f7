//! A request's body, checked while it streams: unwrapped from aws-chunked, hashed once for everything that is asked of
//! it, and compared with all that the request said of it.
//!
//! INVARIANT (no end before it is true): the stream ends well only after signature, hashes and checksums were found right.
//! Whoever stores what it yields must read to that end before anything is committed.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use http_body::{Body, Frame, SizeHint};
use irsa_wire::error::Protocol;
use irsa_wire::sigv4::chunked::Decoder;
use irsa_wire::sigv4::{Payload, SigError};
use md5::{Digest, Md5};
use tokio::time::{Instant, Sleep};

use super::checksum::{Algorithm, Announced, Checksum, Hasher, check_form};
use crate::failure::Failure;
use crate::server::body::BoxError;

/// How long a client may be silent while it sends.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the request says of its body.
pub(super) struct Claims {
    sha256: Option<String>,
    md5: Option<Vec<u8>>,
    checksum: Option<Announced>,
    /// Whether an object comes of it, which needs an MD5 for its ETag and a checksum even if none is announced.
    stores: bool,
}

/// What was found out about a body that was read to its end.
#[derive(Debug, Clone)]
pub(super) struct Digests {
    /// MD5 in hexadecimal, which is the ETag.
    pub(super) md5: String,
    pub(super) checksum: Option<Checksum>,
}

/// What became of a body.
#[derive(Debug, Default)]
pub(super) struct Verdict(Mutex<State>);

#[derive(Debug, Default)]
enum State {
    #[default]
    Unread,
    Right(Digests),
    Wrong(Failure),
}

impl Verdict {
    /// The digests of the body, once it was read to its end and found right.
    pub(super) fn digests(&self) -> Option<Digests> {
        match &*self.lock() {
            State::Right(digests) => Some(digests.clone()),
            State::Unread | State::Wrong(_) => None,
        }
    }

    /// What is wrong with the body.
    pub(super) fn failure(&self) -> Option<Failure> {
        match &*self.lock() {
            State::Wrong(failure) => Some(failure.clone()),
            State::Unread | State::Right(_) => None,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claims {
    /// Reads a request's head.
    ///
    /// # Errors
    /// AWS's answer to a claim that cannot be true.
    pub(super) fn read(parts: &Parts, payload: Option<&Payload>) -> Result<Self, Failure> {
        let headers = &parts.headers;
        let sha256 = match payload {
            Some(Payload::Hash(hash)) => Some(hash.clone()),
            Some(_) => None,
            None => hash_of_unsigned(headers),
        };
        // Beside the completion of an upload stands the checksum of the object, not of the body.
        let completes = parts.method == http::Method::POST
            && parts
                .uri
                .query()
                .is_some_and(|query| query.split('&').any(|pair| pair.starts_with("uploadId=")));
        let checksum = if completes { None } else { Announced::from_headers(headers)? };
        let stores = parts.method == http::Method::PUT;
        Ok(Self { sha256, md5: content_md5(headers)?, checksum, stores })
    }
}

/// An anonymous request's `x-amz-content-sha256`, if it is a hash.
fn hash_of_unsigned(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("x-amz-content-sha256")?.to_str().ok()?;
    (value.len() == 64).then(|| value.to_ascii_lowercase())
}

fn content_md5(headers: &HeaderMap) -> Result<Option<Vec<u8>>, Failure> {
    let Some(value) = headers.get("content-md5") else { return Ok(None) };
    match STANDARD.decode(value.as_bytes()) {
        Ok(bytes) if bytes.len() == 16 => Ok(Some(bytes)),
        _ => Err(Failure::new(
            "InvalidDigest",
            StatusCode::BAD_REQUEST,
            "The Content-MD5 you specified was invalid.",
        )),
    }
}

/// The body, checked.
pub(super) struct Checked<B> {
    inner: Pin<Box<B>>,
    decoder: Option<Decoder>,
    claims: Claims,
    hashes: Hashes,
    verdict: Arc<Verdict>,
    patience: Option<Pin<Box<Sleep>>>,
    ended: bool,
}

struct Hashes {
    sha256: Option<digest::Context>,
    md5: Option<Md5>,
    checksum: Option<Hasher>,
}

impl<B> Checked<B> {
    pub(super) fn new(inner: B, decoder: Option<Decoder>, claims: Claims, verdict: Arc<Verdict>) -> Self {
        let announced = claims.checksum.as_ref().map(Announced::algorithm);
        // AWS computes CRC64NVME when the uploader sends no checksum.
        let algorithm = announced.or_else(|| claims.stores.then_some(Algorithm::Crc64Nvme));
        let hashes = Hashes {
            sha256: claims.sha256.as_ref().map(|_| digest::Context::new(&digest::SHA256)),
            md5: (claims.stores || claims.md5.is_some()).then(Md5::new),
            checksum: algorithm.map(Hasher::new),
        };
        Self { inner: Box::pin(inner), decoder, claims, hashes, verdict, patience: None, ended: false }
    }

    fn refuse(&mut self, failure: Failure) -> BoxError {
        self.ended = true;
        let message = failure.body.message.to_string();
        *self.verdict.lock() = State::Wrong(failure);
        message.into()
    }

    /// Unwraps and hashes.
    fn take(&mut self, data: Bytes) -> Result<Bytes, Failure> {
        let data = match &mut self.decoder {
            None => data,
            Some(decoder) => {
                let mut decoded = Vec::with_capacity(data.len());
                decoder.feed(&data, &mut decoded).map_err(|error| wrong_signature(SigError::Chunk(error)))?;
                Bytes::from(decoded)
            }
        };
        if let Some(sha256) = &mut self.hashes.sha256 {
            sha256.update(&data);
        }
        if let Some(md5) = &mut self.hashes.md5 {
            md5.update(&data);
        }
        if let Some(checksum) = &mut self.hashes.checksum {
            checksum.update(&data);
        }
        Ok(data)
    }

    fn finish(&mut self) -> Result<Digests, Failure> {
        let trailers = match self.decoder.take() {
            Some(decoder) => decoder.finish().map_err(|error| wrong_signature(SigError::Chunk(error)))?,
            None => Vec::new(),
        };
        if let (Some(sha256), Some(claimed)) = (self.hashes.sha256.take(), &self.claims.sha256)
            && hex::encode(sha256.finish()) != *claimed
        {
            return Err(wrong_signature(SigError::ContentSha256Mismatch));
        }
        let md5 = self.hashes.md5.take().map(|md5| md5.finalize());
        if let (Some(md5), Some(claimed)) = (&md5, &self.claims.md5)
            && md5.as_slice() != claimed.as_slice()
        {
            return Err(Failure::new(
                "BadDigest",
                StatusCode::BAD_REQUEST,
                "The Content-MD5 you specified did not match what we received.",
            ));
        }
        let checksum = self.hashes.checksum.take().map(Hasher::finish);
        if let (Some(checksum), Some(announced)) = (&checksum, &self.claims.checksum) {
            compare(checksum, announced, &trailers)?;
        }
        Ok(Digests { md5: md5.map(|md5| hex::encode(md5.as_slice())).unwrap_or_default(), checksum })
    }

    fn out_of_patience(&mut self, cx: &mut Context<'_>) -> bool {
        let patience = self.patience.get_or_insert_with(|| Box::pin(tokio::time::sleep(PATIENCE)));
        patience.as_mut().poll(cx).is_ready()
    }
}

fn compare(checksum: &Checksum, announced: &Announced, trailers: &[(String, String)]) -> Result<(), Failure> {
    let name = checksum.algorithm.name();
    let claimed = match announced {
        Announced::Value(_, value) => value,
        Announced::Trailer(algorithm) => {
            let header = algorithm.header();
            let Some((_, value)) = trailers.iter().find(|(name, _)| name == header) else {
                return Err(Failure::new(
                    "MalformedTrailerError",
                    StatusCode::BAD_REQUEST,
                    "The request contained trailing data that was not well-formed or did not conform to our published schema.",
                ));
            };
            check_form(*algorithm, value)?;
            value
        }
    };
    if *claimed == checksum.value {
        return Ok(());
    }
    Err(Failure::new(
        "BadDigest",
        StatusCode::BAD_REQUEST,
        format!("The {name} you specified did not match the calculated checksum."),
    ))
}

fn wrong_signature(error: SigError) -> Failure {
    error.body(Protocol::RestXml).into()
}

impl<B> Body for Checked<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        loop {
            let frame = match this.inner.as_mut().poll_frame(cx) {
                Poll::Ready(frame) => frame,
                Poll::Pending => {
                    if this.out_of_patience(cx) {
                        let failure = Failure::new(
                            "RequestTimeout",
                            StatusCode::BAD_REQUEST,
                            "Your socket connection to the server was not read from or written to within the timeout period. Idle connections will be closed.",
                        );
                        return Poll::Ready(Some(Err(this.refuse(failure))));
                    }
                    return Poll::Pending;
                }
            };
            if let Some(patience) = &mut this.patience {
                patience.as_mut().reset(Instant::now() + PATIENCE);
            }
            match frame {
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue };
                    match this.take(data) {
                        Ok(data) if data.is_empty() => {}
                        Ok(data) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                        Err(failure) => return Poll::Ready(Some(Err(this.refuse(failure)))),
                    }
                }
                Some(Err(error)) => {
                    let error: BoxError = error.into();
                    tracing::debug!(%error, "a body broke off");
                    let failure = Failure::new(
                        "IncompleteBody",
                        StatusCode::BAD_REQUEST,
                        "You did not provide the number of bytes specified by the Content-Length HTTP header",
                    );
                    return Poll::Ready(Some(Err(this.refuse(failure))));
                }
                None => {
                    return match this.finish() {
                        Ok(digests) => {
                            this.ended = true;
                            *this.verdict.lock() = State::Right(digests);
                            Poll::Ready(None)
                        }
                        Err(failure) => Poll::Ready(Some(Err(this.refuse(failure)))),
                    };
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        // Never before the end was polled, for only then the body is known to be right.
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        if self.decoder.is_some() { SizeHint::default() } else { self.inner.size_hint() }
    }
}

#[cfg(test)]
mod tests;
