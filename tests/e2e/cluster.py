"""What a test needs of a Kubernetes API server, whichever one is in play: requests, tokens, and the failures it goes through."""

import json
import socket
import ssl
import time
import urllib.error
import urllib.request

# Where objects of a kind are: the API's prefix, the resource, and whether it is in a namespace.
KINDS = {
    "Namespace": ("/api/v1", "namespaces", False),
    "Pod": ("/api/v1", "pods", True),
    "Service": ("/api/v1", "services", True),
    "ServiceAccount": ("/api/v1", "serviceaccounts", True),
    "Secret": ("/api/v1", "secrets", True),
    "ConfigMap": ("/api/v1", "configmaps", True),
    "Event": ("/api/v1", "events", True),
    "Deployment": ("/apis/apps/v1", "deployments", True),
    "PodDisruptionBudget": ("/apis/policy/v1", "poddisruptionbudgets", True),
    "Lease": ("/apis/coordination.k8s.io/v1", "leases", True),
    "Role": ("/apis/rbac.authorization.k8s.io/v1", "roles", True),
    "RoleBinding": ("/apis/rbac.authorization.k8s.io/v1", "rolebindings", True),
    "ClusterRole": ("/apis/rbac.authorization.k8s.io/v1", "clusterroles", False),
    "ClusterRoleBinding": ("/apis/rbac.authorization.k8s.io/v1", "clusterrolebindings", False),
    "MutatingWebhookConfiguration": ("/apis/admissionregistration.k8s.io/v1", "mutatingwebhookconfigurations", False),
}


def path(kind, name=None, namespace=None):
    prefix, resource, is_namespaced = KINDS[kind]
    parts = [prefix] + (["namespaces", namespace] if is_namespaced else []) + [resource] + ([name] if name else [])
    return "/".join(parts)


class Refused(Exception):
    """An answer that is no success, with its `Status`."""

    def __init__(self, code, status):
        super().__init__(f"{code} {status.get('reason')}: {status.get('message')}")
        self.code, self.reason, self.message = code, status.get("reason"), status.get("message") or ""


class Client:
    """Requests to an API server by somebody who holds a token."""

    def __init__(self, cluster, token):
        self.cluster, self.token = cluster, token
        self.trust = ssl.create_default_context(cafile=str(cluster.ca))

    def ask(self, method, path, body=None, content_type="application/json"):
        request = urllib.request.Request(
            self.cluster.url + path, method=method, data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": content_type, "Accept": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=40, context=self.trust) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            text = error.read().decode()
            raise Refused(error.code, json.loads(text) if text.startswith("{") else {"message": text}) from None

    def get(self, kind, name=None, namespace=None):
        return self.ask("GET", path(kind, name, namespace))

    def create(self, manifest, query=""):
        where = path(manifest["kind"], namespace=manifest["metadata"].get("namespace"))
        return self.ask("POST", where + query, manifest)

    def replace(self, manifest):
        metadata = manifest["metadata"]
        return self.ask("PUT", path(manifest["kind"], metadata["name"], metadata.get("namespace")), manifest)

    def merge(self, kind, name, namespace, patch):
        return self.ask("PATCH", path(kind, name, namespace), patch, "application/merge-patch+json")

    def delete(self, kind, name, namespace=None):
        return self.ask("DELETE", path(kind, name, namespace))

    def token_for(self, account, namespace, audience, seconds=3600, pod=None):
        """A ServiceAccount's token, bound to a pod where one is given, as the kubelet asks for it."""
        spec = {"audiences": [audience] if audience else [], "expirationSeconds": seconds}
        if pod:
            metadata = pod["metadata"]
            spec["boundObjectRef"] = {"kind": "Pod", "apiVersion": "v1", "name": metadata["name"], "uid": metadata["uid"]}
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        return self.ask("POST", path("ServiceAccount", account, namespace) + "/token", request)["status"]["token"]


class Cluster:
    """An API server with an administrator. Subclasses start it, and take it through its failures."""

    ADMIN = "the-administrators-token"
    # Not where it is served: whoever verifies tokens is told where that is.
    ISSUER = "https://issuer.e2e.example"

    def __init__(self, folder):
        self.folder, self.ca = folder, folder / "ca.pem"
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"

    @property
    def admin(self):
        return Client(self, self.ADMIN)

    def kubeconfig(self, file, token):
        """A kubeconfig of the holder of a token."""
        file.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "e2e",
            "clusters": [{"name": "e2e", "cluster": {"server": self.url, "certificate-authority": str(self.ca)}}],
            "users": [{"name": "e2e", "user": {"token": token}}],
            "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": "e2e"}}],
        }))
        return file


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def until(what, seconds=30, of="it"):
    """What `what` returns once that is true; refusals and lost connections count as false."""
    end, last = time.monotonic() + seconds, None
    while True:
        try:
            if result := what():
                return result
        except (OSError, Refused) as error:
            last = error
        assert time.monotonic() < end, f"{of} did not come within {seconds} s; last: {last}"
        time.sleep(0.05)
