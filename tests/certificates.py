"""Certificates made for a test, and the TLS contexts of servers that show them."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtensionOID, NameOID

DAY = timedelta(days=1)


class Authority:
    """Signs certificates; `file` holds its own, for those who trust it. `folder`: where files may be written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of a test")])
        own = self._sign(self._name, self._key, datetime.now(UTC) + 3_650 * DAY, None)
        self.file = folder / "authority.pem"
        self.file.write_bytes(own.public_bytes(serialization.Encoding.PEM))

    def server(self, *names: str, expires: datetime | None = None, self_signed: bool = False) -> ssl.SSLContext:
        """A server's context with a certificate for `names`, host names or addresses."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pair("Server of a test", *names, expires=expires, self_signed=self_signed))
        return context

    def pair(
        self, subject: str, *names: str, expires: datetime | None = None, self_signed: bool = False, password: str = ""
    ) -> Path:
        """A file (PEM) with a key and its certificate. password: of the key."""
        key = ec.generate_private_key(ec.SECP256R1())
        until = expires or datetime.now(UTC) + 90 * DAY
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
        certificate = self._sign(name, key, until, names, key if self_signed else None)
        file = self._folder / f"{certificate.serial_number:x}.pem"
        encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if password:
            encryption = serialization.BestAvailableEncryption(password.encode())
        file.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        return file

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        until: datetime,
        names: tuple[str, ...] | None,
        signer: ec.EllipticCurvePrivateKey | None = None,
    ) -> x509.Certificate:
        own = signer or self._key
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if signer else self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(until - 4_000 * DAY)
            .not_valid_after(until)
            .add_extension(x509.BasicConstraints(ca=names is None, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(own.public_key()), critical=False)
        )
        if names is not None:
            builder = builder.add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), False)
        return builder.sign(own, hashes.SHA256())


def nameless(folder: Path) -> Path:
    """A file (PEM) with a key and its certificate, whose names are of a kind that nobody reads (x400Address)."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    names = x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, bytes.fromhex("3004a3023000"))
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(datetime.now(UTC) - DAY)
        .not_valid_after(datetime.now(UTC) + 90 * DAY)
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    file, pem = folder / "nameless.pem", serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(private + certificate.public_bytes(pem))
    return file


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
