//! Inputs, outputs, constraints and error codes of AWS's services, generated from their models.
//!
//! `cargo run -p xtask -- codegen` writes everything below this module; nothing there is edited by hand.

pub mod eks;
pub mod iam;
pub mod sts;

#[cfg(test)]
mod tests;
