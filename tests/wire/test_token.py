"""`irsa token` on tokens of a real issuer over TLS, and on tokens that nobody should take."""

import json
import subprocess
import time

import pytest
from conftest import BINARY
from issuer import Issuer


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    issuer = Issuer(tmp_path_factory.mktemp("issuer"))
    yield issuer
    issuer.stop()


def token(*arguments, stdin="", expect=0):
    done = subprocess.run([BINARY, "token", *map(str, arguments)], input=stdin, capture_output=True, text=True, timeout=30)
    assert done.returncode == expect, done.stdout + done.stderr
    assert stdin.strip() not in done.stdout + done.stderr or not stdin, "a token is never printed"
    return done


def verify(issuer, text, *arguments, expect=0):
    where = ["--issuer", issuer.url, "--issuer-ca", issuer.ca]
    return token("verify", "-", *where, *arguments, stdin=text, expect=expect)


def test_a_projected_token_is_told_claim_by_claim(issuer):
    told = token("inspect", "-", stdin=issuer.token() + "\n").stdout
    assert "system:serviceaccount:dev:s3-app" in told
    assert "ServiceAccount s3-app in the namespace dev" in told
    assert issuer.url in told and "sts.amazonaws.com" in told


def test_inspection_is_json_that_programs_read(issuer):
    value = json.loads(token("inspect", "-o", "json", "-", stdin=issuer.token()).stdout)
    assert value["kind"] == "TokenInspection" and value["claims"]["iss"] == issuer.url


@pytest.mark.parametrize(
    "changes, code",
    [
        ({"kubernetes.io": {"namespace": "test", "serviceaccount": {"name": "s3-app"}}}, "IRSA-T070"),
        ({"exp": 1_000_000_000, "iat": 999_999_000, "nbf": 999_999_000}, "IRSA-T062"),
        ({"iss": "http://plain"}, "IRSA-T076"),
    ],
)
def test_what_is_wrong_with_a_token_is_named(issuer, changes, code):
    told = token("inspect", "-o", "json", "-", stdin=issuer.token(**changes), expect=1)
    assert code in [observation["code"] for observation in json.loads(told.stdout)["observations"]]


def test_what_is_no_token_says_so():
    assert "IRSA-T060" in token("inspect", "-", stdin="hello", expect=1).stderr
    assert "IRSA-X050" in token("inspect", "/nowhere/token", expect=3).stderr


def test_a_good_token_is_verified(issuer):
    assert "verified" in verify(issuer, issuer.token()).stdout


@pytest.mark.parametrize(
    "forge, code",
    [
        (lambda issuer: issuer.unsigned_token(), "IRSA-T060"),
        (lambda issuer: issuer.hmac_token(), "IRSA-T060"),
        (lambda issuer: issuer.token(kid="nobody", key=issuer.keys["first"]), "IRSA-I001"),
        (lambda issuer: issuer.token()[:-8] + "AAAAAAAA", "IRSA-T061"),
        (lambda issuer: issuer.token(exp=int(time.time()) - 10), "IRSA-T062"),
        (lambda issuer: issuer.token(aud=["vault"]), "IRSA-T022"),
        (lambda issuer: issuer.token(iss="https://other.example.com"), "IRSA-T080"),
    ],
)
def test_a_forged_or_stale_token_is_not(issuer, forge, code):
    assert code in verify(issuer, forge(issuer), expect=1).stderr


def test_keys_may_come_from_a_file(issuer, tmp_path):
    keys = tmp_path / "jwks.json"
    keys.write_text(json.dumps(issuer.jwks()))
    assert "verified" in token("verify", "--jwks", keys, "-", stdin=issuer.token()).stdout
    keys.write_text("{}")
    assert "IRSA-X051" in token("verify", "--jwks", keys, "-", stdin=issuer.token(), expect=3).stderr


def test_a_token_cannot_send_us_into_a_private_network(issuer):
    told = token("verify", "--issuer-ca", issuer.ca, "-", stdin=issuer.token(), expect=3)
    assert "IRSA-X051" in told.stderr and "public address" in told.stderr
