"""Every code that the code uses says something in both languages, with figures that are really there."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.api.messages import catalogue, detail, language_of, title
from chalicelib.domain import errors

ROOT = Path(__file__).resolve().parents[2] / "chalicelib"
ERRORS = {
    name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.FenrunError)
}
PLACEHOLDER = re.compile(r"{(\w*)}")
CODE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*")


def literals(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and isinstance(each.value, str) and CODE.fullmatch(each.value):
            yield each.value


def uses() -> Iterator[tuple[str, str, set[str] | None]]:
    """Where a code is used, and the figures given with it (None if they cannot be read off)."""
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name | ast.Attribute):
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            where = f"{path.relative_to(ROOT)}:{node.lineno}"
            if name in ERRORS and node.args:
                given = {keyword.arg for keyword in node.keywords if keyword.arg}
                known = len(node.args) == 1 and all(keyword.arg for keyword in node.keywords)
                for code in literals(node.args[0]):
                    yield where, code, given if known else None
            elif name == "Fault" and len(node.args) >= 2:
                figures = node.args[2] if len(node.args) > 2 else ast.Dict([], [])
                given = (
                    {key.value for key in figures.keys if isinstance(key, ast.Constant)}
                    if isinstance(figures, ast.Dict) and all(isinstance(key, ast.Constant) for key in figures.keys)
                    else None
                )
                for code in literals(node.args[1]):
                    yield where, code, given


def test_every_code_in_use_is_in_the_catalogue() -> None:
    assert sorted({(where, code) for where, code, _ in uses() if code not in catalogue()}) == []


def test_every_figure_of_a_sentence_is_given() -> None:
    lacking = [
        (where, code, sorted(missing))
        for where, code, given in uses()
        if given is not None
        and code in catalogue()
        and (missing := set(PLACEHOLDER.findall(catalogue()[code]["en"][1])) - given)
    ]

    assert lacking == []


@pytest.mark.parametrize("code", sorted(catalogue()))
def test_both_languages_say_the_same(code: str) -> None:
    entry = catalogue()[code]

    assert set(entry) == {"en", "zh-CN"}
    assert CODE.fullmatch(code)
    assert all(len(texts) == 2 and all(texts) for texts in entry.values())
    assert PLACEHOLDER.findall(entry["en"][0] + entry["zh-CN"][0]) == []
    assert set(PLACEHOLDER.findall(entry["en"][1])) == set(PLACEHOLDER.findall(entry["zh-CN"][1]))
    assert re.search("[\u4e00-\u9fff]", entry["zh-CN"][0] + entry["zh-CN"][1])
    assert not re.search("[\u4e00-\u9fff]", "".join(entry["en"]))


def test_a_figure_is_inserted_and_not_interpreted() -> None:
    assert "{limit.__class__}" in detail("PASSWORD_TOO_SHORT", {"limit": "{limit.__class__}"}, "en")


def test_what_the_catalogue_lacks_is_still_told() -> None:
    assert (title("NEW_CODE", "en"), detail("NEW_CODE", {}, "zh-CN")) == ("NEW_CODE", "NEW_CODE")
    assert "…" in detail("PASSWORD_TOO_SHORT", {}, "en")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("zh", "zh-CN"),
        ("zh-TW,en;q=0.8", "zh-CN"),
        ("zh-Hans-CN", "zh-CN"),
        ("en;q=0.5, zh;q=0.9", "zh-CN"),
        ("en, zh;q=0.9", "en"),
        ("zh;q=0", "en"),
        ("fr, zh;q=0.1", "zh-CN"),
        ("zh;q=nonsense, en;q=0.1", "en"),
        ("zhuang", "en"),
        ("zh;q=nan, en;q=0.2", "en"),
        ("zh;q=9", "en"),
        (",;;q=,", "en"),
    ],
)
def test_the_language_is_the_caller_s_choice(header: str | None, language: str) -> None:
    assert language_of(header) == language
