//! `cargo bench -p irsa-policy`: decisions, compilation and worst cases, with what they allocate.
#![allow(missing_docs, reason = "divan's macros make items")]

mod scenes;

use divan::{AllocProfiler, Bencher, black_box};
use irsa_policy::{Decision, Policy, PolicyType};
use scenes::Scene;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

/// Decisions a sample, so that attaching the policies does not count.
const TIMES: u64 = 1_000;

fn main() {
    divan::main();
}

fn decide(bencher: Bencher<'_, '_>, scene: &Scene, wanted: Decision) {
    assert_eq!(scene.decide(1), wanted);
    bencher.counter(divan::counter::ItemsCount::new(TIMES)).bench_local(|| scene.decide(black_box(TIMES)));
}

#[divan::bench]
fn identity_policy_of_two_statements(bencher: Bencher<'_, '_>) {
    decide(bencher, &scenes::two_statements(), Decision::Allow);
}

#[divan::bench]
fn trust_policy_with_subject_and_audience(bencher: Bencher<'_, '_>) {
    decide(bencher, &scenes::trust(), Decision::Allow);
}

#[divan::bench]
fn full_stack(bencher: Bencher<'_, '_>) {
    decide(bencher, &scenes::full_stack(), Decision::Allow);
}

#[divan::bench(args = [10, 100, 1_000])]
fn statements_in_one_policy(bencher: Bencher<'_, '_>, count: usize) {
    decide(bencher, &scenes::attached(1, count), Decision::Allow);
}

/// As many policies as AWS lets a role have.
#[divan::bench]
fn a_thousand_statements_in_twenty_policies(bencher: Bencher<'_, '_>) {
    decide(bencher, &scenes::attached(20, 50), Decision::Allow);
}

#[divan::bench(args = [64, 128, 256, 512])]
fn adversarial_glob(bencher: Bencher<'_, '_>, length: usize) {
    decide(bencher, &scenes::adversarial_glob(length), Decision::ImplicitDeny(irsa_policy::Layer::Identity));
}

#[divan::bench]
fn parse_and_compile_two_statements() -> Option<Policy> {
    Policy::parse(black_box(scenes::TWO_STATEMENTS), PolicyType::Identity).ok()
}
