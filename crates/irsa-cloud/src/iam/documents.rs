//! Policy documents on their way in and out: validated and measured, answered URL-encoded.

use std::collections::BTreeMap;

use irsa_policy::{Policy, PolicyType, size_without_whitespace};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{IamError, quotas};

/// Everything but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A document as IAM's answers carry it: "URL-encoded compliant with RFC 3986" (IAM API reference, "GetRole").
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Checks the document of a managed policy.
pub(super) fn check_managed(text: &str) -> Result<(), IamError> {
    Policy::parse(text, PolicyType::Identity)?;
    quotas::POLICY_SIZE.admit(size_without_whitespace(text))
}

/// Checks the document of an inline policy. How large it may be depends on those beside it.
pub(super) fn check_inline(text: &str) -> Result<(), IamError> {
    Policy::parse(text, PolicyType::Identity)?;
    Ok(())
}

/// The size of inline policies together, as AWS counts it.
pub(super) fn inline_size(policies: &BTreeMap<String, String>) -> usize {
    policies.values().map(|text| size_without_whitespace(text)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_encoded_by_rfc_3986() {
        assert_eq!(encoded(r#"{"A": "b-c_d.e~f/*+ü"}"#), "%7B%22A%22%3A%20%22b-c_d.e~f%2F%2A%2B%C3%BC%22%7D");
    }
}
