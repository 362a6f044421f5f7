//! That the generated code reads what SDKs send, refuses in AWS's words, and writes what SDKs read.

use super::{eks, iam, sts};
use irsa_wire::query::{Decode, Params};
use irsa_wire::rest_json::{DecodeRest, Request, RestError, find};
use irsa_wire::xml::{Format, response};
use serde_json::json;

fn decode<T: Decode>(body: &str) -> Result<T, String> {
    T::decode(&Params::parse(body).unwrap()).map_err(|error| error.to_string())
}

fn refused<T: Decode + std::fmt::Debug>(body: &str, expected: &str) {
    assert_eq!(decode::<T>(body).unwrap_err(), expected, "{body}");
}

#[test]
fn create_role_is_read_whole() {
    let input: iam::CreateRoleInput = decode(
        "Action=CreateRole&Version=2010-05-08&RoleName=app&Path=%2Fteam%2Fa%2F&AssumeRolePolicyDocument=%7B%7D\
         &Description=&MaxSessionDuration=7200&Tags.member.1.Key=k&Tags.member.1.Value=&Tags.member.2.Key=%E6%97%A5\
         &Tags.member.2.Value=v+w",
    )
    .unwrap();
    assert_eq!(
        input,
        iam::CreateRoleInput {
            path: Some("/team/a/".into()),
            role_name: "app".into(),
            assume_role_policy_document: "{}".into(),
            description: Some(String::new()),
            max_session_duration: Some(7200),
            permissions_boundary: None,
            tags: Some(vec![
                iam::Tag { key: "k".into(), value: String::new() },
                iam::Tag { key: "日".into(), value: "v w".into() },
            ]),
        }
    );
}

#[test]
fn web_identity_is_read_and_its_token_not_shown() {
    let input: sts::AssumeRoleWithWebIdentityInput = decode(
        "RoleArn=arn:aws:iam::111122223333:role/app&RoleSessionName=s1&WebIdentityToken=a.b.c&DurationSeconds=900\
         &PolicyArns.member.1.arn=arn:aws:iam::aws:policy/ReadOnlyAccess",
    )
    .unwrap();
    assert_eq!(input.duration_seconds, Some(900));
    assert_eq!(
        input.policy_arns.as_ref().unwrap()[0].arn.as_deref(),
        Some("arn:aws:iam::aws:policy/ReadOnlyAccess")
    );
    let shown = format!("{input:?}");
    assert!(shown.contains("role/app") && !shown.contains("a.b.c"), "{shown}");
}

/// The words were recorded from AWS for `AssumeRole`; the others follow the same pattern.
#[test]
fn constraints_are_refused_in_the_words_of_aws() {
    let role = "RoleArn=arn:aws:iam::111122223333:role/app";
    refused::<sts::AssumeRoleInput>(
        &format!("{role}&RoleSessionName=Session1:2"),
        "1 validation error detected: Value 'Session1:2' at 'roleSessionName' failed to satisfy constraint: \
         Member must satisfy regular expression pattern: [\\w+=,.@-]*",
    );
    refused::<sts::AssumeRoleInput>(
        &format!("RoleSessionName={}&DurationSeconds=43201", "s".repeat(65)),
        &format!(
            "3 validation errors detected: Value null at 'roleArn' failed to satisfy constraint: Member must not be null; \
             Value '{}' at 'roleSessionName' failed to satisfy constraint: Member must have length less than or equal to 64; \
             Value '43201' at 'durationSeconds' failed to satisfy constraint: Member must have value less than or equal to 43200",
            "s".repeat(65)
        ),
    );
    refused::<sts::AssumeRoleWithWebIdentityInput>(
        &format!("{role}&RoleSessionName=ab&WebIdentityToken=abc"),
        "1 validation error detected: Value at 'webIdentityToken' failed to satisfy constraint: \
         Member must have length greater than or equal to 4",
    );
    refused::<iam::TagRoleInput>(
        "RoleName=r&Tags.member.1.Value=v&Tags.member.2.Key=%2A&Tags.member.2.Value=v",
        "2 validation errors detected: Value null at 'tags.1.member.key' failed to satisfy constraint: Member must not be null; \
         Value '*' at 'tags.2.member.key' failed to satisfy constraint: Member must satisfy regular expression pattern: \
         [\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+",
    );
    refused::<iam::UpdateAccessKeyInput>(
        "AccessKeyId=AKIAIOSFODNN7EXAMPLE&Status=On",
        "1 validation error detected: Value 'On' at 'status' failed to satisfy constraint: \
         Member must satisfy enum value set: [Active, Inactive, Expired]",
    );
    refused::<iam::CreateOpenIDConnectProviderInput>(
        "Url=https://a.example&ThumbprintList.member.1=ab",
        "1 validation error detected: Value '[ab]' at 'thumbprintList' failed to satisfy constraint: Member must satisfy \
         constraint: [Member must have length less than or equal to 40, Member must have length greater than or equal to 40]",
    );
}

/// One case on either side of every pattern that is more than one class.
#[test]
fn patterns_match_whole_values() {
    let path = |text: &str| decode::<iam::ListRolesInput>(&format!("PathPrefix={text}")).is_ok();
    let role_path = |text: &str| {
        decode::<iam::CreateRoleInput>(&format!("RoleName=r&AssumeRolePolicyDocument=x&Path={text}")).is_ok()
    };
    let policy_path = |text: &str| {
        decode::<iam::CreatePolicyInput>(&format!("PolicyName=r&PolicyDocument=x&Path={text}")).is_ok()
    };
    let version = |text: &str| {
        decode::<iam::GetPolicyVersionInput>(&format!("PolicyArn=arn:aws:iam::aws:policy/X&VersionId={text}"))
            .is_ok()
    };
    let check = |accepts: &dyn Fn(&str) -> bool, good: &[&str], bad: &[&str]| {
        assert!(good.iter().all(|text| accepts(text)), "{good:?}");
        assert!(!bad.iter().any(|text| accepts(text)), "{bad:?}");
    };
    check(&path, &["/", "/a", "/a/b/"], &["", "a", "/a b", "/é"]);
    check(&role_path, &["/", "/a/", "/a/b/", "///"], &["", "//", "/a", "a/", "/a b/"]);
    check(&policy_path, &["/", "/a/", "/a/b.c%2B/"], &["", "//", "/a", "/a!/"]);
    check(&version, &["v1", "v10", "v2.", "v2.a-9"], &["", "v", "v0", "v1.a.b", "1", "v1_"]);
}

#[test]
fn answers_are_written_for_sdks() {
    let output = sts::AssumeRoleOutput {
        credentials: Some(sts::Credentials {
            access_key_id: "ASIA".into(),
            secret_access_key: "s<".into(),
            session_token: "t".into(),
            expiration: 1_795_633_200,
        }),
        ..Default::default()
    };
    let body = response(Format::Xml, "AssumeRole", sts::XMLNS, "rid", &output);
    assert_eq!(
        String::from_utf8(body).unwrap(),
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
         <AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>s&lt;</SecretAccessKey><SessionToken>t</SessionToken>\
         <Expiration>2026-11-25T19:00:00Z</Expiration></Credentials></AssumeRoleResult>\
         <ResponseMetadata><RequestId>rid</RequestId></ResponseMetadata></AssumeRoleResponse>"
    );
    assert!(!format!("{output:?}").contains("s<"), "the secret stays out of Debug");

    let body = response(Format::Xml, "DeleteRole", iam::XMLNS, "rid", &iam::DeleteRoleOutput);
    assert_eq!(
        String::from_utf8(body).unwrap(),
        "<DeleteRoleResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">\
         <ResponseMetadata><RequestId>rid</RequestId></ResponseMetadata></DeleteRoleResponse>"
    );

    let output = iam::GetAccountSummaryOutput { summary_map: Some([("Roles".to_owned(), 3)].into()) };
    let body = response(Format::Json, "GetAccountSummary", iam::XMLNS, "rid", &output);
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        body.pointer("/GetAccountSummaryResponse/GetAccountSummaryResult"),
        Some(&json!({"SummaryMap": {"Roles": 3}}))
    );
}

fn rest<T: DecodeRest>(method: &str, target: &str, body: &str) -> Result<T, RestError> {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let (binding, labels) = find(eks::BINDINGS, method, path).unwrap();
    assert_eq!(*binding, T::BINDING, "{method} {target}");
    T::decode(&Request::new(labels, query, body.as_bytes())?)
}

#[test]
fn eks_inputs_join_path_query_and_body() {
    let body = r#"{"name":"c1","roleArn":"arn","resourcesVpcConfig":{"subnetIds":["s"],"securityGroupIds":null},
        "kubernetesNetworkConfig":{"serviceIpv4Cidr":"10.0.0.0/16"},"tags":{"a":"b"},"unknown":1}"#;
    let input: eks::CreateClusterInput = rest("POST", "/clusters", body).unwrap();
    assert_eq!(input.name, "c1");
    assert_eq!(input.resources_vpc_config.subnet_ids, Some(vec!["s".to_owned()]));
    assert_eq!(input.kubernetes_network_config.unwrap().service_ipv4_cidr.as_deref(), Some("10.0.0.0/16"));
    assert_eq!(input.tags.unwrap()["a"], "b");

    let arn = "arn%3Aaws%3Aeks%3Aus-east-1%3A111122223333%3Acluster%2Fc1";
    let input: eks::UntagResourceInput =
        rest("DELETE", &format!("/tags/{arn}?tagKeys=a&tagKeys=b"), "").unwrap();
    assert_eq!(input.resource_arn, "arn:aws:eks:us-east-1:111122223333:cluster/c1");
    assert_eq!(input.tag_keys, ["a", "b"]);
    let input: eks::UpdateClusterConfigInput =
        rest("POST", "/clusters/c1/update-config", r#"{"deletionProtection":true}"#).unwrap();
    assert_eq!((input.name.as_str(), input.deletion_protection), ("c1", Some(true)));
}

#[test]
fn eks_refuses_what_the_model_refuses() {
    let error =
        rest::<eks::CreateClusterInput>("POST", "/clusters", r#"{"name":"-","roleArn":null}"#).unwrap_err();
    assert_eq!(
        error.to_string(),
        "3 validation errors detected: Value '-' at 'name' failed to satisfy constraint: Member must satisfy regular \
         expression pattern: ^[0-9A-Za-z][A-Za-z0-9\\-_]*; Value null at 'roleArn' failed to satisfy constraint: Member \
         must not be null; Value null at 'resourcesVpcConfig' failed to satisfy constraint: Member must not be null"
    );
    let error = rest::<eks::ListClustersInput>("GET", "/clusters?maxResults=101", "").unwrap_err();
    assert!(error.to_string().ends_with("Member must have value less than or equal to 100"), "{error}");
    let body = r#"{"name":"c1","roleArn":"arn","resourcesVpcConfig":{"subnetIds":"not a list"}}"#;
    let error = rest::<eks::CreateClusterInput>("POST", "/clusters", body).unwrap_err();
    assert!(matches!(error, RestError::Serialization(_)), "{error}");
}

#[test]
fn eks_outputs_are_camel_case_without_what_is_absent() {
    let output = eks::DescribeClusterOutput {
        cluster: Some(eks::Cluster {
            name: Some("c1".into()),
            created_at: Some(1_795_633_200),
            identity: Some(eks::Identity { oidc: Some(eks::OIDC { issuer: Some("https://i".into()) }) }),
            ..Default::default()
        }),
    };
    assert_eq!(
        serde_json::to_value(&output).unwrap(),
        json!({"cluster": {"name": "c1", "createdAt": 1_795_633_200, "identity": {"oidc": {"issuer": "https://i"}}}})
    );
}

#[test]
fn tables_name_codes_and_signatures() {
    let unsigned: Vec<_> = sts::OPERATIONS
        .iter()
        .filter(|operation| !operation.is_signed)
        .map(|operation| operation.name)
        .collect();
    assert_eq!(unsigned, ["AssumeRoleWithWebIdentity"]);
    let status = |code: &str| iam::ERRORS.iter().find(|error| error.code == code).map(|error| error.status);
    assert_eq!(status("NoSuchEntity"), Some(404));
    assert_eq!(status("ServiceFailure"), Some(500));
    assert_eq!(iam::OPERATIONS.len(), 79);
    assert_eq!(eks::BINDINGS.len(), 12);
}
