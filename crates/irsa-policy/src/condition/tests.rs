use super::*;
use crate::document::{Span, Text};

fn condition(operator: &str, key: &str, wanted: &[&str]) -> Condition {
    let text = |value: &str| Text { value: value.to_owned(), span: Span::default() };
    let text = ConditionText {
        operator: text(operator),
        parsed: Operator::parse(operator),
        key: text(key),
        values: wanted.iter().map(|value| text(value)).collect(),
    };
    Condition::compile(&text, crate::document::Effect::Allow, true)
}

fn holds(operator: &str, wanted: &[&str], found: &[&str]) -> bool {
    let mut context = Context::new();
    context.set_all("k", found.iter().copied());
    condition(operator, "k", wanted).holds(&context)
}

/// Every comparison with a value, one that matches it and one that does not.
const COMPARISONS: &[(&str, &str, &str, &str)] = &[
    ("StringEquals", "a", "a", "A"),
    ("StringEquals", "a*", "a*", "ab"),
    ("StringEqualsIgnoreCase", "aB", "Ab", "b"),
    ("StringLike", "a*?c", "abbc", "ac"),
    (
        "StringLike",
        "system:serviceaccount:shop:*",
        "system:serviceaccount:shop:api",
        "system:serviceaccount:shop",
    ),
    ("NumericEquals", "1", "1.0", "2"),
    ("NumericLessThan", "5", "4.9", "5"),
    ("NumericLessThanEquals", "5", "5", "5.1"),
    ("NumericGreaterThan", "9", "10", "9"),
    ("NumericGreaterThanEquals", "5", "5", "-6"),
    ("DateEquals", "2026-01-01T00:00:00Z", "1767225600", "2026-01-01T00:00:01Z"),
    ("DateLessThan", "2026-01-01T00:00:00Z", "2025-12-31T23:59:59Z", "2026-01-01T00:00:00Z"),
    ("DateLessThanEquals", "2026-01-01", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.1Z"),
    ("DateGreaterThan", "1767225600", "2026-01-02", "2026-01-01"),
    ("DateGreaterThanEquals", "2026-01-01", "2026-01-01", "2025-12-31"),
    ("Bool", "true", "TRUE", "false"),
    ("BinaryEquals", "QmluYXJ5", "QmluYXJ5", "QmluYXJ6"),
    ("IpAddress", "203.0.113.0/24", "203.0.113.9", "203.0.114.9"),
    ("IpAddress", "203.0.113.9", "203.0.113.9", "203.0.113.8"),
    ("IpAddress", "2001:db8::/32", "2001:db8:1::1", "2001:db9::1"),
    ("IpAddress", "10.0.0.0/8", "::ffff:10.1.2.3", "::10.1.2.3"),
    ("ArnEquals", "arn:aws:iam::*:role/a*", "arn:aws:iam::111122223333:role/a/b", "arn:aws:iam::1:x:role/a"),
    ("ArnLike", "arn:aws:sns:*:111122223333:t", "arn:aws:sns:eu-west-1:111122223333:t", "arn:aws:sns:a:b:t"),
];

/// The negation of each comparison that has one.
const NEGATIONS: &[(&str, &str)] = &[
    ("StringEquals", "StringNotEquals"),
    ("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"),
    ("StringLike", "StringNotLike"),
    ("NumericEquals", "NumericNotEquals"),
    ("DateEquals", "DateNotEquals"),
    ("IpAddress", "NotIpAddress"),
    ("ArnEquals", "ArnNotEquals"),
    ("ArnLike", "ArnNotLike"),
];

// IAM User Guide, "Condition operators" (IfExists, missing keys) and "Conditions with multiple keys or values" (sets).
// Columns: absent, no values, match, miss, match+miss, match+match, miss+miss.
const POSITIVE: &[(&str, &str, [u8; 7])] = &[
    ("", "", [0, 0, 1, 0, 0, 0, 0]),
    ("", "IfExists", [1, 1, 1, 0, 0, 0, 0]),
    ("ForAllValues:", "", [1, 1, 1, 0, 0, 1, 0]),
    ("ForAnyValue:", "", [0, 0, 1, 0, 1, 1, 0]),
    ("ForAllValues:", "IfExists", [1, 1, 1, 0, 0, 1, 0]),
    ("ForAnyValue:", "IfExists", [1, 1, 1, 0, 1, 1, 0]),
];
const NEGATED: &[(&str, &str, [u8; 7])] = &[
    ("", "", [1, 1, 0, 1, 0, 0, 0]),
    ("", "IfExists", [1, 1, 0, 1, 0, 0, 0]),
    ("ForAllValues:", "", [1, 1, 0, 1, 0, 0, 1]),
    ("ForAnyValue:", "", [0, 0, 0, 1, 1, 0, 1]),
    ("ForAllValues:", "IfExists", [1, 1, 0, 1, 0, 0, 1]),
    ("ForAnyValue:", "IfExists", [1, 1, 0, 1, 1, 0, 1]),
];

fn check_matrix(operator: &str, wanted: &str, hit: &str, miss: &str, table: &[(&str, &str, [u8; 7])]) {
    for (prefix, suffix, expected) in table {
        let operator = format!("{prefix}{operator}{suffix}");
        let condition = condition(&operator, "k", &[wanted]);
        let states: [Option<&[&str]>; 7] = [
            None,
            Some(&[]),
            Some(&[hit]),
            Some(&[miss]),
            Some(&[hit, miss]),
            Some(&[hit, hit]),
            Some(&[miss, miss]),
        ];
        for (state, expected) in states.into_iter().zip(expected) {
            let mut context = Context::new();
            if let Some(values) = state {
                context.set_all("K", values.iter().copied());
            }
            assert_eq!(condition.holds(&context), *expected == 1, "{operator} {wanted} of {state:?}");
        }
    }
}

#[test]
fn every_operator_with_every_prefix_suffix_and_number_of_values() {
    for (operator, wanted, hit, miss) in COMPARISONS {
        check_matrix(operator, wanted, hit, miss, POSITIVE);
        if let Some((_, negation)) = NEGATIONS.iter().find(|(positive, _)| positive == operator) {
            check_matrix(negation, wanted, hit, miss, NEGATED);
        }
    }
}

#[test]
fn null_asks_whether_the_key_is_there() {
    for (wanted, absent, empty, present) in [
        ("true", true, true, false),
        ("false", false, false, true),
        ("TRUE", true, true, false),
        ("x", false, false, false),
    ] {
        let condition = condition("Null", "k", &[wanted]);
        let mut context = Context::new();
        assert_eq!(condition.holds(&context), absent, "{wanted} absent");
        context.set_all("k", Vec::<String>::new());
        assert_eq!(condition.holds(&context), empty, "{wanted} empty");
        context.set("k", "");
        assert_eq!(condition.holds(&context), present, "{wanted} present");
    }
}

#[test]
fn one_of_the_policys_values_is_enough_and_none_may_match_when_negated() {
    assert!(holds("StringEquals", &["a", "b"], &["b"]));
    assert!(!holds("StringNotEquals", &["a", "b"], &["b"]));
    assert!(holds("StringNotEquals", &["a", "b"], &["c"]));
    assert!(!holds("StringEquals", &[], &["a"]));
    assert!(holds("StringNotEquals", &[], &["a"]));
    assert!(holds("ForAllValues:StringEquals", &["a", "b"], &["b", "a"]));
    assert!(!holds("ForAllValues:StringEquals", &["a", "b"], &["b", "c"]));
    assert!(!holds("ForAllValues:StringNotEquals", &["a", "b"], &["c", "a"]));
    assert!(holds("ForAnyValue:StringLike", &["x*", "b*"], &["c", "ba"]));
}

#[test]
fn for_all_values_holds_for_an_empty_string_too() {
    assert!(holds("ForAllValues:StringEquals", &["a"], &[""]));
    assert!(!holds("ForAllValues:StringEquals", &["a"], &["", "b"]));
}

#[test]
fn what_cannot_be_read_equals_nothing() {
    for (operator, negation, wanted, found) in [
        ("NumericEquals", "NumericNotEquals", "1", "one"),
        ("NumericEquals", "NumericNotEquals", "one", "1"),
        ("DateEquals", "DateNotEquals", "2026-01-01", "soon"),
        ("IpAddress", "NotIpAddress", "10.0.0.0/8", "10.0.0"),
        ("IpAddress", "NotIpAddress", "10.0.0.0/33", "10.0.0.1"),
        ("ArnLike", "ArnNotLike", "arn:aws:s3:::*", "a-bucket"),
        ("ArnLike", "ArnNotLike", "a-bucket", "arn:aws:s3:::a-bucket"),
    ] {
        assert!(!holds(operator, &[wanted], &[found]), "{operator} {wanted} {found}");
        assert!(holds(negation, &[wanted], &[found]), "{negation} {wanted} {found}");
    }
    assert!(!holds("Bool", &["yes"], &["yes"]));
    assert!(!holds("BinaryEquals", &["%%"], &["%%"]));
}

#[test]
fn variables_stand_in_strings_and_arns_only() {
    let mut context = Context::new();
    context.set("aws:username", "a*n").set("k", "home/a*n/x").set("n", "1").set("one", "1");
    for (operator, wanted, expected) in [
        ("StringLike", "home/${aws:username}/*", true),
        ("StringLike", "home/${AWS:UserName}/?", true),
        ("StringEquals", "home/${aws:username}/x", true),
        ("StringEqualsIgnoreCase", "HOME/${aws:username}/X", true),
        ("StringEquals", "home/${aws:nobody, 'a*n'}/x", true),
        ("StringEquals", "home/${aws:nobody}/x", false),
        ("StringNotEquals", "home/${aws:nobody}/x", true),
    ] {
        assert_eq!(condition(operator, "k", &[wanted]).holds(&context), expected, "{operator} {wanted}");
    }
    assert!(!condition("NumericEquals", "n", &["${one}"]).holds(&context));
    context.set("arn", "arn:aws:iam::1:user/a*n");
    assert!(condition("ArnEquals", "arn", &["arn:aws:iam::${n}:user/${aws:username}"]).holds(&context));
    context.set("aws:PrincipalArn", "arn:aws:iam::1:user/a*n");
    assert!(condition("ArnEquals", "arn", &["${aws:PrincipalArn}"]).holds(&context));
    assert!(!condition("ArnEquals", "arn", &["${aws:SourceArn}"]).holds(&context));
    context.set("k", "home/abn/x");
    assert!(
        !condition("StringLike", "k", &["home/${aws:username}/*"]).holds(&context),
        "a variable's `*` is literal"
    );
}

#[test]
fn unknown_operators_are_none() {
    for name in [
        "",
        "x",
        "stringequals",
        "NullIfExists",
        "ForAnyValue::StringEquals",
        "ForSome:Bool",
        "StringEqualsIfExistsIfExists",
        "BoolNot",
        "NumericLike",
        "DateNot",
    ] {
        assert_eq!(Operator::parse(name), None, "{name}");
    }
}
