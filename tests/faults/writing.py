"""Which functions of ours write to AWS, themselves or by what they call: read from the source, so that none is forgotten."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import chalicelib

_ROOT = Path(chalicelib.__file__).parent
_EDGES = ("flows.", "schedules.", "streams.")
_OPERATIONS = {"put_item", "update_item", "delete_item"}
_CALLS = {
    "transact",
    "transact_write_items",
    "put_object",
    "delete_object",
    "invoke",
    "create_secret",
    "put_secret_value",
    "delete_secret",
    "send_message",
    "send_message_batch",
}


@cache
def writing() -> frozenset[str]:
    """The public functions of flows, schedules and streams that write: `flows.mature.mature`."""
    uses, writes = dict[str, set[str]](), set[str]()
    for path in sorted(_ROOT.rglob("*.py")):
        module = ".".join(path.relative_to(_ROOT).with_suffix("").parts)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        known = _known(tree, module)
        for name, node in _functions(tree):
            uses[f"{module}.{name}"] = {each for each in _used(node, known)}
            if any(map(_is_write, ast.walk(node))):
                writes.add(f"{module}.{name}")
    while more := {each for each, used in uses.items() if used & writes} - writes:
        writes |= more
    public = (each for each in writes if each.startswith(_EDGES) and not each.rpartition(".")[2].startswith("_"))
    return frozenset(each for each in public if each.count(".") == 2)


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name, node


def _known(tree: ast.Module, module: str) -> dict[str, str]:
    """What names mean in a module: its own functions, and what it imports of ours."""
    known = {name: f"{module}.{name}" for name, _ in _functions(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("chalicelib"):
            place = (node.module or "").removeprefix("chalicelib").removeprefix(".")
            known |= {each.asname or each.name: f"{place}.{each.name}".strip(".") for each in node.names}
    return known


def _used(node: ast.AST, known: dict[str, str]) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Name) and each.id in known:
            yield known[each.id]
        elif isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.value.id in known:
            yield f"{known[each.value.id]}.{each.attr}"


def _is_write(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    operation = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
    return called in _CALLS or (called == "send" and operation in _OPERATIONS)
