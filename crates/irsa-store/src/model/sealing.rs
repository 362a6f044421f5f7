//! Keys that seal session tokens.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::SecretBytes;

/// A key under which session tokens are sealed. The newest key seals; older ones only open, until they are deleted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SealingKey {
    /// Its name, carried by every token that it sealed.
    pub id: String,
    /// The key, 32 bytes.
    pub key: SecretBytes,
    /// When it was made.
    #[serde(with = "super::seconds")]
    pub created: Timestamp,
}
