//! The `irsa` command.
#![forbid(unsafe_code)]
fn main() {}
