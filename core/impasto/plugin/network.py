"""The contract of a network: image -> {layer name: feature maps}.

A network is a torch module that knows its layers, which of them describe content and style by default, its own input
normalisation and the weights it needs. It knows nothing of losses. See `docs/plugins.md` for a complete one.

What it computes follows from its options, its code, and its parameters and buffers: by these it is remembered. What it
can do besides stands in an attribute `capabilities`, if there is anything.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from ..errors import RecipeError

if TYPE_CHECKING:
    from torch import Tensor

    from ..weights.store import WeightsInfo


class Network(Protocol):
    """What the objective asks of a network; any `torch.nn.Module` with these attributes will do."""

    @property
    def layers(self) -> tuple[str, ...]:
        """Every layer that can be asked for, shallow to deep."""
        ...

    @property
    def content_layers(self) -> Mapping[str, float]:
        """Default content layers and their weights w_l."""
        ...

    @property
    def style_layers(self) -> Mapping[str, float]:
        """Default style layers and their weights w_l."""
        ...

    def __call__(self, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        """Feature maps F^l of `image`, float (1, 3, H, W), sRGB-encoded in [0, 1].

        Each value has shape (1, N_l, h_l, w_l), in the dtype of `image`: N_l channels on a grid of M_l = h_l * w_l
        positions, spread evenly over the picture, as masks rely on. Computes no further than the deepest layer asked
        for, and each layer the same whatever else is asked for. A layer whose grid would be empty (a picture smaller
        than its field) is left out; at 16 pixels one is there. `impasto.testing` checks all this and more.
        """
        ...


@dataclass(frozen=True)
class Capabilities:
    """What a network, or an evaluator of it, can do besides giving its layers; by default nothing."""

    aliases: Mapping[str, str] = field(default_factory=dict)
    """Other names of its layers, as relu1_1 for conv1_1: it can be asked for these too, and recipes may use them."""
    levels: Sequence[tuple[str, Collection[str]]] = ()
    """For the figures of `impasto sheet`, shallow to deep: (the layer that shows best what the level sees of a content,
    the level's style layers). If empty, each style layer is a level."""
    checkpoints: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Names, shallow to deep, of maps from which deeper layers follow -> these layers.

    A checkpoint is a layer, or something else that the network gives if it is asked for it. The network goes on from
    there if it is called with these maps as the picture, and with `after`, the name. Tiles of large pictures then have
    narrow halos, since a layer sees no further than to the checkpoint before it."""
    valid: bool = False
    """Whether it can be called with `pad`, (down, across): on an axis where that is False convolutions do not pad.

    Maps then lose as many cells before as after, and those of which nothing is left are left out. Tiles take less time
    so."""

    @staticmethod
    def of(network: object) -> Capabilities:
        """Those that a network or an evaluator names; the default ones if it names none."""
        found: Capabilities = getattr(network, "capabilities", Capabilities())
        return found


def own_layer(network: Network, layer: str, name: str, role: str = "") -> str:
    """The own name of `layer`, which may be an alias. Raises `RecipeError` if `network`, called `name`, has none such.

    role: how the error goes on, as ", asked for as a style layer".
    """
    own = Capabilities.of(network).aliases.get(layer, layer)
    if own not in network.layers:
        seen = f"The network {name} has no layer {layer!r}{role}."
        raise RecipeError(seen, f"Layers: {', '.join(network.layers)}.")
    return own


@dataclass(frozen=True)
class Finish:
    """How a network goes on from a start by matching, where strokes and colours are those of the painting already.

    Its losses are those of content and style on its default layers; colours and noise are left out.
    """

    steps: int = 6
    """At the last size, by quality normal; 0 leaves the picture as it was matched."""
    errors: Literal["relative", "absolute"] = "relative"
    """Beside each target's own size, as profile impasto has them; or means of squares, as jcjohnson/neural-style."""
    content_weight: float = 1.5
    style_weight: float = 1.0
    options: Mapping[str, str] = field(default_factory=dict)
    """How to build it, where the recipe does not say."""
    hues: str = ""
    """The network whose hypercolumns tell which hues of a painting go where, if it is there; "" for this one."""


@dataclass(frozen=True)
class Cost:
    """What a network costs. All bytes are in float32, without a graphics card."""

    seconds: float
    """For each pixel and step, on two cores."""
    step: float
    """Bytes for each pixel of a picture that is evaluated whole."""
    tile: float
    """Bytes for each pixel of a tile, its halo included."""
    far: float
    """Bytes for each pixel of a picture in tiles: content, checkpoints, and layers with a wide receptive field."""
    halo: int
    """Width of the widest halo, in pixels."""
    whole: float
    """Pixels above which tiles are no slower."""


@dataclass(frozen=True)
class NetworkInfo:
    """A network as the registry lists it, before anything heavy is imported."""

    name: str
    summary: str
    build: Callable[..., Network]
    """Imports torch and loads the weights; takes `options` by name."""
    missing: Callable[[], str] = lambda: ""
    """Empty when ready; otherwise what is missing and the command that gets it. Must not import torch."""
    weights: WeightsInfo | None = None
    """The weights it needs, for `impasto weights`; none if it needs none."""
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Ways to build it: name -> values, of which the first is the default."""
    finish: Finish = field(default_factory=Finish)
    rank: int | None = None
    """`auto` takes the network of the highest rank that is ready; None is never taken."""
    mixed_precision: bool = False
    """Whether it can be evaluated in bfloat16, under autocast; the precision "auto" then takes what is quicker."""
    cost: Cost | None = None
    """What it takes of time and memory, for the plan of a painting; if None, the memory of a step is measured first."""

    def precision(self, asked: str) -> str:
        """What to ask a backend for: `asked`, but float32 for "auto" unless this network has mixed precision."""
        return "float32" if asked == "auto" and not self.mixed_precision else asked

    def chosen(self, asked: Mapping[str, str], wished: Mapping[str, str] | None = None) -> dict[str, str]:
        """What to build with: `asked`, and where that is silent `wished`, as far as this network knows of it.

        Raises `RecipeError` for anything asked for that there is none of.
        """
        for option, value in asked.items():
            self._check(option, value)
        known = {option: value for option, value in (wished or {}).items() if value in self.options.get(option, ())}
        return {**known, **asked}

    def _check(self, option: str, value: str) -> None:
        if option not in self.options:
            options = f"Its options: {', '.join(self.options)}." if self.options else "It has none."
            raise RecipeError(f"The network {self.name} has no option {option!r}.", options)
        if value not in self.options[option]:
            seen = f"The option {option} of {self.name} is {value!r}"
            raise RecipeError(f"{seen}; expected one of {', '.join(self.options[option])}.")
