use super::*;
use crate::Policy;

const OK: &str = r#""Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::b""#;

fn message(text: &str, kind: PolicyType) -> String {
    match Policy::parse(text, kind) {
        Ok(_) => "ok".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// A 2012-10-17 policy with these statements.
fn policy(statements: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":{statements}}}"#)
}

fn identity(statement: &str) -> String {
    message(&policy(&format!("{{{statement}}}")), PolicyType::Identity)
}

const SYNTAX: &str = "Syntax errors in policy.";
const LEGACY: &str = "The policy failed legacy parsing";
const VERSION: &str = "Policy document must be version 2012-10-17 or greater.";

#[test]
fn identity_statements_are_refused_with_awss_words() {
    let effect = r#""Effect":"Allow","#;
    let action = r#""Action":"s3:ListBucket","#;
    let on = |resource: &str| format!(r#"{effect}{action}"Resource":"{resource}""#);
    let acts = |action: &str| format!(r#"{effect}"Action":"{action}","Resource":"*""#);
    let when = |condition: &str| format!(r#"{OK},"Condition":{condition}"#);
    let vendor = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";
    for (statement, expected) in [
        (OK.to_owned(), "ok"),
        (format!(r#"{OK},"Extra":1"#), SYNTAX),
        (r#""Effect":"maybe","Action":"s3:*","Resource":"*""#.into(), SYNTAX),
        (format!(r#"{action}"Resource":"*""#), SYNTAX),
        (format!(r#"{OK},"NotResource":"*""#), SYNTAX),
        (format!(r#"{OK},"NotAction":[]"#), SYNTAX),
        (format!(r#"{effect}"Action":{{}},"Resource":"*""#), SYNTAX),
        (format!(r#"{effect}"Action":[[]],"Resource":"*""#), SYNTAX),
        (format!(r#"{OK},"Sid":{{}}"#), SYNTAX),
        (
            format!(r#"{OK},"Sid":"with space""#),
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*",
        ),
        (when("[]"), SYNTAX),
        (when(r#"{"a":"b"}"#), SYNTAX),
        (when(r#"{"a":{}}"#), "ok"),
        (when("{}"), "ok"),
        (when(r#"{"a":{"k":"v"}}"#), SYNTAX),
        (when(r#"{"DateGreaterThan":{"k":[]}}"#), "ok"),
        (when(r#"{"Bool":{"k":true},"NumericEquals":{"n":[1,2.5]}}"#), "ok"),
        (when(r#"{"Bool":{"k":null}}"#), SYNTAX),
        (when(r#"{"ForAnyValue:StringEqualsIfExists":{"k":"v"}}"#), "ok"),
        (when(r#"{"DateLessThan":{"k":"soon"}}"#), LEGACY),
        (r#""Effect":"allow","Action":"s3:*","Resource":"*""#.into(), LEGACY),
        (on("arn:aws:s3::b"), LEGACY),
        (on("arn:aws::fdsasf"), LEGACY),
        (on("arn:aws:fdsasf"), "ok"),
        (format!("{effect}\"Resource\":\"*\""), "Policy statement must contain actions."),
        (format!(r#"{effect}"Action":[],"Resource":"*""#), "Policy statement must contain actions."),
        (format!("{effect}\"Action\":\"s3:*\""), "Policy statement must contain resources."),
        (format!("{effect}\"Action\":\"s3:*\",\"Resource\":[]"), "Policy statement must contain resources."),
        (format!("{effect}\"Action\":\"invalid\""), vendor),
        (acts(""), vendor),
        (acts("*"), "ok"),
        (acts("iam: odd but accepted "), "ok"),
        (acts("s3:List:Bucket"), "Actions/Condition can contain only one colon."),
        (acts("a a:ListBucket"), "Vendor a a is not valid"),
        (acts("s*:ListBucket"), "Vendor s* is not valid"),
        (on("x"), r#"Resource x must be in ARN format or "*"."#),
        (on(""), r#"Resource  must be in ARN format or "*"."#),
        (on("a:aws:s3:::b"), r#"Resource a:aws:s3:::b must be in ARN format or "*"."#),
        (on("a:b:c"), r#"Partition "b" is not valid for resource "arn:b:c:*:*:*"."#),
        (on("a:b"), r#"Partition "b" is not valid for resource "arn:b:*:*:*:*"."#),
        (on("aws:s3:::x"), r#"Partition "s3" is not valid for resource "arn:s3:::x:*"."#),
        (on("a:b:c:d:e:f:g:h"), r#"Partition "b" is not valid for resource "arn:b:c:d:e:f:g:h"."#),
        (on("arn:aws-cn:s3:::b"), "ok"),
        (on("arn:aws"), "Resource vendor must be fully qualified and cannot contain regexes."),
        (on("arn:aws:s*:::b"), "Resource vendor must be fully qualified and cannot contain regexes."),
        (
            on("arn:aws:iam:us-east-1:1:user/a"),
            "IAM resource arn:aws:iam:us-east-1:1:user/a cannot contain region information.",
        ),
        (
            on("arn:aws:s3:us-east-1::b"),
            "Resource arn:aws:s3:us-east-1::b can not contain region information.",
        ),
        (on("arn:aws:s3:us-east-1:111122223333:accesspoint/p/object/*"), "ok"),
        (on("arn:aws:iam::*:role/${aws:username}"), "ok"),
        (
            on("arn:aws:iam::1:u*"),
            "IAM resource path must either be \"*\" or start with user/, federated-user/, role/, group/, instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, report/, access-report/.",
        ),
        (format!(r#"{OK},"Principal":"*""#), "Policy document should not specify a principal."),
    ] {
        assert_eq!(identity(&statement), expected, "{statement}");
    }
}

#[test]
fn the_first_complaint_is_awss_first() {
    let twice = format!(r#"[{{"Sid":"a",{OK}}},{{"Sid":"a","Effect":"Allow"}}]"#);
    for (text, expected) in [
        (format!(r#"{{"Statement":{twice}}}"#), VERSION),
        (policy(&twice), "Statement IDs (SID) in a single policy must be unique."),
        (policy(&twice.replacen("Allow", "aLLow", 1)), LEGACY),
        (
            policy(r#"[{"Effect":"Deny"},{"Effect":"Allow","Action":"s3:*","Resource":"x"}]"#),
            "Policy statement must contain actions.",
        ),
        (
            policy(r#"{"Effect":"Allow","Action":"s:3:x","Resource":"x"}"#),
            r#"Resource x must be in ARN format or "*"."#,
        ),
        (policy("[]"), SYNTAX),
        (policy("[1]"), SYNTAX),
        (format!(r#"{{"Version":"2013-10-17","Statement":{{{OK}}}}}"#), SYNTAX),
        (format!(r#"{{"Version":"2008-10-17","Statement":{{{OK}}}}}"#), VERSION),
        (format!(r#"{{"Version":"2012-10-17","Id":[],"Statement":{{{OK}}}}}"#), SYNTAX),
        (r#"{"Version":"2012-10-17"}"#.into(), SYNTAX),
        ("no json".into(), SYNTAX),
        ("[]".into(), SYNTAX),
    ] {
        assert_eq!(message(&text, PolicyType::Identity), expected, "{text}");
    }
}

fn trust(statement: &str) -> String {
    message(&policy(&format!("{{{statement}}}")), PolicyType::Trust)
}

#[test]
fn trust_policies_name_principals_and_sts_actions_and_nothing_else() {
    let allow =
        |principal: &str| format!(r#""Effect":"Allow","Action":"sts:AssumeRole","Principal":{principal}"#);
    let acts = |action: &str| format!(r#""Effect":"Allow","Action":"{action}","Principal":"*""#);
    let only_sts = "AssumeRole policy may only specify STS AssumeRole actions";
    for (statement, expected) in [
        (allow(r#"{"AWS":"arn:aws:iam::111122223333:root"}"#), "ok"),
        (
            allow(
                r#"{"AWS":["111122223333","arn:aws:iam::111122223333:role/a/b"],"Service":"ec2.amazonaws.com"}"#,
            ),
            "ok",
        ),
        (allow(r#"{"AWS":"AROAEXAMPLEEXAMPLE123"}"#), "ok"),
        (allow(r#""*""#), "ok"),
        (allow(r#""x""#), SYNTAX),
        (allow(r#"{"User":"x"}"#), SYNTAX),
        (
            allow(r#"{"AWS":"arn:aws:iam::111122223333:role/*"}"#),
            r#"Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:role/*""#,
        ),
        (allow(r#"{"AWS":"ann"}"#), r#"Invalid principal in policy: "AWS":"ann""#),
        (allow(r#"{"Federated":"arn:aws:iam::111122223333:oidc-provider/h/p"}"#), "ok"),
        (allow(r#"{"Federated":"accounts.google.com"}"#), "ok"),
        (
            allow(r#"{"Federated":"https://accounts.google.com"}"#),
            r#"Invalid principal in policy: "FEDERATED":"https://accounts.google.com""#,
        ),
        (
            allow(r#"{"Federated":"arn:aws:iam::111122223333:role/x"}"#),
            r#"Invalid principal in policy: "FEDERATED":"arn:aws:iam::111122223333:role/x""#,
        ),
        (r#""Effect":"Allow","Action":"sts:AssumeRole""#.into(), "Missing required field Principal"),
        (allow("{}"), "Missing required field Principal"),
        (format!("{},\"Resource\":\"*\"", allow(r#""*""#)), "Has prohibited field Resource"),
        (
            r#""Effect":"Allow","Action":"sts:AssumeRole","NotPrincipal":"*""#.into(),
            "Has prohibited field NotPrincipal",
        ),
        (acts("sts:AssumeRoleWithWebIdentity"), "ok"),
        (acts("sts:TagSession"), "ok"),
        (acts("sts:*"), "ok"),
        (acts("s3:GetObject"), only_sts),
        (acts("sts:GetCallerIdentity"), only_sts),
    ] {
        assert_eq!(trust(&statement), expected, "{statement}");
    }
    assert_eq!(message("{", PolicyType::Trust), "This policy contains invalid Json");
    assert_eq!(message(r#"{"Statement":{}, "Statement":{}}"#, PolicyType::Trust), SYNTAX);
    let old = format!(r#"{{"Statement":{{{}}}}}"#, acts("sts:AssumeRole"));
    assert_eq!(message(&old, PolicyType::Trust), "ok", "trust policies may be of 2008");
}

#[test]
fn bucket_policies_are_answered_as_s3_does() {
    let bucket = |statement: &str| message(&policy(&format!("{{{statement}}}")), PolicyType::Resource);
    let json = "Policies must be valid JSON and the first byte must be '{'";
    assert_eq!(message("no json", PolicyType::Resource), json);
    for (statement, expected) in [
        (format!(r#"{OK},"Principal":"*""#), "ok"),
        (format!(r#"{OK},"Principal":{{"CanonicalUser":"79a5"}}"#), "ok"),
        (OK.to_owned(), "Missing required field Principal"),
        (format!(r#"{OK},"Principal":{{"AWS":"ann"}}"#), "Invalid principal in policy"),
        (format!(r#"{OK},"Principal":{{"Federated":"accounts.google.com"}}"#), "Invalid principal in policy"),
        (
            r#""Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"b""#.into(),
            "Policy has invalid resource",
        ),
        (
            r#""Effect":"Allow","Principal":"*","Action":"all","Resource":"*""#.into(),
            "Policy has invalid action",
        ),
    ] {
        assert_eq!(bucket(&statement), expected, "{statement}");
    }
}

#[test]
fn control_policies_have_their_own_limits() {
    let not_of_type =
        "The provided policy document does not meet the requirements of the specified policy type.";
    let rcp = |statement: &str| message(&policy(&format!("{{{statement}}}")), PolicyType::ResourceControl);
    for (statement, expected) in [
        (r#""Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*""#, "ok"),
        (r#""Effect":"Allow","Principal":"*","Action":"*","Resource":"*""#, "ok"),
        (r#""Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*""#, not_of_type),
        (r#""Effect":"Deny","Principal":"*","Action":"*","Resource":"*""#, not_of_type),
        (r#""Effect":"Deny","Principal":{"AWS":"111122223333"},"Action":"s3:*","Resource":"*""#, not_of_type),
        (r#""Effect":"Deny","Action":"s3:*","Resource":"*""#, "Missing required field Principal"),
    ] {
        assert_eq!(rcp(statement), expected, "{statement}");
    }
    let scp = policy(&format!(r#"{{{OK},"Principal":"*"}}"#));
    assert_eq!(message(&scp, PolicyType::ServiceControl), "Policy document should not specify a principal.");
}

#[test]
fn our_own_reason_names_the_place() {
    for (text, reason, path, line, column) in [
        ("{\n  // why\n}", "a comment; JSON has none, remove it", "", 2, 3),
        ("", "the document is empty", "", 1, 1),
        ("{'a': 1}", "single quotes; JSON strings take double quotes", "", 1, 2),
        ("{\"a\": [1,]}", "a comma with nothing after it; remove it", "", 1, 10),
        ("{\"a\": 1} x", "text after the end of the document", "", 1, 10),
        ("{\"a\": 01}", "expected `,` or `}`", "", 1, 8),
        ("{\"a\": \"\\q\"}", "an invalid escape sequence in a string", "", 1, 9),
        ("{\"a\": \"\u{1}\"}", "a raw control character 0x01 inside a string", "", 1, 8),
        ("{\"é\": 1, \"é\": 2}", "the key `é` is written twice in one object", "", 1, 10),
        ("{\"a\":", "the document ends in the middle of a value", "", 1, 6),
        ("{\"statement\": 1}", "unknown element `statement`; write it `Statement`", "", 1, 2),
        (
            "{\"Version\": \"2012-10-17\",\n \"Statement\": [{\"Effect\": \"Allow\", \"Condition\": {\n  \"StringsEqual\": {\"k\": \"v\"}}}]}",
            "unknown condition operator `StringsEqual`",
            "Statement[0].Condition.StringsEqual",
            3,
            3,
        ),
    ] {
        let error = Policy::parse(text, PolicyType::Identity).unwrap_err();
        assert_eq!(
            (error.reason(), error.path(), error.line(), error.column()),
            (reason, path, line, column),
            "{text}"
        );
    }
}

#[test]
fn size_and_depth_are_bounded() {
    let deep = "[".repeat(100_000);
    assert_eq!(
        Policy::parse(&deep, PolicyType::Trust).unwrap_err().reason(),
        "values are nested more than 16 levels deep"
    );
    let long = format!("{{{}}}", " ".repeat(200_000));
    assert_eq!(
        Policy::parse(&long, PolicyType::Trust).unwrap_err().reason(),
        "the document is longer than 131072 bytes"
    );
    assert_eq!(size_without_whitespace("{ \"a\" :\n\t\"b c\" }"), 10);
}

#[test]
fn json_strings_are_unescaped() {
    let node = json::read(r#""a\u00e9\ud83d\ude00\n\/\"\\""#).unwrap();
    assert_eq!(node.value, Value::String("aé😀\n/\"\\".into()));
    for bad in [r#""\ud83d""#, r#""\ud83dx""#, r#""\u12""#, r#""\udc00""#, r#""\u+123""#] {
        assert!(json::read(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_repeated_key_is_found_in_objects_of_any_size() {
    for size in 1..20 {
        let keys: Vec<String> = (0..size).map(|number| format!(r#""k{number}":1"#)).collect();
        assert!(json::read(&format!("{{{}}}", keys.join(","))).is_ok(), "{size}");
        for repeated in 0..size {
            let text = format!(r#"{{{},"k{repeated}":2}}"#, keys.join(","));
            let expected = json::Reason::DuplicateKey(format!("k{repeated}"));
            assert_eq!(json::read(&text).unwrap_err().reason, expected, "{text}");
        }
    }
}
