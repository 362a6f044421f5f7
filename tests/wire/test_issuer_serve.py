"""`irsa issuer serve`: documents as an API server serves them, from folders and running clusters, that STS takes."""

import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request

import boto3
import botocore
import pytest
from botocore.config import Config
from cluster_stub import Cluster
from conftest import BINARY, REGION, Server, needs
from cryptography import x509
from issuer import Issuer

DISCOVERY, JWKS = "/.well-known/openid-configuration", "/openid/v1/jwks"


class Serve:
    """A running `irsa issuer serve`."""

    def __init__(self, *arguments, ca=None, listen="127.0.0.1:0", env=None):
        command = [BINARY, "issuer", "serve", "--listen", listen, "--listen-metrics", "127.0.0.1:0", *map(str, arguments)]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "NO_COLOR": "1", **(env or {})}
        )
        self.url = self._line("issuers")
        self.operators = self._line("metrics").removesuffix("/metrics")
        self.context = ssl.create_default_context(cafile=ca) if ca else None

    def _line(self, word):
        for line in self.process.stdout:
            if line.startswith(word):
                return line.split()[1]
        raise RuntimeError(self.process.stderr.read())

    def get(self, path, method="GET", operators=False, **headers):
        """Status, headers, body."""
        base = self.operators if operators else self.url.replace("127.0.0.1", "localhost")
        request = urllib.request.Request(base + path, method=method, headers={n.replace("_", "-"): v for n, v in headers.items()})
        try:
            with urllib.request.urlopen(request, context=None if operators else self.context, timeout=10) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def ready(self):
        return self.get("/readyz", operators=True)

    def wait_until(self, condition, seconds=15):
        end = time.time() + seconds
        while time.time() < end:
            if condition():
                return
            time.sleep(0.05)
        raise AssertionError(self.ready())

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=15)
        return self.process.returncode


@pytest.fixture
def serve():
    started = []

    def start(*arguments, **options):
        started.append(Serve(*arguments, **options))
        return started[-1]

    yield start
    for server in started:
        server.process.kill()
        server.process.wait()
        server.process.stdout.close()
        server.process.stderr.close()


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    """Its keys sign; its certificates are those of the server under test."""
    issuer = Issuer(tmp_path_factory.mktemp("issuer"))
    issuer.folder = os.path.dirname(issuer.ca)
    yield issuer
    issuer.stop()


@pytest.fixture
def tls(signer):
    return ["--tls-cert", f"{signer.folder}/issuer.pem", "--tls-key", f"{signer.folder}/issuer.key"]


@pytest.fixture
def site(signer, tmp_path):
    """Publishes for a URL, and gives the flag's value."""

    def publish(url, name="site", jwks=None, *more):
        keys = tmp_path / "keys.json"
        keys.write_text(json.dumps(jwks or signer.jwks()))
        command = [BINARY, "issuer", "publish", "--issuer", url, "--key", keys, "--to", tmp_path / name, "--approve"]
        subprocess.run(command, check=True, capture_output=True)
        return f"{url}={tmp_path / name}"

    return publish


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_documents_are_those_of_an_api_server(serve, signer, site, tls):
    server = serve("--site", site("https://localhost/c1"), *tls, ca=signer.ca)
    server.wait_until(lambda: server.ready()[0] == 200)
    for path, media_type in [("/c1" + DISCOVERY, "application/json"), ("/c1" + JWKS, "application/jwk-set+json")]:
        status, headers, body = server.get(path)
        assert (status, headers["content-type"], headers["cache-control"]) == (200, media_type, "public, max-age=3600")
        assert int(headers["content-length"]) == len(body)
        again = server.get(path, If_None_Match=headers["etag"])
        assert (again[0], again[1]["etag"], again[1]["cache-control"], again[2]) == (304, headers["etag"], "public, max-age=3600", b"")
        assert server.get(path, If_None_Match='"other"')[0] == 200
        head = server.get(path, method="HEAD")
        assert (head[0], head[1]["content-length"], head[2]) == (200, str(len(body)), b"")
        assert server.get(path, method="POST")[0] == 405
    assert json.loads(server.get("/c1" + JWKS)[2]) == signer.jwks()
    assert json.loads(server.get("/c1" + DISCOVERY)[2])["jwks_uri"] == "https://localhost/c1" + JWKS


def test_there_is_nothing_else(serve, signer, site, tls, tmp_path):
    server = serve("--site", site("https://localhost/c1"), *tls, ca=signer.ca)
    server.wait_until(lambda: server.ready()[0] == 200)
    for path in ["/", "/c1", "/c1/", DISCOVERY, JWKS, "/c1/irsa-issuer.json", "/c1/../c1" + JWKS, "/c1//openid/v1/jwks", "/metrics",
                 "/c1/%2e%2e/irsa-issuer.json", "/c2" + JWKS, "/c1" + JWKS + "/"]:
        assert server.get(path)[0] == 404, path
    assert server.get("/healthz")[::2] == (200, b"ok") and server.get("/readyz")[::2] == (200, b"ok")
    assert server.get("/c1" + JWKS, X_Long="x" * 20_000)[0] in (400, 431)
    metrics = server.get("/metrics", operators=True)[2].decode()
    assert 'irsa_issuer_served{issuer="https://localhost/c1"} 1' in metrics
    assert 'irsa_issuer_requests_total{document="other",status="404"} 12' in metrics
    assert "irsa_issuer_certificate_expiry_timestamp_seconds" in metrics and "irsa_issuer_source_age_seconds" in metrics


def test_who_asks_nothing_is_sent_away(serve, signer, site, tls):
    server = serve("--site", site("https://localhost/c1"), *tls, ca=signer.ca)
    port = int(server.url.rsplit(":", 1)[1])
    connect = lambda: socket.create_connection(("127.0.0.1", port), timeout=20)
    wrap = lambda protocol: (context.set_alpn_protocols([protocol]), context.wrap_socket(connect(), server_hostname="localhost"))[1]
    context = ssl.create_default_context(cafile=signer.ca)
    started, quiet = time.time(), [connect(), wrap("http/1.1"), wrap("h2"), wrap("http/1.1"), wrap("h2")]
    quiet[3].sendall(b"GET /c1 HTTP/1.1\r\nhost: loc")
    quiet[4].sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    for one in quiet:
        try:
            while one.recv(4096):
                pass
        except (ConnectionError, ssl.SSLError):
            pass
        assert time.time() - started < 15
        one.close()


@needs("curl")
def test_http_2_has_the_same_answers(serve, signer, site, tls):
    server = serve("--site", site("https://localhost/c1"), *tls, ca=signer.ca)
    server.wait_until(lambda: server.ready()[0] == 200)
    url = server.url.replace("127.0.0.1", "localhost") + "/c1" + JWKS

    def curl(*arguments):
        done = subprocess.run(["curl", "-sS", "--http2", "--cacert", signer.ca, *arguments, url], capture_output=True, text=True, timeout=20)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert curl("-i").startswith("HTTP/2 200")
    head = curl("-I")
    assert head.startswith("HTTP/2 200") and re.search(r"content-length: [1-9]", head)


def test_several_issuers_share_a_process(serve, signer, site, tls):
    sites = [
        site("https://localhost/c1", "one"),
        site("https://localhost/b/c2", "two"),
        site("https://one.example/c3", "three"),
        site("https://two.example/c3", "four"),
    ]
    server = serve(*(flag for of in sites for flag in ("--site", of)), *tls, ca=signer.ca)
    server.wait_until(lambda: server.ready()[0] == 200)
    issuer = lambda path, **headers: json.loads(server.get(path + DISCOVERY, **headers)[2])["issuer"]
    assert issuer("/c1") == "https://localhost/c1"
    assert issuer("/c1", Host="whatever.example") == "https://localhost/c1", "a path of its own needs no host"
    assert issuer("/b/c2") == "https://localhost/b/c2"
    assert issuer("/c3", Host="one.example") == "https://one.example/c3"
    assert issuer("/c3", Host="TWO.example:8443") == "https://two.example/c3"
    assert server.get("/c3" + DISCOVERY)[0] == 404


def test_a_folder_is_served_as_it_changes_and_stays_when_it_breaks(serve, signer, site, tls, tmp_path):
    server = serve("--site", site("https://localhost/c1"), *tls, ca=signer.ca)
    server.wait_until(lambda: server.ready()[0] == 200)
    jwks, old = tmp_path / "site/openid/v1/jwks", server.get("/c1" + JWKS)[1]["etag"]
    more = signer.jwks()
    more["keys"].append({**more["keys"][0], "kid": "next"})
    site("https://localhost/c1", "site", more)
    server.wait_until(lambda: server.get("/c1" + JWKS)[1]["etag"] != old)
    assert json.loads(server.get("/c1" + JWKS)[2]) == more
    for broken, why in [
        ("{}", b"no array `keys`"),
        ('{"keys":[]}', b"there is no key"),
        ('{"keys":[{"kty":"oct","kid":"a","k":"AA"}]}', b"`kty`"),
        ("x" * 70_000, b"larger than"),
    ]:
        jwks.write_text(broken)
        server.wait_until(lambda: why in server.ready()[2])
        assert server.ready()[0] == 200 and json.loads(server.get("/c1" + JWKS)[2]) == more
    shutil.rmtree(tmp_path / "site")
    server.wait_until(lambda: b"No such file" in server.ready()[2])
    assert json.loads(server.get("/c1" + JWKS)[2]) == more
    site("https://localhost/c1")
    server.wait_until(lambda: b"stale" not in server.ready()[2])
    assert json.loads(server.get("/c1" + JWKS)[2]) == signer.jwks()


def test_a_folder_of_another_issuer_is_never_served(serve, signer, site, tls):
    folder = site("https://localhost/other").split("=")[1]
    server = serve("--site", f"https://localhost/c1={folder}", *tls, ca=signer.ca)
    server.wait_until(lambda: b"of the issuer `https://localhost/other`" in server.ready()[2])
    status, headers, _ = server.get("/c1" + JWKS)
    assert (status, headers["cache-control"]) == (503, "no-store")
    assert server.ready()[0] == 503 and server.get("/readyz")[0] == 503
    assert b"other" not in server.get("/readyz")[2], "strangers are not told why"


def test_running_clusters_are_served_and_stay_while_they_are_away(serve, signer, tls, tmp_path):
    folder = tmp_path / "cluster"
    folder.mkdir()
    certificate, key = Issuer._certificates(folder)
    cluster = Cluster(certificate, key, folder / "issuer-ca.pem", "https://localhost/c1", signer.jwks())
    kubeconfig = cluster.kubeconfig(tmp_path / "kubeconfig", "a", "b")
    cluster.status = 503
    server = serve("--cluster", "https://localhost/c1=a", "--cluster", "https://localhost/c2=b", "--kubeconfig", kubeconfig, *tls, ca=signer.ca)
    server.wait_until(lambda: server.ready()[2].count(b"never read") == 2)
    assert server.get("/c1" + JWKS)[0] == 503 and server.ready()[0] == 503
    cluster.status = 200
    server.wait_until(lambda: server.ready()[0] == 200, seconds=25)
    for path in ("/c1", "/c2"):
        assert json.loads(server.get(path + JWKS)[2]) == signer.jwks()
        document = json.loads(server.get(path + DISCOVERY)[2])
        assert document["issuer"] == f"https://localhost{path}" and document["jwks_uri"] == f"https://localhost{path}{JWKS}"
    assert b"c2 ok, keys: 1" in server.ready()[2] and b"the cluster signs tokens of https://localhost/c1\n" in server.ready()[2]
    cluster.stop()
    assert server.ready()[0] == 200 and server.get("/c1" + JWKS)[0] == 200


def test_a_certificate_is_replaced_without_a_restart(serve, signer, site, tmp_path):
    own = tmp_path / "tls"
    own.mkdir()
    certificate, key = Issuer._certificates(own)
    server = serve("--site", site("https://localhost/c1"), "--tls-cert", certificate, "--tls-key", key, ca=own / "issuer-ca.pem")
    server.wait_until(lambda: server.ready()[0] == 200)
    port = int(server.url.rsplit(":", 1)[1])
    serial = lambda: x509.load_pem_x509_certificate(ssl.get_server_certificate(("127.0.0.1", port)).encode()).serial_number
    before = serial()
    Issuer._certificates(own)
    server.wait_until(lambda: serial() != before)
    server.context = ssl.create_default_context(cafile=own / "issuer-ca.pem")
    assert server.get("/c1" + JWKS)[0] == 200


def test_sts_takes_tokens_of_an_issuer_that_is_served(serve, signer, site, tls, fresh_server):
    port = free_port()
    url = f"https://localhost:{port}/c1"
    issuer = serve("--site", site(url), *tls, ca=signer.ca, listen=f"127.0.0.1:{port}")
    issuer.wait_until(lambda: issuer.ready()[0] == 200)
    verify = [BINARY, "issuer", "verify", "--issuer", url, "--key", f"{site(url).split('=')[1]}/openid/v1/jwks", "--issuer-ca", signer.ca,
              "--issuer-allow", "127.0.0.0/8", "--issuer-allow", "::1/128", "-o", "json"]
    verified = json.loads(subprocess.run(verify, check=True, capture_output=True).stdout)
    assert {finding["level"] for finding in verified["findings"]} == {"good"}

    aws = fresh_server("--issuer-ca", signer.ca, "--issuer-allow", "127.0.0.0/8", "--issuer-allow", "::1/128")
    iam = aws.client("iam")
    provider = iam.create_open_id_connect_provider(Url=url, ClientIDList=["sts.amazonaws.com"])["OpenIDConnectProviderArn"]
    name = url.removeprefix("https://")
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Federated": provider},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {"StringEquals": {f"{name}:sub": "system:serviceaccount:dev:s3-app"}},
            }
        ],
    }
    role = iam.create_role(RoleName="s3-app", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    sts = boto3.client("sts", endpoint_url=aws.endpoint, region_name=REGION, config=Config(signature_version=botocore.UNSIGNED))
    exchange = lambda token: sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="test", WebIdentityToken=token)
    assert exchange(signer.token(iss=url))["SubjectFromWebIdentityToken"] == "system:serviceaccount:dev:s3-app"
    with pytest.raises(botocore.exceptions.ClientError):
        exchange(signer.token(iss=url + "x"))


def test_it_drains_and_ends(serve, signer, site, tls):
    server = serve("--site", site("https://localhost/c1"), *tls, "--drain", "2s", ca=signer.ca)
    server.wait_until(lambda: server.ready()[0] == 200)
    server.process.send_signal(signal.SIGTERM)
    server.wait_until(lambda: server.ready()[0] == 503)
    assert server.get("/c1" + JWKS)[0] == 200 and server.get("/readyz")[0] == 503
    assert server.process.wait(timeout=15) == 0


@pytest.mark.parametrize(
    "arguments, words",
    [
        ([], "IRSA-X066"),
        (["--site", "https://a.example=x", "--site", "https://a.example/=y"], "served already"),
        (["--site", "http://a.example=x"], "IRSA-X066"),
        (["--site", "https://a.example"], "expected the issuer's URL"),
        (["--cluster", "https://a.example=nowhere", "--kubeconfig", "/dev/null"], "IRSA-X028"),
    ],
)
def test_bad_usage_says_what_to_do(arguments, words):
    done = subprocess.run([BINARY, "issuer", "serve", "--plain-http", "--listen", "127.0.0.1:0", "--listen-metrics", "127.0.0.1:0", *arguments],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 2 and words in done.stderr, done.stderr


def test_a_certificate_that_cannot_be_used_is_told_at_the_start(signer, site, tmp_path):
    arguments = [BINARY, "issuer", "serve", "--site", site("https://a.example"), "--tls-cert", signer.ca, "--tls-key", signer.ca]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=20)
    assert done.returncode == 2 and "IRSA-X067" in done.stderr
    assert "--plain-http" in subprocess.run(arguments[:5], capture_output=True, text=True, timeout=20).stderr


def test_behind_a_proxy_it_is_plain(serve, signer, site):
    server = serve("--site", site("https://issuer.example.com/c1"), "--plain-http")
    server.wait_until(lambda: server.ready()[0] == 200)
    assert server.url.startswith("http://")
    assert json.loads(server.get("/c1" + DISCOVERY)[2])["issuer"] == "https://issuer.example.com/c1"
