"""`irsa webhook`, the real binary, over TLS, with reviews recorded from a real API server and a small stand-in for one."""

import base64
import datetime
import http.client
import http.server
import json
import os
import queue
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from conftest import BINARY, ROOT

FIXTURES = ROOT / "crates" / "irsa-cluster" / "src" / "fixtures"
HOST = "pod-identity-webhook.eks.svc"
ROLE = "arn:aws:iam::111122223333:role/s3-app"


class ApiServer:
    """Lists, watches and single reads of ServiceAccounts and ConfigMaps, over plain HTTP."""

    def __init__(self):
        self.objects, self.version, self.watches, self.lock = {}, 1, [], threading.Lock()
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                path, _, query = self.path.partition("?")
                if "watch=1" in query:
                    return self.watch(path)
                found = api.objects.get(path)
                if found is None and path.endswith(("/serviceaccounts", "/configmaps")):
                    with api.lock:
                        items = [item for name, item in api.objects.items() if api.collects(path, name)]
                        found = {"metadata": {"resourceVersion": str(api.version)}, "items": items}
                status = 200 if found else 404
                body = json.dumps(found or {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                                            "message": "not found", "reason": "NotFound", "code": 404}).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def watch(self, path):
                events = queue.Queue()
                with api.lock:
                    api.watches.append((path, events))
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Connection", "close")
                self.end_headers()
                self.close_connection = True
                while (event := events.get()) is not None:
                    self.wfile.write(json.dumps(event).encode() + b"\n")

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @staticmethod
    def collects(collection, path):
        base, resource = collection.rsplit("/", 1)
        parent = path.rsplit("/", 1)[0]
        return parent == collection or (parent.startswith(base + "/namespaces/") and parent.endswith("/" + resource))

    def put(self, path, item):
        with self.lock:
            self.version += 1
            item["metadata"]["resourceVersion"] = str(self.version)
            kind = "MODIFIED" if path in self.objects else "ADDED"
            self.objects[path] = item
            for collection, events in self.watches:
                if self.collects(collection, path):
                    events.put({"type": kind, "object": item})

    def account(self, name, namespace="demo", **annotations):
        annotations = {f"eks.amazonaws.com/{key.replace('_', '-')}": value for key, value in annotations.items()}
        metadata = {"namespace": namespace, "name": name, "annotations": annotations}
        self.put(f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}", {"metadata": metadata})

    def stop(self):
        with self.lock:
            for _, events in self.watches:
                events.put(None)
        self.server.shutdown()
        self.server.server_close()


class Authority:
    """Makes server certificates, in the files that the webhook reads."""

    def __init__(self, folder):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        (folder / "ca.pem").write_bytes(self._signed(self.name, self.key, authority=True))

    def issue(self, life=datetime.timedelta(days=1)):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
        (self.folder / "tls.key").write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        (self.folder / "tls.crt").write_bytes(self._signed(subject, key, life=life))

    def _signed(self, subject, key, authority=False, life=datetime.timedelta(days=1)):
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key.public_key())
                   .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=2))
                   .not_valid_after(now + life)
                   .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True))
        if not authority:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


class Webhook:
    """A running `irsa webhook`, and the API server's side of its connections."""

    def __init__(self, api, folder, *flags, authority=None):
        self.authority = authority or Authority(folder)
        if not (folder / "tls.crt").exists():
            self.authority.issue()
        self.log = open(folder / "webhook.log", "w+")
        command = [BINARY, "webhook", "--kube-api", api.url, "--in-cluster=false", "--port=0", "--metrics-port=0",
                   "--bind-address=127.0.0.1", "--tls-cert", folder / "tls.crt", "--tls-key", folder / "tls.key",
                   "--drain=200ms", *flags]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("KUBE")}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True, env=environment)
        self.port, self.metrics_port = (int(re.search(r":(\d+)/", self.process.stdout.readline())[1]) for _ in range(2))
        self.trust = ssl.create_default_context(cafile=folder / "ca.pem")

    def connect(self):
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20, context=self.trust)
        # The certificate is for the Service's name, which the API server sends.
        connection.sock = self.trust.wrap_socket(
            socket.create_connection(("127.0.0.1", self.port)), server_hostname=HOST)
        return connection

    def ask(self, method, path, body=None, headers=None):
        connection = self.connect()
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def review(self, review, path="/mutate?timeout=10s"):
        body = review if isinstance(review, bytes) else json.dumps(review).encode()
        status, answer = self.ask("POST", path, body, {"Content-Type": "application/json"})
        assert status == 200, answer
        return json.loads(answer)

    def until_ready(self):
        for _ in range(500):
            try:
                if self.ask("GET", "/readyz")[0] == 200:
                    return self
            except (OSError, http.client.HTTPException):
                pass
            assert self.process.poll() is None, "irsa webhook ended"
            time.sleep(0.02)
        raise AssertionError("not ready within 10 s")

    def plain(self, path, content_type=""):
        connection = http.client.HTTPConnection("127.0.0.1", self.metrics_port, timeout=20)
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.headers["Content-Type"].startswith(content_type)
        return answer.status, answer.read().decode()

    def metrics(self):
        return self.plain("/metrics", "application/openmetrics-text")[1]

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(timeout=20)


@pytest.fixture
def api():
    server = ApiServer()
    yield server
    server.stop()


@pytest.fixture
def webhook(api, tmp_path):
    started = []

    def start(*flags, **options):
        started.append(Webhook(api, tmp_path, *flags, **options))
        return started[-1]

    yield start
    for running in started:
        running.stop(signal.SIGKILL)


def recorded(name):
    return (FIXTURES / "reviews" / f"{name}.request.json").read_bytes()


def patch_of(answer):
    assert answer["response"]["allowed"] is True
    if "patch" not in answer["response"]:
        return []
    assert answer["response"]["patchType"] == "JSONPatch"
    return json.loads(base64.b64decode(answer["response"]["patch"]))


def patched(review, answer):
    return applied(review, patch_of(answer))


def applied(review, patch):
    """The pod after a patch, of which only additions are known."""
    pod = json.loads(json.dumps(review["request"]["object"]))
    for operation in patch:
        assert operation["op"] in ("add", "replace")
        *path, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
        parent = pod
        for part in path:
            parent = parent[int(part)] if isinstance(parent, list) else parent[part]
        if isinstance(parent, list):
            parent.insert(len(parent) if last == "-" else int(last), operation["value"])
        else:
            parent[last] = operation["value"]
    return pod


def plain(value):
    """Without what Go leaves out or puts in: null, empty objects, lists and texts."""
    if isinstance(value, dict):
        value = {key: plain(item) for key, item in value.items()}
        return {key: item for key, item in value.items() if item not in (None, {}, [], "")}
    return [plain(item) for item in value] if isinstance(value, list) else value


def test_recorded_reviews(api, webhook):
    api.account("s3-app", role_arn=ROLE)
    api.account("default")
    running = webhook().until_ready()
    for file in sorted((FIXTURES / "reviews").glob("*.json")):
        review = json.loads(file.read_bytes())
        answer = running.review(file.read_bytes())
        assert answer["apiVersion"] == review["apiVersion"] and answer["kind"] == "AdmissionReview"
        assert answer["response"]["uid"] == review["request"]["uid"]
        pod = patched(review, answer)
        account = pod["spec"]["serviceAccountName"]
        roles = {item["value"] for container in pod["spec"]["containers"] for item in container.get("env", [])
                 if item["name"] == "AWS_ROLE_ARN"}
        assert roles == ({ROLE} if account == "s3-app" else set()), file.name
    metrics = running.metrics()
    assert 'irsa_webhook_reviews_total{outcome="mutated",allowed="true"}' in metrics
    assert "http_request_count" not in metrics, "upstream's names are asked for"


def test_pods_become_what_the_upstream_webhook_makes_of_them(api, webhook):
    for document in yaml.safe_load_all((FIXTURES / "reference" / "service-accounts.yaml").read_text()):
        for item in document.get("items", [document]) if document else []:
            metadata = item["metadata"]
            metadata.setdefault("namespace", "demo")
            api.put(f"/api/v1/namespaces/{metadata['namespace']}/serviceaccounts/{metadata['name']}", {"metadata": metadata})
    running = webhook("--aws-default-region=us-east-1", "--sts-regional-endpoint").until_ready()
    requests = sorted((FIXTURES / "reference").glob("*.request.json"))
    assert len(requests) >= 10
    for file in requests:
        review = json.loads(file.read_bytes())
        upstream = json.loads(file.with_name(file.name.replace(".request.", ".patch.")).read_bytes())
        ours = applied(review, patch_of(running.review(file.read_bytes())))
        assert plain(ours) == plain(applied(review, upstream)), file.name


def test_a_service_account_that_the_watch_has_not_shown(api, webhook):
    running = webhook().until_ready()
    review = json.loads(recorded("url-001-create-app"))
    strict = running.review(review, "/mutate/strict?timeout=2s")["response"]
    assert (strict["allowed"], strict["status"]["code"]) == (False, 503)
    assert patch_of(running.review(review)) == []
    # In no watch: only a direct read finds it.
    metadata = {"namespace": "demo", "name": "s3-app", "annotations": {"eks.amazonaws.com/role-arn": ROLE}}
    api.objects["/api/v1/namespaces/demo/serviceaccounts/s3-app"] = {"metadata": metadata}
    assert patch_of(running.review(review, "/mutate/strict")) != []
    assert 'irsa_webhook_live_lookups_total{result="found"} 1' in running.metrics()


def test_what_is_no_review(api, webhook):
    running = webhook().until_ready()
    for method, path, content_type, body, expected in [
        ("GET", "/mutate", "application/json", None, 405),
        ("POST", "/elsewhere", "application/json", b"{}", 404),
        ("POST", "/mutate", "application/yaml", b"{}", 415),
        ("POST", "/mutate", "application/json", b"", 400),
        ("POST", "/mutate", "application/json", b"{}", 400),
        ("POST", "/mutate", "application/json", b"[" * 100_000, 400),
        ("POST", "/mutate", "application/json", b'{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v2"}', 400),
    ]:
        status, answer = running.ask(method, path, body, {"Content-Type": content_type})
        assert status == expected, (method, path, content_type, answer)
    assert running.ask("GET", "/healthz") == (200, "ok")


def test_a_certificate_that_changes_while_serving(api, webhook, tmp_path):
    api.account("s3-app", role_arn=ROLE)
    authority = Authority(tmp_path)
    authority.issue(life=datetime.timedelta(days=-1))
    running = webhook(authority=authority)
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        running.connect()
    authority.issue()
    running.until_ready()
    open_connection = running.connect()
    before = open_connection.sock.getpeercert(binary_form=True)
    authority.issue()
    for _ in range(200):
        open_connection.request("POST", "/mutate", recorded("url-001-create-app"), {"Content-Type": "application/json"})
        answer = open_connection.getresponse()
        assert patch_of(json.loads(answer.read())) != []
        if running.connect().sock.getpeercert(binary_form=True) != before:
            break
        time.sleep(0.05)
    else:
        raise AssertionError("the new certificate is not used")


def test_debugging_handlers(api, webhook):
    api.account("s3-app", role_arn=ROLE, audience="vault.example", token_expiration="3600")
    api.account("plain")
    running = webhook("--enable-debugging-handlers", "--sts-regional-endpoint").until_ready()
    shown = json.loads(running.plain("/debug/alpha/cache")[1])
    assert shown["demo/s3-app"] == {
        "RoleARN": ROLE, "Audience": "vault.example", "UseRegionalSTS": True, "TokenExpiration": 3600}
    assert shown["demo/plain"] == {
        "RoleARN": "", "Audience": "sts.amazonaws.com", "UseRegionalSTS": True, "TokenExpiration": 86400}
    assert running.ask("GET", "/debug/alpha/cache")[0] == 404, "not on the port that the cluster reaches"
    for harmful in ("cache/clear", "deny", "500"):
        assert running.plain(f"/debug/alpha/{harmful}")[0] == 404


def test_debugging_handlers_are_off(api, webhook):
    assert webhook().until_ready().plain("/debug/alpha/cache")[0] == 404


def test_draining(api, webhook):
    api.account("s3-app", role_arn=ROLE)
    running = webhook("--drain=1s").until_ready()
    running.process.send_signal(signal.SIGTERM)
    for _ in range(200):
        status, lines = running.ask("GET", "/readyz")
        if status == 503:
            break
        time.sleep(0.005)
    assert "[-]shutdown in progress" in lines
    assert patch_of(running.review(recorded("url-001-create-app"))) != [], "it goes on answering"
    assert running.process.wait(timeout=20) == 0


def test_roles_from_the_config_map_and_a_configuration_file(api, webhook, tmp_path):
    api.account("s3-app")
    config = {"demo/s3-app": {"RoleARN": ROLE, "Audience": "sts.amazonaws.com"}}
    api.put("/api/v1/namespaces/kube-system/configmaps/pod-identity-webhook",
            {"metadata": {"name": "pod-identity-webhook"}, "data": {"config": json.dumps(config)}})
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump({"namespace": "kube-system", "watch-config-map": True, "aws-default-region": "eu-west-1",
                                    "upstream-metric-names": True}))
    running = webhook("--config", str(file)).until_ready()
    review = json.loads(recorded("url-001-create-app"))
    pod = patched(review, running.review(review))
    environment = {item["name"]: item.get("value") for item in pod["spec"]["containers"][0]["env"]}
    assert environment["AWS_ROLE_ARN"] == ROLE and environment["AWS_REGION"] == "eu-west-1"
    assert 'http_request_count{verb="POST",path="/mutate",code="200"} 1' in running.metrics()
