use super::*;

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
