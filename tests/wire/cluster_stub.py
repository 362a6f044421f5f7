"""The two public paths of a kube-apiserver, over HTTPS and behind a bearer token, as a kubeconfig names it."""

import http.server
import json
import ssl
import threading

import yaml

TOKEN = "of-the-kubeconfig"


class Cluster:
    """An API server that publishes an issuer. `certificate`, `key` and `ca` are files."""

    def __init__(self, certificate, key, ca, issuer, jwks):
        self.issuer, self.jwks, self.status, self.requests, self.ca = issuer, jwks, 200, [], ca
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def kubeconfig(self, path, *names, token=TOKEN):
        """A kubeconfig whose contexts all are this cluster."""
        server = f"https://localhost:{self.server.server_address[1]}"
        path.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [{"name": "c", "cluster": {"server": server, "certificate-authority": str(self.ca)}}],
                    "users": [{"name": "u", "user": {"token": token}}],
                    "contexts": [{"name": name, "context": {"cluster": "c", "user": "u"}} for name in names or ["c"]],
                    "current-context": (names or ["c"])[0],
                }
            )
        )
        return path

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def _answer(self, path):
        status = lambda code, reason: (code, "application/json", {"kind": "Status", "apiVersion": "v1", "status": "Failure",
                                                                  "message": reason, "reason": reason, "code": code})
        if self.status != 200:
            return status(self.status, "Unavailable")
        if path == "/.well-known/openid-configuration" and self.issuer.startswith("https://"):
            document = {"issuer": self.issuer, "jwks_uri": "https://192.0.2.1:6443/openid/v1/jwks",
                        "response_types_supported": ["id_token"], "subject_types_supported": ["public"],
                        "id_token_signing_alg_values_supported": ["RS256"]}
            return 200, "application/json", document
        if path == "/openid/v1/jwks" and self.issuer.startswith("https://"):
            return 200, "application/jwk-set+json", self.jwks
        return status(404, "NotFound")

    def _handler(self):
        cluster = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                cluster.requests.append((self.path, self.headers["accept"]))
                code, media_type, body = cluster._answer(self.path)
                if self.headers["authorization"] != f"Bearer {TOKEN}":
                    code, body = 401, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "Unauthorized",
                                       "reason": "Unauthorized", "code": 401}
                data = json.dumps(body).encode()
                self.send_response(code)
                self.send_header("content-type", media_type)
                self.send_header("cache-control", "public, max-age=3600")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        return Handler
