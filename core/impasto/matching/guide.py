"""What a painting is asked for at each place of the content: how light, of what hue, with strokes that go which way.

Light and dark follow the content, in the painting's own range; hues are those that the painting has for what is alike
(`hypercolumns`). Where the content is plain, a clear sky say, there is no light to follow, and a nearest patch would be
a plain one everywhere: there the guide is how the painting itself is laid out at that place, mirrored, so that its sky
goes into the sky.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..objective.colours import matched
from ..pictures.colour_axes import RED_GREEN, YELLOW_BLUE
from ..pictures.filters import blurred, resized
from .flow import Flow, along_edges
from .hues import Hues

LIGHT = (0.379, 0.587, 0.034)
"""Luma, with warm colours lighter and cool ones darker: what differs in hue only is told apart."""
PLAIN = 0.06
"""Deviation of light around a place at which it is half plain."""
BROAD, NEAR, LARGE = 1 / 12, 1 / 32, 1 / 10
"""Deviations of Gaussians beside the longest side: of what fine detail is raised above; around a place; of a layout."""
FINEST = 1 / 512
EVEN = 0.25
"""How far tones are made even."""
AGREE = 0.5
"""Difference of light at which the layout counts for a third: nothing of a moon on a dark roof."""
LEVEL = 0.6
"""How much of the painting's light and dark on the whole plain places take."""
ALIKE = 0.6
"""How much the hues of what is alike in the painting count beside the content's own, in the painting's range."""
SOFT, FORMS = 0.7, 1.5
"""Pixels by which light and tint are blurred."""


@dataclass(frozen=True)
class Guide:
    """The guide of a content for one painting, at one size: (1, C, h, w) each."""

    light: Tensor
    """One channel, in the painting's range of `light`."""
    tint: Tensor
    """Two channels, as `tint`."""
    strict: Tensor
    """One channel, 0 to 1: how much the tint counts."""
    form: Tensor
    """One channel: light before anything of the painting's layout came to it, by which edges are told."""
    flow: Flow
    """Which way strokes are to go."""


def light(image: Tensor) -> Tensor:
    """(1, 3, H, W) -> (1, 1, H, W), about 0 to 1."""
    return torch.einsum("c,bchw->bhw", image.new_tensor(LIGHT), image)[:, None]


def tint(image: Tensor) -> Tensor:
    """Yellow-blue and red-green, blurred: (1, 3, H, W) -> (1, 2, H, W)."""
    axes = image.new_tensor((YELLOW_BLUE, RED_GREEN)) / 2**0.5
    return blurred(F.conv2d(image, axes[:, :, None, None]), FORMS)


def guide(content: Tensor, painting: Tensor, detail: float, hues: Hues | None = None) -> Guide:
    """What `content` asks of `painting`, both (1, 3, H, W) in [0, 1] at one scale.

    detail: 0 to 1, how far the content's fine detail is raised above its large lights and darks.
    """
    longest = max(content.shape[-2:])
    shown, own = light(content), light(painting)
    fine = blurred(shown, longest * FINEST) - blurred(shown, longest * BROAD)
    seen = shown + 2 * detail * fine
    form = matched(seen.flatten(1), _tones(own)).view_as(seen)
    layout = resized(painting.flip(-1), *content.shape[-2:])
    laid = light(layout)
    large, own_large = (blurred(maps, longest * LARGE) for maps in (laid, form))
    plain = plainness(form, longest) * torch.exp(-(((large - form) / AGREE) ** 2))
    asked = form + plain * (laid - large + LEVEL * (large - own_large))
    hue, strict = tint(layout), plain
    if hues is not None:
        theirs = tint(painting)
        alike = _ranged(tint(hues.at(shown)), theirs)
        own = torch.lerp(_ranged(tint(content), theirs), alike, ALIKE)
        hue, strict = torch.lerp(own, hue, plain), torch.ones_like(plain)
    return Guide(blurred(asked, SOFT), hue, strict, form, along_edges(shown))


def _tones(own: Tensor) -> Tensor:
    """The tones of a painting's light, (1, K) from dark to bright, made somewhat more even.

    A drawing is nearly all white: by its own tones alone, all but the darkest of a photograph would be white too.
    """
    tones = own.flatten().sort().values
    low, high = (tones[round(share * (len(tones) - 1))] for share in (0.02, 0.98))
    return torch.lerp(tones, torch.linspace(0, 1, len(tones)).to(tones) * (high - low) + low, EVEN)[None]


def plainness(form: Tensor, longest: int) -> Tensor:
    """0 to 1, (1, 1, H, W): how plain it is around each place."""
    around = longest * NEAR
    variance = (blurred(form.square(), around) - blurred(form, around).square()).clamp_min(0)
    return blurred(1 / (1 + variance / PLAIN**2), around / 2)


def _ranged(values: Tensor, like: Tensor) -> Tensor:
    """`values`, (1, C, H, W), with the mean and the deviation of `like`, channel by channel."""
    middle, own = (maps.mean((2, 3), keepdim=True) for maps in (values, like))
    spread, wanted = (maps.std((2, 3), keepdim=True) for maps in (values, like))
    return (values - middle) / spread.clamp_min(1e-4) * wanted + own
