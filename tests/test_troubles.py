"""docs/troubles.md: whatever the program says when something goes wrong is found there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

from conftest import ROOT
from spoken import BASES, errors, modules, parts, spoken

PAGE = ROOT / "docs" / "troubles.md"


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", text)


@cache
def messages() -> list[tuple[str, list[str]]]:
    """Where each message is made, and its constant pieces."""
    return list(_messages())


def _messages() -> Iterator[tuple[str, list[str]]]:
    trees = modules()
    names = errors(trees)
    for path, tree in trees.items():
        for message, local in spoken(tree, names):
            found = [plain(part).strip() for part in parts(message, local)]
            if found and max(map(len, found)) > 2:
                yield f"{path.relative_to(ROOT)}:{message.lineno}", found


def test_every_message_is_on_the_page() -> None:
    page, all_ = plain(PAGE.read_text()), messages()
    assert len(all_) > 200
    telling = [(where, {part for part in found if len(part) > 12} | {max(found, key=len)}) for where, found in all_]
    missing = [f"{where}: {part}" for where, found in telling for part in found if part not in page]
    assert not missing, "\n".join(["docs/troubles.md says nothing of", *missing])


def test_every_message_on_the_page_is_one_of_the_program() -> None:
    trees = modules().values()
    constants = [node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    known = [plain(one) for one in constants if isinstance(one, str)] + [" ".join(found) for _, found in messages()]
    rows = [row.split(" | ")[0] for row in PAGE.read_text().splitlines() if row.startswith("| `")]
    spans = [span for row in rows for span in re.findall(r"(?<!`)(`{1,2})(?!`)(.+?)\1(?!`)", row)]
    assert len(spans) > 150
    unknown = [span for _, span in spans if not any(piece in one for piece in pieces(span) for one in known)]
    assert not unknown, "\n".join(["the program does not say", *unknown])


def pieces(span: str) -> list[str]:
    """What stands between variable parts and marks; only those that are long enough to tell, or the longest."""
    found = [piece.strip(" ()*`").removeprefix("impasto ") for piece in re.split(r"[…;:,.]", span)]
    return [piece for piece in found if len(piece) >= min(10, max(map(len, found)))]


def test_every_class_of_errors_is_on_the_page() -> None:
    core = {path: tree for path, tree in modules().items() if path.name == "errors.py"}
    page = PAGE.read_text()
    assert not [name for name in errors(core) - (BASES - {"ImpastoError"}) if f"`{name}`" not in page]
