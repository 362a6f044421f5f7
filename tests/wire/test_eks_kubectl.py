"""Hosted clusters through `aws eks`, `kubectl`, boto3, `irsa exec` and `irsa run`."""

import base64
import json
import pathlib
import signal
import ssl
import subprocess
import sys
import textwrap
import urllib.error
import urllib.parse
import urllib.request

import pytest
from botocore.exceptions import ClientError
from conftest import BINARY, FIRST, REGION, SECOND, needs

pytestmark = [needs("aws"), needs("kubectl")]

ROLE = f"arn:aws:iam::{FIRST}:role/s3-app"
ANNOTATION = f"eks.amazonaws.com/role-arn={ROLE}"


class Cluster:
    """A hosted cluster with a kubeconfig of its own, as `aws eks update-kubeconfig` writes it."""

    def __init__(self, server, name, folder):
        self.server, self.name = server, name
        self.eks = server.client("eks")
        created = self.eks.create_cluster(
            name=name, roleArn=f"arn:aws:iam::{FIRST}:role/eks", resourcesVpcConfig={"subnetIds": ["subnet-1"]}, version="1.33"
        )
        self.described = created["cluster"]
        self.issuer = self.described["identity"]["oidc"]["issuer"]
        self.kubeconfig = str(folder / f"{name}.kubeconfig")
        self.home = folder / "home"
        self.home.mkdir(exist_ok=True)
        self.run("aws", "eks", "update-kubeconfig", "--name", name, "--kubeconfig", self.kubeconfig)

    def run(self, *command, **options):
        env = {"KUBECONFIG": getattr(self, "kubeconfig", ""), "HOME": str(self.home), **options.pop("env", {})}
        return self.server.run(*command, env=env, **options)

    def kubectl(self, *arguments, **options):
        return self.run("kubectl", *arguments, **options)

    def get(self, *arguments):
        return json.loads(self.kubectl("get", *arguments, "--output", "json").stdout)

    def trust(self, role, subject):
        """Makes the role that a ServiceAccount may assume, and the issuer's provider if there is none yet."""
        iam = self.server.client("iam")
        provider = self.issuer.removeprefix("https://")
        try:
            iam.create_open_id_connect_provider(Url=self.issuer, ClientIDList=["sts.amazonaws.com"])
        except iam.exceptions.EntityAlreadyExistsException:
            pass
        statement = {
            "Effect": "Allow",
            "Principal": {"Federated": f"arn:aws:iam::{FIRST}:oidc-provider/{provider}"},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {f"{provider}:sub": subject, f"{provider}:aud": "sts.amazonaws.com"}},
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=document)


@pytest.fixture(scope="module")
def cluster(server, tmp_path_factory):
    cluster = Cluster(server, "dev", tmp_path_factory.mktemp("cluster"))
    cluster.kubectl("create", "namespace", "dev")
    cluster.kubectl("create", "serviceaccount", "s3-app", "--namespace", "dev")
    cluster.kubectl("annotate", "serviceaccount", "s3-app", "--namespace", "dev", ANNOTATION)
    cluster.kubectl("create", "serviceaccount", "plain", "--namespace", "dev")
    cluster.trust("s3-app", "system:serviceaccount:dev:s3-app")
    return cluster


def claims(token):
    payload = token.strip().split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def error(call, **arguments):
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    answer = raised.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


def test_the_cluster_is_described_to_the_cli(cluster):
    query = "cluster.identity.oidc.issuer"
    issuer = cluster.run("aws", "eks", "describe-cluster", "--name", "dev", "--query", query, "--output", "text").stdout
    assert issuer.strip() == cluster.issuer
    described = cluster.eks.describe_cluster(name="dev")["cluster"]
    assert described["status"] == "ACTIVE" and described["arn"] == f"arn:aws:eks:{REGION}:{FIRST}:cluster/dev"
    authority = base64.b64decode(described["certificateAuthority"]["data"]).decode()
    assert authority == pathlib.Path(cluster.server.ca).read_text()
    cluster.eks.get_waiter("cluster_active").wait(name="dev")


def test_boto3_reads_awss_errors(cluster):
    eks = cluster.eks
    assert error(eks.describe_cluster, name="nope") == (
        404, "ResourceNotFoundException", "No cluster found for name: nope.")
    again = {"roleArn": f"arn:aws:iam::{FIRST}:role/eks", "resourcesVpcConfig": {}}
    assert error(eks.create_cluster, name="dev", **again) == (
        409, "ResourceInUseException", "Cluster already exists with name: dev")
    assert error(eks.create_cluster, name="x", version="1.1", **again)[:2] == (400, "InvalidParameterException")
    elsewhere = cluster.server.client("eks", region="us-west-2")
    assert error(elsewhere.describe_cluster, name="dev")[1] == "ResourceNotFoundException"
    other_account = cluster.server.client("eks", account=SECOND)
    assert error(other_account.describe_cluster, name="dev")[1] == "ResourceNotFoundException"


def test_updates_tags_and_versions(cluster):
    eks = cluster.eks
    update = eks.update_cluster_config(name="dev", resourcesVpcConfig={"endpointPublicAccess": True})["update"]
    assert eks.describe_update(name="dev", updateId=update["id"])["update"]["status"] == "Successful"
    assert update["id"] in eks.list_updates(name="dev")["updateIds"]
    arn = cluster.described["arn"]
    eks.tag_resource(resourceArn=arn, tags={"team": "data"})
    assert eks.list_tags_for_resource(resourceArn=arn)["tags"] == {"team": "data"}
    eks.untag_resource(resourceArn=arn, tagKeys=["team"])
    assert eks.describe_cluster(name="dev")["cluster"]["tags"] == {}
    assert any(version["defaultVersion"] for version in eks.describe_cluster_versions()["clusterVersions"])
    pages = eks.get_paginator("list_clusters").paginate(PaginationConfig={"PageSize": 1})
    assert "dev" in [name for page in pages for name in page["clusters"]]


def test_the_issuers_documents_need_nobody(cluster):
    context = ssl.create_default_context(cafile=cluster.server.ca)
    def fetch(path):
        return urllib.request.urlopen(cluster.issuer + path, context=context, timeout=10)
    with fetch("/.well-known/openid-configuration") as answer:
        document = json.load(answer)
        assert answer.headers["content-type"] == "application/json"
    assert document["issuer"] == cluster.issuer and document["jwks_uri"] == cluster.issuer + "/keys"
    with fetch("/keys") as answer:
        assert answer.headers["content-type"] == "application/jwk-set+json"
        keys = json.load(answer)["keys"]
    assert [key["alg"] for key in keys] == ["RS256"] and all("d" not in key for key in keys)


def test_kubectl_creates_changes_and_deletes(cluster, tmp_path):
    kubectl = cluster.kubectl
    manifest = tmp_path / "accounts.yaml"
    manifest.write_text(textwrap.dedent("""\
        apiVersion: v1
        kind: Namespace
        metadata: {name: team}
        ---
        apiVersion: v1
        kind: ServiceAccount
        metadata:
          name: web
          namespace: team
          annotations: {eks.amazonaws.com/role-arn: "arn:aws:iam::111122223333:role/web", other: x}
        """))
    assert "created" in kubectl("apply", "-f", str(manifest)).stdout
    manifest.write_text(manifest.read_text().replace(", other: x", ", third: new"))
    assert "serviceaccount/web configured" in kubectl("apply", "-f", str(manifest)).stdout
    assert "serviceaccount/web unchanged" in kubectl("apply", "-f", str(manifest)).stdout
    annotations = cluster.get("sa", "web", "-n", "team")["metadata"]["annotations"]
    assert annotations["third"] == "new" and "other" not in annotations
    kubectl("label", "sa", "web", "-n", "team", "tier=back")
    kubectl("annotate", "sa", "web", "-n", "team", "third-")
    assert [item["metadata"]["name"] for item in cluster.get("sa", "-n", "team", "-l", "tier=back")["items"]] == ["web"]
    assert "third" not in cluster.get("sa", "web", "-n", "team")["metadata"]["annotations"]
    kubectl("apply", "--server-side", "--force-conflicts", "-f", str(manifest))
    assert cluster.get("sa", "web", "-n", "team")["metadata"]["annotations"]["third"] == "new"
    table = kubectl("get", "sa", "-n", "team").stdout.splitlines()
    assert table[0].split() == ["NAME", "SECRETS", "AGE"] and [line.split()[0] for line in table[1:]] == ["default", "web"]
    kubectl("edit", "sa", "web", "-n", "team", env={"EDITOR": "sed -i s/third/fourth/"})
    assert "fourth" in cluster.get("sa", "web", "-n", "team")["metadata"]["annotations"]
    assert "deleted" in kubectl("delete", "sa", "web", "-n", "team").stdout
    kubectl("wait", "--for=delete", "sa/web", "-n", "team", "--timeout=10s")
    kubectl("delete", "namespace", "team")
    assert "NotFound" in kubectl("get", "namespace", "team", check=False).stderr


def test_kubectl_reads_kubernetes_errors(cluster):
    def fails(*arguments, stdin=None):
        done = cluster.kubectl(*arguments, check=False, stdin=stdin)
        assert done.returncode == 1, done.stdout
        return done.stderr
    assert 'serviceaccounts "s3-app" already exists' in fails("create", "sa", "s3-app", "-n", "dev")
    assert 'namespaces "nope" not found' in fails("create", "sa", "x", "-n", "nope")
    assert "a lowercase RFC 1123 subdomain" in fails("create", "sa", "X_", "-n", "dev")
    assert 'namespaces "default" is forbidden: this namespace may not be deleted' in fails("delete", "ns", "default")
    misspelt = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: x, namespace: dev, anotations: {a: b}}\n"
    assert 'unknown field "metadata.anotations"' in fails("apply", "-f", "-", stdin=misspelt)
    assert "may not specify a duration less than 10 minutes" in fails("create", "token", "s3-app", "-n", "dev", "--duration=1m")


def test_whoami_is_the_caller(cluster):
    answer = json.loads(cluster.kubectl("auth", "whoami", "-o", "json").stdout)
    assert answer["status"]["userInfo"]["username"] == f"arn:aws:iam::{FIRST}:user/administrator"
    assert cluster.kubectl("auth", "can-i", "create", "serviceaccounts").stdout.strip() == "yes"


def test_a_token_of_kubectl_assumes_the_role(cluster):
    token = cluster.kubectl("create", "token", "s3-app", "-n", "dev", "--audience", "sts.amazonaws.com").stdout.strip()
    said = claims(token)
    assert (said["iss"], said["aud"]) == (cluster.issuer, ["sts.amazonaws.com"])
    assert said["sub"] == "system:serviceaccount:dev:s3-app" and said["exp"] - said["iat"] == 3600
    assert said["kubernetes.io"]["namespace"] == "dev" and "jti" in said
    sts = cluster.server.client("sts", key=("x", "y"))
    assumed = sts.assume_role_with_web_identity(RoleArn=ROLE, RoleSessionName="test", WebIdentityToken=token)
    assert assumed["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{FIRST}:assumed-role/s3-app/test"
    other = cluster.kubectl("create", "token", "plain", "-n", "dev", "--audience", "sts.amazonaws.com").stdout.strip()
    refused = error(sts.assume_role_with_web_identity, RoleArn=ROLE, RoleSessionName="test", WebIdentityToken=other)
    assert refused[:2] == (403, "AccessDenied")


def test_whom_no_policy_allows_gets_a_reason_and_no_access(cluster, tmp_path):
    iam = cluster.server.client("iam")
    iam.create_user(UserName="visitor")
    key = iam.create_access_key(UserName="visitor")["AccessKey"]
    as_visitor = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    denied = cluster.kubectl("get", "sa", env=as_visitor, check=False)
    assert denied.returncode == 1 and "eks:AccessKubernetesApi" in denied.stderr
    decision = cluster.server.why(denied.stderr)
    assert decision["action"] == "eks:AccessKubernetesApi"
    statement = {"Effect": "Allow", "Action": "eks:AccessKubernetesApi", "Resource": cluster.described["arn"]}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="visitor", PolicyName="enter", PolicyDocument=document)
    assert "default" in cluster.kubectl("get", "sa", env=as_visitor).stdout


def test_another_clusters_token_does_not_open(cluster, tmp_path):
    other = Cluster(cluster.server, "other", tmp_path)
    token = json.loads(cluster.run("aws", "eks", "get-token", "--cluster-name", "dev").stdout)["status"]["token"]
    request = urllib.request.Request(
        other.described["endpoint"] + "/api/v1/namespaces", headers={"Authorization": f"Bearer {token}"})
    context = ssl.create_default_context(cafile=cluster.server.ca)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, context=context, timeout=10)
    assert refused.value.code == 401 and json.load(refused.value)["reason"] == "Unauthorized"
    other.eks.delete_cluster(name="other")
    assert error(other.eks.describe_cluster, name="other")[1] == "ResourceNotFoundException"
    gone = other.kubectl("get", "sa", check=False)
    assert gone.returncode == 1 and "must be logged in" in gone.stderr


def test_the_cluster_itself_tells_its_issuer(cluster, fresh_server):
    """At Kubernetes' own paths: so another server takes it for a cluster like any."""
    # `--raw` takes the whole path of the URL, the endpoint's own part of it, too.
    endpoint = urllib.parse.urlsplit(cluster.described["endpoint"]).path
    document = json.loads(cluster.kubectl("get", "--raw", endpoint + "/.well-known/openid-configuration").stdout)
    assert document["issuer"] == cluster.issuer and document["jwks_uri"] == cluster.issuer + "/keys"
    keys = json.loads(cluster.kubectl("get", "--raw", endpoint + "/openid/v1/jwks").stdout)
    assert [key["alg"] for key in keys["keys"]] == ["RS256"]
    # What the exec plugin prints, written down: the other server's commands run with other credentials.
    credential = json.loads(cluster.run("aws", "eks", "get-token", "--cluster-name", "dev").stdout)
    with_token = cluster.home / "with-token.kubeconfig"
    config = json.loads(cluster.kubectl("config", "view", "--raw", "--output", "json").stdout)
    config["users"][0]["user"] = {"token": credential["status"]["token"]}
    with_token.write_text(json.dumps(config))
    register = ["irsa", "cluster", "register", "mirrored", "--from-kubeconfig", "--kubeconfig", str(with_token), "--approve"]
    refused = cluster.server.run(*register, check=False)
    assert refused.returncode == 1 and "IRSA-X037" in refused.stderr, "it is hosted there"
    other = fresh_server()
    other.run(*register)
    described = other.client("eks").describe_cluster(name="mirrored")["cluster"]
    assert described["identity"]["oidc"]["issuer"] == cluster.issuer
    assert described["endpoint"] == cluster.described["endpoint"]


def exec_in(cluster, *command, account="s3-app", **options):
    where = ["--cluster", "dev", "--namespace", "dev", "--service-account", account]
    return cluster.run("irsa", "exec", *where, "--", *command, **options)


def test_exec_gives_the_role_to_the_command(cluster):
    identity = json.loads(exec_in(cluster, "aws", "sts", "get-caller-identity").stdout)
    assert identity["Arn"].startswith(f"arn:aws:sts::{FIRST}:assumed-role/s3-app/")
    script = "env; stat -c %a $AWS_WEB_IDENTITY_TOKEN_FILE; cat $AWS_WEB_IDENTITY_TOKEN_FILE"
    *variables, mode, token = exec_in(cluster, "sh", "-c", script).stdout.strip().splitlines()
    env = dict(line.split("=", 1) for line in variables if "=" in line)
    assert env["AWS_ROLE_ARN"] == ROLE and env["AWS_REGION"] == env["AWS_DEFAULT_REGION"] == REGION
    assert env["AWS_WEB_IDENTITY_TOKEN_FILE"].endswith("/var/run/secrets/eks.amazonaws.com/serviceaccount/token")
    assert "AWS_ACCESS_KEY_ID" not in env and "AWS_SECRET_ACCESS_KEY" not in env
    assert mode == "600"
    said = claims(token)
    assert said["exp"] - said["iat"] == 86400 and said["kubernetes.io"]["pod"]["name"].startswith("irsa-exec-")
    assert not pathlib.Path(env["AWS_WEB_IDENTITY_TOKEN_FILE"]).exists(), "the token goes with the command"


def test_exec_chains_to_the_target_role(cluster):
    """Annotations name a role of another account: the pod is that role, by the AWS config file beside its token."""
    source, target = (f"arn:aws:iam::{account}:role/chain-{name}" for account, name in [(FIRST, "source"), (SECOND, "target")])
    cluster.trust("chain-source", "system:serviceaccount:dev:chained")
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole"}
    allow = json.dumps({"Version": "2012-10-17", "Statement": [{**statement, "Resource": target}]})
    cluster.server.client("iam").put_role_policy(RoleName="chain-source", PolicyName="assume", PolicyDocument=allow)
    condition = {"StringEquals": {"sts:ExternalId": "ours"}}
    trust = {**statement, "Principal": {"AWS": source}, "Condition": condition}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    cluster.server.client("iam", account=SECOND).create_role(RoleName="chain-target", AssumeRolePolicyDocument=document)
    cluster.kubectl("create", "serviceaccount", "chained", "--namespace", "dev")
    annotations = [f"eks.amazonaws.com/{name}" for name in (f"role-arn={source}", f"target-role-arn={target}", "external-id=ours")]
    cluster.kubectl("annotate", "serviceaccount", "chained", "--namespace", "dev", *annotations)
    who = json.loads(exec_in(cluster, "aws", "sts", "get-caller-identity", account="chained").stdout)
    assert who["Arn"].startswith(f"arn:aws:sts::{SECOND}:assumed-role/chain-target/irsa-exec-")


def test_exec_is_not_the_shells_user(cluster):
    """Neither the caller's variables nor the profiles of the home folder reach the command."""
    aws = cluster.home / ".aws"
    aws.mkdir(exist_ok=True)
    access_key, secret = cluster.server.key()
    (aws / "credentials").write_text(f"[default]\naws_access_key_id={access_key}\naws_secret_access_key={secret}\n")
    script = "import boto3; print(boto3.client('sts', region_name='us-east-1').get_caller_identity()['Arn'])"
    try:
        arn = exec_in(cluster, sys.executable, "-c", script, env={"AWS_PROFILE": "default"}).stdout
        assert ":assumed-role/s3-app/" in arn
        nobody = exec_in(cluster, sys.executable, "-c", script, account="plain", check=False)
        assert nobody.returncode == 1 and "Unable to locate credentials" in nobody.stderr
    finally:
        (aws / "credentials").unlink()


def test_exec_without_an_annotation_says_so_and_runs(cluster):
    done = exec_in(cluster, "sh", "-c", "echo ran; exit 7", account="plain", check=False)
    assert (done.returncode, done.stdout) == (7, "ran\n")
    assert "dev/plain has no annotation eks.amazonaws.com/role-arn" in done.stderr


@pytest.mark.parametrize(
    "command, code",
    [(["true"], 0), (["sh", "-c", "exit 3"], 3), (["no-such-command"], 127), (["/etc/passwd"], 126), (["sh", "-c", "kill -9 $$"], 137)],
)
def test_exec_returns_its_commands_code(cluster, command, code):
    assert exec_in(cluster, *command, check=False).returncode == code


def test_exec_names_what_is_not_there(cluster):
    missing = exec_in(cluster, "true", account="nope", check=False)
    assert missing.returncode == 1 and "IRSA-X021" in missing.stderr
    no_cluster = cluster.run("irsa", "exec", "--cluster", "nope", "--", "true", check=False)
    assert no_cluster.returncode == 1 and "IRSA-X020" in no_cluster.stderr


def test_exec_passes_signals_on(cluster):
    script = "trap 'echo stopped; exit 5' TERM; echo ready; sleep 30 & wait"
    command = [BINARY, "exec", "--cluster", "dev", "-n", "dev", "--sa", "s3-app", "--", "sh", "-c", script]
    env = {**cluster.server.env(), "HOME": str(cluster.home)}
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "stopped\n"
    assert process.wait(timeout=10) == 5
    process.stdout.close()


POD = """\
apiVersion: v1
kind: ServiceAccount
metadata:
  name: s3-access-sa
  namespace: dev
  annotations:
    eks.amazonaws.com/role-arn: arn:aws:iam::111122223333:role/s3-access
---
apiVersion: v1
kind: Pod
metadata:
  name: s3-access-pod
  namespace: dev
spec:
  serviceAccountName: s3-access-sa
  containers:
  - name: aws
    image: amazon/aws-cli
    command: ["sh", "-c"]
    args: ["echo $(POD) $(GREETING); aws sts get-caller-identity --query Arn; exit 4"]
    env:
    - {name: GREETING, value: hello}
    - name: POD
      valueFrom: {fieldRef: {fieldPath: metadata.name}}
"""


def test_run_applies_the_manifests_and_runs_the_pod(cluster, tmp_path):
    cluster.trust("s3-access", "system:serviceaccount:dev:s3-access-sa")
    manifest = tmp_path / "pod.yaml"
    manifest.write_text(POD)
    done = cluster.run("irsa", "run", "--cluster", "dev", "-f", str(manifest), check=False)
    assert done.returncode == 4, done.stderr
    first, arn = done.stdout.splitlines()
    assert first == "s3-access-pod hello" and ":assumed-role/s3-access/" in arn
    assert "no image is pulled" in done.stderr
    account = cluster.get("sa", "s3-access-sa", "-n", "dev")
    assert account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"].endswith("role/s3-access")


@pytest.mark.parametrize(
    "change, code, part",
    [
        (("command:", "comand:"), "IRSA-X026", "spec.containers[0].command is missing"),
        (("kind: Pod", "kind: Deployment"), "IRSA-X026", "Deployment `s3-access-pod`"),
        (("valueFrom: {fieldRef: {fieldPath: metadata.name}}", "valueFrom: {secretKeyRef: {name: a, key: b}}"), "IRSA-X026", "POD from secretKeyRef"),
        (("spec:", " spec:"), "IRSA-X025", "is not YAML"),
        (("  name: s3-access-sa", "  name: S3_"), "IRSA-X027", "a lowercase RFC 1123 subdomain"),
        (("serviceAccountName: s3-access-sa", "serviceAccountName: nobody"), "IRSA-X021", "no ServiceAccount `nobody`"),
    ],
)
def test_run_names_what_cannot_be_run(cluster, tmp_path, change, code, part):
    manifest = tmp_path / "pod.yaml"
    manifest.write_text(POD.replace(*change))
    done = cluster.run("irsa", "run", "--cluster", "dev", "-f", str(manifest), check=False)
    assert done.returncode in (1, 2) and code in done.stderr and part in done.stderr, done.stderr


def test_clusters_survive_a_restart(fresh_server, tmp_path):
    first = fresh_server(ephemeral=False)
    cluster = Cluster(first, "kept", tmp_path)
    cluster.kubectl("create", "sa", "kept")
    data = first.data
    first.stop()
    # On other ports: the cluster is found where the server listens now, and its issuer is what it was.
    cluster.server = fresh_server(ephemeral=False, data=data)
    cluster.run("aws", "eks", "update-kubeconfig", "--name", "kept", "--kubeconfig", cluster.kubeconfig)
    assert cluster.get("sa", "kept")["metadata"]["name"] == "kept"
    described = cluster.server.client("eks").describe_cluster(name="kept")["cluster"]
    assert described["identity"]["oidc"]["issuer"] == cluster.issuer
