"""A stand-in for kube-apiserver, for machines that have none: so much of the API as the webhook and its tests use.

It stores whatever is sent to it, without schemas and without RBAC (everybody whose token is good may do everything), and is
faithful in what the tests are about: versions and conflicts, watches with bookmarks and 410, the call of registered webhooks with
their selectors, failure policies and certificates, ServiceAccounts' tokens and the issuer's documents.
"""

import base64
import datetime
import hashlib
import http.client
import http.server
import json
import re
import socket
import ssl
import threading
import time
import urllib.parse
import uuid

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from authority import Authority
from cluster import KINDS, Cluster

PATH = re.compile(
    r"(?P<collection>/(?:api/v1|apis/[^/]+/[^/]+)(?:/namespaces/(?P<namespace>[^/]+)(?=/))?/(?P<resource>[a-z]+))"
    r"(?:/(?P<name>[^/]+)(?:/(?P<sub>[a-z]+))?)?")
RESOURCES = {resource: kind for kind, (_, resource, _) in KINDS.items()}


class Failure(Exception):
    def __init__(self, code, reason, message=""):
        super().__init__(code, reason, message)
        self.status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code,
                       "reason": reason, "message": message or reason}


class StubCluster(Cluster):
    def __init__(self, folder):
        super().__init__(folder)
        authority = Authority()
        self.ca.write_bytes(authority.pem)
        for name, content in zip(("tls.crt", "tls.key"), authority.issue("127.0.0.1")):
            (folder / name).write_bytes(content)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(folder / "tls.crt", folder / "tls.key")
        self.changed = threading.Condition()
        self.objects, self.history, self.version, self.oldest = {}, [], 1, 1
        self.issuer = Issuer(self.ISSUER, self.url)
        self.server = None
        self.back()
        self.admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}})

    def back(self):
        self.server = Server(self)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def gone(self):
        self.server.is_gone = True
        with self.changed:
            self.changed.notify_all()
        self.server.shutdown()
        self.server.server_close()
        for connection in list(self.server.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def forget_history(self):
        self.gone()
        with self.changed:
            self.version += 5
            self.oldest, self.history = self.version, []
        self.back()

    def close(self):
        self.gone()

    # What follows holds `changed`, which guards the objects.

    def store(self, path, value, kind):
        self.version += 1
        value["metadata"]["resourceVersion"] = str(self.version)
        if kind == "DELETED":
            del self.objects[path]
        else:
            self.objects[path] = value
        # As JSON, which later changes leave alone.
        self.history.append((self.version, path, kind, json.dumps(value)))
        self.changed.notify_all()
        return value

    def find(self, path):
        if path not in self.objects:
            raise Failure(404, "NotFound", f"{path} not found")
        return self.objects[path]

    def among(self, collection, selected):
        """Whether a path is of a collection, which may be that of all namespaces."""
        base, resource = collection.rsplit("/", 1)
        spread = re.compile(f"{re.escape(base)}/namespaces/[^/]+/{resource}/[^/]+" if "/namespaces/" not in base else "$^")
        return lambda path: (path.rsplit("/", 1)[0] == collection or bool(spread.fullmatch(path))) and (
            not selected or path.rsplit("/", 1)[1] == selected)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, cluster):
        self.cluster, self.is_gone, self.connections = cluster, False, set()
        super().__init__(("127.0.0.1", cluster.port), Handler)

    def process_request_thread(self, request, address):
        try:
            request.settimeout(90)
            connection = self.cluster.tls.wrap_socket(request, server_side=True)
        except OSError:
            return self.shutdown_request(request)
        self.connections.add(connection)
        super().process_request_thread(connection, address)
        self.connections.discard(connection)

    def handle_error(self, *_):
        """Connections break in these tests."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def answer(self, status, value, media_type="application/json"):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle_any(self):
        self.cluster = self.server.cluster
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _, query = self.path.partition("?")
        self.query = dict(urllib.parse.parse_qsl(query))
        if document := self.cluster.issuer.documents.get(path):
            return self.answer(200, *document)
        try:
            self.authenticate()
            asked = PATH.fullmatch(path)
            if not asked or asked["resource"] not in RESOURCES:
                raise Failure(404, "NotFound", "the server could not find the requested resource")
            answered = getattr(self, f"on_{self.command.lower()}")(path, asked, json.loads(sent) if sent else None)
        except Failure as failure:
            return self.answer(failure.status["code"], failure.status)
        if answered:
            self.answer(*answered)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def authenticate(self):
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token != Cluster.ADMIN and not self.cluster.issuer.accepts(token):
            raise Failure(401, "Unauthorized")

    def on_get(self, path, asked, _):
        cluster, selected = self.cluster, self.query.get("fieldSelector", "").removeprefix("metadata.name=")
        only_metadata = "as=PartialObjectMetadata" in self.headers.get("Accept", "")
        show = partial if only_metadata else lambda value: value
        if self.query.get("watch") in ("1", "true"):
            return self.watch(cluster.among(path, selected), show)
        with cluster.changed:
            if asked["name"]:
                return 200, show(cluster.find(path))
            found = sorted(name for name in cluster.objects if cluster.among(path, selected)(name))
            first, most = int(self.query.get("continue", 0)), int(self.query.get("limit", 0)) or len(found)
            rest = str(first + most) if first + most < len(found) else ""
            items = [show(cluster.objects[name]) for name in found[first:first + most]]
            kind = "PartialObjectMetadataList" if only_metadata else RESOURCES[asked["resource"]] + "List"
            metadata = {"resourceVersion": str(cluster.version), "continue": rest}
            return 200, {"kind": kind, "apiVersion": "v1", "metadata": metadata, "items": items}

    def watch(self, is_of, show):
        cluster, server = self.cluster, self.server
        since, end = int(self.query.get("resourceVersion") or 0), time.monotonic() + int(self.query.get("timeoutSeconds", 60))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        while not server.is_gone and time.monotonic() < end:
            with cluster.changed:
                if since < cluster.oldest:
                    gone = Failure(410, "Expired", f"too old resource version: {since} ({cluster.oldest})")
                    return self.tell("ERROR", gone.status)
                new = [entry for entry in cluster.history if entry[0] > since]
                since = cluster.version
                if not new:
                    cluster.changed.wait(0.5)
            told = [(kind, json.loads(value)) for _, path, kind, value in new if is_of(path)]
            for kind, value in told:
                self.tell(kind, show(value))
            if new and not told and self.query.get("allowWatchBookmarks"):
                bookmark = {"kind": "ServiceAccount", "apiVersion": "v1", "metadata": {"resourceVersion": str(since)}}
                self.tell("BOOKMARK", show(bookmark))

    def tell(self, kind, value):
        self.wfile.write(json.dumps({"type": kind, "object": value}).encode() + b"\n")

    def on_post(self, path, asked, value):
        cluster = self.cluster
        if asked["sub"] == "token":
            with cluster.changed:
                account = cluster.find(path.removesuffix("/token"))
                bound = value["spec"].get("boundObjectRef")
                pod = bound and cluster.find(path.split("/serviceaccounts/")[0] + "/pods/" + bound["name"])
            return 201, {**value, "status": cluster.issuer.token(account, value["spec"], pod)}
        metadata, namespace = value["metadata"], asked["namespace"]
        if "generateName" in metadata and "name" not in metadata:
            metadata["name"] = metadata["generateName"] + uuid.uuid4().hex[:5]
        if namespace:
            metadata["namespace"] = namespace
        metadata.update(uid=str(uuid.uuid4()), creationTimestamp=now())
        if asked["resource"] == "namespaces":
            metadata.setdefault("labels", {})["kubernetes.io/metadata.name"] = metadata["name"]
        where = f"{path}/{metadata['name']}"
        with cluster.changed:
            if namespace:
                cluster.find(f"/api/v1/namespaces/{namespace}")
        if asked["resource"] == "pods":
            value = self.admit(value, namespace)
        with cluster.changed:
            if where in cluster.objects:
                raise Failure(409, "AlreadyExists", f'{asked["resource"]} "{metadata["name"]}" already exists')
            return 201, value if "dryRun" in self.query else cluster.store(where, value, "ADDED")

    def admit(self, pod, namespace):
        cluster, spec = self.cluster, pod["spec"]
        spec.setdefault("serviceAccountName", "default")
        with cluster.changed:
            account = f"/api/v1/namespaces/{namespace}/serviceaccounts/{spec['serviceAccountName']}"
            if account not in cluster.objects:
                raise Failure(403, "Forbidden", f"error looking up service account {account}")
            configurations = [json.loads(json.dumps(value)) for path, value in sorted(cluster.objects.items())
                              if "/mutatingwebhookconfigurations/" in path]
            labels = cluster.objects[f"/api/v1/namespaces/{namespace}"]["metadata"]["labels"]
            services = {path: value["spec"] for path, value in cluster.objects.items() if "/services/" in path}
        for webhook in (webhook for configuration in configurations for webhook in configuration["webhooks"]):
            if applies(webhook, pod, labels):
                pod = mutated(webhook, pod, namespace, services, "dryRun" in self.query)
        return pod

    def on_put(self, path, asked, value):
        with self.cluster.changed:
            known = self.cluster.find(path)
            if value["metadata"].get("resourceVersion") not in (None, "", known["metadata"]["resourceVersion"]):
                raise Failure(409, "Conflict", "the object has been modified")
            return 200, self.cluster.store(path, value, "MODIFIED")

    def on_patch(self, path, asked, patch):
        with self.cluster.changed:
            value = json.loads(json.dumps(self.cluster.find(path)))
            if self.headers["Content-Type"] == "application/json-patch+json":
                value = patched(value, patch)
            elif self.headers["Content-Type"] == "application/merge-patch+json":
                value = merged(value, patch)
            else:
                raise Failure(415, "UnsupportedMediaType")
            return 200, self.cluster.store(path, value, "MODIFIED")

    def on_delete(self, path, asked, _):
        with self.cluster.changed:
            value = json.loads(json.dumps(self.cluster.find(path)))
            return 200, self.cluster.store(path, value, "DELETED")


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def partial(value):
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": value["metadata"]}


def merged(value, patch):
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    value = dict(value) if isinstance(value, dict) else {}
    for key, item in patch.items():
        if item is None:
            value.pop(key, None)
        else:
            value[key] = merged(value.get(key), item)
    return value


def patched(value, operations):
    """RFC 6902, so much of it as is asked for."""
    for operation in operations:
        *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
        place = value
        for part in parents:
            place = place[int(part)] if isinstance(place, list) else place[part]
        if operation["op"] == "test":
            if (place[int(last)] if isinstance(place, list) else place.get(last)) != operation["value"]:
                raise Failure(422, "Invalid", f"testing {operation['path']} failed")
        elif isinstance(place, list):
            place.insert(len(place) if last == "-" else int(last), operation["value"])
        else:
            place[last] = operation["value"]
    return value


def applies(webhook, pod, namespace_labels):
    rules = [rule for rule in webhook["rules"] if "pods" in rule["resources"] and "CREATE" in rule["operations"]]
    return (rules and selects(webhook.get("namespaceSelector"), namespace_labels)
            and selects(webhook.get("objectSelector"), pod["metadata"].get("labels") or {}))


def selects(selector, labels):
    selector = selector or {}
    matches = {"In": lambda key, values: labels.get(key) in values, "NotIn": lambda key, values: labels.get(key) not in values,
               "Exists": lambda key, _: key in labels, "DoesNotExist": lambda key, _: key not in labels}
    return all(labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items()) and all(
        matches[item["operator"]](item["key"], item.get("values")) for item in selector.get("matchExpressions") or [])


def mutated(webhook, pod, namespace, services, is_dry_run):
    """The pod after a webhook's review, as its failure policy has it."""
    name, metadata = webhook["name"], pod["metadata"]
    kind = {"group": "", "version": "v1", "kind": "Pod"}
    resource = {"group": "", "version": "v1", "resource": "pods"}
    request = {
        "uid": str(uuid.uuid4()), "kind": kind, "resource": resource, "requestKind": kind, "requestResource": resource,
        "name": metadata["name"], "namespace": namespace, "operation": "CREATE", "userInfo": {"username": "admin"},
        "object": pod, "oldObject": None, "dryRun": is_dry_run,
        "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"}}
    try:
        review = call(webhook, services, {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request})
        response = review["response"]
        if (review["kind"], review["apiVersion"], response["uid"]) != (
                "AdmissionReview", "admission.k8s.io/v1", request["uid"]):
            raise ValueError("not the answer to the review")
    except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
        if webhook.get("failurePolicy", "Fail") == "Ignore":
            return pod
        raise Failure(500, "InternalError", f'failed calling webhook "{name}": {error!r}') from None
    if not response["allowed"]:
        status = response.get("status") or {}
        raise Failure(status.get("code") or 403, status.get("reason") or "Forbidden",
                      f'admission webhook "{name}" denied the request: {status.get("message")}')
    if "patch" not in response:
        return pod
    assert response["patchType"] == "JSONPatch"
    return patched(json.loads(json.dumps(pod)), json.loads(base64.b64decode(response["patch"])))


def call(webhook, services, review):
    """POSTs a review as the API server does: by the Service's name, trusting the caBundle alone."""
    config, seconds = webhook["clientConfig"], webhook.get("timeoutSeconds", 10)
    if service := config.get("service"):
        spec = services[f"/api/v1/namespaces/{service['namespace']}/services/{service['name']}"]
        host, port, path = spec["externalName"], service.get("port", 443), service.get("path", "/")
        server_name = f"{service['name']}.{service['namespace']}.svc"
    else:
        url = urllib.parse.urlsplit(config["url"])
        host, port, path, server_name = url.hostname, url.port or 443, url.path, url.hostname
    trust = ssl.create_default_context(cadata=base64.b64decode(config.get("caBundle") or "").decode() or "none")
    connection = http.client.HTTPSConnection(host, port, timeout=seconds)
    connection.sock = trust.wrap_socket(socket.create_connection((host, port), seconds), server_hostname=server_name)
    try:
        connection.request("POST", f"{path}?timeout={seconds}s", json.dumps(review), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        if answer.status != 200:
            raise ValueError(f"the webhook answers {answer.status}")
        return json.loads(answer.read())
    finally:
        connection.close()


class Issuer:
    """ServiceAccounts' tokens, as Kubernetes signs them, and the documents to verify them by."""

    def __init__(self, issuer, url):
        self.issuer, self.key = issuer, rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public, encoding = self.key.public_key(), serialization.Encoding.DER
        # KEP-1393: the key's id is the digest of its SubjectPublicKeyInfo.
        digest = hashlib.sha256(public.public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)).digest()
        self.kid, numbers = encoded(digest), public.public_numbers()
        integer = lambda number: encoded(number.to_bytes((number.bit_length() + 7) // 8, "big"))
        key = {"use": "sig", "kty": "RSA", "kid": self.kid, "alg": "RS256", "n": integer(numbers.n), "e": integer(numbers.e)}
        self.documents = {
            "/.well-known/openid-configuration": ({
                "issuer": issuer, "jwks_uri": f"{url}/openid/v1/jwks", "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256"]},),
            "/openid/v1/jwks": ({"keys": [key]}, "application/jwk-set+json")}

    def token(self, account, spec, pod):
        metadata, issued = account["metadata"], int(time.time())
        expires = issued + spec.get("expirationSeconds", 3600)
        of = {"namespace": metadata["namespace"], "serviceaccount": {"name": metadata["name"], "uid": metadata["uid"]}}
        if pod:
            if pod["metadata"]["uid"] != spec["boundObjectRef"]["uid"]:
                raise Failure(409, "Conflict", "the pod has another uid")
            if pod["spec"]["serviceAccountName"] != metadata["name"]:
                raise Failure(403, "Forbidden", "cannot bind token to pod running with different service account name")
            of["pod"] = {"name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]}
        claims = {"aud": spec["audiences"] or [self.issuer], "exp": expires, "iat": issued, "iss": self.issuer,
                  "jti": str(uuid.uuid4()), "kubernetes.io": of, "nbf": issued,
                  "sub": f"system:serviceaccount:{metadata['namespace']}:{metadata['name']}"}
        signed = ".".join(encoded(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": self.kid}, claims))
        signature = encoded(self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))
        stamp = datetime.datetime.fromtimestamp(expires, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"token": f"{signed}.{signature}", "expirationTimestamp": stamp}

    def accepts(self, token):
        """Whether it is a token of ours for the API server."""
        try:
            signed, signature = token.rsplit(".", 1)
            self.key.public_key().verify(decoded(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
            claims = json.loads(decoded(signed.split(".")[1]))
        except Exception:
            return False
        return self.issuer in claims["aud"] and claims["exp"] > time.time()


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
