"""What may be asked of the worker, checked: a request becomes a record, or a `BadRequest` that says what is wrong."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..client import Message
from ..errors import ImpastoError
from ..recipe.knobs import MOST_STYLES, MOST_WEIGHT

Id = Annotated[str, Field(min_length=1, max_length=64)]
Side = Annotated[int, Field(ge=1, le=2**20)]
LONGEST_PREVIEW = 512


class BadRequest(ImpastoError):  # noqa: N818
    """A message that is no request."""


class UnknownJob(ImpastoError):  # noqa: N818
    """No job of that id waits or is in work."""


class Unsupported(ImpastoError):  # noqa: N818
    """Not in this version."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Form(_Record):
    """A picture, and the part of the payload that holds its samples."""

    part: str
    width: Side
    height: Side
    channels: Annotated[int, Field(ge=1, le=4)]
    kind: Literal["u8", "u16", "half", "float"]
    linear: bool = False
    icc: str | None = None


class Mask(Form):
    """A picture that says where."""

    channels: Literal[1]
    kind: Literal["u8", "u16", "float"]


class StyleRequest(_Record):
    """A painting, given in one of three ways."""

    picture: Form | None = None
    file: Annotated[str, Field(min_length=1)] | None = None
    name: str | None = None
    weight: Annotated[float, Field(ge=0, le=MOST_WEIGHT)] | None = None
    mask: Mask | None = None
    region: Mask | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(value is not None for value in (self.picture, self.file, self.name)) != 1:
            raise ValueError("a style needs one of picture, file and name")
        return self


class Hello(_Record):
    """Who are you?"""

    id: Id | None = None


class About(_Record):
    """describe; or cancel or finish the job with this id."""

    id: Id


class Estimate(_Record):
    """What would it cost to paint so many pixels?"""

    id: Id
    width: Side
    height: Side
    recipe: dict[str, Any] = Field(default_factory=dict)


class Thumbnail(_Record):
    """What does this style look like, no longer than `longest` pixels?"""

    id: Id
    style: StyleRequest
    longest: Annotated[int, Field(ge=1, le=LONGEST_PREVIEW)] = 96


class Space(_Record):
    """A colour space, by what becomes of the colours of a lattice."""

    from_srgb: Form
    to_srgb: Form


class Paint(_Record):
    """A painting to make."""

    id: Id
    content: Form
    space: Space | None = None
    styles: Annotated[list[StyleRequest], Field(min_length=1, max_length=MOST_STYLES)]
    mask: Mask | None = None
    recipe: dict[str, Any] = Field(default_factory=dict)
    preview: Annotated[int, Field(ge=0, le=LONGEST_PREVIEW)] = LONGEST_PREVIEW
    live: bool = False


class Recolour(_Record):
    """The last result with other colours."""

    id: Id
    colour: Literal["style", "keep", "match", "palette"]


REQUESTS: dict[str, type[_Record]] = {
    "hello": Hello,
    "describe": About,
    "estimate": Estimate,
    "thumbnail": Thumbnail,
    "paint": Paint,
    "cancel": About,
    "finish": About,
    "recolour": Recolour,
}


def parsed(message: Message) -> _Record:
    """The request that `message` is; raises `BadRequest`."""
    kind = REQUESTS.get(message.type)
    if kind is None:
        raise BadRequest(f"There is no request {message.type[:40]!r}.", f"Requests: {', '.join(REQUESTS)}.")
    try:
        return kind.model_validate({key: value for key, value in message.fields.items() if key != "type"})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or message.type
        raise BadRequest(f"In {message.type}: {where}: {first['msg']}.", "See docs/worker.md.") from None


def known_id(message: Message) -> str | None:
    """The id of a request that may be wrong otherwise."""
    given = message.fields.get("id")
    return given if isinstance(given, str) and 0 < len(given) <= 64 else None
