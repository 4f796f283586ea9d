"""Where a picture came from: what is written into it, and what it takes to make it again."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from .._version import __version__
from ..errors import ImageError, RecipeError
from ..pictures import bundled_styles
from ..pictures.picture import read_comment
from ..storage import files
from .environment import Environment
from .recipe import Recipe
from .schedule import Reached

EXTRA = re.compile(r"init|from|mask|style[2-8]|style-(mask|region)[2-8]?")
"""Sources that some pictures have besides content and style."""


STRICT = ConfigDict(strict=True)


@dataclass(frozen=True, config=STRICT)
class Source:
    """A picture that went in: its path, as seen from the folder of the result, and its SHA-256.

    Only the name of a file that lies elsewhere; "bundled:" and the name of a bundled style.
    """

    path: str
    sha256: str

    @classmethod
    def of(cls, path: Path, folder: Path) -> Source:
        """The file at `path`, for a result in `folder`. The names of folders above that do not go out with it."""
        place, top = path.parent.resolve() / path.name, folder.resolve()
        seen = place.relative_to(top).as_posix() if place.is_relative_to(top) else path.name
        return cls(bundled_styles.named(path) or seen, files.sha256(path))

    def find(self, folder: Path, name: str, moved_to: Path | None = None, hint: str = "") -> Path:
        """The same file now, seen from `folder`; `ImageError` when it has moved or changed.

        `name` is what the picture is for ("content"), `moved_to` where it is now if not where it was, `hint` how to
        say that where not by the options of `impasto again`.
        """
        own = self.path.startswith(bundled_styles.SCHEME)
        path = moved_to or (
            bundled_styles.found(Path(self.path)) if own else Path(os.path.normpath(folder / self.path))
        )
        option = f"--{name} FILE" if name in ("content", "style", "init") else f"--moved {name}=FILE"
        hint = hint or f"Say where the original is with {option}, or lay it there."
        if not files.is_there(path):
            raise ImageError(f"{path}: the {name} picture is not there.", hint)
        files.check_input(path)
        found = files.sha256(path)
        if found != self.sha256:
            seen = f"its SHA-256 is {found[:12]}..., not {self.sha256[:12]}..."
            raise ImageError(f"{path}: this is not the {name} picture of that time; {seen}.", hint)
        return path


@dataclass(frozen=True, config=STRICT)
class Provenance:
    """The recipe of a picture and the files it was made from. `taken` is how many steps, None for all of them."""

    recipe: Recipe
    sources: dict[str, Source]
    """By what they are for: content and style; for some pictures also init, mask, style2, style-mask and so on.

    And "from", the picture that it went on from.
    """
    reached: Reached
    """How far it has come, for whoever goes on from it."""
    begun: Reached | None = None
    """How far the picture that it went on from had come."""
    taken: Annotated[int, Field(ge=1)] | None = None
    canvas: tuple[int, int] | None = None
    """(width, height) of a texture, which has no content."""
    version: str = __version__
    stripped: bool = False
    """Whether the metadata of the content was left out."""
    environment: Environment | None = None
    """Where it was painted; None where that is not known."""

    @classmethod
    def of(
        cls,
        recipe: Recipe,
        paths: Mapping[str, Path],
        folder: Path,
        canvas: tuple[int, int] | None = None,
        stripped: bool = False,
        begun: Reached | None = None,
    ) -> Provenance:
        """What a result in `folder` made from these files, by what they are for, carries."""
        sources = {name: Source.of(path, folder) for name, path in paths.items()}
        init = sources["init"].path if "init" in sources else recipe.init
        recipe = recipe.model_copy(update={"init": init})
        return cls(recipe, sources, Reached(recipe.longest), begun, canvas=canvas, stripped=stripped)

    def is_like(self, other: Provenance) -> bool:
        """Whether both tell of the same painting of the same pictures to its end, wherever and whenever it was made."""
        one, two = (
            (
                made.recipe,
                {name: source.sha256 for name, source in made.sources.items()},
                (made.begun, made.taken, made.canvas, made.stripped),
            )
            for made in (self, other)
        )
        return one == two

    def recognised(self, paths: Sequence[Path]) -> dict[str, Path]:
        """Which of its sources these files are, by what they are for; `ImageError` for a file that is none of them."""
        found: dict[str, Path] = {}
        for path in paths:
            files.check_input(path)
            checksum = files.sha256(path)
            names = [name for name, source in self.sources.items() if source.sha256 == checksum]
            if not names:
                seen = f"{path}: that result was made from other pictures; none of them has this SHA-256."
                raise ImageError(seen, "Name the pictures of that time, or leave them out.")
            found |= dict.fromkeys(names, path)
        return found

    def dumps(self) -> str:
        """One line of JSON in ASCII."""
        fields: dict[str, Any] = {"impasto": self.version, "taken": self.taken, "reached": self.reached}
        fields["recipe"] = self.recipe.model_dump(mode="json")
        more: dict[str, Any] = {"begun": self.begun, "canvas": self.canvas, "stripped": self.stripped}
        more |= {"environment": asdict(self.environment)} if self.environment else {}
        fields |= {name: value for name, value in more.items() if value}
        return json.dumps(fields | {"sources": {name: asdict(source) for name, source in self.sources.items()}})

    @classmethod
    def read(cls, path: Path) -> Provenance:
        """What the picture at `path` carries; `ImageError` when it carries nothing, or nothing that can be used."""
        try:
            fields = json.loads(read_comment(path))
            recipe = Recipe.of(**fields["recipe"])
            sources = {name: Source(**source) for name, source in fields["sources"].items()}
            canvas = _canvas(fields)
            reached, begun = (_reached(fields.get(name)) for name in ("reached", "begun"))
            if not (_complete(sources.keys(), recipe, canvas) and reached and ("from" in sources) == bool(begun)):
                raise KeyError("sources")
            stripped, environment = fields.get("stripped") is True, Environment.read(fields.get("environment"))
            more = fields["taken"], canvas, fields["impasto"], stripped, environment
            return cls(recipe, sources, reached, begun, *more)
        except RecipeError as error:
            seen = f"{path}: its recipe is not for this version of impasto. {error}"
            raise ImageError(seen, "Paint it anew.") from None
        except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError):
            hint = "Use a picture as impasto wrote it; many programs drop this when they save."
            raise ImageError(f"{path}: this picture carries no recipe.", hint) from None


def _reached(field: Any) -> Reached | None:
    if field is None:
        return None
    size, step = field
    return Reached(max(1, int(size)), None if step is None else max(0, int(step)))


def _canvas(fields: Mapping[str, Any]) -> tuple[int, int] | None:
    if "canvas" not in fields:
        return None
    width, height = map(int, fields["canvas"])
    return width, height


def _complete(sources: Set[str], recipe: Recipe, canvas: tuple[int, int] | None) -> bool:
    """Whether that is all it takes: a painting from content and style, a texture, or a reconstruction."""
    pictures = {name for name in sources if not EXTRA.fullmatch(name)}
    if canvas:
        whole = pictures == {"style"} and recipe.strength == 100 and max(canvas) == recipe.size and min(canvas) > 0
    else:
        whole = pictures == {"content", "style"} or (pictures == {"content"} and recipe.strength == 0)
    return whole and ("init" in sources) == bool(recipe.start_file)
