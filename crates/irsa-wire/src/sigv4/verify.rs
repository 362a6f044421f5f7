//! Verification: the time, the body, the signature.

use super::canonical::string_to_sign;
use super::presented::{Payload, Presented};
use super::{MAX_SKEW, SigError, SigningKey, amz_date};
use http::request::Parts;
use std::fmt;
use subtle::ConstantTimeEq;

/// A signature that was verified, and what the chunks of the body continue from.
#[derive(Clone)]
pub struct Verified {
    /// The key that signed; chunks are signed by the same.
    pub signing_key: SigningKey,
    /// The request's signature, from which the first chunk's continues.
    pub seed_signature: [u8; 32],
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verified(..)")
    }
}

impl Presented {
    /// Verifies the request with the secret of [`Presented::access_key_id`]; `now` is in seconds since 1970.
    ///
    /// `body_sha256_hex` is the SHA-256 of the body that was received. S3 requests may be verified without it, before
    /// the body is read: then the caller must compare the body with [`Presented::payload`] when it has it.
    ///
    /// # Errors
    /// [`SigError`]: expired, not yet current, another body, or a wrong signature.
    pub fn verify(
        &self,
        parts: &Parts,
        body_sha256_hex: Option<&str>,
        secret: &str,
        now: i64,
    ) -> Result<Verified, SigError> {
        self.verify_with_key(parts, body_sha256_hex, SigningKey::derive(secret, &self.scope), now)
    }

    /// As [`Presented::verify`], with a key that was derived before for exactly [`Presented::scope`].
    ///
    /// # Errors
    /// As [`Presented::verify`].
    pub fn verify_with_key(
        &self,
        parts: &Parts,
        body_sha256_hex: Option<&str>,
        signing_key: SigningKey,
        now: i64,
    ) -> Result<Verified, SigError> {
        self.check_time(now)?;
        let payload = self.payload_text(body_sha256_hex)?;
        let text = string_to_sign(parts, &self.scope, &self.amz_date, &self.signed_headers, payload);
        let expected = signing_key.sign(&text);
        if bool::from(expected.ct_eq(&self.signature)) {
            Ok(Verified { signing_key, seed_signature: self.signature })
        } else {
            Err(SigError::Mismatch)
        }
    }

    fn check_time(&self, now: i64) -> Result<(), SigError> {
        let life = self.life();
        let stamp = |seconds: i64| amz_date(seconds).unwrap_or_default();
        if self.signed_at > now.saturating_add(MAX_SKEW) {
            return Err(SigError::NotYetCurrent {
                signed: self.amz_date.clone(),
                limit: stamp(now.saturating_add(MAX_SKEW)),
                now: stamp(now),
                is_query: self.is_query,
            });
        }
        if now.saturating_sub(life) > self.signed_at {
            return Err(SigError::Expired {
                signed: self.amz_date.clone(),
                limit: stamp(now.saturating_sub(life)),
                now: stamp(now),
                minutes: life / 60,
                is_query: self.is_query,
            });
        }
        Ok(())
    }

    /// Seconds. STS takes presigned URLs for 15 minutes whatever `X-Amz-Expires` says: `aws eks get-token` signs 60 seconds
    /// and keeps the token for 14 minutes (aws-iam-authenticator, `requestPresignParam`).
    fn life(&self) -> i64 {
        let expires = self.expires.filter(|_| self.scope.service != "sts");
        expires.map_or(MAX_SKEW, i64::from)
    }

    fn payload_text<'a>(&'a self, body: Option<&'a str>) -> Result<&'a str, SigError> {
        match (&self.payload, body) {
            (Payload::Hash(stated), Some(body)) if stated != body => Err(SigError::ContentSha256Mismatch),
            (Payload::Hash(_) | Payload::Body, None) if !self.scope.is_s3() => Err(SigError::BodyHashNeeded),
            (payload, body) => payload.as_str().or(body).ok_or(SigError::BodyHashNeeded),
        }
    }
}
