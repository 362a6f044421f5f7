"""Certificates for tests: an authority, and what it signs."""

import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)


class Authority:
    """Without a key identifier: there are two ways to make one, and what others sign with this key may use the other."""

    def __init__(self, life=3650 * DAY, name="test authority"):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = named(name)
        self.certificate = self._sign(self.name, self.key, life, [
            (x509.BasicConstraints(ca=True, path_length=0), True),
            (x509.KeyUsage(**{**NO_USE, "key_cert_sign": True, "crl_sign": True}), True)])

    @property
    def pem(self):
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def der(self):
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def issue(self, *names, life=DAY):
        """A server's certificate and key, in PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(named("test server"), key, life, [
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (x509.SubjectAlternativeName([general(name) for name in names]), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)])
        return certificate.public_bytes(serialization.Encoding.PEM), pem(key)

    def _sign(self, subject, key, life, extensions):
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key.public_key())
                   .serial_number(x509.random_serial_number()).not_valid_before(now - DAY).not_valid_after(now + life))
        for extension, is_critical in extensions:
            builder = builder.add_extension(extension, is_critical)
        return builder.sign(self.key, hashes.SHA256())


NO_USE = dict.fromkeys(["digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
                        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"], False)


def named(name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def general(name):
    return x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name)


def pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
