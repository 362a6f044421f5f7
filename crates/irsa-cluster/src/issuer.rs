//! The issuer of a self-managed cluster: what has to stand at its URL so that STS and other verifiers find its keys.
//!
//! A kube-apiserver signs tokens with a key of its own; whoever verifies them fetches a discovery document and a key set below
//! the issuer's URL (OpenID Connect Discovery 1.0). [`documents`] writes both as a kube-apiserver serves them, from [`keys`]
//! that are read from the API server's JWKS or from PEM files. [`rotation`] says which keys have to be published when one
//! replaces another, and [`flags`] what the API server has to be told. [`live`] asks a running cluster, and [`serve`] serves the
//! documents of several clusters.

pub mod documents;
pub mod flags;
pub mod keys;
pub mod live;
pub mod rotation;
pub mod serve;

pub use documents::{Document, documents};
pub use keys::{IssuerKey, KeyError};
