"""An issuer that is not ours: discovery and JWKS over HTTPS on loopback, with a certificate authority of its own."""

import base64
import datetime
import hashlib
import hmac
import http.server
import ipaddress
import json
import ssl
import threading
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer:
    """Signs tokens as a Kubernetes API server does, and publishes its keys."""

    def __init__(self, folder, path="/id/4C1D7E1E"):
        self.keys = {}
        self.requests = []
        self.status = 200
        certificate, key = self._certificates(folder)
        self.ca = str(folder / "issuer-ca.pem")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"https://localhost:{self.server.server_address[1]}{path}"
        self.name = self.url.removeprefix("https://")
        self.add_key("first")

    def add_key(self, kid):
        self.keys[kid] = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def add_ec_key(self, kid):
        self.keys[kid] = ec.generate_private_key(ec.SECP256R1())

    def claims(self, sub="system:serviceaccount:dev:s3-app", **changes):
        now = int(time.time())
        namespace, name = (str(sub).split(":") + ["", "", "", ""])[2:4]
        claims = {
            "aud": ["sts.amazonaws.com"],
            "exp": now + 3600,
            "iat": now,
            "nbf": now,
            "iss": self.url,
            "sub": sub,
            "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": name, "uid": "91bb19bc"}},
        }
        claims |= changes
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, kid="first", header=None, key=None, **changes):
        key = key or self.keys[kid]
        algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
        head = {"alg": algorithm, "kid": kid, **(header or {})}
        signed = f"{b64(json.dumps(head).encode())}.{b64(json.dumps(self.claims(**changes)).encode())}"
        if algorithm == "RS256":
            signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        else:
            r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
            signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return f"{signed}.{b64(signature)}"

    def unsigned_token(self, **changes):
        head, claims = json.dumps({"alg": "none", "kid": "first"}), json.dumps(self.claims(**changes))
        return f"{b64(head.encode())}.{b64(claims.encode())}."

    def hmac_token(self, **changes):
        """Signed with the public key as a secret: the classic confusion of algorithms."""
        head, claims = json.dumps({"alg": "HS256", "kid": "first"}), json.dumps(self.claims(**changes))
        signed = f"{b64(head.encode())}.{b64(claims.encode())}"
        secret = self.keys["first"].public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return f"{signed}.{b64(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"

    def jwks(self):
        return {"keys": [self._jwk(kid, key.public_key()) for kid, key in self.keys.items()]}

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    @staticmethod
    def _jwk(kid, public):
        numbers = public.public_numbers()
        if isinstance(public, rsa.RSAPublicKey):
            modulus = numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")
            return {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": kid, "n": b64(modulus), "e": "AQAB"}
        x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
        return {"kty": "EC", "alg": "ES256", "use": "sig", "kid": kid, "crv": "P-256", "x": b64(x), "y": b64(y)}

    def _handler(self):
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.requests.append(self.path)
                body = issuer.jwks() if self.path.endswith("/keys") else issuer.discovery()
                data = json.dumps(body).encode()
                self.send_response(issuer.status)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        return Handler

    def discovery(self):
        return {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        }

    @staticmethod
    def _certificates(folder):
        now = datetime.datetime.now(datetime.timezone.utc)
        ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer's authority")])

        def build(subject, public_key, extensions):
            builder = x509.CertificateBuilder().subject_name(subject).issuer_name(ca_name).public_key(public_key)
            builder = builder.serial_number(x509.random_serial_number())
            builder = builder.not_valid_before(now - datetime.timedelta(hours=1))
            builder = builder.not_valid_after(now + datetime.timedelta(days=1))
            for extension, critical in extensions:
                builder = builder.add_extension(extension, critical)
            return builder.sign(ca_key, hashes.SHA256())

        ca = build(ca_name, ca_key.public_key(), [(x509.BasicConstraints(ca=True, path_length=0), True)])
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        leaf_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        leaf = build(leaf_name, key.public_key(), [(x509.SubjectAlternativeName(names), False)])
        pem = serialization.Encoding.PEM
        (folder / "issuer-ca.pem").write_bytes(ca.public_bytes(pem))
        (folder / "issuer.pem").write_bytes(leaf.public_bytes(pem))
        (folder / "issuer.key").write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        return folder / "issuer.pem", folder / "issuer.key"
