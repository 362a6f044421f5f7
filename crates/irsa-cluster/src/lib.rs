//! The Kubernetes half of OpenIRSA: what a pod gets, and the small Kubernetes API of the clusters that we host.
//!
//! [`mutate`] is what the pod identity webhook does to a pod, as a pure function; [`webhook`] serves it to real clusters, from
//! what [`watch`] and [`accounts`] know of them. [`token_request`] makes ServiceAccount tokens as the TokenRequest API does,
//! and [`hosted`] serves it to real clients. This crate knows no AWS wire protocol: who a bearer token belongs to is somebody
//! else's answer ([`hosted::TokenReviewer`]).
#![forbid(unsafe_code)]

pub mod accounts;
pub mod admission;
pub mod annotations;
pub mod api_server;
mod borrowed;
pub mod certificates;
pub mod connections;
pub mod hosted;
pub mod issuer;
pub mod json_patch;
pub mod mutate;
pub mod token_request;
pub mod watch;
pub mod webhook;
