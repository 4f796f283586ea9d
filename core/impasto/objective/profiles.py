"""Profiles: whose formulas and weights the objective takes. Implementations differ by factors that change the picture.

A profile other than ours gives the losses that its source computes, to float32 rounding, with the weights the source
was written for (`impasto weights` says which can be had) at strength 50; `mahendran` has its source's formulas and
weights of ours. What is ours in all of them: pictures are kept in [0, 1] and resampled by our one filter, the optimiser
is the recipe's, and work goes from coarse to fine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

from torch import Tensor

from ..plugin.network import Finish
from ..recipe.knobs import OURS
from ..recipe.recipe import Recipe
from . import content, gram, regularisers
from .content import Sums
from .regularisers import total_variation


@dataclass(frozen=True)
class Profile:
    """Loss formulas and default weights, and where they come from."""

    name: str
    source: str
    content: Callable[[Sums], Tensor]
    """Sums of F^l and P^l -> content loss of a layer."""
    style: Callable[[Tensor, Tensor], Tensor]
    """(G^l, A^l), Gram matrices per position -> style loss of a layer, E_l."""
    variation: Callable[[Tensor], Tensor]
    content_weight: float
    style_weight: float
    tv_weight: float = 0.0
    histogram_weight: float = 0.0
    norm: Callable[[Tensor], Tensor] = regularisers.alpha_norm
    norm_weight: float = 0.0
    noise: float = 0.0
    """Deviation of the noise added to the start."""
    recolour: bool = False
    """Whether a start from the content takes the style's colours first."""
    half_trust_positions: float = 0.0
    """Positions M_0 at which a Gram matrix counts half: E_l is weighed by M / (M + M_0). Over a few dozen positions it
    tells how the painting is laid out rather than how it is painted."""
    grain: float = 0.2
    """Deviation of a start from noise, around middle grey."""
    kind: Literal["gram", "neighbours", "transport"] = "gram"
    """Gram matrices; or the nearest features of the painting, by `neighbours.py`; or samples of features, by
    `transport.py`. In the latter two `content` and `style` are not used, all layers are taken by default, and the same
    for both. By neighbours, `content_weight`, 0 to 1, is what the content counts beside the picture so far in finding
    what is nearest; in transport it is alpha at the coarsest size."""
    content_layers: Mapping[str, float] = field(default_factory=dict)
    """Layers and their w_l, where the network has them; empty for the network's own."""
    style_layers: Mapping[str, float] = field(default_factory=dict)
    network_options: Mapping[str, str] = field(default_factory=dict)
    """How to build the network, as far as it offers that."""

    @classmethod
    def of(cls, recipe: Recipe, finish: Finish | None = None) -> Profile:
        """The recipe's profile, with the exponents that the recipe asks for; `finish` after a start by matching."""
        profile = (
            finishing(finish) if finish and recipe.matched and recipe.profile == OURS else PROFILES[recipe.profile]
        )
        norm = partial(regularisers.alpha_norm, power=recipe.norm_power)
        if recipe.tv_power is None:
            return replace(profile, norm=norm)
        return replace(profile, norm=norm, variation=partial(regularisers.power_variation, power=recipe.tv_power))


IMPASTO = Profile(
    name="impasto",
    source="ours: each layer's error relative to its target, so that one strength means the same for every style",
    content=content.direction_error,
    style=gram.relative,
    variation=total_variation,
    content_weight=1.5,
    style_weight=1.0,
    histogram_weight=50.0,
    noise=0.08,
    recolour=True,
    half_trust_positions=60.0,
)


def finishing(finish: Finish) -> Profile:
    """Ours after a start by matching, on a network that goes on so."""
    absolute = finish.errors == "absolute"
    return Profile(
        name="impasto",
        source="jcjohnson/neural-style at 07c4b82, without total variation" if absolute else IMPASTO.source,
        content=content.mean_squares if absolute else IMPASTO.content,
        style=gram.mean_by_channels if absolute else IMPASTO.style,
        variation=total_variation,
        content_weight=finish.content_weight,
        style_weight=finish.style_weight,
        network_options=finish.options,
    )


CONTENT = {"conv4_2": 1.0}
STYLE = {f"conv{block}_1": 1.0 for block in range(1, 6)}
"""All five take these layers of VGG-19, after the ReLU."""

# With Gatys' normalised weights; on others E_l and the content loss are out of balance. The paper does not say how
# strong its white noise is.
GATYS2016 = Profile(
    name="gatys2016",
    source="Gatys, Ecker and Bethge, CVPR 2016: eq. 1, 4, 5 and 7, w_l = 1/5, alpha/beta = 1e-3 (figure 3 B)",
    content=content.half_squares,
    style=gram.gatys,
    variation=total_variation,
    content_weight=1.0,
    style_weight=1e3,
    content_layers=CONTENT,
    style_layers=dict.fromkeys(STYLE, 1 / 5),
    network_options={"pooling": "average"},
)

# With the same weights. Its 1e3/N^2 per layer is 1e3 here and 1/N^2 in the formula.
GATYS_NOTEBOOK = Profile(
    name="gatys-notebook",
    source="leongatys/PytorchNeuralStyleTransfer at be6c8e2, the notebook's first pass",
    content=content.mean_squares,
    style=gram.mean_by_channels,
    variation=total_variation,
    content_weight=1.0,
    style_weight=1e3,
    content_layers=CONTENT,
    style_layers=STYLE,
    network_options={"pooling": "max"},
)

# With Caffe's weights. Its noise lies around the mean colour of ImageNet; ours around middle grey.
JOHNSON = Profile(
    name="johnson",
    source="jcjohnson/neural-style at 07c4b82, defaults of neural_style.lua",
    content=content.mean_squares,
    style=gram.mean_by_channels,
    variation=regularisers.squared_variation,
    content_weight=5.0,
    style_weight=100.0,
    tv_weight=1e-3,
    grain=0.001 / 256,
    content_layers=CONTENT,
    style_layers=STYLE,
    network_options={"pooling": "max", "scale": "256"},
)

# With torchvision's weights.
GORDIC = Profile(
    name="gordic",
    source="gordicaleksa/pytorch-neural-style-transfer at a244dc6, defaults of neural_style_transfer.py",
    content=content.mean_squares,
    style=gram.sum_by_channels,
    variation=regularisers.absolute_variation,
    content_weight=1e5,
    style_weight=3e4,
    tv_weight=1.0,
    grain=90 / 255,
    content_layers=CONTENT,
    style_layers=dict.fromkeys(STYLE, 1 / 5),
    network_options={"pooling": "max", "scale": "255"},
)

# With torchvision's weights. The program itself compares means and covariances; this is the Gram loss it also has.
CROWSON = Profile(
    name="crowson",
    source="crowsonkb/style-transfer-pytorch at e7e2c71, defaults, with its class StyleLoss on Gram matrices",
    content=content.mean_squares,
    style=gram.steady,
    variation=regularisers.nine_point_variation,
    content_weight=0.015,
    style_weight=1.0,
    tv_weight=2.0,
    content_layers=CONTENT,
    style_layers={layer: 4.0**-number * 256 / 341 for number, layer in enumerate(STYLE)},
    network_options={"pooling": "max", "padding": "replicate-first"},
)

# For reconstructions, at strength 0, where alpha is four times the content weight: their 1. A relative error, as
# theirs, puts every layer and picture on one scale with the regularisers; a loss that compares direction only, as our
# own, would not bring the contrast back. What a layer does not see, as colour in the shapes of `wavelet`, is left to
# the regularisers: the total variation is strong enough to smooth the noise of the start out of it.
MAHENDRAN = Profile(
    name="mahendran",
    source="Mahendran and Vedaldi, CVPR 2015, section 3; lambdas of ours, a fraction of those they suggest",
    content=content.relative_error,
    style=gram.relative,
    variation=regularisers.power_variation,
    content_weight=1 / 4,
    style_weight=0.0,
    tv_weight=1e-4,
    norm_weight=1e-3,
)

# Kolkin's own program: without conv5, which slows it and changes little; its alpha of 0.75.
NNST = Profile(
    name="nnst",
    source="Kolkin et al., Neural neighbor style transfer (2022), sections 3.1 to 3.3; L-BFGS in place of Adam",
    content=content.relative_error,
    style=gram.relative,
    variation=total_variation,
    content_weight=0.75,
    style_weight=1.0,
    kind="neighbours",
    style_layers=dict.fromkeys(
        [*(f"conv{block}_{number}" for block in (1, 2) for number in (1, 2))]
        + [f"conv{block}_{number}" for block in (3, 4) for number in (1, 2, 3)],
        1.0,
    ),
    network_options={"pooling": "max"},
)

# The layers of their program, where the picture's colours are one more. Their alpha of 16
# keeps the photograph where layers are divided by their length: it is strength 20 here.
STROTSS = Profile(
    name="strotss",
    source="Kolkin, Salavon and Shakhnarovich, CVPR 2019, eq. 3 to 9; L-BFGS in place of RMSprop on a pyramid",
    content=content.relative_error,
    style=gram.relative,
    variation=total_variation,
    content_weight=1.0,
    style_weight=1.0,
    kind="transport",
    style_layers=dict.fromkeys(
        [f"conv{name}" for name in ("1_1", "1_2", "2_1", "2_2", "3_1", "3_2", "3_3", "4_3", "5_3")], 1.0
    ),
    network_options={"pooling": "max"},
)

ALL = (IMPASTO, GATYS2016, GATYS_NOTEBOOK, JOHNSON, GORDIC, CROWSON, MAHENDRAN, NNST, STROTSS)
PROFILES = {profile.name: profile for profile in ALL}
