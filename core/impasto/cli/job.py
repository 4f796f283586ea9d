"""What one painting takes, and the checks that come before any work."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import click

from .._version import __version__
from ..errors import OutputError, RecipeError
from ..painting.checks import check_fit, style_weights
from ..painting.scene import Begun, Style
from ..pictures.bundled_styles import found
from ..pictures.metadata import NO_METADATA
from ..pictures.picture import Picture, Pixels, read, read_mask
from ..plugin.registry import registry
from ..recipe.environment import Environment
from ..recipe.knobs import KNOBS, MOST_STYLES, USUAL_SIZE
from ..recipe.provenance import Provenance
from ..recipe.recipe import Recipe
from ..recipe.schedule import Reached
from ..storage.files import check_output, is_there, refuse_address
from .losses.write import FORMATS

STYLE = re.compile(r"style\d*")


@dataclass(frozen=True)
class Job:
    """What to paint and what to keep. `taken` stops after that many steps.

    A texture has no content but a `canvas`, (width, height); a reconstruction has no style.
    """

    content: Path | None
    style: Path | None
    output: Path
    recipe: Recipe
    preview: Path | None = None
    save_every: int | None = None
    losses: tuple[Path, ...] = ()
    quiet: bool = False
    no_recipe: bool = False
    strip: bool = False
    taken: int | None = None
    canvas: tuple[int, int] | None = None
    begun: tuple[Path, Reached] | None = None
    """The picture to go on from, and how far it has come."""
    extras: Mapping[str, Path] = field(default_factory=dict)
    """More files by what they are for: mask, style2, style-mask, style-region3 and so on."""
    environment: Environment | None = None
    """Where the picture was painted that is to be made again."""

    @property
    def sources(self) -> dict[str, Path]:
        """The files that go in, by what they are for. `ImageError` for a style that is neither a file nor bundled."""
        init = Path(self.recipe.start_file) if self.recipe.start_file else None
        pictures = {"content": self.content, "style": self.style, "init": init}
        paths = {**pictures, "from": self.begun and self.begun[0], **self.extras}
        return {name: found(path) if STYLE.fullmatch(name) else path for name, path in paths.items() if path}

    @property
    def provenance(self) -> Provenance:
        """What its finished result carries, once it is settled; reads the files for it."""
        reached = self.begun[1] if self.begun else None
        return Provenance.of(self.recipe, self.sources, self.output.parent, self.canvas, self.strip, reached)

    @property
    def roles(self) -> str:
        """Which file is the photograph and which are the styles, as they were named."""
        styles = [path for name, path in {"style": self.style, **self.extras}.items() if path and STYLE.fullmatch(name)]
        words = {"photograph": [self.content] if self.content else [], f"style{'s' * (len(styles) > 1)}": styles}
        return "; ".join(f"{word} {', '.join(map(str, paths))}" for word, paths in words.items() if paths)

    @property
    def inputs(self) -> list[Path]:
        """The files that must not be written over."""
        return list(self.sources.values())

    def settled(self, read: Callable[[Path], Picture], usual: int = USUAL_SIZE) -> Job:
        """The same with the network that `auto` stands for and the size in pixels, so that the result tells them.

        `usual` is the size where nothing is said of it, as for `Recipe.sized`.
        """
        recipe = registry().settled(self.recipe)
        if self.content and not isinstance(recipe.size, int):
            registry().check(recipe)  # before the picture, which takes its time
            recipe = recipe.sized(max(read(self.content).size), usual)
        return replace(self, recipe=recipe)

    def moved(self, places: Mapping[str, Path]) -> Job:
        """The same with its sources in other `places`, by what they are for; content that is not there stays."""
        recipe = self.recipe.model_copy(update={"init": str(places["init"])}) if "init" in places else self.recipe
        content, extras = places.get("content", self.content), {name: places[name] for name in self.extras}
        return replace(self, content=content, style=places["style"], recipe=recipe, extras=extras)

    def numbered(self, taken: int) -> Path:
        """The file that keeps the picture after `taken` steps, beside the output."""
        return self.output.with_stem(f"{self.output.stem}-{taken:06d}")


def check_roles(content: Path, styles: Sequence[Path]) -> None:
    """Raise `RecipeError` where these names may be what a shell made of one pattern, as *.jpg, and none a style.

    For a painting whose options do not tell that there are several styles.
    """
    paths = [content, *styles]
    alike = {(path.parent, path.suffix.lower()) for path in paths}
    if len(paths) < 3 or len(alike) > 1 or not all(map(is_there, paths)):
        return
    seen = f"These {len(paths)} names may all come from one *{content.suffix}"
    hint = f"add --style-weights {','.join('1' for _ in styles)}; to paint each of them, use impasto batch."
    raise RecipeError(f"{seen}: to paint {content} with the others as styles, {hint}")


def extras(
    mask: Path | None, styles: Sequence[Path], masks: Sequence[Path], regions: Sequence[Path]
) -> dict[str, Path]:
    """`Job.extras` of a painting with these masks, of which "-" stands for none; `RecipeError` for too many."""
    if len(styles) > MOST_STYLES:
        raise RecipeError(f"There are {len(styles)} styles; expected at most {MOST_STYLES}.")
    found = {f"style{number}": path for number, path in enumerate(styles[1:], 2)}
    for name, paths in (("style-mask", masks), ("style-region", regions)):
        if len(paths) > len(styles):
            raise RecipeError(
                f"There are {len(paths)} --{name} for {len(styles)} styles.", "Give one for each at most."
            )
        numbered = {f"{name}{number}": path for number, path in zip(["", *range(2, 9)], paths, strict=False)}
        found |= {key: path for key, path in numbered.items() if str(path) != "-"}
    return found | ({"mask": mask} if mask else {})


def remake(
    picture: Path,
    moved: Mapping[str, Path | None],
    hint: str = "",
    *,
    output: Path | None,
    strip: bool,
    **written: Any,
) -> Job:
    """The job that made `picture`, to be done again. `moved` says where its sources are now, by what they are for.

    `hint` is how to say where one is that is not there, as for `Source.find`; the others are options of results.
    """
    made = Provenance.read(picture)
    output = check_output(output or picture.with_stem(f"{picture.stem}-again"), picture)
    if written["preview"]:
        check_output(written["preview"], picture)
    for path in written["losses"]:
        check_output(path, picture, formats=FORMATS)
    found = {name: source.find(picture.parent, name, moved.get(name), hint) for name, source in made.sources.items()}
    recipe = made.recipe.model_copy(update={"init": str(found["init"])}) if "init" in found else made.recipe
    if made.version != __version__ and not written["quiet"]:
        click.echo(f"impasto: made by version {made.version}; with {__version__} it may differ.", err=True)
    content, style, origin = (found.pop(name, None) for name in ("content", "style", "from"))
    found.pop("init", None)
    return Job(
        content,
        style,
        output,
        recipe,
        strip=strip or made.stripped,
        taken=made.taken,
        canvas=made.canvas,
        begun=(origin, made.begun) if origin and made.begun else None,
        extras=found,
        environment=made.environment,
        **written,
    )


def go_on(
    result: Path,
    paths: Sequence[Path],
    knobs: Mapping[str, str],
    read: Callable[[Path], Picture],
    **written: Any,
) -> Job:
    """The job that goes on from `result` where it stopped, or at a larger size, with `knobs` in place of its own.

    `paths` are sources of the result that are not where they were, in any order. Strokes of a given size grow with the
    picture. What a draft matched is matched again, and larger. `written` are the options of results.
    """
    made = Provenance.read(result)
    hint = "Name the original as well, as impasto --from RESULT FILE, or lay it there."
    job = replace(remake(result, made.recognised(paths), hint, **written), environment=None)
    known, drafted = job.recipe, job.recipe.quality == "draft"
    recipe = Recipe.of(**known.model_dump() | ({"quality": "normal"} if drafted else {}) | dict(knobs))
    if not isinstance(recipe.size, int):
        recipe = recipe.sized(max(read(job.content).size if job.content else job.canvas or ()))
    larger = recipe.longest / known.longest
    if known.stroke_size and "stroke_size" not in knobs:
        most = KNOBS["stroke_size"].high or known.stroke_size
        recipe = recipe.model_copy(update={"stroke_size": min(known.stroke_size * larger, most)})
    canvas = (round(job.canvas[0] * larger), round(job.canvas[1] * larger)) if job.canvas else None
    finished = made.taken is None
    reached = made.reached._replace(step=None) if finished and not drafted else made.reached
    anew = recipe.colour == "palette" or (finished and drafted and recipe.matched)
    return replace(job, recipe=recipe, taken=None, canvas=canvas, begun=None if anew else (result, reached))


class Pictures(NamedTuple):
    """What goes into a painting, decoded."""

    content: Picture
    styles: list[Style]
    mask: Pixels | None
    begun: Begun | None


def check(job: Job, read: Callable[[Path], Picture] = read) -> Pictures:
    """The pictures, decoded by `read`, after everything else about the job has been found in order.

    Raises the `ImpastoError` that says what is wrong. Writes nothing and computes nothing.
    """
    registry().check(job.recipe)
    check_outputs(job)
    return decoded(job, read)


def decoded(job: Job, read: Callable[[Path], Picture]) -> Pictures:
    """The pictures, decoded by `read`; raises the `ImpastoError` that says why they cannot be used."""
    if job.recipe.start_file:
        check_start(job.recipe.start_file)
    paths = {name: path for name, path in job.sources.items() if name == "content" or STYLE.fullmatch(name)}
    pictures = [read(path) for path in paths.values()]
    content = Picture.blank(*job.canvas) if job.canvas else pictures[0]
    check_fit(content.size, job.recipe.longest, next(iter(paths.values())))
    content = replace(content, metadata=NO_METADATA) if job.strip else content
    painters = pictures[1:] if job.content and job.style else pictures
    mask = job.extras.get("mask")
    begun = Begun(read(job.begun[0]), job.begun[1]) if job.begun else None
    return Pictures(content, _styles(job, painters), read_mask(mask) if mask else None, begun)


def _styles(job: Job, pictures: Sequence[Picture]) -> list[Style]:
    """Every style with its weight and its masks."""
    weights = style_weights(job.recipe, len(pictures))
    masks = {name: read_mask(path) for name, path in job.extras.items() if name.startswith("style-")}
    numbers = ["", *map(str, range(2, len(pictures) + 1))]
    return [
        Style(picture, weight, masks.get(f"style-mask{number}"), masks.get(f"style-region{number}"))
        for picture, weight, number in zip(pictures, weights, numbers, strict=True)
    ]


def check_outputs(job: Job) -> None:
    """Raise `OutputError` where a result cannot be written."""
    longest = job.recipe.longest
    check_output(job.output, *job.inputs, longest=longest)
    if job.preview:
        check_output(job.preview, *job.inputs, longest=longest)
        if job.preview.resolve() == job.output.resolve():
            raise OutputError(f"{job.preview}: the preview is the result itself.", "Choose another name for one.")
    for path in job.losses:
        check_output(path, *job.inputs, formats=FORMATS)
        if path.resolve() in {other.resolve() for other in (job.output, job.preview) if other}:
            raise OutputError(f"{path}: the losses would replace a picture.", "Choose another name for one.")
    if job.save_every:
        taken = job.output.parent.glob(f"{job.output.stem}-[0-9]*{job.output.suffix}")
        for path in taken:
            check_output(path, *job.inputs)


def check_start(init: str) -> None:
    """Raise `RecipeError` or `ImageError` unless there is a picture file of this name, to start from."""
    if not is_there(init):
        refuse_address(init)
        seen = f"init is {init!r}; expected content, noise, style, or the name of a picture file"
        raise RecipeError(f"{seen}. There is no file of that name.", "Check the name.")
    read(init)
