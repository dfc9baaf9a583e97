"""Connections to storefronts and payment providers. Their secrets are written, never read back."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from chalice import Blueprint
from msgspec import Meta, Struct, field

from chalicelib.api.callers import any_staff, scope, staff
from chalicelib.api.endpoint import Call, endpoint
from chalicelib.api.messages import Language, detail
from chalicelib.bodies.fields import Body, Id, Page, Url
from chalicelib.domain.deliveries import REPORTS, ConnectionSettings, Report
from chalicelib.flows import connections as flow
from chalicelib.flows.check_connection import Check, check_connection
from chalicelib.store import connections
from chalicelib.store.connections import Stored

bp = Blueprint(__name__)

ProviderName = Literal["adyen", "alipay", "fenrun", "paypal", "shopify", "stripe", "wechatpay", "wise", "woocommerce"]
Place = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_\-]{1,60}(?:\.[A-Za-z0-9_\-]{1,60}){0,7}(?!\n)$")]
Places = Annotated[tuple[Place, ...], Meta(max_length=8)]
SecretText = Annotated[str, Meta(min_length=1, max_length=8192)]
SecretTexts = SecretText | Annotated[tuple[SecretText, ...], Meta(max_length=flow.MOST_SECRETS)]


# Money goes where this leads: over TLS, but for a sandbox on the machine itself.
BaseUrl = Annotated[
    str,
    Meta(
        max_length=200,
        pattern=r"^(?:https://[A-Za-z0-9.\-]+|http://127\.0\.0\.1)(?::[0-9]{1,5})?(?:/[A-Za-z0-9._\-]+)*(?!\n)$",
    ),
]


class SettingsBody(Body):
    """`order_id`, `code`, `coupon`, `click_id`: places in what is delivered, such as `metadata.dist_ref`; the first that
    holds something counts, the provider's usual ones if absent. `reports`: the facts taken from this connection."""

    account: Id | None = None
    order_id: Annotated[tuple[Place, ...], Meta(min_length=1, max_length=8)] | None = None
    order_prefix: Annotated[str, Meta(max_length=32, pattern=r"^[A-Za-z0-9_:.#\-]*(?!\n)$")] = ""
    code: Places | None = None
    coupon: Places | None = None
    click_id: Places | None = None
    merchant_id: Id | None = None
    reports: Annotated[tuple[Report, ...], Meta(min_length=1, max_length=4)] = REPORTS
    paid_on: Literal["authorisation", "capture"] = "authorisation"
    base_url: BaseUrl | None = None
    app_id: Id | None = None
    notify_url: Url | None = None


class ConnectionBody(Body):
    """`secrets`: by name, one value or, while it is rotated, several. Names that are not given keep what they have."""

    provider: ProviderName
    secrets: Annotated[dict[Annotated[str, Meta(max_length=40)], SecretTexts], Meta(max_length=8)] = field(
        default_factory=dict
    )
    settings: SettingsBody = SettingsBody()


class ConnectionView(Struct, frozen=True):
    """`secrets`: how many values each name has. `path`: where the provider's notifications go, after the API's address."""

    id: str
    provider: str
    path: str
    secrets: dict[str, int]
    settings: ConnectionSettings
    created_at: datetime
    updated_at: datetime


class ConnectionsView(Struct, frozen=True):
    items: list[ConnectionView]
    next: str | None


def _view(stored: Stored) -> ConnectionView:
    return ConnectionView(
        id=stored.connection_id,
        provider=stored.provider,
        path=f"/webhooks/{stored.provider}/{stored.connection_id}",
        secrets=stored.secret_counts,
        settings=stored.settings,
        created_at=stored.created_at,
        updated_at=stored.updated_at,
    )


@endpoint(
    bp,
    "PUT",
    "/v1/connections/{connection_id}",
    who=staff("owner") | scope("connections:write"),
    body=ConnectionBody,
    answers=ConnectionView,
    summary="Connect an account at a provider, change its settings, or rotate its secrets",
)
def put_connection(call: Call, connection_id: str) -> ConnectionView:
    body = call.body
    # Files of keys end with a line break; no secret does.
    given = {
        name: tuple(each.strip("\r\n") for each in ((value,) if isinstance(value, str) else value))
        for name, value in body.secrets.items()
    }
    fields = {name: getattr(body.settings, name) for name in SettingsBody.__struct_fields__}
    settings = ConnectionSettings(
        **{**fields, "reports": tuple(each for each in REPORTS if each in body.settings.reports)}
    )
    return _view(flow.put_connection(connection_id, body.provider, given, settings, call.caller.name, call.now))


@endpoint(
    bp,
    "GET",
    "/v1/connections/{connection_id}",
    who=any_staff() | scope("connections:read"),
    answers=ConnectionView,
    summary="Read a connection, without its secrets",
)
def get_connection(call: Call, connection_id: str) -> ConnectionView:
    return _view(flow.existing(connection_id))


@endpoint(
    bp,
    "GET",
    "/v1/connections",
    who=any_staff() | scope("connections:read"),
    query=Page,
    answers=ConnectionsView,
    summary="The connections there are",
)
def get_connections(call: Call) -> ConnectionsView:
    found, following = connections.all_of_them(call.query.limit, call.query.cursor)
    return ConnectionsView([_view(each) for each in found], following)


@endpoint(
    bp,
    "DELETE",
    "/v1/connections/{connection_id}",
    who=staff("owner") | scope("connections:write"),
    status=204,
    idempotent=False,
    summary="Take a connection away, and its secrets: its deliveries are refused from now on",
)
def delete_connection(call: Call, connection_id: str) -> None:
    flow.delete_connection(connection_id, call.caller.name, call.now)


class RefusedView(Struct, frozen=True):
    """Deliveries that were refused: when the last of this kind came, and what is wrong in plain words."""

    code: str
    at: datetime
    because: str


class StuckView(Struct, frozen=True):
    """`path`: the first field that is in the way, if one is."""

    code: str
    path: str | None
    deliveries: int
    because: str


class CheckView(Struct, frozen=True):
    """`ok`: the last delivery verified; `refused`: the last ones did not; `stuck`: some could not be acted on; `silent`:
    none came so far. Times are exact to some seconds; `stuck` counts among the hundred newest deliveries, and the hundred
    that have been stuck longest anywhere."""

    id: str
    provider: str
    path: str
    state: Literal["ok", "refused", "stuck", "silent"]
    summary: str
    verified_at: datetime | None
    refused: list[RefusedView]
    stuck: list[StuckView]


def _check_view(stored: Stored, check: Check, language: Language) -> CheckView:
    params = {"other": check.other or "?"}
    return CheckView(
        id=stored.connection_id,
        provider=stored.provider,
        path=f"/webhooks/{stored.provider}/{stored.connection_id}",
        state=check.state,
        summary=detail(f"CONNECTION_{check.state.upper()}", {}, language),
        verified_at=check.verified_at,
        refused=[RefusedView(code, at, detail(code, params, language)) for code, at in check.refused],
        stuck=[
            StuckView(
                trouble.code,
                trouble.faults[0].path if trouble.faults else None,
                number,
                detail(trouble.code, trouble.params, language),
            )
            for trouble, number in check.stuck
        ],
    )


@endpoint(
    bp,
    "GET",
    "/v1/connections/{connection_id}/check",
    who=any_staff() | scope("connections:read"),
    answers=CheckView,
    summary="Whether deliveries come in and verify, and if not, why not",
)
def get_connection_check(call: Call, connection_id: str) -> CheckView:
    return _check_view(flow.existing(connection_id), check_connection(connection_id), call.language)
