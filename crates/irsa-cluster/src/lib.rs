//! The Kubernetes half of OpenIRSA: what a pod gets, and the small Kubernetes API of the clusters that we host.
//!
//! [`mutate`] is what the pod identity webhook does to a pod, as a pure function. [`token_request`] makes ServiceAccount
//! tokens as the TokenRequest API does. [`hosted`] serves both to real clients. This crate knows no AWS wire protocol: who
//! a bearer token belongs to is somebody else's answer ([`hosted::TokenReviewer`]).
#![forbid(unsafe_code)]

pub mod admission;
pub mod annotations;
mod borrowed;
pub mod hosted;
pub mod issuer;
pub mod json_patch;
pub mod mutate;
pub mod token_request;
