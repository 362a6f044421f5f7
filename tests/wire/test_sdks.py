"""The SDKs of other languages, unmodified, by their default credential chain, as in a pod."""

import json
import shutil
import subprocess

import pytest
from conftest import FIRST, REGION, ROOT

TOOLS = ROOT / ".tools"
SDKS = {
    "javascript": (TOOLS / "javascript" / "node_modules", ["node", str(ROOT / "tests/sdk/javascript/exercise.mjs")]),
    "go": (TOOLS / "go" / "exercise", [str(TOOLS / "go" / "exercise")]),
    "java": (TOOLS / "java" / "lib", ["java", "-cp", f"{TOOLS}/java/irsa-sdk-test-1.jar:{TOOLS}/java/lib/*", "Exercise"]),
}


@pytest.fixture(scope="module")
def cluster(server):
    """A cluster with a ServiceAccount default/sdk whose role may use buckets that begin with `sdk-`."""
    eks, iam, s3 = (server.client(name) for name in ("eks", "iam", "s3"))
    made = eks.create_cluster(name="sdk", roleArn=f"arn:aws:iam::{FIRST}:role/c", resourcesVpcConfig={})["cluster"]
    issuer = made["identity"]["oidc"]["issuer"]
    provider = iam.create_open_id_connect_provider(Url=issuer, ClientIDList=["sts.amazonaws.com"])["OpenIDConnectProviderArn"]
    condition = {"StringEquals": {issuer.removeprefix("https://") + ":sub": "system:serviceaccount:default:sdk"}}
    trust = {"Effect": "Allow", "Principal": {"Federated": provider}, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": condition}
    role = iam.create_role(RoleName="sdk", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))["Role"]["Arn"]
    allow = {"Effect": "Allow", "Action": "s3:*", "Resource": ["arn:aws:s3:::sdk-*", "arn:aws:s3:::sdk-*/*"]}
    iam.put_role_policy(RoleName="sdk", PolicyName="s3", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow]}))
    for bucket in ["sdk-bucket", "somebody-elses-bucket"]:
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    kubeconfig = server.data / "kubeconfig"
    server.run("aws", "eks", "update-kubeconfig", "--name", "sdk", "--kubeconfig", str(kubeconfig))
    kubectl = ["kubectl", "--kubeconfig", str(kubeconfig)]
    server.run(*kubectl, "create", "serviceaccount", "sdk")
    server.run(*kubectl, "annotate", "serviceaccount", "sdk", f"eks.amazonaws.com/role-arn={role}")
    return server


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl on this machine")
@pytest.mark.timeout(120)
@pytest.mark.parametrize("style", ["path", "host"])
@pytest.mark.parametrize("language", SDKS)
def test_default_credentials_and_objects(cluster, language, style):
    installed, command = SDKS[language]
    if not installed.exists():
        pytest.skip(f"{installed} is not there: its toolchain is not on this machine")
    # By name, since IP addresses are always path style.
    endpoint = cluster.endpoint.replace("127.0.0.1", "localhost")
    if style == "host" and subprocess.run(["getent", "hosts", "sdk-bucket.localhost"], capture_output=True).returncode != 0:
        pytest.skip("this machine does not resolve names below localhost")
    identity = ["irsa", "exec", "--cluster", "sdk", "--service-account", "sdk", "--"]
    variables = ["env", f"AWS_ENDPOINT_URL={endpoint}", f"SDK_MODULES={installed.parent}"]
    done = cluster.run(*identity, *variables, *command, "sdk-bucket", style)
    got = json.loads(done.stdout.strip().splitlines()[-1])
    assert got["arn"].startswith(f"arn:aws:sts::{FIRST}:assumed-role/sdk/")
    assert (got["body"], got["type"], got["metadata"]) == ("hello", "text/plain", {"from": language})
    assert got["keys"] == [f"from {language}/ключ +%.txt"]
    assert got["denied"] == "AccessDenied"
