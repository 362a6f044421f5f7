"""A replica in its pod: with the credentials that the kubelet mounts and renews, and no kubeconfig."""

import json
import os
import subprocess
import urllib.request

from cluster import until
from installation import NAMESPACE
from kubelet import Pod

ROLE = "arn:aws:iam::111122223333:role/app"


def test_the_mounted_token_opens_the_api_server_and_is_read_again(cluster, install, team, tmp_path):
    installation = install()
    pod = Pod(cluster, tmp_path / "mount", NAMESPACE, "a token that has ended")
    replica = installation.start(is_awaited=False, pod=pod)
    until(lambda: "401" in replica.log, of="the API server's refusal")
    assert replica.readiness()[0] != 200 and replica.process.poll() is None
    pod.renew(installation.token)
    # The file is read every minute; the kubelet renews it long before its end.
    until(lambda: replica.readiness()[0] == 200, seconds=90, of="readiness")
    installation.until_trusted()
    app = team(required=True)
    app.account("app", ROLE)
    app.until_served("app", ROLE)


def test_the_issuers_documents_are_served_from_inside(cluster, binary, team, tmp_path):
    """Every ServiceAccount may read them."""
    app = team()
    app.account("any")
    pod = Pod(cluster, tmp_path / "mount", app.name, cluster.admin.token_for("any", app.name, None))
    command = [*pod.command, binary, "issuer", "serve", "--in-cluster", cluster.ISSUER, "--plain-http"]
    command += ["--listen", "127.0.0.1:0", "--listen-metrics", "127.0.0.1:0"]
    serving = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={"PATH": os.environ["PATH"], "NO_COLOR": "1", **pod.environment})
    try:
        url = next(line.split()[1] for line in serving.stdout if line.startswith("issuers"))

        def served(path):
            return json.load(urllib.request.urlopen(url.replace("https://", "http://") + path, timeout=10))

        until(lambda: served("/openid/v1/jwks")["keys"], of="the keys")
        assert served("/.well-known/openid-configuration")["issuer"] == cluster.ISSUER
    finally:
        serving.kill()
        serving.wait()
