"""From an annotation to an object in a bucket."""

import json

import pytest

from conftest import ACCOUNT
from kubelet import deployment, environment, pod_of, run

MOUNT = "/var/run/secrets/eks.amazonaws.com/serviceaccount"

# Knows nothing but what the webhook gave it.
PROGRAM = """
import json, boto3, botocore
said = {"arn": boto3.client("sts").get_caller_identity()["Arn"]}
s3 = boto3.client("s3")
s3.put_object(Bucket="team-data", Key="greeting", Body=b"hello")
said["read"] = s3.get_object(Bucket="team-data", Key="greeting")["Body"].read().decode()
try:
    s3.get_object(Bucket="others-data", Key="secret")
except botocore.exceptions.ClientError as error:
    said["denied"] = error.response["Error"]
print(json.dumps(said))
"""

# Comes with another ServiceAccount's token for the role of the first.
INTRUDER = """
import json, os, boto3, botocore
token = open(os.environ["AWS_WEB_IDENTITY_TOKEN_FILE"]).read()
try:
    boto3.client("sts").assume_role_with_web_identity(RoleArn=ROLE, RoleSessionName="intruder", WebIdentityToken=token)
except botocore.exceptions.ClientError as error:
    print(json.dumps(error.response["Error"]))
"""


@pytest.fixture
def provided(aws, provider):
    """Buckets, and a maker of roles."""
    iam, s3 = aws.client("iam"), aws.client("s3")
    for bucket in ("team-data", "others-data"):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})

    def role(name, namespace, account, bucket):
        trust = {"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Federated": provider}, "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {
                "issuer.e2e.example:sub": f"system:serviceaccount:{namespace}:{account}",
                "issuer.e2e.example:aud": "sts.amazonaws.com"}}}]}
        policy = {"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": f"arn:aws:s3:::{bucket}/*"}]}
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
        iam.put_role_policy(RoleName=name, PolicyName="bucket", PolicyDocument=json.dumps(policy))
        return f"arn:aws:iam::{ACCOUNT}:role/{name}"

    return role


def test_a_pod_reaches_its_bucket_and_no_other(cluster, aws, install, team, provided, tmp_path):
    installation = install(
        f"--aws-endpoint-url={aws.tls_endpoint}", f"--aws-ca-bundle={aws.ca}", "--aws-default-region=eu-central-1",
        "--session-name-from-pod")
    installation.start()
    payments = team(required=True)
    role = provided("app", payments.name, "app", "team-data")
    payments.account("app", role)
    payments.account("other", role)
    installation.until_trusted()
    payments.until_served("app", role)

    made = cluster.admin.create(deployment("app", payments.name, "app", env=[{"name": "MODE", "value": "e2e"}]))
    created = cluster.admin.create(pod_of(made))
    pod = cluster.admin.get("Pod", created["metadata"]["name"], payments.name)
    assert pod["spec"] == created["spec"], "as it is stored"
    variables = environment(pod)
    assert {name: variables.get(name) for name in (
        "MODE", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_REGION", "AWS_STS_REGIONAL_ENDPOINTS")} == {
        "MODE": "e2e", "AWS_ROLE_ARN": role, "AWS_WEB_IDENTITY_TOKEN_FILE": f"{MOUNT}/token", "AWS_REGION": "eu-central-1",
        "AWS_STS_REGIONAL_ENDPOINTS": "regional"}
    volume = next(volume for volume in pod["spec"]["volumes"] if volume["name"] == "aws-iam-token")
    token = next(source["serviceAccountToken"] for source in volume["projected"]["sources"] if "serviceAccountToken" in source)
    assert token == {"audience": "sts.amazonaws.com", "expirationSeconds": 86400, "path": "token"}
    mounts = [item for item in pod["spec"]["containers"][0]["volumeMounts"] if item["name"] == "aws-iam-token"]
    assert [(item["mountPath"], item["readOnly"]) for item in mounts] == [(MOUNT, True)]

    said = run(cluster.admin, pod, tmp_path / "pod", PROGRAM)
    name = pod["metadata"]["name"]
    assert said["arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/app/{name}"
    assert said["read"] == "hello"
    assert said["denied"]["Code"] == "AccessDenied"
    why = aws.why(said["denied"]["Message"])
    assert (why["action"], why["resource"]) == ("s3:GetObject", "arn:aws:s3:::others-data/secret"), why
    assert why["principal"] == said["arn"] and why["code"] == "IRSA-A001", why
    assert why["explanation"]["decision"] == {"effect": "implicit-deny", "layer": "identity"}
    assert "arn:aws:s3:::team-data/*" in why["explanation"]["fix"]["advice"], "what the role may do instead"

    # Its ServiceAccount names the role, which does not trust it.
    intruder = cluster.admin.create(pod_of(deployment("intruder", payments.name, "other")))
    denied = run(cluster.admin, intruder, tmp_path / "intruder", f"ROLE = {role!r}\n" + INTRUDER)
    assert denied["Code"] == "AccessDenied"
    assert denied["Message"].startswith("Not authorized to perform sts:AssumeRoleWithWebIdentity")
    why = aws.why(denied["Message"])
    assert f"system:serviceaccount:{payments.name}:other" in json.dumps(why), why
