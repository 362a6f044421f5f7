"""Malformed, hostile and unlucky input: AWS's error or a clear one of ours, nothing lost, the process stays up."""

import json
import os
import pathlib
import socket
import subprocess
import time
import urllib.error
import urllib.request

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from botocore.exceptions import ClientError
from conftest import BINARY, FIRST, REGION, needs

STS = "Version=2011-06-15"


def post(server, body, headers=None, path="/"):
    headers = {"content-type": "application/x-www-form-urlencoded", **(headers or {})}
    request = urllib.request.Request(server.endpoint + path, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def alive(server):
    with urllib.request.urlopen(server.endpoint + "/_irsa/health") as answer:
        return json.load(answer)["status"] == "ok"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "MissingAction"),
        (b"Action=AssumeRoleWithWebIdentity", 400, "InvalidAction"),
        (b"Action=AssumeRoleWithWebIdentity&Version=1999-01-01", 400, "InvalidAction"),
        (f"Action=NoSuchThing&{STS}".encode(), 400, "InvalidAction"),
        (f"Action=GetCallerIdentity&{STS}".encode(), 403, "MissingAuthenticationToken"),
        (b"Action=ListUsers&Version=2010-05-08", 403, "MissingAuthenticationToken"),
        (f"Action=AssumeRoleWithWebIdentity&{STS}".encode(), 400, "ValidationError"),
        (f"Action=AssumeRoleWithWebIdentity&{STS}&RoleArn=%FF%FE".encode(), 400, "MalformedQueryString"),
        (f"Action=AssumeRoleWithWebIdentity&{STS}&RoleArn=%2".encode(), 400, "MalformedQueryString"),
        (f"Action=A&Action=B&{STS}".encode(), 400, "MalformedQueryString"),
        (b"&".join(b"a%d=1" % n for n in range(6_000)), 400, "MalformedQueryString"),
        (b"Action=" + b"A" * 900_000 + b"&" + STS.encode(), 400, "InvalidAction"),
        (b"A" * 2_000_000, 413, "RequestEntityTooLarge"),
    ],
    ids=lambda value: value[:40].decode(errors="replace") if isinstance(value, bytes) else None,
)
def test_query_bodies(server, body, status, code):
    got, text = post(server, body)
    assert (got, f"<Code>{code}</Code>" in text) == (status, True), text[:400]
    assert len(text) < 2_000, "an answer does not repeat what was sent"
    assert alive(server)


def test_a_service_that_is_not_served_says_so(server):
    with pytest.raises(ClientError) as refusal:
        server.client("sqs").list_queues()
    assert "not served" in refusal.value.response["Error"]["Message"]


@pytest.mark.parametrize("depth", [100, 60_000])
def test_nested_json_is_refused(server, depth):
    bomb = '{"Version":"2012-10-17","Statement":' + "[" * depth + "]" * depth + "}"
    with pytest.raises(ClientError) as refusal:
        server.client("iam").create_policy(PolicyName="bomb", PolicyDocument=bomb)
    assert refusal.value.response["Error"]["Code"] == "MalformedPolicyDocument"
    assert alive(server)


def test_nested_json_to_eks_is_refused(server):
    key, secret = server.key()
    body = b'{"name":' + b"[" * 100_000
    request = botocore.awsrequest.AWSRequest("POST", server.endpoint + "/clusters", data=body)
    credentials = botocore.credentials.Credentials(key, secret)
    botocore.auth.SigV4Auth(credentials, "eks", REGION).add_auth(request)
    status, text = post(server, body, dict(request.headers), "/clusters")
    assert status == 400, text
    assert alive(server)


class Signed:
    """GetCallerIdentity, signed by botocore and then tampered with."""

    def __init__(self, server, when=None, service="sts"):
        self.server = server
        key, secret = server.key()
        self.body = f"Action=GetCallerIdentity&{STS}".encode()
        request = botocore.awsrequest.AWSRequest("POST", server.endpoint + "/", data=self.body)
        request.headers["content-type"] = "application/x-www-form-urlencoded"
        signer = botocore.auth.SigV4Auth(botocore.credentials.Credentials(key, secret), service, REGION)
        import datetime
        from unittest import mock

        stamp = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=when or 0)
        naive = stamp.replace(tzinfo=None)
        with mock.patch("botocore.auth.get_current_datetime", lambda *_, **__: naive, create=True), mock.patch(
            "botocore.compat.get_current_datetime", lambda *_, **__: naive, create=True
        ):
            signer.add_auth(request)
        self.headers = dict(request.headers)

    def send(self, **changes):
        return post(self.server, self.body, {**self.headers, **changes})


def test_signatures(server):
    assert Signed(server).send()[0] == 200
    signed = Signed(server)
    status, text = signed.send(Authorization=signed.headers["Authorization"][:-1] + "0")
    if status == 200:  # the last digit was a 0 already
        status, text = signed.send(Authorization=signed.headers["Authorization"][:-1] + "1")
    assert (status, "<Code>SignatureDoesNotMatch</Code>" in text) == (403, True), text
    signed.body = b"Action=GetCallerIdentity&Version=2011-06-15&x=y"
    assert signed.send()[0] == 403
    assert Signed(server).send(**{"x-amz-security-token": "added"})[0] in (400, 403)
    assert "InvalidClientTokenId" in Signed(server).send(Authorization=Signed(server).headers["Authorization"].replace("AKIA", "AKIB"))[1]
    assert post(server, b"", {"Authorization": "AWS4-HMAC-SHA256 nonsense"})[0] in (400, 403)
    assert post(server, b"", {"Authorization": "AWS AKIA:signature"})[0] in (400, 403)


@pytest.mark.parametrize("seconds", [-3_600, 3_600])
def test_clock_skew(server, seconds):
    status, text = Signed(server, when=seconds).send()
    assert status == 403 and "Signature" in text, text


def test_foreign_session_tokens(server, fresh_server):
    other = fresh_server()
    session = other.client("sts").get_session_token()["Credentials"]
    key = session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"]
    assert other.client("sts", key=key).get_caller_identity()
    with pytest.raises(ClientError) as refusal:
        server.client("sts", key=key).get_caller_identity()
    assert refusal.value.response["Error"]["Code"] == "InvalidClientTokenId"
    tampered = key[0], key[1], key[2][:-6] + "AAAAA="
    with pytest.raises(ClientError) as refusal:
        other.client("sts", key=tampered).get_caller_identity()
    assert refusal.value.response["Error"]["Code"] == "InvalidClientTokenId"


def test_half_a_request_does_not_hold_the_server(server):
    address = server.endpoint.removeprefix("http://").split(":")
    half = [socket.create_connection((address[0], int(address[1]))) for _ in range(50)]
    for connection in half:
        connection.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nAct")
    assert alive(server)
    for connection in half:
        connection.close()
    assert alive(server)


def up(data, *arguments):
    command = [BINARY, "up", "--data", str(data), "--listen", "127.0.0.1:0", "--listen-tls", "127.0.0.1:0", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


def test_a_port_in_use(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [BINARY, "up", "--data", str(tmp_path), "--listen", f"127.0.0.1:{port}", "--listen-tls", "127.0.0.1:0"],
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert done.returncode == 3
    assert "IRSA-X001" in done.stderr and f"127.0.0.1:{port} is in use" in done.stderr and "--listen" in done.stderr


def test_a_locked_data_folder(fresh_server):
    running = fresh_server(ephemeral=False)
    done = up(running.data)
    assert done.returncode == 3
    assert "IRSA-X006" in done.stderr and "another `irsa up` uses this folder" in done.stderr
    assert alive(running)
    assert running.client("sts").get_caller_identity()


def test_a_corrupt_data_folder_is_left_as_it_is(fresh_server):
    server = fresh_server(ephemeral=False)
    server.stop()
    state = server.data / "state.redb"
    damaged = b"this is no store" * 1_000
    state.write_bytes(damaged)
    done = up(server.data)
    assert done.returncode == 3
    assert "IRSA-X006" in done.stderr and "restore the folder from a backup" in done.stderr
    assert state.read_bytes() == damaged


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_rights(tmp_path):
    tmp_path.chmod(0o500)
    assert "IRSA-X005" in up(tmp_path / "data").stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--account", "12"], "12 digits"),
        (["--issuer-allow", "10.0.0.0/99"], "invalid value"),
        (["--issuer-map", "nonsense"], "expected ISSUER=URL"),
        (["--issuer-ca", "/nowhere.pem"], "IRSA-X007"),
        (["--nonsense"], "unexpected argument"),
    ],
)
def test_bad_usage(tmp_path, arguments, message):
    done = up(tmp_path, *arguments)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert not (tmp_path / "state.redb").exists()


@needs("mount")
@pytest.mark.skipif(os.geteuid() != 0, reason="a full disk is a small tmpfs here, which only root can mount")
def test_a_full_disk_loses_nothing(fresh_server, tmp_path):
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(tmp_path)], capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
    try:
        server = fresh_server(ephemeral=False, data=tmp_path)
        iam = server.client("iam")
        document = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]})
        kept = []
        space = os.statvfs(tmp_path)
        (tmp_path / "ballast").write_bytes(b"x" * (space.f_bavail * space.f_frsize - 200_000))
        refusal = None
        for number in range(2_000):
            try:
                iam.create_policy(PolicyName=f"p{number}", PolicyDocument=document, Description="d" * 900)
                kept.append(f"p{number}")
            except ClientError as error:
                refusal = error.response["Error"]
                break
        assert refusal is not None, "the disk did not fill"
        assert refusal["Code"] == "ServiceFailure" and "full" in refusal["Message"], refusal
        assert alive(server)
        names = {policy["PolicyName"] for page in iam.get_paginator("list_policies").paginate(Scope="Local") for policy in page["Policies"]}
        assert names == set(kept)
        (tmp_path / "ballast").unlink()
        iam.create_policy(PolicyName="after", PolicyDocument=document)
        server.stop()
        again = fresh_server(ephemeral=False, data=tmp_path)
        pages = again.client("iam").get_paginator("list_policies").paginate(Scope="Local")
        assert {policy["PolicyName"] for page in pages for policy in page["Policies"]} == set(kept) | {"after"}
        again.stop()
    finally:
        time.sleep(0.2)
        subprocess.run(["umount", "-l", str(tmp_path)], check=False)


def test_it_ends_when_told(fresh_server):
    server = fresh_server(ephemeral=False)
    started = time.monotonic()
    server.stop()
    assert server.process.returncode == 0
    assert time.monotonic() - started < 5
    assert not (server.data / "server.json").exists()
    pathlib.Path(server.data / "state.redb").stat()
    assert FIRST in (server.data / "credentials").read_text()
