"""The keys that PayPal signs with: pinned by the operator, or fetched from PayPal's own hosts and held."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import urllib3

from chalicelib.domain.errors import Rejected

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.x509 import Certificate

_PLACE = re.compile(r"https://api(-m)?(\.sandbox)?\.paypal\.com/v1/notifications/certs/[A-Za-z0-9_-]{1,100}")
_MAX_BYTES, _MAX_HELD = 20_000, 4
_held: dict[str, Certificate] = {}


def keys(url: str, pinned: Sequence[str], now: datetime) -> Iterator[RSAPublicKey]:
    """The keys by which a signature may be PayPal's: those `pinned` (PEM, public keys or certificates) if there are any,
    else that of the certificate at `url`.

    Raises `Rejected`: FOREIGN_CERTIFICATE_HOST for a URL that is not PayPal's, before anything is fetched; BAD_CERTIFICATE
    for one that cannot be fetched, is not PayPal's or not valid at `now`, and for a pinned text that is no RSA key.
    """
    if not _PLACE.fullmatch(url):
        raise Rejected("FOREIGN_CERTIFICATE_HOST")
    if pinned:
        yield from map(_pinned, pinned)
    else:
        yield _rsa(_certificate(url, now))


def verifies(key: RSAPublicKey, signature: bytes, signed: bytes) -> bool:
    """Whether the signature is the key's: RSA-SHA256, PKCS#1 v1.5."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        key.verify(signature, signed, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def fetch(url: str) -> bytes:
    """What stands at an https address, trusting the system's authorities: in one attempt, without following redirects, and
    no more than a certificate holds. Raises `Rejected`."""
    timeout = urllib3.Timeout(connect=1, read=2)
    try:
        with urllib3.PoolManager(cert_reqs="CERT_REQUIRED", timeout=timeout, retries=False) as pool:
            response = pool.request("GET", url, redirect=False, preload_content=False)
            body = response.read(_MAX_BYTES + 1) if response.status == 200 else b""
            response.close()
    except urllib3.exceptions.HTTPError:
        raise Rejected("BAD_CERTIFICATE") from None
    if not 0 < len(body) <= _MAX_BYTES:
        raise Rejected("BAD_CERTIFICATE")
    return body


def _certificate(url: str, now: datetime) -> Certificate:
    from cryptography.x509 import load_pem_x509_certificate

    certificate = _held.get(url)
    if certificate is None:
        try:
            certificate = load_pem_x509_certificate(fetch(url))  # the first one: those of its issuers may follow
        except ValueError:
            raise Rejected("BAD_CERTIFICATE") from None
    valid = certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
    if not valid or not any(name == "paypal.com" or name.endswith(".paypal.com") for name in _names(certificate)):
        _held.pop(url, None)
        raise Rejected("BAD_CERTIFICATE")
    while url not in _held and len(_held) >= _MAX_HELD:
        _held.pop(next(iter(_held)))
    _held[url] = certificate
    return certificate


def _names(certificate: Certificate) -> list[str]:
    """The hosts that the certificate is for. Its chain is not checked again: the fetch's own TLS was PayPal's."""
    from cryptography import x509

    names = [str(name.value) for name in certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    try:
        others = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return names
    return names + others.get_values_for_type(x509.DNSName)


def _pinned(pem: str) -> RSAPublicKey:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from cryptography.x509 import load_pem_x509_certificate

    try:
        if "BEGIN CERTIFICATE" in pem:
            return _rsa(load_pem_x509_certificate(pem.encode()))
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnicodeEncodeError):
        raise Rejected("BAD_CERTIFICATE") from None
    return _checked(key)


def _rsa(certificate: Certificate) -> RSAPublicKey:
    try:
        return _checked(certificate.public_key())
    except ValueError:
        raise Rejected("BAD_CERTIFICATE") from None


def _checked(key: object) -> RSAPublicKey:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    if not isinstance(key, RSAPublicKey):
        raise Rejected("BAD_CERTIFICATE")
    return key
