"""Unmodified terraform with its AWS provider: what it made it finds again, changes in place, and takes away."""

import json
import shutil

import pytest
from conftest import FIRST, ROOT

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def estate(server, terraform, tmp_path):
    s3 = server.client("s3")
    s3.create_bucket(Bucket="terraform-state", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    shutil.copy(ROOT / "tests" / "wire" / "terraform" / "main.tf", tmp_path)

    def run(*command, check=True):
        return server.run("terraform", f"-chdir={tmp_path}", *command, "-no-color", env=terraform, check=check)

    run("init")
    yield run


def test_an_estate_is_made_changed_and_taken_away(server, estate):
    state = {"Bucket": "terraform-state", "Key": "team/state.json"}
    for step, done in [(1, "16 added, 0 changed, 0 destroyed"), (2, "0 added, 10 changed, 0 destroyed")]:
        step = f"-var=step={step}"
        applied = estate("apply", "-auto-approve", step).stdout
        assert f"Apply complete! Resources: {done}" in applied, applied
        planned = estate("plan", "-detailed-exitcode", step, check=False)
        assert planned.returncode == 0, planned.stdout
    outputs = {name: output["value"] for name, output in json.loads(estate("output", "-json").stdout).items()}
    assert outputs == {"copied": "step 1", "allowed": False, "issuer": f"arn:aws:iam::{FIRST}:user/administrator"}

    lock = server.client("s3")
    lock.put_object(Bucket="terraform-state", Key="team/state.json.tflock", Body=b"{}", IfNoneMatch="*")
    refused = estate("plan", "-lock-timeout=0s", check=False)
    assert refused.returncode == 1 and "Error acquiring the state lock" in refused.stderr
    lock.delete_object(Bucket="terraform-state", Key="team/state.json.tflock")

    assert b'"serial"' in lock.get_object(**state)["Body"].read()
    assert "Destroy complete!" in estate("destroy", "-auto-approve", "-var=step=2").stdout
    assert not server.client("iam").list_roles()["Roles"] and not server.client("eks").list_clusters()["clusters"]
