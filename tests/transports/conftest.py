"""Both worlds behind one way to ask, and certificates of a private authority."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import ssl
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@pytest.fixture(params=["sync", "async"])
def ask(request):
    """Invokes a model in one of the two worlds and closes it; returns the text."""

    async def in_a_loop(model, question, options):
        try:
            return (await model.ainvoke(question, **options)).text
        finally:
            await model.aclose()

    def call(model, question="hi", **options):
        if request.param == "async":
            return asyncio.run(in_a_loop(model, question, options))
        with model:
            return model.invoke(question, **options).text

    return call


class Tick(threading.Event):
    """A short pause between two pieces of a raw server; counted, so that tests need no clock."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def wait(self, timeout=None):
        self.count += 1
        return super().wait(0.02)


@pytest.fixture
def tick():
    return Tick()


@dataclass
class Authority:
    """Paths of its certificate, and of certificates that it made, each with its key."""

    authority: str
    server: str
    client: str
    locked: str
    """The client's, with a password on its key."""

    def server_context(self, *, wants_client=False):
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.authority)
        context.load_cert_chain(self.server)
        context.verify_mode = ssl.CERT_REQUIRED if wants_client else ssl.CERT_NONE
        return context


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """A private authority, good for 127.0.0.1 alone."""
    directory = tmp_path_factory.mktemp("certificates")
    authority = _made("authority")
    server, client = _made("server", authority), _made("client", authority)
    plain = serialization.NoEncryption()
    locked = serialization.BestAvailableEncryption(b"password")
    return Authority(
        _written(directory / "authority.pem", authority, plain),
        _written(directory / "server.pem", server, plain),
        _written(directory / "client.pem", client, plain),
        _written(directory / "locked.pem", client, locked),
    )


def _made(name, issuer=None):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now, day = dt.datetime.now(dt.UTC), dt.timedelta(days=1)
    is_authority = issuer is None
    issued_by, signing_key = issuer or (None, key)
    signer = x509.SubjectKeyIdentifier.from_public_key(signing_key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issued_by.subject if issued_by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(signer), critical=False
        )
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                key_cert_sign=is_authority,
                crl_sign=is_authority,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .sign(signing_key, hashes.SHA256())
    )
    return certificate, key


def _written(path: Path, made, encryption) -> str:
    certificate, key = made
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path.write_bytes(certificate.public_bytes(pem) + key.private_bytes(pem, pkcs8, encryption))
    return str(path)
