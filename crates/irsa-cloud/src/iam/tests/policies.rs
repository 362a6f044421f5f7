//! Managed policies, their versions, and where they are attached.

use super::*;

const AWS_READ: &str = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";

#[test]
fn a_policy_from_creation_to_deletion() {
    let iam = Iam::new();
    let made = iam.ok(
        "CreatePolicy",
        &[("PolicyName", "Read"), ("Path", "/team/"), ("PolicyDocument", READ_BUCKET), ("Description", "d")],
    );
    let arn = text(&made, "Arn");
    assert_eq!(arn, "arn:aws:iam::111122223333:policy/team/Read");
    assert_eq!((text(&made, "DefaultVersionId"), text(&made, "AttachmentCount")), ("v1".into(), "0".into()));
    assert!(text(&made, "PolicyId").starts_with("ANPA"));
    let taken = iam.refused("CreatePolicy", &[("PolicyName", "READ"), ("PolicyDocument", READ_BUCKET)]);
    assert_eq!(
        taken,
        (
            "EntityAlreadyExists".into(),
            "A policy called READ already exists. Duplicate names are not allowed.".into()
        )
    );
    assert_eq!(text(&iam.ok("GetPolicy", &[("PolicyArn", &arn)]), "Description"), "d");
    let version = iam.ok("GetPolicyVersion", &[("PolicyArn", &arn), ("VersionId", "v1")]);
    assert_eq!(decoded(&text(&version, "Document")), READ_BUCKET);
    iam.ok("DeletePolicy", &[("PolicyArn", &arn)]);
    for action in ["GetPolicy", "DeletePolicy", "ListPolicyVersions", "ListEntitiesForPolicy"] {
        assert_eq!(
            iam.refused(action, &[("PolicyArn", &arn)]),
            ("NoSuchEntity".into(), format!("Policy {arn} was not found.")),
            "{action}"
        );
    }
}

#[test]
fn documents_that_aws_refuses() {
    let iam = Iam::new();
    for (document, message) in [
        ("{", "Syntax errors in policy."),
        ("not json", "Syntax errors in policy."),
        (
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":"*"}]}"#,
            "Policy statement must contain actions.",
        ),
        (
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}]}"#,
            "Policy document should not specify a principal.",
        ),
    ] {
        let params = [("PolicyName", "p"), ("PolicyDocument", document)];
        assert_eq!(iam.refused("CreatePolicy", &params), ("MalformedPolicyDocument".into(), message.into()));
    }
    let large = READ_BUCKET.replace("b/*", &"b".repeat(6_144));
    let refused = iam.refused("CreatePolicy", &[("PolicyName", "p"), ("PolicyDocument", &large)]);
    assert_eq!(refused, ("LimitExceeded".into(), "Cannot exceed quota for PolicySize: 6144".into()));
}

#[test]
fn five_versions_of_which_one_is_in_force() {
    let iam = Iam::new();
    let arn = iam.policy("read");
    let add = |default: &str| {
        let params =
            [("PolicyArn", arn.as_str()), ("PolicyDocument", READ_BUCKET), ("SetAsDefault", default)];
        text(&iam.ok("CreatePolicyVersion", &params), "VersionId")
    };
    assert_eq!([add("false"), add("true"), add("false"), add("false")], ["v2", "v3", "v4", "v5"]);
    let refused = iam.refused("CreatePolicyVersion", &[("PolicyArn", &arn), ("PolicyDocument", READ_BUCKET)]);
    assert_eq!(
        refused,
        (
            "LimitExceeded".into(),
            "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version."
                .into()
        )
    );
    assert_eq!(text(&iam.ok("GetPolicy", &[("PolicyArn", &arn)]), "DefaultVersionId"), "v3");
    assert_eq!(
        paged(&iam, "ListPolicyVersions", &[("PolicyArn", &arn)], "VersionId"),
        ["v5", "v4", "v3", "v2", "v1"]
    );

    let version = |id| [("PolicyArn", arn.as_str()), ("VersionId", id)];
    assert_eq!(
        iam.refused("DeletePolicyVersion", &version("v3")),
        ("DeleteConflict".into(), "Cannot delete the default version of a policy.".into())
    );
    assert_eq!(
        iam.refused("DeletePolicy", &[("PolicyArn", &arn)]),
        (
            "DeleteConflict".into(),
            "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy."
                .into()
        )
    );
    iam.ok("SetDefaultPolicyVersion", &version("v1"));
    for id in ["v2", "v3", "v4", "v5"] {
        iam.ok("DeletePolicyVersion", &version(id));
    }
    assert_eq!(
        iam.refused("GetPolicyVersion", &version("v5")),
        ("NoSuchEntity".into(), format!("Policy {arn} version v5 does not exist or is not attachable."))
    );
    assert_eq!(add("false"), "v6", "numbers are never used twice");
}

#[test]
fn attachments_are_counted_and_idempotent() {
    let iam = Iam::new();
    let arn = iam.policy("read");
    iam.role("app");
    iam.user("ann");
    let on_role = [("RoleName", "app"), ("PolicyArn", arn.as_str())];
    let on_user = [("UserName", "ann"), ("PolicyArn", arn.as_str())];
    let count = |arn: &str| text(&iam.ok("GetPolicy", &[("PolicyArn", arn)]), "AttachmentCount");
    iam.ok("AttachRolePolicy", &on_role);
    iam.ok("AttachRolePolicy", &on_role);
    iam.ok("AttachUserPolicy", &on_user);
    assert_eq!(count(&arn), "2");
    iam.ok("AttachRolePolicy", &[("RoleName", "app"), ("PolicyArn", AWS_READ)]);
    assert_eq!(count(AWS_READ), "1");
    assert_eq!(
        paged(&iam, "ListAttachedRolePolicies", &[("RoleName", "app")], "PolicyName"),
        ["read", "AmazonS3ReadOnlyAccess"]
    );
    let entities = iam.ok("ListEntitiesForPolicy", &[("PolicyArn", &arn)]);
    assert_eq!((text(&entities, "RoleName"), text(&entities, "UserName")), ("app".into(), "ann".into()));
    let users = iam.ok("ListEntitiesForPolicy", &[("PolicyArn", &arn), ("EntityFilter", "User")]);
    assert!(!users.contains("<RoleName>"));

    assert_eq!(
        iam.refused("DeletePolicy", &[("PolicyArn", &arn)]),
        ("DeleteConflict".into(), "Cannot delete a policy attached to entities.".into())
    );
    let conflict = ("DeleteConflict".into(), "Cannot delete entity, must detach all policies first.".into());
    assert_eq!(iam.refused("DeleteRole", &[("RoleName", "app")]), conflict);
    iam.ok("DetachRolePolicy", &on_role);
    assert_eq!(
        iam.refused("DetachRolePolicy", &on_role),
        ("NoSuchEntity".into(), format!("Policy {arn} was not found."))
    );
    iam.ok("DetachUserPolicy", &on_user);
    assert_eq!(count(&arn), "0");
    iam.ok("DeletePolicy", &[("PolicyArn", &arn)]);
}

#[test]
fn what_cannot_be_attached() {
    let iam = Iam::new();
    iam.role("app");
    let absent = "arn:aws:iam::111122223333:policy/absent";
    let attach = |arn: &str| iam.refused("AttachRolePolicy", &[("RoleName", "app"), ("PolicyArn", arn)]);
    assert_eq!(
        attach(absent),
        ("NoSuchEntity".into(), format!("Policy {absent} does not exist or is not attachable."))
    );
    let no_arn = attach("not-an-arn-but-long-enough");
    assert_eq!(no_arn, ("ValidationError".into(), "Invalid ARN:  Could not be parsed!".into()));
    for number in 0..10 {
        let arn = iam.policy(&format!("p{number}"));
        iam.ok("AttachRolePolicy", &[("RoleName", "app"), ("PolicyArn", &arn)]);
    }
    assert_eq!(
        attach(AWS_READ),
        ("LimitExceeded".into(), "Cannot exceed quota for PoliciesPerRole: 10".into())
    );
    assert_eq!(
        iam.refused("AttachRolePolicy", &[("RoleName", "none"), ("PolicyArn", AWS_READ)]).1,
        "The role with name none cannot be found."
    );
}

#[test]
fn aws_policies_are_listed_read_and_never_changed() {
    let iam = Iam::new();
    let arn = iam.policy("own");
    let names = |params: &[(&str, &str)]| all(&iam.ok("ListPolicies", params), "PolicyName");
    assert_eq!(names(&[("Scope", "Local")]), ["own"]);
    let aws = names(&[("Scope", "AWS"), ("MaxItems", "1000")]);
    assert!(aws.len() >= 28 && !aws.contains(&"own".to_owned()));
    let every = paged(&iam, "ListPolicies", &[], "PolicyName");
    assert_eq!(every.len(), aws.len() + 1);
    assert_eq!(names(&[("OnlyAttached", "true")]), ["AdministratorAccess"], "the administrator's");
    assert_eq!(names(&[("PathPrefix", "/service-role/"), ("Scope", "Local")]), [""; 0]);
    assert!(names(&[("PathPrefix", "/service-role/")]).contains(&"AmazonEBSCSIDriverPolicy".to_owned()));
    iam.ok("CreateUser", &[("UserName", "edge"), ("PermissionsBoundary", &arn)]);
    assert_eq!(names(&[("PolicyUsageFilter", "PermissionsBoundary")]), ["own"]);

    let got = iam.ok("GetPolicy", &[("PolicyArn", AWS_READ)]);
    let version = text(&got, "DefaultVersionId");
    let document = iam.ok("GetPolicyVersion", &[("PolicyArn", AWS_READ), ("VersionId", &version)]);
    assert!(decoded(&text(&document, "Document")).contains("s3:Get*"));
    for (action, more) in [
        ("DeletePolicy", vec![]),
        ("CreatePolicyVersion", vec![("PolicyDocument", READ_BUCKET)]),
        ("SetDefaultPolicyVersion", vec![("VersionId", "v1")]),
        ("DeletePolicyVersion", vec![("VersionId", "v1")]),
        ("TagPolicy", vec![("Tags.member.1.Key", "k"), ("Tags.member.1.Value", "v")]),
    ] {
        let params: Vec<_> = [("PolicyArn", AWS_READ)].into_iter().chain(more).collect();
        let (code, message) = iam.refused(action, &params);
        assert_eq!(code, "AccessDenied");
        let head = format!(
            "User: arn:aws:iam::111122223333:user/administrator is not authorized to perform: iam:{action} on resource: {AWS_READ}"
        );
        assert!(message.starts_with(&head), "{message}");
    }
}

/// The other account's administrator may do everything, in its own account.
#[test]
fn another_accounts_policy_does_not_exist() {
    let iam = Iam::new();
    let arn = iam.policy("own");
    let other = &iam.administrators[1].access_key_id;
    iam.call(other, "CreateRole", &[("RoleName", "r"), ("AssumeRolePolicyDocument", TRUST_EC2)]).unwrap();
    for (action, params) in [
        ("GetPolicy", vec![("PolicyArn", arn.as_str())]),
        ("DeletePolicy", vec![("PolicyArn", arn.as_str())]),
        ("GetPolicyVersion", vec![("PolicyArn", arn.as_str()), ("VersionId", "v1")]),
        ("CreatePolicyVersion", vec![("PolicyArn", arn.as_str()), ("PolicyDocument", READ_BUCKET)]),
        ("ListEntitiesForPolicy", vec![("PolicyArn", arn.as_str())]),
        ("AttachRolePolicy", vec![("PolicyArn", arn.as_str()), ("RoleName", "r")]),
        ("PutRolePermissionsBoundary", vec![("PermissionsBoundary", arn.as_str()), ("RoleName", "r")]),
        (
            "TagPolicy",
            vec![("PolicyArn", arn.as_str()), ("Tags.member.1.Key", "k"), ("Tags.member.1.Value", "v")],
        ),
    ] {
        assert_eq!(iam.refused_to(other, action, &params).0, "NoSuchEntity", "{action}");
    }
}

/// Whoever wins, a policy that is attached exists, and a policy that is gone is attached nowhere.
#[test]
fn attaching_and_deleting_at_once() {
    let iam = Iam::new();
    iam.role("app");
    for round in 0..20 {
        let arn = iam.policy(&format!("p{round}"));
        let key = &iam.administrators[0].access_key_id;
        let (attached, deleted) = std::thread::scope(|scope| {
            let attach = scope
                .spawn(|| iam.call(key, "AttachRolePolicy", &[("RoleName", "app"), ("PolicyArn", &arn)]));
            let delete = scope.spawn(|| iam.call(key, "DeletePolicy", &[("PolicyArn", &arn)]));
            (attach.join().unwrap().is_ok(), delete.join().unwrap().is_ok())
        });
        assert_ne!(attached, deleted, "round {round}");
        if attached {
            iam.ok("DetachRolePolicy", &[("RoleName", "app"), ("PolicyArn", &arn)]);
        }
    }
}
