//! Roles, their trust policies, inline policies, boundaries and tags.

use super::*;

#[test]
fn a_role_from_creation_to_deletion() {
    let iam = Iam::new();
    let made = iam.ok(
        "CreateRole",
        &[
            ("RoleName", "App"),
            ("Path", "/team/"),
            ("AssumeRolePolicyDocument", TRUST_EC2),
            ("Description", "reads"),
            ("MaxSessionDuration", "7200"),
            ("Tags.member.1.Key", "Team"),
            ("Tags.member.1.Value", "a"),
        ],
    );
    assert_eq!(text(&made, "Arn"), "arn:aws:iam::111122223333:role/team/App");
    assert!(text(&made, "RoleId").starts_with("AROA") && text(&made, "RoleId").len() == 21);
    assert_eq!(decoded(&text(&made, "AssumeRolePolicyDocument")), TRUST_EC2);
    assert!(!text(&made, "AssumeRolePolicyDocument").contains(['{', '"', ':', '/']), "{made}");

    let got = iam.ok("GetRole", &[("RoleName", "App")]);
    for (element, value) in [
        ("Description", "reads"),
        ("MaxSessionDuration", "7200"),
        ("Key", "Team"),
        ("CreateDate", "2027-01-15T08:00:00Z"),
    ] {
        assert_eq!(text(&got, element), value);
    }
    assert!(got.contains("<RoleLastUsed/>") || got.contains("<RoleLastUsed></RoleLastUsed>"), "{got}");
    let listed = iam.ok("ListRoles", &[("PathPrefix", "/team/")]);
    assert_eq!(all(&listed, "RoleName"), ["App"]);
    assert!(!listed.contains("<Tags>") && !listed.contains("RoleLastUsed"), "{listed}");
    assert_eq!(all(&iam.ok("ListRoles", &[("PathPrefix", "/other/")]), "RoleName"), [""; 0]);

    iam.ok("UpdateRole", &[("RoleName", "App"), ("MaxSessionDuration", "3600")]);
    let got = iam.ok("GetRole", &[("RoleName", "App")]);
    assert_eq!(
        (text(&got, "MaxSessionDuration"), text(&got, "Description")),
        ("3600".into(), "reads".into())
    );
    let described = iam.ok("UpdateRoleDescription", &[("RoleName", "App"), ("Description", "writes")]);
    assert_eq!(text(&described, "Description"), "writes");

    iam.ok("DeleteRole", &[("RoleName", "App")]);
    assert_eq!(
        iam.refused("GetRole", &[("RoleName", "App")]),
        ("NoSuchEntity".into(), "The role with name App cannot be found.".into())
    );
}

/// Names are unique ignoring case (IAM User Guide, "IAM and AWS STS quotas").
#[test]
fn names_are_unique_ignoring_case() {
    let iam = Iam::new();
    iam.role("app");
    let taken = iam.refused("CreateRole", &[("RoleName", "APP"), ("AssumeRolePolicyDocument", TRUST_EC2)]);
    assert_eq!(taken, ("EntityAlreadyExists".into(), "Role with name APP already exists.".into()));
}

#[test]
fn inputs_that_the_service_model_refuses() {
    let iam = Iam::new();
    for (params, message) in [
        (
            vec![("AssumeRolePolicyDocument", TRUST_EC2)],
            "1 validation error detected: Value null at 'roleName' failed to satisfy constraint: Member must not be null",
        ),
        (
            vec![("RoleName", "a b"), ("AssumeRolePolicyDocument", TRUST_EC2)],
            r"1 validation error detected: Value 'a b' at 'roleName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]+",
        ),
        (
            vec![("RoleName", "a"), ("AssumeRolePolicyDocument", TRUST_EC2), ("MaxSessionDuration", "60")],
            "1 validation error detected: Value '60' at 'maxSessionDuration' failed to satisfy constraint: Member must have value greater than or equal to 3600",
        ),
    ] {
        assert_eq!(iam.refused("CreateRole", &params), ("ValidationError".into(), message.into()));
    }
}

#[test]
fn trust_policies_that_aws_refuses() {
    let iam = Iam::new();
    let statement =
        |rest: &str| format!(r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",{rest}}}]}}"#);
    for (document, message) in [
        ("{".to_owned(), "This policy contains invalid Json"),
        (statement(r#""Action":"sts:AssumeRole""#), "Missing required field Principal"),
        (
            statement(r#""Principal":"*","Action":"sts:AssumeRole","Resource":"*""#),
            "Has prohibited field Resource",
        ),
        (
            statement(r#""Principal":"*","Action":"s3:GetObject""#),
            "AssumeRole policy may only specify STS AssumeRole actions",
        ),
        (
            statement(
                r#""Principal":{"AWS":"arn:aws:iam::444455556666:role/absent"},"Action":"sts:AssumeRole""#,
            ),
            r#"Invalid principal in policy: "AWS":"arn:aws:iam::444455556666:role/absent""#,
        ),
    ] {
        let refused =
            iam.refused("CreateRole", &[("RoleName", "r"), ("AssumeRolePolicyDocument", &document)]);
        assert_eq!(refused, ("MalformedPolicyDocument".into(), message.into()), "{document}");
    }
    // An account that we do not have cannot be asked.
    let foreign =
        statement(r#""Principal":{"AWS":"arn:aws:iam::999999999999:role/x"},"Action":"sts:AssumeRole""#);
    iam.ok("CreateRole", &[("RoleName", "r"), ("AssumeRolePolicyDocument", &foreign)]);
}

/// IAM User Guide, "AWS JSON policy elements: Principal": ARNs become unique ids, which are shown once the entity is gone.
#[test]
fn a_trusted_role_that_is_deleted_shows_its_id_and_is_not_trusted_when_made_anew() {
    let iam = Iam::new();
    iam.role("caller");
    let arn = "arn:aws:iam::111122223333:role/caller";
    let trust = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":["{arn}"]}},"Action":"sts:AssumeRole","Condition":{{"ArnEquals":{{"aws:PrincipalArn":"{arn}"}}}}}}]}}"#
    );
    iam.ok("CreateRole", &[("RoleName", "target"), ("AssumeRolePolicyDocument", &trust)]);
    let shown = || decoded(&text(&iam.ok("GetRole", &[("RoleName", "target")]), "AssumeRolePolicyDocument"));
    assert_eq!(shown(), trust);

    let id = text(&iam.ok("GetRole", &[("RoleName", "caller")]), "RoleId");
    iam.ok("DeleteRole", &[("RoleName", "caller")]);
    let with_id = trust.replacen(&format!(r#"["{arn}"]"#), &format!(r#"["{id}"]"#), 1);
    assert_eq!(shown(), with_id, "only the principal turns into its id");
    iam.role("caller");
    assert_eq!(shown(), with_id, "a new role of the same name is another one");
    let dead = [("RoleName", "target"), ("PolicyDocument", with_id.as_str())];
    assert_eq!(
        iam.refused("UpdateAssumeRolePolicy", &dead),
        ("MalformedPolicyDocument".into(), format!(r#"Invalid principal in policy: "AWS":"{id}""#))
    );

    let id = text(&iam.ok("GetRole", &[("RoleName", "caller")]), "RoleId");
    let living = trust.replacen(&format!(r#"["{arn}"]"#), &format!(r#"["{id}"]"#), 1);
    iam.ok("UpdateAssumeRolePolicy", &[("RoleName", "target"), ("PolicyDocument", &living)]);
    assert_eq!(shown(), trust, "an id of somebody who exists is shown as an ARN");

    iam.ok("UpdateAssumeRolePolicy", &[("RoleName", "target"), ("PolicyDocument", &trust)]);
    assert_eq!(shown(), trust);
}

#[test]
fn trust_policies_are_measured_without_whitespace() {
    let iam = Iam::new();
    let with_sid = |length: usize, space: usize| {
        TRUST_EC2.replacen(
            r#""Effect""#,
            &format!(r#""Sid":"{}",{}"Effect""#, "a".repeat(length), " ".repeat(space)),
            1,
        )
    };
    let room = 2_048 - with_sid(0, 0).len();
    iam.ok("CreateRole", &[("RoleName", "fits"), ("AssumeRolePolicyDocument", &with_sid(room, 500))]);
    let refused = iam.refused(
        "CreateRole",
        &[("RoleName", "large"), ("AssumeRolePolicyDocument", &with_sid(room + 1, 0))],
    );
    assert_eq!(refused, ("LimitExceeded".into(), "Cannot exceed quota for ACLSizePerRole: 2048".into()));
}

#[test]
fn inline_policies() {
    let iam = Iam::new();
    iam.role("app");
    let policy = |name| [("RoleName", "app"), ("PolicyName", name)];
    let put = |name, document: &str| {
        iam.call(
            &iam.administrators[0].access_key_id,
            "PutRolePolicy",
            &[("RoleName", "app"), ("PolicyName", name), ("PolicyDocument", document)],
        )
    };
    put("read", READ_BUCKET).unwrap();
    put("read", READ_BUCKET).unwrap();
    put("more", READ_BUCKET).unwrap();
    assert_eq!(decoded(&text(&iam.ok("GetRolePolicy", &policy("read")), "PolicyDocument")), READ_BUCKET);
    assert_eq!(paged(&iam, "ListRolePolicies", &[("RoleName", "app")], "member"), ["more", "read"]);

    // 10,240 characters for all of a role's inline policies together.
    let large = READ_BUCKET.replace("b/*", &"b".repeat(10_200));
    let refused = put("large", &large).unwrap_err();
    assert_eq!(refused.body.code, "LimitExceeded");
    assert_eq!(refused.body.message, "Maximum policy size of 10240 bytes exceeded for role app");
    let conflict = iam.refused("DeleteRole", &[("RoleName", "app")]);
    assert_eq!(
        conflict,
        ("DeleteConflict".into(), "Cannot delete entity, must delete policies first.".into())
    );

    iam.ok("DeleteRolePolicy", &policy("read"));
    iam.ok("DeleteRolePolicy", &policy("more"));
    for action in ["GetRolePolicy", "DeleteRolePolicy"] {
        assert_eq!(
            iam.refused(action, &policy("read")),
            ("NoSuchEntity".into(), "The role policy with name read cannot be found.".into())
        );
    }
    iam.ok("DeleteRole", &[("RoleName", "app")]);
}

#[test]
fn boundaries_are_counted_and_hold_their_policy() {
    let iam = Iam::new();
    let arn = iam.policy("edge");
    iam.ok(
        "CreateRole",
        &[("RoleName", "app"), ("AssumeRolePolicyDocument", TRUST_EC2), ("PermissionsBoundary", &arn)],
    );
    let used = || text(&iam.ok("GetPolicy", &[("PolicyArn", &arn)]), "PermissionsBoundaryUsageCount");
    assert_eq!(used(), "1");
    assert_eq!(text(&iam.ok("GetRole", &[("RoleName", "app")]), "PermissionsBoundaryArn"), arn);
    assert_eq!(iam.refused("DeletePolicy", &[("PolicyArn", &arn)]).0, "DeleteConflict");

    let other = "arn:aws:iam::aws:policy/ReadOnlyAccess";
    iam.ok("PutRolePermissionsBoundary", &[("RoleName", "app"), ("PermissionsBoundary", other)]);
    assert_eq!(used(), "0");
    iam.ok("PutRolePermissionsBoundary", &[("RoleName", "app"), ("PermissionsBoundary", &arn)]);
    iam.ok("PutRolePermissionsBoundary", &[("RoleName", "app"), ("PermissionsBoundary", &arn)]);
    assert_eq!(used(), "1");
    let absent = "arn:aws:iam::111122223333:policy/absent";
    assert_eq!(
        iam.refused("PutRolePermissionsBoundary", &[("RoleName", "app"), ("PermissionsBoundary", absent)]),
        ("NoSuchEntity".into(), format!("Scope ARN: {absent} does not exist or is not attachable."))
    );
    iam.ok("DeleteRole", &[("RoleName", "app")]);
    assert_eq!(used(), "0");
    iam.ok("DeletePolicy", &[("PolicyArn", &arn)]);
}

#[test]
fn tags_of_a_role() {
    let iam = Iam::new();
    iam.role("app");
    let tag = |key, value| [("RoleName", "app"), ("Tags.member.1.Key", key), ("Tags.member.1.Value", value)];
    iam.ok("TagRole", &tag("Team", "a"));
    iam.ok("TagRole", &tag("Stage", "dev"));
    iam.ok("TagRole", &tag("team", "b"));
    assert_eq!(paged(&iam, "ListRoleTags", &[("RoleName", "app")], "Key"), ["Stage", "team"]);
    iam.ok("UntagRole", &[("RoleName", "app"), ("TagKeys.member.1", "STAGE")]);
    assert_eq!(all(&iam.ok("ListRoleTags", &[("RoleName", "app")]), "Value"), ["b"]);
    assert_eq!(
        iam.refused("TagRole", &tag("aws:x", "")),
        ("InvalidInput".into(), "aws: prefixed tag key names are not allowed for external use.".into())
    );
}

#[test]
fn a_thousand_roles_are_the_quota() {
    let iam = Iam::new();
    let mut transaction = irsa_store::Transaction::new();
    let snapshot = {
        iam.role("r0");
        iam.ctx.store.snapshot()
    };
    let first = snapshot.role(FIRST.parse().unwrap(), "r0").unwrap();
    for number in 1..1_000 {
        let mut role = (***first).clone();
        (role.name, role.id) = (format!("r{number}"), format!("AROA{number:017}"));
        transaction = transaction.put(role);
    }
    iam.ctx.store.commit(transaction).unwrap();
    let refused =
        iam.refused("CreateRole", &[("RoleName", "r1000"), ("AssumeRolePolicyDocument", TRUST_EC2)]);
    assert_eq!(refused, ("LimitExceeded".into(), "Cannot exceed quota for RolesPerAccount: 1000".into()));
    let page = iam.ok("ListRoles", &[]);
    assert_eq!((all(&page, "RoleName").len(), text(&page, "IsTruncated")), (100, "true".into()));
}
