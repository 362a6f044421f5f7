"""`irsa exec` and `irsa run` in a cluster that a kubeconfig names: one whose users come with `aws eks get-token`, and a stub
API server that fails as real ones do."""

import datetime
import http.server
import json
import os
import pathlib
import signal
import ssl
import subprocess
import threading
import time

import pytest
from conftest import BINARY, FIRST, REGION, needs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from issuer import Issuer
from test_eks_kubectl import ANNOTATION, POD, ROLE, Cluster, claims


@pytest.fixture(scope="module")
def cluster(server, tmp_path_factory):
    cluster = Cluster(server, "dev", tmp_path_factory.mktemp("cluster"))
    cluster.kubectl("create", "namespace", "dev")
    cluster.kubectl("create", "serviceaccount", "s3-app", "--namespace", "dev")
    cluster.kubectl("annotate", "serviceaccount", "s3-app", "--namespace", "dev", ANNOTATION)
    cluster.trust("s3-app", "system:serviceaccount:dev:s3-app")
    return cluster


@needs("aws")
@needs("kubectl")
class TestAKubeconfigOfUpdateKubeconfig:
    """The user of the context is an exec plugin, `aws eks get-token`."""

    where = ["-n", "dev", "--sa", "s3-app", "--local", "--"]

    def test_the_command_is_the_role(self, cluster):
        done = cluster.run("irsa", "exec", *self.where, "aws", "sts", "get-caller-identity")
        assert json.loads(done.stdout)["Arn"].startswith(f"arn:aws:sts::{FIRST}:assumed-role/s3-app/irsa-exec-")
        assert f"the current context is `arn:aws:eks:{REGION}:{FIRST}:cluster/dev`" in done.stderr

    def test_the_token_is_bound_to_the_account_alone(self, cluster):
        done = cluster.run("irsa", "exec", *self.where, "sh", "-c", "cat $AWS_WEB_IDENTITY_TOKEN_FILE")
        said = claims(done.stdout)
        assert "pod" not in said["kubernetes.io"] and said["kubernetes.io"]["serviceaccount"]["name"] == "s3-app"

    def test_a_context_is_chosen_by_name_and_file(self, cluster, tmp_path):
        chosen = ["--kubeconfig", cluster.kubeconfig, "--context", f"arn:aws:eks:{REGION}:{FIRST}:cluster/dev"]
        env = {"KUBECONFIG": str(tmp_path / "none")}
        done = cluster.run("irsa", "exec", *chosen, *self.where, "env", env=env)
        assert f"AWS_ROLE_ARN={ROLE}\n" in done.stdout and "current context" not in done.stderr
        for flags, part in [(["--context", "nope"], "no context `nope`"), (["--kubeconfig", "/nope"], "/nope")]:
            wrong = cluster.run("irsa", "exec", *flags, *self.where, "true", check=False)
            assert wrong.returncode == 2 and "IRSA-X028" in wrong.stderr and part in wrong.stderr, wrong.stderr
        none = cluster.run("irsa", "exec", *self.where, "true", env=env, check=False)
        assert none.returncode == 2 and "--cluster NAME" in none.stderr, none.stderr

    def test_one_kind_of_cluster_at_a_time(self, cluster):
        for flags in (["--context", "a"], ["--kubeconfig", "a"], ["--local"], ["--endpoint", "http://a"], ["--pod", "a"]):
            both = cluster.run("irsa", "exec", "--cluster", "dev", *flags, "--", "true", check=False)
            assert both.returncode == 2 and "cannot be used with" in both.stderr, both.stderr
        account = cluster.run("irsa", "exec", "--account", FIRST, "--", "true", check=False)
        assert account.returncode == 2 and "--cluster" in account.stderr

    def test_run_changes_nothing_without_approval(self, cluster, tmp_path):
        cluster.trust("s3-access", "system:serviceaccount:dev:s3-access-sa")
        manifest = tmp_path / "pod.yaml"
        manifest.write_text(POD)
        run = ["irsa", "run", "--local", "-f", str(manifest)]
        refused = cluster.run(*run, check=False)
        assert refused.returncode == 2 and "IRSA-X035" in refused.stderr, refused.stderr
        assert "would be made: ServiceAccount dev/s3-access-sa" in refused.stderr
        assert "NotFound" in cluster.kubectl("get", "sa", "s3-access-sa", "-n", "dev", check=False).stderr
        done = cluster.run(*run, "--approve", check=False)
        assert done.returncode == 4 and ":assumed-role/s3-access/" in done.stdout, done.stderr
        # What is there already needs no approval.
        again = cluster.run(*run, check=False)
        assert again.returncode == 4 and "made" not in again.stderr, again.stderr
        manifest.write_text(POD.replace("role/s3-access", "role/other"))
        other = cluster.run(*run, check=False)
        assert other.returncode == 2 and "role-arn" in other.stderr and "role/other" in other.stderr


class Stub:
    """An API server with one ServiceAccount and one pod, over TLS; `answers` replaces what it says."""

    def __init__(self, folder):
        self.folder, self.answers, self.requests, self.seconds = folder, {}, [], 3600
        self.annotations = {"eks.amazonaws.com/role-arn": ROLE}
        certificate, self.key = Issuer._certificates(folder)
        self.certificate = certificate
        self.port = 0
        self.start()

    def start(self, client_ca=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        if client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(client_ca)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), self._handler())
        self.server.daemon_threads = True
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def kubeconfig(self, user=None, namespace="dev"):
        path = self.folder / "stub.kubeconfig"
        named = {"name": "stub", "context": {"cluster": "stub", "user": "stub", "namespace": namespace}}
        cluster = {"server": f"https://localhost:{self.port}", "certificate-authority": str(self.folder / "issuer-ca.pem")}
        config = {
            "apiVersion": "v1", "kind": "Config", "current-context": "stub", "contexts": [named],
            "clusters": [{"name": "stub", "cluster": cluster}],
            "users": [{"name": "stub", "user": user or {"token": "secret-of-the-context"}}],
        }
        path.write_text(json.dumps(config))
        return path

    def bodies(self):
        return [body for method, path, body in self.requests if method == "POST" and path.endswith("/token")]

    def answer(self, method, path, body):
        if (method, path) in self.answers:
            return self.answers[method, path]
        if path == "/api/v1/namespaces/dev/serviceaccounts/s3-app":
            return 200, {"kind": "ServiceAccount", "metadata": {"name": "s3-app", "namespace": "dev", "annotations": self.annotations}}
        if path == "/api/v1/namespaces/dev/pods/web-1":
            annotations = {"eks.amazonaws.com/token-expiration": "7200", "eks.amazonaws.com/skip-containers": "exec"}
            metadata = {"name": "web-1", "namespace": "dev", "uid": "u-1", "annotations": annotations}
            return 200, {"kind": "Pod", "metadata": metadata, "spec": {"serviceAccountName": "s3-app", "containers": []}}
        if method == "POST" and path == "/api/v1/namespaces/dev/serviceaccounts/s3-app/token":
            ends = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=self.seconds)
            token = f"token-{len(self.bodies())}"
            status = {"token": token, "expirationTimestamp": ends.strftime("%Y-%m-%dT%H:%M:%SZ")}
            return 201, body | {"spec": body["spec"] | {"expirationSeconds": self.seconds}, "status": status}
        return 404, not_found(path)

    def _handler(self):
        stub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def respond(self):
                length = int(self.headers.get("content-length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                stub.requests.append((self.command, self.path, body))
                status, answer = stub.answer(self.command, self.path, body)
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = respond

            def log_message(self, *_):
                pass

        return Handler


def status(code, reason, message):
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason, "code": code}


def not_found(path):
    *_, kind, name = path.split("/")
    return status(404, "NotFound", f'{kind} "{name}" not found')


@pytest.fixture
def stub(tmp_path):
    stub = Stub(tmp_path)
    yield stub
    stub.stop()


@pytest.fixture
def irsa(stub, home):
    """Runs the binary with the stub's kubeconfig and nothing of this machine."""

    def run(*arguments, check=True, user=None, env=None):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        env = {**kept, "HOME": str(home), "KUBECONFIG": str(stub.kubeconfig(user)), **(env or {})}
        done = subprocess.run([BINARY, *arguments], env=env, capture_output=True, text=True, timeout=60)
        assert not check or done.returncode == 0, done.stderr
        return done

    return run


def variables(text):
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def test_at_aws_the_command_has_what_eks_gives(stub, irsa):
    shell = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9", "AWS_DEFAULT_REGION": "eu-west-1"}
    done = irsa("exec", "--sa", "s3-app", "--", "env", env=shell)
    env = variables(done.stdout)
    assert not [name for name in env if name.startswith("AWS_ENDPOINT_URL")], env
    assert env["AWS_REGION"] == env["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert env["AWS_STS_REGIONAL_ENDPOINTS"] == "regional" and env["AWS_ROLE_ARN"] == ROLE
    assert "AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_S3 of this shell is not passed on" in done.stderr
    assert "the current context is `stub`, at https://localhost:" in done.stderr
    (body,) = stub.bodies()
    assert body["spec"] == {"audiences": ["sts.amazonaws.com"], "expirationSeconds": 86400}
    # The namespace is the context's, and its user's token is nowhere.
    assert "secret-of-the-context" not in done.stdout + done.stderr
    assert variables(irsa("exec", "--sa", "s3-app", "--region", "us-gov-west-1", "--", "env", env=shell).stdout)["AWS_REGION"] == "us-gov-west-1"


def test_annotations_say_audience_and_life(stub, irsa):
    stub.annotations |= {
        "eks.amazonaws.com/audience": "ours", "eks.amazonaws.com/token-expiration": "900", "eks.amazonaws.com/sts-regional-endpoints": "false",
    }
    env = variables(irsa("exec", "--sa", "s3-app", "--region", "eu-west-1", "--", "env").stdout)
    assert "AWS_STS_REGIONAL_ENDPOINTS" not in env
    assert stub.bodies()[0]["spec"] == {"audiences": ["ours"], "expirationSeconds": 900}


def test_warnings_are_shown(stub, irsa):
    stub.annotations = {"eks.amazonaws.com/role-arn": "s3-app", "eks.amazon.com/audience": "ours"}
    said = irsa("exec", "--sa", "s3-app", "--", "true").stderr
    assert "warning: `s3-app` is no role ARN" in said and "`eks.amazonaws.com/audience` is meant" in said


def test_an_endpoint_has_its_authority_in_a_file(stub, irsa, tmp_path):
    authority = tmp_path / "issuer-ca.pem"
    endpoint = ["--endpoint", "https://aws.example:8443/", "--endpoint-ca", str(authority)]
    script = "env; test $AWS_CA_BUNDLE = $(dirname $AWS_WEB_IDENTITY_TOKEN_FILE)/ca.pem && cat $AWS_CA_BUNDLE"
    done = irsa("exec", "--sa", "s3-app", *endpoint, "--", "sh", "-c", script)
    env = variables(done.stdout)
    assert env["AWS_ENDPOINT_URL"] == env["AWS_ENDPOINT_URL_STS"] == "https://aws.example:8443"
    assert done.stdout.endswith(authority.read_text()) and "AWS_STS_REGIONAL_ENDPOINTS" not in env
    manifest = tmp_path / "pod.yaml"
    container = {"name": "app", "command": ["sh", "-c", "cat $AWS_CA_BUNDLE"]}
    spec = {"serviceAccountName": "s3-app", "containers": [container]}
    manifest.write_text(json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "app"}, "spec": spec}))
    assert irsa("run", "-f", str(manifest), *endpoint).stdout == authority.read_text()
    no_pem = irsa("exec", "--endpoint", "https://a", "--endpoint-ca", str(manifest), "--", "true", check=False)
    assert no_pem.returncode == 2 and "IRSA-X034" in no_pem.stderr


def test_a_token_of_a_pod_that_runs(stub, irsa):
    done = irsa("exec", "--pod", "web-1", "--", "env")
    bound = {"kind": "Pod", "apiVersion": "v1", "name": "web-1", "uid": "u-1"}
    assert stub.bodies()[0]["spec"] == {"audiences": ["sts.amazonaws.com"], "expirationSeconds": 7200, "boundObjectRef": bound}
    env = variables(done.stdout)
    assert env["AWS_ROLE_ARN"] == ROLE and env["AWS_ROLE_SESSION_NAME"] == "web-1"
    other = irsa("exec", "--pod", "web-1", "--sa", "other", "--", "true", check=False)
    assert other.returncode == 2 and "IRSA-X032" in other.stderr and "`s3-app`, not `other`" in other.stderr
    gone = irsa("exec", "--pod", "web-2", "--", "true", check=False)
    assert gone.returncode == 1 and "IRSA-X032" in gone.stderr and "no pod `web-2`" in gone.stderr


FORBIDDEN = 'serviceaccounts "s3-app" is forbidden: User "dev" cannot create resource "serviceaccounts/token"'


@pytest.mark.parametrize(
    "request_, answer, code, part",
    [
        (("GET", ""), (403, status(403, "Forbidden", "User \"dev\" cannot get")), "IRSA-X029", "cannot get"),
        (("GET", ""), (401, status(401, "Unauthorized", "Unauthorized")), "IRSA-X029", "Unauthorized"),
        (("GET", ""), (404, status(404, "NotFound", "")), "IRSA-X021", "no ServiceAccount `s3-app`"),
        (("POST", "/token"), (403, status(403, "Forbidden", FORBIDDEN)), "IRSA-X029", "serviceaccounts/token"),
        (("POST", "/token"), (422, status(422, "Invalid", "spec.audiences: \x1b[31mbad")), "IRSA-X029", "\ufffd[31mbad"),
        (("POST", "/token"), (201, {"kind": "TokenRequest", "status": {}}), "IRSA-X033", "no token in it"),
        (("POST", "/token"), (201, b"<html>"), "IRSA-X029", "cannot be asked"),
    ],
)
def test_what_the_cluster_refuses_is_said(stub, irsa, request_, answer, code, part):
    method, path = request_
    stub.answers[method, f"/api/v1/namespaces/dev/serviceaccounts/s3-app{path}"] = answer
    done = irsa("exec", "--sa", "s3-app", "--", "echo", "ran", check=False)
    assert done.returncode in (1, 3) and done.stdout == "", done
    assert code in done.stderr and part in done.stderr, done.stderr


def test_a_server_that_is_gone_is_said(stub, irsa):
    stub.stop()
    gone = irsa("exec", "--sa", "s3-app", "--", "true", check=False)
    assert gone.returncode == 3 and "IRSA-X029" in gone.stderr, gone.stderr
    stub.start()


def test_a_certificate_that_has_expired_is_said(stub, irsa, tmp_path):
    """The context's user is a client certificate of yesterday."""
    now = datetime.datetime.now(datetime.timezone.utc)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "dev")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - datetime.timedelta(days=2)).not_valid_after(now - datetime.timedelta(days=1))
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "user.pem").write_bytes(certificate)
    (tmp_path / "user.key").write_bytes(pem)
    stub.stop()
    stub.start(client_ca=str(tmp_path / "user.pem"))
    user = {"client-certificate": str(tmp_path / "user.pem"), "client-key": str(tmp_path / "user.key")}
    done = irsa("exec", "--sa", "s3-app", "--", "true", user=user, check=False)
    assert done.returncode == 3 and "IRSA-X029" in done.stderr, done.stderr
    assert "the client certificate of the context `stub` has expired" in done.stderr, done.stderr


def test_a_plugin_that_is_missing_is_named(stub, irsa):
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "no-such-plugin", "interactiveMode": "Never"}}
    done = irsa("exec", "--sa", "s3-app", "--", "true", user=user, check=False)
    assert done.returncode == 2 and "IRSA-X028" in done.stderr and "no-such-plugin" in done.stderr, done.stderr


class Running:
    """An `irsa exec` whose command waits, with the token file that it was given."""

    def __init__(self, stub, home):
        env = {**os.environ, "HOME": str(home), "KUBECONFIG": str(stub.kubeconfig())}
        script = "echo $AWS_WEB_IDENTITY_TOKEN_FILE; sleep 120"
        command = [BINARY, "exec", "--sa", "s3-app", "--", "sh", "-c", script]
        self.errors = open(home / "stderr", "w+")
        self.process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=self.errors, text=True, start_new_session=True)
        self.file = pathlib.Path(self.process.stdout.readline().strip())

    def wait_for(self, condition, seconds=20):
        seen = set()
        for _ in range(seconds * 50):
            # Whoever reads the file at any time reads a whole token.
            token = self.file.read_text()
            assert token.startswith("token-") and token[6:].isdigit(), token
            seen.add(token)
            if condition(token, self.said()):
                return seen
            time.sleep(0.02)
        raise AssertionError(f"{seen}\n{self.said()}")

    def said(self):
        return pathlib.Path(self.errors.name).read_text()

    def stop(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()


@pytest.fixture
def running(stub, home):
    started = []

    def start():
        started.append(Running(stub, home))
        return started[-1]

    yield start
    for one in started:
        one.stop()


def test_short_tokens_are_refreshed_in_time(stub, running):
    stub.seconds = 3
    running = running()
    began = time.monotonic()
    running.wait_for(lambda token, _: token == "token-3")
    # Each lives for three seconds and is replaced in the third: neither late nor in a storm of requests.
    assert 2 <= time.monotonic() - began < 10 and len(stub.bodies()) == 3
    assert "refresh" not in running.said()


def test_an_old_token_is_kept_until_the_server_is_back(stub, running):
    stub.seconds = 10
    running = running()
    stub.stop()
    running.wait_for(lambda _, said: "could not be refreshed and is kept" in said)
    running.wait_for(lambda token, said: token == "token-1" and "the token has expired" in said)
    assert running.said().count("could not be refreshed") == 2, "each way is said once"
    stub.start()
    running.wait_for(lambda token, said: token != "token-1" and "refreshed again" in said)
    assert "token-" not in running.said()


def test_a_refusal_while_refreshing_is_said_in_the_clusters_words(stub, running):
    stub.seconds = 3
    running = running()
    stub.answers["POST", "/api/v1/namespaces/dev/serviceaccounts/s3-app/token"] = (404, not_found("/serviceaccounts/s3-app"))
    running.wait_for(lambda _, said: 'serviceaccounts "s3-app" not found' in said)
    stub.answers.clear()
    running.wait_for(lambda token, said: token != "token-1" and "refreshed again" in said)
