"""Races around who takes part and by which rules: sign-ups with one e-mail, and versions of one plan."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.domain.contacts import normalise_email
from chalicelib.flows import tokens
from chalicelib.flows.save_plan import save_plan
from chalicelib.flows.sign_up import sign_up
from chalicelib.settings import settings
from chalicelib.store import distributors, plans
from chalicelib.store.secrets import app_secret
from tests.flows.shop import NOW, at, open_shop, plan
from tests.races.pair import OK, Meeting, Pair, Score, Told, told
from tests.races.program import rows


class SameEmail(Pair):
    """Four sign up with one e-mail, spelled in two ways: one has it."""

    name, seats, rounds = "sign-up / sign-up", 4, 1680

    def open(self) -> None:
        open_shop()

    def meet(self, here: Meeting) -> str:
        email = f"a{here.number}@shop.example" if here.seat % 2 else f"A{here.number}@Shop.Example"
        given = {"phone": None, "password": "correct horse", "invite_code": None, "locale": "en", "country": "CN"}
        return told(lambda: sign_up(name=str(here.seat), email=email, now=NOW, **given))  # type: ignore[arg-type]

    def judge(self, rounds: Sequence[Told], score: Score) -> None:
        stored = {row["id"]: row for row in rows(settings().distributors_table)}
        for each in rounds:
            score.count(each, {OK: 1, "EMAIL_TAKEN": 3})
            email = normalise_email(f"a{each.number}@shop.example") or ""
            claim = stored[distributors.claim_id("email", tokens.blind(app_secret(), "email", email))]
            name = stored[claim["owner"]]["name"]
            score.expect(name == str(each.answers.index(OK)), "it is not the winner's:", each, name)
        people = [row for row in stored.values() if row.get("email")]
        score.expect(len(people) == len(rounds), len(people), "distributors for", len(rounds), "addresses")


class SamePlan(Pair):
    """Eight save a plan at once: eight versions, in an order of their own, none lost and none twice."""

    name, seats, rounds = "plan / plan", 8, 150

    def meet(self, here: Meeting) -> str:
        mine = plan(hold_days=here.seat)
        return told(lambda: save_plan(f"merchant:m-{here.number}", mine, None, f"staff:{here.seat}", at(here.seat)))

    def judge(self, rounds: Sequence[Told], score: Score) -> None:
        for each in rounds:
            score.count(each, {OK: self.seats})
            plan_id = f"merchant:m-{each.number}"
            versions = plans.versions(plan_id)
            holds = sorted(plans.read(plan_id, version.version).hold_days for version in versions)
            score.expect(holds == list(range(self.seats)), plan_id, "has the versions", holds)
            whose = [plans.read(plan_id, version.version).hold_days for version in versions]
            times = [version.effective_from for version in versions]
            score.expect(times == [at(hold) for hold in whose], plan_id, "takes effect", times)
