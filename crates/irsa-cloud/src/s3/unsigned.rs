//! What is taken off a request before the codec reads it: the signature, which was checked by then, and the wrapping of
//! its body.

use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use irsa_wire::query::parse_pairs;
use irsa_wire::sigv4::chunked::Decoder;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::error;
use crate::failure::Failure;

const SIGNATURE_PARAMETERS: [&str; 8] = [
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-signedheaders",
    "x-amz-signature",
    "x-amz-security-token",
    "x-amz-content-sha256",
];
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Browser uploads carry their signature in the form, behind which the file stands: they are not served.
///
/// # Errors
/// AWS's answer to what is not implemented.
pub(super) fn refuse_forms(parts: &Parts) -> Result<(), Failure> {
    let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_form = content_type.is_some_and(|value| {
        value.trim_start().get(..19).is_some_and(|start| start.eq_ignore_ascii_case("multipart/form-data"))
    });
    if parts.method == Method::POST && is_form { Err(error::not_implemented()) } else { Ok(()) }
}

/// The decoder of an anonymous request's body.
///
/// # Errors
/// AWS's answer to chunks that claim to be signed by nobody.
pub(super) fn decoder(headers: &HeaderMap, decoded_length: Option<u64>) -> Result<Option<Decoder>, Failure> {
    let payload = headers.get("x-amz-content-sha256").and_then(|value| value.to_str().ok());
    match payload {
        Some("STREAMING-UNSIGNED-PAYLOAD-TRAILER") => Ok(Some(Decoder::unsigned(decoded_length))),
        Some(streaming) if streaming.starts_with("STREAMING-") => Err(Failure::new(
            "InvalidRequest",
            StatusCode::BAD_REQUEST,
            "The request states a signed payload and is not signed.",
        )),
        _ => Ok(None),
    }
}

/// Takes the signature off. What a presigned URL carries beside it stands for headers, as SDKs sign them.
///
/// # Errors
/// AWS's answer to a query string that cannot be read.
pub(super) fn take_off_signature(parts: &mut Parts, is_query: bool) -> Result<(), Failure> {
    parts.headers.remove(header::AUTHORIZATION);
    for name in ["x-amz-security-token", "x-amz-date", "x-amz-content-sha256"] {
        parts.headers.remove(name);
    }
    let Some(query) = parts.uri.query().filter(|_| is_query) else { return Ok(()) };
    let pairs = parse_pairs(query.as_bytes()).map_err(|_unreadable| error::invalid_uri())?;
    let mut kept = String::new();
    for (name, value) in &pairs {
        let lower = name.to_ascii_lowercase();
        if SIGNATURE_PARAMETERS.contains(&lower.as_str()) {
            continue;
        }
        if lower.starts_with("x-amz-") {
            let name = HeaderName::try_from(lower).map_err(|_unusable| error::invalid_uri())?;
            let value = HeaderValue::try_from(value.as_bytes()).map_err(|_unusable| error::invalid_uri())?;
            parts.headers.entry(name).or_insert(value);
            continue;
        }
        if !kept.is_empty() {
            kept.push('&');
        }
        kept.extend(utf8_percent_encode(name, QUERY));
        kept.push('=');
        kept.extend(utf8_percent_encode(value, QUERY));
    }
    let path = parts.uri.path();
    let target = if kept.is_empty() { path.to_owned() } else { format!("{path}?{kept}") };
    let mut uri = std::mem::take(&mut parts.uri).into_parts();
    uri.path_and_query = Some(PathAndQuery::try_from(target).map_err(|_unusable| error::invalid_uri())?);
    parts.uri = Uri::from_parts(uri).map_err(|_unusable| error::invalid_uri())?;
    Ok(())
}

/// After the body was unwrapped it has another length and no `aws-chunked` encoding.
pub(super) fn take_off_chunks(headers: &mut HeaderMap, decoded_length: Option<u64>) {
    for name in ["x-amz-decoded-content-length", "x-amz-trailer"] {
        headers.remove(name);
    }
    headers.remove(header::TRANSFER_ENCODING);
    match decoded_length {
        Some(length) => headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length)),
        None => headers.remove(header::CONTENT_LENGTH),
    };
    let encodings: Vec<String> = headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|encoding| encoding.trim().to_owned())
        .filter(|encoding| !encoding.is_empty() && encoding != "aws-chunked")
        .collect();
    headers.remove(header::CONTENT_ENCODING);
    if let Ok(value) = HeaderValue::try_from(encodings.join(","))
        && !encodings.is_empty()
    {
        headers.insert(header::CONTENT_ENCODING, value);
    }
}

#[cfg(test)]
mod tests;
