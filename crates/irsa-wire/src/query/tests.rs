use super::*;
use proptest::prelude::*;

#[test]
fn parameters_lists_and_maps() {
    let params = Params::parse(
        "Action=TagRole&RoleName=a%2Bb+c&Tags.member.2.Key=k2&Tags.member.10.Key=k10&Tags.member.1.Key=k1\
         &Tags.member.1.Value=v%C3%A9&TagsX=1&Tags-=2&Flat.1=x&Flat.2=y&Empty=&M.entry.1.key=a&M.entry.1.value=b",
    )
    .unwrap();
    assert_eq!(params.get("RoleName"), Some("a+b c"));
    let keys: Vec<_> = params.list("Tags").unwrap().iter().map(|tag| tag.get("Key").unwrap()).collect();
    assert_eq!(keys, ["k1", "k2", "k10"]);
    assert_eq!(params.list("Tags").unwrap()[0].get("Value"), Some("vé"));
    let flat: Vec<_> = params.list("Flat").unwrap().iter().map(|item| item.value().unwrap()).collect();
    assert_eq!(flat, ["x", "y"]);
    assert!(params.list("Empty").unwrap().is_empty());
    assert!(params.list("Absent").is_none());
    assert_eq!(params.map("M").unwrap(), [("a", "b")]);
}

#[test]
fn malformed_input_is_refused() {
    let check =
        |text: &str, expected: QueryError| assert_eq!(Params::parse(text).unwrap_err(), expected, "{text}");
    check("a=%2", QueryError::PercentEncoding);
    check("a=%zz", QueryError::PercentEncoding);
    check("a=%ff", QueryError::NotUtf8);
    check("a=1&b=2&a=3", QueryError::Duplicate("a".into()));
    check(&"a&".repeat(MAX_PARAMS + 1), QueryError::TooManyParameters);
    check(&"a".repeat(MAX_BYTES + 1), QueryError::TooLong);
}

#[test]
fn one_element_has_one_name() {
    let params =
        Params::parse("L.member.1=a&L.member.01=b&L.member.%2B1=c&L.member.0=d&L.member.x=e").unwrap();
    let values: Vec<_> = params.list("L").unwrap().iter().map(|item| item.value()).collect();
    assert_eq!(values, [Some("a")]);
}

#[test]
fn violations_use_the_words_of_aws() {
    fn word(text: &str) -> bool {
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte))
    }
    const SESSION: Text = Text {
        min: Some(2),
        max: Some(64),
        pattern: Some(Pattern { source: r"[\w+=,.@-]*", matches: word }),
        values: &[],
        sensitive: false,
    };
    let mut checks = Validator::new();
    checks.text("roleSessionName", Some("Session1:2"), &SESSION);
    assert_eq!(
        checks.finish(()).unwrap_err().to_string(),
        "1 validation error detected: Value 'Session1:2' at 'roleSessionName' failed to satisfy constraint: \
         Member must satisfy regular expression pattern: [\\w+=,.@-]*"
    );

    let mut checks = Validator::new();
    checks.missing::<String>("roleArn");
    checks.text("webIdentityToken", Some("abc"), &Text { min: Some(4), sensitive: true, ..Text::ANY });
    checks.integer("durationSeconds", Some("50000"), Some(900), Some(43200));
    checks.element("tags", 1, |checks| checks.text("key", Some(""), &Text { min: Some(1), ..Text::ANY }));
    checks.texts("thumbprintList", &["ab".to_owned()], &Text { min: Some(40), max: Some(40), ..Text::ANY });
    assert_eq!(
        checks.finish(()).unwrap_err().to_string(),
        "5 validation errors detected: Value null at 'roleArn' failed to satisfy constraint: Member must not be null; \
         Value at 'webIdentityToken' failed to satisfy constraint: Member must have length greater than or equal to 4; \
         Value '50000' at 'durationSeconds' failed to satisfy constraint: Member must have value less than or equal to 43200; \
         Value '' at 'tags.1.member.key' failed to satisfy constraint: Member must have length greater than or equal to 1; \
         Value '[ab]' at 'thumbprintList' failed to satisfy constraint: Member must satisfy constraint: \
         [Member must have length less than or equal to 40, Member must have length greater than or equal to 40]"
    );
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(params) = Params::parse(&bytes) {
            for (name, _) in params.iter() {
                params.list(name);
                params.map(name.split('.').next().unwrap());
            }
        }
    }

    #[test]
    fn every_parameter_is_found(pairs in proptest::collection::btree_map("[A-C.0-3\\-]{1,6}", "\\PC{0,6}", 0..20)) {
        let encode = |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let body: Vec<_> = pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        let params = Params::parse(body.join("&")).unwrap();
        for (name, value) in &pairs {
            prop_assert_eq!(params.get(name), Some(value.as_str()));
            if let Some((parent, child)) = name.split_once('.') {
                prop_assert_eq!(params.root().child(parent).unwrap().get(child), Some(value.as_str()));
            }
        }
    }
}
