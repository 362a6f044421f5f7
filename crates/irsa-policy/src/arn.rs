//! Amazon Resource Names: `arn:partition:service:region:account:resource`.
//!
//! An ARN has five colons that count; the resource may hold more. Source: "Amazon Resource Names (ARNs)", AWS General
//! Reference, and "IAM identifiers", IAM User Guide.

use std::cell::OnceCell;

/// An ARN split at its first five colons. Borrowed: splitting allocates nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arn<'a> {
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: &'a str,
    /// The service's name, such as `iam`.
    pub service: &'a str,
    /// The region; empty for global services.
    pub region: &'a str,
    /// The account's twelve digits; empty where the resource's name is global.
    pub account: &'a str,
    /// Everything after the fifth colon.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Splits `text`; `None` when it does not start with `arn:` or has fewer than five colons.
    pub fn parse(text: &'a str) -> Option<Arn<'a>> {
        let mut rest = text.strip_prefix("arn:")?;
        // A loop over bytes: the parts are too short for a searcher to pay.
        let mut part = || {
            let colon = rest.bytes().position(|byte| byte == b':')?;
            let part = rest.get(..colon);
            rest = rest.get(colon + 1..)?;
            part
        };
        let (partition, service, region, account) = (part()?, part()?, part()?, part()?);
        Some(Arn { partition, service, region, account, resource: rest })
    }

    /// What kind of principal this ARN names, if it names one.
    pub(crate) fn principal(&self) -> Option<PrincipalArn<'a>> {
        if self.account.len() != 12
            || !self.account.bytes().all(|b| b.is_ascii_digit())
            || !self.region.is_empty()
        {
            return None;
        }
        let (kind, rest) = self.resource.split_once('/').unwrap_or((self.resource, ""));
        let name = rest.rsplit('/').next().filter(|name| !name.is_empty());
        match (self.service, kind) {
            ("iam", "root") if rest.is_empty() => Some(PrincipalArn::Account),
            ("iam", "role") => name.map(PrincipalArn::Role),
            ("iam", "user") => name.map(PrincipalArn::User),
            ("sts", "assumed-role") if rest.split('/').count() == 2 => name.map(|_| PrincipalArn::Session),
            ("sts", "federated-user") => name.map(|_| PrincipalArn::FederatedUser),
            _ => None,
        }
    }
}

/// A text that may be an ARN, split when the parts are asked for.
#[derive(Debug)]
pub(crate) struct ArnText<'a> {
    text: &'a str,
    parts: OnceCell<Option<Arn<'a>>>,
}

impl<'a> ArnText<'a> {
    pub(crate) fn new(text: &'a str) -> ArnText<'a> {
        ArnText { text, parts: OnceCell::new() }
    }

    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    pub(crate) fn parts(&self) -> Option<&Arn<'a>> {
        self.parts.get_or_init(|| Arn::parse(self.text)).as_ref()
    }
}

/// The kinds of ARN that may stand under `Principal.AWS`, with the entity's name where it identifies it in its account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PrincipalArn<'a> {
    Account,
    Role(&'a str),
    User(&'a str),
    Session,
    FederatedUser,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_at_the_first_five_colons() {
        let arn = Arn::parse("arn:aws:logs:eu-west-1:111122223333:log-group:a:*").unwrap();
        assert_eq!((arn.region, arn.account, arn.resource), ("eu-west-1", "111122223333", "log-group:a:*"));
        assert_eq!(Arn::parse("arn:aws:s3:::b/k").unwrap().resource, "b/k");
        for bad in ["", "*", "arn", "arn:aws:s3::b", "urn:aws:s3:::b"] {
            assert_eq!(Arn::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn tells_the_kinds_of_principal_apart() {
        let kind = |text| Arn::parse(text).and_then(|arn| arn.principal());
        assert_eq!(kind("arn:aws:iam::111122223333:root"), Some(PrincipalArn::Account));
        assert_eq!(kind("arn:aws:iam::111122223333:role/team/app"), Some(PrincipalArn::Role("app")));
        assert_eq!(kind("arn:aws:iam::111122223333:user/ann"), Some(PrincipalArn::User("ann")));
        assert_eq!(kind("arn:aws:sts::111122223333:assumed-role/app/s"), Some(PrincipalArn::Session));
        assert_eq!(kind("arn:aws:sts::111122223333:federated-user/f"), Some(PrincipalArn::FederatedUser));
        assert_eq!(kind("arn:aws:iam::111122223333:group/g"), None);
        assert_eq!(kind("arn:aws:iam::1111:root"), None);
        assert_eq!(kind("arn:aws:iam::111122223333:role/"), None);
    }
}
