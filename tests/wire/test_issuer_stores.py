"""`irsa issuer publish` and `rotate` in object stores: our own S3, and stand-ins of Google's and Azure's."""

import base64
import email.utils
import hashlib
import http.client
import http.server
import json
import os
import subprocess
import threading
import time
import urllib.parse

import pytest
from conftest import BINARY, FIRST, Server
from issuer import Issuer

URL = "https://issuer.example.com/c1"
DISCOVERY, JWKS, STATE = ".well-known/openid-configuration", "openid/v1/jwks", "irsa-issuer.json"


@pytest.fixture(scope="module")
def server():
    server = Server()
    server.client("s3").create_bucket(Bucket="issuers", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    yield server
    server.remove()


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    issuer = Issuer(tmp_path_factory.mktemp("issuer"))
    issuer.add_ec_key("second")
    yield issuer
    issuer.stop()


@pytest.fixture
def keys(issuer, tmp_path):
    """A file with each key."""
    files = []
    for jwk in issuer.jwks()["keys"]:
        files.append(tmp_path / f"{jwk['kid']}.json")
        files[-1].write_text(json.dumps({"keys": [jwk]}))
    return files


def run(env, *arguments, expect=0):
    done = subprocess.run([BINARY, "issuer", *map(str, arguments)], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == expect, done.stdout + done.stderr
    return done


def earlier(s3, prefix, seconds):
    """Lets time pass: everything in the state happened earlier."""
    value = json.loads(s3.get_object(Bucket="issuers", Key=f"{prefix}/{STATE}")["Body"].read())
    for key in value["keys"]:
        key["published"] -= seconds
    if "switched" in value:
        value["switched"] -= seconds
    s3.put_object(Bucket="issuers", Key=f"{prefix}/{STATE}", Body=json.dumps(value).encode())


def kids(s3, prefix):
    jwks = json.loads(s3.get_object(Bucket="issuers", Key=f"{prefix}/{JWKS}")["Body"].read())
    return [key["kid"] for key in jwks["keys"]]


def test_documents_are_stored_as_an_api_server_serves_them(server, keys):
    s3, env = server.client("s3"), server.env()
    arguments = ["publish", "--issuer", URL, "--key", keys[0], "--to", "s3://issuers/media", "-o", "json"]
    planned = json.loads(run(env, *arguments).stdout)
    assert planned["written"] is False and planned["files"] == [f"s3://issuers/media/{path}" for path in (JWKS, DISCOVERY, STATE)]
    assert "Contents" not in s3.list_objects_v2(Bucket="issuers", Prefix="media/")
    run(env, *arguments, "--approve")
    for path, media_type in [(DISCOVERY, "application/json"), (JWKS, "application/jwk-set+json")]:
        head = s3.head_object(Bucket="issuers", Key=f"media/{path}")
        assert (head["ContentType"], head["CacheControl"]) == (media_type, "public, max-age=3600")
    discovery = json.loads(s3.get_object(Bucket="issuers", Key=f"media/{DISCOVERY}")["Body"].read())
    assert discovery["issuer"] == URL and discovery["jwks_uri"] == f"{URL}/{JWKS}"
    assert s3.head_object(Bucket="issuers", Key=f"media/{STATE}")["CacheControl"] == "no-store"
    run(env, *arguments, "--approve")


def test_a_rotation_goes_step_by_step(server, keys):
    s3, env = server.client("s3"), server.env()

    def rotate(*arguments, expect=0):
        return run(env, "rotate", "--to", "s3://issuers/rotated/", *arguments, "-o", "json", expect=expect)

    assert "irsa issuer publish" in rotate(expect=2).stderr
    run(env, "publish", "--issuer", URL, "--key", keys[0], "--to", "s3://issuers/rotated", "--approve")
    earlier(s3, "rotated", 10)
    rotate("--add", keys[1])
    assert kids(s3, "rotated") == ["first"], "planned only"
    assert json.loads(rotate("--add", keys[1], "--approve").stdout)["next"]["step"] == "wait-for-verifiers"
    assert kids(s3, "rotated") == ["first", "second"]
    assert "IRSA-X063" in rotate("--switched", "--approve", expect=1).stderr
    earlier(s3, "rotated", 3_600)
    assert json.loads(rotate("--switched", "--approve").stdout)["next"]["step"] == "wait-for-tokens"
    earlier(s3, "rotated", 86_400)
    assert json.loads(rotate("--finish", "--approve").stdout)["next"] == {"step": "nothing"}
    assert kids(s3, "rotated") == ["second"]


def test_the_shared_credentials_file_is_used(server, keys, tmp_path):
    access_key, secret = server.key(FIRST)
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/credentials").write_text(
        f"[other]\naws_access_key_id = x\n\n[mine]\naws_access_key_id = {access_key}\naws_secret_access_key = {secret}\n"
    )
    (tmp_path / ".aws/config").write_text("[profile mine]\nregion = eu-central-1\n")
    env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    env |= {"HOME": str(tmp_path), "AWS_PROFILE": "mine"}
    arguments = ["publish", "--issuer", URL, "--key", keys[0], "--to", "s3://issuers/profile", "--endpoint-url", server.endpoint]
    run(env, *arguments, "--approve")
    assert kids(server.client("s3"), "profile") == ["first"]
    assert "export-credentials" in run(env | {"AWS_PROFILE": "other"}, *arguments, expect=2).stderr


def test_a_pod_publishes_with_its_role_over_tls(keys, issuer, tmp_path, fresh_server):
    server = fresh_server("--issuer-ca", issuer.ca, "--issuer-allow", "127.0.0.0/8", "--issuer-allow", "::1/128")
    server.client("s3").create_bucket(Bucket="issuers", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    iam = server.client("iam")
    provider = iam.create_open_id_connect_provider(Url=issuer.url, ClientIDList=["sts.amazonaws.com"])["OpenIDConnectProviderArn"]
    allow = lambda **statement: json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})
    trust = allow(
        Principal={"Federated": provider},
        Action="sts:AssumeRoleWithWebIdentity",
        Condition={"StringEquals": {f"{issuer.name}:sub": "system:serviceaccount:dev:s3-app"}},
    )
    role = iam.create_role(RoleName="publisher", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    rights = allow(Action=["s3:GetObject", "s3:PutObject", "s3:ListBucket"], Resource=["arn:aws:s3:::issuers", "arn:aws:s3:::issuers/c1/*"])
    iam.put_role_policy(RoleName="publisher", PolicyName="publish", PolicyDocument=rights)
    (tmp_path / "token").write_text(issuer.token())
    env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    env |= {
        "AWS_ENDPOINT_URL": server.tls_endpoint,
        "AWS_CA_BUNDLE": server.ca,
        "AWS_REGION": "eu-central-1",
        "AWS_ROLE_ARN": role,
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
    }
    run(env, "publish", "--issuer", URL, "--key", keys[0], "--to", "s3://issuers/c1", "--approve")
    assert kids(server.client("s3"), "c1") == ["first"]
    denied = run(env, "publish", "--issuer", URL, "--key", keys[0], "--to", "s3://issuers/c2", "--approve", expect=3)
    assert "IRSA-X064" in denied.stderr and "s3:PutObject" in denied.stderr


@pytest.mark.parametrize(
    "to, env, expect, words",
    [
        ("s3://absent/c1", {}, 3, "IRSA-X064"),
        ("s3://issuers/c1", {"AWS_SECRET_ACCESS_KEY": "wrong"}, 3, "s3:ListBucket"),
        ("site --endpoint-url http://127.0.0.1:9", {}, 2, "for an object store"),
        ("s3://", {}, 2, "IRSA-X064"),
        ("ftp://issuers/c1", {}, 2, "IRSA-X064"),
        ("s3://issuers/c1?versionId=3", {}, 2, "IRSA-X064"),
        ("s3://issuers/c1", {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, 3, "IRSA-X064"),
    ],
)
def test_a_store_that_cannot_be_used_says_why(server, keys, to, env, expect, words):
    arguments = ["publish", "--issuer", URL, "--key", keys[0], "--to", *to.split(), "--approve"]
    assert words in run(server.env() | env, *arguments, expect=expect).stderr


class Gate:
    """A proxy before a server that does not let the `n`th write through, nor what comes after it; or none with conditions."""

    def __init__(self, endpoint, closed_at=None, before_passing=lambda n: None, takes_conditions=True):
        gate, self.writes, self.reached = self, 0, threading.Event()
        host = urllib.parse.urlsplit(endpoint).netloc

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                if self.command == "PUT":
                    gate.writes += 1
                    if gate.writes == closed_at:
                        gate.reached.set()
                        time.sleep(60)
                        return
                    before_passing(gate.writes)
                    if not takes_conditions and {"if-match", "if-none-match"} & set(self.headers.keys()):
                        self.send_response_only(501)
                        self.send_header("content-length", "0")
                        return self.end_headers()
                connection = http.client.HTTPConnection(host)
                connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    connection.putheader(name, value)
                connection.endheaders(body)
                answer = connection.getresponse()
                data = answer.read()
                self.send_response_only(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("transfer-encoding", "connection"):
                        self.send_header(name, value)
                if "content-length" not in answer.headers:
                    self.send_header("content-length", str(len(data)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data)

            do_GET = do_PUT = do_HEAD = forward

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.mark.parametrize("step", ["publish", "add", "finish"])
@pytest.mark.parametrize("write", [1, 2, 3, 4])
def test_an_interrupted_step_is_completed_by_doing_it_again(server, keys, step, write):
    """State, keys, discovery, state: killed before each of them."""
    s3, env, prefix = server.client("s3"), server.env(), f"killed-{step}-{write}"
    to = ["--to", f"s3://issuers/{prefix}"]
    publish = ["publish", "--issuer", URL, "--key", keys[0], *to, "--approve"]
    arguments, expected = publish, ["first"]
    if step != "publish":
        run(env, *publish)
        earlier(s3, prefix, 10)
        arguments, expected = ["rotate", *to, "--add", keys[1], "--approve"], ["first", "second"]
    if step == "finish":
        run(env, *arguments)
        earlier(s3, prefix, 3_600)
        run(env, "rotate", *to, "--switched", "--approve")
        earlier(s3, prefix, 86_400)
        arguments, expected = ["rotate", *to, "--finish", "--approve"], ["second"]

    gate = Gate(server.endpoint, write)
    process = subprocess.Popen([BINARY, "issuer", *map(str, arguments)], env=env | {"AWS_ENDPOINT_URL": gate.endpoint})
    assert gate.reached.wait(20)
    process.kill()
    process.wait()

    written = {item["Key"].removeprefix(f"{prefix}/") for item in s3.list_objects_v2(Bucket="issuers", Prefix=prefix).get("Contents", [])}
    assert DISCOVERY not in written or JWKS in written
    if write > 1:
        shown = json.loads(run(env, "rotate", *to, "-o", "json").stdout)
        assert shown["interrupted"] == step
    run(env, *arguments)
    assert kids(s3, prefix) == expected
    state = json.loads(s3.get_object(Bucket="issuers", Key=f"{prefix}/{STATE}")["Body"].read())
    assert "pending" not in state and [key["kid"] for key in state["keys"]] == expected


def test_approving_alone_completes_what_was_interrupted(server, keys):
    s3, env, to = server.client("s3"), server.env(), ["--to", "s3://issuers/alone"]
    gate = Gate(server.endpoint, 2)
    process = subprocess.Popen(
        [BINARY, "issuer", "publish", "--issuer", URL, "--key", keys[0], *to, "--approve"],
        env=env | {"AWS_ENDPOINT_URL": gate.endpoint},
    )
    assert gate.reached.wait(20)
    process.kill()
    process.wait()
    assert "interrupted" in run(env, "rotate", *to).stdout
    run(env, "rotate", *to, "--approve")
    assert kids(s3, "alone") == ["first"]
    assert "interrupted" not in run(env, "rotate", *to).stdout


def test_two_operators_do_not_overwrite_each_other(server, keys):
    s3, env, to = server.client("s3"), server.env(), ["--to", "s3://issuers/two"]
    run(env, "publish", "--issuer", URL, "--key", keys[0], *to, "--approve")
    earlier(s3, "two", 10)
    other = lambda n: n == 1 and run(env, "rotate", *to, "--add", keys[1], "--approve")
    gate = Gate(server.endpoint, before_passing=other)
    late = run(env | {"AWS_ENDPOINT_URL": gate.endpoint}, "publish", "--issuer", URL, "--key", keys[0], *to, "--approve", expect=1)
    assert "IRSA-X065" in late.stderr
    assert kids(s3, "two") == ["first", "second"], "what the other published stays"


def test_a_step_that_somebody_else_completed_is_done(server, keys):
    s3, env, to = server.client("s3"), server.env(), ["--to", "s3://issuers/helped"]
    other = lambda n: n == 4 and run(env, "rotate", *to, "--approve")
    gate = Gate(server.endpoint, before_passing=other)
    run(env | {"AWS_ENDPOINT_URL": gate.endpoint}, "publish", "--issuer", URL, "--key", keys[0], *to, "--approve")
    assert gate.writes == 4 and kids(s3, "helped") == ["first"]
    assert "interrupted" not in run(env, "rotate", *to).stdout


def test_a_store_without_conditional_writes_is_compared_instead(server, keys):
    s3, to = server.client("s3"), ["--to", "s3://issuers/plain"]
    env = server.env() | {"AWS_ENDPOINT_URL": Gate(server.endpoint, takes_conditions=False).endpoint}
    assert "no conditional writes" in run(env, "publish", "--issuer", URL, "--key", keys[0], *to, "--approve").stderr
    run(env, "rotate", *to, "--add", keys[1], "--approve")
    assert kids(s3, "plain") == ["first", "second"]


class Blobs:
    """As much of Google's XML API and Azure's Blob service as a writer needs: objects, versions, conditions."""

    def __init__(self):
        self.objects, self.generation = {}, 0
        blobs = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, status, headers=(), body=b""):
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def do_GET(self):
                found = blobs.objects.get(urllib.parse.unquote(self.path.partition("?")[0]))
                if not found:
                    return self.answer(404)
                headers, body, generation = found
                now = email.utils.formatdate(usegmt=True)
                own = [("etag", f'"{generation}"'), ("x-goog-generation", str(generation)), ("last-modified", now)]
                return self.answer(200, own + [("content-type", headers["type"])], body)

            do_HEAD = do_GET

            def do_PUT(self):
                path = urllib.parse.unquote(self.path.partition("?")[0])
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                there = blobs.objects.get(path)
                wanted = self.headers.get("x-goog-if-generation-match") or (self.headers.get("if-match") or "").strip('"')
                is_new = wanted == "0" or self.headers.get("if-none-match") == "*"
                if (is_new and there) or (wanted not in ("", "0") and (not there or str(there[2]) != wanted)):
                    return self.answer(412)
                blobs.generation += 1
                kind = self.headers.get("x-ms-blob-content-type") or self.headers.get("content-type")
                cache = self.headers.get("x-ms-blob-cache-control") or self.headers.get("cache-control")
                blobs.objects[path] = ({"type": kind, "cache": cache}, body, blobs.generation)
                generation = str(blobs.generation)
                own = [("etag", f'"{generation}"'), ("x-goog-generation", generation)]
                return self.answer(201 if "x-ms-version" in self.headers else 200, own)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.mark.parametrize("scheme", ["gs", "az"])
def test_other_clouds_stores_take_the_documents(keys, tmp_path, scheme):
    blobs = Blobs()
    env = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "AZURE_", "GOOGLE_"))}
    env |= {
        "HOME": str(tmp_path),
        "GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps({"disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""}),
        "AZURE_STORAGE_ACCOUNT_NAME": "account",
        "AZURE_STORAGE_ACCOUNT_KEY": base64.b64encode(hashlib.sha256(b"key").digest()).decode(),
    }
    to = ["--to", f"{scheme}://issuers/c1", "--endpoint-url", blobs.endpoint]
    run(env, "publish", "--issuer", URL, "--key", keys[0], *to, "--approve")
    (jwks_path,) = [path for path in blobs.objects if path.endswith(JWKS)]
    assert jwks_path.endswith(f"issuers/c1/{JWKS}")
    assert blobs.objects[jwks_path][0] == {"type": "application/jwk-set+json", "cache": "public, max-age=3600"}
    run(env, "rotate", *to, "--add", keys[1], "--approve")
    assert len(json.loads(blobs.objects[jwks_path][1])["keys"]) == 2
    assert json.loads(run(env, "rotate", *to, "-o", "json").stdout)["next"]["step"] == "wait-for-verifiers"
