"""Metrics: what is counted leaves as one figure, and the READMEs list all of it with its dimensions."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from chalicelib import observe

ROOT = Path(__file__).resolve().parent.parent
READMES = ["README.md", "README.zh-CN.md"]
Metrics = dict[str, tuple[str, ...]]


def sent(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    observe.flush()
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]


def test_what_is_counted_leaves_as_one_figure_for_each_set_of_dimensions(capsys: pytest.CaptureFixture[str]) -> None:
    observe.flush()
    capsys.readouterr()
    for amount, currency in ((100, "CNY"), (20, "CNY"), (7, "USD")):
        observe.count("CommissionAccrued", amount, currency=currency)
    observe.count("Orders")
    observe.count("Orders", 2)
    observe.count("RecordsFailed", 0)

    lines = sent(capsys)

    figures = {(each.get("currency"), name): each[name] for each in lines for name in each if name[0].isupper()}
    assert figures == {
        ("CNY", "CommissionAccrued"): [120.0],
        ("USD", "CommissionAccrued"): [7.0],
        (None, "Orders"): [3.0],
    }
    declared = [each["_aws"]["CloudWatchMetrics"][0]["Dimensions"] for each in lines]  # type: ignore[index]
    assert sorted(sorted(each[0]) for each in declared) == [
        ["currency", "service"],
        ["currency", "service"],
        ["service"],
    ]
    assert {each["service"] for each in lines} == {"fenrun"}
    assert sent(capsys) == []


def test_a_frame_names_its_lines_and_forgets_its_names() -> None:
    assert observe.correlation_id() is None
    with observe.framed("r-1", route="GET /x"):
        with observe.following("d-1"):
            assert observe.correlation_id() == "d-1"
        assert observe.correlation_id() == "r-1"
        observe.named(caller="nobody")
        assert observe.logger.thread_safe_get_current_keys() == {
            "correlation_id": "r-1",
            "route": "GET /x",
            "caller": "nobody",
        }
    assert observe.logger.thread_safe_get_current_keys() == {}


def counted() -> Metrics:
    """Every metric of the code with its dimensions. A name that is not written out fails."""
    found: Metrics = {}
    for path in sorted((ROOT / "chalicelib").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "count":
                name = node.args[0]
                assert isinstance(name, ast.Constant), f"{path}:{node.lineno}: a metric's name is written out"
                dimensions = tuple(sorted(str(keyword.arg) for keyword in node.keywords))
                assert found.setdefault(name.value, dimensions) == dimensions, (
                    f"{name.value} has two sets of dimensions"
                )
    return found


def listed(readme: str) -> Metrics:
    text = (ROOT / readme).read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([A-Z]\w+)` \|([^|]*)\|", text, re.M)
    assert len(rows) == len(dict(rows))
    return {name: tuple(sorted(re.findall(r"`(\w+)`", dimensions))) for name, dimensions in rows}


@pytest.mark.parametrize("readme", READMES)
def test_the_readme_lists_every_metric_with_its_dimensions(readme: str) -> None:
    assert listed(readme) == counted()
