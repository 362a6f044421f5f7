"""`irsa issuer`: documents that verifiers take, and a rotation in which no token is refused."""

import json
import subprocess

import pytest
import yaml
from conftest import BINARY
from issuer import Issuer

URL = "https://issuer.example.com/c1"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    issuer = Issuer(tmp_path_factory.mktemp("issuer"))
    yield issuer
    issuer.stop()


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
    assert "private key" in run("plan", "--issuer", URL, "--key", private, expect=3).stderr


def test_publishing_is_planned_until_it_is_approved(keys, tmp_path):
    site = tmp_path / "site"
    arguments = ["publish", "--issuer", URL, "--key", keys, "--to", site]
    assert "--approve" in run(*arguments).stderr
    assert not site.exists()
    run(*arguments, "--approve")
    discovery = json.loads((site / ".well-known/openid-configuration").read_text())
    assert discovery["issuer"] == URL and discovery["jwks_uri"] == URL + "/openid/v1/jwks"
    assert json.loads((site / "openid/v1/jwks").read_text())["keys"][0]["kid"] == "first"


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


@pytest.mark.parametrize("url", ["http://plain.example.com", "issuer.example.com", "https://a?b"])
def test_a_bad_issuer_is_bad_usage(keys, url):
    assert "IRSA-X060" in run("plan", "--issuer", url, "--key", keys, expect=2).stderr


def test_a_folder_without_publication_says_so(tmp_path):
    assert "irsa issuer publish" in run("rotate", "--to", tmp_path, expect=2).stderr
