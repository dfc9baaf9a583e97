"""The arrows of the layout: who may import whom, and who may know the outside."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
EDGES = {"api", "streams", "schedules"}
SHARED = {"settings", "observe"}

MAY_IMPORT = {
    "domain": set(),
    "bodies": {"domain"},
    "rails": {"domain", "webhooks"} | SHARED,
    "webhooks": {"domain", "bodies"},
    "store": {"domain"} | SHARED,
    "flows": {"domain", "store", "rails", "webhooks"} | SHARED,
    **{edge: {"domain", "bodies", "flows", "store"} | SHARED for edge in EDGES},
    "api": {"domain", "bodies", "webhooks", "flows", "store"} | SHARED,
    "settings": set(),
    "observe": {"settings"},
}
"""Packages and modules of chalicelib, and what of chalicelib each may import besides itself."""

IMPURE = {"boto3", "botocore", "pynamodb", "chalice", "os", "time", "uuid", "random", "secrets", "socket", "requests"}
CLOCKS = {"now", "utcnow", "today"}
DATA = {"pynamodb", "botocore", "boto3"}

FILES = sorted((ROOT / "chalicelib").rglob("*.py"))


def part(path: Path) -> str:
    """The folder (or module) of chalicelib that `path` belongs to."""
    return path.relative_to(ROOT / "chalicelib").parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[str]:
    """Every module name `path` imports, wherever in the file, as absolute dotted names."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *([node.module] if node.module else [])))
            yield from (f"{module}.{alias.name}" for alias in node.names)


def roots(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported(path)}


def ours(path: Path) -> set[str]:
    """The parts of chalicelib that `path` imports."""
    return {name.split(".")[1] for name in imported(path) if name.startswith("chalicelib.")}


def of(*parts: str) -> list[Path]:
    return [path for path in FILES if part(path) in parts]


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", [p for p in FILES if part(p) in MAY_IMPORT], ids=relative)
def test_imports_follow_the_arrows(path: Path) -> None:
    assert ours(path) - MAY_IMPORT[part(path)] - {part(path)} == set()


def test_every_part_has_its_arrows() -> None:
    assert {part(path) for path in FILES} - set(MAY_IMPORT) - {"__init__"} == set()


@pytest.mark.parametrize("path", of("domain"), ids=relative)
def test_the_domain_is_pure(path: Path) -> None:
    clocks = [
        node.func.attr
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS
    ]

    assert roots(path) & IMPURE == set()
    assert clocks == []


@pytest.mark.parametrize("path", [p for p in FILES if part(p) not in EDGES], ids=relative)
def test_only_the_edges_know_chalice(path: Path) -> None:
    assert "chalice" not in roots(path)


@pytest.mark.parametrize("path", [p for p in FILES if part(p) not in {"store", "rails"}], ids=relative)
def test_only_the_store_knows_dynamodb(path: Path) -> None:
    assert roots(path) & DATA == set()
