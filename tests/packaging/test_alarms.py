"""Alarms, the dashboard and the runbook tell of each other, and of metrics that there are."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from local.package import ROOT
from tests.test_observe import Metrics, counted

RUNBOOKS = ["docs/runbook.md", "docs/runbook.zh-CN.md"]
MOST_METRICS = 50
"""Of a dashboard that costs nothing."""


@pytest.fixture(scope="session")
def alarms(sam: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = {name: r["Properties"] for name, r in sam["Resources"].items() if r["Type"] == "AWS::CloudWatch::Alarm"}
    assert len(found) > 15
    return found


@pytest.fixture(scope="session")
def widgets(sam: dict[str, Any]) -> list[dict[str, Any]]:
    body = sam["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    return [widget["properties"] for widget in json.loads(body)["widgets"]]


def sections(runbook: str) -> dict[str, str]:
    """What stands under each heading with an anchor."""
    parts = re.split(r'^### <a id="([\w-]+)"></a>', (ROOT / runbook).read_text(encoding="utf-8"), flags=re.M)
    names = parts[1::2]
    assert len(names) == len(set(names))
    return dict(zip(names, parts[2::2], strict=True))


def anchor(alarm: dict[str, Any]) -> str:
    found = re.fullmatch(r".{20,}\. docs/runbook\.md#([\w-]+)", alarm["AlarmDescription"])
    assert found, alarm["AlarmDescription"]
    return found[1]


@pytest.mark.parametrize("runbook", RUNBOOKS)
def test_each_alarm_has_its_section_and_each_section_of_alarms_its_alarm(runbook: str, alarms: dict[str, Any]) -> None:
    told = {(name, at) for at, text in sections(runbook).items() for name in re.findall(r"`(\w+Alarm)`", text)}

    assert told == {(name, anchor(alarm)) for name, alarm in alarms.items()}


def test_both_languages_have_the_same_sections_and_commands() -> None:
    here, there = (sections(runbook) for runbook in RUNBOOKS)

    assert list(here) == list(there)
    for name, text in here.items():
        assert sorted(re.findall(r"\]\(#([\w-]+)\)", text)) == sorted(re.findall(r"\]\(#([\w-]+)\)", there[name])), name
        assert sorted(re.findall(r"(?:GET|POST|PUT|PATCH) (?:\$URL)?/v1/[\w/<>{}-]+", text)) == sorted(
            re.findall(r"(?:GET|POST|PUT|PATCH) (?:\$URL)?/v1/[\w/<>{}-]+", there[name])
        ), name


@pytest.mark.parametrize("runbook", RUNBOOKS)
def test_every_link_of_the_runbook_leads_somewhere(runbook: str) -> None:
    text = (ROOT / runbook).read_text(encoding="utf-8")

    assert set(re.findall(r"\]\(#([\w-]+)\)", text)) <= set(sections(runbook))
    for path in re.findall(r"\]\(([\w./-]+\.md)[)#]", text):
        assert (ROOT / "docs" / path).exists(), path


@pytest.mark.parametrize("runbook", RUNBOOKS)
def test_every_route_and_command_of_the_runbook_exists(runbook: str) -> None:
    import app  # noqa: F401  registers the routes
    from chalicelib.api.endpoint import ENDPOINTS

    text = (ROOT / runbook).read_text(encoding="utf-8")
    routes = {(each.method, re.sub(r"{\w+}", "<>", each.path)) for each in ENDPOINTS}
    named = re.findall(r"(GET|POST|PUT|PATCH|DELETE) (?:\$URL)?(/v1/[\w/<>{}-]+)", text)
    makes = (ROOT / "Makefile").read_text(encoding="utf-8")

    assert {(method, re.sub(r"<[^>]*>|{\w+}", "<>", path)) for method, path in named} - routes == set()
    assert [name for name in re.findall(r"`(?:\w+=\S+ )?make (\w+)", text) if f"\n{name}:" not in makes] == []


def test_every_alarm_calls_somebody_and_is_quiet_without_data(alarms: dict[str, Any]) -> None:
    for alarm in alarms.values():
        assert alarm["AlarmActions"] == [{"Ref": "Alarms"}]
        assert alarm["TreatMissingData"] == "notBreaching"
        assert alarm["Period"] * alarm["EvaluationPeriods"] <= 86_400
        assert "Metrics" not in alarm  # each metric of a sum would be charged as an alarm


def test_an_address_is_called_only_if_there_is_one(sam: dict[str, Any]) -> None:
    subscription = sam["Resources"]["AlarmSubscription"]

    assert sam["Parameters"]["AlarmEmail"]["Default"] == ""
    assert subscription["Condition"] == "AlarmEmailGiven"
    assert subscription["Properties"]["Endpoint"] == {"Ref": "AlarmEmail"}


def test_alarms_watch_metrics_that_are_counted(alarms: dict[str, Any]) -> None:
    ours = [alarm for alarm in alarms.values() if alarm["Namespace"] == "Fenrun"]

    assert {alarm["MetricName"] for alarm in ours} <= {name for name, dimensions in counted().items() if not dimensions}
    assert all(a["Dimensions"] == [{"Name": "service", "Value": {"Ref": "AWS::StackName"}}] for a in ours)


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_the_readme_says_what_the_alarms_cost(readme: str, alarms: dict[str, Any]) -> None:
    (count, dollars) = re.findall(
        r"(\d+) (?:alarms|条告警).{0,40}?(\d\.\d\d)", (ROOT / readme).read_text(encoding="utf-8")
    )[0]

    assert (int(count), dollars) == (len(alarms), f"{(len(alarms) - 10) * 0.10:.2f}")


def _drawn(widgets: list[dict[str, Any]]) -> list[list[Any]]:
    return [metric for widget in widgets for metric in widget.get("metrics", [])]


def test_the_dashboard_draws_metrics_that_are_counted_and_costs_nothing(widgets: list[dict[str, Any]]) -> None:
    drawn: Metrics = {}
    for metric in _drawn(widgets):
        if metric[0] == "Fenrun":
            assert metric[2:4] == ["service", "${AWS::StackName}"]
            drawn[metric[1]] = ()
        elif isinstance(metric[0], dict):
            schema, name = re.findall(r"SEARCH\('{Fenrun,([\w,]+)} .* MetricName=\"(\w+)\"'", metric[0]["expression"])[
                0
            ]
            drawn[name] = tuple(each for each in schema.split(",") if each != "service")

    assert drawn.items() <= counted().items()
    assert len(_drawn(widgets)) <= MOST_METRICS


def test_the_dashboard_shows_every_alarm_and_names_what_exists(
    sam: dict[str, Any], widgets: list[dict[str, Any]], alarms: dict[str, Any]
) -> None:
    (board,) = [widget["alarms"] for widget in widgets if "alarms" in widget]
    named = set(re.findall(r"\$\{(\w+)(?:\.\w+)?\}", json.dumps(_drawn(widgets))))

    assert sorted(board) == sorted(f"${{{name}.Arn}}" for name in alarms)
    assert named - set(sam["Resources"]) == {"CommissionsCommissionsDynamodbEventSource"}
