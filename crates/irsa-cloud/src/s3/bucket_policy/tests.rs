use super::*;

/// S3 user guide, "The meaning of \"public\"".
#[test]
fn public_is_what_everyone_may_without_a_fixed_condition() {
    let check = |statement: &str, expected: bool| {
        let text = format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#);
        assert_eq!(is_public(&text), expected, "{statement}");
    };
    let one = |principal: &str, condition: &str| {
        format!(
            r#"[{{"Effect":"Allow","Principal":{principal},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"{condition}}}]"#
        )
    };
    check(&one(r#""*""#, ""), true);
    check(&one(r#"{"AWS":"*"}"#, ""), true);
    check(&one(r#"{"AWS":["arn:aws:iam::111122223333:root","*"]}"#, ""), true);
    check(&one(r#"{"AWS":"arn:aws:iam::111122223333:root"}"#, ""), false);
    check(&one(r#""*""#, r#","Condition":{"StringEquals":{"aws:SourceVpc":"vpc-91237329"}}"#), false);
    check(&one(r#""*""#, r#","Condition":{"StringLike":{"aws:SourceVpc":"vpc-*"}}"#), true);
    check(&one(r#""*""#, r#","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#), false);
    check(&one(r#""*""#, r#","Condition":{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}"#), true);
    check(&one(r#""*""#, r#","Condition":{"StringNotEquals":{"aws:SourceVpc":"vpc-1"}}"#), true);
    check(&one(r#""*""#, r#","Condition":{"Bool":{"aws:SecureTransport":"true"}}"#), true);
    check(r#"{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::b/*"}"#, false);
}

#[test]
fn a_policy_is_about_its_bucket() {
    let code = |action: &str, resource: &str| {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":"*","Action":"{action}","Resource":"{resource}"}}]}}"#
        );
        check(&text, "photos").map(|_| ()).map_err(|failure| failure.body.message.to_string())
    };
    for resource in ["arn:aws:s3:::photos", "arn:aws:s3:::photos/*", "arn:aws:s3:::photos*"] {
        assert_eq!(code("s3:GetObject", resource), Ok(()), "{resource}");
    }
    for resource in ["arn:aws:s3:::photos2/*", "arn:aws:s3:::other/*", "arn:aws:s3:::*"] {
        assert_eq!(
            code("s3:GetObject", resource),
            Err("Policy has invalid resource".to_owned()),
            "{resource}"
        );
    }
    assert_eq!(
        code("ec2:RunInstances", "arn:aws:s3:::photos/*"),
        Err("Policy has invalid action".to_owned())
    );
    assert!(check("nonsense", "photos").is_err());
}
