//! What is wrong with a policy document, or will be: rules with stable codes, exact places and fixes.
//!
//! Works on documents that AWS would refuse, too: they get an error, and whatever can still be read is linted. Where AWS's
//! parser and ours agree that a document is sound, the rules look for what it does not mean to say. Sources: IAM User Guide
//! ("IAM JSON policy elements", "Access Analyzer policy check reference"), EKS User Guide ("IAM roles for service accounts").
//!
//! ```
//! use irsa_policy::PolicyType;
//! use irsa_policy::lint::{Surroundings, apply, lint};
//!
//! let trust = r#"{"Version": "2012-10-17", "Statement": [{
//!     "Effect": "Allow",
//!     "Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/oidc.example.com/id/A1"},
//!     "Action": "sts:AssumeRoleWithWebIdentity",
//!     "Condition": {"StringEquals": {"oidc.example.com/id/A1:sub": "system:serviceaccount:shop:api"}}
//! }]}"#;
//! let findings = lint(trust, PolicyType::Trust, &Surroundings::default());
//! let [finding] = findings.as_slice() else { panic!("one finding") };
//! assert_eq!((finding.code, finding.line), ("IRSA-T003", 5));
//!
//! let mended = apply(trust, finding.fix.as_ref());
//! assert!(mended.contains(r#""oidc.example.com/id/A1:aud": "sts.amazonaws.com""#));
//! assert_eq!(lint(&mended, PolicyType::Trust, &Surroundings::default()), []);
//! ```

mod apply;
mod finding;
mod flaw;
mod group;
mod guess;
mod identity;
mod issuer;
mod operator;
mod reading;
mod rules;
mod show;
mod surroundings;
mod trust;

pub use apply::apply;
pub use finding::{Edit, Finding, Fix, Rule, Severity};
pub use guess::guess;
pub use rules::RULES;
pub use surroundings::{Provider, Role, ServiceAccount, Surroundings};

use crate::document::PolicyType;
use finding::Report;
use reading::Blanked;

/// The findings of one document, in the order of their place; a thousand at most, which no document that AWS accepts can
/// have.
///
/// A text of more than 1 MiB gets one finding that says so, and is not read.
pub fn lint(text: &str, kind: PolicyType, surroundings: &Surroundings) -> Vec<Finding> {
    let mut report = Report::default();
    if text.len() > reading::MAX_BYTES {
        flaw::refused(text, kind, &mut report);
        return report.located(text);
    }
    let blanked = Blanked::of(text);
    let reading = blanked.read();
    flaw::json(&reading, &mut report);
    match kind {
        PolicyType::Trust => trust::rules(&reading, surroundings, &mut report),
        _ => identity::rules(&reading, kind, &mut report),
    }
    flaw::version(&reading, kind, &mut report);
    flaw::refused(reading.plain, kind, &mut report);
    report.located(text)
}
