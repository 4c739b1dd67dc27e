"""HTTPS for the host, as `func start --useHttps` has it: a given PFX certificate, or one made for localhost."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from durable_harness.errors import UsageError
from durable_harness.extras import importing

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
    from cryptography.x509 import Certificate

VALID_DAYS = 30


def server_context(certificate: Path | None, password: str | None) -> ssl.SSLContext:
    """Return the TLS settings of a server. Raises UsageError if the certificate cannot be used."""
    with importing("https", "--cert" if certificate else "--useHttps"):
        key, chain = _read_pfx(certificate, password) if certificate else _self_signed()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory(prefix="durable-harness-") as folder:
        file = Path(folder) / "certificate.pem"  # closed, or nothing else could read it on Windows
        file.write_bytes(key + chain)
        context.load_cert_chain(file)
    return context


def _read_pfx(path: Path, password: str | None) -> tuple[bytes, bytes]:
    from cryptography.hazmat.primitives.serialization import pkcs12  # noqa: PLC0415 - only where HTTPS is asked for

    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"--cert {path}: the file cannot be read: {error.strerror}.") from error
    try:
        key, certificate, others = pkcs12.load_key_and_certificates(content, password.encode() if password else None)
    except ValueError as error:
        raise UsageError(f"--cert {path}: the file cannot be read as PFX: {error}. Is --password right?") from error
    if key is None or certificate is None:
        raise UsageError(f"--cert {path}: the file has no certificate with its private key.")
    return _key_pem(key), b"".join(_certificate_pem(part) for part in (certificate, *others))


def _self_signed() -> tuple[bytes, bytes]:
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.x509.oid import NameOID  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    hosts = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=VALID_DAYS))
        .add_extension(hosts, critical=False)
        .sign(key, hashes.SHA256())
    )
    return _key_pem(key), _certificate_pem(certificate)


def _key_pem(key: PrivateKeyTypes) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat  # noqa: PLC0415

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _certificate_pem(certificate: Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    return certificate.public_bytes(Encoding.PEM)
