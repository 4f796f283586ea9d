"""The recipe: one frozen, validated set of knobs, from which a picture can be made again.

`knobs.py` holds each knob's range, default and source; here they get their types and are checked.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from ..errors import RecipeError
from .knobs import KNOBS, MOST_STYLES, MOST_WEIGHT, NOISY, OURS, STARTS, USUAL_SIZE


def _weights(value: object) -> object:
    """The command line's "conv1_1=1,conv2_1=.5" as a dict; a layer without a weight gets 1."""
    if not isinstance(value, str):
        return value
    pairs = (item.partition("=") for item in value.split(","))
    return {layer.strip(): weight if equals else 1.0 for layer, equals, weight in pairs}


def _options(value: object) -> object:
    """The command line's "pooling=max,padding=replicate" as a dict."""
    if not isinstance(value, str):
        return value
    pairs = (item.partition("=") for item in value.split(","))
    return {option.strip(): choice.strip() for option, _, choice in pairs}


def _numbers(value: object) -> object:
    """The command line's "2,1" as a tuple."""
    return tuple(value.split(",")) if isinstance(value, str) else value


def _part(value: object) -> object:
    """The command line's "0,0,0.5,1" as a tuple of numbers, all of it inside of the picture."""
    try:
        items = value.split(",") if isinstance(value, str) else value
        left, top, width, height = map(float, items)  # type: ignore[call-overload]
    except TypeError:
        raise ValueError("no row of numbers") from None
    if not (width > 0 <= left <= left + width <= 1 + 1e-9 and height > 0 <= top <= top + height <= 1 + 1e-9):
        raise ValueError("not inside")
    return left, top, width, height


def _size(value: object) -> object:
    """The command line's "768" as a number, its "original" as 100%."""
    share = "100%" if value == "original" else value
    return share if isinstance(share, str) and SHARE.fullmatch(share) else PIXELS.validate_python(value)


def _knob(name: str) -> Any:
    knob = KNOBS[name]
    return Field(knob.default, ge=knob.low, gt=knob.above, le=knob.high, description=knob.description)


SHARE = re.compile(r"\d+(\.\d+)?%")
PIXELS = TypeAdapter(Annotated[int, Field(ge=KNOBS["size"].low, le=KNOBS["size"].high)])
Size = Annotated[int | str, BeforeValidator(_size)]
Name = Annotated[str, Field(min_length=1)]
Weight = Annotated[float, Field(ge=0, le=MOST_WEIGHT)]
Options = Annotated[dict[Name, Name], BeforeValidator(_options)]
Numbers = Annotated[tuple[Weight, ...], BeforeValidator(_numbers), Field(min_length=1, max_length=MOST_STYLES)]
Part = Annotated[tuple[float, float, float, float], BeforeValidator(_part)]
Weights = Annotated[dict[Name, Weight], BeforeValidator(_weights), Field(min_length=1)]


class Recipe(BaseModel):
    """One frozen, validated set of knobs. Unknown keys are refused. `None` leaves a knob to the profile or network."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: Size | None = Field(default=None, description=KNOBS["size"].description)
    strength: float = _knob("strength")
    detail: float = _knob("detail")
    style_weights: Numbers | None = _knob("style_weights")
    colour: Literal["style", "keep", "match", "palette"] = _knob("colour")
    style_scale: float = _knob("style_scale")
    style_crop: Part | None = _knob("style_crop")
    stroke_size: float | None = _knob("stroke_size")
    quality: Literal["draft", "normal", "fine"] = _knob("quality")
    init: Name = _knob("init")
    seed: int = _knob("seed")
    seamless: bool = _knob("seamless")
    network: Name = _knob("network")
    network_options: Options | None = _knob("network_options")
    backend: Name = _knob("backend")
    targets: Name | None = _knob("targets")
    device: Name = _knob("device")
    precision: Literal["auto", "float32", "bfloat16"] = _knob("precision")
    profile: Literal[
        "impasto", "gatys2016", "gatys-notebook", "johnson", "gordic", "crowson", "mahendran", "nnst", "strotss"
    ] = _knob("profile")
    content_layers: Weights | None = _knob("content_layers")
    style_layers: Weights | None = _knob("style_layers")
    content_weight: float | None = _knob("content_weight")
    style_weight: float | None = _knob("style_weight")
    tv_weight: float | None = _knob("tv_weight")
    tv_power: float | None = _knob("tv_power")
    norm_weight: float | None = _knob("norm_weight")
    norm_power: float = _knob("norm_power")
    histogram_weight: float | None = _knob("histogram_weight")
    tile: int | None = _knob("tile")
    memory: float | None = _knob("memory")
    scales: int | None = _knob("scales")
    steps: int | None = _knob("steps")
    optimiser: Literal["lbfgs", "adam"] = _knob("optimiser")
    history: int = _knob("history")
    line_search: Literal["none", "armijo"] = _knob("line_search")
    learning_rate: float = _knob("learning_rate")

    @property
    def longest(self) -> int:
        """The size in pixels, the usual one where nothing is said; for a share of a picture only after `sized`."""
        if isinstance(self.size, str):
            raise RecipeError(f"size is {self.size}; expected a number of pixels here.", "Say how many.")
        return self.size or USUAL_SIZE

    def sized(self, longest: int, usual: int = USUAL_SIZE) -> Recipe:
        """The same with its size in pixels, for a picture with this longest side.

        Where nothing is said it is `usual`, but no picture is enlarged for that. `RecipeError` for what is no size.
        """
        if isinstance(self.size, int):
            return self
        size = round(longest * float(self.size[:-1]) / 100) if self.size else min(longest, usual)
        try:
            return self.model_copy(update={"size": PIXELS.validate_python(size)})
        except ValidationError:
            seen = f"size is {self.size} of {longest} pixels, which are {size}; expected {KNOBS['size'].range}."
            raise RecipeError(seen, KNOBS["size"].description) from None

    @property
    def start_file(self) -> str | None:
        """The picture file to start from, if `init` names one."""
        return None if self.init in STARTS else self.init

    @model_validator(mode="before")
    @classmethod
    def _start(cls, knobs: Any) -> Any:
        """Where others start, and what has no edges to match; said here, so that a recipe always tells."""
        if not isinstance(knobs, dict):
            return knobs
        if knobs.get("profile") in NOISY:
            return {"init": "noise", **knobs}
        theirs = knobs.get("profile", OURS) != OURS
        return {"init": "content", **knobs} if theirs or knobs.get("seamless") in (True, "true") else knobs

    @property
    def matched(self) -> bool:
        """Whether it starts by matching; at strength 0, or for colours only, there is nothing to match."""
        return self.init == "matched" and self.strength > 0 and self.colour != "palette"

    @classmethod
    def of(cls, **knobs: Any) -> Recipe:
        """A recipe with these knobs; `RecipeError` names the first that is unknown or out of range."""
        try:
            return cls(**knobs)
        except ValidationError as error:
            raise RecipeError(*_explain(error)) from None

    @classmethod
    def reconstruction(cls, **knobs: Any) -> Recipe:
        """A recipe for content alone, from noise (Gatys et al. 2016, figure 1), with Mahendran and Vedaldi's losses.

        Another `profile` may be asked for, or a picture file to start from; the strength is set here.
        """
        recipe = cls.of(**{"profile": "mahendran", "init": "noise"} | knobs | {"strength": 0})
        return recipe._starting("a reconstruction from", "noise")

    @classmethod
    def texture(cls, style: tuple[int, int], canvas: tuple[int, int], **knobs: Any) -> Recipe:
        """A recipe for style alone, from noise, on a `canvas` of (width, height) pixels.

        `style` is the (width, height) of the part of it that is looked at. A style of fewer pixels is not enlarged:
        there will be more of the texture, not a coarser one. Size and strength are set here; `init` may be style or a
        file as well.
        """
        defaults = {"style_scale": min(1.0, max(style) / max(canvas)), "init": "noise"}
        recipe = cls.of(**defaults | knobs | {"size": max(canvas), "strength": 100})
        if recipe.colour != "style":
            seen = f"colour is {recipe.colour!r}; expected style, for a texture has no content."
            raise RecipeError(seen, KNOBS["colour"].description)
        return recipe._starting("a texture from", "noise", "style")

    def _starting(self, what: str, *words: str) -> Recipe:
        """Itself, if it starts from one of `words` or a file."""
        if not self.start_file and self.init not in words:
            seen = f"init is {self.init!r}; expected {what} {', '.join(words)}, or the name of a picture file."
            raise RecipeError(seen, KNOBS["init"].description)
        return self


def _explain(error: ValidationError) -> tuple[str, str]:
    """pydantic's first complaint in our words: (what was seen and expected, what to do)."""
    first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else str(first["input"])  # a name that is no Unicode has no place
    if name not in KNOBS:
        return f"There is no knob {name!r}.", f"Knobs: {', '.join(KNOBS)}."
    where = ".".join(map(str, first["loc"][:2]))
    return f"{where} is {first['input']!r}; expected {KNOBS[name].expected}.", KNOBS[name].description
