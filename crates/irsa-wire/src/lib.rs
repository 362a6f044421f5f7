//! irsa-wire
#![forbid(unsafe_code)]
