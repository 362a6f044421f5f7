"""The chart, rendered by a real helm: HELM, .tools/helm/helm (`./test chart` puts it there) or the one on PATH."""

import functools
import os
import pathlib
import shutil
import subprocess

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "openirsa"
OWN = ROOT / ".tools" / "helm" / "helm"
HELM = os.environ.get("HELM") or (str(OWN) if OWN.exists() else shutil.which("helm"))

# The values that everything is rendered with: none, the overlays, and a file each for what the chart can be told.
VALUES = [None, *sorted(CHART.glob("values-*.yaml")), *sorted(CHART.glob("ci/*-values.yaml"))]
every_values = pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem if path else "default")


def pytest_collection_modifyitems(items):
    if HELM is None:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="no helm: set HELM, or have `./test chart` install one"))


def helm(*arguments):
    return subprocess.run([HELM, *map(str, arguments)], capture_output=True, text=True, timeout=60)


def template(*arguments, namespace="identity"):
    """What `helm template` says, the release named as the chart."""
    return helm("template", "openirsa", CHART, "--namespace", namespace, *arguments)


@functools.cache
def rendered(values=None, *settings):
    """The manifests with a file of values and `--set-json` settings."""
    arguments = ["--values", values] if values else []
    for setting in settings:
        arguments += ["--set-json", setting]
    answer = template(*arguments)
    assert answer.returncode == 0, answer.stderr
    return [manifest for manifest in yaml.safe_load_all(answer.stdout) if manifest]


def one(manifests, kind, name=None):
    found = [m for m in manifests if m["kind"] == kind and name in (None, m["metadata"]["name"])]
    found = [m for m in found if "helm.sh/hook" not in m["metadata"].get("annotations", {})]
    assert len(found) == 1, f"{len(found)} of {kind} {name or ''}"
    return found[0]
