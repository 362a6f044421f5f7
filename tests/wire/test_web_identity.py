"""AssumeRoleWithWebIdentity with tokens of an issuer that is not ours: what is verified, and what each failure says."""

import json
import time
import urllib.parse
import urllib.request

import boto3
import botocore
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import rsa
from conftest import FIRST, REGION, SECOND
from issuer import Issuer

ND = "Not authorized to perform sts:AssumeRoleWithWebIdentity"


class World:
    """A server, an issuer that it may reach, a provider and a role that trusts dev/s3-app."""

    def __init__(self, server, issuer):
        self.server, self.issuer = server, issuer
        self.iam = server.client("iam")
        self.provider = self.iam.create_open_id_connect_provider(Url=issuer.url, ClientIDList=["sts.amazonaws.com"])[
            "OpenIDConnectProviderArn"
        ]
        self.role = self.make_role("s3-app", {"StringEquals": {f"{issuer.name}:sub": "system:serviceaccount:dev:s3-app"}})

    def make_role(self, name, condition, **changes):
        statement = {
            "Effect": "Allow",
            "Principal": {"Federated": self.provider},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": condition,
        }
        document = {"Version": "2012-10-17", "Statement": [statement | changes]}
        role = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))
        return role["Role"]["Arn"]

    def exchange(self, token, role=None, **more):
        sts = boto3.client(
            "sts",
            endpoint_url=self.server.endpoint,
            region_name=REGION,
            config=Config(signature_version=botocore.UNSIGNED, retries={"max_attempts": 0}),
        )
        more.setdefault("RoleSessionName", "test")
        return sts.assume_role_with_web_identity(RoleArn=role or self.role, WebIdentityToken=token, **more)

    def refused(self, token, code, message, role=None, status=None, **more):
        with pytest.raises(ClientError) as refusal:
            self.exchange(token, role, **more)
        error = refusal.value.response["Error"]
        assert error["Code"] == code, error
        assert error["Message"].startswith(message), error
        if status:
            assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
        return refusal.value.response


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    from conftest import Server

    issuer = Issuer(tmp_path_factory.mktemp("issuer"))
    server = Server("--issuer-ca", issuer.ca, "--issuer-allow", "127.0.0.0/8", "--issuer-allow", "::1/128")
    yield World(server, issuer)
    server.remove()
    issuer.stop()


def test_a_genuine_token_gives_credentials_that_work(world):
    answer = world.exchange(world.issuer.token() + "\n")
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{FIRST}:assumed-role/s3-app/test"
    assert answer["AssumedRoleUser"]["AssumedRoleId"].startswith("AROA")
    assert answer["SubjectFromWebIdentityToken"] == "system:serviceaccount:dev:s3-app"
    assert answer["Provider"] == world.issuer.url
    assert answer["Audience"] == "sts.amazonaws.com"
    assert "PackedPolicySize" not in answer
    credentials = answer["Credentials"]
    assert credentials["AccessKeyId"].startswith("ASIA")
    key = credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"]
    identity = world.server.client("sts", key=key).get_caller_identity()
    assert identity["Arn"] == answer["AssumedRoleUser"]["Arn"]
    assert identity["UserId"] == answer["AssumedRoleUser"]["AssumedRoleId"]
    info = world.server.client("sts").get_access_key_info(AccessKeyId=credentials["AccessKeyId"])
    assert info["Account"] == FIRST


def test_ecdsa_tokens_and_rotated_keys_are_found(world):
    time.sleep(5.1)  # an unknown kid is looked up at most every five seconds
    world.issuer.add_ec_key("second")
    assert world.exchange(world.issuer.token(kid="second"))["Credentials"]


def test_a_get_without_signature_works_too(world):
    query = urllib.parse.urlencode(
        {
            "Action": "AssumeRoleWithWebIdentity",
            "Version": "2011-06-15",
            "RoleArn": world.role,
            "RoleSessionName": "by-get",
            "WebIdentityToken": world.issuer.token(),
        }
    )
    with urllib.request.urlopen(f"{world.server.endpoint}/?{query}") as answer:
        assert b"<SessionToken>" in answer.read()


def test_json_when_the_caller_accepts_it(world):
    query = urllib.parse.urlencode({"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15"})
    request = urllib.request.Request(f"{world.server.endpoint}/?{query}", headers={"accept": "application/json"})
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(request)
    assert json.load(refusal.value)["Error"]["Code"] == "ValidationError"


@pytest.mark.parametrize(
    ("what", "make"),
    [
        ("alg none", lambda issuer: issuer.unsigned_token()),
        ("HS256 with the public key", lambda issuer: issuer.hmac_token()),
        ("a foreign key under a known kid", lambda issuer: issuer.token(key=rsa.generate_private_key(65537, 2048))),
        ("claims changed after signing", lambda issuer: issuer.token().replace(".", ".eyJ4IjoxfQ", 1)),
        ("no signature", lambda issuer: issuer.token().rsplit(".", 1)[0] + "."),
        ("garbage", lambda issuer: "garbage"),
        ("three dots", lambda issuer: "a.b.c"),
        ("a critical extension", lambda issuer: issuer.token(header={"crit": ["x"], "x": 1})),
        ("no issuer", lambda issuer: issuer.token(iss=None)),
        ("no expiry", lambda issuer: issuer.token(exp=None)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_forged_and_malformed_tokens_are_invalid(world, what, make):
    world.refused(make(world.issuer), "InvalidIdentityToken", "", status=400)


def test_an_unknown_kid_has_awss_message(world):
    key = next(iter(world.issuer.keys.values()))
    token = world.issuer.token(kid="nobody", key=key)
    world.refused(token, "InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider,  please", status=400)


def test_unknown_kids_do_not_flood_the_issuer(world):
    key = next(iter(world.issuer.keys.values()))
    before = len(world.issuer.requests)
    for number in range(50):
        world.refused(world.issuer.token(kid=f"nobody-{number}", key=key), "InvalidIdentityToken", "Couldn't")
    assert len(world.issuer.requests) - before <= 4


def test_times(world):
    now = int(time.time())
    world.refused(world.issuer.token(exp=now - 10), "ExpiredTokenException", "Token expired: current date/time", status=400)
    world.refused(world.issuer.token(iat=now - 200_000), "ExpiredTokenException", "Token too old", status=400)
    world.refused(world.issuer.token(nbf=now + 3_000, iat=now + 3_000), "InvalidIdentityToken", "")
    assert world.exchange(world.issuer.token(iat=now + 60, nbf=now + 60)), "an issuer's clock may be a little ahead"


def test_audience_and_provider(world):
    world.refused(world.issuer.token(aud=["kubernetes"]), "InvalidIdentityToken", "Incorrect token audience", status=400)
    world.refused(world.issuer.token(aud=None), "InvalidIdentityToken", "Missing a required claim: aud", status=400)
    assert world.exchange(world.issuer.token(aud="sts.amazonaws.com"))
    assert world.exchange(world.issuer.token(aud=["other", "sts.amazonaws.com"]))
    message = "No OpenIDConnect provider found in your account for https://elsewhere.example/id/A"
    world.refused(world.issuer.token(iss="https://elsewhere.example/id/A"), "InvalidIdentityToken", message, status=400)
    other_account = f"arn:aws:iam::{SECOND}:role/s3-app"
    world.refused(world.issuer.token(), "InvalidIdentityToken", "No OpenIDConnect provider", role=other_account)


def test_the_trust_policy_decides_and_says_nothing(world):
    refusal = world.refused(world.issuer.token(sub="system:serviceaccount:dev:other"), "AccessDenied", ND, status=403)
    missing = f"arn:aws:iam::{FIRST}:role/no-such-role"
    absent = world.refused(world.issuer.token(), "AccessDenied", ND, role=missing, status=403)
    # The same words for both, but for the authorization id.
    words = [answer["Error"]["Message"].split(" (authorization id")[0] for answer in (refusal, absent)]
    assert words[0] == words[1] == ND
    headers = refusal["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-irsa-authorization-id"] in refusal["Error"]["Message"]

    decision = world.server.why(refusal["Error"]["Message"])
    assert decision["subject"] == "system:serviceaccount:dev:other"
    assert decision["action"] == "sts:AssumeRoleWithWebIdentity"
    conditions = decision["explanation"]["layers"][0]["policies"][0]["statements"][0]["conditions"]
    assert conditions[0]["found"] == ["system:serviceaccount:dev:other"]
    assert conditions[0]["wanted"][0]["value"] == "system:serviceaccount:dev:s3-app"
    assert world.server.why(absent["Error"]["Message"])["code"] == "IRSA-T063"


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ({"StringLike": {"@:sub": "system:serviceaccount:dev:*"}}, True),
        ({"StringEquals": {"@:sub": "system:serviceaccount:dev:*"}}, False),
        ({"StringLike": {"@:aud": "system:serviceaccount:dev:*"}}, False),
        ({"StringEquals": {"https://@:sub": "system:serviceaccount:dev:s3-app"}}, False),
        ({"StringEquals": {"@:sub": "system:serviceaccount:dev:s3-app", "@:aud": "sts.amazonaws.com"}}, True),
        ({"StringEquals": {"@:iss": "anything"}}, False),
        ({"StringNotEquals": {"@:sub": "system:serviceaccount:dev:other"}}, True),
        ({"ForAllValues:StringEquals": {"@:amr": "nothing"}}, True),
        ({"StringEqualsIfExists": {"sts:ExternalId": "x"}}, True),
        ({"StringEquals": {"sts:RoleSessionName": "test"}}, True),
        ({"StringEquals": {"@:sub": "system:serviceaccount:dev:s3-app"}, "StringLike": {"@:sub": "x*"}}, False),
    ],
)
def test_conditions(world, condition, allowed):
    text = json.dumps(condition).replace("@", world.issuer.name)
    role = world.make_role(f"conditions-{abs(hash(text))}", json.loads(text))
    if allowed:
        assert world.exchange(world.issuer.token(), role)
    else:
        world.refused(world.issuer.token(), "AccessDenied", ND, role=role)


def test_durations(world):
    assert world.exchange(world.issuer.token(), DurationSeconds=900)
    world.refused(
        world.issuer.token(),
        "ValidationError",
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        DurationSeconds=7_200,
        status=400,
    )
    world.iam.update_role(RoleName="s3-app", MaxSessionDuration=7_200)
    long = world.exchange(world.issuer.token(), DurationSeconds=7_200)["Credentials"]["Expiration"]
    assert 7_100 < long.timestamp() - time.time() <= 7_200


def test_constraints_have_awss_text(world):
    world.refused(
        world.issuer.token(),
        "ValidationError",
        "1 validation error detected: Value 'Session1:2' at 'roleSessionName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [\\w+=,.@-]*",
        RoleSessionName="Session1:2",
        status=400,
    )
    world.refused("x" * 20_001, "ValidationError", "1 validation error detected: Value", status=400)
    world.refused(world.issuer.token(), "ValidationError", "Request ARN is invalid", role="arn:aws:iam::x:nonsense/role")


def test_a_session_policy_narrows_and_is_checked(world):
    s3_all = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    world.iam.put_role_policy(RoleName="s3-app", PolicyName="s3", PolicyDocument=json.dumps(s3_all))
    narrow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}]}
    answer = world.exchange(world.issuer.token(), Policy=json.dumps(narrow))
    assert answer["PackedPolicySize"] > 0
    credentials = answer["Credentials"]
    key = credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"]
    s3 = world.server.client("s3", key=key)
    assert s3.list_buckets()
    with pytest.raises(ClientError) as refusal:
        s3.create_bucket(Bucket="narrowed-bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
    assert "because no session policy allows" in refusal.value.response["Error"]["Message"]
    world.refused(world.issuer.token(), "MalformedPolicyDocument", "", Policy="{", status=400)


def test_tags_need_their_own_permission(world):
    tags = {"https://aws.amazon.com/tags": {"principal_tags": {"Team": ["red"]}, "transitive_tag_keys": ["Team"]}}
    world.refused(world.issuer.token(**tags), "AccessDenied", ND)
    role = world.make_role(
        "tagged",
        {"StringEquals": {"aws:RequestTag/Team": "red"}},
        Action=["sts:AssumeRoleWithWebIdentity", "sts:TagSession"],
    )
    assert world.exchange(world.issuer.token(**tags), role)
    blue = {"https://aws.amazon.com/tags": {"principal_tags": {"Team": ["blue"]}}}
    world.refused(world.issuer.token(**blue), "AccessDenied", ND, role=role)


def test_a_private_issuer_is_not_reached_unless_allowed(fresh_server, tmp_path):
    issuer = Issuer(tmp_path)
    try:
        world = World(fresh_server("--issuer-ca", issuer.ca), issuer)
        refusal = world.refused(issuer.token(), "InvalidIdentityToken", "Couldn't retrieve verification key", status=400)
        record = world.server.run("irsa", "why", "--last", "-o", "json").stdout
        assert "not a public address" in json.loads(record)["decision"]["reason"]
        assert refusal["ResponseMetadata"]["HTTPHeaders"]["x-irsa-authorization-id"] in record
        assert issuer.requests == []
    finally:
        issuer.stop()


def test_an_issuer_may_be_fetched_elsewhere(fresh_server, tmp_path):
    issuer = Issuer(tmp_path)
    reachable = issuer.url
    try:
        # The cluster calls itself by a name that nobody can reach, as kind and k3s do.
        issuer.url, issuer.name = "https://kubernetes.default.svc.cluster.local", "kubernetes.default.svc.cluster.local"
        server = fresh_server("--issuer-ca", issuer.ca, "--issuer-map", f"{issuer.url}={reachable}")
        world = World(server, issuer)
        assert world.exchange(issuer.token())
    finally:
        issuer.stop()


def test_keys_outlive_a_failing_issuer(fresh_server, tmp_path):
    issuer = Issuer(tmp_path)
    world = World(fresh_server("--issuer-ca", issuer.ca, "--issuer-allow", "127.0.0.0/8", "--issuer-allow", "::1/128"), issuer)
    assert world.exchange(issuer.token())
    issuer.status = 500
    assert world.exchange(issuer.token())
    issuer.stop()
    assert world.exchange(issuer.token())
