//! Users and access keys.

use super::*;

#[test]
fn a_user_from_creation_to_deletion() {
    let iam = Iam::new();
    let made = iam.ok("CreateUser", &[("UserName", "Ann"), ("Path", "/team/")]);
    assert_eq!(text(&made, "Arn"), "arn:aws:iam::111122223333:user/team/Ann");
    assert!(text(&made, "UserId").starts_with("AIDA"));
    assert_eq!(
        iam.refused("CreateUser", &[("UserName", "ann")]),
        ("EntityAlreadyExists".into(), "User with name ann already exists.".into())
    );
    assert_eq!(paged(&iam, "ListUsers", &[], "UserName"), ["administrator", "Ann"]);
    assert_eq!(all(&iam.ok("ListUsers", &[("PathPrefix", "/team/")]), "UserName"), ["Ann"]);
    assert_eq!(
        text(&iam.ok("GetUser", &[]), "UserName"),
        "administrator",
        "the caller, when nobody is named"
    );

    // What terraform asks for before it deletes a user.
    for (action, list) in [
        ("ListGroupsForUser", "Groups"),
        ("ListMFADevices", "MFADevices"),
        ("ListSSHPublicKeys", "SSHPublicKeys"),
        ("ListSigningCertificates", "Certificates"),
        ("ListServiceSpecificCredentials", "ServiceSpecificCredentials"),
        ("ListAccessKeys", "AccessKeyMetadata"),
        ("ListAttachedUserPolicies", "AttachedPolicies"),
        ("ListUserPolicies", "PolicyNames"),
    ] {
        let answer = iam.ok(action, &[("UserName", "Ann")]);
        assert!(answer.contains(&format!("<{list}")) && !answer.contains("<member>"), "{answer}");
        assert_eq!(
            iam.refused(action, &[("UserName", "Bob")]),
            ("NoSuchEntity".into(), "The user with name Bob cannot be found.".into())
        );
    }
    iam.ok("ListVirtualMFADevices", &[("AssignmentStatus", "Any")]);
    for action in ["GetLoginProfile", "DeleteLoginProfile"] {
        assert_eq!(
            iam.refused(action, &[("UserName", "Ann")]),
            ("NoSuchEntity".into(), "Login Profile for User Ann cannot be found.".into())
        );
    }
    iam.ok("DeleteUser", &[("UserName", "Ann")]);
    assert_eq!(iam.refused("DeleteUser", &[("UserName", "Ann")]).0, "NoSuchEntity");
}

#[test]
fn what_must_go_before_a_user() {
    let iam = Iam::new();
    let key = iam.user("ann");
    let arn = iam.policy("read");
    iam.ok("AttachUserPolicy", &[("UserName", "ann"), ("PolicyArn", &arn)]);
    iam.allow("ann", r#""Action":"s3:*","Resource":"*""#);
    for (what, action, named) in [
        ("access keys", "DeleteAccessKey", ("AccessKeyId", key.as_str())),
        ("detach all policies", "DetachUserPolicy", ("PolicyArn", arn.as_str())),
        ("policies", "DeleteUserPolicy", ("PolicyName", "p")),
    ] {
        let (code, message) = iam.refused("DeleteUser", &[("UserName", "ann")]);
        assert_eq!(code, "DeleteConflict");
        assert!(message.starts_with("Cannot delete entity, must ") && message.contains(what), "{message}");
        iam.ok(action, &[("UserName", "ann"), named]);
    }
    iam.ok("DeleteUser", &[("UserName", "ann")]);
    assert_eq!(text(&iam.ok("GetPolicy", &[("PolicyArn", &arn)]), "AttachmentCount"), "0");
}

#[test]
fn a_renamed_user_keeps_its_id_its_keys_and_its_trust() {
    let iam = Iam::new();
    let key = iam.user("ann");
    let id = text(&iam.ok("GetUser", &[("UserName", "ann")]), "UserId");
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/ann"},"Action":"sts:AssumeRole"}]}"#;
    iam.ok("CreateRole", &[("RoleName", "r"), ("AssumeRolePolicyDocument", trust)]);
    iam.ok("UpdateUser", &[("UserName", "ann"), ("NewUserName", "beth"), ("NewPath", "/x/")]);
    assert_eq!(text(&iam.ok("GetUser", &[("UserName", "beth")]), "UserId"), id);
    assert_eq!(iam.refused("GetUser", &[("UserName", "ann")]).0, "NoSuchEntity");
    assert_eq!(
        all(&iam.ok("ListAccessKeys", &[("UserName", "beth")]), "AccessKeyId"),
        std::slice::from_ref(&key)
    );
    iam.allow("beth", r#""Action":"iam:GetUser","Resource":"*""#);
    assert_eq!(text(&iam.call(&key, "GetUser", &[]).unwrap(), "UserName"), "beth");
    let shown = decoded(&text(&iam.ok("GetRole", &[("RoleName", "r")]), "AssumeRolePolicyDocument"));
    assert!(shown.contains("arn:aws:iam::111122223333:user/x/beth"), "{shown}");
    assert_eq!(
        iam.refused("UpdateUser", &[("UserName", "beth"), ("NewUserName", "administrator")]).0,
        "EntityAlreadyExists"
    );
    iam.ok("UpdateUser", &[("UserName", "beth"), ("NewUserName", "Beth")]);
    assert_eq!(text(&iam.ok("GetUser", &[("UserName", "beth")]), "UserName"), "Beth");
    assert_eq!(all(&iam.ok("ListAccessKeys", &[("UserName", "Beth")]), "AccessKeyId"), [key]);
}

#[test]
fn access_keys() {
    let iam = Iam::new();
    iam.ok("CreateUser", &[("UserName", "ann")]);
    let made = iam.ok("CreateAccessKey", &[("UserName", "ann")]);
    let (id, secret) = (text(&made, "AccessKeyId"), text(&made, "SecretAccessKey"));
    assert!(id.starts_with("AKIA") && id.len() == 20 && secret.len() == 40);
    iam.ok("CreateAccessKey", &[("UserName", "ann")]);
    assert_eq!(
        iam.refused("CreateAccessKey", &[("UserName", "ann")]),
        ("LimitExceeded".into(), "Cannot exceed quota for AccessKeysPerUser: 2".into())
    );
    let listed = iam.ok("ListAccessKeys", &[("UserName", "ann")]);
    assert_eq!(all(&listed, "AccessKeyId").len(), 2);
    assert!(!listed.contains(&secret), "a secret is shown once");

    let key = [("UserName", "ann"), ("AccessKeyId", id.as_str())];
    iam.ok("UpdateAccessKey", &[key[0], key[1], ("Status", "Inactive")]);
    let snapshot = iam.ctx.store.snapshot();
    assert!(claim(&snapshot, &iam.ctx.keys, &id, None).is_err(), "an inactive key identifies nobody");
    let of_another = [("UserName", "administrator"), ("AccessKeyId", id.as_str())];
    assert_eq!(
        iam.refused("DeleteAccessKey", &of_another),
        ("NoSuchEntity".into(), format!("The Access Key with id {id} cannot be found."))
    );
    assert_eq!(text(&iam.ok("GetAccessKeyLastUsed", &[("AccessKeyId", &id)]), "UserName"), "ann");
    let foreign = iam.administrators[1].access_key_id.as_str();
    assert_eq!(iam.refused("GetAccessKeyLastUsed", &[("AccessKeyId", foreign)]).0, "NoSuchEntity");
    assert_eq!(
        iam.refused("DeleteAccessKey", &[("UserName", "administrator"), ("AccessKeyId", foreign)]).0,
        "NoSuchEntity"
    );
    iam.ok("DeleteAccessKey", &key);
    assert_eq!(all(&iam.ok("ListAccessKeys", &[("UserName", "ann")]), "AccessKeyId").len(), 1);
}

#[test]
fn the_accounts_counts_and_aliases() {
    let iam = Iam::new();
    iam.role("app");
    iam.policy("read");
    let summary = iam.ok("GetAccountSummary", &[]);
    let entries: Vec<_> = all(&summary, "key").into_iter().zip(all(&summary, "value")).collect();
    for (name, count) in [("Users", "1"), ("Roles", "1"), ("Policies", "1"), ("RolesQuota", "1000")] {
        assert!(entries.contains(&(name.into(), count.into())), "{name}: {entries:?}");
    }
    assert!(iam.ok("ListAccountAliases", &[]).contains("<AccountAliases"));
}
