//! What is measured, and what must not allocate: the policies and requests of an IRSA installation at work.

use irsa_policy::{Attached, Context, Decision, Layers, Policy, PolicyType, Principal, Request, evaluate};

const SUBJECT: &str = "oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B716D3041E:sub";
const AUDIENCE: &str = "oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B716D3041E:aud";
const PROVIDER: &str = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B716D3041E";

/// Two statements of an application's policy.
pub(crate) const TWO_STATEMENTS: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    { "Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetBucketLocation"], "Resource": "arn:aws:s3:::shop-data" },
    { "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::shop-data/*" }
  ]
}"#;

/// Who asks what, beside which policies.
pub(crate) struct Scene {
    pub(crate) principal: Principal,
    pub(crate) action: &'static str,
    pub(crate) resource: &'static str,
    pub(crate) owner: Option<&'static str>,
    pub(crate) context: Context,
    pub(crate) identity: Vec<Policy>,
    pub(crate) boundary: Option<Policy>,
    pub(crate) session: Option<Policy>,
    pub(crate) resource_policy: Option<Policy>,
    pub(crate) is_trust: bool,
    pub(crate) scp: Option<Policy>,
    pub(crate) rcp: Option<Policy>,
}

impl Scene {
    /// Decides as often as `times`; the policies are attached once.
    pub(crate) fn decide(&self, mut times: u64) -> Decision {
        let attach = |policy| Attached { name: "bench", policy };
        let identity: Vec<Attached<'_>> = self.identity.iter().map(attach).collect();
        let session = self.session.as_ref().map(|policy| [attach(policy)]);
        let (scp, rcp) = (
            self.scp.as_ref().map(|policy| [attach(policy)]),
            self.rcp.as_ref().map(|policy| [attach(policy)]),
        );
        let scp: Vec<&[Attached<'_>]> = scp.iter().map(|level| level.as_slice()).collect();
        let rcp: Vec<&[Attached<'_>]> = rcp.iter().map(|level| level.as_slice()).collect();
        let layers = Layers {
            identity: &identity,
            boundary: self.boundary.as_ref().map(attach),
            session: session.as_ref().map(<[_; 1]>::as_slice),
            resource: self.resource_policy.as_ref().map(attach),
            resource_is_trust: self.is_trust,
            scp: &scp,
            rcp: &rcp,
            ..Layers::default()
        };
        let request = Request {
            principal: &self.principal,
            action: self.action,
            resource: self.resource,
            resource_account: self.owner,
            context: &self.context,
        };
        let mut decision = evaluate(&request, &layers);
        while times > 1 {
            decision = evaluate(std::hint::black_box(&request), std::hint::black_box(&layers));
            times -= 1;
        }
        decision
    }
}

fn policy(text: &str, kind: PolicyType) -> Policy {
    match Policy::parse(text, kind) {
        Ok(policy) => policy,
        Err(error) => unreachable!("a scene's policy is sound: {error}: {}", error.reason()),
    }
}

fn session() -> Principal {
    Principal::RoleSession {
        account: "111122223333".into(),
        role_arn: "arn:aws:iam::111122223333:role/shop-api".into(),
        role_id: "AROAEXAMPLEEXAMPLE123".into(),
        session_arn: "arn:aws:sts::111122223333:assumed-role/shop-api/botocore-session-1795304350".into(),
    }
}

/// What a session of our STS carries into a call of S3.
fn session_context() -> Context {
    [
        (SUBJECT, "system:serviceaccount:shop:api"),
        (AUDIENCE, "sts.amazonaws.com"),
        ("aws:FederatedProvider", PROVIDER),
        ("aws:PrincipalArn", "arn:aws:iam::111122223333:role/shop-api"),
        ("aws:PrincipalAccount", "111122223333"),
        ("aws:PrincipalType", "AssumedRole"),
        ("aws:userid", "AROAEXAMPLEEXAMPLE123:botocore-session-1795304350"),
        ("aws:TokenIssueTime", "2026-11-26T00:00:00Z"),
        ("aws:SourceIp", "10.1.2.3"),
        ("aws:SecureTransport", "true"),
        ("aws:UserAgent", "Boto3/1.43"),
        ("aws:RequestedRegion", "eu-west-1"),
        ("aws:CurrentTime", "2026-11-26T00:10:00Z"),
        ("aws:EpochTime", "1795651800"),
        ("aws:ResourceAccount", "111122223333"),
        ("s3:authType", "REST-HEADER"),
    ]
    .into_iter()
    .collect()
}

fn get_object(identity: Vec<Policy>) -> Scene {
    Scene {
        principal: session(),
        action: "s3:GetObject",
        resource: "arn:aws:s3:::shop-data/orders/2026/11/26/0001.json",
        owner: Some("111122223333"),
        context: session_context(),
        identity,
        boundary: None,
        session: None,
        resource_policy: None,
        is_trust: false,
        scp: None,
        rcp: None,
    }
}

/// A session reads an object by an identity policy of two statements.
pub(crate) fn two_statements() -> Scene {
    get_object(vec![policy(TWO_STATEMENTS, PolicyType::Identity)])
}

/// A pod's token against a trust policy with subject and audience.
pub(crate) fn trust() -> Scene {
    let text = format!(
        r#"{{ "Version": "2012-10-17", "Statement": [ {{ "Effect": "Allow", "Principal": {{ "Federated": "{PROVIDER}" }},
           "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {{ "StringEquals": {{
             "{SUBJECT}": "system:serviceaccount:shop:api", "{AUDIENCE}": "sts.amazonaws.com" }} }} }} ] }}"#
    );
    let mut context = Context::new();
    context
        .set(SUBJECT, "system:serviceaccount:shop:api")
        .set_all(AUDIENCE, ["sts.amazonaws.com"])
        .set("aws:SourceIp", "10.1.2.3")
        .set("aws:SecureTransport", "true")
        .set("sts:RoleSessionName", "botocore-session-1795304350");
    Scene {
        principal: Principal::WebIdentity { provider_arn: PROVIDER.into() },
        action: "sts:AssumeRoleWithWebIdentity",
        resource: "arn:aws:iam::111122223333:role/shop-api",
        owner: Some("111122223333"),
        context,
        identity: Vec::new(),
        boundary: None,
        session: None,
        resource_policy: Some(policy(&text, PolicyType::Trust)),
        is_trust: true,
        scp: None,
        rcp: None,
    }
}

/// Service and resource control policies, an identity policy of ten statements, boundary, session policy and bucket policy.
pub(crate) fn full_stack() -> Scene {
    let services = ["sqs", "sns", "dynamodb", "kms", "logs", "ecr", "ssm", "secretsmanager"];
    let mut statements: Vec<String> = services
        .iter()
        .map(|service| {
            format!(r#"{{ "Effect": "Allow", "Action": ["{service}:Get*", "{service}:List*"], "Resource": "arn:aws:{service}:*:111122223333:*" }}"#)
        })
        .collect();
    statements.push(r#"{ "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::shop-data/orders/*", "Condition": { "IpAddress": { "aws:SourceIp": "10.0.0.0/8" } } }"#.into());
    statements.push(r#"{ "Effect": "Deny", "Action": "*", "Resource": "*", "Condition": { "DateLessThan": { "aws:TokenIssueTime": "2026-01-01T00:00:00Z" } } }"#.into());
    let identity = format!(r#"{{ "Version": "2012-10-17", "Statement": [{}] }}"#, statements.join(","));
    let boundary = r#"{ "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Action": ["s3:*", "sqs:*", "kms:Decrypt"], "Resource": "*" } }"#;
    let passed = r#"{ "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::shop-data/orders/*" } }"#;
    let bucket = r#"{ "Version": "2012-10-17", "Statement": { "Effect": "Deny", "Principal": "*", "Action": "s3:*",
        "Resource": ["arn:aws:s3:::shop-data", "arn:aws:s3:::shop-data/*"], "Condition": { "Bool": { "aws:SecureTransport": "false" } } } }"#;
    let scp = r#"{ "Version": "2012-10-17", "Statement": [ { "Effect": "Allow", "Action": "*", "Resource": "*" },
        { "Effect": "Deny", "NotAction": ["iam:*", "sts:*", "s3:*"], "Resource": "*", "Condition": { "StringNotEquals": { "aws:RequestedRegion": ["eu-west-1", "eu-central-1"] } } } ] }"#;
    let rcp = r#"{ "Version": "2012-10-17", "Statement": [ { "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*" }, { "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*",
        "Condition": { "StringNotEqualsIfExists": { "aws:PrincipalAccount": "111122223333" }, "BoolIfExists": { "aws:PrincipalIsAWSService": "false" } } } ] }"#;
    Scene {
        boundary: Some(policy(boundary, PolicyType::Boundary)),
        session: Some(policy(passed, PolicyType::Session)),
        resource_policy: Some(policy(bucket, PolicyType::Resource)),
        scp: Some(policy(scp, PolicyType::ServiceControl)),
        rcp: Some(policy(rcp, PolicyType::ResourceControl)),
        ..get_object(vec![policy(&identity, PolicyType::Identity)])
    }
}

/// `policies` with `count` statements of one exact action each, the last of which allows.
pub(crate) fn attached(policies: usize, count: usize) -> Scene {
    let last = policies * count - 1;
    let statement = |number: usize| {
        let action = if number == last { "GetObject".to_owned() } else { format!("Action{number}") };
        format!(r#"{{ "Effect": "Allow", "Action": "s3:{action}", "Resource": "arn:aws:s3:::shop-data/*" }}"#)
    };
    let document = |policy: usize| {
        let statements: Vec<String> = (policy * count..(policy + 1) * count).map(statement).collect();
        format!(r#"{{ "Version": "2012-10-17", "Statement": [{}] }}"#, statements.join(","))
    };
    get_object((0..policies).map(|number| policy(&document(number), PolicyType::Identity)).collect())
}

/// A pattern that makes naive matchers exponential, against a key of `length` letters that almost matches.
pub(crate) fn adversarial_glob(length: usize) -> Scene {
    let text = r#"{ "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*a*a*a*a*a*a*a*a*b" } }"#;
    let mut scene = get_object(vec![policy(text, PolicyType::Identity)]);
    scene.resource = match length {
        64 => concat!("arn:aws:s3:::b/", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        _ => Box::leak(format!("arn:aws:s3:::b/{}", "a".repeat(length)).into_boxed_str()),
    };
    scene
}
