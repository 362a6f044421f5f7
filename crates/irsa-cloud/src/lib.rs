//! The AWS half of OpenIRSA: STS, IAM, EKS and S3 behind one port, in AWS's own words.
//!
//! The way of a request: [`server`] finds service, caller and operation; [`authorize`] asks the policies and makes the
//! [`Authorized`](authorize::Authorized) that the operation's function demands; the function answers from the snapshot or
//! writes to the store. Denials are explained into [`decisions`]. This crate knows no Kubernetes objects.
#![forbid(unsafe_code)]

pub mod accounts;
pub mod arn;
pub mod authorize;
pub mod context;
pub mod credentials;
pub mod decisions;
pub mod eks;
pub mod failure;
pub mod generated;
pub mod iam;
pub mod issuers;
pub mod managed_policies;
pub mod metrics;
pub mod s3;
pub mod server;
pub mod sts;
pub mod uses;
