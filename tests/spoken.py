"""Where in the sources messages are made, for what is checked of them all: docs/troubles.md, and the catalogues."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from conftest import ROOT

FOLDERS = ("core", "plugins", "gimp_plugin", "krita_plugin")
BASES = {"ImpastoError", "UsageError", "LookupError", "RefusedError", "FailedError", "Malformed", "_InterruptedError"}
SAYING = {"echo", "warn", "tell", "_say", "_leave", "failure", "lost", "refuse"}
"""Functions whose text is printed too; `echo` where it goes to stderr."""
TELLING = {"missing", "problem", "disabled", "worker_problem", "said", "notice", "_losses", "_explain"}
"""Functions that give back what is printed."""
OFFERING = {"offer"}
"""Functions that give back what is shown when nothing is wrong."""
FIELD = re.compile(r"\{[^{}]*\}")
"""A value in a text that is translated before it is filled in."""
Values = dict[str, list[ast.expr]]


@cache
def modules() -> dict[Path, ast.Module]:
    paths = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    return {path: ast.parse(path.read_text()) for path in paths}


def errors(trees: dict[Path, ast.Module]) -> set[str]:
    """The names of all classes of errors that people meet."""
    classes = [node for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    found = set(BASES)
    while more := {one.name for one in classes if found & {ast.unparse(base) for base in one.bases}} - found:
        found |= more
    return found


def spoken(tree: ast.Module, names: set[str], shown: bool = False) -> Iterator[tuple[ast.expr, Values]]:
    """Every expression of a message, and what each variable of its function is set to; if `shown`, of all texts."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    telling = TELLING | OFFERING if shown else TELLING
    for scope in (tree, *functions):
        local = {**assigned(tree.body), **assigned(scope.body)}
        for node in (node for statement in scope.body for node in inside(statement)):
            if isinstance(node, ast.Return | ast.Yield) and node.value and getattr(scope, "name", "") in telling:
                yield node.value, local
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("message", "self._notice"):
                yield node.value, local
            if isinstance(node, ast.Call) and (message := said(node, names)):
                yield message, local
                following = node.args[node.args.index(message) + 1 :]
                yield from ((hint, local) for hint in following if shown)
            if shown:
                yield from ((told, local) for name, told in named(node) if name in ("message", "hint"))


def named(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """The values in a dict or a call that have names, with these."""
    if isinstance(node, ast.Dict):
        yield from (
            (key.value, value)
            for key, value in zip(node.keys, node.values, strict=True)
            if isinstance(key, ast.Constant)
        )
    if isinstance(node, ast.Call):
        yield from ((keyword.arg, keyword.value) for keyword in node.keywords if keyword.arg)


def said(call: ast.Call, names: set[str]) -> ast.expr | None:
    name = ast.unparse(call.func).rpartition(".")[2]
    place = int(name in ("failure", "_leave") or (name == "_say" and len(call.args) > 1))
    to_stderr = name != "echo" or any(keyword.arg == "err" for keyword in call.keywords)
    return call.args[place] if name in names | SAYING and to_stderr and len(call.args) > place else None


def inside(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes of a statement, without those of functions defined in it."""
    if isinstance(node, ast.FunctionDef):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from inside(child)


def assigned(body: list[ast.stmt]) -> Values:
    found: Values = {}
    nodes = [node for statement in body for node in ast.walk(statement)]
    for node in (node for node in nodes if isinstance(node, ast.AugAssign)):
        before = ast.Constant(None)  # a parameter, or what is found below
        found.setdefault(ast.unparse(node.target), []).extend([before, ast.BinOp(before, node.op, node.value)])
    for node in (node for node in nodes if isinstance(node, ast.Assign)):
        for target in node.targets:
            pairs = (
                zip(target.elts, node.value.elts, strict=False)
                if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple)
                else [(target, node.value)]
            )
            for name, value in pairs:
                found.setdefault(ast.unparse(name), []).append(value)
    return found


def translated(call: ast.Call) -> ast.expr | None:
    """The text in `_(text)`, `said(text)` and `text.format(...)`."""
    if isinstance(call.func, ast.Attribute) and call.func.attr == "format":
        return call.func.value
    return call.args[0] if ast.unparse(call.func) in ("_", "said") and len(call.args) == 1 else None


def parts(message: ast.expr, local: Values) -> list[str]:
    """The constant pieces of a message, those of its variables included."""
    if isinstance(message, ast.Constant):
        text = message.value.decode() if isinstance(message.value, bytes) else message.value
        return FIELD.split(text) if isinstance(text, str) else []
    if isinstance(message, ast.Name):
        rest = {name: values for name, values in local.items() if name != message.id}
        return [part for value in local.get(message.id, []) for part in parts(value, rest)]
    if isinstance(message, ast.Tuple):
        return parts(message.elts[0], local)  # with a hint
    if isinstance(message, ast.FormattedValue):
        return parts(message.value, local)
    if isinstance(message, ast.Call):
        return parts(inner, local) if (inner := translated(message)) else []
    fields = {ast.JoinedStr: ("values",), ast.BinOp: ("left", "right"), ast.IfExp: ("body", "orelse")}
    found = [getattr(message, field) for field in fields.get(type(message), ())]
    flat = [one for piece in found for one in (piece if isinstance(piece, list) else [piece])]
    return [part for one in flat for part in parts(one, local)]
