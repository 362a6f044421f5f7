"""Which pods the API server sends where, and what becomes of them when nobody answers."""

import itertools

import pytest

from conftest import CHART, every_values, one, rendered

REQUIRED = {"openirsa/identity": "required"}
SKIPPED = {"eks.amazonaws.com/skip-pod-identity-webhook": "anything"}
OWN = {"app.kubernetes.io/name": "openirsa"}


def selects(selector, labels):
    """A LabelSelector, as Kubernetes' `metav1.LabelSelectorAsSelector` has it: NotIn holds for labels that are not there."""
    if not selector.get("matchLabels", {}).items() <= labels.items():
        return False
    holds = {
        "In": lambda key, values: labels.get(key) in values,
        "NotIn": lambda key, values: key not in labels or labels[key] not in values,
        "Exists": lambda key, _: key in labels,
        "DoesNotExist": lambda key, _: key not in labels,
    }
    return all(holds[e["operator"]](e["key"], e.get("values")) for e in selector.get("matchExpressions", []))


def sent_to(manifests, namespace, pod, namespace_labels=None):
    """The webhooks that see a pod: (failurePolicy, path) each."""
    labels = {"kubernetes.io/metadata.name": namespace} | (namespace_labels or {})
    return [
        (webhook["failurePolicy"], webhook["clientConfig"]["service"]["path"])
        for webhook in one(manifests, "MutatingWebhookConfiguration")["webhooks"]
        if selects(webhook["namespaceSelector"], labels) and selects(webhook["objectSelector"], pod)
    ]


IGNORE, FAIL = [("Ignore", "/mutate")], [("Fail", "/mutate/strict")]

CASES = [
    # namespace, its labels, the pod's labels, expected
    ("apps", {}, {}, IGNORE),
    ("apps", {}, REQUIRED, FAIL),
    ("apps", REQUIRED, {}, FAIL),
    ("apps", REQUIRED, REQUIRED, FAIL),
    ("apps", {"openirsa/identity": "optional"}, {"openirsa/identity": "optional"}, IGNORE),
    ("apps", REQUIRED, SKIPPED, []),
    ("apps", {}, SKIPPED, []),
    # The control plane and the webhook itself start without a webhook, whatever they are labelled.
    ("kube-system", {}, {}, IGNORE),
    ("kube-system", REQUIRED, REQUIRED, IGNORE),
    ("identity", REQUIRED, {}, IGNORE),
    ("identity", {}, OWN, []),
    ("apps", REQUIRED, OWN, []),
]


@pytest.mark.parametrize("namespace,namespace_labels,pod,expected", CASES)
def test_default(namespace, namespace_labels, pod, expected):
    assert sent_to(rendered(), namespace, pod, namespace_labels) == expected


def test_fail_for_all_spares_what_starts_the_cluster():
    manifests = rendered(None, 'mutatingWebhook.failurePolicy="Fail"')
    assert sent_to(manifests, "apps", {}) == FAIL
    assert sent_to(manifests, "kube-system", {}) == IGNORE
    assert sent_to(manifests, "identity", {}) == IGNORE
    more = rendered(None, 'mutatingWebhook={"failurePolicy":"Fail","protectedNamespaces":["kube-system","cni"]}')
    assert sent_to(more, "cni", {}) == IGNORE


def test_without_required():
    manifests = rendered(None, 'mutatingWebhook.required={"enabled":false}')
    assert sent_to(manifests, "apps", REQUIRED, REQUIRED) == IGNORE


def test_selectors_of_the_values_narrow_all():
    settings = """mutatingWebhook={
        "namespaceSelector": {"matchExpressions": [{"key": "tenant", "operator": "Exists"}]},
        "objectSelector": {"matchLabels": {"identity": "wanted"}}}"""
    manifests = rendered(None, settings)
    wanted, tenant = {"identity": "wanted"}, {"tenant": "a"}
    assert sent_to(manifests, "apps", wanted, tenant) == IGNORE
    assert sent_to(manifests, "apps", wanted | REQUIRED, tenant) == FAIL
    assert sent_to(manifests, "apps", REQUIRED, tenant) == []
    assert sent_to(manifests, "apps", wanted | REQUIRED) == []


@every_values
def test_no_pod_is_sent_twice(values):
    manifests = rendered(values)
    some = [{}, REQUIRED, SKIPPED, OWN, {"example.com/identity": "wanted"}]
    namespaces = ["apps", "kube-system", one(manifests, "Deployment")["metadata"]["namespace"]]
    for namespace, own, pod in itertools.product(namespaces, [{}, REQUIRED, {"example.com/tenant": "a"}], some):
        sent = sent_to(manifests, namespace, pod, own)
        assert len(sent) <= 1, (namespace, own, pod, sent)


@every_values
def test_every_webhook(values):
    manifests = rendered(values)
    service = one(manifests, "Service")
    webhooks = one(manifests, "MutatingWebhookConfiguration")["webhooks"]
    assert len({webhook["name"] for webhook in webhooks}) == len(webhooks) >= 2
    for webhook in webhooks:
        # Of a name, the API server demands three parts.
        assert len(webhook["name"].split(".")) >= 3
        assert webhook["admissionReviewVersions"] == ["v1", "v1beta1"]
        assert webhook["sideEffects"] == "None" and webhook["matchPolicy"] == "Equivalent"
        assert webhook["reinvocationPolicy"] == "IfNeeded" and 1 <= webhook["timeoutSeconds"] <= 30
        called = webhook["clientConfig"]["service"]
        assert (called["name"], called["namespace"]) == (service["metadata"]["name"], service["metadata"]["namespace"])
        assert called["port"] in [port["port"] for port in service["spec"]["ports"] if port["name"] == "https"]
        assert called["path"] == {"Fail": "/mutate/strict", "Ignore": "/mutate"}[webhook["failurePolicy"]]
        assert webhook["rules"] == [
            {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"], "scope": "Namespaced"}
        ]


def test_the_bundle_of_files_is_given():
    for webhook in one(rendered(CHART / "ci" / "files-values.yaml"), "MutatingWebhookConfiguration")["webhooks"]:
        assert webhook["clientConfig"]["caBundle"].startswith("LS0tLS1CRUdJTi")
