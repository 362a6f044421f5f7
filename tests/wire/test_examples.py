"""Every scenario of examples/ does what it says, with the real aws and kubectl."""

import os
import subprocess

import pytest
from conftest import BINARY, FIRST, REGION, ROOT, needs

SCENARIOS = sorted(path.parent for path in (ROOT / "examples").glob("*/run"))


def test_there_are_scenarios():
    assert len(SCENARIOS) >= 4


@needs("aws")
@needs("kubectl")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.name)
def test_scenario(scenario, fresh_server, tmp_path, request):
    more = request.getfixturevalue("terraform") if list(scenario.glob("*.tf")) else {}
    server = fresh_server(accounts=(FIRST,))
    # As after `eval "$(irsa env)"`: the credentials file and a profile, no keys in the environment.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {
        "HOME": str(tmp_path),
        "IRSA_BIN": BINARY,
        "IRSA_DATA": str(server.data),
        "AWS_ENDPOINT_URL": server.endpoint,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_SHARED_CREDENTIALS_FILE": str(server.data / "credentials"),
        "AWS_PROFILE": "default",
        **more,
    }
    done = subprocess.run(
        ["bash", str(scenario / "run")], env=environment, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, f"{scenario.name}\n{done.stdout}\n{done.stderr}"


def test_every_scenario_is_explained():
    for scenario in SCENARIOS:
        assert (scenario / "README.md").exists(), scenario

