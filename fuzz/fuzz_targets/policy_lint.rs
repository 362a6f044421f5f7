//! Any text as a policy of any type: findings that point into the text, and repairs that end.
#![no_main]
use irsa_policy::PolicyType;
use irsa_policy::lint::{Surroundings, apply, guess, lint};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let kind = guess(text).unwrap_or(PolicyType::Trust);
    let mut text = text.to_owned();
    for _ in 0..4 {
        let findings = lint(&text, kind, &Surroundings::default());
        for finding in &findings {
            let span = finding.span;
            assert!(text.get(span.start..span.end).is_some(), "{}: {span:?}", finding.code);
        }
        let repaired = apply(&text, findings.iter().filter_map(|finding| finding.fix.as_ref()));
        if repaired == text {
            return;
        }
        text = repaired;
    }
});
