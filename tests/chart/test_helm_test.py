"""What `helm test` runs, decided by the webhook's own mutation: the pod reads a token that only the webhook mounts."""

import os
import subprocess

import pytest
import yaml

from conftest import rendered

pytestmark = pytest.mark.skipif("IRSA_BIN" not in os.environ, reason="no IRSA_BIN: no mutation to apply")


def test_the_pod_reads_what_the_webhook_mounts(tmp_path):
    hooks = [m for m in rendered() if m["metadata"].get("annotations", {}).get("helm.sh/hook") == "test"]
    assert [m["kind"] for m in hooks] == ["ServiceAccount", "Pod"]
    file = tmp_path / "hooks.yaml"
    file.write_text(yaml.safe_dump_all(hooks))
    answer = subprocess.run([os.environ["IRSA_BIN"], "inject", "-f", file], capture_output=True, text=True, timeout=20)
    assert answer.returncode == 0, answer.stderr
    pod = next(m for m in yaml.safe_load_all(answer.stdout) if m["kind"] == "Pod")
    container = pod["spec"]["containers"][0]
    variables = {variable["name"]: variable["value"] for variable in container["env"]}
    # Kubernetes replaces `$(NAME)` of variables that there are.
    assert container["args"] == ["token", "inspect", "$(AWS_WEB_IDENTITY_TOKEN_FILE)"]
    token = variables["AWS_WEB_IDENTITY_TOKEN_FILE"]
    assert any(token.startswith(mount["mountPath"] + "/") for mount in container["volumeMounts"])


def test_without_the_webhook_it_fails():
    answer = subprocess.run(
        [os.environ["IRSA_BIN"], "token", "inspect", "$(AWS_WEB_IDENTITY_TOKEN_FILE)"],
        capture_output=True, text=True, timeout=20,
    )
    assert answer.returncode != 0 and "cannot be read" in answer.stderr
