//! Callers by the name that people and other tools write for them.

use super::Principal;
use crate::arn::{Arn, PrincipalArn};

/// The providers that need no ARN (IAM User Guide, "AWS JSON policy elements: Principal", OIDC federated principals).
const BUILT_IN_PROVIDERS: &[&str] =
    &["accounts.google.com", "cognito-identity.amazonaws.com", "graph.facebook.com", "www.amazon.com"];

impl Principal {
    /// The caller that `name` stands for:
    ///
    /// - `*`: anonymous;
    /// - twelve digits, or `arn:…:iam::ACCOUNT:root`: the root user;
    /// - a user's ARN: the user;
    /// - a role's ARN: a session of the role whose name nobody knows, so that no policy can name it;
    /// - a session's ARN (`…:assumed-role/ROLE/SESSION`): that session;
    /// - a federated user's ARN: that user's session;
    /// - the ARN of an OIDC or SAML provider, or a built-in provider's name: somebody with a token of it;
    /// - `NAME.amazonaws.com`: that service.
    ///
    /// Unique ids are unknown then. `None` for anything else.
    pub fn from_name(name: &str) -> Option<Principal> {
        if name == "*" {
            return Some(Principal::Anonymous);
        }
        if name.len() == 12 && name.bytes().all(|b| b.is_ascii_digit()) {
            return Some(Principal::Account { account: name.to_owned() });
        }
        if BUILT_IN_PROVIDERS.contains(&name) {
            return Some(Principal::WebIdentity { provider_arn: name.to_owned() });
        }
        let Some(arn) = Arn::parse(name) else {
            let is_service = name.ends_with(".amazonaws.com") || name.ends_with(".amazonaws.com.cn");
            return is_service.then(|| Principal::Service { name: name.to_owned() });
        };
        let account = arn.account.to_owned();
        Some(match arn.principal() {
            Some(PrincipalArn::Account) => Principal::Account { account },
            Some(PrincipalArn::User(_)) => {
                Principal::User { account, arn: name.to_owned(), id: String::new() }
            }
            Some(PrincipalArn::Role(role)) => Principal::RoleSession {
                // What has no name is no session's ARN in a policy.
                session_arn: format!("arn:{}:sts::{account}:assumed-role/{role}/", arn.partition),
                account,
                role_arn: name.to_owned(),
                role_id: String::new(),
            },
            Some(PrincipalArn::Session) => {
                let role = arn.resource.split('/').nth(1).unwrap_or_default();
                Principal::RoleSession {
                    role_arn: format!("arn:{}:iam::{account}:role/{role}", arn.partition),
                    account,
                    role_id: String::new(),
                    session_arn: name.to_owned(),
                }
            }
            Some(PrincipalArn::FederatedUser) => {
                Principal::FederatedUser { account, arn: name.to_owned(), user_arn: None, user_id: None }
            }
            None => {
                let (kind, provider) = arn.resource.split_once('/')?;
                let is_provider = arn.service == "iam"
                    && matches!(kind, "oidc-provider" | "saml-provider")
                    && !provider.is_empty();
                return is_provider.then(|| Principal::WebIdentity { provider_arn: name.to_owned() });
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_for_callers() {
        let user = "arn:aws:iam::111122223333:user/team/ann";
        let provider = "arn:aws:iam::111122223333:oidc-provider/oidc.example.com/id/A";
        let session = |role_arn: &str, session_arn: &str| Principal::RoleSession {
            account: "111122223333".into(),
            role_arn: role_arn.into(),
            role_id: String::new(),
            session_arn: session_arn.into(),
        };
        for (name, expected) in [
            ("*", Some(Principal::Anonymous)),
            ("111122223333", Some(Principal::Account { account: "111122223333".into() })),
            ("arn:aws:iam::111122223333:root", Some(Principal::Account { account: "111122223333".into() })),
            (
                user,
                Some(Principal::User { account: "111122223333".into(), arn: user.into(), id: String::new() }),
            ),
            (
                "arn:aws-cn:iam::111122223333:role/team/app",
                Some(session(
                    "arn:aws-cn:iam::111122223333:role/team/app",
                    "arn:aws-cn:sts::111122223333:assumed-role/app/",
                )),
            ),
            (
                "arn:aws:sts::111122223333:assumed-role/app/s",
                Some(session(
                    "arn:aws:iam::111122223333:role/app",
                    "arn:aws:sts::111122223333:assumed-role/app/s",
                )),
            ),
            (
                "arn:aws:sts::111122223333:federated-user/f",
                Some(Principal::FederatedUser {
                    account: "111122223333".into(),
                    arn: "arn:aws:sts::111122223333:federated-user/f".into(),
                    user_arn: None,
                    user_id: None,
                }),
            ),
            (provider, Some(Principal::WebIdentity { provider_arn: provider.into() })),
            (
                "accounts.google.com",
                Some(Principal::WebIdentity { provider_arn: "accounts.google.com".into() }),
            ),
            ("ec2.amazonaws.com", Some(Principal::Service { name: "ec2.amazonaws.com".into() })),
            ("arn:aws:iam::111122223333:group/g", None),
            ("arn:aws:s3:::bucket", None),
            ("ann", None),
            ("", None),
        ] {
            assert_eq!(Principal::from_name(name), expected, "{name}");
        }
    }
}
