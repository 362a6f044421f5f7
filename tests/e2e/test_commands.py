"""Commands that ask a running cluster, with a kubeconfig: a laptop beside it."""

import json
import subprocess
import sys
import urllib.request

import pytest

from conftest import ACCOUNT

# Where the keys are is the publisher's; the rest is as the cluster has it.
PUBLISHED = ("issuer", "response_types_supported", "subject_types_supported", "id_token_signing_alg_values_supported")


@pytest.fixture
def irsa(binary, cluster, aws, tmp_path):
    kubeconfig = cluster.kubeconfig(tmp_path / "kubeconfig", cluster.ADMIN)

    def irsa(*command, stdin=None, code=0):
        command = [str(part) if part != "KUBECONFIG" else f"--kubeconfig={kubeconfig}" for part in command]
        environment = {**aws.env(home=tmp_path), "KUBECONFIG": "/nonexistent"}
        done = subprocess.run([binary, *command], env=environment, input=stdin, capture_output=True, text=True, timeout=60)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    return irsa


def document(cluster, path):
    return json.load(urllib.request.urlopen(cluster.url + path, context=cluster.admin.trust))


def test_a_token_of_the_cluster(cluster, irsa, team, tmp_path):
    app = team()
    app.account("app")
    pod = app.pod("app", "app")
    token = cluster.admin.token_for("app", app.name, "sts.amazonaws.com", 86400, pod)
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps(document(cluster, "/openid/v1/jwks")))
    verified = json.loads(irsa("token", "verify", "--jwks", keys, "--issuer", cluster.ISSUER, "-o", "json", stdin=token))
    assert f"system:serviceaccount:{app.name}:app" in json.dumps(verified)
    inspected = irsa("token", "inspect", "-o", "json", stdin=token)
    assert json.loads(inspected) and pod["metadata"]["uid"] in inspected
    for_the_api = cluster.admin.token_for("app", app.name, None)
    irsa("token", "verify", "--jwks", keys, stdin=for_the_api, code=1)


def test_the_documents_of_the_cluster(cluster, irsa, tmp_path):
    irsa("issuer", "publish", "--from-kubeconfig", "KUBECONFIG", "--to", tmp_path / "site", "--approve")
    ours = json.loads((tmp_path / "site" / ".well-known" / "openid-configuration").read_text())
    theirs = document(cluster, "/.well-known/openid-configuration")
    assert {name: ours[name] for name in PUBLISHED} == {name: theirs[name] for name in PUBLISHED}
    keys = json.loads(next(file for file in (tmp_path / "site").rglob("*") if file.name.endswith("jwks")).read_text())
    assert keys["keys"] == document(cluster, "/openid/v1/jwks")["keys"]
    plan = irsa("issuer", "plan", "--from-kubeconfig", "KUBECONFIG")
    assert f"{cluster.ISSUER} --client-id-list sts.amazonaws.com" in plan, "the provider for IAM"


def test_a_command_with_the_role_of_a_service_account(cluster, irsa, aws, provider, team):
    app, iam = team(), aws.client("iam")
    trust = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Federated": provider}, "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {"issuer.e2e.example:sub": f"system:serviceaccount:{app.name}:app"}}}]}
    role = iam.create_role(RoleName=f"{app.name}-app", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    app.account("app", role)
    app.pod("web", "app")
    program = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"
    for whose in (("--service-account", "app"), ("--pod", "web")):
        said = irsa("exec", "--local", "KUBECONFIG", "--namespace", app.name, *whose, "--", sys.executable, "-c", program)
        assert said.startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/{app.name}-app/"), said
