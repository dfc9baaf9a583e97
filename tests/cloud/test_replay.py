"""A replay on the deployed package: the API starts a function of its own, with its own policy."""

from __future__ import annotations

from tests.cloud.shop import Http, Person, order, until


def test_a_draft_is_compared_in_the_background(key: Http, staff: Http, recruit: Person, fresh: str) -> None:
    for i in range(3):
        body = order(10_000, customer=f"{fresh}-{i}", attribution={"code": recruit.code})
        key.ok("PUT", f"/v1/orders/{fresh}-{i}", body)

    draft = {"direct": {"rate": "0.2"}, "indirect": {"rate": "0.01"}}
    asked = {"plan": draft, "from": "2026-03-01", "to": "2026-03-02"}
    started = staff("POST", "/v1/plans/default/replay", asked)
    assert started.status == 202, started.text
    path = f"/v1/replays/{started.json['replay_id']}"
    until(lambda: key.ok("GET", path)["state"], "done")

    found = key.ok("GET", path)
    mine = [row for row in found["distributors"] if row["distributor_id"] == recruit.id]
    assert [(row["orders"], row["then"], row["draft"]) for row in mine] == [(3, 3000, 6000)]
    assert found["progress"]["parts"] == found["progress"]["of_parts"]


def test_staff_gives_an_order_away_and_the_ledger_follows(
    key: Http, staff: Http, sponsor: Person, recruit: Person, fresh: str
) -> None:
    key.ok("PUT", f"/v1/orders/{fresh}", order(10_000, customer=fresh, attribution={"code": recruit.code}))
    until(recruit.balance, {"estimated": 0, "pending": 1000, "available": 0})

    staff.ok("POST", f"/v1/orders/{fresh}/attribution", {"distributor_id": sponsor.id, "reason": "sold by herself"})

    until(recruit.balance, {"estimated": 0, "pending": 0, "available": 0})
    until(sponsor.balance, {"estimated": 0, "pending": 1000, "available": 0})
    entries = sponsor.http.ok("GET", f"/v1/distributors/{sponsor.id}/entries")["items"]
    assert all(each["because"] for each in entries)
    suspended = staff.ok("PATCH", f"/v1/distributors/{recruit.id}", {"status": "suspended"})
    assert suspended["status"] == "suspended"
    assert staff.ok("GET", "/v1/ledger/verify")["mismatches"] == []
