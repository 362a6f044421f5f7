//! Policy decisions: ours against our limits, then against the engines that others use.
//!
//! `iam-rs` and Cedar are built from `bench/peers`, a workspace of its own; `@cloud-copilot/iam-simulate` comes by npm into
//! `.tools/bench-node` and is asked as its users ask it. All of them get the same documents and requests, but for Cedar, whose
//! policies say the same in its own language.

mod batch;
mod peers;
#[path = "../../crates/irsa-policy/benches/policy/scenes.rs"]
mod scenes;
mod timing;

use std::hint::black_box;
use std::path::Path;

use irsa_policy::{Policy, PolicyType};

use crate::Failure;
use scenes::Scene;
use timing::nanoseconds;

/// `irsa-bench policy`
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Measure ourselves only
    #[arg(long)]
    without_peers: bool,
}

/// What a limit holds.
struct Line {
    name: &'static str,
    nanoseconds: f64,
    /// The most that it may be.
    limit: f64,
}

const TWO_STATEMENTS: &str = "identity policy of two statements";
const TRUST: &str = "trust policy with subject and audience";
const HUNDRED: &str = "hundred statements in one policy";

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let compared = [
        (TWO_STATEMENTS, scenes::two_statements()),
        (TRUST, scenes::trust()),
        (HUNDRED, scenes::attached(1, 100)),
    ];
    let ours: Vec<(&str, f64)> = compared.iter().map(|(name, scene)| (*name, decision(scene))).collect();
    limits(&ours);
    batch::run(&root)?;
    if !options.without_peers {
        peers::run(&root, &compared, &ours)?;
    }
    Ok(())
}

fn limits(ours: &[(&str, f64)]) {
    let of = |name: &str| ours.iter().find(|(known, _)| *known == name).map_or(f64::NAN, |(_, ns)| *ns);
    let ten = decision(&scenes::attached(1, 10));
    let short = decision(&scenes::adversarial_glob(64));
    let lines = [
        Line {
            name: "full stack: SCP, RCP, identity of ten statements, boundary, session, bucket policy",
            nanoseconds: decision(&scenes::full_stack()),
            limit: 1e9 / 1.5e6,
        },
        Line { name: TRUST, nanoseconds: of(TRUST), limit: 1e9 / 5e6 },
        Line {
            name: "1,000 statements in one policy, exact action",
            nanoseconds: decision(&scenes::attached(1, 1_000)),
            limit: 3.0 * ten,
        },
        Line {
            name: "1,000 statements in twenty policies, exact action",
            nanoseconds: decision(&scenes::attached(20, 50)),
            limit: 3.0 * ten,
        },
        Line {
            name: "adversarial glob on eight times the text",
            nanoseconds: decision(&scenes::adversarial_glob(512)),
            limit: 8.0 * 1.25 * short,
        },
        Line {
            name: "parse and compile the policy of two statements",
            nanoseconds: nanoseconds(|| {
                Policy::parse(black_box(scenes::TWO_STATEMENTS), PolicyType::Identity).is_ok()
            }),
            limit: 5_000.0,
        },
    ];
    println!("\n| ours | ns | a second | limit, ns | of the limit |\n|---|--:|--:|--:|--:|");
    for Line { name, nanoseconds, limit } in lines {
        let share = nanoseconds / limit;
        println!("| {name} | {nanoseconds:.0} | {:.0} | {limit:.0} | {share:.2} |", 1e9 / nanoseconds);
    }
}

/// Nanoseconds a decision; the policies are attached once.
fn decision(scene: &Scene) -> f64 {
    const TIMES: u32 = 1_000;
    nanoseconds(|| scene.decide(black_box(TIMES.into()))) / f64::from(TIMES)
}
