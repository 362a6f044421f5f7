//! IAM through its table.
