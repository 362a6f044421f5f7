//! irsa-store
#![forbid(unsafe_code)]
