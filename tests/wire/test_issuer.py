"""`irsa issuer`: documents that verifiers take, and a rotation in which no token is refused."""

import base64
import hashlib
import json
import subprocess

import pytest
import yaml
from cluster_stub import Cluster
from conftest import BINARY, ROOT
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from issuer import Issuer, b64

URL = "https://issuer.example.com/c1"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    issuer = Issuer(tmp_path_factory.mktemp("issuer"))
    yield issuer
    issuer.stop()


@pytest.fixture
def cluster(issuer, tmp_path):
    """A running cluster that signs tokens of `issuer` with its key, and its kubeconfig."""
    folder = tmp_path / "cluster"
    folder.mkdir()
    certificate, key = Issuer._certificates(folder)
    cluster = Cluster(certificate, key, folder / "issuer-ca.pem", issuer.url, issuer.jwks())
    cluster.file = cluster.kubeconfig(tmp_path / "kubeconfig", "here", "there")
    yield cluster
    cluster.stop()


@pytest.fixture
def keys(issuer, tmp_path):
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(issuer.jwks()))
    return path


def run(*arguments, expect=0):
    done = subprocess.run([BINARY, "issuer", *map(str, arguments)], capture_output=True, text=True, timeout=30)
    assert done.returncode == expect, done.stdout + done.stderr
    return done


def pem_key(folder, name, *kind):
    private, public = folder / f"{name}.key", folder / f"{name}.pub"
    subprocess.run(["openssl", "genpkey", *kind, "-out", private], check=True, capture_output=True)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True, capture_output=True)
    return private, public


@pytest.mark.parametrize("tool", ["kubeadm", "k3s", "kind", "talos", "kops"])
def test_a_plan_is_everything_that_has_to_be_done(keys, tool):
    plan = json.loads(run("plan", "--issuer", URL, "--key", keys, "--for", tool, "-o", "json").stdout)
    assert [document["path"] for document in plan["documents"]] == [".well-known/openid-configuration", "openid/v1/jwks"]
    assert yaml.safe_load(plan["configuration"]) and URL in plan["configuration"]
    assert f"--url {URL}" in plan["provider"]


@pytest.mark.parametrize(
    "kind, algorithm",
    [
        (["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], "RS256"),
        (["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], "ES256"),
        (["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"], "ES384"),
        (["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"], "ES512"),
    ],
)
def test_keys_of_openssl_are_published(tmp_path, kind, algorithm):
    private, public = pem_key(tmp_path, "sa", *kind)
    plan = json.loads(run("plan", "--issuer", URL, "--key", public, "-o", "json").stdout)
    assert [key["algorithm"] for key in plan["keys"]] == [algorithm]
    der = serialization.load_pem_public_key(public.read_bytes()).public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert plan["keys"][0]["kid"] == b64(hashlib.sha256(der).digest()), "Kubernetes' keyIDFromPublicKey"
    jwks = tmp_path / "jwks.json"
    jwks.write_text(plan["documents"][1]["body"])
    again = json.loads(run("plan", "--issuer", URL, "--key", jwks, "-o", "json").stdout)
    assert again["documents"] == plan["documents"], "a key set is what the key is"
    assert "private key" in run("plan", "--issuer", URL, "--key", private, expect=3).stderr


def test_a_key_has_the_name_that_a_real_api_server_gave_it(tmp_path):
    served = json.loads((ROOT / "crates/irsa-token/src/fixtures/jwks.json").read_text())
    (jwk,) = served["keys"]
    number = lambda text: int.from_bytes(base64.urlsafe_b64decode(text + "=="), "big")
    public = rsa.RSAPublicNumbers(number(jwk["e"]), number(jwk["n"])).public_key()
    pem = tmp_path / "sa.pub"
    pem.write_bytes(public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    plan = json.loads(run("plan", "--issuer", URL, "--key", pem, "-o", "json").stdout)
    assert json.loads(plan["documents"][1]["body"]) == served


def test_publishing_is_planned_until_it_is_approved(keys, tmp_path):
    site = tmp_path / "site"
    arguments = ["publish", "--issuer", URL, "--key", keys, "--to", site]
    assert "--approve" in run(*arguments).stderr
    assert not site.exists()
    run(*arguments, "--approve")
    discovery = json.loads((site / ".well-known/openid-configuration").read_text())
    assert discovery["issuer"] == URL and discovery["jwks_uri"] == URL + "/openid/v1/jwks"
    assert json.loads((site / "openid/v1/jwks").read_text())["keys"][0]["kid"] == "first"


def test_an_interrupted_publication_is_completed_by_doing_it_again(keys, tmp_path):
    site = tmp_path / "site"
    (site / ".well-known").mkdir(parents=True)
    (site / ".well-known/openid-configuration").mkdir()
    arguments = ["publish", "--issuer", URL, "--key", keys, "--to", site, "--approve"]
    assert "IRSA-X062" in run(*arguments, expect=3).stderr
    assert (site / "openid/v1/jwks").exists(), "keys come before the document that points at them"
    assert "interrupted" in run("rotate", "--to", site).stdout
    (site / ".well-known/openid-configuration").rmdir()
    run(*arguments)
    assert json.loads((site / ".well-known/openid-configuration").read_text())["issuer"] == URL
    assert "pending" not in json.loads((site / "irsa-issuer.json").read_text())


def test_a_published_key_does_not_vanish(keys, tmp_path):
    site = tmp_path / "site"
    run("publish", "--issuer", URL, "--key", keys, "--to", site, "--approve")
    _, other = pem_key(tmp_path, "other", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    assert "IRSA-X063" in run("publish", "--issuer", URL, "--key", other, "--to", site, "--approve", expect=1).stderr
    elsewhere = ["publish", "--issuer", "https://other.example.com", "--key", keys, "--to", site]
    assert "IRSA-X063" in run(*elsewhere, expect=1).stderr


def test_a_rotation_goes_step_by_step(keys, tmp_path):
    site, state = tmp_path / "site", tmp_path / "site/irsa-issuer.json"

    def rotate(*arguments, expect=0):
        return run("rotate", "--to", site, *arguments, "-o", "json", expect=expect)

    def earlier(seconds):
        """Lets time pass: everything in the state happened earlier."""
        value = json.loads(state.read_text())
        for key in value["keys"]:
            key["published"] -= seconds
        if "switched" in value:
            value["switched"] -= seconds
        state.write_text(json.dumps(value))

    def published():
        return len(json.loads((site / "openid/v1/jwks").read_text())["keys"])

    run("publish", "--issuer", URL, "--key", keys, "--to", site, "--approve")
    earlier(10)
    _, new = pem_key(tmp_path, "new", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
    assert json.loads(rotate().stdout)["next"] == {"step": "nothing"}
    rotate("--add", new)
    assert published() == 1, "planned only"
    assert json.loads(rotate("--add", new, "--approve").stdout)["next"]["step"] == "wait-for-verifiers"
    assert published() == 2
    assert "IRSA-X063" in rotate("--switched", "--approve", expect=1).stderr
    earlier(3_600)
    assert json.loads(rotate().stdout)["next"] == {"step": "switch"}
    assert json.loads(rotate("--switched", "--approve").stdout)["next"]["step"] == "wait-for-tokens"
    assert "IRSA-X063" in rotate("--finish", "--approve", expect=1).stderr
    earlier(86_400)
    assert published() == 2, "the old key is there until the last of its tokens has expired"
    assert json.loads(rotate("--finish", "--approve").stdout)["next"] == {"step": "nothing"}
    assert published() == 1


def test_verify_compares_what_is_served_with_what_signs(issuer, keys, tmp_path):
    where = ["--issuer", issuer.url, "--issuer-ca", issuer.ca, "--issuer-allow", "127.0.0.0/8", "--issuer-allow", "::1/128"]
    assert "published" in run("verify", *where, "--key", keys).stdout
    _, other = pem_key(tmp_path, "other", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    missing = json.loads(run("verify", *where, "--key", other, "-o", "json", expect=1).stdout)
    assert missing["complete"] is False and len(missing["missing"]) == 1
    assert "public address" in run("verify", *where[:4], "--key", keys, expect=3).stderr


def test_a_running_cluster_gives_issuer_and_keys(cluster, issuer, tmp_path):
    where = ["--from-kubeconfig", "--kubeconfig", cluster.file, "--context", "there"]
    plan = json.loads(run("plan", *where, "-o", "json").stdout)
    assert plan["issuer"] == issuer.url and [key["kid"] for key in plan["keys"]] == ["first"]
    assert all("*/*" in accept for _, accept in cluster.requests)
    moved = json.loads(run("plan", *where, "--issuer", URL, "-o", "json").stdout)
    assert moved["issuer"] == URL and issuer.url in moved["configuration"], "the old issuer stays accepted"
    site = tmp_path / "site"
    assert f"signs tokens of {issuer.url}" in run("publish", *where, "--issuer", URL, "--to", site).stderr
    assert "signs tokens" not in run("publish", *where, "--to", site, "--approve").stderr
    assert json.loads((site / ".well-known/openid-configuration").read_text())["issuer"] == issuer.url
    assert json.loads((site / "openid/v1/jwks").read_text()) == cluster.jwks


def test_a_new_key_is_taken_from_the_running_cluster(cluster, issuer, tmp_path):
    site, where = tmp_path / "site", ["--from-kubeconfig", "--kubeconfig", cluster.file]
    run("publish", *where, "--to", site, "--approve")
    assert "IRSA-X063" in run("rotate", "--to", site, *where, "--approve", expect=1).stderr
    cluster.jwks["keys"].append({**cluster.jwks["keys"][0], "kid": "next"})
    assert json.loads(run("rotate", "--to", site, *where, "--approve", "-o", "json").stdout)["next"]["step"] == "wait-for-verifiers"
    assert [key["kid"] for key in json.loads((site / "openid/v1/jwks").read_text())["keys"]] == ["first", "next"]


def test_what_a_cluster_does_not_say_is_an_error(cluster, tmp_path):
    where = ["plan", "--from-kubeconfig", "--kubeconfig", cluster.file]
    assert "IRSA-X028" in run(*where, "--context", "nowhere", expect=2).stderr
    assert "--from-kubeconfig" in run("plan", "--issuer", URL, "--key", cluster.file, "--context", "here", expect=2).stderr
    stranger = cluster.kubeconfig(tmp_path / "stranger", token="wrong")
    assert "IRSA-X029" in run("plan", "--from-kubeconfig", "--kubeconfig", stranger, expect=1).stderr
    cluster.issuer = "api"
    assert "no https:// URL" in run(*where, expect=1).stderr
    cluster.status = 503
    assert "IRSA-X029" in run(*where, expect=1).stderr


def test_verify_compares_with_the_running_cluster(cluster, issuer):
    trusted = ["--issuer-ca", issuer.ca, "--issuer-allow", "127.0.0.0/8", "--issuer-allow", "::1/128"]
    where = ["verify", "--from-kubeconfig", "--kubeconfig", cluster.file, *trusted, "-o", "json"]

    def verified(*arguments, expect=0):
        value = json.loads(run(*where, *arguments, expect=expect).stdout)
        return value, {(finding["level"], finding["about"]) for finding in value["findings"]}

    value, findings = verified()
    assert value["complete"] and value["missing"] == value["leftover"] == []
    assert ("good", "issuer") in findings and ("good", "key") in findings
    assert ("note", "media type") in findings and ("note", "cache") in findings, "that issuer sends neither header"

    cluster.jwks["keys"] = [{**cluster.jwks["keys"][0], "kid": "next"}]
    value, _ = verified(expect=1)
    assert (value["complete"], value["missing"], value["leftover"]) == (False, ["next"], ["first"])
    cluster.jwks = issuer.jwks()

    cluster.issuer = issuer.url + "/"
    value, findings = verified("--issuer", issuer.url, expect=1)
    assert ("bad", "issuer") in findings and "slash" in json.dumps(value)
    assert "slash" in run(*where, expect=3).stderr, "the document is of the issuer without it"


@pytest.mark.parametrize("url", ["http://plain.example.com", "issuer.example.com", "https://a?b"])
def test_a_bad_issuer_is_bad_usage(keys, url):
    assert "IRSA-X060" in run("plan", "--issuer", url, "--key", keys, expect=2).stderr


def test_a_folder_without_publication_says_so(tmp_path):
    assert "irsa issuer publish" in run("rotate", "--to", tmp_path, expect=2).stderr
