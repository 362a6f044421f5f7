//! irsa-cloud
#![forbid(unsafe_code)]
