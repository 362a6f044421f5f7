//! What a request says of its signature, before anything of it is believed.

use super::{ALGORITHM, MAX_EXPIRES, SigError, amz_date};
use crate::query::decode_percent;
use http::HeaderMap;
use http::header::{AUTHORIZATION, DATE};
use http::request::Parts;
use std::fmt;

/// Longest query string and longest list of signed headers that are looked at, in bytes.
pub(super) const MAX_SIGNED_TEXT: usize = 64 * 1024;

/// The scope of a credential: `20261125/us-east-1/sts/aws4_request`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope {
    /// `YYYYMMDD`, UTC.
    pub date: String,
    /// The region, such as `us-east-1`.
    pub region: String,
    /// The service's signing name, such as `s3`.
    pub service: String,
}

impl Scope {
    /// Whether paths are encoded once and left as they are (S3), not twice and normalised (all others).
    pub(super) fn is_s3(&self) -> bool {
        matches!(self.service.as_str(), "s3" | "s3express" | "s3-object-lambda" | "s3-outposts")
    }
}

/// What the signature covers of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// The SHA-256 that the request states in `x-amz-content-sha256`, lower-case hexadecimal.
    Hash(String),
    /// The body's SHA-256, which the request does not state (services other than S3).
    Body,
    /// Nothing: `UNSIGNED-PAYLOAD`.
    Unsigned,
    /// Signed chunks: `STREAMING-AWS4-HMAC-SHA256-PAYLOAD`.
    StreamingSigned,
    /// Signed chunks and signed trailers: `STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER`.
    StreamingSignedTrailer,
    /// Unsigned chunks and trailers: `STREAMING-UNSIGNED-PAYLOAD-TRAILER`.
    StreamingUnsignedTrailer,
}

impl Payload {
    /// Reads an `x-amz-content-sha256` value.
    fn parse(value: &str) -> Result<Payload, SigError> {
        match value {
            "UNSIGNED-PAYLOAD" => Ok(Payload::Unsigned),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => Ok(Payload::StreamingSigned),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => Ok(Payload::StreamingSignedTrailer),
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => Ok(Payload::StreamingUnsignedTrailer),
            hash if hash.len() == 64
                && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) =>
            {
                Ok(Payload::Hash(hash.to_owned()))
            }
            _ => Err(SigError::ContentSha256Invalid),
        }
    }

    /// The value in the canonical request; none for [`Payload::Body`], whose value the request does not state.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Payload::Hash(hash) => Some(hash),
            Payload::Body => None,
            Payload::Unsigned => Some("UNSIGNED-PAYLOAD"),
            Payload::StreamingSigned => Some("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
            Payload::StreamingSignedTrailer => Some("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"),
            Payload::StreamingUnsignedTrailer => Some("STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
        }
    }

    /// Whether the body is in aws-chunked form.
    pub fn is_chunked(&self) -> bool {
        matches!(
            self,
            Payload::StreamingSigned | Payload::StreamingSignedTrailer | Payload::StreamingUnsignedTrailer
        )
    }
}

/// A signature as presented. Everything here is a claim until [`Presented::verify`] succeeded.
#[derive(Clone, PartialEq, Eq)]
pub struct Presented {
    /// Who claims to have signed.
    pub access_key_id: String,
    /// For what the key was derived.
    pub scope: Scope,
    /// The token of temporary credentials. It is covered by the signature.
    pub session_token: Option<String>,
    /// When it was signed, in seconds since 1970.
    pub signed_at: i64,
    /// How long a presigned URL lives, in seconds; STS does not heed it.
    pub expires: Option<u32>,
    /// What is signed of the body.
    pub payload: Payload,
    /// Whether the signature is in the query string (a presigned URL).
    pub is_query: bool,
    /// `YYYYMMDDTHHMMSSZ` of `signed_at`.
    pub(super) amz_date: String,
    /// Lower-case names joined by `;`, as sent.
    pub(super) signed_headers: String,
    pub(super) signature: [u8; 32],
}

/// Without the token and the signature, which whoever reads a log could replay.
impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented")
            .field("access_key_id", &self.access_key_id)
            .field("scope", &self.scope)
            .field("amz_date", &self.amz_date)
            .field("expires", &self.expires)
            .field("payload", &self.payload)
            .field("is_query", &self.is_query)
            .field("signed_headers", &self.signed_headers)
            .finish_non_exhaustive()
    }
}

impl Presented {
    /// Finds the signature in a request's head; none when the request is not signed at all.
    ///
    /// # Errors
    /// [`SigError`] when there is a signature that AWS would refuse before looking at the key: malformed, of another
    /// version, twice, or leaving out headers that must be signed.
    pub fn from_parts(parts: &Parts) -> Result<Option<Presented>, SigError> {
        let query = parts.uri.query().unwrap_or_default();
        if query.len() > MAX_SIGNED_TEXT {
            return Err(SigError::TooLarge);
        }
        let in_query = QuerySignature::find(query)?;
        let header = single(&parts.headers, AUTHORIZATION.as_str(), "Authorization")?;
        let presented = match (header, in_query) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => return Err(SigError::TwoMechanisms),
            (Some(header), None) => from_header(header, &parts.headers)?,
            (None, Some(query)) => from_query(query, &parts.headers)?,
        };
        presented.check_signed_headers(&parts.headers)?;
        Ok(Some(presented))
    }

    /// Checks that the credential is for this endpoint.
    ///
    /// # Errors
    /// [`SigError::ScopeService`]; [`SigError::ScopeRegion`] when a region is given.
    pub fn check_scope(&self, service: &str, region: Option<&str>) -> Result<(), SigError> {
        let Scope { service: got_service, region: got_region, .. } = &self.scope;
        if got_service != service {
            return Err(SigError::ScopeService { expected: service.to_owned(), got: got_service.clone() });
        }
        match region.filter(|region| region != got_region) {
            None => Ok(()),
            Some(region) => Err(SigError::ScopeRegion {
                expected: region.to_owned(),
                got: got_region.clone(),
                is_query: self.is_query,
            }),
        }
    }

    /// Whether the signature covers the header of that lower-case name.
    pub fn signs(&self, header: &str) -> bool {
        self.signed_headers.split(';').any(|signed| signed == header)
    }

    fn check_signed_headers(&self, headers: &HeaderMap) -> Result<(), SigError> {
        if !self.signs("host") {
            return Err(SigError::HostNotSigned);
        }
        match headers.keys().find(|name| name.as_str().starts_with("x-amz-") && !self.signs(name.as_str())) {
            Some(name) => Err(SigError::HeaderNotSigned(name.as_str().to_owned())),
            None => Ok(()),
        }
    }
}

fn from_header(header: &str, headers: &HeaderMap) -> Result<Presented, SigError> {
    let (scheme, rest) = header.split_once(' ').unwrap_or((header, ""));
    match scheme {
        ALGORITHM => {}
        "AWS" => return Err(SigError::SignatureVersion2),
        other => return Err(SigError::UnsupportedType(other.chars().take(64).collect())),
    }
    let (mut credential, mut signed_headers, mut signature) = (None, None, None);
    for field in rest.split(',') {
        let (name, value) = field.trim().split_once('=').unwrap_or((field.trim(), ""));
        let slot = match name {
            "Credential" => &mut credential,
            "SignedHeaders" => &mut signed_headers,
            "Signature" => &mut signature,
            _ => continue,
        };
        if slot.replace(value).is_some() {
            return Err(SigError::Duplicate("a field of the Authorization header"));
        }
    }
    let date = match single(headers, "x-amz-date", "X-Amz-Date")? {
        Some(date) => Some(date.to_owned()),
        None => single(headers, DATE.as_str(), "Date")?.and_then(basic_date),
    };
    let (Some(credential), Some(signed_headers), Some(signature), Some(amz_date)) =
        (credential, signed_headers, signature, date)
    else {
        return Err(incomplete(credential, signature, signed_headers));
    };
    let (access_key_id, scope) = parse_credential(credential)?;
    let payload = match (single(headers, "x-amz-content-sha256", "x-amz-content-sha256")?, scope.is_s3()) {
        (Some(value), true) => Payload::parse(value)?,
        (None, true) => return Err(SigError::ContentSha256Missing),
        (value, false) => body_payload(value),
    };
    Ok(Presented {
        access_key_id,
        session_token: single(headers, "x-amz-security-token", "X-Amz-Security-Token")?.map(str::to_owned),
        signed_at: parse_date(&amz_date, &scope)?,
        expires: None,
        payload,
        is_query: false,
        amz_date,
        signed_headers: parse_signed_headers(signed_headers)?,
        signature: parse_signature(signature)?,
        scope,
    })
}

fn from_query(query: QuerySignature, headers: &HeaderMap) -> Result<Presented, SigError> {
    match query.algorithm.as_deref() {
        Some(ALGORITHM) => {}
        Some(other) => return Err(SigError::UnsupportedType(other.chars().take(64).collect())),
        None => return Err(missing_parameter("X-Amz-Algorithm")),
    }
    let credential = query.credential.ok_or_else(|| missing_parameter("X-Amz-Credential"))?;
    let signature = query.signature.ok_or_else(|| missing_parameter("X-Amz-Signature"))?;
    let signed_headers = query.signed_headers.ok_or_else(|| missing_parameter("X-Amz-SignedHeaders"))?;
    let amz_date = query.date.ok_or_else(|| missing_parameter("X-Amz-Date"))?;
    let (access_key_id, scope) = parse_credential(&credential)?;
    let expires = match query.expires {
        Some(text) => text.parse().ok().filter(|seconds| (1..=MAX_EXPIRES).contains(seconds)),
        // Services other than S3 sign query strings without an expiry; fifteen minutes then.
        None if !scope.is_s3() => Some(900),
        None => None,
    };
    let stated = single(headers, "x-amz-content-sha256", "x-amz-content-sha256")?;
    let payload = match (stated, scope.is_s3()) {
        (Some(value), true) => Payload::parse(value)?,
        (None, true) => Payload::Unsigned,
        (value, false) => body_payload(value),
    };
    // Either place is covered by the signature.
    let session_token = match query.session_token {
        Some(token) => Some(token),
        None => single(headers, "x-amz-security-token", "X-Amz-Security-Token")?.map(str::to_owned),
    };
    Ok(Presented {
        access_key_id,
        session_token,
        signed_at: parse_date(&amz_date, &scope)?,
        expires: Some(expires.ok_or(SigError::ExpiresRange)?),
        payload,
        is_query: true,
        amz_date,
        signed_headers: parse_signed_headers(&signed_headers)?,
        signature: parse_signature(&signature)?,
        scope,
    })
}

/// Services other than S3 always sign the body: whatever else the header says makes the signature mismatch.
fn body_payload(stated: Option<&str>) -> Payload {
    match stated.map(Payload::parse) {
        Some(Ok(Payload::Hash(hash))) => Payload::Hash(hash),
        _ => Payload::Body,
    }
}

/// The query parameters of a presigned URL, decoded.
#[derive(Default)]
struct QuerySignature {
    algorithm: Option<String>,
    credential: Option<String>,
    date: Option<String>,
    expires: Option<String>,
    signed_headers: Option<String>,
    session_token: Option<String>,
    signature: Option<String>,
}

impl QuerySignature {
    fn find(query: &str) -> Result<Option<QuerySignature>, SigError> {
        let mut found = QuerySignature::default();
        let (mut version_2_id, mut version_2_signature) = (false, false);
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (slot, label) = match name {
                "X-Amz-Algorithm" => (&mut found.algorithm, "X-Amz-Algorithm"),
                "X-Amz-Credential" => (&mut found.credential, "X-Amz-Credential"),
                "X-Amz-Date" => (&mut found.date, "X-Amz-Date"),
                "X-Amz-Expires" => (&mut found.expires, "X-Amz-Expires"),
                "X-Amz-SignedHeaders" => (&mut found.signed_headers, "X-Amz-SignedHeaders"),
                "X-Amz-Security-Token" => (&mut found.session_token, "X-Amz-Security-Token"),
                "X-Amz-Signature" => (&mut found.signature, "X-Amz-Signature"),
                "AWSAccessKeyId" => {
                    version_2_id = true;
                    continue;
                }
                "Signature" => {
                    version_2_signature = true;
                    continue;
                }
                _ => continue,
            };
            let value = decode_percent(value.as_bytes())
                .map_err(|_| SigError::Incomplete(format!("{label} is not well encoded")))?;
            if slot.replace(value).is_some() {
                return Err(SigError::Duplicate(label));
            }
        }
        if version_2_id && version_2_signature {
            return Err(SigError::SignatureVersion2);
        }
        let is_signed = found.algorithm.is_some() || found.signature.is_some() || found.credential.is_some();
        Ok(is_signed.then_some(found))
    }
}

fn parse_credential(text: &str) -> Result<(String, Scope), SigError> {
    let mut fields = text.split('/');
    let mut next = || fields.next().filter(|field| !field.is_empty() && field.len() <= 128);
    let (id, date, region, service, terminator) = (next(), next(), next(), next(), next());
    match (id, date, region, service, terminator, fields.next()) {
        (Some(id), Some(date), Some(region), Some(service), Some("aws4_request"), None) => {
            let scope =
                Scope { date: date.to_owned(), region: region.to_owned(), service: service.to_owned() };
            Ok((id.to_owned(), scope))
        }
        _ => Err(SigError::Incomplete(format!(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{}'",
            text.chars().take(256).collect::<String>()
        ))),
    }
}

/// Seconds since 1970 of `YYYYMMDDTHHMMSSZ`, whose day must be the scope's.
fn parse_date(text: &str, scope: &Scope) -> Result<i64, SigError> {
    let invalid = || SigError::Incomplete("Date must be in ISO-8601 'basic format'.".to_owned());
    if text.len() != 16 {
        return Err(invalid());
    }
    let time: jiff::Timestamp = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text)
        .and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC))
        .map_err(|_| invalid())?
        .timestamp();
    let day = text.get(..8).unwrap_or_default();
    if day != scope.date {
        return Err(SigError::ScopeDate { scope: scope.date.clone(), request: day.to_owned() });
    }
    Ok(time.as_second())
}

/// An HTTP `Date` header in the basic format that the string to sign needs.
fn basic_date(text: &str) -> Option<String> {
    let time = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    amz_date(time.as_second())
}

fn parse_signed_headers(text: &str) -> Result<String, SigError> {
    if text.len() > MAX_SIGNED_TEXT {
        return Err(SigError::TooLarge);
    }
    let names = text.split(';');
    let is_name = |name: &str| !name.is_empty() && !name.bytes().any(|byte| byte.is_ascii_uppercase());
    let sorted = names.clone().zip(names.clone().skip(1)).all(|(first, second)| first < second);
    if !sorted || !names.clone().all(is_name) {
        return Err(SigError::Incomplete(
            "SignedHeaders must be lower-case header names, sorted and separated by ';'".to_owned(),
        ));
    }
    Ok(text.to_owned())
}

fn parse_signature(text: &str) -> Result<[u8; 32], SigError> {
    let mut signature = [0; 32];
    // AWS compares text; anything that is not 64 hexadecimal digits cannot be equal to it.
    hex::decode_to_slice(text, &mut signature).map_err(|_| SigError::Mismatch)?;
    Ok(signature)
}

fn single<'h>(headers: &'h HeaderMap, name: &str, label: &'static str) -> Result<Option<&'h str>, SigError> {
    let mut values = headers.get_all(name).iter();
    let value = values.next();
    if values.next().is_some() {
        return Err(SigError::Duplicate(label));
    }
    value
        .map(|value| value.to_str().map_err(|_| SigError::Incomplete(format!("{label} is not ASCII text"))))
        .transpose()
}

fn incomplete(credential: Option<&str>, signature: Option<&str>, signed_headers: Option<&str>) -> SigError {
    let mut message = Vec::new();
    for (field, name) in
        [(credential, "Credential"), (signature, "Signature"), (signed_headers, "SignedHeaders")]
    {
        if field.is_none() {
            message.push(format!("Authorization header requires '{name}' parameter."));
        }
    }
    if message.is_empty() {
        message.push(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.".to_owned(),
        );
    }
    SigError::Incomplete(message.join(" "))
}

fn missing_parameter(name: &str) -> SigError {
    SigError::Incomplete(format!("AWS query-string parameters must include '{name}'."))
}
