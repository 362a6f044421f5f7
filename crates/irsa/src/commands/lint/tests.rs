use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use irsa_policy::lint::Severity;
use proptest::prelude::*;

use super::*;
use crate::cli::lint::FailOn;

/// The findings of files given by name and text, as `code file:line`.
fn check(files: &[(&str, &str)], expected: &[&str]) {
    let found = codes(&examine(files));
    assert_eq!(found, expected, "{files:#?}");
}

fn examine(files: &[(&str, &str)]) -> Report {
    let sources: Vec<Source> =
        files.iter().map(|(name, text)| Source::new(*name, Some(name.into()), *text)).collect();
    Run { sidecars: Vec::new(), codes: Vec::new() }.examine(&sources)
}

fn codes(report: &Report) -> Vec<String> {
    let text = report::text(report);
    let line = |line: &str| {
        let (code, rest) = line.split_once("[IRSA-")?.1.split_once("] (")?;
        let place = rest.split_once(") ")?.0.rsplit(' ').next()?;
        Some(format!("{code} {}", place.rsplit_once(':')?.0))
    };
    anstream::adapter::strip_str(&text).to_string().lines().filter_map(line).collect()
}

/// A fixture folder, with names as from inside it.
fn fixture(name: &str) -> Vec<Source> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lint").join(name);
    let read = Sources::collect(std::slice::from_ref(&folder), io::empty()).read;
    assert!(!read.is_empty());
    let name = |source: &Source| {
        source.path.as_deref().unwrap().strip_prefix(&folder).unwrap().display().to_string()
    };
    read.iter()
        .map(|source| Source::new(name(source), Some(name(source).into()), source.text.clone()))
        .collect()
}

fn run() -> Run {
    Run { sidecars: Vec::new(), codes: Vec::new() }
}

const TRUST: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [{
    "Effect": "Allow",
    "Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/oidc.example.com/id/A1B2C3"},
    "Action": "sts:AssumeRoleWithWebIdentity",
    "Condition": {"StringEquals": {
      "oidc.example.com/id/A1B2C3:sub": "system:serviceaccount:shop:api",
      "oidc.example.com/id/A1B2C3:aud": "sts.amazonaws.com"
    }}
  }]
}
"#;
const ACCOUNT: &str = "apiVersion: v1
kind: ServiceAccount
metadata:
  name: api
  namespace: shop
  annotations:
    eks.amazonaws.com/role-arn: arn:aws:iam::111122223333:role/api
";
const POD: &str = "apiVersion: v1
kind: Pod
metadata:
  name: api
  namespace: shop
spec:
  serviceAccountName: api
  containers:
  - name: api
    image: example.com/api:1
";

#[test]
fn what_is_right_is_left_alone() {
    check(&[("trust.json", TRUST), ("account.yaml", ACCOUNT), ("pod.yaml", POD)], &[]);
    check(
        &[("empty.yaml", ""), ("blank.yaml", "---\n# nothing\n---\n"), ("a.json", "{}"), ("b.json", "[1]")],
        &[],
    );
    check(&[("main.tf", "resource \"aws_s3_bucket\" \"a\" {}\n")], &[]);
    // JSON is YAML, but YAML is not JSON.
    check(&[("trust.yaml", TRUST), ("a.yaml", "{a: b}\n---\n[c, d]\n")], &[]);
    check(&[("trust.yaml", &TRUST.replace(":sub", ":aud"))], &["T004 trust.yaml:8", "T038 trust.yaml:9"]);
}

#[test]
fn every_fixture_has_its_findings() {
    for (name, expected) in [
        // Copied from a page: no indentation, the scheme left in, no audience.
        (
            "copied",
            &[
                "K005 pod.yaml:3",
                "K005 service-account.yaml:3",
                "T016 trust-policy.json:7",
                "T003 trust-policy.json:10",
                "T016 trust-policy.json:12",
            ][..],
        ),
        // The audience compared with a subject, and a Deployment without a namespace.
        ("wrong-key", &["K005 app.yaml:3", "K004 app.yaml:9", "K005 app.yaml:11", "T004 trust.json:12"]),
        // Comments in heredocs, and no audience.
        ("heredocs", &["J001 main.tf:5", "J001 main.tf:24", "T003 main.tf:34", "J001 main.tf:70"]),
        ("chart", &["K007 rendered.yaml:11", "K004 rendered.yaml:14", "K003 rendered.yaml:37"]),
        ("commands", &["T005 crossplane.yaml:15", "I110 get-role-policy.json:4", "T005 get-role.json:18"]),
        ("plan", &["I110 plan.json:1", "T022 plan.json:1", "T023 plan.json:1", "I101 plan.json:1"]),
        (
            "pods",
            &[
                "K001 pods.yaml:17",
                "P005 pods.yaml:36",
                "P005 pods.yaml:43",
                "P007 pods.yaml:47",
                "K006 pods.yaml:58",
                "K006 pods.yaml:59",
                "K003 pods.yaml:68",
            ],
        ),
    ] {
        assert_eq!(codes(&run().examine(&fixture(name))), expected, "{name}");
    }
}

/// A plan of what is there already shows a role's and a bucket's policies twice; they are repaired where they have a resource.
#[test]
fn what_a_plan_repeats_is_found_once() {
    let policy = r#"{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}}"#;
    let role = format!(
        r#"{{"address":"aws_iam_role.a","mode":"managed","type":"aws_iam_role","values":{{"inline_policy":[{{"name":"p","policy":"{policy}"}}]}}}}"#
    );
    let own = format!(
        r#"{{"address":"aws_iam_role_policy.p","mode":"managed","type":"aws_iam_role_policy","values":{{"policy":"{policy}"}}}}"#
    );
    let plan = |resources: &str| {
        format!(
            r#"{{"format_version":"1.2","planned_values":{{"root_module":{{"resources":[{resources}]}}}}}}"#
        )
    };
    check(&[("plan.json", &plan(&role))], &["I110 plan.json:1"]);
    check(&[("plan.json", &plan(&format!("{role},{own}")))], &["I110 plan.json:1"]);
}

#[test]
fn formats() {
    let mut sources = fixture("wrong-key");
    sources.extend(fixture("plan"));
    sources.push(Source::new(
        "a,b:c%.yaml",
        Some("a,b:c%.yaml".into()),
        format!("# irsa-ignore: IRSA-K001 filled in later\n{}", ACCOUNT.replace("11112222", "<a&b>")),
    ));
    let report = run().examine(&sources);
    for (name, format) in [
        ("text", LintFormat::Text),
        ("json", LintFormat::Json),
        ("sarif", LintFormat::Sarif),
        ("junit", LintFormat::Junit),
        ("github", LintFormat::Github),
    ] {
        let text = report::render(&report, format, FailOn::Security).unwrap();
        insta::assert_snapshot!(name, anstream::adapter::strip_str(&text).to_string());
    }
}

#[test]
fn fixes_converge_and_leave_what_has_no_one_answer() {
    for (name, left) in [
        ("copied", &[][..]),
        ("wrong-key", &["K004 app.yaml:9", "T009 trust.json:12"]),
        ("heredocs", &[]),
        ("chart", &["K004 rendered.yaml:14", "K003 rendered.yaml:37"]),
        ("commands", &["T009 crossplane.yaml:16", "I110 get-role-policy.json:4", "T009 get-role.json:19"]),
    ] {
        let sources = fixture(name);
        let (fixed, _, report) = fix::converge(&run(), &sources);
        assert_eq!(codes(&report), left, "{name}");
        assert_eq!(
            fix::converge(&run(), &fixed).0.iter().map(|source| &source.text).collect::<Vec<_>>(),
            fixed.iter().map(|source| &source.text).collect::<Vec<_>>(),
            "{name}: once is enough"
        );
        let all: String = fixed.iter().map(|source| format!("# {}\n{}", source.name, source.text)).collect();
        insta::assert_snapshot!(format!("fixed-{name}"), all);
    }
}

#[test]
fn manifests_that_do_not_fit_together() {
    let elsewhere = POD.replace("namespace: shop", "namespace: web");
    check(&[("a.yaml", ACCOUNT), ("p.yaml", &elsewhere)], &["K004 p.yaml:5"]);
    let unknown = POD.replace("serviceAccountName: api", "serviceAccountName: ipa");
    check(&[("a.yaml", ACCOUNT), ("p.yaml", &unknown)], &["K003 p.yaml:7"]);
    // Nothing is known of ServiceAccounts when no file has one, and every namespace has `default`.
    check(&[("p.yaml", &unknown)], &[]);
    let default = POD.replace("serviceAccountName: api", "serviceAccountName: default");
    check(&[("a.yaml", ACCOUNT), ("p.yaml", &default)], &[]);
}

#[test]
fn a_role_is_known_by_the_accounts_that_name_it() {
    let role = |name: &str| format!("{{\"RoleName\": \"{name}\", \"AssumeRolePolicyDocument\": {TRUST}}}");
    let other = ACCOUNT.replace("role/api", "role/other");
    check(&[("role.json", &role("api")), ("a.yaml", ACCOUNT)], &[]);
    check(
        &[("role.json", &role("api")), ("a.yaml", &ACCOUNT.replace("name: api", "name: ipa"))],
        &["T023 role.json:8"],
    );
    check(
        &[("role.json", &role("api")), ("a.yaml", &ACCOUNT.replace("111122223333", "444455556666"))],
        &["T019 role.json:5"],
    );
    // Only of the namespaces that the files show.
    check(
        &[("role.json", &role("api")), ("a.yaml", &ACCOUNT.replace("namespace: shop", "namespace: web"))],
        &["T023 role.json:8"],
    );
    // A policy of its own has no role.
    check(&[("trust.json", TRUST), ("a.yaml", &other)], &[]);
    // Terraform's role has, when its name is written out.
    let role = |name: &str| {
        format!(
            "resource \"aws_iam_role\" \"a\" {{\n  name = \"{name}\"\n  assume_role_policy = <<EOF\n{TRUST}EOF\n}}\n"
        )
    };
    let named = ACCOUNT.replace("name: api", "name: ipa");
    check(&[("main.tf", &role("api")), ("a.yaml", &named)], &["T023 main.tf:11"]);
    check(&[("main.tf", &role("${var.name}")), ("a.yaml", &named)], &[]);
}

#[test]
fn providers_are_those_of_the_files() {
    let role = format!(
        "{{\"RoleName\": \"api\", \"Arn\": \"arn:aws:iam::111122223333:role/api\", \"AssumeRolePolicyDocument\": {TRUST}}}"
    );
    let list = |path: &str| {
        format!(
            "{{\"OpenIDConnectProviderList\": [{{\"Arn\": \"arn:aws:iam::111122223333:oidc-provider/oidc.example.com/id/{path}\"}}]}}"
        )
    };
    check(&[("role.json", &role), ("list.json", &list("A1B2C3"))], &[]);
    check(&[("role.json", &role), ("list.json", &list("D4E5F6"))], &["T021 role.json:5"]);
    let one = |audience: &str| {
        format!("{{\"Url\": \"oidc.example.com/id/A1B2C3\", \"ClientIDList\": [\"{audience}\"]}}")
    };
    check(&[("role.json", &role), ("one.json", &one("sts.amazonaws.com"))], &[]);
    check(&[("role.json", &role), ("one.json", &one("other"))], &["T022 role.json:9"]);
    // Without the role's account nobody knows the provider's ARN.
    check(&[("trust.json", TRUST), ("one.json", &one("other"))], &[]);
}

#[test]
fn what_cannot_be_read_hides_nothing_else() {
    let stream = format!("{ACCOUNT}---\nkind: [\n---\n{}", POD.replace("namespace: shop", "namespace: web"));
    check(&[("a.yaml", &stream)], &["L003 a.yaml:9", "K004 a.yaml:15"]);
    check(&[("a.json", "{\"a\": 1,}")], &["L003 a.json:1"]);
    check(&[("a.json", &format!("\u{feff}{TRUST}"))], &["L003 a.json:1"]);
    check(&[("a.yaml", &format!("\u{feff}{}", ACCOUNT.replace("  ", "")))], &["K005 a.yaml:3"]);
    check(&[("a.yaml", "a: {{ .Values.a }}\nb: {{ .Values.b }}\n")], &["L004 a.yaml:1"]);
    check(&[("a.yaml", "a: 1\na: 2\n")], &["L003 a.yaml:2"]);
    check(&[("a.json", &"[".repeat(200_000))], &["L003 a.json:1"]);
}

#[test]
fn ignores() {
    let annotation = |before: &str, after: &str| {
        ACCOUNT
            .replace(
                "    eks.amazonaws.com/role-arn: arn",
                &format!("{before}    eks.amazonaws.com/role-arn: x-arn"),
            )
            .replace("role/api", &format!("role/api{after}"))
    };
    check(&[("a.yaml", &annotation("", ""))], &["K001 a.yaml:7"]);
    check(&[("a.yaml", &annotation("    # irsa-ignore: IRSA-K001 filled in by kustomize\n", ""))], &[]);
    check(
        &[("a.yaml", &annotation("", " # irsa-ignore: IRSA-K001,IRSA-K007 filled in"))],
        &["L002 a.yaml:7"],
    );
    check(&[("a.yaml", &annotation("", " # irsa-ignore: IRSA-K001"))], &["L001 a.yaml:7"]);
    check(&[("a.yaml", &annotation("", " # irsa-ignore: K01 reason"))], &["K001 a.yaml:7", "L001 a.yaml:7"]);
    // Before a document: for all of it, and for no other.
    let stream = format!(
        "{POD}---\n# irsa-ignore: IRSA-K001 filled in by kustomize\n# Source: a\n{}",
        annotation("", "")
    );
    check(&[("a.yaml", &stream)], &[]);
    let other = format!("# irsa-ignore: IRSA-K001 filled in by kustomize\n{POD}---\n{}", annotation("", ""));
    check(&[("a.yaml", &other)], &["L002 a.yaml:1", "K001 a.yaml:19"]);
    // What the files do not show may be there all the same.
    let pod = format!("# irsa-ignore: IRSA-K003 made by the platform\n{POD}");
    check(&[("a.yaml", &pod)], &[]);
    check(&[("a.yaml", &pod), ("b.yaml", ACCOUNT)], &["L002 a.yaml:1"]);
    // In a custom resource, before it or before the policy.
    let crossplane =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lint/commands/crossplane.yaml"))
            .unwrap();
    let ignore = "# irsa-ignore: IRSA-T005 rewritten by a function\n";
    check(&[("a.yaml", &format!("{ignore}{crossplane}"))], &[]);
    let before_key = crossplane.replace("    assumeRole", &format!("    {ignore}    assumeRole"));
    check(&[("a.yaml", &before_key)], &[]);
    // In terraform, before the resource.
    let role = "resource \"aws_iam_policy\" \"a\" {\n  policy = <<EOF\n{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}}\nEOF\n}\n";
    check(&[("a.tf", role)], &["I110 a.tf:3"]);
    check(&[("a.tf", &format!("# irsa-ignore: IRSA-I110 the break-glass role\n{role}"))], &[]);
}

#[test]
fn what_steers_a_terminal_does_not_reach_it() {
    let name = "\u{1b}]0;x\u{7}\u{202e}";
    let text = ACCOUNT
        .replace("111122223333:role/api", &format!("\"{}\"", "x"))
        .replace("arn:aws:iam::\"x\"", "\"\\e]0;x\\a\\u202e\"");
    let report = examine(&[(&format!("{name}.yaml"), &text)]);
    assert_eq!(report.findings().count(), 1);
    for format in
        [LintFormat::Text, LintFormat::Json, LintFormat::Sarif, LintFormat::Junit, LintFormat::Github]
    {
        let text = report::render(&report, format, FailOn::Security).unwrap();
        let plain = anstream::adapter::strip_str(&text).to_string();
        assert!(!plain.chars().any(|c| c != '\n' && output::steers(c)), "{format:?}: {plain:?}");
    }
}

/// The guide's table has every rule, with its severity and title.
#[test]
fn the_guide_lists_every_rule() {
    let guide = include_str!("../../../../../docs/lint.md");
    let rows: BTreeMap<&str, (&str, &str)> = guide
        .lines()
        .filter_map(|line| {
            let mut cells = line.trim_matches('|').split(" | ").map(str::trim);
            let code = cells.next()?.strip_prefix('[')?.split_once(']')?.0;
            Some((code, (cells.next()?, cells.next()?)))
        })
        .collect();
    let severity = |severity| match severity {
        Severity::Error => "error",
        Severity::Security => "security",
        Severity::Warning => "warning",
        Severity::Info => "info",
    };
    let rules: BTreeMap<&str, (&str, &str)> =
        codes::all().map(|rule| (rule.code, (severity(rule.severity), rule.title))).collect();
    let wanted: BTreeSet<String> = rules
        .iter()
        .map(|(code, (severity, title))| format!("| [{code}](errors/{code}.md) | {severity} | {title} |"))
        .collect();
    assert_eq!(
        rows,
        rules,
        "docs/lint.md should have the rows\n{}",
        wanted.into_iter().collect::<Vec<_>>().join("\n")
    );
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in "(apiVersion: v1\n|kind: (Pod|Deployment)\n|metadata:\n|[a-z]{1,3}: ?|- |  |\n|---\n|\\{|\\}|\\[|\\]|\"|<<EOF\n|EOF\n|\\$\\{|#|é|&a |\\*a|: ){0,40}") {
        for name in ["a.yaml", "a.json", "a.tf", "a"] {
            let report = examine(&[(name, &text)]);
            prop_assert!(!report::text(&report).is_empty());
        }
    }
}
