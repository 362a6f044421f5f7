//! The ARNs that operations take apart.

use irsa_store::model::AccountId;

/// A role's ARN in its parts. Whether the role exists is another question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleArn {
    /// The account that the role is, or would be, in.
    pub account: AccountId,
    /// The name, without the path.
    pub name: String,
}

impl RoleArn {
    /// Reads `arn:aws:iam::111122223333:role/path/name`; none if it is anything else.
    #[must_use]
    pub fn parse(arn: &str) -> Option<Self> {
        let (account, path_and_name) = arn.strip_prefix("arn:aws:iam::")?.split_once(":role/")?;
        let name = path_and_name.rsplit('/').next().filter(|name| !name.is_empty())?;
        Some(Self { account: account.parse().ok()?, name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_arns_are_taken_apart() {
        let role = RoleArn::parse("arn:aws:iam::111122223333:role/team/s3-app").unwrap();
        assert_eq!((role.account.as_str(), role.name.as_str()), ("111122223333", "s3-app"));
        for bad in [
            "arn:aws:iam::1111:role/x",
            "arn:aws:iam::111122223333:user/x",
            "arn:aws:iam::111122223333:role/",
            "arn:aws:sts::111122223333:assumed-role/x/y",
            "role/x",
            "",
        ] {
            assert_eq!(RoleArn::parse(bad), None, "{bad}");
        }
    }
}
