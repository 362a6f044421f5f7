"""The certificate that the replicas make themselves, as API servers see it: nothing is installed, and nothing is dropped."""

import base64
import hashlib
import signal
import socket
import ssl
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from authority import DAY, Authority, pem
from cluster import Refused, until
from installation import CONFIGURATION, DNS, SECRET
from real import RealCluster

ROLE = "arn:aws:iam::111122223333:role/app"


def material(authority, life):
    """What the Secret holds after `authority` has signed a certificate with so much of its life left."""
    certificate, key = authority.issue(*DNS, life=life)
    # Which authority signed, and for which names.
    seal = hashlib.sha256(authority.der + ",".join(DNS).encode()).digest()
    data = {"ca.crt": authority.pem, "ca.key": pem(authority.key), "tls.crt": certificate, "tls.key": key,
            "signed-by": base64.b64encode(seal)}
    return {name: base64.b64encode(value).decode() for name, value in data.items()}


def served(replica):
    """The certificate that a new handshake gets."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", replica.port), 10) as plain:
        with context.wrap_socket(plain, server_hostname=DNS[2]) as connection:
            return connection.getpeercert(binary_form=True)


def in_secret(installation, part="tls.crt"):
    certificates = x509.load_pem_x509_certificates(base64.b64decode(installation.secret()[part]))
    return [certificate.public_bytes(Encoding.DER) for certificate in certificates]


class Load:
    """Somebody who makes pods one after another, in a namespace where none may start without its identity."""

    def __init__(self, team, service):
        self.team, self.service, self.made, self.refused, self.unmutated = team, service, 0, [], 0
        self.over, self.thread = threading.Event(), threading.Thread(target=self._make)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        assert self.unmutated == 0

    def until_made(self, more):
        wanted = self.made + more
        until(lambda: self.made >= wanted or self.refused, of="pods")

    def _make(self):
        while not self.over.is_set():
            # A handshake for each, since it is handshakes that see a change.
            self.service.cut()
            try:
                self.unmutated += self.team.role_of("load", "app") != ROLE
                self.made += 1
            except Refused as refused:
                self.refused.append(str(refused))
            time.sleep(0.05)


def serving(install, team, replicas=2, **options):
    """An installation that pods of a team already get their identity from."""
    installation = install(**options)
    running = [installation.start() for _ in range(replicas)]
    app = team(required=True)
    app.account("app", ROLE)
    installation.until_trusted()
    app.until_served("app", ROLE)
    return installation, running, app


def test_nothing_is_installed_and_yet_the_api_server_trusts_it(cluster, install, team):
    installation, (first, second), app = serving(install, team)
    secret = installation.secret()
    assert installation.bundles() == {secret["ca.crt"]}, "the same in every webhook"
    assert served(first) == served(second) == in_secret(installation)[0]
    assert installation.lease()["holderIdentity"].startswith("webhook-")
    for replica in (first, second):
        assert replica.stop() == 0
        assert "Forbidden" not in replica.log, "the chart's rights suffice"


def test_a_ca_bundle_that_somebody_overwrites(cluster, install, team):
    installation, _, app = serving(install, team)
    right = installation.bundles()
    configuration = cluster.admin.get("MutatingWebhookConfiguration", CONFIGURATION)
    foreign = base64.b64encode(Authority(name="somebody else").pem).decode()
    for webhook in configuration["webhooks"]:
        webhook["clientConfig"]["caBundle"] = foreign
    cluster.admin.replace(configuration)
    until(lambda: installation.bundles() == right, of="the right caBundle")
    app.until_served("app", ROLE)


def test_a_configuration_that_is_deleted_and_made_anew(cluster, install, team):
    installation, _, app = serving(install, team)
    right = installation.bundles()
    configuration = cluster.admin.get("MutatingWebhookConfiguration", CONFIGURATION)
    cluster.admin.delete("MutatingWebhookConfiguration", CONFIGURATION)
    until(lambda: app.role_of("probe", "app") is None, of="a pod that nobody is asked about")
    configuration["metadata"] = {"name": CONFIGURATION}
    for webhook in configuration["webhooks"]:
        del webhook["clientConfig"]["caBundle"]
    cluster.admin.create(configuration)
    until(lambda: installation.bundles() == right, of="the caBundle")
    app.until_served("app", ROLE)


def test_a_secret_that_is_deleted(cluster, install, team):
    installation, replicas, app = serving(install, team)
    before, bundles = served(replicas[0]), installation.bundles()
    cluster.admin.delete("Secret", SECRET, "openirsa")
    if not isinstance(cluster, RealCluster):
        pytest.skip("the stub has no RBAC, which has to forbid that it is made anew")
    until(lambda: any("Forbidden" in replica.log for replica in replicas), of="the complaint")
    assert app.role_of("probe", "app") == ROLE and served(replicas[0]) == before, "what there was serves on"
    # Somebody installs it again, as it is in the manifests: with nothing in it.
    cluster.admin.create({"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": {
        "name": SECRET, "namespace": "openirsa", "labels": {"app.kubernetes.io/name": "openirsa"}}})
    until(lambda: installation.bundles() not in (bundles, {None}), of="a new authority")
    app.until_served("app", ROLE)
    assert {served(replica) for replica in replicas} == set(in_secret(installation))


def test_a_secret_that_nobody_has_made(cluster, install, team):
    installation = install()
    cluster.admin.delete("Secret", SECRET, "openirsa")
    installation.allow({"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]})
    app = team(required=True)
    app.account("app", ROLE)
    installation.start()
    installation.until_trusted()
    app.until_served("app", ROLE)
    assert cluster.admin.get("Secret", SECRET, "openirsa")["type"] == "kubernetes.io/tls"


def test_a_certificate_is_replaced_before_its_end_and_no_review_is_dropped(cluster, install, team):
    old = Authority(name="OpenIRSA webhook authority")
    # Thirty days before the end is when it is replaced. Until the leader has done that, it serves.
    installation, replicas, app = serving(install, team, secret=material(old, life=10 * DAY))
    assert installation.bundles() == {base64.b64encode(old.pem).decode()}, "the authority stays"
    fresh = until(lambda: renewed(installation, []), of="the next certificate")
    until(lambda: {served(replica) for replica in replicas} == set(fresh), of="handshakes with it")

    # And while there is load: somebody puts an older one there again.
    with Load(app, installation.service) as load:
        for _ in range(3):
            before = in_secret(installation)
            secret = cluster.admin.get("Secret", SECRET, "openirsa")
            secret["data"].update(material(old, life=10 * DAY))
            cluster.admin.replace(secret)
            until(lambda: renewed(installation, before), of="the next certificate")
            until(lambda: {served(replica) for replica in replicas} == set(in_secret(installation)), of="handshakes with it")
            load.until_made(5)
    assert load.refused == []


def test_an_authority_near_its_end_is_succeeded_and_no_review_is_dropped(cluster, install, team):
    old = Authority(life=300 * DAY, name="OpenIRSA webhook authority")
    installation, replicas, app = serving(install, team, secret=material(old, life=60 * DAY))
    with Load(app, installation.service) as load:
        until(lambda: len(in_secret(installation, "ca.crt")) == 2, of="its successor")
        newest, kept = in_secret(installation, "ca.crt")
        assert kept == old.der and days_left(newest) > 3_600
        until(lambda: installation.bundles() == {installation.secret()["ca.crt"]}, of="both in the caBundle")
        assert all(issued_by(served(replica), old.der) for replica in replicas)
        begun = time.monotonic()
        until(lambda: all(issued_by(served(replica), newest) for replica in replicas), 60, "certificates of the successor")
        assert time.monotonic() - begun > 20, "not before every API server has heard of it"
        assert installation.bundles() == {installation.secret()["ca.crt"]}
        load.until_made(5)
    assert load.refused == []


def test_the_other_replica_leads_when_the_leader_is_killed(cluster, install, team):
    installation, replicas, app = serving(install, team)
    leader = next(replica for replica in replicas if installation.lease()["holderIdentity"].startswith(replica.name + "_"))
    other = next(replica for replica in replicas if replica is not leader)
    leader.stop(signal.SIGKILL)
    app.until_served("app", ROLE)
    right = installation.bundles()
    configuration = cluster.admin.get("MutatingWebhookConfiguration", CONFIGURATION)
    for webhook in configuration["webhooks"]:
        webhook["clientConfig"].pop("caBundle")
    cluster.admin.replace(configuration)
    until(lambda: installation.bundles() == right, 40, "the caBundle of the next leader")
    lease = installation.lease()
    assert lease["holderIdentity"].startswith(other.name + "_") and lease["leaseTransitions"] == 1
    app.until_served("app", ROLE)
    # At its end it lets go of the Lease, so that nobody has to wait.
    assert other.stop() == 0
    assert installation.lease().get("holderIdentity", "") == ""


def renewed(installation, before):
    """The Secret's certificate, once it is a new one with most of its life left."""
    found = in_secret(installation)
    return found != before and days_left(found[0]) > 80 and found


def days_left(der):
    return (x509.load_der_x509_certificate(der).not_valid_after_utc.timestamp() - time.time()) / DAY.total_seconds()


def issued_by(der, authority):
    try:
        x509.load_der_x509_certificate(der).verify_directly_issued_by(x509.load_der_x509_certificate(authority))
    except Exception:
        return False
    return True
