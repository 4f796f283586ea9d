"""Where a picture came from: what is written into it, and what it takes to make it again, byte for byte."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from . import __version__, files, images
from .errors import ImageError, RecipeError
from .recipe import Recipe


@dataclass(frozen=True)
class Source:
    """A picture that went in: its path, as seen from the folder of the result, and its SHA-256."""

    path: str
    sha256: str

    @classmethod
    def of(cls, path: Path, folder: Path) -> Source:
        """The file at `path`, for a result in `folder`; relative, so that no home folder goes out with a picture."""
        return cls(os.path.relpath(path.resolve(), folder.resolve()), files.sha256(path))

    def find(self, folder: Path, name: str, moved_to: Path | None = None) -> Path:
        """The same file now, seen from `folder`; `ImageError` when it has moved or changed.

        `name` is what the picture is for ("content"), `moved_to` where it is now if not where it was.
        """
        path = moved_to or Path(os.path.normpath(folder / self.path))
        hint = f"Say where the original is with --{name} FILE."
        if not path.exists():
            raise ImageError(f"{path}: the {name} picture is not there.", hint)
        files.check_input(path)
        found = files.sha256(path)
        if found != self.sha256:
            seen = f"its SHA-256 is {found[:12]}..., not {self.sha256[:12]}..."
            raise ImageError(f"{path}: this is not the {name} picture of that time; {seen}.", hint)
        return path


@dataclass(frozen=True)
class Provenance:
    """The recipe of a picture and the files it was made from. `taken` is how many steps, None for all of them."""

    recipe: Recipe
    sources: dict[str, Source]
    """By what they are for: content, style, and init where the start is a file."""
    taken: int | None = None
    version: str = __version__

    @classmethod
    def of(cls, recipe: Recipe, content: Path, style: Path, folder: Path) -> Provenance:
        """What a result in `folder` made from these files carries."""
        paths = {"content": content, "style": style}
        if recipe.start_file:
            paths["init"] = Path(recipe.start_file)
        sources = {name: Source.of(path, folder) for name, path in paths.items()}
        init = sources["init"].path if "init" in sources else recipe.init
        return cls(recipe.model_copy(update={"init": init}), sources)

    def after(self, taken: int) -> Provenance:
        """The same for a picture kept after that many steps."""
        return replace(self, taken=taken)

    def dumps(self) -> str:
        """One line of JSON in ASCII."""
        fields = {"impasto": self.version, "taken": self.taken, "recipe": self.recipe.model_dump(mode="json")}
        return json.dumps(fields | {"sources": {name: asdict(source) for name, source in self.sources.items()}})

    @classmethod
    def read(cls, path: Path) -> Provenance:
        """What the picture at `path` carries; `ImageError` when it carries nothing, or nothing that can be used."""
        try:
            fields = json.loads(images.read_comment(path))
            recipe = Recipe.of(**fields["recipe"])
            sources = {name: Source(**source) for name, source in fields["sources"].items()}
            if not {"content", "style"} <= sources.keys() or ("init" in sources) != bool(recipe.start_file):
                raise KeyError("sources")
            return cls(recipe, sources, fields["taken"], fields["impasto"])
        except RecipeError as error:
            seen = f"{path}: its recipe is not for this version of impasto. {error}"
            raise ImageError(seen, "Paint it anew.") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            hint = "Use a picture as impasto wrote it; many programs drop this when they save."
            raise ImageError(f"{path}: this picture carries no recipe.", hint) from None
