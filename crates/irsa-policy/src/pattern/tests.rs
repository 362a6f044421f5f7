use proptest::prelude::*;

use super::*;
use crate::arn::ArnText;

const ALL: Syntax = Syntax { wildcards: true, variables: true };

fn matches(pattern: &str, text: &str) -> bool {
    Pattern::compile(pattern, ALL).matches(text, Context::EMPTY)
}

#[test]
fn star_runs_over_anything_and_question_mark_over_one_character() {
    for (pattern, yes, no) in [
        ("", &[""][..], &["a"][..]),
        ("*", &["", "a/b:c"], &[]),
        ("**", &["", "ab"], &[]),
        ("a", &["a"], &["", "A", "ab"]),
        ("a*", &["a", "ab", "a*"], &["", "ba"]),
        ("*a", &["a", "ba"], &["", "ab"]),
        ("*a*", &["a", "bab"], &["", "b"]),
        ("a*c*e", &["ace", "abcde", "accee"], &["ac", "aec"]),
        ("?", &["a", "*", "é"], &["", "ab"]),
        ("?*", &["a", "éa"], &[""]),
        ("*?é", &["aé", "éé"], &["é"]),
        ("a?c", &["abc", "a?c"], &["ac", "abbc"]),
        ("system:serviceaccount:*:app", &["system:serviceaccount:a:b:app"], &["system:serviceaccount:app"]),
    ] {
        for text in yes {
            assert!(matches(pattern, text), "{pattern} should match {text}");
        }
        for text in no {
            assert!(!matches(pattern, text), "{pattern} should not match {text}");
        }
    }
}

#[test]
fn patterns_are_sorted_into_the_cheapest_class() {
    let class = |text| Pattern::compile(text, ALL);
    assert_eq!(class("*"), Pattern::Any);
    assert_eq!(class("**"), Pattern::Any);
    assert_eq!(class("a"), Pattern::Exact("a".into()));
    assert_eq!(class("a${*}"), Pattern::Exact("a*".into()));
    assert_eq!(class("a*"), Pattern::Prefix("a".into()));
    assert_eq!(class("*a"), Pattern::Suffix("a".into()));
    assert!(matches!(class("a*b"), Pattern::Glob(_)));
    assert!(matches!(class("${a}"), Pattern::Glob(_)));
}

// IAM User Guide, "Variables and tags": special characters, defaults, version.
#[test]
fn variables_have_defaults_and_escapes_and_exist_since_2012() {
    let context: Context =
        [("aws:username", "ann"), ("oidc.example.com/id/A:sub", "s")].into_iter().collect();
    for (pattern, text, expected) in [
        ("u/${aws:username}", "u/ann", true),
        ("u/${AWS:Username}/*", "u/ann/x", true),
        ("${oidc.example.com/id/A:sub}", "s", true),
        ("${aws:nobody}", "", false),
        ("${aws:nobody}*", "x", false),
        ("${aws:nobody, 'guest'}", "guest", true),
        ("${aws:username, 'guest'}", "ann", true),
        ("${aws:nobody,'guest'}", "guest", true),
        ("${aws:nobody, ''}x", "x", true),
        ("${*}${?}${$}", "*?$", true),
        ("${*}", "anything", false),
        ("${}", "${}", true),
        ("${a", "${a", true),
        ("${aws:nobody, guest}", "${aws:nobody, guest}", true),
        ("$", "$", true),
    ] {
        assert_eq!(Pattern::compile(pattern, ALL).matches(text, &context), expected, "{pattern} on {text}");
    }
    let old = Syntax { wildcards: true, variables: false };
    assert!(Pattern::compile("${aws:username}", old).matches("${aws:username}", &context));
    assert!(!Pattern::compile("${aws:username}", old).matches("ann", &context));
    let mut many = Context::new();
    many.set_all("aws:TagKeys", ["a", "b"]);
    assert!(
        !Pattern::compile("${aws:TagKeys}", ALL).matches("a", &many),
        "multivalued keys are no variables"
    );
}

#[test]
fn arn_patterns_match_part_by_part() {
    for (pattern, arn, expected) in [
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b/k:with:colons/and/slashes", true),
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b", false),
        ("arn:aws:s3:::*", "arn:aws:s3:::b/k", true),
        ("arn:aws:sqs:*:111122223333:q", "arn:aws:sqs:eu-west-1:111122223333:q", true),
        ("arn:aws:sqs:*:q", "arn:aws:sqs:eu-west-1:111122223333:q", false),
        ("arn:aws:sqs:*:1*", "arn:aws:sqs:eu-west-1:111122223333:q", true),
        ("arn:aws:iam::*:role/app", "arn:aws:iam::1:x:role/app", false),
        ("arn:*:iam::1:role/a?p", "arn:aws-cn:iam::1:role/app", true),
        ("arn:aws:iam::1:role/app", "arn:aws:iam::1:role/App", false),
        ("arn:aws:dynamodb", "arn:aws:dynamodb:eu-west-1:1:table/t", true),
        ("arn:aws:s3:::${aws:username}", "arn:aws:s3:::ann", true),
        ("arn:aws:s3:::b/${aws:username}:${aws:username}", "arn:aws:s3:::b/ann:ann", true),
        ("arn:aws:iam::${aws:username}:user/x", "arn:aws:iam::ann:user/x", false),
    ] {
        let context: Context = [("aws:username", "ann")].into_iter().collect();
        let pattern_ = ArnPattern::resource(pattern, true).unwrap();
        assert_eq!(pattern_.matches(&ArnText::new(arn), &context), expected, "{pattern} on {arn}");
    }
}

#[test]
fn a_hostile_pattern_takes_no_exponential_time() {
    let pattern = "*a".repeat(60) + "*b";
    assert!(!matches(&pattern, &"a".repeat(20_000)));
}

/// The definition, by recursion.
fn oracle(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['*', rest @ ..] => (0..=text.len()).any(|skip| oracle(rest, &text[skip..])),
        ['?', rest @ ..] => !text.is_empty() && oracle(rest, &text[1..]),
        [c, rest @ ..] => text.first() == Some(c) && oracle(rest, &text[1..]),
    }
}

proptest! {
    #[test]
    fn agrees_with_the_definition(pattern in "[ab*?é]{0,9}", text in "[abé]{0,10}") {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        prop_assert_eq!(matches(&pattern, &text), oracle(&chars(&pattern), &chars(&text)));
    }

    #[test]
    fn never_panics(pattern in any::<String>(), text in any::<String>()) {
        let _ = matches(&pattern, &text);
        let _ = ArnPattern::condition(&pattern, true).map(|pattern| pattern.resolved(Context::EMPTY));
    }

    #[test]
    fn a_substituted_value_is_literal(value in "[ab*?$]{0,6}", text in "[ab*?$]{0,6}") {
        let context: Context = [("k", value.as_str())].into_iter().collect();
        prop_assert_eq!(Pattern::compile("${k}", ALL).matches(&text, &context), value == text);
    }
}
