//! Bodies in aws-chunked form: a chunk is `<size in hex>[;chunk-signature=<hex>]\r\n<data>\r\n`, the last has size
//! zero, and trailers (a checksum) may follow it. Each signature covers the one before it, the first the request's.
//!
//! The decoder is fed as bytes arrive and hands data out at once, before the chunk's signature can be checked: what it
//! handed out must not be committed before [`Decoder::finish`] succeeded.
//! Source: S3 API reference, "Signature Calculations for the Authorization Header: Transferring Payload in Multiple
//! Chunks" and "… with Trailing Headers".

use super::canonical::{push_hex, string_prefix};
use super::presented::{Payload, Presented, Scope};
use super::{EMPTY_SHA256, SigningKey, Verified};
use aws_lc_rs::digest;
use std::fmt;
use subtle::ConstantTimeEq;

/// Longest line between chunks, in bytes.
const MAX_LINE: usize = 1024;

/// Most trailers of one body.
const MAX_TRAILERS: usize = 16;

const CHUNK_ALGORITHM: &str = "AWS4-HMAC-SHA256-PAYLOAD";
const TRAILER_ALGORITHM: &str = "AWS4-HMAC-SHA256-TRAILER";
const TRAILER_SIGNATURE: &str = "x-amz-trailer-signature";

/// Why a chunked body is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// A chunk's or the trailers' signature is wrong or absent.
    #[error("The chunk signature does not match.")]
    Signature,
    /// A chunk does not begin or end as it must, or its header is too long.
    #[error("The request body is not in the aws-chunked format.")]
    Malformed,
    /// The trailers cannot be read, or are too many.
    #[error(
        "The request contained trailing data that was not well-formed or did not conform to our published schema."
    )]
    Trailer,
    /// The body ended early, or is not as long as `x-amz-decoded-content-length` said.
    #[error("You did not provide the number of bytes specified by the Content-Length HTTP header")]
    Incomplete,
}

impl ChunkError {
    /// S3's error code.
    pub fn code(self) -> &'static str {
        match self {
            ChunkError::Signature => "SignatureDoesNotMatch",
            ChunkError::Malformed => "InvalidRequest",
            ChunkError::Trailer => "MalformedTrailerError",
            ChunkError::Incomplete => "IncompleteBody",
        }
    }
}

/// The headers that followed a body, names in lower case.
pub type Trailers = Vec<(String, String)>;

/// Decodes one body.
pub struct Decoder {
    signatures: Option<Signatures>,
    has_trailers: bool,
    /// What `x-amz-decoded-content-length` announced.
    announced: Option<u64>,
    decoded: u64,
    state: State,
    /// The line that is being read. INVARIANT (line): at most `MAX_LINE` bytes.
    line: Vec<u8>,
    trailers: Trailers,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Header,
    Data {
        left: u64,
    },
    DataEnd,
    Trailers,
    /// The trailers' signature was right; only an empty line may follow.
    TrailersEnd,
    Done,
}

/// The chain of signatures.
struct Signatures {
    key: SigningKey,
    scope: Scope,
    amz_date: String,
    previous: [u8; 32],
    /// What the current chunk's header claims.
    claimed: [u8; 32],
    hash: digest::Context,
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("state", &self.state)
            .field("decoded", &self.decoded)
            .field("announced", &self.announced)
            .finish_non_exhaustive()
    }
}

impl Decoder {
    /// The decoder for a request's body; none when the body is not in aws-chunked form. `decoded_length` is the value of
    /// `x-amz-decoded-content-length`.
    pub fn new(presented: &Presented, verified: &Verified, decoded_length: Option<u64>) -> Option<Decoder> {
        let (is_signed, has_trailers) = match presented.payload {
            Payload::StreamingSigned => (true, false),
            Payload::StreamingSignedTrailer => (true, true),
            Payload::StreamingUnsignedTrailer => (false, true),
            Payload::Hash(_) | Payload::Body | Payload::Unsigned => return None,
        };
        let signatures = is_signed.then(|| Signatures {
            key: verified.signing_key.clone(),
            scope: presented.scope.clone(),
            amz_date: presented.amz_date.clone(),
            previous: verified.seed_signature,
            claimed: [0; 32],
            hash: sha256(),
        });
        Some(Decoder::with(signatures, has_trailers, decoded_length))
    }

    /// The decoder for a body with trailers and without signatures (`STREAMING-UNSIGNED-PAYLOAD-TRAILER`), as an
    /// anonymous request may have it.
    pub fn unsigned(decoded_length: Option<u64>) -> Decoder {
        Decoder::with(None, true, decoded_length)
    }

    fn with(signatures: Option<Signatures>, has_trailers: bool, announced: Option<u64>) -> Decoder {
        Decoder {
            signatures,
            has_trailers,
            announced,
            decoded: 0,
            state: State::Header,
            line: Vec::new(),
            trailers: Vec::new(),
        }
    }

    /// Takes the next bytes of the body and appends what they decode to.
    ///
    /// # Errors
    /// [`ChunkError`]; the decoder is of no use after one.
    pub fn feed(&mut self, input: &[u8], data: &mut Vec<u8>) -> Result<(), ChunkError> {
        let mut rest = input;
        while !rest.is_empty() {
            match self.state {
                State::Data { left } => {
                    let take = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                    let (chunk, tail) = rest.split_at_checked(take).unwrap_or((rest, &[]));
                    if let Some(signatures) = &mut self.signatures {
                        signatures.hash.update(chunk);
                    }
                    data.extend_from_slice(chunk);
                    rest = tail;
                    // `take` is at most `left`, and at most a length in memory.
                    let left = left.saturating_sub(take as u64);
                    self.state = if left == 0 { State::DataEnd } else { State::Data { left } };
                }
                State::Done => return Err(ChunkError::Malformed),
                State::Header | State::DataEnd | State::Trailers | State::TrailersEnd => {
                    rest = self.read_line(rest)?;
                }
            }
        }
        Ok(())
    }

    /// Whether the end of the body was seen.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// The trailers, after all of the body was fed.
    ///
    /// # Errors
    /// [`ChunkError::Incomplete`] when the body ended early or has not the announced length.
    pub fn finish(self) -> Result<Trailers, ChunkError> {
        // Some clients leave out the empty line at the very end.
        let ended = match self.state {
            State::Done => true,
            State::TrailersEnd => self.line.is_empty(),
            State::Trailers => self.line.is_empty() && !self.must_sign_trailers(),
            State::Header | State::Data { .. } | State::DataEnd => false,
        };
        let as_announced = self.announced.is_none_or(|announced| announced == self.decoded);
        if ended && as_announced { Ok(self.trailers) } else { Err(ChunkError::Incomplete) }
    }

    /// Takes bytes up to and with the next line feed; acts when the line is whole.
    fn read_line<'a>(&mut self, input: &'a [u8]) -> Result<&'a [u8], ChunkError> {
        let end = input.iter().position(|byte| *byte == b'\n');
        let (piece, rest) =
            input.split_at_checked(end.map_or(input.len(), |at| at + 1)).unwrap_or((input, &[]));
        if self.line.len() + piece.len() > MAX_LINE {
            return Err(ChunkError::Malformed);
        }
        self.line.extend_from_slice(piece);
        if end.is_none() {
            return Ok(rest);
        }
        let line = std::mem::take(&mut self.line);
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        match self.state {
            State::Header => self.begin_chunk(line.strip_suffix(b"\r").ok_or(ChunkError::Malformed)?)?,
            State::DataEnd => {
                if line != b"\r" {
                    return Err(ChunkError::Malformed);
                }
                self.end_chunk()?;
                self.state = State::Header;
            }
            _ => self.trailer(line.strip_suffix(b"\r").unwrap_or(line))?,
        }
        Ok(rest)
    }

    fn begin_chunk(&mut self, header: &[u8]) -> Result<(), ChunkError> {
        let header = std::str::from_utf8(header).map_err(|_| ChunkError::Malformed)?;
        let (size, extension) = header.split_once(';').unwrap_or((header, ""));
        let size = parse_size(size)?;
        if let Some(signatures) = &mut self.signatures {
            let claimed = extension.strip_prefix("chunk-signature=").ok_or(ChunkError::Signature)?;
            hex::decode_to_slice(claimed, &mut signatures.claimed).map_err(|_| ChunkError::Signature)?;
        }
        self.decoded = self.decoded.checked_add(size).ok_or(ChunkError::Malformed)?;
        if self.announced.is_some_and(|announced| self.decoded > announced) {
            return Err(ChunkError::Incomplete);
        }
        if size > 0 {
            self.state = State::Data { left: size };
            return Ok(());
        }
        self.end_chunk()?;
        self.state = State::Trailers;
        Ok(())
    }

    fn end_chunk(&mut self) -> Result<(), ChunkError> {
        self.signatures.as_mut().map_or(Ok(()), Signatures::check_chunk)
    }

    fn trailer(&mut self, line: &[u8]) -> Result<(), ChunkError> {
        if line.is_empty() {
            // The documentation's grammar has an empty line before the trailers' signature, SDKs have none.
            if self.state == State::TrailersEnd || !self.must_sign_trailers() {
                self.state = State::Done;
            }
            return Ok(());
        }
        let text = std::str::from_utf8(line).map_err(|_| ChunkError::Trailer)?;
        let (name, value) = text.split_once(':').ok_or(ChunkError::Trailer)?;
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        if !self.has_trailers || self.state == State::TrailersEnd || name.is_empty() {
            return Err(ChunkError::Trailer);
        }
        if name == TRAILER_SIGNATURE
            && let Some(signatures) = &self.signatures
        {
            signatures.check_trailers(&self.trailers, value)?;
            self.state = State::TrailersEnd;
            return Ok(());
        }
        if self.trailers.len() == MAX_TRAILERS {
            return Err(ChunkError::Trailer);
        }
        self.trailers.push((name, value.to_owned()));
        Ok(())
    }

    fn must_sign_trailers(&self) -> bool {
        self.has_trailers && self.signatures.is_some()
    }
}

impl Signatures {
    fn check_chunk(&mut self) -> Result<(), ChunkError> {
        let hash = std::mem::replace(&mut self.hash, sha256()).finish();
        let mut text = string_prefix(CHUNK_ALGORITHM, &self.amz_date, &self.scope);
        push_hex(&self.previous, &mut text);
        text.push(b'\n');
        text.extend_from_slice(EMPTY_SHA256.as_bytes());
        text.push(b'\n');
        push_hex(hash.as_ref(), &mut text);
        let expected = self.key.sign(&text);
        if !bool::from(expected.ct_eq(&self.claimed)) {
            return Err(ChunkError::Signature);
        }
        self.previous = expected;
        Ok(())
    }

    fn check_trailers(&self, trailers: &Trailers, claimed: &str) -> Result<(), ChunkError> {
        let mut canonical = String::new();
        for (name, value) in trailers {
            canonical.push_str(name);
            canonical.push(':');
            canonical.push_str(value);
            canonical.push('\n');
        }
        let hash = digest::digest(&digest::SHA256, canonical.as_bytes());
        let mut text = string_prefix(TRAILER_ALGORITHM, &self.amz_date, &self.scope);
        push_hex(&self.previous, &mut text);
        text.push(b'\n');
        push_hex(hash.as_ref(), &mut text);
        let mut signature = [0; 32];
        hex::decode_to_slice(claimed, &mut signature).map_err(|_| ChunkError::Signature)?;
        let expected = self.key.sign(&text);
        if bool::from(expected.ct_eq(&signature)) { Ok(()) } else { Err(ChunkError::Signature) }
    }
}

fn sha256() -> digest::Context {
    digest::Context::new(&digest::SHA256)
}

fn parse_size(text: &str) -> Result<u64, ChunkError> {
    let is_hex = !text.is_empty() && text.len() <= 15 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hex {
        return Err(ChunkError::Malformed);
    }
    u64::from_str_radix(text, 16).map_err(|_| ChunkError::Malformed)
}

#[cfg(test)]
mod tests;
