//! irsa-policy
#![forbid(unsafe_code)]
