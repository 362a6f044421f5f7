"""IAM through boto3: every kind of entity, AWS's words when it refuses, pages, quotas, what terraform and eksctl call."""

import concurrent.futures
import json
import re
import signal
import urllib.parse

import pytest
from botocore.exceptions import ClientError
from conftest import FIRST, SECOND



def policy(**statement):
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]}


READ = policy(Action="s3:GetObject", Resource="arn:aws:s3:::b/*")
EC2 = policy(Principal={"Service": "ec2.amazonaws.com"}, Action="sts:AssumeRole")
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"


@pytest.fixture
def iam(server):
    return server.client("iam")


def refusal(call, **params):
    """Code, status and message of a call that must fail."""
    with pytest.raises(ClientError) as refused:
        call(**params)
    response = refused.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Message"]


def make_role(iam, name, **more):
    return iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(EC2), **more)["Role"]


def web_identity(account, issuer):
    return policy(
        Principal={"Federated": f"arn:aws:iam::{account}:oidc-provider/{issuer}"},
        Action="sts:AssumeRoleWithWebIdentity",
        Condition={"StringEquals": {f"{issuer}:sub": "system:serviceaccount:shop:api"}},
    )


def test_role(iam):
    made = make_role(iam, "crud", Path="/team/", Description="d", Tags=[{"Key": "Team", "Value": "a"}])
    assert made["Arn"] == f"arn:aws:iam::{FIRST}:role/team/crud"
    assert re.fullmatch(r"AROA[A-Z2-7]{17}", made["RoleId"])
    assert made["AssumeRolePolicyDocument"] == EC2
    got = iam.get_role(RoleName="crud")["Role"]
    assert got["AssumeRolePolicyDocument"] == EC2, "boto3 decodes the URL-encoded document"
    assert (got["MaxSessionDuration"], got["RoleLastUsed"], got["Tags"]) == (3600, {}, [{"Key": "Team", "Value": "a"}])
    trust = web_identity(FIRST, "oidc.example.com/id/A1")
    iam.update_assume_role_policy(RoleName="crud", PolicyDocument=json.dumps(trust, indent=2))
    assert iam.get_role(RoleName="crud")["Role"]["AssumeRolePolicyDocument"] == trust
    assert refusal(make_role, iam=iam, name="CRUD") == ("EntityAlreadyExists", 409, "Role with name CRUD already exists.")
    iam.delete_role(RoleName="crud")
    gone = ("NoSuchEntity", 404, "The role with name crud cannot be found.")
    assert refusal(iam.get_role, RoleName="crud") == gone
    assert refusal(iam.delete_role, RoleName="crud") == gone


def test_documents_are_url_encoded_on_the_wire(server, iam):
    """RFC 3986: nothing but unreserved characters is left as it is."""
    seen = []
    iam.meta.events.register(
        "before-parse.iam.GetRole", lambda response_dict, **_: seen.append(response_dict["body"].decode())
    )
    make_role(iam, "encoded")
    iam.get_role(RoleName="encoded")
    (document,) = re.findall("<AssumeRolePolicyDocument>(.*?)</AssumeRolePolicyDocument>", seen[0])
    assert re.fullmatch(r"([A-Za-z0-9._~-]|%[0-9A-F]{2})+", document)
    assert json.loads(urllib.parse.unquote(document)) == EC2


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "This policy contains invalid Json"),
        (json.dumps(READ), "Has prohibited field Resource"),
        (
            json.dumps(policy(Principal={"AWS": f"arn:aws:iam::{FIRST}:role/nobody"}, Action="sts:AssumeRole")),
            f'Invalid principal in policy: "AWS":"arn:aws:iam::{FIRST}:role/nobody"',
        ),
        (
            json.dumps(policy(Principal="*", Action="s3:*")),
            "AssumeRole policy may only specify STS AssumeRole actions",
        ),
    ],
)
def test_trust_policies_that_aws_refuses(iam, document, message):
    refused = refusal(iam.create_role, RoleName="refused", AssumeRolePolicyDocument=document)
    assert refused == ("MalformedPolicyDocument", 400, message)


def test_comments_in_json_are_refused(iam):
    """The `//` comment of a well-known write-up, which IAM has never accepted."""
    document = json.dumps(READ, indent=1).replace('"Effect"', '// the bucket\n"Effect"')
    code, status, _ = refusal(iam.create_policy, PolicyName="commented", PolicyDocument=document)
    assert (code, status) == ("MalformedPolicyDocument", 400)


def test_trust_follows_the_principal_and_not_its_name(server, iam):
    """IAM User Guide, "AWS JSON policy elements: Principal"."""
    caller = make_role(iam, "trusted")
    trust = policy(Principal={"AWS": caller["Arn"]}, Action="sts:AssumeRole")
    other = server.client("iam", SECOND)
    other.create_role(RoleName="target", AssumeRolePolicyDocument=json.dumps(trust))

    def trusted():
        return other.get_role(RoleName="target")["Role"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["AWS"]

    assert trusted() == caller["Arn"]
    iam.delete_role(RoleName="trusted")
    assert trusted() == caller["RoleId"]
    assert make_role(iam, "trusted")["RoleId"] != caller["RoleId"]
    assert trusted() == caller["RoleId"]


def test_policy_versions(iam):
    arn = iam.create_policy(PolicyName="versions", PolicyDocument=json.dumps(READ))["Policy"]["Arn"]
    for number in range(2, 6):
        version = iam.create_policy_version(
            PolicyArn=arn, PolicyDocument=json.dumps(READ), SetAsDefault=number == 3
        )["PolicyVersion"]
        assert (version["VersionId"], version["IsDefaultVersion"]) == (f"v{number}", number == 3)
    assert refusal(iam.create_policy_version, PolicyArn=arn, PolicyDocument=json.dumps(READ)) == (
        "LimitExceeded",
        409,
        "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.",
    )
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v3"
    assert iam.get_policy_version(PolicyArn=arn, VersionId="v3")["PolicyVersion"]["Document"] == READ
    assert refusal(iam.delete_policy_version, PolicyArn=arn, VersionId="v3")[0] == "DeleteConflict"
    for version in ("v1", "v2", "v4", "v5"):
        iam.delete_policy_version(PolicyArn=arn, VersionId=version)
    iam.delete_policy(PolicyArn=arn)
    assert refusal(iam.get_policy, PolicyArn=arn) == ("NoSuchEntity", 404, f"Policy {arn} was not found.")


def test_quotas(iam):
    def sized(size):
        empty = len(json.dumps({**READ, "Id": ""}, separators=(",", ":")))
        return json.dumps({**READ, "Id": "a" * (size - empty)}, indent=8)

    arn = iam.create_policy(PolicyName="fits", PolicyDocument=sized(6144))["Policy"]["Arn"]
    too_large = refusal(iam.create_policy, PolicyName="large", PolicyDocument=sized(6145))
    assert too_large == ("LimitExceeded", 409, "Cannot exceed quota for PolicySize: 6144")
    make_role(iam, "full")
    iam.put_role_policy(RoleName="full", PolicyName="half", PolicyDocument=sized(5120))
    iam.put_role_policy(RoleName="full", PolicyName="other", PolicyDocument=sized(5120))
    assert refusal(iam.put_role_policy, RoleName="full", PolicyName="third", PolicyDocument=json.dumps(READ)) == (
        "LimitExceeded",
        409,
        "Maximum policy size of 10240 bytes exceeded for role full",
    )
    for number in range(10):
        made = iam.create_policy(PolicyName=f"full{number}", PolicyDocument=json.dumps(READ))
        iam.attach_role_policy(RoleName="full", PolicyArn=made["Policy"]["Arn"])
    over = refusal(iam.attach_role_policy, RoleName="full", PolicyArn=arn)
    assert over == ("LimitExceeded", 409, "Cannot exceed quota for PoliciesPerRole: 10")
    names = [f"system:serviceaccount:team-{number}:notebook" for number in range(60)]
    trust = web_identity(FIRST, "oidc.example.com/id/A1")
    trust["Statement"][0]["Condition"]["StringEquals"]["oidc.example.com/id/A1:sub"] = names
    over = refusal(iam.update_assume_role_policy, RoleName="full", PolicyDocument=json.dumps(trust))
    assert over == ("LimitExceeded", 409, "Cannot exceed quota for ACLSizePerRole: 2048")


def test_pages(fresh_server):
    iam = fresh_server().client("iam")
    names = sorted(f"r{number}" for number in range(250))
    for name in names:
        make_role(iam, name, Path="/paged/" if name.endswith("5") else "/")
    page = iam.list_roles()
    assert (len(page["Roles"]), page["IsTruncated"]) == (100, True)
    paginator = iam.get_paginator("list_roles")
    assert [role["RoleName"] for page in paginator.paginate() for role in page["Roles"]] == names
    few = paginator.paginate(PathPrefix="/paged/", PaginationConfig={"PageSize": 7})
    few = [role["RoleName"] for page in few for role in page["Roles"]]
    assert few == [name for name in names if name.endswith("5")]
    assert refusal(iam.list_roles, Marker="not a marker")[0] == "ValidationError"


def test_concurrent_writes_lose_nothing(server, iam):
    """Attachments of one role from many clients at once: each is there, and counted once."""
    make_role(iam, "busy")
    made = [iam.create_policy(PolicyName=f"busy{number}", PolicyDocument=json.dumps(READ)) for number in range(8)]
    arns = [one["Policy"]["Arn"] for one in made]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda arn: server.client("iam").attach_role_policy(RoleName="busy", PolicyArn=arn), arns * 2))
    attached = iam.list_attached_role_policies(RoleName="busy")["AttachedPolicies"]
    assert sorted(one["PolicyArn"] for one in attached) == arns
    assert {iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] for arn in arns} == {1}


def test_only_two_keys_however_many_ask_at_once(server, iam):
    iam.create_user(UserName="keys")

    def create(_):
        try:
            return server.client("iam").create_access_key(UserName="keys")["AccessKey"]["AccessKeyId"]
        except ClientError as error:
            return error.response["Error"]["Code"]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        made = list(pool.map(create, range(8)))
    assert made.count("LimitExceeded") == 6
    assert len(iam.list_access_keys(UserName="keys")["AccessKeyMetadata"]) == 2


def test_aws_managed_policies(iam):
    arn = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    version = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]
    assert "s3:Get*" in version["Document"]["Statement"][0]["Action"]
    pages = iam.get_paginator("list_policies").paginate(Scope="AWS", PaginationConfig={"PageSize": 5})
    names = [listed["PolicyName"] for page in pages for listed in page["Policies"]]
    assert {"AdministratorAccess", "AmazonEKS_CNI_Policy"} <= set(names) and len(names) == len(set(names))
    assert refusal(iam.delete_policy, PolicyArn=arn)[:2] == ("AccessDenied", 403)


def test_a_key_from_creation_to_deletion(server, iam):
    """A new key works at once; an inactive or deleted one no longer."""
    iam.create_user(UserName="ann")
    made = iam.create_access_key(UserName="ann")["AccessKey"]
    key = (made["AccessKeyId"], made["SecretAccessKey"])
    sts = server.client("sts", key=key)
    assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{FIRST}:user/ann"
    iam.update_access_key(UserName="ann", AccessKeyId=key[0], Status="Inactive")
    invalid = ("InvalidClientTokenId", 403, "The security token included in the request is invalid.")
    assert refusal(sts.get_caller_identity) == invalid
    iam.update_access_key(UserName="ann", AccessKeyId=key[0], Status="Active")
    assert refusal(server.client("iam", key=key).get_user)[0] == "AccessDenied"
    own = policy(Action=["iam:GetUser", "iam:*AccessKey*"], Resource=f"arn:aws:iam::{FIRST}:user/${{aws:username}}")
    iam.put_user_policy(UserName="ann", PolicyName="own", PolicyDocument=json.dumps(own))
    own = server.client("iam", key=key)
    assert own.get_user()["User"]["UserName"] == "ann"
    assert own.list_access_keys()["AccessKeyMetadata"][0]["AccessKeyId"] == key[0]
    assert refusal(own.list_access_keys, UserName="administrator")[0] == "AccessDenied"
    own.delete_access_key(AccessKeyId=key[0])
    assert refusal(sts.get_caller_identity) == invalid


def test_a_users_session_cannot_call_iam(server):
    """STS API reference, "GetSessionToken": IAM needs MFA information, and there is no MFA here."""
    session = server.client("sts").get_session_token()["Credentials"]
    key = (session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
    assert server.client("sts", key=key).get_caller_identity()["Account"] == FIRST
    assert refusal(server.client("iam", key=key).list_users)[:2] == ("InvalidClientTokenId", 403)


def test_accounts_are_apart(server, iam):
    arn = iam.create_policy(PolicyName="private", PolicyDocument=json.dumps(READ))["Policy"]["Arn"]
    other = server.client("iam", SECOND)
    make_role(other, "apart")
    assert refusal(other.get_policy, PolicyArn=arn)[0] == "NoSuchEntity"
    assert refusal(other.attach_role_policy, RoleName="apart", PolicyArn=arn)[0] == "NoSuchEntity"
    assert refusal(iam.get_role, RoleName="apart")[0] == "NoSuchEntity"
    assert "private" not in str(other.list_policies(Scope="Local"))


def test_everything_is_there_after_a_kill(fresh_server, tmp_path):
    server = fresh_server(data=tmp_path, ephemeral=False)
    iam = server.client("iam")
    make_role(iam, "kept", Tags=[{"Key": "k", "Value": "v"}])
    iam.put_role_policy(RoleName="kept", PolicyName="p", PolicyDocument=json.dumps(READ))
    arn = iam.create_policy(PolicyName="kept", PolicyDocument=json.dumps(READ))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="kept", PolicyArn=arn)
    before = iam.get_role(RoleName="kept")["Role"]
    server.stop(signal.SIGKILL)
    iam = fresh_server(data=tmp_path, ephemeral=False).client("iam")
    assert iam.get_role(RoleName="kept")["Role"] == before
    assert iam.get_role_policy(RoleName="kept", PolicyName="p")["PolicyDocument"] == READ
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1


def test_what_terraform_calls_for_a_role(server):
    """terraform-provider-aws: configure; aws_iam_policy, aws_iam_role, the attachment; update; destroy."""
    iam = server.client("iam")
    iam.get_user()
    server.client("sts").get_caller_identity()
    iam.list_roles(MaxItems=1)

    arn = iam.create_policy(PolicyName="tf", PolicyDocument=json.dumps(READ), Path="/")["Policy"]["Arn"]
    made = iam.get_policy(PolicyArn=arn)["Policy"]
    assert made["Tags"] == []
    iam.get_policy_version(PolicyArn=arn, VersionId=made["DefaultVersionId"])
    trust = web_identity(FIRST, "oidc.example.com/id/A1")
    iam.create_role(RoleName="tf", AssumeRolePolicyDocument=json.dumps(trust), MaxSessionDuration=3600, Path="/")
    role = iam.get_role(RoleName="tf")["Role"]
    assert role["Arn"].startswith("arn:") and "Description" not in role and "PermissionsBoundary" not in role
    assert iam.list_role_policies(RoleName="tf")["PolicyNames"] == []
    assert iam.list_attached_role_policies(RoleName="tf")["AttachedPolicies"] == []
    iam.attach_role_policy(RoleName="tf", PolicyArn=arn)
    (attached,) = iam.list_attached_role_policies(RoleName="tf")["AttachedPolicies"]
    assert attached == {"PolicyName": "tf", "PolicyArn": arn}

    iam.update_role_description(RoleName="tf", Description="new")
    iam.update_role(RoleName="tf", MaxSessionDuration=7200)
    iam.put_role_permissions_boundary(RoleName="tf", PermissionsBoundary=READ_ONLY)
    iam.tag_role(RoleName="tf", Tags=[{"Key": "a", "Value": "1"}])
    iam.untag_role(RoleName="tf", TagKeys=["a"])
    role = iam.get_role(RoleName="tf")["Role"]
    assert (role["Description"], role["MaxSessionDuration"]) == ("new", 7200)
    assert role["PermissionsBoundary"] == {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": READ_ONLY}
    iam.delete_role_permissions_boundary(RoleName="tf")
    iam.list_policy_versions(PolicyArn=arn)
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(READ), SetAsDefault=True)
    assert refusal(iam.delete_role, RoleName="tf")[:2] == ("DeleteConflict", 409)

    iam.detach_role_policy(RoleName="tf", PolicyArn=arn)
    assert refusal(iam.detach_role_policy, RoleName="tf", PolicyArn=arn)[0] == "NoSuchEntity"
    assert iam.list_instance_profiles_for_role(RoleName="tf")["InstanceProfiles"] == []
    iam.delete_role(RoleName="tf")
    iam.delete_policy_version(PolicyArn=arn, VersionId="v1")
    iam.delete_policy(PolicyArn=arn)


def test_what_terraform_calls_for_a_user(iam):
    """aws_iam_user with force_destroy, aws_iam_access_key, aws_iam_user_policy_attachment."""
    iam.create_user(UserName="tf", Path="/", Tags=[{"Key": "a", "Value": "1"}])
    iam.get_user(UserName="tf")
    iam.attach_user_policy(UserName="tf", PolicyArn=READ_ONLY)
    iam.list_attached_user_policies(UserName="tf")
    key = iam.create_access_key(UserName="tf")["AccessKey"]["AccessKeyId"]
    assert iam.get_access_key_last_used(AccessKeyId=key)["UserName"] == "tf"
    iam.update_user(UserName="tf", NewUserName="tf2", NewPath="/moved/")
    assert iam.list_access_keys(UserName="tf2")["AccessKeyMetadata"][0]["UserName"] == "tf2"
    assert refusal(iam.delete_user, UserName="tf2") == (
        "DeleteConflict",
        409,
        "Cannot delete entity, must delete access keys first.",
    )

    assert iam.list_groups_for_user(UserName="tf2")["Groups"] == []
    iam.delete_access_key(UserName="tf2", AccessKeyId=key)
    assert iam.list_ssh_public_keys(UserName="tf2")["SSHPublicKeys"] == []
    assert iam.list_virtual_mfa_devices(AssignmentStatus="Assigned")["VirtualMFADevices"] == []
    assert iam.list_mfa_devices(UserName="tf2")["MFADevices"] == []
    assert refusal(iam.delete_login_profile, UserName="tf2") == (
        "NoSuchEntity",
        404,
        "Login Profile for User tf2 cannot be found.",
    )
    assert iam.list_signing_certificates(UserName="tf2")["Certificates"] == []
    assert iam.list_service_specific_credentials(UserName="tf2")["ServiceSpecificCredentials"] == []
    iam.detach_user_policy(UserName="tf2", PolicyArn=READ_ONLY)
    assert iam.list_user_policies(UserName="tf2")["PolicyNames"] == []
    iam.delete_user(UserName="tf2")


def test_what_terraform_and_eksctl_call_for_a_provider(iam):
    """eksctl asks for the provider first and puts `:443` into the URL that it creates."""
    arn = f"arn:aws:iam::{FIRST}:oidc-provider/oidc.eks.example.com/id/B2"
    absent = ("NoSuchEntity", 404, f"OpenIDConnect Provider not found for arn {arn}")
    assert refusal(iam.get_open_id_connect_provider, OpenIDConnectProviderArn=arn) == absent
    made = iam.create_open_id_connect_provider(
        Url="https://oidc.eks.example.com:443/id/B2",
        ClientIDList=["sts.amazonaws.com"],
        ThumbprintList=["9e99a48a9960b14926bb7f3b02e22da2b0ab7280"],
        Tags=[{"Key": "alpha.eksctl.io/cluster-name", "Value": "c"}],
    )
    assert made["OpenIDConnectProviderArn"] == arn
    got = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert (got["Url"], got["ClientIDList"]) == ("oidc.eks.example.com/id/B2", ["sts.amazonaws.com"])
    # `localhost:4567/…` is no host and path to those who parse it, so that a port keeps the scheme.
    with_port = iam.create_open_id_connect_provider(Url="https://localhost:4567/id/B2")["OpenIDConnectProviderArn"]
    assert iam.get_open_id_connect_provider(OpenIDConnectProviderArn=with_port)["Url"] == "https://localhost:4567/id/B2"
    again = refusal(iam.create_open_id_connect_provider, Url="https://oidc.eks.example.com/id/B2")
    assert again == ("EntityAlreadyExists", 409, "Provider with url https://oidc.eks.example.com/id/B2 already exists.")
    iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="other")
    iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="sts.amazonaws.com")
    iam.update_open_id_connect_provider_thumbprint(OpenIDConnectProviderArn=arn, ThumbprintList=["0" * 40])
    iam.tag_open_id_connect_provider(OpenIDConnectProviderArn=arn, Tags=[{"Key": "k", "Value": "v"}])
    iam.untag_open_id_connect_provider(OpenIDConnectProviderArn=arn, TagKeys=["alpha.eksctl.io/cluster-name"])
    got = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert (got["ClientIDList"], got["ThumbprintList"]) == (["other"], ["0" * 40])
    assert got["Tags"] == [{"Key": "k", "Value": "v"}]
    assert {"Arn": arn} in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert refusal(iam.get_open_id_connect_provider, OpenIDConnectProviderArn=arn) == absent
    bad = refusal(iam.create_open_id_connect_provider, Url="http://oidc.eks.example.com/id/B2")
    assert bad == ("ValidationError", 400, "Invalid Open ID Connect Provider URL")


def test_rights_can_be_given_by_boundary_tag_and_policy(server, iam):
    """A delegated administrator who may make roles only under a boundary (IAM User Guide, "Permissions boundaries")."""
    iam.create_user(UserName="delegate")
    key = iam.create_access_key(UserName="delegate")["AccessKey"]
    statements = [
        {
            "Effect": "Allow",
            "Action": ["iam:CreateRole", "iam:AttachRolePolicy", "iam:DeleteRole", "iam:DetachRolePolicy"],
            "Resource": "*",
            "Condition": {"StringEquals": {"iam:PermissionsBoundary": READ_ONLY}},
        },
        {
            "Effect": "Deny",
            "Action": "iam:AttachRolePolicy",
            "Resource": "*",
            "Condition": {"ArnLike": {"iam:PolicyARN": "arn:aws:iam::aws:policy/Administrator*"}},
        },
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_user_policy(UserName="delegate", PolicyName="p", PolicyDocument=document)
    delegate = server.client("iam", key=(key["AccessKeyId"], key["SecretAccessKey"]))
    assert refusal(make_role, iam=delegate, name="bounded")[0] == "AccessDenied"
    make_role(delegate, "bounded", PermissionsBoundary=READ_ONLY)
    delegate.attach_role_policy(RoleName="bounded", PolicyArn=READ_ONLY)
    code, status, message = refusal(
        delegate.attach_role_policy, RoleName="bounded", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"
    )
    assert (code, status) == ("AccessDenied", 403)
    assert message.startswith(
        f"User: arn:aws:iam::{FIRST}:user/delegate is not authorized to perform: iam:AttachRolePolicy "
        f"on resource: arn:aws:iam::{FIRST}:role/bounded with an explicit deny in an identity-based policy"
    )
