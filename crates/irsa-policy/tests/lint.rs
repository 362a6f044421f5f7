//! Every rule finds what it is for, in its place, and mends it.

#[path = "lint/cases.rs"]
mod cases;
#[path = "lint/evaluated.rs"]
mod evaluated;
#[path = "lint/fixture.rs"]
mod fixture;
#[path = "lint/no_panic.rs"]
mod no_panic;
#[path = "lint/walkthroughs.rs"]
mod walkthroughs;

use fixture::{Fixture, mended, told};
use irsa_policy::lint::{RULES, Severity, apply, lint};

/// A rule has a bad document that it finds and a good one that it does not; there is no fixture without a rule.
#[test]
fn every_rule_has_fixtures() {
    let codes: Vec<&str> = RULES.iter().map(|rule| rule.code).collect();
    let mut folders = fixture::folders();
    folders.retain(|folder| !codes.contains(&folder.as_str()));
    assert_eq!(folders, Vec::<String>::new(), "fixtures without a rule");
    for rule in RULES {
        let fixture = Fixture::read(rule.code);
        let has = |text: &str| fixture.lint(text).iter().any(|finding| finding.code == rule.code);
        assert!(has(&fixture.bad), "{} does not find its bad.json", rule.code);
        assert!(!has(&fixture.good), "{} finds its good.json", rule.code);
    }
}

/// Where, what and why, and the document after the fixes of the rule.
#[test]
fn findings_of_the_bad_documents() {
    for rule in RULES {
        let fixture = Fixture::read(rule.code);
        let findings = fixture.lint(&fixture.bad);
        let mut snapshot = told(&fixture.bad, &findings);
        let fixes = findings
            .iter()
            .filter(|finding| finding.code == rule.code)
            .filter_map(|finding| finding.fix.as_ref());
        let after = apply(&fixture.bad, fixes);
        if after != fixture.bad {
            snapshot = format!("{snapshot}\nfixed:\n{after}");
        }
        insta::with_settings!({ snapshot_path => "lint/snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(rule.code, snapshot);
        });
    }
}

/// A fix leaves a document that can be read and in which the rule has nothing left to find there.
#[test]
fn fixes_mend_what_they_are_for() {
    let mut fixed = 0;
    for rule in RULES {
        let fixture = Fixture::read(rule.code);
        let count =
            |text: &str| fixture.lint(text).iter().filter(|finding| finding.code == rule.code).count();
        for finding in fixture.lint(&fixture.bad).iter().filter(|finding| finding.code == rule.code) {
            let Some(fix) = &finding.fix else { continue };
            fixed += 1;
            let after = apply(&fixture.bad, [fix]);
            assert!(count(&after) < count(&fixture.bad), "{}: {} in\n{after}", rule.code, fix.title);
        }
        let fixes = fixture.lint(&fixture.bad);
        let fixes = fixes
            .iter()
            .filter(|finding| finding.code == rule.code)
            .filter_map(|finding| finding.fix.as_ref());
        let after = apply(&fixture.bad, fixes);
        let is_json = serde_json::from_str::<serde_json::Value>(&after);
        assert!(
            rule.code == "IRSA-J001" || rule.code == "IRSA-J003" || is_json.is_ok(),
            "{}:\n{after}",
            rule.code
        );
    }
    assert!(fixed > 25, "only {fixed} fixes were tried");
}

/// The fixes of a rule leave nothing for it to mend, however many rounds they take.
#[test]
fn nothing_is_left_to_mend() {
    for rule in RULES {
        let fixture = Fixture::read(rule.code);
        let own = |text: &str| {
            let mut findings = fixture.lint(text);
            findings.retain(|finding| finding.code == rule.code);
            findings
        };
        let all_have_fixes = own(&fixture.bad).iter().all(|finding| finding.fix.is_some());
        let left = own(&mended(&fixture.bad, own));
        assert!(left.iter().all(|finding| finding.fix.is_none()), "{left:?}");
        assert!(left.is_empty() == all_have_fixes, "{left:?}");
    }
}

/// The page on a rule is headed with the rule's title.
#[test]
fn pages_have_the_titles_of_their_rules() {
    for rule in RULES {
        let heading = fixture::page(rule.code).lines().next().unwrap_or_default().to_owned();
        assert_eq!(heading, format!("# {}: {}", rule.code, rule.title));
    }
}

/// Applied again and again, the fixes come to an end, and leave nothing that has a fix.
#[test]
fn fixes_converge() {
    for rule in RULES {
        let fixture = Fixture::read(rule.code);
        for text in [&fixture.bad, &fixture.good] {
            let after = mended(text, |text| fixture.lint(text));
            let left: Vec<_> =
                fixture.lint(&after).into_iter().filter(|finding| finding.fix.is_some()).collect();
            assert_eq!(left, [], "{}:\n{after}", rule.code);
            assert!(serde_json::from_str::<serde_json::Value>(&after).is_ok(), "{}:\n{after}", rule.code);
        }
    }
}

/// The good documents are good: nothing but notes and warnings of other rules.
#[test]
fn good_documents_have_no_errors() {
    for rule in RULES {
        let fixture = Fixture::read(rule.code);
        let findings = fixture.lint(&fixture.good);
        let bad: Vec<_> = findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
        assert!(bad.is_empty(), "{}: {bad:?}", rule.code);
    }
}

/// Reasons are one line without anything that steers a terminal, whatever the document says.
#[test]
fn reasons_are_one_line() {
    for rule in RULES {
        let fixture = Fixture::read(rule.code);
        for finding in fixture.lint(&fixture.bad) {
            assert!(
                !finding.reason.is_empty() && !finding.reason.chars().any(char::is_control),
                "{finding:?}"
            );
            let spanned = fixture.bad.get(finding.span.start..finding.span.end);
            assert!(spanned.is_some(), "{finding:?}");
        }
    }
    let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:\u001b[2J\nGet\u202e","Resource":"arn:aws:s3:::b"}]}"#;
    for finding in lint(text, irsa_policy::PolicyType::Identity, &Default::default()) {
        assert!(!finding.reason.contains(['\u{1b}', '\n', '\u{202e}']), "{finding:?}");
    }
}

#[test]
fn severities_are_ordered_and_written_in_lower_case() {
    let all = [Severity::Info, Severity::Warning, Severity::Security, Severity::Error];
    assert!(all.is_sorted());
    assert_eq!(serde_json::to_string(&all).unwrap(), r#"["info","warning","security","error"]"#);
}
