"""The Kubernetes half, end to end: an API server that calls the installed webhook, and our own AWS half.

With KUBEBUILDER_ASSETS (envtest's convention: a folder with kube-apiserver and etcd, which may also be on PATH) the API server is
a real one. Without, it is `stub.py`; which one it is, is said at the head of the run. IRSA_BIN names the binary.
"""

import importlib.util
import itertools
import os
import pathlib

import pytest

from cluster import Refused, until
from installation import ROOT, Installation
from kubelet import environment
from real import RealCluster, programs
from stub import StubCluster

BINARY = os.environ.get("IRSA_BIN") or str(ROOT / "target" / "debug" / "irsa")
ACCOUNT = "111122223333"


def in_play():
    found = programs()
    if found:
        return RealCluster.describe(*found)
    missing = "names no kube-apiserver with an etcd" if os.environ.get("KUBEBUILDER_ASSETS") else "is not set"
    return f"the stub of these tests, for KUBEBUILDER_ASSETS {missing}: nothing here was held to a real API server"


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session):
    if reporter := session.config.pluginmanager.get_plugin("terminalreporter"):
        reporter.write_line(f"API server: {in_play()}")


@pytest.fixture(scope="session", autouse=True)
def binary():
    if not os.access(BINARY, os.X_OK):
        pytest.exit(f"there is no {BINARY}: run `./test e2e`, or set IRSA_BIN", returncode=2)
    return BINARY


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    folder, found = tmp_path_factory.mktemp("cluster"), programs()
    cluster = RealCluster(folder, *found) if found else StubCluster(folder)
    yield cluster
    cluster.close()


@pytest.fixture
def install(cluster, binary, tmp_path):
    """Installs the webhook, and takes it out at the end."""
    made = []

    def install(*flags, **options):
        made.append(Installation(cluster, binary, tmp_path / "webhook", flags, **options))
        return made[-1]

    yield install
    for installation in made:
        installation.remove()


NUMBERS = itertools.count(1)


class Team:
    """A namespace, and the ServiceAccounts and pods that its owners make in it."""

    def __init__(self, client, labels):
        self.client, self.name = client, f"team-{next(NUMBERS)}"
        client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.name, "labels": labels}})

    def account(self, name, role=None, **annotations):
        annotations = {f"eks.amazonaws.com/{key.replace('_', '-')}": value for key, value in annotations.items()}
        if role:
            annotations["eks.amazonaws.com/role-arn"] = role
        return self.client.create({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": name, "namespace": self.name, "annotations": annotations}})

    def pod(self, name, account, query="", **metadata):
        return self.client.create({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": self.name, **metadata},
            "spec": {"serviceAccountName": account, "containers": [{"name": "app", "image": "app:1"}]}}, query)

    def role_of(self, *pod, **metadata):
        """The role that a pod would get now: a dry run."""
        return environment(self.pod(*pod, query="?dryRun=All", **metadata)).get("AWS_ROLE_ARN")

    def until_served(self, account, role):
        """Until the API server calls the webhook, and it knows the account."""
        until(lambda: self.role_of("probe", account) == role, of="a mutated pod")


@pytest.fixture
def team(cluster):
    """Namespaces; `required` of those whose pods must not start without their identity."""
    def team(required=False):
        return Team(cluster.admin, {"openirsa/identity": "required"} if required else {})

    return team


@pytest.fixture(scope="session")
def wire():
    """The module of the wire tests that runs `irsa up`."""
    spec = importlib.util.spec_from_file_location("wire", ROOT / "tests" / "wire" / "conftest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def aws(wire, cluster):
    """Our AWS half, which fetches the issuer's keys of the API server."""
    server = wire.Server(
        "--issuer-map", f"{cluster.ISSUER}={cluster.url}", "--issuer-ca", str(cluster.ca), "--issuer-allow", "127.0.0.0/8",
        accounts=(ACCOUNT,))
    yield server
    server.remove()


@pytest.fixture(scope="session")
def provider(aws, cluster):
    """The cluster's issuer as a provider of IAM."""
    made = aws.client("iam").create_open_id_connect_provider(Url=cluster.ISSUER, ClientIDList=["sts.amazonaws.com"])
    return made["OpenIDConnectProviderArn"]
