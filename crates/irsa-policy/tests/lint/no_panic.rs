//! Whatever the text: no panic, bounded work, spans between characters, and fixes that come to an end.

use irsa_policy::lint::{Provider, RULES, Role, ServiceAccount, Severity, Surroundings, apply, guess, lint};
use irsa_policy::{Policy, PolicyType};
use proptest::prelude::*;

use super::fixture::{Fixture, mended};

const KINDS: &[PolicyType] = &[
    PolicyType::Trust,
    PolicyType::Identity,
    PolicyType::Resource,
    PolicyType::Session,
    PolicyType::ServiceControl,
    PolicyType::ResourceControl,
];

fn surroundings() -> Surroundings {
    Surroundings {
        role: Some(Role { arn: "arn:aws:iam::111122223333:role/é".into(), max_session_seconds: Some(3600) }),
        providers: Some(vec![Provider {
            arn: "arn:aws:iam::111122223333:oidc-provider/h.example/p".into(),
            client_ids: Some(vec!["sts.amazonaws.com".into()]),
        }]),
        service_accounts: Some(vec![ServiceAccount {
            namespace: "shop".into(),
            name: "api".into(),
            role_arn: None,
            audience: Some("x".into()),
            token_seconds: Some(7200),
        }]),
    }
}

fn is_sound(text: &str) -> Result<(), TestCaseError> {
    let _ = guess(text);
    for kind in KINDS {
        let findings = lint(text, *kind, &surroundings());
        for finding in &findings {
            prop_assert!(text.get(finding.span.start..finding.span.end).is_some(), "{finding:?}");
            prop_assert!(finding.line >= 1 && finding.column >= 1);
            prop_assert!(!finding.reason.chars().any(char::is_control), "{finding:?}");
            for edit in finding.fix.iter().flat_map(|fix| &fix.edits) {
                prop_assert!(text.get(edit.span.start..edit.span.end).is_some(), "{finding:?}");
            }
        }
        // Where AWS refuses the document there is an error, and where it does not, none says so.
        let is_refused = Policy::parse(text, *kind).is_err();
        let says_so = findings.iter().any(|finding| finding.code.starts_with("IRSA-J"));
        let has_error = findings.iter().any(|finding| finding.severity == Severity::Error);
        prop_assert!(if is_refused { has_error } else { !says_so }, "{kind:?} {findings:#?}");
        mended(text, |text| lint(text, *kind, &surroundings()));
    }
    Ok(())
}

/// Pieces of policies, sane and insane.
fn pieces() -> impl Strategy<Value = &'static str> {
    prop::sample::select(
        &[
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"",
            "\\",
            "//",
            "/*",
            "*/",
            "#",
            "\n",
            " ",
            "é",
            "\u{1F600}",
            "null",
            "1e9",
            "\"Statement\":",
            "\"Effect\":\"Allow\",",
            "\"Principal\":",
            "{\"Federated\":",
            "\"Condition\":{",
            "\"StringLike\":{",
            "\"StringEquals\":{",
            "\"arn:aws:iam::1:oidc-provider/h.example/p\"",
            "\"h.example/p:sub\":\"system:serviceaccount:*\"",
            "\"h.example/p:aud\":[\"system:serviceaccount:a:b\"]",
        ][..],
    )
}

/// Conditions, principals and actions in every mixture.
fn statements() -> impl Strategy<Value = String> {
    let principal = prop::sample::select(
        &[
            "\"*\"",
            "{\"AWS\":\"*\"}",
            "{\"Federated\":\"arn:aws:iam::111122223333:oidc-provider/h.example/p\"}",
            "{\"Federated\":[\"arn:aws:iam::111122223333:oidc-provider/h.example/p\",\"arn:aws:iam::1:oidc-provider/https://g.example/é\"]}",
            "{\"Federated\":\"arn:aws:iam::444455556666:oidc-provider/oidc.us-east-1.eks.amazonaws.com/id/\"}",
            "{\"Federated\":\"accounts.google.com\",\"Service\":\"pods.eks.amazonaws.com\"}",
            "{\"AWS\":[\"AROAEXAMPLE1234567890\",\"111122223333\"]}",
        ][..],
    );
    let action = prop::sample::select(
        &[
            "\"sts:AssumeRole\"",
            "\"sts:*\"",
            "[\"sts:AssumeRoleWithWebIdentity\",\"sts:TagSession\"]",
            "\"*\"",
            "[]",
        ][..],
    );
    let operator = prop::sample::select(
        &[
            "StringEquals",
            "StringLike",
            "StringNotLike",
            "StringEqualsIfExists",
            "ForAllValues:StringLike",
            "ForAnyValue:StringEquals",
            "Null",
            "Bool",
            "Nonsense",
            "stringequals",
        ][..],
    );
    let key = prop::sample::select(
        &[
            "h.example/p:sub",
            "h.example/p:SUB",
            "h.example/p:aud",
            "https://h.example/p:sub",
            "g.example/é:sub",
            "h.example/p/:aud",
            "h.example:azp",
            "aws:SourceIp",
            "aws:RequestTag/x",
            "<issuer>:sub",
            "sts:ExternalId",
        ][..],
    );
    let value = prop::sample::select(
        &[
            "\"system:serviceaccount:shop:api\"",
            "[\"system:serviceaccount:shop:*\",\"system:serviceaccount:shop:api\"]",
            "\"sts.amazonaws.com\"",
            "\"sts.amazon.com\"",
            "\"Shop/é\"",
            "\"${a}\"",
            "[]",
            "true",
            "{}",
            "\"*\"",
            "\"\\u0000\"",
        ][..],
    );
    let entry = (key, value).prop_map(|(key, value)| format!("\"{key}\":{value}"));
    let block = (operator, prop::collection::vec(entry, 0..3))
        .prop_map(|(operator, entries)| format!("\"{operator}\":{{{}}}", entries.join(",")));
    let condition = prop::collection::vec(block, 0..4).prop_map(|blocks| blocks.join(","));
    (principal, action, condition, any::<bool>()).prop_map(|(principal, action, condition, deny)| {
        let effect = if deny { "Deny" } else { "Allow" };
        format!(
            "{{\"Sid\":\"a\",\"Effect\":\"{effect}\",\"Principal\":{principal},\"Action\":{action},\n \"Condition\":{{{condition}}}}}"
        )
    })
}

proptest! {
    #[test]
    fn any_text(text in any::<String>()) {
        is_sound(&text)?;
    }

    #[test]
    fn any_pieces(pieces in prop::collection::vec(pieces(), 0..40)) {
        is_sound(&pieces.concat())?;
    }

    #[test]
    fn any_statements(statements in prop::collection::vec(statements(), 0..4), alone in any::<bool>()) {
        let text = match statements.as_slice() {
            [one] if alone => format!("{{\"Statement\":{one}}}"),
            several => format!("{{\"Version\":\"2012-10-17\",\"Statement\":[{}]}}", several.join(",")),
        };
        is_sound(&text)?;
    }

    /// One byte of a fixture is another one.
    #[test]
    fn damaged_fixtures(rule in 0..RULES.len(), at in any::<prop::sample::Index>(), with in any::<char>()) {
        let mut chars: Vec<char> = Fixture::read(RULES[rule].code).bad.chars().collect();
        let at = at.index(chars.len());
        chars[at] = with;
        is_sound(&chars.into_iter().collect::<String>())?;
    }
}

/// Large documents of every bad sort take time in proportion.
#[test]
#[expect(clippy::disallowed_methods, reason = "the test is about time")]
fn large_documents_are_bounded() {
    let long = "a".repeat(1 << 20);
    let entry = r#""StringEquals":{"h.example/p:sub":"*"},"#.repeat(20_000);
    let values = r#""system:serviceaccount:a*:*x","#.repeat(30_000);
    let statement = |condition: &str| {
        format!(
            r#"{{"Effect":"Allow","Principal":{{"Federated":"arn:aws:iam::111122223333:oidc-provider/h.example/p"}},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{{{condition}}}}}"#
        )
    };
    let short = statement(r#""StringLike":{"h.example/p:sub":"system:serviceaccount:*"}"#);
    let document = |statements: &str| format!(r#"{{"Statement":[{statements}]}}"#);
    let texts = [
        document(&statement(&entry)),
        document(&statement(&format!(r#""StringLike":{{"h.example/p:sub":[{values}]}}"#))),
        document(&format!("{short},").repeat(4_500)),
        document(&statement(&format!(r#""StringEquals":{{"{long}:sub":"{long}"}}"#))),
        "[".repeat(1 << 20),
        "//\n".repeat(300_000),
        "/*".repeat(500_000),
        format!("{{\"Statement\":[{}", "{\"a\":1,\"a\":1},".repeat(60_000)),
        format!("{long}{long}"),
    ];
    for text in texts {
        let started = std::time::Instant::now();
        for kind in [PolicyType::Trust, PolicyType::Identity] {
            let findings = lint(&text, kind, &surroundings());
            assert!(!findings.is_empty() && findings.len() <= 1_001);
            let _ = apply(&text, findings.iter().filter_map(|finding| finding.fix.as_ref()));
        }
        assert!(started.elapsed().as_secs() < 10, "{} bytes took {:?}", text.len(), started.elapsed());
    }
}
