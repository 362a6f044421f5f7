"""The webhook as `deploy/install.yaml` installs it, with what a cluster would do for it done by hand: its pods are processes here,
with the rights of its ServiceAccount, and the Service is a forwarder of connections."""

import asyncio
import contextlib
import http.client
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

import yaml

from cluster import Refused, until

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAMESPACE = "openirsa"
SECRET = "openirsa-own-cert"
CONFIGURATION = "openirsa"
DNS = ["openirsa", "openirsa.openirsa", "openirsa.openirsa.svc", "openirsa.openirsa.svc.cluster.local"]


class Installation:
    """What is installed. `secret` is put into the Secret that the manifests have empty; `is_there` leaves it to somebody else to
    make it all, and takes it out in the end."""

    def __init__(self, cluster, binary, folder, flags=(), secret=None, is_there=False):
        self.cluster, self.binary, self.folder, self.flags = cluster, binary, folder, list(flags)
        self.admin, self.service, self.replicas = cluster.admin, Service(), []
        folder.mkdir(parents=True, exist_ok=True)
        manifests = [m for m in yaml.safe_load_all((ROOT / "deploy" / "install.yaml").read_text()) if m]
        self.made = []
        for manifest in manifests:
            if manifest["kind"] == "Service":
                # The API server is outside of the cluster's network here, and reaches the forwarder by this.
                manifest["spec"] = {"type": "ExternalName", "externalName": "localhost"}
            if manifest["kind"] == "MutatingWebhookConfiguration":
                for webhook in manifest["webhooks"]:
                    webhook["clientConfig"]["service"]["port"] = self.service.port
            if manifest["kind"] == "Secret" and secret:
                manifest["data"] = secret
            if manifest["kind"] == "Deployment":
                container = manifest["spec"]["template"]["spec"]["containers"][0]
                self.arguments = [text.replace("$(POD_NAMESPACE)", NAMESPACE) for text in container["args"]]
            self._make(manifest, is_there)
        self.token = self.admin.token_for("openirsa", NAMESPACE, None)
        self.kubeconfig = cluster.kubeconfig(folder / "kubeconfig", self.token)

    def _make(self, manifest, is_there):
        metadata = manifest["metadata"]
        if manifest["kind"] == "Namespace":
            # No controller is there to empty it, so that it stays.
            with contextlib.suppress(Refused):
                self.admin.create(manifest)
            return
        if not is_there:
            # A field that the API server does not know is an error.
            self.admin.create(manifest, "?fieldValidation=Strict")
        self.made.append((manifest["kind"], metadata["name"], metadata.get("namespace")))

    def allow(self, *rules):
        """Gives the webhook rights in its namespace that the manifests do not give."""
        metadata = {"name": "openirsa-more", "namespace": NAMESPACE}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "openirsa-more"}
        subjects = [{"kind": "ServiceAccount", "name": "openirsa", "namespace": NAMESPACE}]
        for what in ({"kind": "Role", "rules": list(rules)},
                     {"kind": "RoleBinding", "roleRef": reference, "subjects": subjects}):
            self._make({"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": metadata, **what}, False)

    def start(self, is_awaited=True, pod=None):
        """One more replica, behind the Service once it is ready, or else at once. It has its credentials of a kubeconfig, or of
        its ServiceAccount's mount in `pod`."""
        replica = Replica(self, f"webhook-{len(self.replicas)}", self.flags, pod)
        self.replicas.append(replica)
        if is_awaited:
            until(lambda: replica.readiness()[0] == 200, of="readiness")
        self.service.backends.append(replica.port)
        return replica

    def until_trusted(self):
        until(lambda: len(self.bundles()) == 1 and self.bundles() != {None}, of="the caBundle")
        return self

    def bundles(self):
        configuration = self.admin.get("MutatingWebhookConfiguration", CONFIGURATION)
        return {webhook["clientConfig"].get("caBundle") for webhook in configuration["webhooks"]}

    def secret(self):
        return self.admin.get("Secret", SECRET, NAMESPACE)["data"]

    def lease(self):
        return self.admin.get("Lease", SECRET, NAMESPACE)["spec"]

    def remove(self):
        for replica in self.replicas:
            replica.stop(signal.SIGKILL)
        self.service.stop()
        for kind, name, namespace in [*self.made, ("Lease", SECRET, NAMESPACE)]:
            with contextlib.suppress(Refused):
                self.admin.delete(kind, name, namespace)


class Replica:
    """A running `irsa webhook`."""

    def __init__(self, installation, name, flags, pod):
        self.file = installation.folder / f"{name}.log"
        command = [installation.binary, *installation.arguments,
                   "--bind-address=127.0.0.1", "--port=0", "--metrics-port=0", "--drain=500ms", *flags]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("KUBE")}
        if pod:
            command, environment = [*pod.command, *command], {**environment, **pod.environment}
        else:
            command.append(f"--kubeconfig={installation.kubeconfig}")
        with open(self.file, "w") as log:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, text=True, env={**environment, "HOSTNAME": name})
        said = [self.process.stdout.readline() for _ in range(2)]
        assert all(":" in line for line in said), self.log
        self.port, self.metrics_port = (int(re.search(r":(\d+)/", line)[1]) for line in said)
        self.name = name

    @property
    def log(self):
        return self.file.read_text()

    def plain(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.metrics_port, timeout=20)
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def readiness(self):
        return self.plain("/readyz")

    def metric(self, name):
        """A metric's value; 0 where it has not been counted yet."""
        lines = [line.rpartition(" ") for line in self.plain("/metrics")[1].splitlines()]
        return sum(float(value) for key, _, value in lines if key == name)

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(timeout=30)


class Service:
    """Gives each new connection to the next replica that takes it, as a Service's rules in the kernel do."""

    def __init__(self):
        self.backends, self.at, self.open = [], 0, set()
        self.loop, started = asyncio.new_event_loop(), threading.Event()

        async def listen():
            self.server = await asyncio.start_server(self._forward, "127.0.0.1", 0)
            self.port = self.server.sockets[0].getsockname()[1]
            started.set()

        def run():
            self.loop.run_until_complete(listen())
            self.loop.run_forever()

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()
        started.wait()

    async def _forward(self, reader, writer):
        self.at += 1
        at, backends = self.at, list(self.backends)
        for turn in range(len(backends)):
            try:
                other = await asyncio.open_connection("127.0.0.1", backends[(at + turn) % len(backends)])
            except OSError:
                continue
            self.open.add(writer)
            await asyncio.gather(copy(reader, other[1]), copy(other[0], writer))
            self.open.discard(writer)
            return
        writer.transport.abort()

    def cut(self):
        """Ends all connections, so that the next review has a handshake of its own: once the API server has noticed."""
        async def cut():
            for writer in list(self.open):
                writer.transport.abort()

        asyncio.run_coroutine_threadsafe(cut(), self.loop).result(10)
        time.sleep(0.15)

    def stop(self):
        def end():
            self.server.close()
            for writer in list(self.open):
                writer.transport.abort()
            self.loop.call_later(0.1, self.loop.stop)

        self.loop.call_soon_threadsafe(end)
        self.thread.join(10)


async def copy(reader, writer):
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
