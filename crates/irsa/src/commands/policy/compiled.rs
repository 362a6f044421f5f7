//! The `policies` of a case, compiled, and remembered by their text: batches repeat them.
//!
//! Two memories: of whole `policies` members, so that a line like the one before costs a comparison, and of single documents,
//! which many such members share. Both are bounded: what is full is emptied.

use std::collections::HashMap;
use std::sync::Arc;

use irsa_policy::{Attached, MalformedPolicy, Policy, PolicyType};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::principal::Text;
use super::refused::Refused;

/// The most text that one memory holds, in bytes. A compiled policy takes about ten times its text, and every worker has
/// memories of its own.
const MAX_REMEMBERED: usize = 2 * 1024 * 1024;

/// A document under the name of its place.
#[derive(Debug, Clone)]
pub(super) struct Named {
    name: String,
    policy: Arc<Policy>,
}

impl Named {
    pub(super) fn attached(&self) -> Attached<'_> {
        Attached { name: &self.name, policy: &self.policy }
    }
}

/// All policies of a case.
#[derive(Debug, Default)]
pub(super) struct Policies {
    pub(super) identity: Vec<Named>,
    /// Documents of one boundary: one of them must allow.
    pub(super) boundary: Vec<Named>,
    pub(super) session: Option<Vec<Named>>,
    pub(super) scp: Vec<Vec<Named>>,
    pub(super) rcp: Vec<Vec<Named>>,
    pub(super) resource: Option<Named>,
    pub(super) resource_is_trust: bool,
    /// Whether `resource` came as the member `trust`.
    pub(super) trust_member: bool,
    pub(super) endpoint: Vec<Named>,
}

/// Compiles, and remembers what it compiled.
#[derive(Default)]
pub(super) struct Compiler {
    /// By whether the resource's policy is a trust policy, and the text.
    members: [Memory<Arc<Policies>>; 2],
    documents: HashMap<PolicyType, Memory<Arc<Policy>>>,
    last: Last,
}

/// The policies of the last case.
#[derive(Default)]
struct Last {
    text: String,
    /// As [`Compiler::members`].
    policies: [Option<Arc<Policies>>; 2],
}

impl Compiler {
    /// The policies that stand in `text`.
    pub(super) fn compile(&mut self, text: &str, is_trust: bool) -> Result<Arc<Policies>, Refused> {
        if self.last.text != text {
            self.last.text.clear();
            self.last.text.push_str(text);
            self.last.policies = [None, None];
        }
        self.again(is_trust)
    }

    /// The policies of the last case.
    pub(super) fn again(&mut self, is_trust: bool) -> Result<Arc<Policies>, Refused> {
        let [plain, trust] = &mut self.last.policies;
        let last = if is_trust { trust } else { plain };
        if let Some(policies) = last {
            return Ok(Arc::clone(policies));
        }
        let text = std::mem::take(&mut self.last.text);
        let policies = self.recalled(&text, is_trust);
        self.last.text = text;
        let policies = policies?;
        let [plain, trust] = &mut self.last.policies;
        let last = if is_trust { trust } else { plain };
        *last = Some(Arc::clone(&policies));
        Ok(policies)
    }

    /// What a line has before its member `policies`, if that comes last and has the text of the last case. Batches repeat
    /// their policies, and comparing is ten times as fast as reading.
    ///
    /// If what is before, closed with a brace, is an object, then the line is that object with this member added: the text of
    /// the policies is one whole value, and nothing but the end of the line follows it.
    pub(super) fn before_repeated<'a>(&self, line: &'a str) -> Option<&'a str> {
        let value = line.trim_ascii_end().strip_suffix('}')?.trim_ascii_end();
        let member = value.strip_suffix(self.last.text.as_str()).filter(|_| !self.last.text.is_empty())?;
        let name = member.trim_ascii_end().strip_suffix(':')?.trim_ascii_end();
        name.strip_suffix("\"policies\"")?.trim_ascii_end().strip_suffix(',')
    }

    fn recalled(&mut self, text: &str, is_trust: bool) -> Result<Arc<Policies>, Refused> {
        let [plain, trust] = &self.members;
        let memory = if is_trust { trust } else { plain };
        if let Some(policies) = memory.recall(text) {
            return Ok(policies);
        }
        let policies = Arc::new(self.read(text, is_trust)?);
        let [plain, trust] = &mut self.members;
        let memory = if is_trust { trust } else { plain };
        memory.remember(text, Arc::clone(&policies));
        Ok(policies)
    }

    fn read(&mut self, text: &str, is_trust: bool) -> Result<Policies, Refused> {
        let members: Members<'_> =
            serde_json::from_str(text).map_err(|error| Refused::from(error).within("policies"))?;
        let resource = match (members.resource, members.trust) {
            (Some(_), Some(_)) => {
                return Err(Refused::form("policies: a role has no `resource` policy beside `trust`"));
            }
            (Some(text), None) if is_trust => Some(("resource", text, PolicyType::Trust)),
            (Some(text), None) => Some(("resource", text, PolicyType::Resource)),
            (None, trust) => trust.map(|text| ("trust", text, PolicyType::Trust)),
        };
        let session = self.list(members.session, "session", PolicyType::Session)?;
        Ok(Policies {
            identity: self.list(members.identity, "identity", PolicyType::Identity)?,
            boundary: self.list(members.boundary, "boundary", PolicyType::Boundary)?,
            session: Some(session).filter(|session| !session.is_empty()),
            scp: self.levels(members.scp, "scp", PolicyType::ServiceControl)?,
            rcp: self.levels(members.rcp, "rcp", PolicyType::ResourceControl)?,
            trust_member: resource.is_some_and(|(name, ..)| name == "trust"),
            // A role has a trust policy, and without one nobody assumes it.
            resource_is_trust: is_trust || resource.is_some_and(|(.., kind)| kind == PolicyType::Trust),
            resource: match resource {
                Some((name, text, kind)) => Some(self.document(text.get(), name.to_owned(), kind)?),
                None => None,
            },
            endpoint: self.list(members.endpoint, "endpoint", PolicyType::Resource)?,
        })
    }

    /// A list of documents; one document stands for a list of one.
    fn list(&mut self, text: Option<&RawValue>, name: &str, kind: PolicyType) -> Result<Vec<Named>, Refused> {
        let Some(text) = text else { return Ok(Vec::new()) };
        if !text.get().starts_with('[') {
            return Ok(vec![self.document(text.get(), name.to_owned(), kind)?]);
        }
        let documents: Vec<&RawValue> = serde_json::from_str(text.get())?;
        let documents = documents.iter().enumerate();
        documents.map(|(index, text)| self.document(text.get(), format!("{name}[{index}]"), kind)).collect()
    }

    /// A list of levels, each a list of documents.
    fn levels(
        &mut self,
        text: Option<&RawValue>,
        name: &str,
        kind: PolicyType,
    ) -> Result<Vec<Vec<Named>>, Refused> {
        let Some(text) = text else { return Ok(Vec::new()) };
        let levels: Vec<&RawValue> = serde_json::from_str(text.get()).map_err(|_no_list| {
            Refused::form(format!("policies.{name}: a list of levels, each a list of documents"))
        })?;
        let levels = levels.into_iter().enumerate();
        levels.map(|(index, level)| self.list(Some(level), &format!("{name}[{index}]"), kind)).collect()
    }

    /// A document as an object, or as a string that holds its text.
    fn document(&mut self, text: &str, name: String, kind: PolicyType) -> Result<Named, Refused> {
        let memory = self.documents.entry(kind).or_default();
        if let Some(policy) = memory.recall(text) {
            return Ok(Named { name, policy });
        }
        let refused = |problem: MalformedPolicy| Refused::policy(&name, &problem);
        let policy = if text.starts_with('"') {
            let inside: Text<'_> = serde_json::from_str(text)?;
            parse(&inside.0, kind).map_err(refused)?
        } else {
            parse(text, kind).map_err(refused)?
        };
        let policy = Arc::new(policy);
        memory.remember(text, Arc::clone(&policy));
        Ok(Named { name, policy })
    }
}

/// Takes what AWS would not save, too: nobody is going to. A trust policy may even have a `Resource`.
fn parse(text: &str, kind: PolicyType) -> Result<Policy, MalformedPolicy> {
    let parsed = Policy::parse_unsaved(text, kind);
    if kind != PolicyType::Trust {
        return parsed;
    }
    parsed.or_else(|problem| Policy::parse_unsaved(text, PolicyType::Resource).map_err(|_neither| problem))
}

/// The members of `policies`. What is misspelled would be a policy that is silently left out, so it is refused.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Members<'a> {
    #[serde(borrow)]
    identity: Option<&'a RawValue>,
    #[serde(borrow)]
    boundary: Option<&'a RawValue>,
    #[serde(borrow)]
    session: Option<&'a RawValue>,
    #[serde(borrow)]
    scp: Option<&'a RawValue>,
    #[serde(borrow)]
    rcp: Option<&'a RawValue>,
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
    #[serde(borrow)]
    trust: Option<&'a RawValue>,
    #[serde(borrow)]
    endpoint: Option<&'a RawValue>,
}

/// Values by text.
struct Memory<T> {
    values: HashMap<Box<str>, T>,
    bytes: usize,
}

impl<T> Default for Memory<T> {
    fn default() -> Self {
        Self { values: HashMap::new(), bytes: 0 }
    }
}

impl<T: Clone> Memory<T> {
    fn recall(&self, text: &str) -> Option<T> {
        self.values.get(text).cloned()
    }

    fn remember(&mut self, text: &str, value: T) {
        if self.bytes + text.len() > MAX_REMEMBERED {
            self.values.clear();
            self.bytes = 0;
        }
        self.bytes += text.len();
        self.values.insert(text.into(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    const FIRST: &str = r#"{"identity":[{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}]}"#;
    const SECOND: &str = r#"{"identity":[{"Statement":{"Effect":"Deny","Action":"s3:*","Resource":"*"}}]}"#;

    fn decide(line: &str, compiler: &mut Compiler) -> String {
        match Case::read(line, &mut String::new(), compiler) {
            Ok(case) => serde_json::to_string(&case.answer(false)).unwrap(),
            Err(refused) => format!("{}: {}", refused.code, refused.message),
        }
    }

    /// What was read before never shows in an answer: not its policies, and not where a line is at fault.
    #[test]
    fn what_is_remembered_never_shows() {
        let members = r#""id":1,"principal":"111122223333","action":"s3:GetObject","resource":"*""#;
        let user = members.replace("111122223333", "arn:aws:iam::111122223333:user/ann");
        let role =
            r#""principal":"*","action":"sts:AssumeRole","resource":"arn:aws:iam::111122223333:role/r""#;
        let trust = r#"{"resource":{"Statement":{"Effect":"Allow","Principal":"*","Action":"*"}}}"#;
        let bad = r#"{"identity":[{}]}"#;
        let mut lines = Vec::new();
        for policies in [FIRST, SECOND, trust, bad, "{}", "null", "7", "\"x\""] {
            for members in [members, user.as_str(), role] {
                lines.push(format!(r#"{{{members},"policies":{policies}}}"#));
                lines.push(format!(r#" {{ {members} , "policies" : {policies} }} "#));
                lines.push(format!(r#"{{"policies":{policies},{members}}}"#));
                lines.push(format!(r#"{{"policies":{SECOND},{members},"policies":{policies}}}"#));
                lines.push(format!(r#"{{{members},,"policies":{policies}}}"#));
                lines.push(format!(r#"{{{members},"x":"y,"policies":{policies}}}"#));
                lines.push(format!(r#"{{{members},"x":{{"a":1,"policies":{policies}}}"#));
                lines.push(format!(r#"{{{members},"x":{{"a":1,"policies":{policies}}}}}"#));
                lines.push(format!(r#"[{{{members}}},"policies":{policies}}}"#));
                lines.push(format!(r#"{{{members}}},"policies":{policies}}}"#));
                lines.push(format!(r#"{{{members},"policies":{policies}"#));
            }
        }
        let mut warm = Compiler::default();
        for before in &lines {
            for line in [before, before, &lines[0], &lines[1], &lines[11 * 3]] {
                assert_eq!(decide(line, &mut warm), decide(line, &mut Compiler::default()), "{line}");
            }
        }
    }

    #[test]
    fn a_full_memory_is_emptied() {
        let mut memory = Memory::default();
        let text = "x".repeat(MAX_REMEMBERED / 4);
        for number in 0..100 {
            memory.remember(&format!("{number}{text}"), number);
            assert_eq!(memory.recall(&format!("{number}{text}")), Some(number));
            assert!(memory.values.len() <= 4);
        }
    }
}
