//! The question: who wants to do what to which resource, in which circumstances.
//!
//! Key names are case-insensitive (IAM User Guide, "Condition"); they are folded and hashed once, when a policy is compiled
//! and when a context is filled, so that a lookup compares numbers first.

mod named;

use serde::{Deserialize, Serialize};

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Principal {
    /// A request without credentials.
    Anonymous,
    /// The root user of an account.
    Account {
        /// Twelve digits.
        account: String,
    },
    /// An IAM user.
    User {
        /// Twelve digits.
        account: String,
        /// `arn:aws:iam::ACCOUNT:user/PATH/NAME`
        arn: String,
        /// The unique id, `AIDA…`.
        id: String,
    },
    /// A session of a role.
    RoleSession {
        /// The role's account, twelve digits.
        account: String,
        /// `arn:aws:iam::ACCOUNT:role/PATH/NAME`
        role_arn: String,
        /// The role's unique id, `AROA…`.
        role_id: String,
        /// `arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION`
        session_arn: String,
    },
    /// A session of `GetFederationToken`.
    FederatedUser {
        /// Twelve digits.
        account: String,
        /// `arn:aws:sts::ACCOUNT:federated-user/NAME`
        arn: String,
        /// The user who asked for the session; `None` when the root user did.
        user_arn: Option<String>,
        /// That user's unique id.
        user_id: Option<String>,
    },
    /// The caller of `AssumeRoleWithWebIdentity`: not an IAM principal yet.
    WebIdentity {
        /// The ARN of the OIDC provider in the role's account, or a built-in provider's name.
        provider_arn: String,
    },
    /// An AWS service.
    Service {
        /// Such as `ec2.amazonaws.com`.
        name: String,
    },
}

impl Principal {
    /// The account the caller belongs to; none for anonymous, web identity and service callers.
    pub fn account(&self) -> Option<&str> {
        match self {
            Principal::Account { account }
            | Principal::User { account, .. }
            | Principal::RoleSession { account, .. }
            | Principal::FederatedUser { account, .. } => Some(account),
            Principal::Anonymous | Principal::WebIdentity { .. } | Principal::Service { .. } => None,
        }
    }

    /// How AWS names the caller in a denial: an ARN, a service's or provider's name, or `anonymous`.
    pub fn display_name(&self) -> String {
        match self {
            Principal::Anonymous => "anonymous".to_owned(),
            Principal::Account { account } => format!("arn:aws:iam::{account}:root"),
            Principal::User { arn, .. } | Principal::FederatedUser { arn, .. } => arn.clone(),
            Principal::RoleSession { session_arn, .. } => session_arn.clone(),
            Principal::WebIdentity { provider_arn } => provider_arn.clone(),
            Principal::Service { name } => name.clone(),
        }
    }
}

/// One question to the policies.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// `service:Action`, in any case.
    pub action: &'a str,
    /// The resource's ARN, or `*` for actions without one.
    pub resource: &'a str,
    /// The account that owns the resource; `None` means the caller's own.
    pub resource_account: Option<&'a str>,
    /// The condition keys of the request.
    pub context: &'a Context,
}

/// The values of one condition key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Values {
    /// A single-valued key.
    Single(String),
    /// A multivalued key, such as `aws:TagKeys`.
    Many(Vec<String>),
}

impl Values {
    /// All values, in order.
    pub fn as_slice(&self) -> &[String] {
        match self {
            Values::Single(value) => std::slice::from_ref(value),
            Values::Many(values) => values,
        }
    }
}

/// The condition keys that a request carries, by case-insensitive name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Context {
    /// The keys' hashes, apart: a search reads these and little else.
    hashes: Vec<u64>,
    entries: Vec<(Key, Values)>,
}

impl Context {
    /// For patterns without variables.
    pub(crate) const EMPTY: &'static Context = &Context { hashes: Vec::new(), entries: Vec::new() };

    /// A context without any key.
    pub fn new() -> Context {
        Context::default()
    }

    /// Sets a single-valued key, replacing what it had.
    pub fn set(&mut self, name: &str, value: impl Into<String>) -> &mut Context {
        self.put(name, Values::Single(value.into()))
    }

    /// Sets a multivalued key, replacing what it had. One value counts as a single-valued key where that matters
    /// (a token's `aud` is often an array of one); none counts as absent.
    pub fn set_all<I>(&mut self, name: &str, values: I) -> &mut Context
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.put(name, Values::Many(values.into_iter().map(Into::into).collect()))
    }

    /// The values of a key; `None` when it is absent.
    pub fn get(&self, name: &str) -> Option<&Values> {
        self.find(&Key::new(name))
    }

    /// Every key that is set, in the order of setting, with its name as it was given.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Values)> {
        self.entries.iter().map(|(key, values)| (key.name(), values))
    }

    fn put(&mut self, name: &str, values: Values) -> &mut Context {
        let key = Key::new(name);
        match self.entries.iter_mut().find(|(known, _)| *known == key) {
            Some(entry) => *entry = (key, values),
            None => {
                self.hashes.push(key.hash);
                self.entries.push((key, values));
            }
        }
        self
    }

    pub(crate) fn find(&self, key: &Key) -> Option<&Values> {
        let alike = self.hashes.iter().zip(&self.entries).filter(|(hash, _)| **hash == key.hash);
        alike.map(|(_, entry)| entry).find(|(known, _)| known == key).map(|(_, values)| values)
    }

    /// The one value of a key: what a variable is replaced by. Multivalued keys have none (IAM User Guide, variables).
    pub(crate) fn scalar(&self, key: &Key) -> Option<&str> {
        match self.find(key)?.as_slice() {
            [value] => Some(value),
            _ => None,
        }
    }
}

impl<N: AsRef<str>, V: Into<String>> FromIterator<(N, V)> for Context {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Context {
        let mut context = Context::new();
        for (name, value) in pairs {
            context.set(name.as_ref(), value);
        }
        context
    }
}

/// As a map from name to a string or an array of strings.
impl Serialize for Context {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Context {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Context, D::Error> {
        let map = std::collections::BTreeMap::<String, Values>::deserialize(deserializer)?;
        let mut context = Context::new();
        for (name, values) in map {
            context.put(&name, values);
        }
        Ok(context)
    }
}

/// A condition key's name, hashed without regard to case.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    hash: u64,
    name: Box<str>,
}

impl Key {
    pub(crate) fn new(name: &str) -> Key {
        Key { hash: folded_hash(name), name: name.into() }
    }

    /// The name as it was written.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        self.hash == other.hash && self.name.eq_ignore_ascii_case(&other.name)
    }
}

/// Hashes without regard to ASCII case, eight bytes at a time, as FxHash does. Equal hashes are always confirmed by comparing
/// the text, so collisions cost time only.
pub(crate) fn folded_hash(text: &str) -> u64 {
    let mix = |hash: u64, word: [u8; 8]| {
        let word = lower_case(u64::from_le_bytes(word));
        (hash.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95)
    };
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let hash = words.iter().fold(text.len() as u64, |hash, word| mix(hash, *word));
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    mix(hash, last)
}

/// Eight ASCII letters at once; other bytes stay as they are.
fn lower_case(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x80 * ONES;
    let low = word & !TOPS;
    let from_a = low + ONES * (0x80 - 0x41);
    let after_z = low + ONES * (0x80 - 0x5b);
    let is_upper = (from_a ^ after_z) & !word & TOPS;
    word | (is_upper >> 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_do_not_mind_ascii_case() {
        let every: String = (0..=0x7f_u8).map(char::from).collect();
        assert_eq!(folded_hash(&every), folded_hash(&every.to_ascii_lowercase()));
        assert_eq!(folded_hash("AWS:SourceIP"), folded_hash("aws:sourceip"));
        let texts = [
            "",
            "\0",
            "a",
            "b",
            "@",
            "`",
            "[",
            "{",
            "é",
            "É",
            "aws:sourceip",
            "aws:sourceiq",
            "12345678",
            "123456780",
        ];
        let different: std::collections::BTreeSet<u64> = texts.into_iter().map(folded_hash).collect();
        assert_eq!(different.len(), texts.len());
    }

    #[test]
    fn keys_are_found_in_any_case_and_replaced() {
        let mut context = Context::new();
        context.set("aws:SourceIp", "1").set("k", "2").set("AWS:sourceip", "3");
        assert_eq!(context.get("aws:sourceIP"), Some(&Values::Single("3".into())));
        assert_eq!(context.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["AWS:sourceip", "k"]);
        assert_eq!(context.get("absent"), None);
    }
}
