//! Signature Version 4, the server's side and the client's: header and query (presigned) forms, and aws-chunked
//! bodies ([`chunked`]).
//!
//! [`Presented::from_parts`] says what a request claims; nothing of it is true until [`Presented::verify`] returned.
//! Stricter than most servers, and as AWS: `host` and every `x-amz-*` header must be signed, the scope's date must be
//! the request's, clocks may differ by 15 minutes, a presigned URL lives a week at most, Signature Version 2 is
//! refused. An expected signature is never shown or logged: whoever reads it can use it.
//! Source: IAM user guide, "Create a signed AWS API request"; S3 API reference, "Authenticating Requests".

mod canonical;
pub mod chunked;
mod error;
mod key;
mod presented;
mod sign;
mod verify;

#[cfg(test)]
mod tests;

pub use error::SigError;
pub use key::{KeyCache, SigningKey};
pub use presented::{Payload, Presented, Scope};
pub use sign::{Credentials, presign, sign, sign_payload};
pub use verify::Verified;

use aws_lc_rs::digest;

/// The algorithm's name in `Authorization` and `X-Amz-Algorithm`.
pub const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// How far the request's clock may be from ours, in seconds.
pub const MAX_SKEW: i64 = 15 * 60;

/// The longest life of a presigned URL, in seconds: seven days.
pub const MAX_EXPIRES: u32 = 604_800;

/// SHA-256 of nothing, in hexadecimal.
pub const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Lower-case hexadecimal SHA-256, as `x-amz-content-sha256` carries it.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

/// `20261125T190000Z` for seconds since 1970; none outside the years 0 to 9999.
pub fn amz_date(seconds: i64) -> Option<String> {
    let time = jiff::Timestamp::from_second(seconds).ok()?;
    let text = time.strftime("%Y%m%dT%H%M%SZ").to_string();
    (text.len() == 16).then_some(text)
}
