"""Installing over what is installed takes nothing away of what the webhook has put there: the certificate, and trust in it."""

import os
import subprocess

import pytest

from installation import ROOT
from real import RealCluster
from test_manifests import CHART, HELM, KUBECTL


@pytest.fixture
def run(cluster, tmp_path):
    if not isinstance(cluster, RealCluster):
        pytest.skip("the stub merges nothing: only a real API server can tell")
    kubeconfig = cluster.kubeconfig(tmp_path / "kubeconfig", cluster.ADMIN)

    def run(program, *arguments):
        if program is None:
            pytest.skip("there is no kubectl, or no helm: `./test chart` installs one")
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "KUBECONFIG": str(kubeconfig)}
        done = subprocess.run([program, *map(str, arguments)], env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize("how", [[], ["--server-side", "--force-conflicts"]], ids=["client-side", "server-side"])
def test_kubectl_apply(cluster, run, install, tmp_path, how):
    manifest = tmp_path / "install.yaml"
    text = (ROOT / "deploy" / "install.yaml").read_text()
    manifest.write_text(text)
    run(KUBECTL, "apply", *how, "--filename", manifest)
    installation = install(is_there=True)
    installation.start()
    installation.until_trusted()
    bundles, secret = installation.bundles(), installation.secret()
    manifest.write_text(text.replace("timeoutSeconds: 5", "timeoutSeconds: 7").replace('version: "0.1.0"', 'version: "0.2.0"'))
    assert "configured" in run(KUBECTL, "apply", *how, "--filename", manifest) or how
    configuration = cluster.admin.get("MutatingWebhookConfiguration", "openirsa")
    assert {webhook["timeoutSeconds"] for webhook in configuration["webhooks"]} == {7}, "it is applied"
    assert (installation.bundles(), installation.secret()) == (bundles, secret)


def test_helm_upgrade(cluster, run, install):
    release = ["openirsa", CHART, "--namespace", "openirsa", "--create-namespace"]
    run(HELM, "install", *release)
    installation = install(is_there=True)
    installation.start()
    installation.until_trusted()
    bundles, secret = installation.bundles(), installation.secret()
    run(HELM, "upgrade", *release, "--set", "config.tokenExpiration=3600", "--set", "replicaCount=3")
    assert cluster.admin.get("Deployment", "openirsa", "openirsa")["spec"]["replicas"] == 3, "it is upgraded"
    assert (installation.bundles(), installation.secret()) == (bundles, secret)
    run(HELM, "uninstall", "openirsa", "--namespace", "openirsa")
