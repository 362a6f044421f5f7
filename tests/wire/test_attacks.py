"""Attacks: what no policy allows, what must not be fetched or told, what must not stop the server.

Tables, one row an attack. Those that failed when they were first tried stand here too, so that they keep failing.
"""

import base64
import concurrent.futures
import datetime
import hashlib
import hmac
import json
import re
import resource
import socket
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from conftest import FIRST, REGION, SECOND, Server, needs
from issuer import Issuer, b64
from test_web_identity import World

SECRET, PUBLIC = b"TOPSECRET", b"public"
EXTERNAL_ID = "the-partners-external-id"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def trust(principal, **more):
    return document({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more})


def make_user(server, name, *statements, account=FIRST):
    iam = server.client("iam", account)
    iam.create_user(UserName=name)
    if statements:
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document(*statements))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def code(call, **arguments):
    """`OK`, or the error's code."""
    try:
        call(**arguments)
        return "OK"
    except ClientError as error:
        return error.response["Error"]["Code"]


def raw(server, request, timeout=10, tls=False):
    """Sends bytes as they are and reads what comes back until the end or the timeout."""
    url = urllib.parse.urlsplit(server.tls_endpoint if tls else server.endpoint)
    connection = socket.create_connection((url.hostname, url.port), timeout)
    if tls:
        context = ssl.create_default_context(cafile=server.ca)
        connection = context.wrap_socket(connection, server_hostname="localhost")
    with connection:
        connection.sendall(request)
        answer = b""
        try:
            while data := connection.recv(65_536):
                answer += data
        except TimeoutError:
            answer += b"<timeout>"
        except OSError:
            pass
        return answer


def request(method, target, headers, body=b"", more=()):
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), *more]
    if body or method in ("PUT", "POST"):
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join([*lines, "connection: close", "", ""]).encode() + body


def outcome(answer):
    """Status and code of an answer."""
    status = int(answer[9:12]) if answer[9:12].isdigit() else 0
    found = re.search(rb"<Code>(.*?)</Code>", answer)
    return status, found.group(1).decode() if found else ""


def signed(method, path, host, key, body=b"", headers=None, service="s3"):
    """Headers whose signature covers just what is given, without a client's notions of what a path or host is."""
    stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    digest = lambda data: hashlib.sha256(data).hexdigest()
    headers = {"host": host, "x-amz-date": stamp, "x-amz-content-sha256": digest(body), **(headers or {})}
    names = ";".join(sorted(headers))
    lines = [method, path, "", *(f"{name}:{headers[name]}" for name in sorted(headers)), "", names, digest(body)]
    scope = f"{stamp[:8]}/{REGION}/{service}/aws4_request"
    secret = ("AWS4" + key[1]).encode()
    for part in [*scope.split("/"), "\n".join(["AWS4-HMAC-SHA256", stamp, scope, digest("\n".join(lines).encode())])]:
        secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={key[0]}/{scope}, SignedHeaders={names}, Signature={secret.hex()}"
    )
    return headers


class Objects:
    """A bucket `mine` that the user may use, and `victim`, of which it may read only what is below `pub/`."""

    def __init__(self, server):
        self.server, self.host = server, urllib.parse.urlsplit(server.endpoint).netloc
        self.s3 = server.client("s3")
        for bucket in ("mine-bucket", "victim-bucket"):
            self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.s3.put_object(Bucket="victim-bucket", Key="secret", Body=SECRET)
        self.s3.put_object(Bucket="victim-bucket", Key="pub/x", Body=PUBLIC)
        self.s3.put_object(Bucket="mine-bucket", Key="secret", Body=b"mine")
        self.key = make_user(
            server,
            "narrow",
            allow("s3:*", ["arn:aws:s3:::mine-bucket", "arn:aws:s3:::mine-bucket/*"]),
            allow("s3:GetObject", "arn:aws:s3:::victim-bucket/pub/*"),
        )
        self.user = server.client("s3", key=self.key)

    def send(self, method, path, host=None, target=None, more=(), **signing):
        headers = signed(method, path, host or self.host, self.key, **signing)
        return raw(self.server, request(method, target or path, headers, more=more))


@pytest.fixture(scope="module")
def objects():
    server = Server("--s3-domain", "s3.test")
    yield Objects(server)
    server.remove()


# Requests to S3


@pytest.mark.parametrize(
    "path",
    [
        "/victim-bucket/secret",
        "/victim-bucket/pub/../secret",
        "/victim-bucket/pub/%2E%2E/secret",
        "/victim-bucket/pub%2F..%2Fsecret",
        "/victim-bucket/./secret",
        "/victim-bucket//secret",
        "//victim-bucket/secret",
        "/victim-bucket%2Fsecret",
        "/Victim-Bucket/secret",
        "/mine-bucket/../victim-bucket/secret",
        "/mine-bucket%2F..%2Fvictim-bucket/secret",
        "/mine-bucket/%2E%2E%2Fvictim-bucket%2Fsecret",
        "/victim-bucket/pub/x%00/../../secret",
    ],
)
def test_paths_lead_nowhere_else(objects, path):
    answer = objects.send("GET", path)
    assert SECRET not in answer and outcome(answer)[0] in (400, 403, 404), answer


@pytest.mark.parametrize(
    ("host", "path", "target", "more"),
    [
        ("victim-bucket.s3.test", "/secret", None, ()),
        ("VICTIM-BUCKET.s3.test", "/secret", None, ()),
        ("victim-bucket.s3.test.", "/secret", None, ()),
        ("mine-bucket.s3.test", "/victim-bucket/secret", None, ()),
        ("mine-bucket.s3.test", "/secret", "http://victim-bucket.s3.test/secret", ()),
        ("mine-bucket.s3.test", "/secret", None, ["host: victim-bucket.s3.test"]),
        ("mine-bucket.s3.test", "/secret", None, ["x-forwarded-host: victim-bucket.s3.test"]),
        (None, "/mine-bucket/secret", "http://victim-bucket.s3.test/victim-bucket/secret", ()),
    ],
)
def test_hosts_name_the_bucket_that_was_signed(objects, host, path, target, more):
    assert SECRET not in objects.send("GET", path, host=host, target=target, more=more)


@pytest.mark.parametrize("key", ["id/x", "k8/x", "_irsa/health", "_irsa/accounts/999999999999"])
@pytest.mark.parametrize("tls", [False, True])
def test_below_a_buckets_host_every_path_is_a_key(objects, key, tls):
    body = f"the object {key}".encode()
    objects.s3.put_object(Bucket="mine-bucket", Key=key, Body=body)
    headers = signed("GET", f"/{key}", "mine-bucket.s3.test", objects.key)
    answer = raw(objects.server, request("GET", f"/{key}", headers), tls=tls)
    assert outcome(answer)[0] == 200 and answer.endswith(body), answer


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("x-amz-copy-source: victim-bucket/secret", 403),
        ("x-amz-acl: public-read", 403),
        ("x-amz-security-token: x", 403),
        ("x-amz-date: 20200101T000000Z", 400),
        ("x-amz-content-sha256: UNSIGNED-PAYLOAD", 400),
        ("authorization: AWS4-HMAC-SHA256 x", 400),
        ("content-length: 3", 400),
    ],
)
def test_headers_that_nobody_signed_change_nothing(objects, header, status):
    answer = objects.send("PUT", "/mine-bucket/added", more=[header])
    assert outcome(answer)[0] == status, answer
    assert code(objects.s3.head_object, Bucket="mine-bucket", Key="added") == "404"


@pytest.mark.parametrize(
    "source",
    [
        "victim-bucket/secret",
        "/victim-bucket/secret",
        "victim-bucket/pub/../secret",
        "victim-bucket/pub/%2e%2e/secret",
        "victim-bucket%2Fsecret",
        "victim-bucket//secret",
        "victim-bucket/secret?versionId=null",
        "victim-bucket/pub/x%00/secret",
        "mine-bucket/../victim-bucket/secret",
        f"arn:aws:s3:{REGION}:{FIRST}:accesspoint/x/object/secret",
    ],
)
def test_copies_read_what_their_maker_may(objects, source):
    answer = objects.send("PUT", "/mine-bucket/copied", headers={"x-amz-copy-source": source})
    assert outcome(answer)[0] in (400, 403, 404), answer
    upload = objects.user.create_multipart_upload(Bucket="mine-bucket", Key="copied")["UploadId"]
    part = dict(Bucket="mine-bucket", Key="copied", UploadId=upload, PartNumber=1)
    assert code(objects.user.upload_part_copy, CopySource=source, **part) != "OK"
    assert code(objects.s3.head_object, Bucket="mine-bucket", Key="copied") == "404"


@pytest.mark.parametrize(
    ("method", "change", "status"),
    [
        ("GET", lambda url: url, 200),
        ("PUT", lambda url: url, 403),
        ("HEAD", lambda url: url, 403),
        ("DELETE", lambda url: url, 403),
        ("GET", lambda url: url + "&response-content-type=text/html", 403),
        ("GET", lambda url: url + "&acl", 403),
        ("GET", lambda url: url + "&X-Amz-Signature=00", 400),
        ("GET", lambda url: url + "&x-amz-signature=00", 403),
        ("GET", lambda url: url + "&X-Amz-Expires=604800", 400),
        ("GET", lambda url: url.replace("X-Amz-Expires", "X-Amz-Expir%65s"), 400),
        ("GET", lambda url: url.replace("pub/x", "secret"), 403),
        ("GET", lambda url: url.replace("pub/x", "pub/../secret"), 403),
        ("GET", lambda url: "http://victim-bucket.s3.test" + url.replace("/victim-bucket/pub/x", "/secret"), 403),
    ],
)
def test_presigned_urls_are_good_for_what_was_signed(objects, method, change, status):
    url = objects.user.generate_presigned_url("get_object", Params={"Bucket": "victim-bucket", "Key": "pub/x"})
    url = urllib.parse.urlsplit(url)
    answer = raw(objects.server, request(method, change(f"{url.path}?{url.query}"), {"host": objects.host}))
    assert (outcome(answer)[0], SECRET in answer) == (status, False), answer


def test_each_refusal_is_of_its_own_request(objects):
    """Refused before the body is sent, on a connection that ends with that."""
    upload = objects.s3.create_multipart_upload(Bucket="mine-bucket", Key="refused")["UploadId"]
    part = lambda **which: code(objects.s3.upload_part, Bucket="mine-bucket", UploadId=upload, Body=b"x", **which)
    for _ in range(150):
        assert part(Key="another", PartNumber=1) == "NoSuchUpload"
        assert part(Key="refused", PartNumber=10_001) == "InvalidArgument"


def test_parts_belong_to_their_upload(objects):
    s3, user = objects.s3, objects.user
    mine = dict(Bucket="mine-bucket", Key="parts")
    upload = user.create_multipart_upload(**mine)["UploadId"]
    foreign = s3.create_multipart_upload(Bucket="victim-bucket", Key="parts")["UploadId"]
    assert code(user.upload_part, **mine, UploadId=foreign, PartNumber=1, Body=b"x") == "NoSuchUpload"
    assert code(user.upload_part, Bucket="mine-bucket", Key="other", UploadId=upload, PartNumber=1, Body=b"x") == "NoSuchUpload"
    assert code(user.abort_multipart_upload, **mine, UploadId=foreign) == "NoSuchUpload"
    for number in (0, -1, 10_001):
        assert code(user.upload_part, **mine, UploadId=upload, PartNumber=number, Body=b"x") != "OK"
    part = {"PartNumber": 1, "ETag": user.upload_part(**mine, UploadId=upload, PartNumber=1, Body=b"x")["ETag"]}
    complete = lambda client, parts: code(
        client.complete_multipart_upload, **mine, UploadId=upload, MultipartUpload={"Parts": parts}
    )
    assert complete(user, [part, part]) == "InvalidPartOrder"
    clients = [objects.server.client("s3", key=objects.key) for _ in range(8)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda client: complete(client, [part]), clients))
    assert sorted(set(outcomes)) == ["NoSuchUpload", "OK"] and outcomes.count("OK") == 1
    assert user.get_object(**mine)["Body"].read() == b"x"


def test_each_key_of_a_deletion_is_asked_for(objects):
    keys = ["secret", "pub/x", "pub/../secret"]
    answer = objects.user.delete_objects(Bucket="victim-bucket", Delete={"Objects": [{"Key": key} for key in keys]})
    assert {error["Key"] for error in answer["Errors"]} == set(keys) and "Deleted" not in answer
    assert objects.s3.get_object(Bucket="victim-bucket", Key="secret")["Body"].read() == SECRET


def test_nobody_gets_what_is_public_and_no_more(objects):
    everyone = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::victim-bucket/pub/*"}
    objects.s3.put_bucket_policy(Bucket="victim-bucket", Policy=document(everyone))
    for target, expected in [
        ("/victim-bucket/pub/x", (200, "")),
        ("/victim-bucket/pub/x?response-content-type=text/html", (400, "InvalidRequest")),
        ("/victim-bucket/pub/absent", (403, "AccessDenied")),
        ("/victim-bucket/secret", (403, "AccessDenied")),
        ("/victim-bucket", (403, "AccessDenied")),
        ("/", (403, "AccessDenied")),
    ]:
        answer = raw(objects.server, request("GET", target, {"host": objects.host}))
        assert (outcome(answer), SECRET in answer) == (expected, False), target
    objects.s3.delete_bucket_policy(Bucket="victim-bucket")


# Other accounts


def read_decision(server, authorization_id, account):
    """As a principal of the account reads the record: by a request signed for the service `irsa`."""
    path = f"/_irsa/decisions/{authorization_id}"
    unsent = AWSRequest("GET", server.endpoint + path)
    SigV4Auth(Credentials(*server.key(account)), "irsa", REGION).add_auth(unsent)
    sent = urllib.request.Request(server.endpoint + path, headers=dict(unsent.headers))
    with urllib.request.urlopen(sent, timeout=10) as answer:
        return answer.read().decode()


def denial(call, **arguments):
    with pytest.raises(ClientError) as refusal:
        call(**arguments)
    return refusal.value.response["ResponseMetadata"]["HTTPHeaders"]["x-irsa-authorization-id"]


def test_the_record_does_not_tell_an_account_the_policies_of_another(server):
    condition = {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}}
    role = server.client("iam", SECOND).create_role(
        RoleName="partner", AssumeRolePolicyDocument=trust({"AWS": FIRST}, Condition=condition)
    )["Role"]["Arn"]
    key = make_user(server, "outsider", allow("sts:AssumeRole"), allow("s3:GetObject", "arn:aws:s3:::private-notes/*"))
    sts = server.client("sts", key=key)
    refused = denial(sts.assume_role, RoleArn=role, RoleSessionName="test")
    assert EXTERNAL_ID in json.dumps(server.why(refused)), "the operator reads both sides"
    absent = denial(sts.assume_role, RoleArn=role + "-absent", RoleSessionName="test")
    records = [read_decision(server, refused, FIRST), read_decision(server, absent, FIRST)]
    alike = [re.sub(r'"(authorizationId|time|resource)":("[^"]*"|\d+)', "", record) for record in records]
    assert alike[0] == alike[1], "whether a role exists is not told either"
    # Nor does the resource's owner read the policies of who came.
    for account in (FIRST, SECOND):
        record = read_decision(server, refused, account)
        assert EXTERNAL_ID not in record and "private-notes" not in record and "IRSA-A007" in record


def test_a_denial_inside_an_account_is_explained_to_it_and_not_to_others(server):
    key = make_user(server, "insider", allow("s3:GetObject", "arn:aws:s3:::private-notes/*"))
    refused = denial(server.client("iam", key=key).list_users)
    assert "private-notes" in read_decision(server, refused, FIRST)
    with pytest.raises(urllib.error.HTTPError) as absent:
        read_decision(server, refused, SECOND)
    assert absent.value.code == 404


def test_policies_of_another_account_cannot_be_used(server):
    foreign = server.client("iam", SECOND).create_policy(PolicyName="foreign", PolicyDocument=document(allow("*")))
    arn, iam = foreign["Policy"]["Arn"], server.client("iam")
    iam.create_user(UserName="borrower")
    for call, arguments in [
        (iam.attach_user_policy, {"UserName": "borrower"}),
        (iam.get_policy, {}),
        (iam.delete_policy, {}),
        (iam.list_entities_for_policy, {}),
        (iam.create_policy_version, {"PolicyDocument": document(allow("*"))}),
        (iam.tag_policy, {"Tags": [{"Key": "a", "Value": "b"}]}),
    ]:
        assert code(call, PolicyArn=arn, **arguments) == "NoSuchEntity", call
    assert code(iam.put_user_permissions_boundary, UserName="borrower", PermissionsBoundary=arn) == "NoSuchEntity"


# What the denied write


@pytest.mark.parametrize(
    "issuer",
    [
        "https://x.test/\x1b[2J\x1b]0;title\x07",
        "https://x.test/$(reboot)",
        "https://x.test/;reboot",
        "https://x.test/`reboot`",
        "https://x.test/'\u202ereboot",
        "https://x.test/ --profile other",
    ],
)
def test_a_strangers_token_steers_neither_the_terminal_nor_the_shell(server, issuer, tmp_path):
    claims = {"iss": issuer, "sub": "system:serviceaccount:x:x", "aud": "x", "exp": int(time.time()) + 600}
    head = json.dumps({"alg": "RS256", "kid": "x"})
    token = ".".join(b64(part.encode()) for part in (head, json.dumps(claims), "no signature"))
    asker = type("Asker", (), {"server": server})()
    assert code(World.exchange, self=asker, token=token, role=f"arn:aws:iam::{FIRST}:role/any") == "InvalidIdentityToken"
    colours = {"CLICOLOR_FORCE": "1"}
    report = server.run("irsa", "why", "--last", env=colours).stdout
    assert "x.test" in report and "\x1b[" in report, "it is coloured, as on a terminal"
    assert "\x1b[2J" not in report and "\u202e" not in report and "\x07" not in report
    assert "--url" not in report, "no command is proposed with what a shell would read"


def test_a_strangers_key_does_not_steer_the_terminal(server):
    server.client("s3").create_bucket(
        Bucket="a-private-bucket", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    answer = raw(server, request("GET", "/a-private-bucket/%1B%5B2Jgone%E2%80%AE", {"host": "x"}))
    assert outcome(answer) == (403, "AccessDenied")
    report = server.run("irsa", "why", "--last", env={"CLICOLOR_FORCE": "1"}).stdout
    assert "gone" in report and "\x1b[" in report, "it is coloured, as on a terminal"
    assert "\x1b[2J" not in report and "\u202e" not in report


# Rights of one's own


def test_who_must_bound_cannot_unbound(server):
    iam = server.client("iam")
    bound = iam.create_policy(PolicyName="bound", PolicyDocument=document(allow("s3:*")))["Policy"]["Arn"]
    iam.create_role(RoleName="bounded", AssumeRolePolicyDocument=trust({"AWS": FIRST}), PermissionsBoundary=bound)
    rights = ["iam:PutRolePermissionsBoundary", "iam:CreateRole"]
    key = make_user(server, "delegate", allow(rights, Condition={"StringEquals": {"iam:PermissionsBoundary": bound}}))
    delegate = server.client("iam", key=key)
    swap = dict(RoleName="bounded", PermissionsBoundary=ADMINISTRATOR)
    assert code(delegate.put_role_permissions_boundary, **swap) == "AccessDenied"
    assert code(delegate.delete_role_permissions_boundary, RoleName="bounded") == "AccessDenied"
    new = dict(RoleName="unbounded", AssumeRolePolicyDocument=trust({"AWS": FIRST}))
    assert code(delegate.create_role, **new) == "AccessDenied"
    assert code(delegate.create_role, **new, PermissionsBoundary=ADMINISTRATOR) == "AccessDenied"
    assert code(delegate.create_role, **new, PermissionsBoundary=bound) == "OK"
    assert iam.get_role(RoleName="bounded")["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == bound


def test_session_tokens_go_with_their_key_and_their_user(server):
    session = lambda key=None: server.client("sts", key=key).get_session_token()["Credentials"]
    first, second = session(), session()
    key = lambda credentials, token=None: (
        credentials["AccessKeyId"],
        credentials["SecretAccessKey"],
        token or credentials["SessionToken"],
    )
    for stolen in (
        key(first, second["SessionToken"]),
        key(first, first["SessionToken"][:-4]),
        key(first)[:2],
        (*server.key(), first["SessionToken"]),
    ):
        assert code(server.client("sts", key=stolen).get_caller_identity) == "InvalidClientTokenId"
    user = make_user(server, "leaver", allow("s3:*"))
    left = server.client("s3", key=key(session(user)))
    assert code(left.list_buckets) == "OK"
    iam = server.client("iam")
    iam.delete_access_key(UserName="leaver", AccessKeyId=user[0])
    iam.delete_user_policy(UserName="leaver", PolicyName="p")
    iam.delete_user(UserName="leaver")
    iam.create_user(UserName="leaver")
    iam.attach_user_policy(UserName="leaver", PolicyArn=ADMINISTRATOR)
    assert code(left.list_buckets) == "InvalidToken", "a user made anew is another user"


def test_the_session_of_a_deleted_role_gains_nothing_by_its_end(server):
    """A bucket policy names the role's id, which its old sessions still have; the role's own denials are gone with it."""
    iam, s3 = server.client("iam"), server.client("s3")
    bucket = "of-the-deleted-role"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=bucket, Key="open", Body=PUBLIC)
    s3.put_object(Bucket=bucket, Key="closed", Body=SECRET)
    make = lambda: iam.create_role(RoleName="ended", AssumeRolePolicyDocument=trust({"AWS": FIRST}))["Role"]["Arn"]
    role = make()
    deny = {"Effect": "Deny", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/closed"}
    iam.put_role_policy(RoleName="ended", PolicyName="p", PolicyDocument=document(deny))
    grant = {"Principal": {"AWS": role}, "Resource": f"arn:aws:s3:::{bucket}/*"}
    s3.put_bucket_policy(Bucket=bucket, Policy=document(allow("s3:GetObject") | grant))

    def session():
        given = server.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
        key = given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]
        return server.client("s3", key=key)

    rights = lambda client: [code(client.get_object, Bucket=bucket, Key=key) for key in ("open", "closed")]
    old = session()
    assert rights(old) == ["OK", "AccessDenied"]
    iam.delete_role_policy(RoleName="ended", PolicyName="p")
    iam.delete_role(RoleName="ended")
    assert rights(old) == ["AccessDenied", "AccessDenied"]
    make()
    assert rights(old) == ["AccessDenied", "AccessDenied"]
    assert rights(session()) == ["AccessDenied", "AccessDenied"], "the policy names the role that was"


# The administrator's own paths


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE"])
@pytest.mark.parametrize(
    "path",
    ["/_irsa/accounts", "/_irsa/accounts/", "/_irsa/accounts/999999999999", "/_irsa/decisions", "/_irsa//accounts",
     "/_irsa/./accounts", "/_irsa/health/../accounts", "/%5Firsa/accounts", "//_irsa/accounts"],
)
def test_the_operators_paths_need_the_operators_token(server, method, path):
    for token in ("", "x", "null"):
        answer = raw(server, request(method, path, {"host": "x", "x-irsa-operator-token": token}))
        assert outcome(answer)[0] >= 400, answer


def test_probes_name_nobody(server):
    with urllib.request.urlopen(server.endpoint + "/_irsa/ready", timeout=10) as answer:
        assert json.load(answer)["policiesThatDenyEverything"] == 0, "a number, and no names"
    for path in ("health", "ready", "metrics"):
        with urllib.request.urlopen(f"{server.endpoint}/_irsa/{path}", timeout=10) as answer:
            assert FIRST not in answer.read().decode()


# Tokens and their issuers


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    issuer = Issuer(tmp_path_factory.mktemp("issuer"))
    server = Server("--issuer-ca", issuer.ca, "--issuer-allow", "127.0.0.0/8", "--issuer-allow", "::1/128")
    world = World(server, issuer)
    world.open = world.make_role("open", {})
    yield world
    server.remove()
    issuer.stop()


def forged(issuer, header=None, text=None, **claims):
    """A token with a genuine signature over whatever header and claims are given."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    header = header if isinstance(header, bytes) else json.dumps(header or {"alg": "RS256", "kid": "first"}).encode()
    payload = text(json.dumps(issuer.claims())) if text else json.dumps(issuer.claims() | claims)
    body = f"{b64(header)}.{b64(payload.encode())}"
    return f"{body}.{b64(issuer.keys['first'].sign(body.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


@pytest.mark.parametrize(
    "made",
    [
        {"header": {"alg": "ES256", "kid": "first"}},
        {"header": {"alg": "PS256", "kid": "first"}},
        {"header": {"alg": "RS512", "kid": "first"}},
        {"header": {"alg": ["RS256"], "kid": "first"}},
        {"header": {"alg": "RS256", "kid": None}},
        {"header": {"alg": "RS256", "kid": 1}},
        {"header": {"alg": "RS256", "kid": "../../first"}},
        {"header": {"alg": "RS256", "kid": "k" * 9_000}},
        {"header": {"alg": "RS256", "kid": "first", "crit": ["b64"]}},
        {"header": b'{"alg":"none","alg":"RS256","kid":"first"}'},
        {"text": lambda text: text.replace('"sub"', '"sub": "system:serviceaccount:kube-system:x", "sub"', 1)},
        {"text": lambda text: re.sub(r'"exp": \d+', '"exp": 1e308', text)},
        {"text": lambda text: re.sub(r'"exp": \d+', '"exp": 1e400', text)},
        {"text": lambda text: text[:-1] + ',"x":' + "[" * 5_000 + "]" * 5_000 + "}"},
        {"text": lambda text: text + "{}"},
        {"text": lambda text: "\ufeff" + text},
        {"aud": {"a": 1}},
        {"aud": 5},
        {"aud": []},
        {"aud": [["sts.amazonaws.com"]]},
        {"aud": ["sts.amazonaws.com", 5]},
        {"azp": "somebody-else"},
        {"exp": str(2**40)},
        {"exp": 2**63},
        {"exp": True},
        {"iat": 10**18},
        {"nbf": "x"},
        {"sub": 5},
        {"kubernetes.io": "x"},
        {"https://aws.amazon.com/tags": 5},
    ],
    ids=lambda made: repr(made)[:60],
)
def test_tokens_that_are_signed_and_still_wrong(world, made):
    token = forged(world.issuer, **made)
    assert code(world.exchange, token=token, role=world.open) == "InvalidIdentityToken"


@pytest.mark.parametrize(
    "change",
    [
        lambda url: url + "/",
        lambda url: url + " ",
        lambda url: url + "/../4C1D7E1E",
        lambda url: url.replace("https", "http"),
        lambda url: url.replace("https://", "https://a@"),
        lambda url: url.replace("localhost", "LOCALHOST"),
        lambda url: url.replace("/id", "/%69d"),
        lambda url: [url],
    ],
)
def test_no_other_spelling_of_an_issuer_is_it(world, change):
    token = world.issuer.token(iss=change(world.issuer.url))
    assert code(world.exchange, token=token, role=world.open) == "InvalidIdentityToken"


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("http", lambda url: url.replace("https", "http") + "/keys"),
        ("file", lambda url: "file:///etc/passwd"),
        ("metadata", lambda url: "https://169.254.169.254/keys"),
        ("mapped", lambda url: "https://[::ffff:10.0.0.1]/keys"),
        ("decimal", lambda url: "https://2852039166/keys"),
    ],
)
def test_discovery_leads_only_where_issuers_may_be(world, name, keys, monkeypatch):
    issuer, url = world.issuer, f"{world.issuer.url}-{name}"
    monkeypatch.setattr(issuer, "discovery", lambda: {"issuer": url, "jwks_uri": keys(url)})
    world.iam.create_open_id_connect_provider(Url=url, ClientIDList=["sts.amazonaws.com"])
    started = time.monotonic()
    assert code(world.exchange, token=issuer.token(iss=url), role=world.open) == "InvalidIdentityToken"
    assert time.monotonic() - started < 2, "nobody was asked"


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("many", lambda key: {"keys": [key | {"kid": str(number)} for number in range(100_000)]}),
        ("small", lambda key: {"keys": [key | {"n": b64(b"\x81" * 64)}]}),
        ("exponent", lambda key: {"keys": [key | {"e": b64(b"\xff" * 256)}]}),
        ("encryption", lambda key: {"keys": [key | {"use": "enc"}]}),
        ("symmetric", lambda key: {"keys": [{"kty": "oct", "k": "AA", "kid": "first"}]}),
        ("odd", lambda key: {"keys": [5, None, [], key]}),
        ("none", lambda key: {}),
    ],
)
def test_odd_keys_verify_nothing(world, name, change, monkeypatch):
    issuer, url = world.issuer, f"{world.issuer.url}-{name}"
    key = issuer.jwks()["keys"][0]
    monkeypatch.setattr(issuer, "discovery", lambda: {"issuer": url, "jwks_uri": url + "/keys"})
    monkeypatch.setattr(issuer, "jwks", lambda: change(key))
    world.iam.create_open_id_connect_provider(Url=url, ClientIDList=["sts.amazonaws.com"])
    assert code(world.exchange, token=issuer.token(iss=url), role=world.open) == "InvalidIdentityToken"


def test_an_issuer_that_hangs_holds_up_each_of_its_tokens_once_and_no_others(world):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://localhost:{silent.getsockname()[1]}/hangs"
        world.iam.create_open_id_connect_provider(Url=url, ClientIDList=["sts.amazonaws.com"])
        started = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            token = world.issuer.token(iss=url)
            waiting = [pool.submit(code, world.exchange, token=token, role=world.open) for _ in range(5)]
            time.sleep(0.3)
            assert code(world.exchange, token=world.issuer.token(), role=world.open) == "OK"
            assert time.monotonic() - started < 2
            assert {one.result() for one in waiting} == {"InvalidIdentityToken"}
        assert time.monotonic() - started < 9, "one after another, each waited for a fetch of its own"


# Hosted clusters


class Clusters:
    """A cluster `dev` in each account, and who may use the first."""

    def __init__(self, server):
        self.server = server
        vpc = {"subnetIds": ["subnet-1", "subnet-2"]}
        make = lambda account, name: server.client("eks", account).create_cluster(
            name=name, roleArn=f"arn:aws:iam::{account}:role/eks", resourcesVpcConfig=vpc
        )["cluster"]
        self.dev, self.other = make(FIRST, "dev"), make(FIRST, "other")
        self.foreign = make(SECOND, "dev")

    def token(self, key, cluster="dev"):
        env = {"AWS_ACCESS_KEY_ID": key[0], "AWS_SECRET_ACCESS_KEY": key[1]}
        command = ["aws", "eks", "get-token", "--cluster-name", cluster, "--region", REGION]
        return json.loads(self.server.run(*command, env=env).stdout)["status"]["token"]

    def status(self, cluster, token, path="/api/v1/namespaces", body=None):
        sent = urllib.request.Request(
            cluster["endpoint"] + path,
            data=json.dumps(body).encode() if body else None,
            headers={"authorization": f"Bearer {token}", "content-type": "application/json"},
        )
        context = ssl.create_default_context(cafile=self.server.ca)
        try:
            with urllib.request.urlopen(sent, context=context, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, {}


@pytest.fixture(scope="module")
def clusters():
    server = Server()
    yield Clusters(server)
    server.remove()


@needs("aws")
def test_bearer_tokens_open_one_cluster_to_those_who_may(clusters):
    server = clusters.server
    genuine = clusters.token(server.key())
    url = base64.urlsafe_b64decode(genuine.removeprefix("k8s-aws-v1.") + "===").decode()
    encode = lambda text: "k8s-aws-v1." + base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    stranger = make_user(server, "stranger", allow("eks:*"), account=SECOND)
    for cluster, token, expected in [
        (clusters.dev, genuine, 200),
        (clusters.foreign, genuine, 403),
        (clusters.other, genuine, 401),
        (clusters.dev, clusters.token(server.key(SECOND)), 403),
        (clusters.dev, clusters.token(stranger), 403),
        (clusters.dev, clusters.token(make_user(server, "nobody")), 403),
        (clusters.dev, encode(url + "&x=y"), 401),
        (clusters.dev, encode(url.replace("://", "://a@")), 401),
        (clusters.dev, encode(url.replace("/?", "//?")), 401),
        (clusters.dev, encode(url.replace("GetCallerIdentity", "getcalleridentity")), 401),
        (clusters.dev, encode("\0"), 401),
        (clusters.dev, "k8s-aws-v1." + "A" * 9_000, 401),
    ]:
        assert clusters.status(cluster, token)[0] == expected, (cluster["arn"], token[:40])
    # The URL in a token is a GetCallerIdentity and nothing else.
    query, host = urllib.parse.urlsplit(url).query, urllib.parse.urlsplit(url).netloc
    for target in (
        "/?" + query.replace("GetCallerIdentity", "ListUsers").replace("2011-06-15", "2010-05-08"),
        "/?" + query + "&Action=GetSessionToken",
        "/a-bucket?" + query,
    ):
        answer = raw(server, request("GET", target, {"host": host, "x-k8s-aws-id": "dev"}))
        assert outcome(answer)[0] in (400, 403), answer


@needs("aws")
def test_service_account_tokens_are_for_their_own_clusters_providers(clusters):
    server, bearer = clusters.server, clusters.token(clusters.server.key())
    clusters.status(clusters.dev, bearer, body={"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "dev"}})
    accounts = "/api/v1/namespaces/dev/serviceaccounts"
    clusters.status(clusters.dev, bearer, accounts, {"kind": "ServiceAccount", "apiVersion": "v1", "metadata": {"name": "app"}})
    ask = {"spec": {"audiences": ["sts.amazonaws.com"]}}
    token = clusters.status(clusters.dev, bearer, f"{accounts}/app/token", ask)[1]["status"]["token"]
    assert clusters.status(clusters.dev, token)[0] == 401, "a ServiceAccount has no rights in the cluster"
    exchange = World.exchange
    asker = type("Asker", (), {"server": server})()
    for cluster, account, expected in [
        (clusters.dev, FIRST, "OK"),
        (clusters.other, SECOND, "InvalidIdentityToken"),
    ]:
        iam, issuer = server.client("iam", account), cluster["identity"]["oidc"]["issuer"]
        provider = iam.create_open_id_connect_provider(Url=issuer, ClientIDList=["sts.amazonaws.com"])
        federated = {"Federated": provider["OpenIDConnectProviderArn"]}
        policy = {"Effect": "Allow", "Principal": federated, "Action": "sts:AssumeRoleWithWebIdentity"}
        role = iam.create_role(RoleName="app", AssumeRolePolicyDocument=document(policy))["Role"]["Arn"]
        assert code(exchange, self=asker, token=token, role=role) == expected


# Floods and lies


def alive(server):
    started = time.monotonic()
    with urllib.request.urlopen(server.endpoint + "/_irsa/health", timeout=10) as answer:
        return answer.status == 200 and time.monotonic() - started < 2


def test_idle_connections_hold_nobody_up(fresh_server):
    """More than the soft limit of open files lets in; the server raises it to the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2_048:
        pytest.skip(f"no more than {hard} files may be open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        server = fresh_server()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    url, idle = urllib.parse.urlsplit(server.endpoint), []
    try:
        for _ in range(900):
            idle.append(socket.create_connection((url.hostname, url.port), 5))
        assert alive(server)
    finally:
        for connection in idle:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"a" * 1_000_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nhost: x\r\n" + b"".join(b"h%d: x\r\n" % n for n in range(500)) + b"\r\n", 431),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n", 414),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef", 400),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n", 400),
        (b"PUT /no-such-bucket/k HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n", 404),
    ],
    ids=lambda value: value[:30].decode() if isinstance(value, bytes) else None,
)
def test_malformed_heads(server, sent, status):
    assert outcome(raw(server, sent, timeout=3))[0] == status
    assert alive(server)


@pytest.mark.parametrize(("path", "kind"), [("/", "application/x-www-form-urlencoded"), ("/a-bucket?delete", "text/xml")])
def test_bodies_that_never_end_are_cut_off(server, path, kind):
    url = urllib.parse.urlsplit(server.endpoint)
    with socket.create_connection((url.hostname, url.port), 20) as connection:
        head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n"
        connection.sendall(head.encode())
        with pytest.raises(OSError):
            for _ in range(2_000):
                connection.sendall(b"10000\r\n" + b"a" * 65_536 + b"\r\n")
    assert alive(server)


def test_bodies_that_never_come_are_not_waited_for(clusters):
    """Every door that reads a body before it knows who knocks; all at once, since each takes its time."""
    head = "{} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {}\r\ncontent-length: 100\r\n\r\n{{"
    doors = [
        ("POST /", "application/x-www-form-urlencoded", False),
        ("PUT /a-bucket?policy", "application/json", False),
        ("POST /a-bucket?delete", "text/xml", False),
        ("POST /k8/" + "0" * 32 + "/api", "application/json", True),
        ("POST " + urllib.parse.urlsplit(clusters.dev["endpoint"]).path + "/api", "application/json", True),
    ]
    with concurrent.futures.ThreadPoolExecutor(len(doors)) as pool:
        ask = lambda door: raw(clusters.server, head.format(*door[:2]).encode(), timeout=70, tls=door[2])
        for door, answer in zip(doors, pool.map(ask, doors)):
            assert b"<timeout>" not in answer, door


def test_nobody_else_on_the_machine_reads_the_data(fresh_server, tmp_path):
    """Also in a folder that was there before and that others may enter, as a mounted volume is."""
    tmp_path.chmod(0o755)
    server = fresh_server(ephemeral=False, data=tmp_path)
    s3 = server.client("s3")
    s3.create_bucket(Bucket="kept-apart", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="kept-apart", Key="small", Body=SECRET)
    s3.put_object(Bucket="kept-apart", Key="large", Body=SECRET * 100_000)
    open_to_others = {path.name for path in tmp_path.iterdir() if path.stat().st_mode & 0o077}
    assert open_to_others <= {"ca.pem", "server.json", "server.log"}


def test_nothing_secret_is_logged(clusters, world):
    for server in (clusters.server, world.server):
        log = (server.data / "server.log").read_text()
        for secret in (server.key()[1], "eyJ", "k8s-aws-v1", "X-Amz-Signature", "x-irsa-operator-token"):
            assert secret not in log
