"""`irsa inject`: the webhook's mutation on manifests and on recorded reviews, by the real binary."""

import base64
import json
import pathlib
import subprocess

import pytest
from conftest import BINARY

yaml = pytest.importorskip("yaml")

FIXTURES = pathlib.Path(__file__).parents[2] / "crates/irsa-cluster/src/fixtures"
ACCOUNTS = FIXTURES / "reference/service-accounts.yaml"
ROLE = "arn:aws:iam::111122223333:role/app"
ACCOUNT = f"""\
apiVersion: v1
kind: ServiceAccount
metadata:
  name: app
  namespace: demo
  annotations:
    eks.amazonaws.com/role-arn: {ROLE} # the role
"""
# Comments, quotes and numbers as people write them.
DEPLOYMENT = """\
# the workload
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: demo}
spec:
  replicas: 0x2
  template:
    spec:
      serviceAccountName: app   # who
      containers:
      - name: main # first
        image: "a:1.10"
        resources: {limits: {cpu: 1.50}}
        env:
        - name: A
          value: 'yes'
      - name: side
        env: []
      # the end
"""
CONFIG_MAP = "kind: ConfigMap\napiVersion: v1\nmetadata: {name: x}\ndata:\n  a: |\n    b:   c  # kept\n"


def inject(*arguments, stdin="", code=0):
    command = [BINARY, "inject", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, input=stdin)
    assert done.returncode == code, done.stderr
    return done


def variables(container):
    return {entry["name"]: entry.get("value") for entry in container.get("env") or []}


def test_additions_leave_the_text_as_it_is():
    text = ACCOUNT + "---\n" + DEPLOYMENT + "---\n" + CONFIG_MAP
    done = inject("-f", "-", stdin=text)
    assert done.stderr == ""
    assert done.stdout.startswith(ACCOUNT) and done.stdout.endswith("---\n" + CONFIG_MAP)
    lines = done.stdout.splitlines()
    changed = {"        env: []"}
    assert [line for line in text.splitlines() if line not in lines and line not in changed] == []
    _, deployment, _ = yaml.safe_load_all(done.stdout)
    pod = deployment["spec"]["template"]["spec"]
    for container in pod["containers"]:
        assert variables(container)["AWS_ROLE_ARN"] == ROLE
        assert container["volumeMounts"][0]["name"] == "aws-iam-token"
    assert pod["volumes"][0]["name"] == "aws-iam-token"
    assert inject("-f", "-", stdin=done.stdout).stdout == done.stdout, "a second run changes nothing"


def test_every_kind_of_workload():
    pod = {"spec": {"serviceAccountName": "app", "containers": [{"name": "a"}]}}
    template = {"spec": {"template": pod}}
    kinds = ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job"]
    objects = [{"kind": kind, **template} for kind in kinds]
    objects.append({"kind": "CronJob", "spec": {"jobTemplate": template}})
    objects.append({"kind": "Pod", **pod})
    objects.append({"kind": "PodTemplate", "template": pod})
    for one in objects:
        one.update(apiVersion="v1", metadata={"name": "x", "namespace": "demo"})
    # Through JSON, for PyYAML writes what is one object here with aliases.
    whole = json.loads(json.dumps({"kind": "List", "apiVersion": "v1", "items": [yaml.safe_load(ACCOUNT), *objects]}))
    for text in (json.dumps(whole), json.dumps(whole, indent=2), yaml.safe_dump(whole)):
        done = inject("-f", "-", stdin=text)
        assert done.stderr == ""
        assert done.stdout.count("AWS_WEB_IDENTITY_TOKEN_FILE") == len(objects)
        yaml.safe_load(done.stdout)
    assert json.loads(inject("-f", "-", stdin=json.dumps(whole)).stdout)["items"][0] == whole["items"][0]


def test_aliases_are_written_anew():
    text = DEPLOYMENT.replace("      - name: side\n        env: []\n", "      - &a {name: x}\n      - *a\n")
    done = inject("-f", "-", stdin=ACCOUNT + "---\n" + text)
    assert "without its comments" in done.stderr
    deployment = list(yaml.safe_load_all(done.stdout))[1]
    assert all("AWS_ROLE_ARN" in variables(one) for one in deployment["spec"]["template"]["spec"]["containers"])


def test_flags(tmp_path):
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
    (tmp_path / "account.yaml").write_text(ACCOUNT)
    (tmp_path / "app.yaml").write_text(DEPLOYMENT)
    flags = ["--aws-default-region=eu-central-1", "--sts-regional-endpoint", "--token-audience=aud", "--aws-ca-bundle"]
    flags += [tmp_path / "ca.pem", "--aws-endpoint-url=https://aws:4567", "--session-name-from-pod=true"]
    done = inject("-f", tmp_path / "app.yaml", "--service-accounts", tmp_path / "account.yaml", *flags)
    template = yaml.safe_load(done.stdout)["spec"]["template"]
    env = variables(template["spec"]["containers"][0])
    assert env["AWS_REGION"] == "eu-central-1" and env["AWS_STS_REGIONAL_ENDPOINTS"] == "regional"
    assert env["AWS_CA_BUNDLE"].endswith("/ca.pem") and env["AWS_ENDPOINT_URL"] == "https://aws:4567"
    token, files = template["spec"]["volumes"][0]["projected"]["sources"]
    assert token["serviceAccountToken"]["audience"] == "aud"
    assert files["downwardAPI"]["items"][0]["path"] == "ca.pem"
    assert "MIIB" in template["metadata"]["annotations"]["eks.amazonaws.com/ca-bundle"]


def test_roles_of_a_config_map(tmp_path):
    config = {"de*/app": {"roleArn": ROLE}, "bad": {}}
    config_map = {"kind": "ConfigMap", "apiVersion": "v1", "data": {"config": json.dumps(config)}}
    (tmp_path / "map.yaml").write_text(yaml.safe_dump(config_map))
    done = inject("-f", "-", "--config-map", tmp_path / "map.yaml", stdin=DEPLOYMENT)
    assert ROLE in done.stdout and "the entry `bad` is ignored" in done.stderr


def test_roles_that_are_not_allowed(tmp_path):
    (tmp_path / "roles.yaml").write_text("other: ['*']\n")
    text = ACCOUNT + "---\n" + DEPLOYMENT
    refused = inject("-f", "-", "--allowed-roles", tmp_path / "roles.yaml", stdin=text, code=1)
    assert refused.stdout == "" and "IRSA-X072" in refused.stderr and ROLE in refused.stderr
    left = inject("-f", "-", "--allowed-roles", tmp_path / "roles.yaml", "--on-refused-role=allow", stdin=text)
    assert left.stdout == text


def test_what_is_odd_is_told():
    misspelled = ACCOUNT.replace("amazonaws.com/role-arn", "amazon.com/role-arn")
    done = inject("-f", "-", stdin=misspelled + "---\n" + DEPLOYMENT)
    assert done.stdout == misspelled + "---\n" + DEPLOYMENT
    assert "`eks.amazonaws.com/role-arn` is meant" in done.stderr
    assert "demo/app is not in the files" in inject("-f", "-", stdin=DEPLOYMENT).stderr


@pytest.mark.parametrize(
    "text, code",
    [
        ("a: [", "IRSA-X071"),
        ("a: {{ .Values.a }}\nb: }", "IRSA-X071"),
        (ACCOUNT + "---\n" + DEPLOYMENT.replace("env: []", "env: x"), "IRSA-X072"),
    ],
)
def test_what_cannot_be_done(text, code):
    done = inject("-f", "-", stdin=text, code=2)
    assert code in done.stderr and done.stdout == ""


def cases():
    return sorted((FIXTURES / "reference").glob("*.request.json"))


@pytest.mark.parametrize("request_file", cases(), ids=lambda path: path.name.split(".")[0])
def test_reviews_are_answered_as_by_the_reference(request_file):
    flags = ["--aws-default-region=us-east-1", "--sts-regional-endpoint"]
    done = inject("--review", request_file, "--service-accounts", ACCOUNTS, *flags)
    asked, answered = json.loads(request_file.read_text()), json.loads(done.stdout)
    assert answered["apiVersion"] == asked["apiVersion"] and answered["kind"] == "AdmissionReview"
    response = answered["response"]
    assert response["uid"] == asked["request"]["uid"] and response["allowed"] is True
    ours = json.loads(base64.b64decode(response["patch"]))
    assert all(operation["op"] == "add" for operation in ours)
    reference = json.loads(request_file.with_name(request_file.name.replace("request", "patch")).read_text())
    assert patched(asked["request"]["object"], ours) == patched(asked["request"]["object"], reference)


def patched(pod, operations):
    """The pod without what is empty, for the reference loses and adds such fields."""
    pod = json.loads(json.dumps(pod))
    for operation in operations:
        *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
        place = pod
        for part in parents:
            place = place[int(part)] if isinstance(place, list) else place[part]
        if isinstance(place, dict):
            place[last] = operation["value"]
        else:
            place.insert(len(place) if last == "-" else int(last), operation["value"])
    return without_empties(pod)


def without_empties(value):
    if isinstance(value, dict):
        return {name: kept for name, member in value.items() if (kept := without_empties(member)) not in (None, {}, [], "")}
    return [without_empties(element) for element in value] if isinstance(value, list) else value


def test_bodies_that_are_no_review(tmp_path):
    (tmp_path / "review.json").write_text('{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v9"}')
    assert "IRSA-X073" in inject("--review", tmp_path / "review.json", code=2).stderr
