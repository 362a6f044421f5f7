//! The `principal` of a case: a name, or an object that says more.

use std::borrow::Cow;
use std::fmt;

use irsa_policy::{Arn, Principal};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

/// The caller, read from either form.
pub(super) struct Caller(pub(super) Principal);

impl<'de> Deserialize<'de> for Caller {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = Caller;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a principal, as a name or as an object with a type")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Caller, E> {
                named(name).map(Caller).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Caller, A::Error> {
                let object = Object::deserialize(MapAccessDeserializer::new(map))?;
                object.principal().map(Caller).map_err(A::Error::custom)
            }
        }
        deserializer.deserialize_any(Form)
    }
}

/// A string, borrowed where it has no escapes.
#[derive(Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// Every way to write a caller as an object: `{"type", "value"}`, AWS's `{"AWS": …}`, or a full account of it.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Object<'a> {
    #[serde(borrow, rename = "type", alias = "Type")]
    kind: Option<Cow<'a, str>>,
    #[serde(
        borrow,
        alias = "arn",
        alias = "Arn",
        alias = "name",
        alias = "session_arn",
        alias = "sessionArn",
        alias = "provider_arn",
        alias = "providerArn",
        alias = "provider"
    )]
    value: Option<Cow<'a, str>>,
    #[serde(borrow)]
    account: Option<Cow<'a, str>>,
    #[serde(borrow, alias = "role_id", alias = "roleId", alias = "user_id", alias = "userId")]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, alias = "roleArn")]
    role_arn: Option<Cow<'a, str>>,
    #[serde(borrow, alias = "sessionName")]
    session_name: Option<Cow<'a, str>>,
    #[serde(borrow, alias = "userArn")]
    user_arn: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "AWS")]
    aws: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "Service")]
    service: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "Federated")]
    federated: Option<Cow<'a, str>>,
}

impl Object<'_> {
    fn principal(&self) -> Result<Principal, String> {
        match (&self.kind, &self.aws, &self.service, &self.federated) {
            (Some(kind), None, None, None) => self.typed(kind),
            (None, Some(name), None, None) => self.completed(named(name)?),
            (None, None, Some(name), None) => Ok(Principal::Service { name: name.to_string() }),
            (None, None, None, Some(name)) => Ok(Principal::WebIdentity { provider_arn: name.to_string() }),
            (None, None, None, None) => self.completed(named(self.name()?)?),
            _ => Err("principal: give one of type, AWS, Service and Federated".to_owned()),
        }
    }

    fn typed(&self, kind: &str) -> Result<Principal, String> {
        let folded: String =
            kind.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
        if kind == "*" || folded == "anonymous" {
            return Ok(Principal::Anonymous);
        }
        let name = &*self.full_name(&folded)?;
        let is_wanted: fn(&Principal) -> bool = match folded.as_str() {
            "service" | "awsservice" => return Ok(Principal::Service { name: name.to_owned() }),
            "federated" | "webidentity" | "oidc" | "saml" | "oidcprovider" | "samlprovider" => {
                return Ok(Principal::WebIdentity { provider_arn: name.to_owned() });
            }
            "aws" | "iam" => |_| true,
            "account" | "root" => |found| matches!(found, Principal::Account { .. }),
            "user" | "iamuser" => |found| matches!(found, Principal::User { .. }),
            "role" | "iamrole" | "assumedrole" | "rolesession" | "session" => {
                |found| matches!(found, Principal::RoleSession { .. })
            }
            "federateduser" => |found| matches!(found, Principal::FederatedUser { .. }),
            _ => {
                let known =
                    "AWS, Account, User, Role, AssumedRole, FederatedUser, Federated, Service or Anonymous";
                return Err(format!("principal: the type `{kind}` is none of {known}"));
            }
        };
        let found = named(name)?;
        if !is_wanted(&found) {
            return Err(format!("principal: `{name}` does not name a principal of type {kind}"));
        }
        self.completed(found)
    }

    fn name(&self) -> Result<&str, String> {
        let names = [&self.value, &self.role_arn, &self.account];
        let name = names.into_iter().flatten().next().map(AsRef::as_ref);
        name.ok_or_else(|| "principal: an object has a type and a value".to_owned())
    }

    /// The ARN of a user or role that is given by account and name; else the name as it is given.
    fn full_name(&self, kind: &str) -> Result<Cow<'_, str>, String> {
        let name = self.name()?;
        let entity = match kind {
            "user" | "iamuser" => "user",
            "role" | "iamrole" => "role",
            _ => return Ok(name.into()),
        };
        match &self.account {
            Some(account) if !name.contains(':') => {
                Ok(format!("arn:aws:iam::{account}:{entity}/{name}").into())
            }
            _ => Ok(name.into()),
        }
    }

    /// Adds what no name says: unique ids, a role's path, a session's name, the user behind a federated session.
    fn completed(&self, mut principal: Principal) -> Result<Principal, String> {
        let given = |text: &Option<Cow<'_, str>>| text.as_deref().map(str::to_owned);
        match &mut principal {
            Principal::User { id, .. } => *id = given(&self.id).unwrap_or_default(),
            Principal::RoleSession { role_arn, role_id, session_arn, .. } => {
                *role_id = given(&self.id).unwrap_or_default();
                if let Some(full) = given(&self.role_arn) {
                    *role_arn = full;
                }
                if let Some(name) = &self.session_name
                    && let Some((role, _)) = session_arn.rsplit_once('/')
                {
                    *session_arn = format!("{role}/{name}");
                }
            }
            Principal::FederatedUser { user_arn, user_id, .. } => {
                *user_arn = given(&self.user_arn);
                *user_id = given(&self.id);
            }
            _ => {}
        }
        Ok(principal)
    }
}

fn named(name: &str) -> Result<Principal, String> {
    Principal::from_name(name).ok_or_else(|| {
        let hint = match Arn::parse(name) {
            Some(_) => "this ARN names no account, user, role, session or provider",
            None => "a principal is an ARN, an account's twelve digits, a service's name, or an object with a type",
        };
        format!("principal: `{name}`: {hint}")
    })
}
