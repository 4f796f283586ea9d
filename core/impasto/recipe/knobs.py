"""Every knob of a painting: its group, kind, range and default, and where that default comes from.

Plain data, so that command-line help and editors can list the knobs without loading the library that validates them.
`Recipe` validates them; the CLI's options, the worker's request and the table in the docs are derived from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MOST_WEIGHT = 1e12
MOST_STYLES = 8
USUAL_SIZE = 512
"""Longest side of a result where nothing is said of it. Source: Gatys et al. 2016."""
EXPECTED = {
    "whole": "a whole number, ",
    "real": "a number, ",
    "text": "a word",
    "choice": "one of ",
    "weights": "LAYER=WEIGHT,..., each weight 0 to 1e+12",
    "options": "OPTION=VALUE,...",
    "flag": "true or false",
    "size": "original, a share of that as 50%, or a whole number, ",
    "numbers": "numbers, 0 to 1e+12, with commas between them",
    "part": "LEFT,TOP,WIDTH,HEIGHT as shares of the picture, 0 to 1, and all of it inside",
}


@dataclass(frozen=True)
class Knob:
    """One knob. `default` None leaves the choice to the profile or the network."""

    group: str
    kind: Literal["whole", "real", "text", "choice", "weights", "options", "flag", "size", "numbers", "part"]
    default: int | float | str | bool | None
    description: str
    low: float | None = None
    above: float | None = None
    """Lower limit that is itself not allowed."""
    high: float | None = None
    choices: tuple[str, ...] = ()
    source: str = ""
    """Where the default comes from; for a default of None, who chooses."""

    @property
    def range(self) -> str:
        """The allowed values in words, as "16 to 32768"; empty where any text will do."""
        if self.kind == "choice":
            return ", ".join(self.choices)
        if self.high is None:
            return ""
        low = f"above {_plain(self.above)}" if self.low is None else _plain(self.low)
        return f"{low} to {_plain(self.high)}"

    @property
    def expected(self) -> str:
        """What a value must be, to complete "expected ..."."""
        return EXPECTED[self.kind] + self.range


def _plain(number: float | None) -> str:
    return str(number) if isinstance(number, int) else f"{number:g}"


PICTURE, NETWORK, LOSS, RUN = "The picture", "The network", "The losses", "The way there"

OURS, NEIGHBOURS, TRANSPORT = "impasto", "nnst", "strotss"
STARTS = ("matched", "content", "noise", "style")
NOISY = ("gatys2016", "johnson")
"""Profiles that start from noise unless told otherwise, as their sources do."""

KNOBS: dict[str, Knob] = {
    "size": Knob(
        PICTURE,
        "size",
        None,
        "Longest side of the result in pixels; original: that of the content, 50%: half of it.",
        low=16,
        high=32768,
        source=f"{USUAL_SIZE}, or the content's own where that is smaller",
    ),
    "strength": Knob(
        PICTURE,
        "real",
        50,
        "How far towards the style: 0 leaves the content as it is, 100 forgets it.",
        low=0,
        high=100,
        source="middle of the scale",
    ),
    "detail": Knob(
        PICTURE,
        "real",
        0.6,
        "Fine detail of the content that is there to start from at each size: 0 leaves broad strokes, 1 every twig.",
        low=0,
        high=1,
        source="by eye",
    ),
    "style_weights": Knob(
        PICTURE, "numbers", None, "How much each of several styles counts, as 2,1.", source="all alike"
    ),
    "colour": Knob(
        PICTURE,
        "choice",
        "style",
        "Colours of the style; keep: of the content; match: style recoloured first; palette: colours, no strokes.",
        choices=("style", "keep", "match", "palette"),
        source="Gatys et al. 2016",
    ),
    "style_scale": Knob(
        PICTURE,
        "real",
        1,
        "Longest side of the style beside that of the result: smaller makes finer strokes.",
        above=0,
        high=8,
        source="jcjohnson/neural-style",
    ),
    "style_crop": Knob(
        PICTURE,
        "part",
        None,
        "Take a part of the style only: LEFT,TOP,WIDTH,HEIGHT as shares of it, as 0,0,0.5,1.",
        source="all of it",
    ),
    "stroke_size": Knob(
        PICTURE,
        "real",
        None,
        "Width of the strokes in pixels of the result, whatever its size; in place of the style scale.",
        low=1,
        high=1000,
        source="by the style scale",
    ),
    "quality": Knob(
        PICTURE,
        "choice",
        "normal",
        "draft: at half the size, 512 pixels at most, and in few steps; fine: in twice the steps.",
        choices=("draft", "normal", "fine"),
        source="8 to 12 s for 512 pixels",
    ),
    "init": Knob(
        PICTURE,
        "text",
        "matched",
        "Start from matched (patches of the style, as the content asks), content, noise, style, or a picture FILE.",
        source=f"blind juries; seamless and profiles of others start from content, {' and '.join(NOISY)} from noise",
    ),
    "seed": Knob(PICTURE, "whole", 0, "Seed of the noise in the start.", low=0, high=2**32 - 1, source="any number"),
    "seamless": Knob(
        PICTURE, "flag", False, "Let the edges fit together, for patterns and tiles.", source="pictures have edges"
    ),
    "network": Knob(
        NETWORK,
        "text",
        "auto",
        "Network that evaluates the pictures; auto: the best that is ready. `impasto plugins` lists them.",
        source="blind juries",
    ),
    "network_options": Knob(
        NETWORK, "options", None, "Ways to build the network, as pooling=max.", source="the profile's, or the network's"
    ),
    "backend": Knob(NETWORK, "text", "torch", "Backend that runs the network.", source="differentiable"),
    "targets": Knob(
        NETWORK,
        "text",
        None,
        "Backend that computes what the picture is to match; it needs no gradients.",
        source="the backend's own",
    ),
    "device": Knob(NETWORK, "text", "auto", "auto, cpu, cuda, cuda:N or mps.", source="the fastest there is"),
    "precision": Knob(
        NETWORK,
        "choice",
        "auto",
        "Arithmetic inside the network; bfloat16 is fast where the processor has it.",
        choices=("auto", "float32", "bfloat16"),
        source="the quicker one, measured once; float32 for wavelet",
    ),
    "profile": Knob(
        LOSS,
        "choice",
        "impasto",
        "Whose loss formulas and weights.",
        choices=(
            *("impasto", "gatys2016", "gatys-notebook", "johnson", "gordic", "crowson", "mahendran"),
            *(NEIGHBOURS, TRANSPORT),
        ),
        source="one scale for all styles",
    ),
    "content_layers": Knob(LOSS, "weights", None, "Content layers and their weights w_l.", source="the network's"),
    "style_layers": Knob(LOSS, "weights", None, "Style layers and their weights w_l.", source="the network's"),
    "content_weight": Knob(
        LOSS,
        "real",
        None,
        "alpha, weight of the content loss at strength 50.",
        low=0,
        high=MOST_WEIGHT,
        source="the profile's",
    ),
    "style_weight": Knob(
        LOSS,
        "real",
        None,
        "beta, weight of the style loss at strength 50.",
        low=0,
        high=MOST_WEIGHT,
        source="the profile's",
    ),
    "tv_weight": Knob(
        LOSS, "real", None, "Weight of the total variation loss.", low=0, high=MOST_WEIGHT, source="the profile's"
    ),
    "tv_power": Knob(
        LOSS,
        "real",
        None,
        "beta of Mahendran and Vedaldi's total variation, sum (dx^2 + dy^2)^(beta/2); theirs is 2.",
        above=0,
        high=10,
        source="the profile's own form",
    ),
    "norm_weight": Knob(
        LOSS,
        "real",
        None,
        "Weight of the alpha-norm, sum |x - 1/2|^alpha, which keeps colours in range.",
        low=0,
        high=MOST_WEIGHT,
        source="the profile's",
    ),
    "norm_power": Knob(
        LOSS, "real", 6, "alpha of the alpha-norm.", low=1, high=20, source="Mahendran and Vedaldi 2015"
    ),
    "histogram_weight": Knob(
        LOSS, "real", None, "Weight of the colour histogram loss.", low=0, high=MOST_WEIGHT, source="the profile's"
    ),
    "tile": Knob(
        RUN,
        "whole",
        None,
        "Side of the tiles to evaluate the picture in: the same picture but for rounding in less memory, slower.",
        low=64,
        high=8192,
        source="all at once if the memory will do",
    ),
    "memory": Knob(
        RUN,
        "real",
        None,
        "Most memory to take, in GB, the program itself included.",
        above=0,
        high=1e6,
        source="all that is free",
    ),
    "scales": Knob(RUN, "whole", None, "Sizes to work at, coarse to fine.", low=1, high=12, source="by the size"),
    "steps": Knob(RUN, "whole", None, "Steps at the last size.", low=1, high=100_000, source="by the quality"),
    "optimiser": Knob(
        RUN, "choice", "lbfgs", "L-BFGS or Adam.", choices=("lbfgs", "adam"), source="half of Adam's steps, measured"
    ),
    "history": Knob(
        RUN, "whole", 12, "Steps that L-BFGS remembers, if the memory will do.", low=1, high=1000, source="measured"
    ),
    "line_search": Knob(
        RUN,
        "choice",
        "none",
        "armijo: halve each step of L-BFGS until the loss falls enough; a third slower.",
        choices=("none", "armijo"),
        source="jcjohnson/neural-style and most others",
    ),
    "learning_rate": Knob(RUN, "real", 0.03, "Adam's step on the [0, 1] image.", above=0, high=10, source="measured"),
}
