"""The certificate that PayPal's deliveries name: how it is fetched, and which one is good."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chalicelib.domain.deliveries import Request
from chalicelib.domain.errors import Rejected
from chalicelib.webhooks import paypal, paypal_certificates
from local.signers import paypal as signer
from tests.webhooks.samples_cards import NOW, capture, connection, encoded

SECRETS, KEY = signer.keys()
HEADERS, BODY = signer.sign(encoded(capture()), KEY, NOW)
URL = HEADERS["paypal-cert-url"]
BY = connection("paypal", {"webhook_id": SECRETS["webhook_id"]})
PAYPAL = "messageverificationcerts.paypal.com"
Fetched = Callable[[bytes], list[str]]


def certificate(common_name: str, *hosts: str, key: Any = KEY.private, begins: int = -1, ends: int = 1) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(NOW + timedelta(days=begins)).not_valid_after(NOW + timedelta(days=ends))
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName(list(map(x509.DNSName, hosts))), critical=False)
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM)


@pytest.fixture(autouse=True)
def none_held() -> Iterator[None]:
    paypal_certificates._held.clear()
    yield
    paypal_certificates._held.clear()


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> Fetched:
    """Sets what stands at every URL, and gives the list of those that were fetched from then on."""

    def set_to(body: bytes) -> list[str]:
        urls: list[str] = []
        monkeypatch.setattr(paypal_certificates, "fetch", lambda url: urls.append(url) or body)
        return urls

    return set_to


def refusal(url: str = URL) -> str:
    with pytest.raises(Rejected) as caught:
        paypal.verify(Request({**HEADERS, "paypal-cert-url": url}, BODY), BY, NOW)
    return caught.value.code


@pytest.mark.parametrize(
    "names", [(PAYPAL,), ("paypal.com",), ("signer", "api.paypal.com"), (PAYPAL, "elsewhere.example")]
)
def test_paypals_certificate_verifies_and_is_held(fetched: Fetched, names: tuple[str, ...]):
    urls = fetched(certificate(*names))
    for _ in range(3):
        assert paypal.verify(Request(HEADERS, BODY), BY, NOW)
    assert urls == [URL]


def test_the_first_of_a_chain_counts(fetched: Fetched):
    issuer = certificate("an issuer", key=rsa.generate_private_key(65537, 2048))
    fetched(certificate(PAYPAL) + issuer)
    assert paypal.verify(Request(HEADERS, BODY), BY, NOW)
    fetched(issuer + certificate(PAYPAL))
    paypal_certificates._held.clear()
    assert refusal() == "BAD_CERTIFICATE"


@pytest.mark.parametrize(
    "body",
    [
        certificate("evil.example"),
        certificate("paypal.com.evil.example"),
        certificate("notpaypal.com", "evilpaypal.com"),
        certificate(PAYPAL, begins=1, ends=2),
        certificate(PAYPAL, begins=-2, ends=-1),
        certificate(PAYPAL, key=ec.generate_private_key(ec.SECP256R1())),
        b"garbage",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ],
)
def test_any_other_does_not(fetched: Fetched, body: bytes):
    fetched(body)
    assert refusal() == "BAD_CERTIFICATE"


def test_paypals_certificate_with_another_key_is_a_bad_signature(fetched: Fetched):
    fetched(certificate(PAYPAL, key=rsa.generate_private_key(65537, 2048)))
    assert refusal() == "BAD_SIGNATURE"


def test_one_that_has_ended_is_fetched_again(fetched: Fetched):
    urls = fetched(certificate(PAYPAL))
    assert paypal.verify(Request(HEADERS, BODY), BY, NOW)
    later = NOW + timedelta(days=2)
    with pytest.raises(Rejected):
        paypal.verify(Request(HEADERS, BODY), BY, later)
    fetched(certificate(PAYPAL, ends=9))
    assert paypal.verify(Request(HEADERS, BODY), BY, later) and urls == [URL]


def test_only_a_few_are_held(fetched: Fetched):
    fetched(certificate(PAYPAL))
    for i in range(20):
        assert paypal.verify(Request({**HEADERS, "paypal-cert-url": f"{URL}{i}"}, BODY), BY, NOW)
    assert len(paypal_certificates._held) == 4


def test_a_pinned_certificate(fetched: Fetched):
    fetched(b"")
    by = connection("paypal", {**SECRETS, "certificate": [certificate("anyone", ends=1).decode()]})
    assert paypal.verify(Request(HEADERS, BODY), by, NOW + timedelta(days=2)), "the operator's word, whatever its dates"


class Site(BaseHTTPRequestHandler):
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        size = {"/good": 1500, "/huge": 20_001, "/endless": 5_000_000}.get(self.path, 0)
        self.send_response(302 if self.path == "/moved" else 200 if size or self.path == "/empty" else 404)
        self.send_header("location", "/good")
        self.send_header("content-length", str(size))
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(b"x" * size)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """An https server, and the file of the only authority that vouches for it."""
    folder = tmp_path_factory.mktemp("site")
    key = rsa.generate_private_key(65537, 2048)
    days = (datetime.now(UTC) - NOW).days
    (folder / "cert.pem").write_bytes(certificate("localhost", "localhost", key=key, begins=days - 1, ends=days + 2))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(private)
    server = ThreadingHTTPServer(("localhost", 0), Site)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"https://localhost:{server.server_port}", folder / "cert.pem"
    server.shutdown()
    server.server_close()


def test_a_fetch_trusts_the_systems_authorities(site: tuple[str, Path], monkeypatch: pytest.MonkeyPatch):
    address, authority = site
    with pytest.raises(Rejected):
        paypal_certificates.fetch(f"{address}/good")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    assert len(paypal_certificates.fetch(f"{address}/good")) == 1500


@pytest.mark.parametrize("path", ["/moved", "/missing", "/empty", "/huge", "/endless"])
def test_a_fetch_takes_no_detour_and_nothing_large(site: tuple[str, Path], monkeypatch: pytest.MonkeyPatch, path: str):
    address, authority = site
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    Site.asked.clear()
    with pytest.raises(Rejected) as caught:
        paypal_certificates.fetch(f"{address}{path}")
    assert caught.value.code == "BAD_CERTIFICATE" and Site.asked == [path]


def test_a_fetch_of_nothing_ends():
    with pytest.raises(Rejected) as caught:
        paypal_certificates.fetch("https://localhost:1/good")
    assert caught.value.code == "BAD_CERTIFICATE"
