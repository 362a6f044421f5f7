//! Durable state: the model, its changes, snapshots, and the embedded store.
//!
//! Everything that OpenIRSA remembers is an entity of [`model`] under a string [`Key`]. Writers hand a
//! [`Transaction`] to a [`Store`]; readers take an immutable [`Snapshot`] and never touch the store. Policies are
//! compiled when an entity enters the snapshot, so that a request evaluates and never parses.
#![forbid(unsafe_code)]

pub mod change;
pub mod embedded;
pub mod model;
pub mod snapshot;
pub mod store;

pub use change::{Change, Entity, Key, Precondition, Revision, Transaction};
pub use embedded::{Embedded, OpenError};
pub use snapshot::{BrokenPolicy, Snapshot, Storable, Stored};
pub use store::{Changes, CommitError, Committed, Store, transact};
