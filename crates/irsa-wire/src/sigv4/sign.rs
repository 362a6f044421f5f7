//! Signing, for our own client and for tests.

use super::canonical::{push_encoded, push_hex, string_to_sign};
use super::presented::{Payload, Scope};
use super::{ALGORITHM, SigError, SigningKey, Verified, amz_date, sha256_hex};
use http::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::{PathAndQuery, Uri};
use std::fmt;

/// Credentials to sign with.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// `AKIA…` or `ASIA…`.
    pub access_key_id: &'a str,
    /// The secret.
    pub secret_access_key: &'a str,
    /// The session token of temporary credentials.
    pub session_token: Option<&'a str>,
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// Signs a request with its body: sets `host`, `x-amz-date`, `x-amz-security-token`, for S3 `x-amz-content-sha256`, and
/// `authorization`. `now` is in seconds since 1970.
///
/// # Errors
/// [`SigError::Incomplete`] when a value cannot be a header, or the URI has no host and there is no `host` header.
pub fn sign(
    parts: &mut Parts,
    body: &[u8],
    credentials: &Credentials<'_>,
    region: &str,
    service: &str,
    now: i64,
) -> Result<Verified, SigError> {
    sign_payload(parts, &Payload::Hash(sha256_hex(body)), credentials, region, service, now)
}

/// As [`sign`], with a statement about the body in place of the body: unsigned, streamed, or a known hash.
///
/// # Errors
/// As [`sign`], and [`SigError::BodyHashNeeded`] for [`Payload::Body`].
pub fn sign_payload(
    parts: &mut Parts,
    payload: &Payload,
    credentials: &Credentials<'_>,
    region: &str,
    service: &str,
    now: i64,
) -> Result<Verified, SigError> {
    let (date, scope) = scope_at(now, region, service)?;
    let payload = payload.as_str().ok_or(SigError::BodyHashNeeded)?;
    set_host(parts)?;
    parts.headers.remove(AUTHORIZATION);
    set(parts, "x-amz-date", &date)?;
    if let Some(token) = credentials.session_token {
        set(parts, "x-amz-security-token", token)?;
    }
    if scope.is_s3() {
        set(parts, "x-amz-content-sha256", payload)?;
    }
    let signed_headers = signed_headers(parts);
    let key = SigningKey::derive(credentials.secret_access_key, &scope);
    let signature = key.sign(&string_to_sign(parts, &scope, &date, &signed_headers, payload));
    let authorization = format!(
        "{ALGORITHM} Credential={}/{}/{}/{}/aws4_request, SignedHeaders={signed_headers}, Signature={}",
        credentials.access_key_id,
        scope.date,
        scope.region,
        scope.service,
        hex::encode(signature)
    );
    set(parts, AUTHORIZATION.as_str(), &authorization)?;
    Ok(Verified { signing_key: key, seed_signature: signature })
}

/// Makes the request's URI a presigned one that lives `expires` seconds. Headers that are present are signed along; a
/// body is left unsigned for S3 and must be empty for other services.
///
/// # Errors
/// As [`sign`]; [`SigError::ExpiresRange`].
pub fn presign(
    parts: &mut Parts,
    credentials: &Credentials<'_>,
    region: &str,
    service: &str,
    now: i64,
    expires: u32,
) -> Result<(), SigError> {
    if !(1..=super::MAX_EXPIRES).contains(&expires) {
        return Err(SigError::ExpiresRange);
    }
    let (date, scope) = scope_at(now, region, service)?;
    set_host(parts)?;
    let signed_headers = signed_headers(parts);
    let credential = format!("{}/{}/{region}/{service}/aws4_request", credentials.access_key_id, scope.date);
    let expires = expires.to_string();
    let mut added = vec![
        ("X-Amz-Algorithm", ALGORITHM),
        ("X-Amz-Credential", &credential),
        ("X-Amz-Date", &date),
        ("X-Amz-Expires", &expires),
        ("X-Amz-SignedHeaders", &signed_headers),
    ];
    if let Some(token) = credentials.session_token {
        added.push(("X-Amz-Security-Token", token));
    }
    add_query(parts, &added)?;
    let payload = if scope.is_s3() { "UNSIGNED-PAYLOAD" } else { super::EMPTY_SHA256 };
    let key = SigningKey::derive(credentials.secret_access_key, &scope);
    let signature = key.sign(&string_to_sign(parts, &scope, &date, &signed_headers, payload));
    let mut text = Vec::with_capacity(64);
    push_hex(&signature, &mut text);
    add_query(parts, &[("X-Amz-Signature", &String::from_utf8_lossy(&text))])
}

fn scope_at(now: i64, region: &str, service: &str) -> Result<(String, Scope), SigError> {
    let date =
        amz_date(now).ok_or_else(|| SigError::Incomplete("the time has no ISO 8601 form".to_owned()))?;
    let day = date.get(..8).unwrap_or_default().to_owned();
    let scope = Scope { date: day, region: region.to_owned(), service: service.to_owned() };
    Ok((date, scope))
}

/// All headers but those that proxies and HTTP libraries change.
fn signed_headers(parts: &Parts) -> String {
    let mut names: Vec<&str> = parts
        .headers
        .keys()
        .map(HeaderName::as_str)
        .filter(|name| {
            !matches!(
                *name,
                "authorization"
                    | "connection"
                    | "expect"
                    | "transfer-encoding"
                    | "user-agent"
                    | "x-amzn-trace-id"
            )
        })
        .collect();
    names.sort_unstable();
    names.join(";")
}

fn set_host(parts: &mut Parts) -> Result<(), SigError> {
    if parts.headers.contains_key(HOST) {
        return Ok(());
    }
    let authority = parts.uri.authority().ok_or(SigError::HostNotSigned)?.to_string();
    set(parts, HOST.as_str(), &authority)
}

fn set(parts: &mut Parts, name: &str, value: &str) -> Result<(), SigError> {
    let invalid = || SigError::Incomplete(format!("{name} cannot be a header"));
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
    let value = HeaderValue::from_str(value).map_err(|_| invalid())?;
    parts.headers.insert(name, value);
    Ok(())
}

fn add_query(parts: &mut Parts, pairs: &[(&str, &str)]) -> Result<(), SigError> {
    let mut text = parts.uri.path().as_bytes().to_vec();
    let mut separator = b'?';
    if let Some(query) = parts.uri.query() {
        text.push(b'?');
        text.extend_from_slice(query.as_bytes());
        separator = b'&';
    }
    for (name, value) in pairs {
        text.push(separator);
        separator = b'&';
        text.extend_from_slice(name.as_bytes());
        text.push(b'=');
        for byte in value.bytes() {
            push_encoded(byte, false, &mut text);
        }
    }
    let invalid = || SigError::Incomplete("the URI cannot carry a signature".to_owned());
    let path = PathAndQuery::from_maybe_shared(text).map_err(|_| invalid())?;
    let mut uri = std::mem::take(&mut parts.uri).into_parts();
    uri.path_and_query = Some(path);
    parts.uri = Uri::from_parts(uri).map_err(|_| invalid())?;
    Ok(())
}
