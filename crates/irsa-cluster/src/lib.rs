//! irsa-cluster
#![forbid(unsafe_code)]
