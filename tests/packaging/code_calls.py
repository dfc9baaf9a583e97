"""Which calls of AWS a function's code can come to: read from the source, so that a grant that no code uses is found.

Names are followed from the handler through chalicelib as far as they can lead, so this errs on the side of too much: a
function may never make a call that is found here, but it makes none that is not.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from msgspec import Struct, field

from chalicelib.store import tables
from chalicelib.store.connection import Table

ROOT = Path(__file__).resolve().parent.parent.parent
ITEM_CALLS = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
OTHER_CALLS = {
    "get_secret_value": "secretsmanager:GetSecretValue",
    "create_secret": "secretsmanager:CreateSecret",
    "put_secret_value": "secretsmanager:PutSecretValue",
    "delete_secret": "secretsmanager:DeleteSecret",
    "put_object": "s3:PutObject",
    "get_object": "s3:GetObject",
    "delete_object": "s3:DeleteObject",
    "list_objects_v2": "s3:ListBucket",
    "invoke": "lambda:InvokeFunction",
    "send_message": "sqs:SendMessage",
    "send_message_batch": "sqs:SendMessage",
    "receive_message": "sqs:ReceiveMessage",
    "delete_message": "sqs:DeleteMessage",
}


class Piece(Struct):
    """A function, class or constant of a module: what it names, and what it asks of AWS by itself.

    `indexes` are its texts, which may be names of indexes; `asks_by_name` that it queries one that its caller names.
    """

    module: str
    names: set[str] = field(default_factory=set)
    tables: set[str] = field(default_factory=set)
    calls: set[str] = field(default_factory=set)
    indexes: set[str] = field(default_factory=set)
    others: set[str] = field(default_factory=set)
    asks_by_name: bool = False


def calls_of(handlers: Iterable[str]) -> tuple[set[tuple[str, str]], set[str]]:
    """What the code from these handlers on can come to: (`PutItem`, `Orders` or `Orders/index/…`), and other actions."""
    pieces, found, others = source(), set[tuple[str, str]](), set[str]()
    reached = _reached(handlers)
    for name in reached:
        piece = pieces[name]
        others |= piece.others
        # A helper that names no table does to its caller's table what it does.
        helped = [pieces[each] for each in piece.names if each in pieces and not pieces[each].tables]
        calls = piece.calls.union(*(_with_helpers(each) for each in helped)) if piece.tables else set()
        texts = piece.indexes
        if piece.asks_by_name:
            texts = texts.union(*(pieces[each].indexes for each in reached if pieces[each].module == piece.module))
        for table in piece.tables:
            known = {
                index for on, index in _indexes() if on == table and any(fnmatchcase(index, text) for text in texts)
            }
            found |= {("Query", f"{table}/index/{index}") for index in known if "Query" in calls}
            found |= {(call, table) for call in calls if call != "Query" or not known}
    return found, others


def _with_helpers(piece: Piece, deep: int = 3) -> set[str]:
    more = [source()[each] for each in piece.names if each in source() and not source()[each].tables] if deep else []
    return piece.calls.union(*(_with_helpers(each, deep - 1) for each in more))


def _reached(handlers: Iterable[str]) -> set[str]:
    pieces, seen, todo = source(), set[str](), list(handlers)
    while todo:
        name = todo.pop()
        if name in pieces and name not in seen:
            seen.add(name)
            todo += pieces[name].names
    return seen


@cache
def source() -> dict[str, Piece]:
    """Every piece of chalicelib by its dotted name."""
    found: dict[str, Piece] = {}
    for path in (ROOT / "chalicelib").rglob("*.py"):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        known = dict(_imported(tree))
        own = {name: f"{module}.{name}" for node in tree.body for name in _defined(node)}
        for node in tree.body:
            for name in _defined(node):
                found[own[name]] = _piece(module, node, {**known, **own})
    return found


def _defined(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield node.target.id


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ((alias.asname or alias.name, f"{node.module}.{alias.name}") for alias in node.names)


def _piece(module: str, node: ast.stmt, known: dict[str, str]) -> Piece:
    piece = Piece(module)
    for part in ast.walk(node):
        match part:
            case ast.Name(id=name) if name in known:
                piece.names.add(known[name])
                piece.tables |= {_models()[name]} if name in _models() else set()
            case ast.Attribute():
                _attribute(part, known, piece)
            case ast.Call(func=ast.Name(id="send"), args=[ast.Constant(value=str(operation)), *_]):
                piece.calls.add("".join(word.capitalize() for word in operation.split("_")))
                index = [each.value for each in part.keywords if each.arg == "IndexName"]
                piece.asks_by_name |= bool(index) and not isinstance(index[0], ast.Constant)
            case ast.Call(func=ast.Name(id="ref")):
                piece.calls.add("BatchGetItem")
            case ast.Constant(value=str(text)):
                piece.indexes.add(text)
            case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
                piece.indexes.add(f"{text}*")
            case ast.Dict(keys=keys):
                named = {key.value for key in keys if isinstance(key, ast.Constant)}
                piece.calls |= {ITEM_CALLS[each] for each in named & ITEM_CALLS.keys()}
    return piece


def _attribute(part: ast.Attribute, known: dict[str, str], piece: Piece) -> None:
    if isinstance(part.value, ast.Name) and part.value.id in known:
        piece.names.add(f"{known[part.value.id]}.{part.attr}")
    if part.attr.endswith("_table"):
        piece.tables.add(part.attr.removesuffix("_table").capitalize())
    if part.attr in OTHER_CALLS:
        piece.others.add(OTHER_CALLS[part.attr])
    if part.attr == "get_item":
        piece.calls.add("GetItem")
    if part.attr == "query" and isinstance(part.value, ast.Attribute):
        piece.indexes.add(part.value.attr.removesuffix("_index"))
        piece.calls.add("Query")


@cache
def _models() -> dict[str, str]:
    """Models of PynamoDB, and the table of each."""
    found = {name: each for name, each in vars(tables).items() if isinstance(each, type) and issubclass(each, Table)}
    return {
        name: vars(each.Meta)["table_name"].setting.removesuffix("_table").capitalize()
        for name, each in found.items()
        if each is not Table
    }


@cache
def _indexes() -> set[tuple[str, str]]:
    from tests.tables import resources

    return {
        (name.removesuffix("Table"), index["IndexName"])
        for name, each in resources().items()
        if each.get("Type") == "AWS::DynamoDB::Table"
        for index in each["Properties"].get("GlobalSecondaryIndexes", [])
    }
