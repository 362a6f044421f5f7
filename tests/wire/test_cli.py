"""The command's manners: results on stdout, codes on stderr, exit codes, JSON that machines read."""

import json
import stat
import subprocess

import pytest
from botocore.exceptions import ClientError
from conftest import BINARY, FIRST, SECOND


def irsa(*arguments, **more):
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=60, **more)


def test_env_prints_exports_that_a_shell_takes(server):
    done = server.run("irsa", "env")
    assert f"export AWS_ENDPOINT_URL={server.endpoint}" in done.stdout
    assert "AWS_SECRET" not in done.stdout.replace("unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY", "")
    variables = json.loads(server.run("irsa", "env", "--account", SECOND, "-o", "json").stdout)["variables"]
    assert variables["AWS_PROFILE"] == SECOND
    arn = server.run("bash", "-c", f'eval "$({BINARY} env)"; aws sts get-caller-identity --query Arn --output text').stdout
    assert arn.strip() == f"arn:aws:iam::{FIRST}:user/administrator"


def test_accounts(fresh_server):
    server = fresh_server(ephemeral=False)
    new = "777788889999"
    made = json.loads(server.run("irsa", "account", "create", new, "-o", "json").stdout)
    assert made["id"] == new and "secret" not in json.dumps(made).lower()
    assert server.client("sts", account=new).get_caller_identity()["Account"] == new
    again = server.run("irsa", "account", "create", new, check=False)
    assert again.returncode == 1 and "IRSA-X011" in again.stderr
    listed = json.loads(server.run("irsa", "account", "list", "-o", "json").stdout)
    assert [account["id"] for account in listed["items"]] == [FIRST, SECOND, new]
    server.stop()
    assert new in irsa("account", "list", "--data", str(server.data)).stdout, "also when no server runs"
    restarted = fresh_server(ephemeral=False, data=server.data)
    assert restarted.client("sts", account=new).get_caller_identity()["Account"] == new


def test_secrets_are_the_owners_alone(server):
    for name in ["credentials", "operator.token", "ca.key"]:
        assert stat.S_IMODE((server.data / name).stat().st_mode) == 0o600, name
    log = (server.data / "server.log").read_text()
    for secret in [server.key()[1], server.key(SECOND)[1], (server.data / "operator.token").read_text()]:
        assert secret not in log


def test_why(server):
    none = server.run("irsa", "why", "no id here", check=False)
    assert none.returncode == 2 and "IRSA-X012" in none.stderr
    unknown = server.run("irsa", "why", "abcdefabcdef", check=False)
    assert unknown.returncode == 1
    iam = server.client("iam")
    iam.create_user(UserName="powerless")
    key = iam.create_access_key(UserName="powerless")["AccessKey"]
    with pytest.raises(ClientError) as refusal:
        server.client("iam", key=(key["AccessKeyId"], key["SecretAccessKey"])).list_roles()
    message = str(refusal.value)
    assert "because no identity-based policy allows the iam:ListRoles action" in message
    report = server.run("irsa", "why", message).stdout
    assert "iam:ListRoles" in report and f"user/powerless" in report and "IRSA-A001" in report
    assert "\x1b[" not in report, "no colour off a terminal"
    assert server.run("irsa", "why", "--last", "-o", "yaml").stdout.startswith("apiVersion")


def test_without_a_server(tmp_path):
    done = irsa("why", "--last", "--data", str(tmp_path))
    assert done.returncode == 3 and "IRSA-X003" in done.stderr and done.stdout == ""


def test_explain_knows_every_code():
    listed = irsa("explain").stdout.splitlines()
    assert len(listed) >= 30
    for line in listed:
        code = line.split()[0]
        page = irsa("explain", code).stdout
        assert page.startswith(f"# {code}: ") and "## What to do" in page
    assert irsa("explain", "t004").stdout.startswith("# IRSA-T004")
    assert irsa("explain", "nonsense").returncode == 1


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_completions(shell):
    assert "quickstart" in irsa("completion", shell).stdout


def test_man_pages(tmp_path):
    assert irsa("man", str(tmp_path)).returncode == 0
    assert (tmp_path / "irsa.1").exists() and (tmp_path / "irsa-up.1").exists()


def test_usage():
    assert irsa().returncode == 2
    assert irsa("--version").stdout.startswith("irsa ")
    help_text = irsa("--help").stdout
    assert "Examples:" in help_text and "Exit codes:" in help_text
