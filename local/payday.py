"""Paydays: what is available is settled, the bank gets its files, and the providers that pay out, simulated here, move money
as they do: at once, after a while, if the payee confirms it, not at all, or back again.

Orders lie in the past, but a provider's signature holds for minutes: so the providers, and whoever talks to them, live now.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from local.http import Api, Wrong
from local.messages import written
from local.printed import Progress
from local.shop import CURRENCIES, RAILS
from local.stack import Stack, client, invoke, scheduled_event
from tests.rails.simulator import Simulator
from tests.rails.simulator.alipay import APP_ID as ALIPAY_APP
from tests.rails.simulator.wechatpay import APP_ID as WECHAT_APP
from tests.rails.simulator.wechatpay import MCHID

AT_ONCE, LATER = timedelta(0), timedelta(seconds=5)
TOPPED_UP = 1_000_000_00
MOST_ROUNDS = 4
MOVING = frozenset({"approved", "submitting", "unknown", "submitted"})


class Paydays:
    """The paydays of a shop. `finance` reports the bank's answers; `sessions` are the distributors' own, by their ids."""

    def __init__(
        self,
        stack: Stack,
        shop: Api,
        finance: Api,
        sessions: Mapping[str, Api],
        providers: Simulator,
        progress: Progress,
    ) -> None:
        self._stack, self._shop, self._finance, self._sessions = stack, shop, finance, sessions
        self._nobody, self._progress = shop.acting_as(None), progress
        self.providers = providers

    def connect(self) -> None:
        """The operator has money at each provider, and enters what it takes to move it."""
        wise = self.providers.provider("wise")
        wise.takes = self.providers.provider("paypal").takes = AT_ONCE
        settings = {
            "alipay": {"account": ALIPAY_APP},
            "wechatpay": {"account": MCHID, "app_id": WECHAT_APP, "notify_url": "https://tea.example/paid"},
            "wise": {"account": wise.profile},
        }
        for rail, connection in RAILS.items():
            for currency in CURRENCIES:
                self.providers.top_up(rail, currency, TOPPED_UP)
            where = {"base_url": f"{self.providers.url}/{rail}", **settings.get(rail, {})}
            held = self.providers.provider(rail).secrets
            secrets = {name: [value.strip() for value in values] for name, values in held.items()}
            body = {"provider": rail, "secrets": secrets, "settings": where}
            self._shop.put(f"/v1/connections/{connection}", body)

    def first(self, at: datetime) -> list[dict[str, str]]:
        """Stripe and a bank do not pay one payee each. What Wise sends, the payee's bank will send back."""
        self.providers.faults.add("rejected", "stripe")
        self.providers.faults.add("returned", "wise", on="fund", after=LATER)
        rows = self._settled(at)
        self._answered(rows[:1], "failed", "the account is closed")
        self._answered(rows[1:], "paid")
        self._answered(rows[1:], "paid", expect="already")
        return rows

    def second(self, at: datetime, first: list[dict[str, str]]) -> None:
        """What came back is paid again. Alipay pays, and its answer is lost. A bank sends money back that it had paid."""
        self.providers.faults.add("drop", "alipay")
        self._answered(self._settled(at), "paid")
        self._answered(first[-1:], "returned", "the payee's bank sent it back")

    def third(self, at: datetime) -> None:
        """The bank has not answered the file in yen yet, and on WeChat nobody has confirmed anything."""
        rows = self._settled(at, confirms=False)
        self._answered([row for row in rows if row["currency"] != "JPY"], "paid")

    def _settled(self, at: datetime, confirms: bool = True) -> list[dict[str, str]]:
        """The rows of the run's bank files, as the operator would hand them to the bank; the rest has gone to its rails."""
        self._progress.say("payouts")
        self._news()
        run = invoke(self._stack, "Settle", scheduled_event(written(at)))
        files = self._files(f"payouts/bank_file/{run['run']}/")
        rows = [row for text in files for row in csv.DictReader(io.StringIO(text))]
        if run["state"] != "filed" or len(rows) != run["payouts"] or len(rows) < 2:
            raise Wrong(
                f"the run of {run['run']} is {run['state']} with {run['payouts']} payouts, {len(rows)} in files"
            )
        for _ in range(MOST_ROUNDS):
            invoke(self._stack, "Submit", scheduled_event(written(datetime.now(UTC).replace(microsecond=0))))
            self._news()
            unfinished = [each for each in self._shop.everything("/v1/payouts") if each["rail"] in RAILS]
            waiting = [each for each in unfinished if each["state"] == "awaiting_recipient"]
            if confirms and waiting:
                self._confirmed(waiting)
            if not any(each["state"] in MOVING for each in unfinished):
                return rows
        raise Wrong(f"payouts that no rail has answered: {[(each['rail'], each['state']) for each in unfinished]}")

    def _confirmed(self, payouts: list[dict[str, Any]]) -> None:
        """Each distributor sees that the money waits, and with what to confirm it: and does."""
        wechatpay = self.providers.provider("wechatpay")
        bills = {bill.number: key for key, bill in wechatpay.bills.items()}
        for each in payouts:
            last = self._sessions[each["distributor_id"]].get(f"/v1/payouts/{each['id']}")["history"][-1]
            if last["to"] != "awaiting_recipient" or not last["reason"]:
                raise Wrong(f"the distributor is not told with what to confirm {each['id']}")
            with self.providers.lock:
                wechatpay.confirm(bills[each["reference"]])
        self._news()

    def _news(self) -> None:
        """The providers' time catches up with ours, and what they have to say since then is delivered: all of it twice."""
        self.providers.advance(max(datetime.now(UTC) - self.providers.now, AT_ONCE))
        self.providers.deliver(self._delivered, times=2)

    def _delivered(self, rail: str, headers: dict[str, str], body: bytes) -> None:
        status, answer = self._nobody.deliver(f"/webhooks/{rail}/{RAILS[rail]}", headers, body)
        if status != 200:
            raise Wrong(f"a notification of {rail} was answered {status} {answer[:300]!r}")

    def _files(self, folder: str) -> Iterator[str]:
        s3, bucket = client(self._stack.endpoint, "s3"), self._stack.files_bucket
        for found in s3.list_objects_v2(Bucket=bucket, Prefix=folder).get("Contents", []):
            yield s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read().decode()

    def _answered(self, rows: list[dict[str, str]], outcome: str, reason: str = "", expect: str = "moved") -> None:
        """Finance reports what the bank says."""
        said = {"outcome": outcome, **({"reason": reason} if reason else {})}
        results = [{"payout_id": row["payout_id"], "reference": f"BK{row['reference'][:10]}", **said} for row in rows]
        for item in self._finance.post("/v1/payouts/results", {"results": results})["items"]:
            if item["result"] != expect:
                raise Wrong(f"{outcome} for {item['payout_id']} was {item['result']}, not {expect}: {item['message']}")
