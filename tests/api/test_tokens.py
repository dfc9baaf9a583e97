"""A session token is what this deployment signed, now, for this use, or nothing."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chalicelib.domain.errors import NotAuthenticated
from chalicelib.flows import tokens

SECRET = "s" * 48
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def issued(now: datetime = NOW) -> str:
    return tokens.issue_access(SECRET, "d-1", "distributor", (), "session-1", now)[0]


def code(token: str, now: datetime = NOW) -> str:
    with pytest.raises(NotAuthenticated) as refused:
        tokens.read_access(SECRET, token, now)
    return refused.value.code


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    header, claims, signature = token.split(".")
    decoded = [json.loads(base64.urlsafe_b64decode(part + "==")) for part in (header, claims)]
    return decoded[0], decoded[1], signature


def packed(part: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def signed(claims: dict[str, Any], headers: dict[str, Any] | None = None, key: Any = None) -> str:
    """A token with a good signature, whatever it says."""
    return jwt.encode(claims, key or tokens._signing_key(SECRET), "EdDSA", {"typ": "at+jwt", **(headers or {})})


def claims(**changed: Any) -> dict[str, Any]:
    return {**parts(issued())[1], **changed}


def test_a_token_says_who_its_bearer_is_for_ten_minutes() -> None:
    token, ends = tokens.issue_access(SECRET, "p-1", "staff", ("owner", "ops"), "session-1", NOW)

    assert ends == NOW + timedelta(minutes=10)
    assert tokens.read_access(SECRET, token, NOW + timedelta(seconds=599)) == tokens.Identity(
        "p-1", "staff", ("owner", "ops"), "session-1"
    )


def test_it_ends() -> None:
    assert code(issued(), NOW + timedelta(minutes=10)) == "TOKEN_EXPIRED"


def test_it_does_not_begin_early_except_by_a_clock_s_error() -> None:
    assert code(issued(NOW + timedelta(seconds=30))) == "NOT_AUTHENTICATED"
    assert tokens.read_access(SECRET, issued(NOW + timedelta(seconds=5)), NOW).subject == "d-1"


def test_no_algorithm_is_no_token() -> None:
    header, payload, _ = parts(issued())

    for alg in ("none", "None", "NONE", ""):
        assert code(f"{packed({**header, 'alg': alg})}.{packed(payload)}.") == "NOT_AUTHENTICATED"


def test_the_public_key_is_no_hmac_secret() -> None:
    header, payload, _ = parts(issued())
    public = tokens._signing_key(SECRET).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    import hashlib
    import hmac

    text = f"{packed({**header, 'alg': 'HS256'})}.{packed(payload)}"
    mac = base64.urlsafe_b64encode(hmac.digest(public, text.encode(), hashlib.sha256)).decode().rstrip("=")

    assert code(f"{text}.{mac}") == "NOT_AUTHENTICATED"


def test_another_algorithm_or_key_is_no_token() -> None:
    assert code(jwt.encode(claims(), SECRET, "HS256", {"typ": "at+jwt"})) == "NOT_AUTHENTICATED"
    assert code(signed(claims(), key=Ed25519PrivateKey.generate())) == "NOT_AUTHENTICATED"


def test_a_changed_or_stripped_token_is_none() -> None:
    header, payload, signature = parts(issued())
    first, second, _ = issued().split(".")

    assert code(f"{first}.{second}.") == "NOT_AUTHENTICATED"
    assert code(f"{first}.{second}") == "NOT_AUTHENTICATED"
    assert code(f"{packed(header)}.{packed({**payload, 'sub': 'd-2'})}.{signature}") == "NOT_AUTHENTICATED"
    assert code("") == "NOT_AUTHENTICATED"
    assert code("a.b.c") == "NOT_AUTHENTICATED"


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "other"},
        {"aud": "other"},
        {"aud": ["fenrun-api", "other"]},
        {"kind": "owner"},
        {"sub": ""},
        {"sub": 7},
        {"roles": "owner"},
        {"roles": [1]},
        {"exp": "1772366400"},
        {"exp": True},
        {"exp": int(NOW.timestamp()) + 3600},
        {"exp": float("1e300")},
        {"nbf": int(NOW.timestamp()) + 60},
        {"iat": int(NOW.timestamp()) + 60},
    ],
    ids=str,
)
def test_a_claim_that_is_wrong_is_refused(changed: dict[str, Any]) -> None:
    assert code(signed(claims(**changed))) == "NOT_AUTHENTICATED"


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "exp", "nbf", "iat", "jti", "sid", "kind", "roles"])
def test_a_claim_that_is_missing_is_refused(name: str) -> None:
    rest = claims()
    del rest[name]

    assert code(signed(rest)) == "NOT_AUTHENTICATED"


@pytest.mark.parametrize(
    "headers",
    [
        {"typ": "JWT"},
        {"kid": "1"},
        {"jku": "https://evil.example/keys"},
        {"x5u": "https://evil.example/cert"},
        {"jwk": {"kty": "OKP"}},
        {"crit": ["exp"]},
    ],
    ids=str,
)
def test_a_header_that_is_not_ours_is_refused(headers: dict[str, Any]) -> None:
    assert code(signed(claims(), headers)) == "NOT_AUTHENTICATED"


def test_another_deployment_s_secret_makes_other_tokens_and_indexes() -> None:
    with pytest.raises(NotAuthenticated):
        tokens.read_access("t" * 48, issued(), NOW)

    found = {
        tokens.blind(secret, kind, "+8613800138000") for secret in (SECRET, "t" * 48) for kind in ("email", "phone")
    }
    assert len(found) == 4
    assert tokens.blind(SECRET, "email", "a@example.com") == tokens.blind(SECRET, "email", "a@example.com")


def test_a_refresh_token_has_256_bits_and_is_kept_as_a_hash() -> None:
    token, kept = tokens.new_refresh()

    assert len(base64.urlsafe_b64decode(token + "=")) == 32
    assert kept == tokens.hash_of(token)
    assert token not in kept
