//! The entities that are stored: what AWS's IAM, EKS and S3 remember about accounts, in AWS's own terms.
//!
//! Entities are plain serialisable values. They validate nothing (the operations do, with AWS's messages) and hold
//! policies as the text that was given; the compiled form lives in the snapshot.

mod account;
mod cluster;
mod iam;
pub mod ids;
mod provider;
mod sealing;
mod seconds;
mod secret;

pub use account::{Account, AccountId, InvalidAccountId};
pub use cluster::{Cluster, ClusterSigningKey, KubeObject, Registration};
pub use iam::{AccessKey, LastUsed, ManagedPolicy, PolicyVersion, Role, TrustPolicy, User};
pub use provider::{Bucket, OidcProvider, PublicAccessBlock};
pub use sealing::SealingKey;
pub use secret::{SecretBytes, SecretString};

/// Tags of an entity. Keys keep their case; AWS compares them without it.
pub type Tags = std::collections::BTreeMap<String, String>;
