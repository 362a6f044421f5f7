//! What the rules say is so: the engine decides on the bad documents as the findings tell, and on the mended ones as meant.

use irsa_policy::lint::apply;
use irsa_policy::{Attached, Context, Decision, Layers, Policy, PolicyType, Principal, Request, evaluate};

use super::fixture::Fixture;

const ISSUER: &str = "oidc.eks.eu-west-1.amazonaws.com/id/5A1C0E9B7D3F42688E4B6F0D1C2A3B4C";
const STS: Option<&str> = Some("sts.amazonaws.com");

/// Whether a token with this subject and audience gets a session.
#[expect(clippy::unwrap_used, reason = "only sound documents are tried")]
fn lets_in(trust: &str, subject: Option<&str>, audience: Option<&str>) -> bool {
    let policy = Policy::parse(trust, PolicyType::Trust).unwrap();
    let layers = Layers {
        resource: Some(Attached { name: "trust", policy: &policy }),
        resource_is_trust: true,
        ..Layers::default()
    };
    let provider_arn = format!("arn:aws:iam::111122223333:oidc-provider/{ISSUER}");
    let mut context = Context::new();
    context.set("aws:RequestedRegion", "eu-west-1");
    context.set("aws:SecureTransport", "true");
    context.set("aws:SourceIp", "198.51.100.7");
    if let Some(subject) = subject {
        context.set(&format!("{ISSUER}:sub"), format!("system:serviceaccount:{subject}"));
    }
    if let Some(audience) = audience {
        context.set_all(&format!("{ISSUER}:aud"), [audience]);
        context.set_all(&format!("{ISSUER}:oaud"), [audience]);
    }
    let request = Request {
        principal: &Principal::WebIdentity { provider_arn },
        action: "sts:AssumeRoleWithWebIdentity",
        resource: "arn:aws:iam::111122223333:role/shop-api",
        resource_account: Some("111122223333"),
        context: &context,
    };
    evaluate(&request, &layers) == Decision::Allow
}

/// What the identity policy alone says to a user's request.
#[expect(clippy::unwrap_used, reason = "only sound documents are tried")]
fn decide(identity: &str, action: &str, resource: &str) -> Decision {
    let policy = Policy::parse(identity, PolicyType::Identity).unwrap();
    let attached = [Attached { name: "policy", policy: &policy }];
    let layers = Layers { identity: &attached, ..Layers::default() };
    let principal = Principal::User {
        account: "111122223333".into(),
        arn: "arn:aws:iam::111122223333:user/ann".into(),
        id: "AIDAANNEXAMPLE000".into(),
    };
    let context = Context::new();
    let request = Request {
        principal: &principal,
        action,
        resource,
        resource_account: Some("111122223333"),
        context: &context,
    };
    evaluate(&request, &layers)
}

/// The bad document after the rule's own fixes.
fn fixed(code: &str) -> String {
    let fixture = Fixture::read(code);
    let findings = fixture.lint(&fixture.bad);
    let own = findings.iter().filter(|finding| finding.code == code);
    let after = apply(&fixture.bad, own.filter_map(|finding| finding.fix.as_ref()));
    assert_ne!(after, fixture.bad, "{code} has a fix");
    after
}

/// Statements that let in nobody, until they are mended.
#[test]
fn what_never_holds_holds_after_the_fix() {
    for (code, subject) in [
        ("IRSA-T005", "shop:api-1"),
        ("IRSA-T015", "shop:api"),
        ("IRSA-T016", "shop:api"),
        ("IRSA-T017", "shop:api"),
        ("IRSA-T019", "shop:api"),
        ("IRSA-T020", "shop:api"),
        ("IRSA-T022", "shop:api"),
        ("IRSA-T026", "shop:api"),
        ("IRSA-T027", "shop:api"),
        ("IRSA-T028", "shop:api"),
        ("IRSA-T051", "shop:api"),
        ("IRSA-T051", "ops:backup-1"),
        ("IRSA-T004", "shop:api"),
    ] {
        let bad = Fixture::read(code).bad;
        assert!(!lets_in(&bad, Some(subject), STS), "{code} before");
        let after = fixed(code);
        assert!(lets_in(&after, Some(subject), STS), "{code} after\n{after}");
        assert!(!lets_in(&after, Some("evil:x"), STS), "{code} after\n{after}");
    }
}

/// Statements that let in nobody, and what they want is not known.
#[test]
fn what_never_holds() {
    for code in ["IRSA-T018", "IRSA-T040", "IRSA-T041", "IRSA-T042"] {
        assert!(!lets_in(&Fixture::read(code).bad, Some("shop:api"), STS), "{code}");
        assert!(lets_in(&Fixture::read(code).good, Some("shop:api"), STS), "{code}");
    }
}

/// Statements that let in others than are meant.
#[test]
fn what_is_too_wide() {
    for (code, subject, audience) in [
        ("IRSA-T001", Some("evil:x"), None),
        ("IRSA-T002", Some("evil:x"), STS),
        ("IRSA-T003", Some("shop:api"), Some("vault")),
        ("IRSA-T007", Some("evil:api"), STS),
        ("IRSA-T008", Some("evil:x"), STS),
        ("IRSA-T009", Some("shop:default"), STS),
        ("IRSA-T010", Some("prod-evil:api"), STS),
        ("IRSA-T011", None, None),
        ("IRSA-T013", Some("shop:api"), None),
        ("IRSA-T014", Some("evil:x"), STS),
        ("IRSA-T014", None, STS),
        ("IRSA-T035", Some("shop:web"), STS),
        ("IRSA-T036", Some("shop:anything"), STS),
        ("IRSA-T037", Some("evil:x"), STS),
        ("IRSA-T048", Some("shop:default"), STS),
    ] {
        let fixture = Fixture::read(code);
        assert!(lets_in(&fixture.bad, subject, audience), "{code}: bad");
        assert!(!lets_in(&fixture.good, subject, audience), "{code}: good");
    }
}

/// Fixes that take away what was not meant, and nothing else.
#[test]
fn fixes_that_tighten() {
    for (code, subject, audience) in [
        ("IRSA-T003", Some("shop:api"), Some("vault")),
        ("IRSA-T011", None, None),
        ("IRSA-T013", Some("shop:api"), None),
        ("IRSA-T037", Some("evil:x"), STS),
    ] {
        let after = fixed(code);
        assert!(!lets_in(&after, subject, audience), "{code}\n{after}");
        assert!(lets_in(&after, Some("shop:api"), STS), "{code}\n{after}");
    }
}

/// Fixes that change how a document reads and not what it says.
#[test]
fn fixes_that_say_the_same() {
    for code in ["IRSA-T006", "IRSA-T012", "IRSA-T029", "IRSA-T034", "IRSA-T043"] {
        let (bad, after) = (Fixture::read(code).bad, fixed(code));
        for (subject, audience) in
            [(Some("shop:api"), STS), (Some("evil:x"), STS), (Some("shop:api"), Some("vault")), (None, None)]
        {
            assert_eq!(lets_in(&bad, subject, audience), lets_in(&after, subject, audience), "{code}");
        }
    }
}

#[test]
fn identity_policies() {
    let (bucket, object) = ("arn:aws:s3:::reports", "arn:aws:s3:::reports/2026/a");
    for (code, action, resource) in
        [("IRSA-I101", "s3:GetObject", object), ("IRSA-I102", "s3:ListBucket", bucket)]
    {
        assert_ne!(decide(&Fixture::read(code).bad, action, resource), Decision::Allow, "{code}");
        assert_eq!(decide(&fixed(code), action, resource), Decision::Allow, "{code}");
    }
    assert_ne!(decide(&Fixture::read("IRSA-I103").bad, "s3:GetObject", object), Decision::Allow);
    assert_eq!(decide(&Fixture::read("IRSA-I103").good, "s3:GetObject", object), Decision::Allow);
    let is_denied = |text: &str| matches!(decide(text, "s3:DeleteObject", object), Decision::ExplicitDeny(_));
    assert!(!is_denied(&Fixture::read("IRSA-I109").bad));
    assert!(is_denied(&fixed("IRSA-I109")));
    for code in ["IRSA-I106", "IRSA-I107", "IRSA-I110"] {
        assert_eq!(decide(&Fixture::read(code).bad, "s3:GetObject", object), Decision::Allow, "{code}");
    }
}
