"""Every way in which Fenrun says no. One place maps them to HTTP (`api/replies.py`), one to a retry (`streams/`)."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: where (`lines[0].amount`, empty for the whole), which message, and its figures."""

    path: str
    code: str
    params: dict[str, str | int] = field(default_factory=dict)


class FenrunError(Exception):
    """A refusal with a stable `code`; `faults` name the fields. `params` fill the message's placeholders.

    Carries no personal data and no secret: the text reaches logs and callers.
    """

    def __init__(self, code: str, *faults: Fault, **params: str | int) -> None:
        super().__init__(code, *faults)
        self.code = code
        self.faults = faults
        self.params = params

    def __str__(self) -> str:
        return "; ".join([self.code, *(f"{fault.path}: {fault.code} {fault.params}" for fault in self.faults)])


class Malformed(FenrunError):
    """The request cannot be read as what it should be (400)."""


class NotAuthenticated(FenrunError):
    """Nobody known is calling (401)."""


class Rejected(FenrunError):
    """A notification is not what its provider would have sent to this connection (401)."""


class Forbidden(FenrunError):
    """The caller is known and may not do this (403)."""


class NotFound(FenrunError):
    """No such object, or none that the caller may see (404)."""


class Conflict(FenrunError):
    """The object's state does not allow it, or the same key came with another body (409)."""


class TooLarge(FenrunError):
    """The body is larger than the route takes (413)."""


class UnsupportedMedia(FenrunError):
    """The body is not of a type the route reads (415)."""


class Refused(FenrunError):
    """A rule refuses (422)."""


class TooMany(FenrunError):
    """The caller should slow down (429)."""


class Busy(FenrunError):
    """Contention or a fault of the platform outlasted our retries; the same request may be sent again (503)."""
