"""AssumeRole in one account and across two: trust and caller's side, ExternalId, chaining, tags, source identity."""

import json
import time

import pytest
from botocore.exceptions import ClientError
from conftest import FIRST, REGION, SECOND


def document(**statement):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


def make_role(server, name, principal, account=FIRST, condition=None, action="sts:AssumeRole", **more):
    statement = {"Principal": {"AWS": principal}, "Action": action}
    if condition:
        statement["Condition"] = condition
    iam = server.client("iam", account)
    return iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(**statement), **more)["Role"]["Arn"]


def make_user(server, name, account=FIRST, policy=None):
    iam = server.client("iam", account)
    arn = iam.create_user(UserName=name)["User"]["Arn"]
    if policy:
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return arn, (key["AccessKeyId"], key["SecretAccessKey"])


def assume(server, role, key, name="test", **more):
    answer = server.client("sts", key=key).assume_role(RoleArn=role, RoleSessionName=name, **more)
    credentials = answer["Credentials"]
    return answer, (credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"])


def denied(server, role, key, **more):
    with pytest.raises(ClientError) as refusal:
        assume(server, role, key, **more)
    error = refusal.value.response["Error"]
    assert error["Code"] == "AccessDenied", error
    assert error["Message"].startswith("User: arn:aws:"), error
    assert f"is not authorized to perform: sts:" in error["Message"] and role in error["Message"]
    return error["Message"]


def test_a_user_that_the_trust_policy_names_needs_nothing_more_in_its_own_account(server):
    arn, key = make_user(server, "named")
    role = make_role(server, "trusts-named", arn)
    answer, session = assume(server, role, key)
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{FIRST}:assumed-role/trusts-named/test"
    assert server.client("sts", key=session).get_caller_identity()["Arn"] == answer["AssumedRoleUser"]["Arn"]


def test_an_account_principal_delegates_to_the_callers_own_policies(server):
    role = make_role(server, "trusts-account", f"arn:aws:iam::{FIRST}:root")
    _, without = make_user(server, "without-policy")
    denied(server, role, without)
    _, with_policy = make_user(server, "with-policy", policy=document(Action="sts:AssumeRole", Resource=role))
    assert assume(server, role, with_policy)


def test_across_accounts_both_sides_must_allow(server):
    arn, key = make_user(server, "crosses")
    role = make_role(server, "in-b", arn, account=SECOND)
    message = denied(server, role, key)
    layers = {layer["layer"] for layer in server.why(message)["explanation"]["layers"]}
    assert "trust" in {layer.lower() for layer in layers}
    iam = server.client("iam")
    iam.put_user_policy(UserName="crosses", PolicyName="p", PolicyDocument=document(Action="sts:AssumeRole", Resource=role))
    assert assume(server, role, key)[0]["AssumedRoleUser"]["Arn"].startswith(f"arn:aws:sts::{SECOND}:")
    untrusting = make_role(server, "in-b-too", f"arn:aws:iam::{SECOND}:root", account=SECOND)
    iam.put_user_policy(UserName="crosses", PolicyName="p", PolicyDocument=document(Action="sts:*", Resource="*"))
    denied(server, untrusting, key)


def test_external_id(server):
    arn, key = make_user(server, "third-party")
    role = make_role(server, "with-external-id", arn, condition={"StringEquals": {"sts:ExternalId": "secret-id"}})
    denied(server, role, key)
    denied(server, role, key, ExternalId="other-id")
    assert assume(server, role, key, ExternalId="secret-id")


def test_a_role_made_anew_does_not_inherit_trust(server):
    arn, key = make_user(server, "recreated", policy=document(Action="sts:AssumeRole", Resource="*"))
    role = make_role(server, "trusts-recreated", arn)
    assert assume(server, role, key)
    iam = server.client("iam")
    iam.delete_user_policy(UserName="recreated", PolicyName="p")
    iam.delete_access_key(UserName="recreated", AccessKeyId=key[0])
    iam.delete_user(UserName="recreated")
    principal = iam.get_role(RoleName="trusts-recreated")["Role"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]
    assert principal["AWS"].startswith("AIDA"), "the raw id shows that the user is gone"
    _, key = make_user(server, "recreated", policy=document(Action="sts:AssumeRole", Resource="*"))
    denied(server, role, key)


def test_chaining_lasts_an_hour_at_most(server):
    arn, key = make_user(server, "chains")
    first = make_role(server, "first-link", arn, MaxSessionDuration=43_200)
    second = make_role(server, "second-link", first, MaxSessionDuration=43_200)
    assert assume(server, first, key, DurationSeconds=43_200)
    _, session = assume(server, first, key)
    assert assume(server, second, session)
    with pytest.raises(ClientError) as refusal:
        assume(server, second, session, DurationSeconds=3_601)
    assert refusal.value.response["Error"] == {
        "Code": "ValidationError",
        "Message": "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
        "Type": "Sender",
    }
    with pytest.raises(ClientError) as refusal:
        make_role(server, "too-long", arn, MaxSessionDuration=43_201)
    assert refusal.value.response["Error"]["Code"] == "ValidationError"


def test_no_role_trusts_itself_unasked(server):
    arn, key = make_user(server, "self")
    role = make_role(server, "itself", arn)
    server.client("iam").put_role_policy(RoleName="itself", PolicyName="p", PolicyDocument=document(Action="sts:AssumeRole", Resource="*"))
    _, session = assume(server, role, key)
    denied(server, role, session)


def test_tags_and_source_identity(server):
    actions = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
    arn, key = make_user(server, "tags", policy=document(Action=actions, Resource="*"))
    plain = make_role(server, "plain", arn)
    tags = [{"Key": "Team", "Value": "red"}]
    denied(server, plain, key, Tags=tags)
    role = make_role(server, "taggable", arn, action=actions)
    _, session = assume(server, role, key, Tags=tags, TransitiveTagKeys=["Team"], SourceIdentity="alice")
    iam = server.client("iam")
    condition = {"StringEquals": {"aws:PrincipalTag/Team": "red", "aws:SourceIdentity": "alice"}}
    iam.put_role_policy(
        RoleName="taggable", PolicyName="p",
        PolicyDocument=document(Action="s3:ListAllMyBuckets", Resource="*", Condition=condition),
    )
    assert server.client("s3", key=session).list_buckets()
    _, untagged = assume(server, role, key)
    with pytest.raises(ClientError):
        server.client("s3", key=untagged).list_buckets()

    next_role = make_role(server, "next", role, action=actions)
    iam.put_role_policy(RoleName="next", PolicyName="p", PolicyDocument=document(Action="s3:*", Resource="*", Condition=condition))
    answer, chained = assume(server, next_role, session)
    assert answer["SourceIdentity"] == "alice"
    assert server.client("s3", key=chained).list_buckets(), "transitive tags and source identity survive the chain"
    for more, code in [
        ({"Tags": tags}, "InvalidParameterValue"),
        ({"Tags": [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]}, "InvalidParameterValue"),
        ({"Tags": [], "TransitiveTagKeys": ["x"]}, "InvalidParameterValue"),
    ]:
        with pytest.raises(ClientError) as refusal:
            assume(server, next_role, session, **more)
        assert refusal.value.response["Error"]["Code"] == code, refusal.value.response


def test_session_tokens_of_users(server):
    _, key = make_user(server, "own-session", policy=document(Action=["s3:ListAllMyBuckets", "iam:*"], Resource="*"))
    session = server.client("sts", key=key).get_session_token(DurationSeconds=900)["Credentials"]
    temporary = session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"]
    assert server.client("sts", key=temporary).get_caller_identity()["Arn"].endswith(":user/own-session")
    assert server.client("s3", key=temporary).list_buckets()
    with pytest.raises(ClientError) as refusal:
        server.client("sts", key=temporary).get_session_token()
    assert refusal.value.response["Error"]["Message"] == "Cannot call GetSessionToken with session credentials"
    with pytest.raises(ClientError) as refusal:
        server.client("iam", key=temporary).list_users()
    assert refusal.value.response["Error"]["Code"] == "InvalidClientTokenId", "IAM wants MFA or a user's own key"


def test_revocation_by_token_issue_time(server):
    arn, key = make_user(server, "revoked")
    role = make_role(server, "revocable", arn)
    iam = server.client("iam")
    iam.put_role_policy(RoleName="revocable", PolicyName="allow", PolicyDocument=document(Action="s3:*", Resource="*"))
    _, session = assume(server, role, key)
    assert server.client("s3", key=session).list_buckets()
    deny = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*",
            "Condition": {"DateLessThan": {"aws:TokenIssueTime": "2099-01-01T00:00:00Z"}}}]}
    iam.put_role_policy(RoleName="revocable", PolicyName="revoke", PolicyDocument=json.dumps(deny))
    with pytest.raises(ClientError) as refusal:
        server.client("s3", key=session).list_buckets()
    assert "with an explicit deny in an identity-based policy" in refusal.value.response["Error"]["Message"]
    assert server.client("sts", key=session).get_caller_identity(), "GetCallerIdentity cannot be denied"


def test_a_deleted_roles_session_has_no_rights(server):
    arn, key = make_user(server, "outlives")
    role = make_role(server, "short-lived", arn)
    iam = server.client("iam")
    iam.put_role_policy(RoleName="short-lived", PolicyName="allow", PolicyDocument=document(Action="s3:*", Resource="*"))
    _, session = assume(server, role, key)
    iam.delete_role_policy(RoleName="short-lived", PolicyName="allow")
    iam.delete_role(RoleName="short-lived")
    make_role(server, "short-lived", arn)
    iam.put_role_policy(RoleName="short-lived", PolicyName="allow", PolicyDocument=document(Action="s3:*", Resource="*"))
    with pytest.raises(ClientError):
        server.client("s3", key=session, region=REGION).list_buckets()


def test_the_last_use_of_roles_and_keys_is_told_and_outlives_the_server(fresh_server, tmp_path):
    server = fresh_server(ephemeral=False, data=tmp_path)
    arn, key = make_user(server, "used")
    role = make_role(server, "app", arn)

    def uses():
        iam = server.client("iam")
        last = iam.get_access_key_last_used(AccessKeyId=key[0])["AccessKeyLastUsed"]
        return last, iam.get_role(RoleName="app")["Role"]["RoleLastUsed"]

    assert uses() == ({"ServiceName": "N/A", "Region": "N/A"}, {})
    started = time.time()
    _, session = assume(server, role, key)
    of_key, of_role = uses()
    assert (of_key["ServiceName"], of_key["Region"], of_role) == ("sts", REGION, {}), "assuming a role is no use of it"
    assert abs(of_key["LastUsedDate"].timestamp() - started) < 30
    with pytest.raises(ClientError, match="AccessDenied"):
        server.client("s3", key=session, region="us-west-2").list_buckets()
    of_role = uses()[1]
    assert of_role["Region"] == "us-west-2" and abs(of_role["LastUsedDate"].timestamp() - started) < 30

    noted = uses()
    server.stop()
    server = fresh_server(ephemeral=False, data=tmp_path)
    assert uses() == noted
