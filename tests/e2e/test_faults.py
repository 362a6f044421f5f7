"""What goes wrong in clusters. Through all of it no annotated pod starts without its identity where that is required."""

import base64
import concurrent.futures
import datetime
import signal
import threading
import time

import pytest

from authority import Authority
from cluster import Refused, until
from installation import CONFIGURATION, DNS

ROLE = "arn:aws:iam::111122223333:role/app"
ACCOUNTS = "irsa_webhook_service_accounts"
LOOKUPS = 'irsa_webhook_live_lookups_total{result="found"}'


@pytest.fixture
def serving(install, team):
    """Replicas that a team's pods, which must have one, already get their identity from."""
    def serving(*flags, replicas=1, prepare=None):
        installation = install(*flags)
        if prepare:
            prepare(installation)
        for _ in range(replicas):
            installation.start()
        app = team(required=True)
        app.account("app", ROLE)
        installation.until_trusted()
        app.until_served("app", ROLE)
        return installation, app

    return serving


def test_an_api_server_that_is_gone_and_back(cluster, serving):
    installation, app = serving()
    replica, = installation.replicas
    known = replica.metric(ACCOUNTS)
    cluster.gone()
    try:
        until(lambda: "being resumed" in replica.readiness()[1], of="the broken watch")
        assert replica.readiness()[0] == 200, "what it knows serves"
    finally:
        cluster.back()
    # Made while the watch is down: a direct read finds it.
    app.account("late", ROLE)
    app.until_served("late", ROLE)
    until(lambda: replica.metric(ACCOUNTS) >= known + 1, of="the watch")
    lookups = replica.metric(LOOKUPS)
    assert app.role_of("probe", "late") == ROLE
    assert replica.metric(LOOKUPS) == lookups, "nobody is asked"


def test_a_watch_that_the_api_server_has_forgotten(cluster, serving):
    installation, app = serving()
    replica, = installation.replicas
    app.account("gone", ROLE)
    app.until_served("gone", ROLE)
    known = replica.metric(ACCOUNTS)
    cluster.forget_history()
    cluster.admin.delete("ServiceAccount", "gone", app.name)
    until(lambda: replica.log.count("listing anew") >= 1, of="410 Gone")
    until(lambda: replica.metric(ACCOUNTS) == known - 1 and "[+]serviceaccounts ok\n" in replica.readiness()[1], of="the list")
    app.until_served("app", ROLE)
    app.account("late", ROLE)
    until(lambda: replica.metric(ACCOUNTS) == known, of="the watch")


def test_service_accounts_made_just_before_their_pods(serving, team):
    installation, required = serving()
    optional = team()
    optional.account("app", ROLE)
    optional.until_served("app", ROLE)
    for number in range(20):
        for namespace in (required, optional):
            namespace.account(f"new-{number}", ROLE)
            assert namespace.role_of("first", f"new-{number}") == ROLE


def test_more_service_accounts_than_a_page_has(cluster, install, team):
    app = team(required=True)
    # They are listed by the thousand, and the rest with a token that the API server makes up.
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: app.account(f"app-{number}", f"{ROLE}-{number}"), range(1_050)))
    installation = install()
    replica = installation.start()
    assert replica.metric(ACCOUNTS) > 1_050
    installation.until_trusted()
    app.until_served("app-0", f"{ROLE}-0")
    lookups = replica.metric(LOOKUPS)
    for number in (1, 500, 999, 1_049):
        assert app.role_of("probe", f"app-{number}") == f"{ROLE}-{number}"
    assert replica.metric(LOOKUPS) == lookups, "all are known"


def test_a_webhook_that_starts_while_pods_are_made(serving):
    installation, app = serving()
    first, = installation.replicas
    first.stop(signal.SIGKILL)
    with pytest.raises(Refused, match="failed calling webhook"):
        app.role_of("probe", "app")
    installation.start(is_awaited=False)
    for _ in range(200):
        try:
            assert app.role_of("probe", "app") == ROLE
            return
        except Refused as refused:
            assert "failed calling webhook" in refused.message or "denied the request" in refused.message
        time.sleep(0.02)
    raise AssertionError("it does not answer")


def test_a_certificate_that_expires_while_serving(cluster, serving, tmp_path):
    files = Authority()

    def write(life):
        for name, content in zip(("tls.crt", "tls.key"), files.issue(*DNS, life=datetime.timedelta(seconds=life))):
            (tmp_path / name).write_bytes(content)

    def trust(_):
        configuration = cluster.admin.get("MutatingWebhookConfiguration", CONFIGURATION)
        for webhook in configuration["webhooks"]:
            webhook["clientConfig"]["caBundle"] = base64.b64encode(files.pem).decode()
        cluster.admin.replace(configuration)

    write(life=8)
    installation, app = serving(
        "--in-cluster=false", f"--tls-cert={tmp_path / 'tls.crt'}", f"--tls-key={tmp_path / 'tls.key'}", prepare=trust)
    replica, = installation.replicas
    until(lambda: "[-]certificate expired" in replica.readiness()[1], of="the end of the certificate")
    assert replica.readiness()[0] == 503
    installation.service.cut()
    with pytest.raises(Refused, match="failed calling webhook"):
        app.role_of("probe", "app")
    write(life=3600)
    app.until_served("app", ROLE)
    assert replica.readiness()[0] == 200


class Controllers:
    """ReplicaSet controllers: each makes one pod after another, and tries again what was refused."""

    def __init__(self, team, name, count=4):
        self.team, self.name, self.made, self.unmutated, self.refused, self.errors = team, name, 0, [], [], []
        self.over, self.lock = threading.Event(), threading.Lock()
        self.threads = [threading.Thread(target=self._run, args=(number,)) for number in range(count)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()
        assert self.errors == [] and self.unmutated == []

    def _run(self, number):
        at = 0
        while not self.over.is_set():
            pod = f"{self.name}-{number}-{at}"
            try:
                role = self.team.role_of(pod, "app")
            except Refused as refused:
                with self.lock:
                    self.refused.append(refused.message)
                    if "webhook" not in refused.message:
                        self.errors.append(str(refused))
                time.sleep(0.01)
                continue
            except OSError as error:
                self.errors.append(str(error))
                return
            with self.lock:
                self.made += 1
                if role != ROLE:
                    self.unmutated.append(pod)
            at += 1

    def until_made(self, more):
        wanted = self.made + more
        until(lambda: self.made >= wanted or self.errors, of="pods")


def test_a_replica_that_is_killed_under_load(serving):
    installation, app = serving(replicas=2)
    with Controllers(app, "load") as controllers:
        controllers.until_made(100)
        installation.replicas[0].stop(signal.SIGKILL)
        time.sleep(0.3)
        refused = list(controllers.refused)
        controllers.until_made(100)
    # What was under way is refused, since the policy is Fail, and made when it is tried again, by the other replica.
    assert controllers.refused == refused and all("failed calling webhook" in message for message in refused)


def test_a_rolling_update_under_load(serving):
    installation, app = serving(replicas=2)
    with Controllers(app, "load") as controllers:
        for old in list(installation.replicas):
            installation.start()
            # First it is no endpoint any more, as after its readiness has failed; who is connected is told by itself.
            old.process.send_signal(signal.SIGTERM)
            until(lambda: old.readiness()[0] == 503, of="the drain")
            installation.service.backends.remove(old.port)
            assert old.process.wait(timeout=30) == 0
            controllers.until_made(50)
    assert controllers.refused == []
