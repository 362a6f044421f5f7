"""A real `irsa up` for the wire tests, and real clients of it.

IRSA_BIN names the binary (`./test` sets it). Every fixture starts a server of its own on free ports.
"""

import configparser
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import boto3
import pytest
from botocore.config import Config

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("IRSA_BIN") or str(ROOT / "target" / "debug" / "irsa")
FIRST, SECOND = "111122223333", "444455556666"
REGION = "eu-central-1"


class Server:
    """A running `irsa up`."""

    def __init__(self, *arguments, accounts=(FIRST, SECOND), data=None, ephemeral=True, env=None):
        self.own_folder = data is None
        self.data = pathlib.Path(data or tempfile.mkdtemp(prefix="irsa-test-"))
        command = [BINARY, "up", "--data", str(self.data), "--region", REGION]
        command += ["--listen", "127.0.0.1:0", "--listen-tls", "127.0.0.1:0"]
        command += ["--ephemeral"] if ephemeral else []
        for account in accounts:
            command += ["--account", account]
        (self.data / "server.json").unlink(missing_ok=True)
        self.log = open(self.data / "server.log", "ab")
        self.process = subprocess.Popen(
            command + list(arguments), stdout=self.log, stderr=self.log, env={**os.environ, **(env or {})}
        )
        self.info = self._wait_until_ready()

    def _wait_until_ready(self):
        path = self.data / "server.json"
        for _ in range(500):
            if self.process.poll() is not None:
                break
            if path.exists():
                return json.loads(path.read_text())
            time.sleep(0.02)
        raise RuntimeError("irsa up did not start:\n" + (self.data / "server.log").read_text())

    @property
    def endpoint(self):
        return self.info["endpoint"]

    @property
    def tls_endpoint(self):
        return self.info["tlsEndpoint"]

    @property
    def ca(self):
        return str(self.data / "ca.pem")

    def key(self, account=FIRST):
        """The administrator's access key and secret."""
        credentials = configparser.ConfigParser(interpolation=None)
        credentials.read(self.data / "credentials")
        section = credentials[account]
        return section["aws_access_key_id"], section["aws_secret_access_key"]

    def client(self, service, account=FIRST, key=None, tls=False, region=REGION, **config):
        """A boto3 client of the account's administrator, or of `key`: (id, secret[, session token])."""
        access_key, secret, *token = key or self.key(account)
        config.setdefault("retries", {"max_attempts": 1, "mode": "standard"})
        return boto3.client(
            service,
            endpoint_url=self.tls_endpoint if tls else self.endpoint,
            region_name=region,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret,
            aws_session_token=token[0] if token else None,
            verify=self.ca if tls else None,
            config=Config(**config),
        )

    def env(self, account=FIRST, home=None):
        """The environment of a shell that talks to this server as the account's administrator."""
        access_key, secret = self.key(account)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        home = home or tempfile.mkdtemp(prefix="irsa-home-")
        return {
            **inherited,
            "HOME": str(home),
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": access_key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_EC2_METADATA_DISABLED": "true",
            "IRSA_DATA": str(self.data),
        }

    def run(self, *command, account=FIRST, env=None, check=True, stdin=None):
        """Runs a command against this server; `irsa` is the binary under test."""
        command = [BINARY if command[0] == "irsa" else command[0], *command[1:]]
        done = subprocess.run(
            command, env={**self.env(account), **(env or {})}, input=stdin, capture_output=True, text=True, timeout=120
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{command} returned {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def why(self, message):
        """The operator's record of a denial, by the error message that the caller got."""
        return json.loads(self.run("irsa", "why", "-o", "json", message).stdout)["decision"]

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(timeout=20)
        self.log.close()

    def remove(self):
        self.stop(signal.SIGKILL)
        if self.own_folder:
            shutil.rmtree(self.data, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def binary():
    if not os.access(BINARY, os.X_OK):
        pytest.exit(f"there is no {BINARY}: run `./test wire`, or set IRSA_BIN", returncode=2)
    return BINARY


@pytest.fixture(scope="module")
def server():
    """A server with two accounts, shared by a file's tests."""
    server = Server()
    yield server
    server.remove()


@pytest.fixture
def fresh_server():
    """A factory of servers that end with the test."""
    started = []

    def start(*arguments, **options):
        started.append(Server(*arguments, **options))
        return started[-1]

    yield start
    for server in started:
        server.remove()


@pytest.fixture
def home(tmp_path):
    """An empty HOME: neither the machine's profiles nor cached credentials play a part."""
    return tmp_path


@pytest.fixture
def terraform(tmp_path):
    """The environment of a terraform that has the AWS provider: from a folder, as `terraform providers mirror` makes it."""
    mirror = pathlib.Path(os.environ.get("IRSA_TERRAFORM_MIRROR", "/opt/tf-plugins"))
    if shutil.which("terraform") is None or not (mirror / "registry.terraform.io" / "hashicorp" / "aws").is_dir():
        pytest.skip(f"there is no terraform on this machine, or no AWS provider for it in {mirror}")
    settings = tmp_path / "terraform.rc"
    settings.write_text(f'provider_installation {{\n  filesystem_mirror {{ path = "{mirror}" }}\n}}\n')
    return {"TF_CLI_CONFIG_FILE": str(settings), "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}


def needs(tool):
    """Skips, with the reason, what needs a tool that the machine lacks."""
    return pytest.mark.skipif(shutil.which(tool) is None, reason=f"there is no {tool} on this machine")
