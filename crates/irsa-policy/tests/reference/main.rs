//! The compiled evaluator against a naive one, on random policies and questions.
//!
//! `IRSA_CASES=5000000 cargo test --release -p irsa-policy --test reference` asks more of them; `IRSA_SEED` others.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "the reference is as plain as can be; a panic here is a failed test"
)]

mod evaluator;
mod random;

use evaluator::{Question, World};
use irsa_policy::{
    Attached, Context, Decision, Layers, Policy, PolicyType, Request, decide, evaluate, explain,
};
use random::Random;
use serde_json::Value;

const QUESTIONS_A_WORLD: u64 = 50;

#[test]
fn the_compiled_evaluator_decides_as_the_naive_one() {
    let setting =
        |name: &str, default: u64| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let (cases, seed) = (setting("IRSA_CASES", 50_000), setting("IRSA_SEED", 1));
    let mut seen = [0_u64; 3];
    for world in 0..cases.div_ceil(QUESTIONS_A_WORLD) {
        let mut random = Random::new(seed.wrapping_add(world));
        let world = random.world();
        let compiled = Compiled::new(&world);
        for _ in 0..QUESTIONS_A_WORLD {
            let question = random.question();
            let wanted = world.decide(&question);
            seen[match wanted {
                Decision::Allow => 0,
                Decision::ImplicitDeny(_) => 1,
                Decision::ExplicitDeny(_) => 2,
            }] += 1;
            compiled.check(&world, &question, wanted);
        }
    }
    assert!(seen.iter().all(|count| *count > cases / 50), "the random cases are one-sided: {seen:?}");
}

/// The same world, compiled.
struct Compiled {
    identity: Vec<Policy>,
    boundary: Option<Policy>,
    session: Option<Vec<Policy>>,
    resource: Option<Policy>,
    scp: Vec<Vec<Policy>>,
    rcp: Vec<Vec<Policy>>,
    endpoint: Vec<Policy>,
}

impl Compiled {
    fn new(world: &World) -> Compiled {
        let one = |document: &Value, kind| Policy::parse_unsaved(&document.to_string(), kind).unwrap();
        let all = |documents: &[Value], kind| documents.iter().map(|document| one(document, kind)).collect();
        let levels = |levels: &[Vec<Value>], kind| levels.iter().map(|level| all(level, kind)).collect();
        let kind = if world.resource_is_trust { PolicyType::Trust } else { PolicyType::Resource };
        Compiled {
            identity: all(&world.identity, PolicyType::Session),
            boundary: world.boundary.as_ref().map(|document| one(document, PolicyType::Session)),
            session: world.session.as_ref().map(|documents| all(documents, PolicyType::Session)),
            resource: world.resource.as_ref().map(|document| one(document, kind)),
            scp: levels(&world.scp, PolicyType::ServiceControl),
            rcp: levels(&world.rcp, PolicyType::ResourceControl),
            endpoint: all(&world.endpoint, PolicyType::Resource),
        }
    }

    fn check(&self, world: &World, question: &Question, wanted: Decision) {
        let (identity, endpoint) = (all(&self.identity), all(&self.endpoint));
        let session = self.session.as_deref().map(all);
        let scp: Vec<_> = self.scp.iter().map(|level| all(level)).collect();
        let rcp: Vec<_> = self.rcp.iter().map(|level| all(level)).collect();
        let scp: Vec<&[Attached<'_>]> = scp.iter().map(Vec::as_slice).collect();
        let rcp: Vec<&[Attached<'_>]> = rcp.iter().map(Vec::as_slice).collect();
        let layers = Layers {
            identity: &identity,
            boundary: self.boundary.as_ref().map(attach),
            session: session.as_deref(),
            resource: self.resource.as_ref().map(attach),
            resource_is_trust: world.resource_is_trust,
            resource_must_allow: world.resource_must_allow,
            scp: &scp,
            rcp: &rcp,
            endpoint: &endpoint,
        };
        let mut context = Context::new();
        for (key, values) in &question.context {
            context.set_all(key, values.clone());
        }
        let request = Request {
            principal: &question.principal,
            action: &question.action,
            resource: &question.resource,
            resource_account: question.owner.as_deref(),
            context: &context,
        };
        let explanation = explain(&request, &layers);
        let told = || {
            format!(
                "{:?}\n{request:?}\n{}",
                world.resource,
                serde_json::to_string_pretty(&explanation).unwrap()
            )
        };
        assert_eq!(evaluate(&request, &layers), wanted, "{}", told());
        assert_eq!(decide(&request, &layers).decision, wanted, "{}", told());
        assert_eq!(explanation.decision, wanted, "{}", told());
    }
}

fn attach(policy: &Policy) -> Attached<'_> {
    Attached { name: "p", policy }
}

fn all(policies: &[Policy]) -> Vec<Attached<'_>> {
    policies.iter().map(attach).collect()
}
