"""`irsa webhook` with the chart's arguments, against an API server that knows the chart's objects and allows what its roles allow."""

import http.server
import json
import os
import re
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

from conftest import one, rendered

pytestmark = pytest.mark.skipif("IRSA_BIN" not in os.environ, reason="no IRSA_BIN: no webhook to run")

NAMESPACE = "identity"
VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch"}
PATH = re.compile(r"/(?:api|apis/(?P<group>[^/]+))/v1/(?:namespaces/(?P<ns>[^/]+)/)?(?P<resource>[a-z]+)(?:/(?P<name>[^/]+))?")


class ApiServer(http.server.ThreadingHTTPServer):
    """Reads, writes and watches of whatever objects there are, allowed by RBAC's rules."""

    daemon_threads = True

    def __init__(self, manifests):
        self.lock, self.version, self.history = threading.RLock(), 0, []
        self.objects, self.denied, self.used, self.is_over = {}, [], set(), False
        self.rules = [
            (role["metadata"].get("namespace"), rule)
            for role in manifests
            if role["kind"] in ("Role", "ClusterRole")
            for rule in role["rules"]
        ]
        for manifest in manifests:
            kind, name = manifest["kind"], manifest["metadata"]["name"]
            if kind in ("Secret", "ConfigMap"):
                self.put(f"/api/v1/namespaces/{NAMESPACE}/{kind.lower()}s/{name}", manifest)
            if kind == "MutatingWebhookConfiguration":
                self.put(f"/apis/admissionregistration.k8s.io/v1/{kind.lower()}s/{name}", manifest)
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def put(self, path, value):
        with self.lock:
            self.version += 1
            metadata = {**value.get("metadata", {}), "resourceVersion": str(self.version)}
            kind = "MODIFIED" if path in self.objects else "ADDED"
            self.objects[path] = {**value, "metadata": metadata}
            self.history.append((self.version, path, kind))
            return self.objects[path]

    def allows(self, verb, request):
        for namespace, rule in self.rules:
            names = rule.get("resourceNames")
            if (
                (request["group"] or "") in rule["apiGroups"]
                and request["resource"] in rule["resources"]
                and verb in rule["verbs"]
                and namespace in (None, request["ns"])
                and (names is None or request["name"] in names)
            ):
                self.used.add((request["resource"], verb))
                return True
        self.denied.append((verb, request))
        return False


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def status(self, code, reason):
        self.answer(code, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": reason,
                           "message": reason, "code": code})

    def handle_any(self):
        path, _, query = self.path.partition("?")
        parameters = dict(urllib.parse.parse_qsl(query))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = PATH.fullmatch(path).groupdict()
        is_named = request["name"] is not None
        # RBAC takes the name of a list or watch from its field selector.
        selected = parameters.get("fieldSelector", "").removeprefix("metadata.name=")
        request["name"] = request["name"] or selected or None
        is_watch = parameters.get("watch") in ("1", "true")
        verb = VERBS.get(self.command) or ("watch" if is_watch else "get" if is_named else "list")
        if not self.server.allows(verb, request):
            return self.status(403, "Forbidden")
        if verb == "watch":
            return self.watch(path, selected, int(parameters.get("resourceVersion") or 0))
        with self.server.lock:
            if verb == "list":
                items = [o for p, o in self.server.objects.items() if p.startswith(path + "/") and p.endswith(selected)]
                return self.answer(200, {"metadata": {"resourceVersion": str(self.server.version)}, "items": items})
            if verb == "create":
                value = json.loads(body)
                return self.answer(201, self.server.put(f"{path}/{value['metadata']['name']}", value))
            found = self.server.objects.get(path)
            if found is None:
                return self.status(404, "NotFound")
            if verb == "patch":
                return self.answer(200, self.server.put(path, patched(found, json.loads(body))))
            return self.answer(200, found if verb == "get" else self.server.put(path, json.loads(body)))

    do_GET = do_POST = do_PUT = do_PATCH = handle_any

    def watch(self, path, selected, since):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        while not self.server.is_over:
            with self.server.lock:
                new = [entry for entry in self.server.history if entry[0] > since]
                since = self.server.version
                events = [
                    {"type": kind, "object": self.server.objects[changed]}
                    for _, changed, kind in new
                    if changed.startswith(path + "/") and changed.endswith(selected)
                ]
            try:
                for event in events:
                    self.wfile.write(json.dumps(event).encode() + b"\n")
            except OSError:
                return
            time.sleep(0.02)


def patched(value, operations):
    """JSON Patch, so much of it as is asked for."""
    value = json.loads(json.dumps(value))
    for operation in operations:
        *parents, last = operation["path"].split("/")[1:]
        place = value
        for part in parents:
            place = place[int(part)] if isinstance(place, list) else place[part]
        if operation["op"] == "test":
            assert place[last] == operation["value"]
        else:
            place[last] = operation["value"]
    return value


def until(what, seconds=15):
    end = time.monotonic() + seconds
    while not (result := what()):
        assert time.monotonic() < end, "in time"
        time.sleep(0.05)
    return result


def readiness(url):
    try:
        return urllib.request.urlopen(url, timeout=5).status
    except urllib.error.HTTPError as error:
        return error.code


def test_ready_with_the_rights_that_it_has_and_none_in_vain():
    manifests = rendered(None, 'config.podIdentityWebhookMap={"enabled":true}')
    api = ApiServer(manifests)
    args = one(manifests, "Deployment")["spec"]["template"]["spec"]["containers"][0]["args"]
    args = [argument.replace("$(POD_NAMESPACE)", NAMESPACE) for argument in args]
    args += [f"--kube-api={api.url}", "--bind-address=127.0.0.1", "--port=0", "--metrics-port=0", "--drain=0s"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KUBE")}
    process = subprocess.Popen(
        [os.environ["IRSA_BIN"], *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )
    try:
        metrics = next(m.group(1) for line in process.stdout if (m := re.search(r"(http://[0-9.:]+)/metrics", line)))
        until(lambda: readiness(f"{metrics}/readyz") == 200)
        path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/openirsa"
        bundles = until(lambda: {w["clientConfig"].get("caBundle") for w in api.objects[path]["webhooks"]} - {None})
        secret = api.objects[f"/api/v1/namespaces/{NAMESPACE}/secrets/openirsa-own-cert"]
        assert bundles == {secret["data"]["ca.crt"]}, "every webhook has the authority of the Secret"
        assert secret["type"] == "Opaque" and secret["metadata"]["labels"], "it is the chart's Secret"
        # Renewed after five seconds.
        until(lambda: ("leases", "update") in api.used)
        assert api.denied == []
        granted = {(resource, verb) for _, rule in api.rules for resource in rule["resources"] for verb in rule["verbs"]}
        # A ServiceAccount that is not known yet, and something to tell about: no pod is made here.
        assert granted - api.used == {("serviceaccounts", "get"), ("events", "create")}
    finally:
        api.is_over = True
        process.terminate()
        process.wait(10)
        api.shutdown()
