"""Values: those of the community's chart work, and wrong ones are refused by name."""

import json

import pytest
import yaml

from conftest import CHART, HELM, helm, one, rendered, template
from test_manifests import arguments

HELM_3 = HELM is not None and helm("version", "--short").stdout.startswith("v3.")


def test_values_of_the_community_chart():
    manifests = rendered(CHART / "ci" / "community-values.yaml")
    assert {m["metadata"]["namespace"] for m in manifests if "namespace" in m["metadata"]} == {"kube-system"}
    assert one(manifests, "Deployment")["metadata"]["name"] == "pod-identity-webhook"
    flags = arguments(manifests)
    expected = {
        "--annotation-prefix": "irsa.example.com",
        "--token-audience": "amazonaws.com",
        "--token-expiration": "3600",
        "--token-mount-path": "/var/run/secrets/irsa.example.com/serviceaccount",
        "--aws-default-region": "us-east-1",
        "--sts-regional-endpoint": "false",
        "--watch-config-map": "true",
        "--port": "8443",
        "--metrics-port": "9999",
        "--v": "4",
    }
    assert expected.items() <= flags.items()
    mapping = json.loads(one(manifests, "ConfigMap", "pod-identity-webhook")["data"]["config"])
    assert mapping == {"*/app": {"RoleARN": "arn:aws:iam::111122223333:role/app"}}
    assert one(manifests, "Certificate")["spec"]["issuerRef"] == {
        "group": "cert-manager.io", "kind": "ClusterIssuer", "name": "selfsigned",
    }


@pytest.mark.parametrize(
    "setting,message",
    [
        ('replicaCount="two"', "at '/replicaCount': got string, want integer"),
        ("replicas=2", "additional properties 'replicas' not allowed"),
        ('config.tokenAudiense="x"', "at '/config': additional properties 'tokenAudiense' not allowed"),
        ("config.tokenExpiration=60", "at '/config/tokenExpiration': minimum: got 60, want 600"),
        ('config.annotationPrefix="eks.amazonaws.com/"', "at '/config/annotationPrefix'"),
        ("config.accountId=111122223333", "at '/config/accountId': got number, want string"),
        ('config.endpointUrl="irsa.example.com"', "at '/config/endpointUrl'"),
        ('config.onMissing="maybe"', "at '/config/onMissing': value must be one of 'allow', 'deny'"),
        ('config.podIdentityWebhookMap={"data":{"app":{}}}', "'app' does not match pattern '^[^/]+/[^/]+$'"),
        ('config.podIdentityWebhookMap={"data":{"a/b":{"RoleArn":"x"}}}', "additional properties 'RoleArn' not allowed"),
        ('config.podIdentityWebhookMap={"name":"other"}', "at '/config/podIdentityWebhookMap/name'"),
        ("config.ports.webhook=70000", "at '/config/ports/webhook': maximum: got 70,000, want 65,535"),
        ('mutatingWebhook.failurePolicy="fail"', "value must be one of 'Ignore', 'Fail'"),
        ("mutatingWebhook.timeoutSeconds=31", "at '/mutatingWebhook/timeoutSeconds'"),
        ('pki.caBundle="bm8gUEVN"', "at '/pki/caBundle'"),
        # What a schema cannot say.
        ('pki={"certManager":{"enabled":true},"existingSecret":"s"}', "pki: certManager.enabled excludes existingSecret"),
        ('pki={"existingSecret":"s"}', "pki.existingSecret needs pki.caBundle"),
        ('pki={"cert":"-----BEGIN CERTIFICATE-----"}', "pki.cert, pki.key and pki.caBundle belong together"),
        ('pki={"caBundle":"-----BEGIN CERTIFICATE-----"}', "pki.caBundle alone does nothing"),
        ("config.composeRoleArn=true", "config.composeRoleArn needs config.accountId"),
        ('podDisruptionBudget={"minAvailable":1,"maxUnavailable":1}', "set minAvailable or maxUnavailable, not both"),
    ],
)
def test_wrong_values_are_refused_by_name(setting, message):
    answer = template("--set-json", setting)
    assert answer.returncode != 0
    if "meet the specifications of the schema" in answer.stderr and HELM_3:
        # The same finding in other words.
        message = setting.partition("=")[0]
        assert message in answer.stderr or message.rpartition(".")[2] in answer.stderr, answer.stderr
    else:
        assert message in answer.stderr, answer.stderr


def test_the_schema_knows_every_value():
    """A key that the schema does not know could not be set."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    def walk(values, schema, path):
        for key, value in values.items():
            assert key in schema["properties"], f"{path}{key} is not in the schema"
            if isinstance(value, dict) and "properties" in schema["properties"][key]:
                walk(value, schema["properties"][key], f"{path}{key}.")

    walk(values, schema, "")


def test_the_readme_names_every_value():
    readme = (CHART / "README.md").read_text()
    for key, value in yaml.safe_load((CHART / "values.yaml").read_text()).items():
        names = [f"{key}.{part}" for part in value] if key in ("config", "mutatingWebhook", "pki") else [key]
        for name in names:
            assert f"`{name}`" in readme or f"`{name}." in readme, f"{name} is not in the chart's README"


def test_numbers_stay_numbers():
    flags = arguments(rendered(None, 'config={"tokenExpiration":3000000,"maxTokenExpiration":31536000}'))
    assert (flags["--token-expiration"], flags["--max-token-expiration"]) == ("3000000", "31536000")


def test_the_rest_is_given_as_it_is():
    manifests = rendered(CHART / "ci" / "everything-values.yaml")
    spec = one(manifests, "Deployment")["spec"]["template"]["spec"]
    assert spec["containers"][0]["image"].startswith("registry.example.com/openirsa@sha256:0123")
    assert (spec["hostNetwork"], spec["dnsPolicy"]) == (True, "ClusterFirstWithHostNet")
    assert one(manifests, "ServiceAccount")["metadata"]["annotations"] == {"example.com/release": "openirsa"}
    one(manifests, "ConfigMap", "openirsa-more")
    flags = arguments(manifests)
    assert flags["--aws-account-id"] == "111122223333" and flags["--bind-address"] == "0.0.0.0"
