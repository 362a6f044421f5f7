"""Which pods get an identity, what else becomes of them, and who is told when they do not."""

import copy
import json

import pytest

from cluster import Refused, until
from kubelet import deployment, environment, pod_of

ROLE = "arn:aws:iam::111122223333:role/app"


@pytest.fixture
def installation(install):
    installation = install("--aws-default-region=eu-west-1")
    installation.start()
    return installation.until_trusted()


# Fields that whole-container rewrites of typed objects have lost before, and some that the API server fills in.
SPEC = {
    "initContainers": [
        {"name": "sidecar", "image": "proxy:1", "restartPolicy": "Always",
         "startupProbe": {"grpc": {"port": 9000, "service": "ready"}, "failureThreshold": 7}},
        {"name": "migrate", "image": "app:1", "command": ["migrate", "--all"]}],
    "containers": [
        {"name": "app", "image": "app:1", "env": [{"name": "A", "value": ""}, {"name": "B", "value": "$(A)"}],
         "envFrom": [{"configMapRef": {"name": "settings", "optional": True}}],
         "resizePolicy": [{"resourceName": "cpu", "restartPolicy": "NotRequired"}],
         "resources": {"limits": {"memory": "1Gi"}, "requests": {"cpu": "250m"}},
         "lifecycle": {"preStop": {"sleep": {"seconds": 3}}},
         "securityContext": {"readOnlyRootFilesystem": True, "appArmorProfile": {"type": "RuntimeDefault"}},
         "volumeMounts": [{"name": "data", "mountPath": "/data", "recursiveReadOnly": "Disabled", "readOnly": True}]},
        {"name": "log", "image": "log:1", "tty": True}],
    "volumes": [{"name": "data", "emptyDir": {"sizeLimit": "1Gi"}}],
    "topologySpreadConstraints": [{
        "maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway", "matchLabelKeys": ["pod-template-hash"],
        "labelSelector": {"matchLabels": {"app": "app"}}}],
    "schedulingGates": [{"name": "example.com/later"}], "hostUsers": False,
}
ADDED = {"AWS_STS_REGIONAL_ENDPOINTS", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"}


def without_identity(pod):
    """A pod's specification without what the webhook adds: nothing else may differ."""
    spec = copy.deepcopy(pod["spec"])
    spec["volumes"] = named(spec.get("volumes", []), lambda name: name != "aws-iam-token")
    for container in spec["containers"] + spec.get("initContainers", []):
        container["env"] = [item for item in container.get("env", []) if item["name"] not in ADDED]
        container["volumeMounts"] = named(container.get("volumeMounts", []), lambda name: name != "aws-iam-token")
    return spec


def named(items, wanted):
    """Those of wanted names. The API server gives its own token's volume another name in each pod."""
    plain = lambda name: "kube-api-access" if name.startswith("kube-api-access-") else name
    return [{**item, "name": plain(item["name"])} for item in items if wanted(item["name"])]


def test_a_pod_is_given_its_identity_and_nothing_is_taken_away(cluster, installation, team):
    app = team()
    app.account("app", ROLE)
    app.until_served("app", ROLE)

    def made(name, labels):
        pod = {"apiVersion": "v1", "kind": "Pod", "spec": {**SPEC, "serviceAccountName": "app"},
               "metadata": {"name": name, "namespace": app.name, "labels": {"app": "app", **labels}}}
        cluster.admin.create(pod, "?fieldValidation=Strict")
        return cluster.admin.get("Pod", name, app.name)

    without, pod = made("without", {"eks.amazonaws.com/skip-pod-identity-webhook": "yes"}), made("with", {})
    assert without_identity(without) == without_identity(pod)
    for container in pod["spec"]["containers"] + pod["spec"]["initContainers"]:
        variables = [item["name"] for item in container["env"] if item["name"] in ADDED]
        assert set(variables) == ADDED and len(variables) == len(ADDED), container["name"]
        assert [item["mountPath"] for item in container["volumeMounts"] if item["name"] == "aws-iam-token"] == [
            "/var/run/secrets/eks.amazonaws.com/serviceaccount"]
    assert not ADDED & {item["name"] for container in without["spec"]["containers"] for item in container.get("env", [])}


def test_who_is_mutated(cluster, installation, team):
    app = team()
    app.account("app", ROLE)
    app.account("plain")
    app.until_served("app", ROLE)
    assert app.role_of("one", "app", labels={"openirsa/identity": "required"}) == ROLE
    assert app.role_of("two", "plain", labels={"openirsa/identity": "required"}) is None
    assert app.role_of("three", "app", labels={"eks.amazonaws.com/skip-pod-identity-webhook": ""}) is None
    assert app.role_of("four", "app", labels={"app.kubernetes.io/name": "openirsa"}) is None, "its own pods"
    # An annotation is followed, and its end too.
    cluster.admin.merge("ServiceAccount", "plain", app.name, {"metadata": {"annotations": {"eks.amazonaws.com/role-arn": ROLE}}})
    until(lambda: app.role_of("five", "plain") == ROLE)
    cluster.admin.merge("ServiceAccount", "plain", app.name, {"metadata": {"annotations": None}})
    until(lambda: app.role_of("six", "plain") is None)


def test_a_pod_that_skips_containers_and_asks_for_a_shorter_token(cluster, installation, team):
    app = team()
    app.account("app", ROLE, audience="vault.example", token_expiration="7200")
    app.until_served("app", ROLE)
    workload = deployment("app", app.name, "app", annotations={
        "eks.amazonaws.com/skip-containers": "log", "eks.amazonaws.com/token-expiration": "3600"})
    workload["spec"]["template"]["spec"]["containers"].append({"name": "log", "image": "log:1"})
    pod = cluster.admin.create(pod_of(cluster.admin.create(workload)))
    assert environment(pod, 0)["AWS_ROLE_ARN"] == ROLE and environment(pod, 1) == {}
    token = next(volume for volume in pod["spec"]["volumes"] if volume["name"] == "aws-iam-token")["projected"]["sources"][0]
    assert token["serviceAccountToken"] == {"audience": "vault.example", "expirationSeconds": 3600, "path": "token"}


def test_roles_from_the_config_map(cluster, install, team):
    app, installation = team(), install("--watch-config-map")
    app.account("app")
    # As docs/webhook.md has it: the one ConfigMap, by its name.
    installation.allow({"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["pod-identity-webhook"],
                        "verbs": ["list", "watch"]})
    installation.start()
    installation.until_trusted()
    mapping = {"*/app": {"RoleARN": ROLE, "Audience": "sts.amazonaws.com"}}
    cluster.admin.create({"apiVersion": "v1", "kind": "ConfigMap", "data": {"config": json.dumps(mapping)},
                          "metadata": {"name": "pod-identity-webhook", "namespace": "openirsa"}})
    try:
        app.until_served("app", ROLE)
    finally:
        cluster.admin.delete("ConfigMap", "pod-identity-webhook", "openirsa")
    until(lambda: app.role_of("probe", "app") is None, of="the end of the role")


def test_while_no_webhook_answers_only_those_start_that_need_none(cluster, installation, team):
    required, optional = team(required=True), team()
    for namespace in (required, optional):
        namespace.account("app", ROLE)
        namespace.until_served("app", ROLE)
    assert installation.replicas[0].stop() == 0
    assert optional.role_of("one", "app") is None
    for namespace, labels in ((required, {}), (optional, {"openirsa/identity": "required"})):
        with pytest.raises(Refused, match="failed calling webhook") as refused:
            namespace.role_of("two", "app", labels=labels)
        assert refused.value.code == 500, "controllers try again"


def test_an_event_tells_the_owner_of_a_service_account(cluster, installation, team):
    app = team()
    app.account("odd", "no-arn")
    app.account("typo", **{"role_arn": ROLE})
    cluster.admin.merge("ServiceAccount", "typo", app.name, {"metadata": {"annotations": {
        "eks.amazonaws.com/role-arn": None, "eks.amazon.com/role-arn": ROLE}}})
    until(lambda: app.role_of("probe", "odd") == "no-arn")
    until(lambda: app.role_of("probe", "typo") is None)
    assert cluster.admin.get("Event", namespace=app.name)["items"] == [], "dry runs tell nothing"
    app.pod("first", "odd")
    app.pod("second", "typo")

    def told():
        events = cluster.admin.get("Event", namespace=app.name)["items"]
        return {(event["involvedObject"]["name"], event["reason"], event["type"]) for event in events}

    expected = {("odd", "MalformedRoleArn", "Warning"), ("typo", "MisspelledAnnotation", "Warning")}
    until(lambda: told() == expected, of="the Events")
