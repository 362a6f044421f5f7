//! One case: who asks for what, in which circumstances, under which policies.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use irsa_policy::{
    Arn, Attached, Context, Decision, Explanation, Layer, Layers, Principal, Request, decide, evaluate,
    explain,
};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::compiled::{Compiler, Named, Policies};
use super::principal::{Caller, Text};
use super::refused::Refused;

/// A case that can be decided.
pub(super) struct Case<'a> {
    pub(super) id: Option<&'a RawValue>,
    pub(super) action: Cow<'a, str>,
    pub(super) resource: Cow<'a, str>,
    pub(super) principal: Principal,
    account: Option<Cow<'a, str>>,
    context: Context,
    pub(super) policies: Arc<Policies>,
}

/// The members of a case. Others are its writer's own, such as what the answer should be.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    principal: Caller,
    #[serde(borrow)]
    action: Cow<'a, str>,
    #[serde(borrow)]
    resource: Resource<'a>,
    #[serde(default)]
    context: Keys,
    #[serde(borrow, default)]
    policies: Option<&'a RawValue>,
}

impl<'a> Case<'a> {
    /// Reads a case. `scratch` is room for a part of it.
    pub(super) fn read(
        text: &'a str,
        scratch: &'a mut String,
        compiler: &mut Compiler,
    ) -> Result<Self, Refused> {
        if let Some(before) = compiler.before_repeated(text) {
            scratch.clear();
            scratch.push_str(before);
            scratch.push('}');
            if let Ok(members @ Members { policies: None, .. }) = serde_json::from_str::<Members<'a>>(scratch)
            {
                return Self::of(members, |is_trust| compiler.again(is_trust));
            }
        }
        let members: Members<'a> = serde_json::from_str(text)?;
        let policies =
            members.policies.ok_or_else(|| Refused::form("missing field `policies`, or it is null"))?;
        Self::of(members, |is_trust| compiler.compile(policies.get(), is_trust))
    }

    fn of(
        members: Members<'a>,
        policies: impl FnOnce(bool) -> Result<Arc<Policies>, Refused>,
    ) -> Result<Self, Refused> {
        let Members { id, principal: Caller(principal), action, resource, context: Keys(context), .. } =
            members;
        let policies = policies(resource.is_role() && is_assumption(&action))?;
        let account = resource.owner();
        Ok(Self { id, action, resource: resource.arn, principal, account, context, policies })
    }

    /// The answer, and the whole reason if it is wanted.
    pub(super) fn answer(&self, explained: bool) -> Answer<'a> {
        fn attached(list: &[Named]) -> Vec<Attached<'_>> {
            list.iter().map(Named::attached).collect()
        }
        let policies = &*self.policies;
        let request = Request {
            principal: &self.principal,
            action: &self.action,
            resource: &self.resource,
            resource_account: self.account.as_deref(),
            context: &self.context,
        };
        let identity = attached(&policies.identity);
        let session = policies.session.as_deref().map(attached);
        let endpoint = attached(&policies.endpoint);
        let scp: Vec<_> = policies.scp.iter().map(|level| attached(level)).collect();
        let rcp: Vec<_> = policies.rcp.iter().map(|level| attached(level)).collect();
        let scp: Vec<_> = scp.iter().map(Vec::as_slice).collect();
        let rcp: Vec<_> = rcp.iter().map(Vec::as_slice).collect();
        let boundary = speaking_boundary(&request, &policies.boundary);
        let layers = Layers {
            identity: &identity,
            boundary: boundary.map(|(_, document)| document.attached()),
            session: session.as_deref(),
            resource: policies.resource.as_ref().map(Named::attached),
            resource_is_trust: policies.resource_is_trust,
            resource_must_allow: is_key(&self.resource),
            scp: &scp,
            rcp: &rcp,
            endpoint: &endpoint,
        };
        let outcome = decide(&request, &layers);
        let effect = if outcome.decision == Decision::Allow { "Allow" } else { "Deny" };
        let statements = outcome.statements.iter().map(|found| DecidingStatement {
            layer: self.member(found.layer),
            level: matches!(found.layer, Layer::ServiceControl | Layer::ResourceControl)
                .then_some(found.level),
            policy: match boundary {
                Some((index, _)) if found.layer == Layer::Boundary => index,
                _ => found.policy,
            },
            statement: found.statement,
            sid: found.sid.map(str::to_owned),
            effect,
        });
        let mut statements: Vec<_> = statements.collect();
        let layer = outcome.layer.map(|layer| self.member(layer));
        // Those of the layer that decided come first.
        statements.sort_by_key(|statement| Some(statement.layer) != layer);
        Answer {
            id: self.id,
            decision: match outcome.decision {
                Decision::Allow => "Allowed",
                Decision::ImplicitDeny(_) => "ImplicitlyDenied",
                Decision::ExplicitDeny(_) => "ExplicitlyDenied",
            },
            layer,
            statements,
            explain: explained.then(|| explain(&request, &layers)),
        }
    }

    /// The member of `policies` in which a layer's documents stand.
    fn member(&self, layer: Layer) -> &'static str {
        match layer {
            Layer::Identity => "identity",
            Layer::Boundary => "boundary",
            Layer::Session => "session",
            Layer::Trust if self.policies.trust_member => "trust",
            Layer::Resource | Layer::Trust => "resource",
            Layer::ServiceControl => "scp",
            Layer::ResourceControl => "rcp",
            Layer::Endpoint => "endpoint",
        }
    }
}

/// A decision as it is written.
#[derive(Debug, Serialize)]
pub(super) struct Answer<'a> {
    pub(super) id: Option<&'a RawValue>,
    pub(super) decision: &'static str,
    /// The member of `policies` that decided; `None` when none had to.
    pub(super) layer: Option<&'static str>,
    pub(super) statements: Vec<DecidingStatement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) explain: Option<Explanation>,
}

/// A statement that decided.
#[derive(Debug, Serialize)]
pub(super) struct DecidingStatement {
    layer: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<usize>,
    policy: usize,
    statement: usize,
    sid: Option<String>,
    effect: &'static str,
}

impl fmt::Display for DecidingStatement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DecidingStatement { layer, policy, statement, effect, .. } = self;
        write!(f, "{effect} in {layer}")?;
        if let Some(level) = self.level {
            write!(f, "[{level}]")?;
        }
        write!(f, "[{policy}], statement {statement}")?;
        match &self.sid {
            Some(sid) => write!(f, " \"{sid}\""),
            None => Ok(()),
        }
    }
}

/// The document that speaks for a boundary of several: one that denies, else one that allows, else the first. A boundary
/// has no other say than this.
fn speaking_boundary<'a>(request: &Request<'_>, documents: &'a [Named]) -> Option<(usize, &'a Named)> {
    let first = documents.first().map(|document| (0, document))?;
    if documents.len() == 1 {
        return Some(first);
    }
    let alone = Request { resource_account: None, ..*request };
    let verdict = |document: &Named| {
        evaluate(&alone, &Layers { identity: &[document.attached()], ..Layers::default() })
    };
    let find = |wanted: fn(Decision) -> bool| {
        documents.iter().enumerate().find(|(_, document)| wanted(verdict(document)))
    };
    let denies = |decision| matches!(decision, Decision::ExplicitDeny(_));
    find(denies).or_else(|| find(Decision::is_allowed)).or(Some(first))
}

/// `{"arn", "account"}`, an ARN, or nothing for `*`.
struct Resource<'a> {
    arn: Cow<'a, str>,
    account: Option<Cow<'a, str>>,
}

impl<'a> Resource<'a> {
    /// The owner as given, else as in the ARN. `None` is the caller's account.
    fn owner(&self) -> Option<Cow<'a, str>> {
        self.account.clone().filter(|account| !account.is_empty()).or_else(|| {
            let account = Arn::parse(&self.arn)?.account;
            let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
            is_account.then(|| Cow::Owned(account.to_owned()))
        })
    }

    fn is_role(&self) -> bool {
        Arn::parse(&self.arn).is_some_and(|arn| arn.service == "iam" && arn.resource.starts_with("role/"))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Resource<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Members<'a> {
            #[serde(borrow)]
            arn: Cow<'a, str>,
            #[serde(borrow, default)]
            account: Option<Cow<'a, str>>,
        }

        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = Resource<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a resource, as an ARN or as an object with `arn` and `account`")
            }

            fn visit_borrowed_str<E>(self, arn: &'de str) -> Result<Self::Value, E> {
                Ok(Resource { arn: Cow::Borrowed(arn), account: None })
            }

            fn visit_str<E>(self, arn: &str) -> Result<Self::Value, E> {
                Ok(Resource { arn: Cow::Owned(arn.to_owned()), account: None })
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Resource { arn: Cow::Borrowed("*"), account: None })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let Members { arn, account } = Members::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Resource { arn, account })
            }
        }
        deserializer.deserialize_any(Form)
    }
}

/// A KMS key: its policy must allow, whatever the caller's policies say.
fn is_key(resource: &str) -> bool {
    Arn::parse(resource).is_some_and(|arn| arn.service == "kms" && arn.resource.starts_with("key/"))
}

/// The actions that a role's trust policy decides.
fn is_assumption(action: &str) -> bool {
    let Some((service, name)) = action.split_once(':') else { return false };
    let name = name.to_ascii_lowercase();
    service.eq_ignore_ascii_case("sts")
        && (name.starts_with("assumerole")
            || matches!(name.as_str(), "tagsession" | "setsourceidentity" | "setcontext"))
}

/// The condition keys, in their order; of a key that is written twice, the last counts.
#[derive(Default)]
struct Keys(Context);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Map;
        impl<'de> Visitor<'de> for Map {
            type Value = Keys;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of condition keys")
            }

            fn visit_unit<E>(self) -> Result<Keys, E> {
                Ok(Keys::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
                let mut context = Context::new();
                while let Some((Text(name), value)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
                    set(&mut context, &name, value.get()).map_err(serde::de::Error::custom)?;
                }
                Ok(Keys(context))
            }
        }
        deserializer.deserialize_any(Map)
    }
}

fn set(context: &mut Context, name: &str, value: &str) -> Result<(), String> {
    if value.starts_with('[') {
        let values: Vec<&RawValue> = serde_json::from_str(value).map_err(|error| error.to_string())?;
        let values: Result<Vec<String>, String> =
            values.iter().map(|value| scalar(name, value.get())).collect();
        context.set_all(name, values?);
    } else if value != "null" {
        context.set(name, scalar(name, value)?);
    }
    Ok(())
}

/// A value as policies compare it: numbers and booleans as they are written.
fn scalar(name: &str, value: &str) -> Result<String, String> {
    match value.as_bytes().first() {
        Some(b'"') => match value.get(1..value.len() - 1).filter(|inside| !inside.contains('\\')) {
            Some(inside) => Ok(inside.to_owned()),
            None => serde_json::from_str(value).map_err(|error| error.to_string()),
        },
        Some(b't' | b'f' | b'-' | b'0'..=b'9') => Ok(value.to_owned()),
        _ => Err(format!("the value of `{name}` is a string, number, boolean, or an array of these")),
    }
}
