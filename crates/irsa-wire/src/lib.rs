//! AWS's wire protocols, as a server speaks them: Signature Version 4, the query protocol (STS, IAM),
//! REST-JSON (EKS), REST-XML (S3) and the error shapes of all three.
//!
//! Nothing here does I/O or knows a clock, an account or a policy: bytes, keys and times are parameters.
//! Everything that comes from a request is bounded before it is parsed.
#![forbid(unsafe_code)]

pub mod error;
pub mod query;
pub mod rest_json;
pub mod sigv4;
pub mod xml;
