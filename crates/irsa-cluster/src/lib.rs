//! The Kubernetes half of OpenIRSA: what a pod gets, and the small Kubernetes API of the clusters that we host.
//!
//! This crate knows no AWS wire protocol: who a bearer token belongs to is somebody else's answer
//! ([`hosted::TokenReviewer`]).
#![forbid(unsafe_code)]

pub mod hosted;
