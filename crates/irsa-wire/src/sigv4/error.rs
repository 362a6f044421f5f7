//! Why a signature is refused, and what AWS answers.

use super::chunked::ChunkError;
use crate::error::{ErrorBody, Protocol};
use http::StatusCode;

/// Why a request is not (correctly) signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SigError {
    /// Signature Version 2, in a header or a query string.
    #[error("Signature Version 2 is not supported: use Signature Version 4 (AWS4-HMAC-SHA256)")]
    SignatureVersion2,
    /// Any other `Authorization` scheme, Signature Version 4A among them.
    #[error("Unsupported Authorization Type: {0}")]
    UnsupportedType(String),
    /// A header and a query signature at once.
    #[error(
        "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter \
         or the Authorization header should be specified"
    )]
    TwoMechanisms,
    /// Parts of the signature are absent or cannot be read.
    #[error("{0}")]
    Incomplete(String),
    /// A header or query parameter of the signature occurs twice.
    #[error("{0} is given more than once")]
    Duplicate(&'static str),
    /// The credential's date is not the request's.
    #[error(
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{scope}' != '{request}'"
    )]
    ScopeDate {
        /// The scope's date.
        scope: String,
        /// The request's date.
        request: String,
    },
    /// The credential is scoped to another service.
    #[error("Credential should be scoped to correct service: '{expected}'. ")]
    ScopeService {
        /// The endpoint's service.
        expected: String,
        /// The scope's service.
        got: String,
    },
    /// The credential is scoped to another region.
    #[error("Credential should be scoped to a valid region, not '{got}'. ")]
    ScopeRegion {
        /// The endpoint's region.
        expected: String,
        /// The scope's region.
        got: String,
        /// Whether the signature is in the query string.
        is_query: bool,
    },
    /// `host` is not among the signed headers.
    #[error("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")]
    HostNotSigned,
    /// An `x-amz-*` header is not among the signed headers.
    #[error("There were headers present in the request which were not signed")]
    HeaderNotSigned(String),
    /// Signed too long ago, or the presigned URL has expired.
    #[error("Signature expired: {signed} is now earlier than {limit} ({now} - {minutes} min.)")]
    Expired {
        /// When it was signed.
        signed: String,
        /// The earliest time that would do.
        limit: String,
        /// The server's time.
        now: String,
        /// The life of the signature, in minutes.
        minutes: i64,
        /// Whether it is a presigned URL.
        is_query: bool,
    },
    /// Signed in the future.
    #[error("Signature not yet current: {signed} is still later than {limit} ({now} + 15 min.)")]
    NotYetCurrent {
        /// When it was signed.
        signed: String,
        /// The latest time that would do.
        limit: String,
        /// The server's time.
        now: String,
        /// Whether it is a presigned URL.
        is_query: bool,
    },
    /// `X-Amz-Expires` is not between 1 and 604,800.
    #[error("X-Amz-Expires must be a number of seconds between 1 and 604800")]
    ExpiresRange,
    /// S3 needs the `x-amz-content-sha256` header.
    #[error("Missing required header for this request: x-amz-content-sha256")]
    ContentSha256Missing,
    /// The `x-amz-content-sha256` header is none of the forms that are known.
    #[error(
        "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD or a valid sha256 value."
    )]
    ContentSha256Invalid,
    /// The body is not the one that was signed.
    #[error("The provided 'x-amz-content-sha256' header does not match what was computed.")]
    ContentSha256Mismatch,
    /// The caller of `verify` did not give the body's hash, which this request's signature covers.
    #[error("the body's SHA-256 is needed to verify this request")]
    BodyHashNeeded,
    /// The request's query string or signed headers are larger than any client's.
    #[error("The request's query string or signed headers are too large")]
    TooLarge,
    /// The signature is wrong.
    #[error("The request signature we calculated does not match the signature you provided.")]
    Mismatch,
    /// A chunk of the body is wrong.
    #[error(transparent)]
    Chunk(#[from] ChunkError),
}

impl SigError {
    /// AWS's answer in the service's protocol.
    pub fn body(&self, protocol: Protocol) -> ErrorBody {
        match protocol {
            Protocol::RestXml => self.s3(),
            Protocol::Query => self.query("SignatureDoesNotMatch", "IncompleteSignature"),
            Protocol::RestJson => self.query("InvalidSignatureException", "IncompleteSignatureException"),
        }
    }

    fn query(&self, mismatch: &'static str, incomplete: &'static str) -> ErrorBody {
        match self {
            SigError::SignatureVersion2
            | SigError::UnsupportedType(_)
            | SigError::TwoMechanisms
            | SigError::Incomplete(_)
            | SigError::Duplicate(_)
            | SigError::ExpiresRange
            | SigError::TooLarge => ErrorBody::new(incomplete, StatusCode::BAD_REQUEST, self.to_string()),
            SigError::BodyHashNeeded => internal(),
            SigError::Mismatch => ErrorBody::new(
                mismatch,
                StatusCode::FORBIDDEN,
                "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
                 Access Key and signing method. Consult the service documentation for details.",
            ),
            SigError::HeaderNotSigned(name) => {
                ErrorBody::new(mismatch, StatusCode::FORBIDDEN, format!("{self}: {name}"))
            }
            _ => ErrorBody::new(mismatch, StatusCode::FORBIDDEN, self.to_string()),
        }
    }

    fn s3(&self) -> ErrorBody {
        let bad_request = |code| ErrorBody::new(code, StatusCode::BAD_REQUEST, self.to_string());
        let forbidden = |code, message: &'static str| ErrorBody::new(code, StatusCode::FORBIDDEN, message);
        match self {
            SigError::SignatureVersion2 => ErrorBody::new(
                "InvalidRequest",
                StatusCode::BAD_REQUEST,
                "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
            ),
            SigError::UnsupportedType(_) => {
                ErrorBody::new("InvalidArgument", StatusCode::BAD_REQUEST, "Unsupported Authorization Type")
            }
            SigError::TwoMechanisms | SigError::ContentSha256Invalid | SigError::Duplicate(_) => {
                bad_request("InvalidArgument")
            }
            SigError::Incomplete(_) | SigError::ScopeDate { .. } | SigError::ScopeService { .. } => {
                bad_request("AuthorizationHeaderMalformed")
            }
            SigError::ScopeRegion { expected, got, is_query } => {
                let wrong = format!("the region '{got}' is wrong; expecting '{expected}'");
                let (code, message) = if *is_query {
                    (
                        "AuthorizationQueryParametersError",
                        format!("Error parsing the X-Amz-Credential parameter; {wrong}"),
                    )
                } else {
                    (
                        "AuthorizationHeaderMalformed",
                        format!("The authorization header is malformed; {wrong}"),
                    )
                };
                ErrorBody::new(code, StatusCode::BAD_REQUEST, message)
                    .with_detail("Region", expected.as_str())
            }
            SigError::ExpiresRange => bad_request("AuthorizationQueryParametersError"),
            SigError::HostNotSigned => ErrorBody::new(
                "AccessDenied",
                StatusCode::FORBIDDEN,
                "There were headers present in the request which were not signed",
            )
            .with_detail("HeadersNotSigned", "host"),
            SigError::HeaderNotSigned(name) => {
                ErrorBody::new("AccessDenied", StatusCode::FORBIDDEN, self.to_string())
                    .with_detail("HeadersNotSigned", name.as_str())
            }
            SigError::Expired { is_query: true, .. } => forbidden("AccessDenied", "Request has expired"),
            SigError::NotYetCurrent { is_query: true, .. } => {
                forbidden("AccessDenied", "Request is not valid yet")
            }
            SigError::Expired { .. } | SigError::NotYetCurrent { .. } => forbidden(
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large.",
            ),
            SigError::ContentSha256Missing => bad_request("InvalidRequest"),
            SigError::ContentSha256Mismatch => bad_request("XAmzContentSHA256Mismatch"),
            SigError::TooLarge => bad_request("InvalidRequest"),
            SigError::BodyHashNeeded => internal(),
            SigError::Mismatch | SigError::Chunk(ChunkError::Signature) => forbidden(
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided. Check your key and \
                 signing method.",
            ),
            SigError::Chunk(error) => bad_request(error.code()),
        }
    }
}

fn internal() -> ErrorBody {
    ErrorBody::new("InternalFailure", StatusCode::INTERNAL_SERVER_ERROR, "Internal failure")
}
