//! Nobody gets anything that no policy allows: every operation of every table, asked by a user without a policy, over the
//! whole way of a signed request.
//!
//! An operation that a table has and this file has no sample for fails the test: adding an operation means adding its
//! sample, which must reach the policies (a sample that breaks a constraint is answered with a validation error, and fails
//! too).
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failing test may panic")]

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use irsa_cloud::accounts::{create_account, ensure_sealing_key};
use irsa_cloud::context::{Context, Hosting};
use irsa_cloud::credentials::KeyRing;
use irsa_cloud::decisions::DecisionLog;
use irsa_cloud::issuers::{IssuerSettings, Issuers};
use irsa_cloud::metrics::Metrics;
use irsa_cloud::server::{Peer, Server};
use irsa_cloud::uses::Uses;
use irsa_cloud::{eks, iam, s3, sts};
use irsa_store::model::SecretString;
use irsa_store::{Embedded, Revision, Store};
use irsa_wire::sigv4::{Credentials, sign};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

const ACCOUNT: &str = "111122223333";
const NOW: i64 = 1_800_000_000;

/// AWS asks no policy about these (STS API reference: "No permissions are required to perform this operation").
const FREE: &[&str] = &["GetCallerIdentity", "GetSessionToken"];
/// Needs no signature: the token and the role's trust policy decide.
const UNSIGNED: &[&str] = &["AssumeRoleWithWebIdentity"];

const DOCUMENT: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

const ROLE_ARN: &str = "arn:aws:iam::111122223333:role/r";
const ROLE: (&str, &str) = ("RoleName", "r");
const USER: (&str, &str) = ("UserName", "u");
const POLICY: (&str, &str) = ("PolicyArn", "arn:aws:iam::111122223333:policy/p");
const ATTACHED: (&str, &str) = ("PolicyArn", "arn:aws:iam::aws:policy/ReadOnlyAccess");
const BOUNDARY: (&str, &str) = ("PermissionsBoundary", "arn:aws:iam::aws:policy/ReadOnlyAccess");
const INLINE: (&str, &str) = ("PolicyName", "inline");
const TEXT: (&str, &str) = ("PolicyDocument", DOCUMENT);
const VERSION: (&str, &str) = ("VersionId", "v2");
const PROVIDER: (&str, &str) =
    ("OpenIDConnectProviderArn", "arn:aws:iam::111122223333:oidc-provider/oidc.example.com");
const CLIENT: (&str, &str) = ("ClientID", "sts.amazonaws.com");
const THUMBPRINT: (&str, &str) = ("ThumbprintList.member.1", "9e99a48a9960b14926bb7f3b02e22da2b0ab7280");
const KEY: (&str, &str) = ("AccessKeyId", "ASIAY34FZKBOKMUTVV7A");
const TAG: [(&str, &str); 2] = [("Tags.member.1.Key", "k"), ("Tags.member.1.Value", "v")];
const SIMULATED: (&str, &str) = ("PolicyInputList.member.1", DOCUMENT);
const SOURCE: (&str, &str) = ("PolicySourceArn", ROLE_ARN);
const ACTION: (&str, &str) = ("ActionNames.member.1", "s3:GetObject");
const UNTAG: (&str, &str) = ("TagKeys.member.1", "k");

type Params = &'static [(&'static str, &'static str)];

const STS: &[(&str, Params)] = &[
    ("AssumeRole", &[("RoleArn", ROLE_ARN), ("RoleSessionName", "session")]),
    ("AssumeRoleWithWebIdentity", &[]),
    ("GetAccessKeyInfo", &[KEY]),
    ("GetCallerIdentity", &[]),
    ("GetSessionToken", &[]),
];

const IAM: &[(&str, Params)] = &[
    ("AddClientIDToOpenIDConnectProvider", &[PROVIDER, CLIENT]),
    ("AttachRolePolicy", &[ROLE, ATTACHED]),
    ("AttachUserPolicy", &[USER, ATTACHED]),
    ("CreateAccessKey", &[USER]),
    ("CreateOpenIDConnectProvider", &[("Url", "https://new.example.com")]),
    ("CreatePolicy", &[("PolicyName", "new"), TEXT]),
    ("CreatePolicyVersion", &[POLICY, TEXT]),
    ("CreateRole", &[("RoleName", "new"), ("AssumeRolePolicyDocument", TRUST)]),
    ("CreateUser", &[("UserName", "new")]),
    ("DeleteAccessKey", &[USER, KEY]),
    ("DeleteLoginProfile", &[USER]),
    ("DeleteOpenIDConnectProvider", &[PROVIDER]),
    ("DeletePolicy", &[POLICY]),
    ("DeletePolicyVersion", &[POLICY, VERSION]),
    ("DeleteRole", &[ROLE]),
    ("DeleteRolePermissionsBoundary", &[ROLE]),
    ("DeleteRolePolicy", &[ROLE, INLINE]),
    ("DeleteUser", &[USER]),
    ("DeleteUserPermissionsBoundary", &[USER]),
    ("DeleteUserPolicy", &[USER, INLINE]),
    ("DetachRolePolicy", &[ROLE, ATTACHED]),
    ("DetachUserPolicy", &[USER, ATTACHED]),
    ("GetAccessKeyLastUsed", &[KEY]),
    ("GetAccountSummary", &[]),
    ("GetContextKeysForCustomPolicy", &[SIMULATED]),
    ("GetContextKeysForPrincipalPolicy", &[SOURCE]),
    ("GetLoginProfile", &[USER]),
    ("GetOpenIDConnectProvider", &[PROVIDER]),
    ("GetPolicy", &[POLICY]),
    ("GetPolicyVersion", &[POLICY, VERSION]),
    ("GetRole", &[ROLE]),
    ("GetRolePolicy", &[ROLE, INLINE]),
    ("GetUser", &[]),
    ("GetUserPolicy", &[USER, INLINE]),
    ("ListAccessKeys", &[]),
    ("ListAccountAliases", &[]),
    ("ListAttachedRolePolicies", &[ROLE]),
    ("ListAttachedUserPolicies", &[USER]),
    ("ListEntitiesForPolicy", &[POLICY]),
    ("ListGroupsForUser", &[USER]),
    ("ListInstanceProfilesForRole", &[ROLE]),
    ("ListMFADevices", &[]),
    ("ListOpenIDConnectProviderTags", &[PROVIDER]),
    ("ListOpenIDConnectProviders", &[]),
    ("ListPolicies", &[]),
    ("ListPolicyTags", &[POLICY]),
    ("ListPolicyVersions", &[POLICY]),
    ("ListRolePolicies", &[ROLE]),
    ("ListRoleTags", &[ROLE]),
    ("ListRoles", &[]),
    ("ListSSHPublicKeys", &[]),
    ("ListServiceSpecificCredentials", &[]),
    ("ListSigningCertificates", &[]),
    ("ListUserPolicies", &[USER]),
    ("ListUserTags", &[USER]),
    ("ListUsers", &[]),
    ("ListVirtualMFADevices", &[]),
    ("PutRolePermissionsBoundary", &[ROLE, BOUNDARY]),
    ("PutRolePolicy", &[ROLE, INLINE, TEXT]),
    ("PutUserPermissionsBoundary", &[USER, BOUNDARY]),
    ("PutUserPolicy", &[USER, INLINE, TEXT]),
    ("RemoveClientIDFromOpenIDConnectProvider", &[PROVIDER, CLIENT]),
    ("SetDefaultPolicyVersion", &[POLICY, VERSION]),
    ("SimulateCustomPolicy", &[SIMULATED, ACTION]),
    ("SimulatePrincipalPolicy", &[SOURCE, ACTION]),
    ("TagOpenIDConnectProvider", &[PROVIDER, TAG[0], TAG[1]]),
    ("TagPolicy", &[POLICY, TAG[0], TAG[1]]),
    ("TagRole", &[ROLE, TAG[0], TAG[1]]),
    ("TagUser", &[USER, TAG[0], TAG[1]]),
    ("UntagOpenIDConnectProvider", &[PROVIDER, UNTAG]),
    ("UntagPolicy", &[POLICY, UNTAG]),
    ("UntagRole", &[ROLE, UNTAG]),
    ("UntagUser", &[USER, UNTAG]),
    ("UpdateAccessKey", &[USER, KEY, ("Status", "Inactive")]),
    ("UpdateAssumeRolePolicy", &[ROLE, ("PolicyDocument", TRUST)]),
    ("UpdateOpenIDConnectProviderThumbprint", &[PROVIDER, THUMBPRINT]),
    ("UpdateRole", &[ROLE]),
    ("UpdateRoleDescription", &[ROLE, ("Description", "d")]),
    ("UpdateUser", &[USER, ("NewUserName", "new")]),
];

/// Operation, method, path with query, body.
const EKS: &[(&str, &str, &str, &str)] = &[
    (
        "CreateCluster",
        "POST",
        "/clusters",
        r#"{"name":"new","roleArn":"arn:aws:iam::111122223333:role/r","resourcesVpcConfig":{}}"#,
    ),
    ("DeleteCluster", "DELETE", "/clusters/c", ""),
    ("DeregisterCluster", "DELETE", "/cluster-registrations/r", ""),
    ("DescribeCluster", "GET", "/clusters/c", ""),
    ("DescribeClusterVersions", "GET", "/cluster-versions", ""),
    ("DescribeUpdate", "GET", "/clusters/c/updates/8f8a1b5e-3f4b-4c2e-9d0a-2f1f5a6b7c8d", ""),
    ("ListClusters", "GET", "/clusters", ""),
    ("ListTagsForResource", "GET", TAGS, ""),
    ("ListUpdates", "GET", "/clusters/c/updates", ""),
    ("TagResource", "POST", TAGS, r#"{"tags":{"k":"v"}}"#),
    (
        "UntagResource",
        "DELETE",
        "/tags/arn%3Aaws%3Aeks%3Aeu-central-1%3A111122223333%3Acluster%2Fc?tagKeys=k",
        "",
    ),
    (
        "RegisterCluster",
        "POST",
        "/cluster-registrations",
        r#"{"name":"r","identity":{"oidc":{"issuer":"https://issuer.example"}}}"#,
    ),
    ("UpdateClusterConfig", "POST", "/clusters/c/update-config", "{}"),
    ("UpdateClusterVersion", "POST", "/clusters/c/updates", r#"{"version":"1.35"}"#),
];
const TAGS: &str = "/tags/arn%3Aaws%3Aeks%3Aeu-central-1%3A111122223333%3Acluster%2Fc";

const DELETE: &str = "<Delete><Object><Key>key</Key></Object></Delete>";
const COMPLETE: &str = "<CompleteMultipartUpload><Part><ETag>e</ETag><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>";
const TAGGING: &str = "<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>";
const ENCRYPTION: &str = "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>";
const PUBLIC_ACCESS_BLOCK: &str = "<PublicAccessBlockConfiguration><BlockPublicPolicy>true</BlockPublicPolicy></PublicAccessBlockConfiguration>";
const BUCKET_POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/*"}]}"#;
const COPY: Params = &[("x-amz-copy-source", "/bucket/key")];

/// Operation, method, path with query, headers, body.
const S3: &[(&str, &str, &str, Params, &str)] = &[
    ("AbortMultipartUpload", "DELETE", "/bucket/key?uploadId=none", &[], ""),
    ("CompleteMultipartUpload", "POST", "/bucket/key?uploadId=none", &[], COMPLETE),
    ("CopyObject", "PUT", "/bucket/copy", COPY, ""),
    ("CreateBucket", "PUT", "/new-bucket", &[], ""),
    ("CreateMultipartUpload", "POST", "/bucket/key?uploads", &[], ""),
    ("DeleteBucket", "DELETE", "/bucket", &[], ""),
    ("DeleteBucketPolicy", "DELETE", "/bucket?policy", &[], ""),
    ("DeleteBucketTagging", "DELETE", "/bucket?tagging", &[], ""),
    ("DeleteObject", "DELETE", "/bucket/key", &[], ""),
    ("DeleteObjectTagging", "DELETE", "/bucket/key?tagging", &[], ""),
    ("DeleteObjects", "POST", "/bucket?delete", &[("content-md5", "VUxjCEXWiErKatrg6+J0xA==")], DELETE),
    ("GetBucketAccelerateConfiguration", "GET", "/bucket?accelerate", &[], ""),
    ("GetBucketAcl", "GET", "/bucket?acl", &[], ""),
    ("GetBucketCors", "GET", "/bucket?cors", &[], ""),
    ("GetBucketEncryption", "GET", "/bucket?encryption", &[], ""),
    ("GetBucketLifecycleConfiguration", "GET", "/bucket?lifecycle", &[], ""),
    ("GetBucketLocation", "GET", "/bucket?location", &[], ""),
    ("GetBucketLogging", "GET", "/bucket?logging", &[], ""),
    ("GetBucketNotificationConfiguration", "GET", "/bucket?notification", &[], ""),
    ("GetBucketOwnershipControls", "GET", "/bucket?ownershipControls", &[], ""),
    ("GetBucketPolicy", "GET", "/bucket?policy", &[], ""),
    ("GetBucketPolicyStatus", "GET", "/bucket?policyStatus", &[], ""),
    ("GetBucketReplication", "GET", "/bucket?replication", &[], ""),
    ("GetBucketRequestPayment", "GET", "/bucket?requestPayment", &[], ""),
    ("GetBucketTagging", "GET", "/bucket?tagging", &[], ""),
    ("GetBucketVersioning", "GET", "/bucket?versioning", &[], ""),
    ("GetBucketWebsite", "GET", "/bucket?website", &[], ""),
    ("GetObject", "GET", "/bucket/key", &[], ""),
    ("GetObjectAcl", "GET", "/bucket/key?acl", &[], ""),
    ("GetObjectAttributes", "GET", "/bucket/key?attributes", &[("x-amz-object-attributes", "ETag")], ""),
    ("GetObjectLockConfiguration", "GET", "/bucket?object-lock", &[], ""),
    ("GetObjectTagging", "GET", "/bucket/key?tagging", &[], ""),
    ("DeleteBucketEncryption", "DELETE", "/bucket?encryption", &[], ""),
    ("DeletePublicAccessBlock", "DELETE", "/bucket?publicAccessBlock", &[], ""),
    ("GetPublicAccessBlock", "GET", "/bucket?publicAccessBlock", &[], ""),
    ("HeadBucket", "HEAD", "/bucket", &[], ""),
    ("HeadObject", "HEAD", "/bucket/key", &[], ""),
    ("ListBuckets", "GET", "/", &[], ""),
    ("ListMultipartUploads", "GET", "/bucket?uploads", &[], ""),
    ("ListObjectVersions", "GET", "/bucket?versions", &[], ""),
    ("ListObjects", "GET", "/bucket", &[], ""),
    ("ListObjectsV2", "GET", "/bucket?list-type=2", &[], ""),
    ("ListParts", "GET", "/bucket/key?uploadId=none", &[], ""),
    ("PutBucketEncryption", "PUT", "/bucket?encryption", &[], ENCRYPTION),
    ("PutBucketPolicy", "PUT", "/bucket?policy", &[], BUCKET_POLICY),
    ("PutBucketTagging", "PUT", "/bucket?tagging", &[], TAGGING),
    ("PutObject", "PUT", "/bucket/key", &[], "other"),
    ("PutObjectTagging", "PUT", "/bucket/key?tagging", &[], TAGGING),
    ("PutPublicAccessBlock", "PUT", "/bucket?publicAccessBlock", &[], PUBLIC_ACCESS_BLOCK),
    ("UploadPart", "PUT", "/bucket/key?partNumber=1&uploadId=none", &[], "part"),
    ("UploadPartCopy", "PUT", "/bucket/key?partNumber=1&uploadId=none", COPY, ""),
];

/// One request and the service that it is signed for.
struct Sample {
    service: &'static str,
    operation: &'static str,
    method: &'static str,
    path: &'static str,
    headers: Params,
    body: String,
}

fn samples() -> Vec<Sample> {
    let query = [("sts", sts::VERSION, STS), ("iam", iam::VERSION, IAM)];
    let query = query.into_iter().flat_map(|(service, version, samples)| {
        samples.iter().map(move |(operation, params)| Sample {
            service,
            operation,
            method: "POST",
            path: "/",
            headers: &[],
            body: form(operation, version, params),
        })
    });
    let rest = EKS.iter().map(|&(operation, method, path, body)| Sample {
        service: "eks",
        operation,
        method,
        path,
        headers: &[],
        body: body.to_owned(),
    });
    let s3 = S3.iter().map(|&(operation, method, path, headers, body)| Sample {
        service: "s3",
        operation,
        method,
        path,
        headers,
        body: body.to_owned(),
    });
    query.chain(rest).chain(s3).collect()
}

fn form(operation: &str, version: &str, params: &[(&str, &str)]) -> String {
    let mut form = format!("Action={operation}&Version={version}");
    for (name, value) in params {
        form += &format!("&{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC));
    }
    form
}

/// A server with one account, where everything exists that the samples name.
struct Cloud {
    server: Server,
    store: Arc<dyn Store>,
    /// Access key and secret.
    administrator: (String, String),
    /// Of a user without any policy.
    nobody: (String, String),
}

impl Cloud {
    async fn new() -> Self {
        let store: Arc<dyn Store> = Arc::new(Embedded::ephemeral().unwrap());
        ensure_sealing_key(store.as_ref(), NOW).unwrap();
        let key = create_account(store.as_ref(), ACCOUNT.parse().unwrap(), NOW).unwrap().unwrap();
        let ctx = Context {
            keys: KeyRing::new(store.snapshot().sealing_keys().map(|key| &***key)),
            store: Arc::clone(&store),
            decisions: DecisionLog::default(),
            uses: Uses::default(),
            issuers: Issuers::new(IssuerSettings::default()),
            metrics: Metrics::default(),
            clock: || NOW,
            region: "eu-central-1".to_owned(),
            operator_token: SecretString::new(""),
            hosting: Hosting {
                issuer_base: "https://issuer.example.com".to_owned(),
                endpoint_base: "https://clusters.example.com".to_owned(),
                certificate_authority: String::new(),
            },
        };
        let server = Server::new(Arc::new(ctx), s3::Front::open(None, Vec::new()).unwrap());
        let administrator = (key.access_key_id, key.secret_access_key.expose().to_owned());
        let mut cloud = Self { server, store, administrator, nobody: Default::default() };
        cloud.fill().await;
        cloud
    }

    async fn fill(&mut self) {
        for (operation, params) in [
            ("CreateRole", &[ROLE, ("AssumeRolePolicyDocument", TRUST)][..]),
            ("CreateUser", &[USER]),
            ("CreateUser", &[("UserName", "nobody")]),
            ("CreatePolicy", &[("PolicyName", "p"), TEXT]),
            ("CreatePolicyVersion", &[POLICY, TEXT]),
            ("PutRolePolicy", &[ROLE, INLINE, TEXT]),
            ("PutUserPolicy", &[USER, INLINE, TEXT]),
            ("AttachRolePolicy", &[ROLE, ATTACHED]),
            ("AttachUserPolicy", &[USER, ATTACHED]),
            (
                "CreateOpenIDConnectProvider",
                &[("Url", "https://oidc.example.com"), ("ClientIDList.member.1", CLIENT.1)],
            ),
        ] {
            self.as_administrator("iam", "/", form(operation, iam::VERSION, params)).await;
        }
        let cluster = r#"{"name":"c","roleArn":"arn:aws:iam::111122223333:role/r","resourcesVpcConfig":{}}"#;
        self.as_administrator("eks", "/clusters", cluster.to_owned()).await;
        for (path, body) in [("/bucket", ""), ("/bucket/key", "content")] {
            let sample = Sample {
                service: "s3",
                operation: "",
                method: "PUT",
                path,
                headers: &[],
                body: body.to_owned(),
            };
            let (status, answer) = self.ask(&sample, Some(&self.administrator)).await;
            assert_eq!(status, StatusCode::OK, "{answer}");
        }
        let made = form("CreateAccessKey", iam::VERSION, &[("UserName", "nobody")]);
        let made = self.as_administrator("iam", "/", made).await;
        let element = |name: &str| {
            let (_, rest) = made.split_once(&format!("<{name}>")).unwrap();
            rest.split('<').next().unwrap().to_owned()
        };
        self.nobody = (element("AccessKeyId"), element("SecretAccessKey"));
    }

    async fn as_administrator(&self, service: &'static str, path: &'static str, body: String) -> String {
        let sample = Sample { service, operation: "", method: "POST", path, headers: &[], body };
        let (status, answer) = self.ask(&sample, Some(&self.administrator)).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    }

    async fn ask(&self, sample: &Sample, key: Option<&(String, String)>) -> (StatusCode, String) {
        let mut request = Request::builder()
            .method(sample.method)
            .uri(format!("http://127.0.0.1:4566{}", sample.path))
            .header("content-length", sample.body.len());
        for (name, value) in sample.headers {
            request = request.header(*name, *value);
        }
        if matches!(sample.service, "sts" | "iam") {
            request = request.header("content-type", "application/x-www-form-urlencoded");
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let body = Bytes::from(sample.body.clone());
        if let Some((access_key_id, secret_access_key)) = key {
            let credentials = Credentials { access_key_id, secret_access_key, session_token: None };
            let region = if sample.service == "eks" { "eu-central-1" } else { "us-east-1" };
            sign(&mut parts, &body, &credentials, region, sample.service, NOW).unwrap();
        }
        let peer = Peer { address: [127, 0, 0, 1].into(), secure: false };
        let answer = self.server.handle(peer, Request::from_parts(parts, Full::new(body))).await;
        let status = answer.status();
        let Ok(body) = answer.into_body().collect().await else { panic!("the answer's body broke") };
        (status, String::from_utf8(body.to_bytes().to_vec()).unwrap())
    }

    /// The object that every S3 sample is about, as it was put.
    async fn still_has_its_object(&self) {
        let sample = samples().into_iter().find(|sample| sample.operation == "GetObject").unwrap();
        assert_eq!(
            self.ask(&sample, Some(&self.administrator)).await,
            (StatusCode::OK, "content".to_owned())
        );
    }

    fn revision(&self) -> Revision {
        self.store.snapshot().revision()
    }
}

#[test]
fn every_operation_has_a_sample() {
    let served = [
        ("sts", sts::table().operations()),
        ("iam", iam::table().operations()),
        ("eks", eks::table().operations()),
        ("s3", s3::OPERATIONS.to_vec()),
    ];
    let served: BTreeSet<_> = served
        .into_iter()
        .flat_map(|(service, operations)| operations.into_iter().map(move |operation| (service, operation)))
        .collect();
    let sampled: BTreeSet<_> = samples().iter().map(|sample| (sample.service, sample.operation)).collect();
    assert_eq!(sampled.difference(&served).collect::<Vec<_>>(), [&("", ""); 0], "samples of nothing");
    assert_eq!(
        served.difference(&sampled).collect::<Vec<_>>(),
        [&("", ""); 0],
        "operations without a sample"
    );
}

#[tokio::test]
async fn a_user_without_policies_is_denied_everything() {
    let cloud = Cloud::new().await;
    let before = cloud.revision();
    for sample in samples() {
        if UNSIGNED.contains(&sample.operation) {
            continue;
        }
        let (status, answer) = cloud.ask(&sample, Some(&cloud.nobody)).await;
        if FREE.contains(&sample.operation) {
            assert_eq!(status, StatusCode::OK, "{}: {answer}", sample.operation);
            continue;
        }
        // S3 answers this one object by object.
        let expected =
            if sample.operation == "DeleteObjects" { StatusCode::OK } else { StatusCode::FORBIDDEN };
        assert_eq!(status, expected, "{}: {answer}", sample.operation);
        let words = match sample.service {
            "s3" if sample.method == "HEAD" => String::new(),
            "s3" => "<Code>AccessDenied</Code>".to_owned(),
            service => format!("is not authorized to perform: {service}:{} ", sample.operation),
        };
        assert!(answer.contains(&words), "{}: {answer}", sample.operation);
    }
    cloud.still_has_its_object().await;
    assert_eq!(cloud.revision(), before, "a denied operation changed something");
}

#[tokio::test]
async fn nothing_but_the_web_identity_exchange_is_answered_unsigned() {
    let cloud = Cloud::new().await;
    let before = cloud.revision();
    for sample in samples() {
        let (status, answer) = cloud.ask(&sample, None).await;
        let is_denied = !status.is_success() || answer.contains("<Code>AccessDenied</Code>");
        assert!(is_denied, "{}: {status} {answer}", sample.operation);
    }
    cloud.still_has_its_object().await;
    assert_eq!(cloud.revision(), before, "an unsigned request changed something");
}

/// The samples are good ones: the administrator gets past the policies with each, if not always to an entity that an
/// earlier one deleted.
#[tokio::test]
async fn the_administrator_is_denied_nothing() {
    let cloud = Cloud::new().await;
    for sample in samples() {
        // A role's trust policy denies even the administrator.
        if UNSIGNED.contains(&sample.operation) || sample.operation == "AssumeRole" {
            continue;
        }
        let (status, answer) = cloud.ask(&sample, Some(&cloud.administrator)).await;
        assert_ne!(status, StatusCode::FORBIDDEN, "{}: {answer}", sample.operation);
        assert!(!answer.contains("ValidationError"), "{}: {status} {answer}", sample.operation);
    }
}
