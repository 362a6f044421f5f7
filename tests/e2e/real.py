"""A real etcd and a real kube-apiserver, of the folder that KUBEBUILDER_ASSETS names (envtest's convention)."""

import base64
import json
import os
import pathlib
import shutil
import subprocess
import urllib.request

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from authority import Authority, pem
from cluster import Cluster, free_port, until


def programs():
    """kube-apiserver and etcd, which may also be on PATH; none without both."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    server = assets and shutil.which("kube-apiserver", path=assets)
    etcd = assets and (shutil.which("etcd", path=assets) or shutil.which("etcd"))
    return (server, etcd) if server and etcd else None


class RealCluster(Cluster):
    def __init__(self, folder, server, etcd):
        super().__init__(folder)
        self.server_program, self.etcd_program = server, etcd
        self.etcd_url = f"http://127.0.0.1:{free_port()}"
        self.server = self.etcd = None
        self._write_keys()
        self._start_etcd()
        self.back()
        self._open_discovery()

    @staticmethod
    def describe(server, etcd):
        said = [subprocess.run([program, "--version"], capture_output=True, text=True).stdout for program in (server, etcd)]
        return f"a real kube-apiserver ({said[0].strip()}) on a real etcd ({said[1].splitlines()[0]})"

    def _write_keys(self):
        authority = Authority()
        certificate, key = authority.issue("127.0.0.1", "localhost", "kubernetes.default.svc")
        signing = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = signing.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        for name, content in {
            "ca.pem": authority.pem, "tls.crt": certificate, "tls.key": key, "sa.key": pem(signing), "sa.pub": public,
            "tokens.csv": f"{self.ADMIN},admin,admin,system:masters\n".encode(),
        }.items():
            (self.folder / name).write_bytes(content)

    def _start_etcd(self):
        peer = f"http://127.0.0.1:{free_port()}"
        self.etcd = self._run("etcd", [
            self.etcd_program, f"--data-dir={self.folder / 'etcd'}", f"--listen-client-urls={self.etcd_url}",
            f"--advertise-client-urls={self.etcd_url}", f"--listen-peer-urls={peer}", "--name=e2e",
            f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=e2e={peer}"])
        until(lambda: json.load(urllib.request.urlopen(f"{self.etcd_url}/health", timeout=5))["health"] == "true", of="etcd")

    def back(self):
        """Starts it, where it was."""
        at = self.folder
        self.server = self._run("kube-apiserver", [
            self.server_program, f"--etcd-servers={self.etcd_url}", f"--secure-port={self.port}",
            "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--service-cluster-ip-range=10.0.0.0/24",
            f"--cert-dir={at}", f"--tls-cert-file={at / 'tls.crt'}", f"--tls-private-key-file={at / 'tls.key'}",
            f"--token-auth-file={at / 'tokens.csv'}", "--authorization-mode=RBAC",
            f"--service-account-issuer={self.ISSUER}", f"--service-account-jwks-uri={self.url}/openid/v1/jwks",
            f"--service-account-key-file={at / 'sa.pub'}", f"--service-account-signing-key-file={at / 'sa.key'}"])
        until(self._is_ready, 90, "kube-apiserver")

    def _is_ready(self):
        assert self.server.poll() is None, f"kube-apiserver ended: {self.folder / 'kube-apiserver.log'}"
        # With the roles that everybody has, which it makes itself.
        ready = urllib.request.Request(self.url + "/readyz", headers={"Authorization": f"Bearer {self.ADMIN}"})
        return urllib.request.urlopen(ready, timeout=10, context=self.admin.trust).status == 200

    def _open_discovery(self):
        """Lets everybody read the issuer's documents, as a cluster has to that others verify the tokens of."""
        self.admin.create({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": "issuer-for-all"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                        "name": "system:service-account-issuer-discovery"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:unauthenticated"}]})

    def gone(self):
        self.server.kill()
        self.server.wait()

    def forget_history(self):
        """Compacts etcd at its head, with nobody's cache of older events: whoever resumes a watch from before gets 410."""
        self.gone()
        key = base64.b64encode(b"/e2e/forgotten").decode()
        for _ in range(5):
            revision = self._etcd("kv/put", {"key": key, "value": key})["header"]["revision"]
        self._etcd("kv/compaction", {"revision": revision})
        self.back()

    def _etcd(self, path, body):
        request = urllib.request.Request(f"{self.etcd_url}/v3/{path}", data=json.dumps(body).encode())
        return json.load(urllib.request.urlopen(request, timeout=10))

    def _run(self, name, command):
        with open(self.folder / f"{name}.log", "ab") as log:
            return subprocess.Popen([str(part) for part in command], stdout=log, stderr=log, cwd=self.folder)

    def close(self):
        for process in (self.server, self.etcd):
            if process and process.poll() is None:
                process.kill()
                process.wait()
