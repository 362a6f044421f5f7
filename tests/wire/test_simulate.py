"""The policy simulator, asked by boto3 and the AWS CLI."""

import json

import pytest
from botocore.exceptions import ClientError
from conftest import FIRST, SECOND

BUCKET, OBJECT = "arn:aws:s3:::bucket", "arn:aws:s3:::bucket/key"
ANN = f"arn:aws:iam::{FIRST}:user/team/ann"


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def allow(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action, resource="*", **more):
    return {**allow(action, resource, **more), "Effect": "Deny"}


def entry(name, *values, kind="string"):
    return {"ContextKeyName": name, "ContextKeyValues": list(values), "ContextKeyType": kind}


@pytest.fixture(scope="module")
def iam(server):
    iam = server.client("iam")
    iam.create_user(UserName="ann", Path="/team/")
    iam.put_user_policy(UserName="ann", PolicyName="read", PolicyDocument=policy(allow("s3:GetObject", f"{BUCKET}/*")))
    iam.attach_user_policy(UserName="ann", PolicyArn="arn:aws:iam::aws:policy/AmazonSQSFullAccess")
    own = iam.create_policy(PolicyName="own", PolicyDocument=policy(deny("s3:GetObject", f"{BUCKET}/secret")))
    iam.attach_user_policy(UserName="ann", PolicyArn=own["Policy"]["Arn"])
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    iam.create_role(RoleName="app", AssumeRolePolicyDocument=policy(trust))
    iam.put_role_policy(RoleName="app", PolicyName="all", PolicyDocument=policy(allow("*")))
    iam.put_role_permissions_boundary(
        RoleName="app", PermissionsBoundary="arn:aws:iam::aws:policy/AmazonSQSFullAccess"
    )
    return iam


def custom(iam, action, resource=None, policies=(), **more):
    more |= {"ResourceArns": [resource]} if resource else {}
    answer = iam.simulate_custom_policy(PolicyInputList=list(policies), ActionNames=[action], **more)
    assert answer["IsTruncated"] is False
    (result,) = answer["EvaluationResults"]
    assert result["EvalActionName"] == action and result["EvalResourceName"] == (resource or "*")
    return result


def refusal(call, *arguments, **more):
    with pytest.raises(ClientError) as error:
        call(*arguments, **more)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def ids(result):
    return [statement["SourcePolicyId"] for statement in result["MatchedStatements"]]


def test_decisions(iam):
    policies = [policy(allow("s3:*")), policy(deny("s3:DeleteObject"))]
    assert custom(iam, "s3:GetObject", policies=policies)["EvalDecision"] == "allowed"
    assert custom(iam, "s3:DeleteObject", policies=policies)["EvalDecision"] == "explicitDeny"
    assert custom(iam, "sqs:SendMessage", policies=policies)["EvalDecision"] == "implicitDeny"
    assert ids(custom(iam, "s3:GetObject", policies=policies)) == ["PolicyInputList.1"]
    assert ids(custom(iam, "s3:DeleteObject", policies=policies)) == ["PolicyInputList.2"]
    assert ids(custom(iam, "sqs:SendMessage", policies=policies)) == []


def test_statements_have_their_place(iam):
    result = custom(iam, "s3:GetObject", policies=[policy(allow("sqs:*"), allow("s3:*"))])
    (found,) = result["MatchedStatements"]
    assert found["SourcePolicyType"] == "IAM Policy"
    text = policy(allow("sqs:*"), allow("s3:*"))
    start, end = found["StartPosition"], found["EndPosition"]
    assert start["Line"] == end["Line"] == 1
    assert text[start["Column"] - 1 : end["Column"] - 1] == ", " + json.dumps(allow("s3:*"))


def test_resources_have_results_of_their_own(iam):
    answer = iam.simulate_custom_policy(
        PolicyInputList=[policy(allow("s3:*", f"{BUCKET}/*"))],
        ActionNames=["s3:GetObject", "s3:ListBucket"],
        ResourceArns=[BUCKET, OBJECT],
    )
    found = {(r["EvalActionName"], r["EvalResourceName"]): r["EvalDecision"] for r in answer["EvaluationResults"]}
    assert found == {
        ("s3:GetObject", BUCKET): "implicitDeny",
        ("s3:GetObject", OBJECT): "allowed",
        ("s3:ListBucket", BUCKET): "implicitDeny",
        ("s3:ListBucket", OBJECT): "allowed",
    }
    for result in answer["EvaluationResults"]:
        (specific,) = result["ResourceSpecificResults"]
        assert specific["EvalResourceName"] == result["EvalResourceName"]
        assert specific["EvalResourceDecision"] == result["EvalDecision"]
        assert specific["MatchedStatements"] == result["MatchedStatements"]
    assert "ResourceSpecificResults" not in custom(iam, "s3:GetObject", policies=[policy(allow("*"))])


def test_context(iam):
    conditional = policy(
        allow("s3:GetObject", Condition={"NumericLessThan": {"s3:max-keys": "10"}, "Bool": {"aws:SecureTransport": True}}),
        allow("sqs:*", Condition={"StringEquals": {"aws:PrincipalTag/team": "a"}}),
    )
    missing = custom(iam, "s3:GetObject", policies=[conditional])
    assert missing["EvalDecision"] == "implicitDeny"
    assert missing["MissingContextValues"] == ["s3:max-keys", "aws:SecureTransport"]
    some = [entry("S3:Max-Keys", "5", kind="numeric")]
    assert custom(iam, "s3:GetObject", OBJECT, [conditional], ContextEntries=some)["MissingContextValues"] == []
    specific = custom(iam, "s3:GetObject", OBJECT, [conditional], ContextEntries=some)["ResourceSpecificResults"][0]
    assert specific["MissingContextValues"] == ["aws:SecureTransport"]
    full = some + [entry("aws:SecureTransport", "true", kind="boolean")]
    allowed = custom(iam, "s3:GetObject", policies=[conditional], ContextEntries=full)
    assert (allowed["EvalDecision"], allowed["MissingContextValues"]) == ("allowed", [])
    tags = policy(allow("s3:GetObject", Condition={"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}}))
    for values, decision in [(["a", "b"], "allowed"), (["a", "c"], "implicitDeny")]:
        keys = [entry("aws:TagKeys", *values, kind="stringList")]
        assert custom(iam, "s3:GetObject", policies=[tags], ContextEntries=keys)["EvalDecision"] == decision
    own = policy(allow("s3:GetObject", BUCKET + "/${aws:username}"))
    name = [entry("aws:username", "key")]
    assert custom(iam, "s3:GetObject", OBJECT, [own], ContextEntries=name)["EvalDecision"] == "allowed"


def test_boundaries(iam):
    everything = [policy(allow("*"))]
    limit = [policy(allow("s3:*"), deny("s3:DeleteObject"))]
    for action, decision, within in [
        ("s3:GetObject", "allowed", True),
        ("sqs:SendMessage", "implicitDeny", False),
        ("s3:DeleteObject", "explicitDeny", False),
    ]:
        result = custom(iam, action, policies=everything, PermissionsBoundaryPolicyInputList=limit)
        assert result["EvalDecision"] == decision
        assert result["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": within}
    assert "PermissionsBoundaryDecisionDetail" not in custom(iam, "s3:GetObject", policies=everything)


def test_resource_policies(iam):
    def bucket(principal, effect="Allow"):
        statement = {"Effect": effect, "Principal": principal, "Action": "s3:*", "Resource": f"{BUCKET}/*"}
        return {"ResourcePolicy": policy(statement), "CallerArn": ANN}

    nothing, read = policy(allow("sqs:*")), policy(allow("s3:GetObject"))
    own = custom(iam, "s3:GetObject", OBJECT, [nothing], **bucket({"AWS": ANN}))
    assert own["EvalDecision"] == "allowed" and own["EvalDecisionDetails"] == {}
    assert ids(own) == ["ResourcePolicy"] and own["MatchedStatements"][0]["SourcePolicyType"] == "Resource Policy"
    denied = custom(iam, "s3:GetObject", OBJECT, [read], **bucket("*", "Deny"))
    assert denied["EvalDecision"] == "explicitDeny"
    other = {"ResourceOwner": f"arn:aws:iam::{SECOND}:root"}
    across = custom(iam, "s3:GetObject", OBJECT, [nothing], **bucket({"AWS": ANN}), **other)
    assert across["EvalDecision"] == "implicitDeny"
    assert across["EvalDecisionDetails"] == {"IAM Policy": "implicitDeny", "Resource Policy": "allowed"}
    both = custom(iam, "s3:GetObject", OBJECT, [read], **bucket({"AWS": ANN}), **other)
    assert both["EvalDecision"] == "allowed" and ids(both) == ["ResourcePolicy", "PolicyInputList.1"]


def test_trust_policies(iam):
    role = f"arn:aws:iam::{FIRST}:role/app"

    def assume(principal):
        trust = policy({"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"})
        return custom(iam, "sts:AssumeRole", role, [policy(allow("sts:*"))], ResourcePolicy=trust, CallerArn=ANN)

    assert assume(ANN)["EvalDecision"] == "allowed"
    assert assume(f"arn:aws:iam::{FIRST}:user/bob")["EvalDecision"] == "implicitDeny"


def test_principals(iam):
    def simulate(arn, action, resource, **more):
        answer = iam.simulate_principal_policy(
            PolicySourceArn=arn, ActionNames=[action], ResourceArns=[resource], **more
        )
        return answer["EvaluationResults"][0]

    read = simulate(ANN, "s3:GetObject", OBJECT)
    assert read["EvalDecision"] == "allowed" and ids(read) == ["user_ann_read"]
    assert ids(simulate(ANN, "s3:GetObject", f"{BUCKET}/secret")) == ["own"]
    queues = simulate(ANN, "sqs:ListQueues", "*")
    assert queues["EvalDecision"] == "allowed" and ids(queues) == ["AmazonSQSFullAccess"]
    more = simulate(ANN, "s3:PutObject", OBJECT, PolicyInputList=[policy(allow("s3:PutObject"))])
    assert more["EvalDecision"] == "allowed" and ids(more) == ["PolicyInputList.1"]
    role = f"arn:aws:iam::{FIRST}:role/app"
    limited = simulate(role, "s3:GetObject", OBJECT)
    assert limited["EvalDecision"] == "implicitDeny"
    assert limited["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}
    instead = simulate(role, "s3:GetObject", OBJECT, PermissionsBoundaryPolicyInputList=[policy(allow("s3:*"))])
    assert instead["EvalDecision"] == "allowed" and ids(instead) == ["role_app_all"]


def test_context_keys(iam):
    document = policy(
        allow("s3:*", BUCKET + "/${aws:username}", Condition={"StringLike": {"s3:prefix": "${aws:PrincipalTag/t}"}}),
        deny("s3:*", Condition={"Null": {"S3:Prefix": "true", "aws:TokenIssueTime": "true"}}),
    )
    keys = iam.get_context_keys_for_custom_policy(PolicyInputList=[document, document])["ContextKeyNames"]
    assert keys == ["aws:username", "s3:prefix", "aws:PrincipalTag/t", "aws:TokenIssueTime"]
    assert iam.get_context_keys_for_principal_policy(PolicySourceArn=ANN)["ContextKeyNames"] == []
    both = iam.get_context_keys_for_principal_policy(PolicySourceArn=ANN, PolicyInputList=[document])
    assert both["ContextKeyNames"] == keys


def test_pages(iam):
    actions = [f"s3:Action{number}" for number in range(23)]
    paginator = iam.get_paginator("simulate_custom_policy")
    pages = list(
        paginator.paginate(
            PolicyInputList=[policy(allow("s3:*"))],
            ActionNames=actions,
            ResourceArns=[BUCKET, OBJECT],
            PaginationConfig={"PageSize": 10},
        )
    )
    assert [len(page["EvaluationResults"]) for page in pages] == [10, 10, 10, 10, 6]
    found = [(r["EvalActionName"], r["EvalResourceName"]) for page in pages for r in page["EvaluationResults"]]
    assert found == [(action, resource) for action in actions for resource in (BUCKET, OBJECT)]


def test_refusals(iam):
    simulate, principal = iam.simulate_custom_policy, iam.simulate_principal_policy
    ask = {"PolicyInputList": [policy(allow("*"))], "ActionNames": ["s3:GetObject"]}
    for more, message in [
        ({"ResourceArns": ["key"]}, "ResourceNames are not in a valid ARN format: key."),
        ({"ResourceOwner": SECOND}, f"'{SECOND}' is not a valid as a Resource Owner."),
        ({"CallerArn": f"arn:aws:iam::{FIRST}:role/app"}, "Invalid caller - Caller must be an IAM user in this context."),
        ({"ResourcePolicy": policy({**allow("s3:*"), "Principal": "*"})}, "Invalid caller"),
        ({"ActionNames": ["s3:*"]}, "Invalid Input Actions"),
        ({"PolicyInputList": ["{"]}, "Invalid Input Policy: The policy is not in the valid JSON format."),
        ({"PolicyInputList": ["{}"]}, "Invalid Input Policy: Syntax errors in policy."),
        ({"PermissionsBoundaryPolicyInputList": [policy(allow("*"))] * 2}, "Only one permissions boundary"),
    ]:
        code, found = refusal(simulate, **{**ask, **more})
        assert code == "InvalidInput" and found.startswith(message), found
    session = f"arn:aws:sts::{FIRST}:assumed-role/app/session"
    for arn, code, message in [
        (session, "InvalidInput", f"Invalid Entity Arn: {session} does not clearly define entity type and name."),
        (f"arn:aws:iam::{SECOND}:role/app", "InvalidInput", "Invalid Policy Source Arn"),
        (f"arn:aws:iam::{FIRST}:role/none", "NoSuchEntity", "The role with name none cannot be found."),
        (f"arn:aws:iam::{FIRST}:user/ann", "NoSuchEntity", "The user with name ann cannot be found."),
        (f"arn:aws:iam::{FIRST}:group/g", "NoSuchEntity", "The group with name g cannot be found."),
    ]:
        found = refusal(principal, PolicySourceArn=arn, ActionNames=["s3:GetObject"])
        assert found[0] == code and found[1].startswith(message), found
        assert refusal(iam.get_context_keys_for_principal_policy, PolicySourceArn=arn)[0] == code


def test_rights(server, iam):
    iam.create_user(UserName="auditor")
    statement = allow("iam:SimulatePrincipalPolicy", ANN)
    iam.put_user_policy(UserName="auditor", PolicyName="p", PolicyDocument=policy(statement))
    key = iam.create_access_key(UserName="auditor")["AccessKey"]
    auditor = server.client("iam", key=(key["AccessKeyId"], key["SecretAccessKey"]))
    auditor.simulate_principal_policy(PolicySourceArn=ANN, ActionNames=["s3:GetObject"])
    role = f"arn:aws:iam::{FIRST}:role/app"
    code, message = refusal(auditor.simulate_principal_policy, PolicySourceArn=role, ActionNames=["s3:GetObject"])
    assert code == "AccessDenied" and f"iam:SimulatePrincipalPolicy on resource: {role} " in message


def test_aws_cli(server, iam):
    def aws(*arguments):
        return json.loads(server.run("aws", "iam", *arguments, "--output", "json").stdout)

    answer = aws("simulate-principal-policy", "--policy-source-arn", ANN, "--action-names", "s3:GetObject",
                 "--resource-arns", OBJECT)  # fmt: skip
    assert answer["EvaluationResults"][0]["EvalDecision"] == "allowed"
    time = "ContextKeyName='aws:CurrentTime',ContextKeyValues='2014-08-16T12:00:00Z',ContextKeyType=date"
    late = policy(allow("dynamodb:*", Condition={"DateGreaterThan": {"aws:CurrentTime": "2015-08-16T12:00:00Z"}}))
    answer = aws("simulate-custom-policy", "--policy-input-list", late, "--action-names", "dynamodb:CreateBackup",
                 "--context-entries", time)  # fmt: skip
    (result,) = answer["EvaluationResults"]
    assert result["EvalDecision"] == "implicitDeny" and result["MissingContextValues"] == []
    keys = aws("get-context-keys-for-custom-policy", "--policy-input-list", late)
    assert keys["ContextKeyNames"] == ["aws:CurrentTime"]
    assert aws("get-context-keys-for-principal-policy", "--policy-source-arn", ANN)["ContextKeyNames"] == []
