"""The manifests as kubectl applies them: a real API server has to know every field, and to find every value right."""

import os
import shutil
import subprocess

import pytest
import yaml

from cluster import Refused
from installation import NAMESPACE, ROOT
from real import RealCluster

OWN = ROOT / ".tools" / "helm" / "helm"
HELM = os.environ.get("HELM") or (str(OWN) if OWN.exists() else shutil.which("helm"))
KUBECTL = shutil.which("kubectl", path=os.pathsep.join([os.environ.get("KUBEBUILDER_ASSETS") or "", os.environ["PATH"]]))
CHART = ROOT / "charts" / "openirsa"
VALUES = [*sorted(CHART.glob("values-*.yaml")), *sorted(CHART.glob("ci/*-values.yaml"))]


@pytest.fixture
def apply(cluster, tmp_path):
    if not isinstance(cluster, RealCluster):
        pytest.skip("the stub has no schemas: only a real API server can tell")
    if KUBECTL is None:
        pytest.skip("there is no kubectl")
    kubeconfig = cluster.kubeconfig(tmp_path / "kubeconfig", cluster.ADMIN)

    def make(kind, name, namespace=None):
        metadata = {"name": name, "namespace": namespace} if namespace else {"name": name}
        try:
            cluster.admin.create({"apiVersion": "v1", "kind": kind, "metadata": metadata})
        except Refused as refused:
            assert refused.reason == "AlreadyExists"

    make("Namespace", NAMESPACE)
    make("Namespace", "identity")

    def apply(manifests):
        # A dry run makes none of what another object needs.
        for pod in (manifest for manifest in manifests if manifest["kind"] == "Pod"):
            make("ServiceAccount", pod["spec"]["serviceAccountName"], pod["metadata"]["namespace"])
        done = subprocess.run(
            [KUBECTL, f"--kubeconfig={kubeconfig}", "apply", "--server-side", "--force-conflicts", "--dry-run=server",
             "--validate=strict", f"--cache-dir={tmp_path}", "--filename=-"],
            input=yaml.safe_dump_all(manifests), capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and "Warning" not in done.stderr, done.stderr
        assert done.stdout.count("serverside-applied") == len(manifests)

    return apply


def test_install_yaml(apply):
    apply([m for m in yaml.safe_load_all((ROOT / "deploy" / "install.yaml").read_text()) if m])


def test_kustomize(apply):
    done = subprocess.run([KUBECTL, "kustomize", ROOT / "deploy" / "kustomize"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    apply(list(yaml.safe_load_all(done.stdout)))


@pytest.mark.parametrize("values", [None, *VALUES], ids=lambda path: path.stem if path else "default")
def test_the_chart(apply, values):
    if HELM is None:
        pytest.skip("there is no helm: `./test chart` installs one")
    overlay = ["--values", values] if values else []
    done = subprocess.run(
        [HELM, "template", "openirsa", CHART, "--namespace", "identity", *overlay], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    # Those of other people's operators are not known to a bare API server.
    apply([m for m in yaml.safe_load_all(done.stdout) if m and "monitoring.coreos.com" not in m["apiVersion"]
           and "cert-manager.io" not in m["apiVersion"]])
