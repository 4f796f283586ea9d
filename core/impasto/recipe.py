"""The recipe: every knob of a painting, with its range, its default and the source of that default.

The CLI's options, the worker's request, the editors' controls and the table in the docs are derived from it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .errors import RecipeError

Weight = Annotated[float, Field(ge=0, le=1e12)]


class Recipe(BaseModel):
    """One frozen, validated set of knobs. Unknown keys are refused. `None` leaves a knob to the profile or network."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int = Field(512, ge=16, le=32768, description="Longest side of the result, in pixels.")
    strength: float = Field(
        50, ge=0, le=100, description="How far towards the style: 0 leaves the content as it is, 100 forgets it."
    )
    seed: int = Field(0, ge=0, le=2**63 - 1, description="Seed of the noise start.")
    init: str = Field("content", min_length=1, description="Start from content, noise, style, or a picture FILE.")
    network: str = Field("wavelet", description="Network that looks at the pictures; `impasto plugins` lists them.")
    profile: Literal["impasto"] = Field("impasto", description="Whose loss formulas and weights.")
    backend: str = Field("torch", description="Backend that runs the network.")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:N or mps.")
    precision: Literal["auto", "float32", "bfloat16"] = Field("auto", description="Arithmetic inside the network.")
    content_layers: dict[str, Weight] | None = Field(None, description="Content layers and weights.")
    style_layers: dict[str, Weight] | None = Field(None, description="Style layers and weights.")
    content_weight: Weight | None = Field(None, description="alpha, weight of the content loss at strength 50.")
    style_weight: Weight | None = Field(None, description="beta, weight of the style loss at strength 50.")
    tv_weight: Weight | None = Field(None, description="Weight of the total variation loss.")
    histogram_weight: Weight | None = Field(None, description="Weight of the colour histogram loss.")
    scales: int | None = Field(None, ge=1, le=12, description="Sizes to work at, coarse to fine.")
    steps: int | None = Field(None, ge=1, le=100_000, description="Steps at the last size.")
    learning_rate: float = Field(0.03, gt=0, le=10, description="Adam's step on the [0, 1] image.")

    @classmethod
    def of(cls, **knobs: Any) -> Recipe:
        """A recipe with these knobs; `RecipeError` names the first that is unknown or out of range."""
        try:
            return cls(**knobs)
        except ValidationError as error:
            raise RecipeError(*_explain(error)) from None


def _explain(error: ValidationError) -> tuple[str, str]:
    """pydantic's first complaint as (what was seen and expected, what to do)."""
    first = error.errors()[0]
    knob = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"There is no knob {knob!r}.", f"Knobs: {', '.join(Recipe.model_fields)}."
    return f"{knob} is {first['input']!r}: {first['msg'][0].lower()}{first['msg'][1:]}.", _range(knob.split(".")[0])


def _range(knob: str) -> str:
    schema = Recipe.model_json_schema()["properties"][knob]
    options = schema.get("anyOf", [schema])[0]
    low, high = (options.get(key) for key in ("minimum", "maximum"))
    return f"It may be {low} to {high}." if low is not None and high is not None else schema["description"]
