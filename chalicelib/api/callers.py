"""Who is calling, and whether a route is for him. Nobody may do anything that a rule does not allow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from chalicelib.domain.errors import Forbidden, NotAuthenticated, NotFound
from chalicelib.flows import api_keys, sessions
from chalicelib.flows import staff as people

CallerKind = Literal["key", "staff", "distributor", "merchant", "nobody"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sent the request: a storefront by its key, a person by a session, or nobody known."""

    kind: CallerKind
    id: str
    grants: frozenset[str] = frozenset()
    """The scopes of a key, the roles of a member of staff."""
    session_id: str | None = None
    merchant_id: str | None = None
    """Whose person it is, of the kind `merchant`."""

    @property
    def owns(self) -> str | None:
        """The id that a path must name for it to be the caller's own."""
        return self.merchant_id if self.kind == "merchant" else self.id

    def must_own(self, distributor_id: str) -> None:
        """To a distributor, what belongs to another one does not exist. Others passed the route's rule."""
        if self.kind == "distributor" and self.id != distributor_id:
            raise NotFound("NOT_FOUND")

    @property
    def name(self) -> str:
        """For the audit trail: `staff:person-1`."""
        return f"{self.kind}:{self.id}"


NOBODY = Caller("nobody", "")


@dataclass(frozen=True, slots=True)
class Allowed:
    """One kind of caller that a route is for."""

    kind: Literal["key", "staff", "distributor", "merchant", "anyone"]
    grants: frozenset[str] = frozenset()
    own: str | None = None
    """The path parameter that must be the distributor himself, or the merchant whose person is calling."""

    def admits(self, caller: Caller, path: Mapping[str, str]) -> bool:
        if self.kind == "anyone":
            return True
        if self.kind != caller.kind:
            return False
        if self.kind in ("distributor", "merchant"):
            return self.own is None or path[self.own] == caller.owns
        return bool(self.grants & caller.grants)


@dataclass(frozen=True, slots=True)
class Rule:
    """Whom a route is for: any of these. Rules join with `|`."""

    allowed: tuple[Allowed, ...]

    def __or__(self, other: Rule) -> Rule:
        return Rule((*self.allowed, *other.allowed))

    @property
    def public(self) -> bool:
        """For everybody and nobody else: no credentials are looked at."""
        return bool(self.allowed) and all(each.kind == "anyone" for each in self.allowed)

    def check(self, caller: Caller, path: Mapping[str, str]) -> None:
        """Lets the caller pass or says no: 401 to nobody, 404 to a distributor or merchant at another one's object, else
        403."""
        if any(each.admits(caller, path) for each in self.allowed):
            return
        if caller.kind == "nobody":
            raise NotAuthenticated("NOT_AUTHENTICATED")
        if any(each.own and each.kind == caller.kind for each in self.allowed):
            raise NotFound("NOT_FOUND")
        raise Forbidden("FORBIDDEN")


anyone = Rule((Allowed("anyone"),))


def scope(name: str) -> Rule:
    """A storefront whose key has this scope."""
    if name not in api_keys.SCOPES:
        raise ValueError(f"{name} is not in flows.api_keys.SCOPES")
    return Rule((Allowed("key", frozenset({name})),))


def staff(*roles: str) -> Rule:
    """A member of staff with any of these roles."""
    if not roles or not people.ROLES.issuperset(roles):
        raise ValueError(f"{roles} are not in flows.staff.ROLES")
    return Rule((Allowed("staff", frozenset(roles)),))


def any_staff() -> Rule:
    """Every member of staff."""
    return staff(*people.ROLES)


def distributor() -> Rule:
    """Any distributor: the view itself looks only at what is his (`Caller.must_own`)."""
    return Rule((Allowed("distributor"),))


def distributor_self(parameter: str) -> Rule:
    """The distributor whom the path names."""
    return Rule((Allowed("distributor", own=parameter),))


def merchant() -> Rule:
    """Anybody of any merchant."""
    return Rule((Allowed("merchant"),))


def merchant_self(parameter: str) -> Rule:
    """The people of the merchant whom the path names."""
    return Rule((Allowed("merchant", own=parameter),))


def authenticate(authorization: str | None, now: datetime) -> Caller:
    """Who a request's Authorization header says is calling. Credentials that do not hold are refused, not ignored."""
    if not authorization:
        return NOBODY
    scheme, _, credential = authorization.strip().partition(" ")
    credential = credential.strip()
    if scheme.lower() != "bearer" or not credential or len(credential) > 4096:
        raise NotAuthenticated("NOT_AUTHENTICATED")
    if credential.startswith(api_keys.PREFIX):
        key = api_keys.identify_key(credential)
        if key is None:
            raise NotAuthenticated("NOT_AUTHENTICATED")
        return Caller("key", key.id[:16], key.scopes)
    identity = sessions.identify(credential, now)
    roles = frozenset(identity.roles)
    return Caller(identity.kind, identity.subject, roles, identity.session_id, identity.merchant_id)
