"""The catalogues of the plug-ins' words: core/impasto/locale, renewed by `python tests/catalogue.py`.

What the plug-ins say in their own code is found as gettext's tools find it, in `_("...")`. What the worker, its client
and the installer say is found where messages are made; values in f-strings become fields {0}, {1}...
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import count, product
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_python
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from conftest import ROOT
from impasto._version import __version__
from impasto.pictures.bundled_styles import SUMMARIES
from impasto.plugin.registry import registry
from impasto.recipe.knobs import EXPECTED, KNOBS, PICTURE
from spoken import FIELD, Values, errors, modules, spoken, translated

LOCALE, DOMAIN = ROOT / "core" / "impasto" / "locale", "impasto"
TEMPLATE = LOCALE / f"{DOMAIN}.pot"
PLUGINS = ("gimp_plugin", "krita_plugin")
FAR = (
    *("core/impasto/cli/", "core/impasto/film/", "core/impasto/ranks.py", "core/impasto/testing.py"),
    *(f"core/impasto/weights/{name}.py" for name in ("download", "obtain", "wheel")),
    *("core/impasto/painting/layer_patches.py", "core/impasto/recipe/provenance.py", "core/impasto/storage/claims.py"),
    *("plugins/impasto_vgg/normalise.py", "plugins/impasto_vgg/recognise.py"),
)
"""What says nothing that a plug-in could show."""
FRAMES = ("{0}: the first of {1} frames.", "{0}: frame {1} of {2}, the main one.")
FRAMES += ("{0}: the first of {1} pages.", "{0}: page {1} of {2}, the largest.")
FRAMES += ("{0}: the first of {1} parts.", "{0}: part {1} of {2}, the largest.")
"""Of `chosen_frames`, which puts them together."""
MOST = 64
"""Ways in which the alternatives of one message may combine."""
Template = tuple[str | None, ...]
"""A message in pieces; None stands for a value."""
VALUE = re.compile(r"\{[^{}]*\}")
"""Of a text that is filled in by `format`."""
EMPTY = re.compile(" [ ,.;]")
"""An alternative that is nothing, which the others go around."""
HEADER = """# Words of impasto's plug-ins for GIMP and Krita.
# Renewed by `python tests/catalogue.py`.
#"""


def own() -> Iterator[tuple[str, str]]:
    """What the plug-ins say themselves, and where."""
    for path in (path for folder in PLUGINS for path in sorted((ROOT / folder).rglob("*.py"))):
        with path.open("rb") as file:
            for line, _, text, _ in extract_python(file, ["_"], [], {}):
                yield str(text), f"{path.relative_to(ROOT)}:{line}"


def made() -> Iterator[tuple[str, str]]:
    """The patterns of what others say, and where they are made."""
    trees = modules()
    names = errors(trees)
    for path, tree in trees.items():
        where = path.relative_to(ROOT).as_posix()
        if where.startswith((*PLUGINS, *FAR)):
            continue
        for message, local in spoken(tree, names, shown=True):
            for part in message.elts if isinstance(message, ast.Tuple) else [message]:
                yield from ((pattern(template), f"{where}:{part.lineno}") for template in templates(part, local))


def listed() -> Iterator[tuple[str, str]]:
    """Words that editors show and that are no messages: knobs, networks, styles."""
    for name, knob in KNOBS.items():
        choices = knob.choices if knob.group == PICTURE else ()  # others are names, as of papers
        words = (name.replace("_", " "), knob.description, knob.group, *choices)
        yield from ((text, f"knob {name}") for text in words)
    for network in registry().networks.values():
        yield network.summary, f"network {network.name}"
    yield from ((text, "core/impasto/pictures/frames.py:0") for text in FRAMES)
    yield from ((f"{text}{{0}}" if text.endswith((", ", " ")) else text, "knobs") for text in EXPECTED.values())
    for name, summary in SUMMARIES.items():
        yield from ((text, f"style {name}") for text in (name.replace("-", " ").capitalize(), summary))


def templates(message: ast.expr, local: Values) -> list[Template]:
    """All that a message can be: each alternative of the expression, and of the variables in it."""
    if isinstance(message, ast.Constant):
        return [(message.value,)] if isinstance(message.value, str) else [(None,)]
    if isinstance(message, ast.Name):
        rest = {name: values for name, values in local.items() if name != message.id}
        return [each for value in local.get(message.id, []) for each in templates(value, rest)] or [(None,)]
    if isinstance(message, ast.FormattedValue):
        return [(None,)] if message.format_spec else templates(message.value, local)
    if isinstance(message, ast.IfExp):
        return templates(message.body, local) + templates(message.orelse, local)
    if isinstance(message, ast.BoolOp):
        values = message.values if isinstance(message.op, ast.Or) else [message.values[-1], ast.Constant("")]
        return [each for value in values for each in templates(value, local)]
    if isinstance(message, ast.JoinedStr):
        return joined([templates(value, local) for value in message.values])
    if isinstance(message, ast.BinOp) and isinstance(message.op, ast.Add):
        return joined([templates(side, local) for side in (message.left, message.right)])
    if isinstance(message, ast.Call):
        return called(message, local)
    return [(None,)]


def called(call: ast.Call, local: Values) -> list[Template]:
    """`text.format(...)`, `table.get(name, default)`, or something else."""
    if inner := translated(call):
        return [split(*each) for each in templates(inner, local)]
    if isinstance(call.func, ast.Attribute) and call.func.attr == "get" and len(call.args) == 2:
        tables = [table for table in local.get(ast.unparse(call.func.value), []) if isinstance(table, ast.Dict)]
        values = [call.args[1], *(value for table in tables for value in table.values)]
        return [each for value in values for each in templates(value, local)]
    return [(None,)]


def joined(pieces: list[list[Template]]) -> list[Template]:
    found = [tuple(part for each in one for part in each) for one in product(*pieces)]
    return found if len(found) <= MOST else [(None,)]


def split(*template: str | None) -> Template:
    """The same where texts have fields of their own."""
    found: list[str | None] = []
    for part in template:
        for number, text in enumerate(VALUE.split(part) if part else [part]):
            found += [None, text] if number else [text]
    return tuple(found)


def pattern(template: Template) -> str:
    """The text with numbered fields, as `impasto.translation` fills them in."""
    numbers = count()
    return "".join(f"{{{next(numbers)}}}" if part is None else part for part in template)


@cache
def texts() -> dict[str, list[str]]:
    """All English texts and patterns, each with where it is from."""
    found: dict[str, list[str]] = {}
    for text, where in (*own(), *made(), *listed()):
        if sum(map(str.isalpha, FIELD.sub("", text))) > 1 and not EMPTY.search(text):
            found.setdefault(text, []).append(where)
    return found


def template() -> Catalog:
    """What translators begin with."""
    about = {"project": "impasto", "version": __version__, "copyright_holder": "the impasto authors"}
    made = Catalog(**about, msgid_bugs_address="CONTRIBUTING.md", header_comment=HEADER)
    for text, places in texts().items():
        made.add(text, locations=[(where.rpartition(":")[0] or where, 0) for where in places])
    return made


def read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file)


def save(path: Path, catalogue: Catalog) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalogue, width=120, include_lineno=False, sort_output=True, ignore_obsolete=True)


def write(folder: Path, words: Mapping[str, str], language: str = "xx") -> Path:
    """Compile a catalogue of `words` as plug-ins find it in `folder`; the file."""
    made = Catalog()
    for text, word in words.items():
        made.add(text, word)
    path = folder / language / "LC_MESSAGES" / f"{DOMAIN}.mo"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_mo(file, made)
    return path


def renew() -> None:
    """Write the template anew, and into each catalogue what has come; what is gone goes."""
    now = template()
    save(TEMPLATE, now)
    for path in LOCALE.rglob("*.po"):
        catalogue = read(path)
        catalogue.update(now, no_fuzzy_matching=True, keep_user_comments=True)
        save(path, catalogue)


if __name__ == "__main__":
    renew()
