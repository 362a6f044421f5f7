//! irsa-token
#![forbid(unsafe_code)]
