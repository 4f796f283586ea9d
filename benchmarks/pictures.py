"""A bench for pictures: several ways to paint, on the same pairs, in a table and on blind sheets for jurors.

    python benchmarks/pictures.py OUT --try defaults "" --try strong "--strength 70" --try old@../old ""
    python benchmarks/pictures.py count OUT VOTES.txt...

Every painting is a process of its own, with nothing remembered from others, so that its seconds can be compared. It
stays in OUT/paintings with a note of how it was made, and is painted again only for other options, or if told so: a
change of the code is not seen.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import click
from blind import LETTERS, lay_out, tally

ROOT = Path(__file__).resolve().parents[1]
BESIDE = ROOT.parent / "shared" / "images"
EXAMPLES = ROOT / "examples"
PAIRS: dict[str, tuple[str | Path, str | Path]] = {
    "tubingen_starry": ("tubingen.jpg", "starry_night.jpg"),
    "tubingen_scream": ("tubingen.jpg", "the_scream.jpg"),
    "tubingen_shipwreck": ("tubingen.jpg", "shipwreck.jpg"),
    "hoover_starry": ("hoover_tower_night.jpg", "starry_night.jpg"),
    "harbour_summer": (EXAMPLES / "harbour.jpg", EXAMPLES / "summer.jpg"),
}
REFERENCE = "reference"
"""The name of pictures by others to compare with, in the folder vgg19 of the pictures; a pair may have none."""
FILE = click.Path(path_type=Path)


@dataclass(frozen=True)
class Shown:
    """A picture of the table and the sheets; of those that others made the seconds are not known."""

    name: str
    path: Path
    seconds: float | None = None
    kept: bool = False

    def row(self, pair: str, figures: str) -> str:
        seconds = "-" if self.seconds is None else f"{self.seconds:.1f}"
        return f"{pair:<20}{self.name:<20}{seconds:>8} {'kept' if self.kept else '':<6}{figures}".rstrip()


@dataclass(frozen=True)
class Variant:
    """A way to paint: options of the command line, and the checkout whose code it is."""

    name: str
    checkout: Path
    options: tuple[str, ...]

    @classmethod
    def of(cls, name: str, options: str) -> Variant:
        """From the words of --try, "NAME" or "NAME@CHECKOUT"."""
        name, _, checkout = name.partition("@")
        root = Path(checkout).expanduser().resolve() if checkout else ROOT
        if not re.fullmatch(r"\w[\w.+-]*", name):
            raise click.ClickException(f'"{name}" is no name for --try: expected letters, digits and ._+- only.')
        if not (root / "core" / "impasto").is_dir():
            raise click.ClickException(f"{root} has no core/impasto: name a checkout of impasto after the @.")
        try:
            return cls(name, root, tuple(shlex.split(options)))
        except ValueError as error:
            raise click.ClickException(
                f'The options of {name}, "{options}": {error}; expected words as on a command line.'
            ) from None

    def shown(self, pair: str, files: tuple[Path, Path], out: Path, again: bool) -> Shown:
        """The painting of a pair, from before if there is one that was made in the same way."""
        path = out / "paintings" / self.name / f"{pair}.png"
        note = path.with_suffix(".json")
        made = {"pair": [str(file.resolve()) for file in files], "run": [str(self.checkout), *self.options]}
        before = json.loads(note.read_text()) if path.is_file() and note.is_file() and not again else {}
        if before.items() >= made.items():
            return Shown(self.name, path, before["seconds"], kept=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        note.unlink(missing_ok=True)  # the painting may fail, or be stopped half-way
        seconds = self.paint(*files, path)
        note.write_text(json.dumps(made | {"seconds": seconds}, indent=1))
        return Shown(self.name, path, seconds)

    def paint(self, content: Path, style: Path, path: Path) -> float:
        """Seconds for the whole command."""
        line = [sys.executable, "-P", "-m", "impasto", str(content), str(style), "-o", str(path), "-q", *self.options]
        code = [str(self.checkout / "core"), str(self.checkout / "plugins")]
        code += filter(None, [os.environ.get("PYTHONPATH")])
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(code), "IMPASTO_CACHE": "off"}
        begin = time.perf_counter()
        if status := subprocess.run(line, env=environment).returncode:
            raise click.ClickException(
                f"{self.name} did not paint {path.stem}: impasto ended with {status}; see above."
            )
        return time.perf_counter() - begin


def chosen(words: str, folder: Path) -> dict[str, tuple[Path, Path]]:
    """The pairs whose names hold one of the words, or all, with their files."""
    asked = [word.strip() for word in words.split(",") if word.strip()] or [""]
    if unknown := [word for word in asked if not any(word in name for name in PAIRS)]:
        raise click.ClickException(f"No pair has {' or '.join(unknown)} in its name; expected {', '.join(PAIRS)}.")
    names = [name for name in PAIRS if any(word in name for word in asked)]
    found = {name: (folder / PAIRS[name][0], folder / PAIRS[name][1]) for name in names}
    if missing := sorted({path.name for pair in found.values() for path in pair if not path.is_file()}):
        raise click.ClickException(
            f"{folder} has no {', '.join(missing)}: expected the pictures beside the checkout; "
            "name their folder with --pictures, or choose --pairs harbour, which needs none."
        )
    return found


def finished(place: str, pair: str) -> Path | None:
    """A picture that others made, from a folder or a pattern with {pair} in it."""
    pattern = place if "{pair}" in place else f"{place}/{{pair}}"
    files = (Path(pattern.replace("{pair}", pair) + ending) for ending in ("", ".png", ".jpg"))
    return next((file for file in files if file.is_file()), None)


def guests(others: dict[str, str], pairs: dict[str, tuple[Path, Path]]) -> dict[str, list[Shown]]:
    """What others made of each pair."""
    found = {pair: [Shown(name, path) for name in others if (path := finished(others[name], pair))] for pair in pairs}
    there = {shown.name for row in found.values() for shown in row} | {REFERENCE}
    if missing := [name for name in others if name not in there]:
        places = ", ".join(f"{others[name]} of {name}" for name in missing)
        raise click.ClickException(f"{places} has no picture of a pair: expected {', '.join(pairs)}, .png or .jpg.")
    return found


def judged(program: Path, files: tuple[Path, Path], pictures: list[Shown]) -> list[str]:
    """What a program says of each picture."""
    line = [sys.executable, *map(str, (program, *files, *(shown.path for shown in pictures)))]
    done = subprocess.run(line, stdout=subprocess.PIPE, text=True)
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    if done.returncode or len(lines) != len(pictures):
        raise click.ClickException(
            f"{program} ended with {done.returncode} and {len(lines)} lines; expected 0 and {len(pictures)}."
        )
    return [line.removesuffix(str(shown.path)).strip() for line, shown in zip(lines, pictures, strict=True)]


@click.command()
@click.argument("out", type=FILE)
@click.option("--try", "tries", nargs=2, multiple=True, metavar="NAME[@CHECKOUT] OPTIONS", help="A way to paint.")
@click.option(
    "--with", "others", nargs=2, multiple=True, metavar="NAME FOLDER", help="Pictures of others; FOLDER/PAIR."
)
@click.option("--pictures", type=FILE, default=BESIDE, help="Folder of the pairs.  [default ../shared/images]")
@click.option("--pairs", default="", metavar="WORD,...", help="Only pairs with one of these in the name.")
@click.option("--judge", type=click.Path(exists=True, path_type=Path), help="Program that prints a line a picture.")
@click.option("--again", is_flag=True, help="Paint what is painted already, too.")
def bench(
    out: Path,
    tries: tuple[tuple[str, str], ...],
    others: tuple[tuple[str, str], ...],
    pictures: Path,
    pairs: str,
    judge: Path | None,
    again: bool,
) -> None:
    """Paint pairs in several ways, print a table, and lay out OUT/sheets for jurors.

    Without --try and --with they are painted by the defaults.

    `pictures.py count OUT VOTES.txt...` counts their votes.
    """
    variants = [Variant.of(*words) for words in tries or ([] if others else [("defaults", "")])]
    names = [variant.name for variant in variants] + [name for name, _ in others] + [REFERENCE]
    if len(set(names)) < len(names) or len(names) > len(LETTERS):
        raise click.ClickException(f"{', '.join(names)}: expected at most {len(LETTERS)} names, each once.")
    files = chosen(pairs, pictures)
    made = guests(dict(others) | {REFERENCE: str(pictures / "vgg19")}, files)
    print(f"{'pair':<20}{'variant':<20}{'seconds':>8}", flush=True)
    for pair, both in files.items():
        shown = [variant.shown(pair, both, out, again) for variant in variants] + made[pair]
        figures = judged(judge, both, shown) if judge else [""] * len(shown)
        print(*(one.row(pair, said) for one, said in zip(shown, figures, strict=True)), sep="\n", flush=True)
        lay_out(out, pair, both, {one.name: one.path for one in shown})
    print(f"\nGive jurors {out / 'sheets'}, and keep {out / 'keys'} from them.")


@click.command()
@click.argument("out", type=click.Path(exists=True, path_type=Path))
@click.argument("votes", type=click.Path(exists=True, dir_okay=False, path_type=Path), nargs=-1, required=True)
def count(out: Path, votes: tuple[Path, ...]) -> None:
    """Count votes, a line a sheet: its name, its letters, best first, a dash and why.

    The best of a sheet has 1, the last 0, the others steps between.
    """
    if not (out / "keys").is_dir():
        raise click.ClickException(
            f"{out} has no keys: expected the OUT of `pictures.py OUT`, which lays out the sheets."
        )
    print(*tally(out, votes), sep="\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["count"]:
        count(sys.argv[2:], prog_name="pictures.py count")
    else:
        bench()
