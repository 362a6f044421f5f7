//! Compiles the policies of an entity when it enters a snapshot.
//!
//! Identical documents (same text, kind and principal ids) share one compilation for as long as an entity holds it. A
//! document that cannot be compiled stands in the snapshot as one that denies everything: a stored policy that a newer
//! version reads more strictly must neither grant anything nor stop the start.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::sync::{Arc, Weak};

use irsa_policy::{MalformedPolicy, Policy, PolicyType};

use crate::model::{
    AccessKey, Account, Bucket, Cluster, KubeObject, ManagedPolicy, OidcProvider, Role, SealingKey, User,
};

/// A role's ARN and policies, ready for a decision.
#[derive(Debug)]
pub struct CompiledRole {
    /// Its ARN, path included.
    pub arn: Arc<str>,
    /// Its trust policy.
    pub trust: Arc<Policy>,
    /// Its inline policies by their name in a decision, `inline:<name>`.
    pub inline: Vec<(String, Arc<Policy>)>,
}

/// A user's ARN and policies, ready for a decision.
#[derive(Debug)]
pub struct CompiledUser {
    /// Its ARN, path included.
    pub arn: Arc<str>,
    /// Its inline policies by their name in a decision, `inline:<name>`.
    pub inline: Vec<(String, Arc<Policy>)>,
}

/// A managed policy's ARN and default version, ready for a decision.
#[derive(Debug)]
pub struct CompiledManagedPolicy {
    /// Its ARN, path included.
    pub arn: Arc<str>,
    /// Its default version.
    pub policy: Arc<Policy>,
}

/// A bucket's ARN and policy, ready for a decision.
#[derive(Debug)]
pub struct CompiledBucket {
    /// Its ARN.
    pub arn: Arc<str>,
    /// Its policy, when it has one.
    pub policy: Option<Arc<Policy>>,
}

/// A policy that could not be compiled: which of the entity's, and why.
pub(crate) struct Failure {
    pub(super) policy: String,
    pub(super) reason: String,
}

/// What is stored, and what it carries in compiled form.
pub trait Storable {
    /// Its ARN and compiled policies; `()` for what carries no policies.
    type Compiled: Debug + Send + Sync;
}

pub(crate) trait Compile: Storable {
    fn compile(&self, compiler: &mut Compiler, failures: &mut Vec<Failure>) -> Self::Compiled;
}

macro_rules! without_policies {
    ($($entity:ty),*) => {$(
        impl Storable for $entity {
            type Compiled = ();
        }

        impl Compile for $entity {
            fn compile(&self, _: &mut Compiler, _: &mut Vec<Failure>) {}
        }
    )*};
}

without_policies!(Account, AccessKey, OidcProvider, Cluster, KubeObject, SealingKey);

impl Storable for Role {
    type Compiled = CompiledRole;
}

impl Compile for Role {
    fn compile(&self, compiler: &mut Compiler, failures: &mut Vec<Failure>) -> CompiledRole {
        CompiledRole {
            arn: self.arn().into(),
            trust: compiler.policy("trust", &self.trust.text, Kind::Trust, &self.trust.ids, failures),
            inline: inline(&self.inline, compiler, failures),
        }
    }
}

impl Storable for User {
    type Compiled = CompiledUser;
}

impl Compile for User {
    fn compile(&self, compiler: &mut Compiler, failures: &mut Vec<Failure>) -> CompiledUser {
        CompiledUser { arn: self.arn().into(), inline: inline(&self.inline, compiler, failures) }
    }
}

impl Storable for ManagedPolicy {
    type Compiled = CompiledManagedPolicy;
}

impl Compile for ManagedPolicy {
    fn compile(&self, compiler: &mut Compiler, failures: &mut Vec<Failure>) -> CompiledManagedPolicy {
        let text = self.version(&self.default_version).map_or("", |version| &version.text);
        CompiledManagedPolicy {
            arn: self.arn().into(),
            policy: compiler.policy(&self.default_version, text, Kind::Identity, &BTreeMap::new(), failures),
        }
    }
}

impl Storable for Bucket {
    type Compiled = CompiledBucket;
}

impl Compile for Bucket {
    fn compile(&self, compiler: &mut Compiler, failures: &mut Vec<Failure>) -> CompiledBucket {
        let policy = self
            .policy
            .as_deref()
            .map(|text| compiler.policy("policy", text, Kind::Resource, &self.principal_ids, failures));
        CompiledBucket { arn: self.arn().into(), policy }
    }
}

fn inline(
    policies: &BTreeMap<String, String>,
    compiler: &mut Compiler,
    failures: &mut Vec<Failure>,
) -> Vec<(String, Arc<Policy>)> {
    let none = BTreeMap::new();
    policies
        .iter()
        .map(|(name, text)| {
            let name = format!("inline:{name}");
            let policy = compiler.policy(&name, text, Kind::Identity, &none, failures);
            (name, policy)
        })
        .collect()
}

/// The kinds of policy that entities carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Identity,
    Trust,
    Resource,
}

/// A document and all that its compilation depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Document {
    kind: Kind,
    text: String,
    ids: BTreeMap<String, String>,
}

/// Compiles policies, each document once.
pub(crate) struct Compiler {
    compiled: HashMap<Document, Weak<Policy>>,
    /// How many documents are remembered before those that nothing holds any more are dropped.
    sweep_at: usize,
    deny_identity: Arc<Policy>,
    deny_trust: Arc<Policy>,
    deny_resource: Arc<Policy>,
}

const FIRST_SWEEP: usize = 1_024;

const DENY_IDENTITY: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;
const DENY_TRUST: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"sts:*"}]}"#;
const DENY_RESOURCE: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"}]}"#;

impl Compiler {
    pub(crate) fn new() -> Result<Self, MalformedPolicy> {
        Ok(Self {
            compiled: HashMap::new(),
            sweep_at: FIRST_SWEEP,
            deny_identity: Arc::new(Policy::parse(DENY_IDENTITY, PolicyType::Identity)?),
            deny_trust: Arc::new(Policy::parse(DENY_TRUST, PolicyType::Trust)?),
            deny_resource: Arc::new(Policy::parse(DENY_RESOURCE, PolicyType::Resource)?),
        })
    }

    fn policy(
        &mut self,
        name: &str,
        text: &str,
        kind: Kind,
        ids: &BTreeMap<String, String>,
        failures: &mut Vec<Failure>,
    ) -> Arc<Policy> {
        let document = Document { kind, text: text.to_owned(), ids: ids.clone() };
        if let Some(policy) = self.compiled.get(&document).and_then(Weak::upgrade) {
            return policy;
        }
        let policy_type = match kind {
            Kind::Identity => PolicyType::Identity,
            Kind::Trust => PolicyType::Trust,
            Kind::Resource => PolicyType::Resource,
        };
        match Policy::parse_resolved(text, policy_type, &|arn| ids.get(arn).cloned()) {
            Ok(policy) => {
                let policy = Arc::new(policy);
                self.remember(document, &policy);
                policy
            }
            Err(malformed) => {
                failures.push(Failure { policy: name.to_owned(), reason: malformed.to_string() });
                Arc::clone(match kind {
                    Kind::Identity => &self.deny_identity,
                    Kind::Trust => &self.deny_trust,
                    Kind::Resource => &self.deny_resource,
                })
            }
        }
    }

    fn remember(&mut self, document: Document, policy: &Arc<Policy>) {
        if self.compiled.len() >= self.sweep_at {
            self.compiled.retain(|_, policy| policy.strong_count() > 0);
            self.sweep_at = FIRST_SWEEP.max(self.compiled.len() * 2);
        }
        self.compiled.insert(document, Arc::downgrade(policy));
    }
}
