"""What controllers and the kubelet do for a pod: make it of its template, mount its tokens, run its program with its environment."""

import json
import os
import subprocess
import sys

import pytest


def pod_of(deployment, number=0):
    """A pod as the ReplicaSet controller makes it of a Deployment's template."""
    template, metadata = deployment["spec"]["template"], deployment["metadata"]
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{metadata['name']}-{number:08x}",
             "uid": "7a3c9d6e-0000-4000-8000-000000000000", "controller": True, "blockOwnerDeletion": True}
    made = {"generateName": f"{owner['name']}-", "namespace": metadata["namespace"], "ownerReferences": [owner]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {**template.get("metadata", {}), **made}, "spec": template["spec"]}


def deployment(name, namespace, account, labels=None, annotations=None, **container):
    labels = {"app": name, **(labels or {})}
    spec = {"serviceAccountName": account, "containers": [{"name": "app", "image": "app:1", **container}]}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}},
                     "template": {"metadata": {"labels": labels, "annotations": annotations or {}}, "spec": spec}}}


def environment(pod, container=0):
    """The values of a container's variables."""
    found = {}
    for item in pod["spec"]["containers"][container].get("env", []):
        found[item["name"]] = item["value"] if "value" in item else field(pod, item["valueFrom"]["fieldRef"]["fieldPath"])
    return found


def field(pod, where):
    if where.startswith("metadata.annotations['"):
        return pod["metadata"]["annotations"][where.removeprefix("metadata.annotations['").removesuffix("']")]
    return {"metadata.name": pod["metadata"]["name"], "metadata.namespace": pod["metadata"]["namespace"]}[where]


def mount(client, pod, root):
    """Writes what the first container has mounted of projected volumes below `root`, and tells where."""
    volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes", [])}
    places = []
    for item in pod["spec"]["containers"][0].get("volumeMounts", []):
        folder = root / item["mountPath"].lstrip("/")
        folder.mkdir(parents=True)
        places.append(item["mountPath"])
        for source in volumes[item["name"]].get("projected", {}).get("sources", []):
            if token := source.get("serviceAccountToken"):
                (folder / token["path"]).write_text(client.token_for(
                    pod["spec"]["serviceAccountName"], pod["metadata"]["namespace"], token.get("audience"),
                    token["expirationSeconds"], pod))
            for entry in source.get("downwardAPI", {}).get("items", []):
                (folder / entry["path"]).write_text(field(pod, entry["fieldRef"]["fieldPath"]))
    return places


def run(client, pod, root, program):
    """Runs a Python program as the pod's: with its variables, its files below `root`, and nothing else. It prints JSON."""
    places = mount(client, pod, root)
    variables = {
        name: str(root) + value if any(value.startswith(place + "/") for place in places) else value
        for name, value in environment(pod).items()
    }
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PATH": os.environ["PATH"], "HOME": str(root), **variables},
        capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class Pod:
    """A place for a program where the API server is as in a pod: the variables, and the ServiceAccount's mount in a mount
    namespace of its own, whose token the kubelet renews."""

    MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"

    def __init__(self, cluster, folder, namespace, token):
        self.folder = folder
        folder.mkdir(parents=True)
        (folder / "ca.crt").write_bytes(cluster.ca.read_bytes())
        (folder / "namespace").write_text(namespace)
        self.renew(token)
        # Below /run everything is new, so that nothing has to be made on this machine.
        make = f'mount -t tmpfs tmpfs "$(readlink -f /var/run)" && mkdir -p {self.MOUNT} && mount --bind "$0" {self.MOUNT} && exec "$@"'
        self.command = [*self._unshare(), "sh", "-c", make, str(folder)]
        self.environment = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(cluster.port)}

    def renew(self, token):
        (self.folder / "token.new").write_text(token)
        (self.folder / "token.new").rename(self.folder / "token")

    @staticmethod
    def _unshare():
        for more in ([], ["--user", "--map-root-user"]):
            command = ["unshare", *more, "--mount"]
            try:
                if subprocess.run([*command, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True).returncode == 0:
                    return command
            except FileNotFoundError:
                break
        pytest.skip("this machine makes no mount namespaces")
