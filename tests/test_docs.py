"""What the README and the pages of docs/ name is there: commands, options, values, functions, files and headings."""

from __future__ import annotations

import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from conftest import ROOT
from impasto.cli.commands import impasto as main
from impasto.cli.options import given
from impasto.cli.sheet.axes import Axis
from impasto.recipe.knobs import KNOBS
from impasto.recipe.recipe import Recipe

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FOLDERS = ("core", "plugins", "gimp_plugin", "krita_plugin")
SOURCES = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
SCRIPTS = [ROOT / "pyproject.toml", *(ROOT / "benchmarks").glob("*.py")]


def lines(page: Path) -> Iterator[str]:
    """The commands of `impasto` that stand alone on a page, fenced or indented."""
    fenced = False
    for line in page.read_text().replace("\\\n", " ").splitlines():
        fenced ^= line.startswith("```")
        if fenced or line.startswith("    "):
            yield from (part for part in line.strip().split(" && ") if part.startswith("impasto "))


def spans(page: Path) -> list[str]:
    """What is in code font within the text, without messages, whose variable parts are dots."""
    return [span for span in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", page.read_text()) if "…" not in span]


def is_known(word: str) -> bool:
    """Whether it can follow `impasto`: the default command would take any other for the name of a picture."""
    return word.startswith("-") or Path(word).suffix != "" or word in main.list_commands(click.Context(main))


def parsed(words: list[str]) -> dict[str, object]:
    """What these words set; `click.ClickException` where the command that they call does not understand them."""
    command: click.Command = main
    context = main.make_context("impasto", words)
    while isinstance(command, click.Group):
        name, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert found is not None
        command, context = found, found.make_context(name, rest, parent=context)
    return context.params


def commands(group: click.Group = main) -> Iterator[click.Command]:
    for name in group.list_commands(click.Context(group)):
        found = group.get_command(click.Context(group), name)
        assert found is not None
        yield from commands(found) if isinstance(found, click.Group) else [found]


OPTIONS = {option for command in [main, *commands()] for param in command.params for option in param.opts} | {"--help"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_on_a_page_are_understood(page: Path) -> None:
    for line in lines(page):
        words = shlex.split(line, comments=True)[1:]
        assert is_known(words[0]), line
        values = parsed(words)
        knobs = {name: str(value) for name, value in given(values.items()).items() if name in KNOBS}
        Recipe.of(**knobs)
        for axis in ("rows", "columns"):
            if values.get(axis):
                Axis.of(str(values[axis]))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_options_that_a_page_mentions_are_there(page: Path) -> None:
    scripts = "".join(path.read_text() for path in SCRIPTS)
    for span in spans(page):
        words = span.split()
        if words[0] == "impasto" and len(words) > 1 and not words[1].isupper():
            assert is_known(words[1]), span
        if words[0] == "impasto" or words[0].startswith("--"):
            for option in re.findall(r"--[a-z][a-z-]*", span):
                assert option in OPTIONS or f'"{option}"' in scripts, f"{page.name}: {span}"
        name = words[0].removeprefix("--").replace("-", "_")
        if words[0].startswith("--") and name in KNOBS and len(words) == 2 and not words[1].isupper():
            Recipe.of(**{name: words[1]})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_of_python_and_of_the_environment_is_there(page: Path) -> None:
    text, source = page.read_text(), "".join(path.read_text() for path in SOURCES)
    for name in re.findall(r"(?<![\w/-])impasto((?:\.[A-Za-z_]\w*)+)", text):
        found = importlib.import_module("impasto")
        for part in name[1:].split("."):
            found = getattr(found, part, None) or importlib.import_module(f"{found.__name__}.{part}")
    editors = (ROOT / "tests" / "editors" / "rootfs.sh").read_text()
    for name in re.findall(r"IMPASTO_[A-Z_]+", text):
        assert f'"{name}"' in source or f"${{{name}:-" in editors, name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text()):
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", path.read_text(), re.M)
            assert anchor in {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}, (
                target
            )
