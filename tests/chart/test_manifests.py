"""What every set of values renders to: valid, consistent, least privileged."""

import os
import re
import subprocess

import kubernetes_validate
import pytest
import yaml

from conftest import CHART, HELM, ROOT, every_values, helm, one, rendered

KUBERNETES = ("1.32.0", "1.37.0")
# Of operators that may be there: no part of Kubernetes' own schemas.
OF_OPERATORS = ("cert-manager.io/v1", "monitoring.coreos.com/v1")


@every_values
def test_lint(values):
    arguments = ["--values", values] if values else []
    answer = helm("lint", "--strict", CHART, *arguments)
    assert answer.returncode == 0, answer.stdout + answer.stderr


@every_values
@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_knows_every_field(values, version):
    for manifest in rendered(values):
        if manifest["apiVersion"] not in OF_OPERATORS:
            kubernetes_validate.validate(manifest, version, strict=True)


def test_a_field_that_kubernetes_does_not_know_is_found():
    manifest = one(rendered(), "Deployment") | {"spec": {"replica": 2}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(manifest, KUBERNETES[0], strict=True)


def pod_specs(manifests):
    for manifest in manifests:
        if manifest["kind"] == "Deployment":
            yield manifest["spec"]["template"]["spec"]
        elif manifest["kind"] == "Pod":
            yield manifest["spec"]


@every_values
def test_pod_security_restricted(values):
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted"""
    if values and values.name == "everything-values.yaml":
        pytest.skip("these values ask for less: hostNetwork")
    specs = list(pod_specs(rendered(values)))
    assert len(specs) == 2
    for spec in specs:
        assert not any(spec.get(host) for host in ("hostNetwork", "hostPID", "hostIPC"))
        assert all(set(volume) - {"name"} <= {"secret", "configMap", "emptyDir"} for volume in spec.get("volumes", []))
        pod = spec["securityContext"]
        assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in spec["containers"]:
            context = pod | container["securityContext"]
            assert context["runAsNonRoot"] is True and context["runAsUser"] > 0
            assert context["allowPrivilegeEscalation"] is False and context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert not any("hostPort" in port for port in container.get("ports", []))
            assert "cpu" not in container["resources"]["limits"] and "memory" in container["resources"]["limits"]


@every_values
def test_selectors_select_the_pods(values):
    manifests = rendered(values)
    deployment = one(manifests, "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    selectors = [deployment["spec"]["selector"]["matchLabels"], one(manifests, "Service")["spec"]["selector"]]
    selectors += [
        constraint["labelSelector"]["matchLabels"]
        for constraint in deployment["spec"]["template"]["spec"].get("topologySpreadConstraints", [])
    ]
    for manifest in manifests:
        if manifest["kind"] == "PodDisruptionBudget":
            selectors.append(manifest["spec"]["selector"]["matchLabels"])
        if manifest["kind"] == "NetworkPolicy":
            selectors.append(manifest["spec"]["podSelector"]["matchLabels"])
    assert len(selectors) >= 2
    for selector in selectors:
        assert selector and selector.items() <= labels.items()
    for manifest in manifests:
        if manifest["kind"] == "Pod":
            assert not selectors[0].items() <= manifest["metadata"]["labels"].items(), "the test's pod is no webhook"
        if manifest["kind"] == "ServiceMonitor":
            service = one(manifests, "Service")
            assert manifest["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
            assert manifest["spec"]["endpoints"][0]["port"] in [port["name"] for port in service["spec"]["ports"]]


@every_values
def test_ports_and_volumes_have_their_names(values):
    manifests = rendered(values)
    spec = one(manifests, "Deployment")["spec"]["template"]["spec"]
    container = spec["containers"][0]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    flags = arguments(manifests)
    assert ports == {"https": int(flags["--port"]), "metrics": int(flags["--metrics-port"])}
    for port in one(manifests, "Service")["spec"]["ports"]:
        assert port["targetPort"] in ports
    for probe in ("livenessProbe", "readinessProbe"):
        get = container[probe]["httpGet"]
        assert get["port"] in ports and get["path"] in ("/healthz", "/readyz")
        assert get.get("scheme", "HTTP") == {"https": "HTTPS", "metrics": "HTTP"}[get["port"]]
    volumes = {volume["name"] for volume in spec.get("volumes", [])}
    mounts = {mount["name"]: mount["mountPath"] for mount in container.get("volumeMounts", [])}
    assert volumes == set(mounts)
    # Every file that a flag names is one of the mounted ConfigMap, or the certificate.
    files = {}
    for manifest in manifests:
        if manifest["kind"] == "ConfigMap" and manifest["metadata"]["name"].endswith("-files"):
            files = manifest["data"]
    for flag, value in flags.items():
        if value.startswith("/etc/openirsa/"):
            assert files[value.removeprefix("/etc/openirsa/")].strip(), flag
    for volume in spec.get("volumes", []):
        if "configMap" in volume:
            one(manifests, "ConfigMap", volume["configMap"]["name"])


def arguments(manifests):
    args = one(manifests, "Deployment")["spec"]["template"]["spec"]["containers"][0]["args"]
    assert args[0] == "webhook"
    assert all("=" in argument for argument in args[1:])
    return dict(argument.split("=", 1) for argument in args[1:])


@every_values
def test_roles_are_bound_and_name_what_there_is(values):
    manifests = rendered(values)
    account = one(manifests, "ServiceAccount")["metadata"]
    deployment = one(manifests, "Deployment")
    assert deployment["spec"]["template"]["spec"]["serviceAccountName"] == account["name"]
    roles = [m for m in manifests if m["kind"] in ("Role", "ClusterRole")]
    bindings = {m["roleRef"]["kind"]: m for m in manifests if m["kind"] in ("RoleBinding", "ClusterRoleBinding")}
    assert {role["kind"] for role in roles} == set(bindings)
    for role in roles:
        binding = bindings[role["kind"]]
        assert binding["roleRef"]["name"] == role["metadata"]["name"]
        assert binding["subjects"] == [
            {"kind": "ServiceAccount", "name": account["name"], "namespace": account["namespace"]}
        ]
        assert role["metadata"].get("namespace", account["namespace"]) == account["namespace"]


def rules(manifests):
    """`ROLE RESOURCE[/NAMES] VERBS`, a line each."""
    return sorted(
        " ".join([
            role["kind"],
            "+".join(rule["resources"]) + "".join(f"/{name}" for name in rule.get("resourceNames", [])),
            *sorted(rule["verbs"]),
        ])
        for role in manifests
        if role["kind"] in ("Role", "ClusterRole")
        for rule in role["rules"]
    )


def test_the_webhook_may_do_what_it_does_and_no_more():
    configmap = 'config.podIdentityWebhookMap={"enabled":true}'
    assert rules(rendered(None, configmap)) == [
        "ClusterRole events create",
        "ClusterRole mutatingwebhookconfigurations/openirsa list patch watch",
        "ClusterRole serviceaccounts get list watch",
        "Role configmaps/pod-identity-webhook list watch",
        "Role leases create",
        "Role leases/openirsa-own-cert get update",
        "Role secrets/openirsa-own-cert list update watch",
    ]
    assert rules(rendered(CHART / "ci" / "cert-manager-values.yaml", "config.events=false")) == [
        "ClusterRole serviceaccounts get list watch"
    ]
    assert rules(rendered(None, 'rbac={"create":false}')) == []


def test_its_own_certificate_is_where_the_flags_say():
    manifests = rendered()
    flags = arguments(manifests)
    assert flags["--in-cluster"] == "true"
    assert "data" not in one(manifests, "Secret", flags["--tls-secret"])
    one(manifests, "Service", flags["--service-name"])
    one(manifests, "MutatingWebhookConfiguration", flags["--webhook-configuration"])


def test_cert_manager():
    manifests = rendered(CHART / "ci" / "cert-manager-values.yaml")
    assert arguments(manifests)["--in-cluster"] == "false"
    leaf = one(manifests, "Certificate", "openirsa")
    configuration = one(manifests, "MutatingWebhookConfiguration")
    assert configuration["metadata"]["annotations"]["cert-manager.io/inject-ca-from"] == "identity/openirsa"
    assert not any("caBundle" in webhook["clientConfig"] for webhook in configuration["webhooks"])
    volumes = one(manifests, "Deployment")["spec"]["template"]["spec"]["volumes"]
    assert volumes == [{"name": "cert", "secret": {"secretName": leaf["spec"]["secretName"], "defaultMode": 0o440}}]
    service = one(manifests, "Service")["metadata"]
    assert f"{service['name']}.{service['namespace']}.svc" in leaf["spec"]["dnsNames"]
    authority = one(manifests, "Certificate", "openirsa-ca")
    assert authority["spec"]["isCA"] is True
    issuer = one(manifests, "Issuer", leaf["spec"]["issuerRef"]["name"])
    assert issuer["spec"]["ca"]["secretName"] == authority["spec"]["secretName"]
    assert not [m for m in manifests if m["kind"] == "Secret"]


def test_overlays():
    ha = rendered(CHART / "values-ha.yaml")
    assert one(ha, "Deployment")["spec"]["replicas"] == 3
    assert one(ha, "PodDisruptionBudget")["spec"]["minAvailable"] == 2
    one(ha, "NetworkPolicy")
    dev = rendered(CHART / "values-dev.yaml")
    assert one(dev, "Deployment")["spec"]["replicas"] == 1
    assert not [m for m in dev if m["kind"] in ("PodDisruptionBudget", "NetworkPolicy")]
    assert "priorityClassName" not in one(dev, "Deployment")["spec"]["template"]["spec"]


def test_pods_have_time_to_drain():
    for seconds in (0, 5, 60):
        manifests = rendered(None, f"config.drainSeconds={seconds}")
        spec = one(manifests, "Deployment")["spec"]["template"]["spec"]
        assert arguments(manifests)["--drain"] == f"{seconds}s"
        assert spec["terminationGracePeriodSeconds"] > seconds + 10, "the drain, and the end of open reviews"


@pytest.mark.skipif("IRSA_BIN" not in os.environ, reason="no IRSA_BIN: the flags cannot be held against the binary")
@every_values
def test_the_binary_knows_every_flag(values):
    flags = arguments(rendered(values))
    help_text = subprocess.run([os.environ["IRSA_BIN"], "webhook", "--help"], capture_output=True, text=True).stdout
    for flag in flags.keys() - {"--v"}:
        assert re.search(rf"^ +{flag}\b", help_text, re.MULTILINE), flag
    args = [f"{flag}={value.replace('$(POD_NAMESPACE)', 'identity')}" for flag, value in flags.items()]
    answer = subprocess.run(
        [os.environ["IRSA_BIN"], "webhook", *args, "--kubeconfig=/nonexistent"], capture_output=True, text=True, timeout=20
    )
    assert "IRSA-X080" in answer.stderr, f"every value is taken, and then there is no API server: {answer.stderr}"


def test_the_rendered_manifests_are_fresh(tmp_path):
    subprocess.run(
        [ROOT / "deploy" / "render", tmp_path], check=True, env=os.environ | {"HELM": HELM}, capture_output=True
    )
    for file in ("install.yaml", "kustomize/openirsa.yaml"):
        assert (tmp_path / file).read_text() == (ROOT / "deploy" / file).read_text(), f"run deploy/render: {file}"


def test_install_yaml():
    manifests = list(yaml.safe_load_all((ROOT / "deploy" / "install.yaml").read_text()))
    assert manifests[0]["kind"] == "Namespace" and manifests[0]["metadata"]["name"] == "openirsa"
    for manifest in manifests:
        kubernetes_validate.validate(manifest, KUBERNETES[0], strict=True)
        assert manifest["metadata"].get("namespace", "openirsa") == "openirsa"
        assert "helm.sh/hook" not in manifest["metadata"].get("annotations", {})


def test_kustomize_moves_it_to_another_namespace(tmp_path):
    kubectl = subprocess.run(["sh", "-c", "command -v kubectl"], capture_output=True, text=True).stdout.strip()
    if not kubectl:
        pytest.skip("no kubectl to build the kustomization with")
    base = os.path.relpath(ROOT / "deploy" / "kustomize", tmp_path)
    images = "[{name: openirsa, newName: registry.example.com/openirsa, newTag: '9'}]"
    (tmp_path / "kustomization.yaml").write_text(f"namespace: elsewhere\nresources: [{base}]\nimages: {images}\n")
    answer = subprocess.run([kubectl, "kustomize", tmp_path], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    manifests = list(yaml.safe_load_all(answer.stdout))
    container = one(manifests, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "registry.example.com/openirsa:9"
    namespaces = {m["metadata"]["namespace"] for m in manifests if "namespace" in m["metadata"]}
    namespaces |= {subject["namespace"] for m in manifests for subject in m.get("subjects", [])}
    configuration = one(manifests, "MutatingWebhookConfiguration")
    namespaces |= {webhook["clientConfig"]["service"]["namespace"] for webhook in configuration["webhooks"]}
    assert namespaces == {"elsewhere"}
