//! What a well-formed document must still satisfy to be saved as a policy of its type, in the order in which AWS complains.

use super::{Document, PolicyType, Problem};

/// Checks `document` as a policy of type `kind`.
pub(crate) fn validate(document: &Document, kind: PolicyType) -> Result<(), Problem> {
    let _ = (document, kind);
    Ok(())
}
