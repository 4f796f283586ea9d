"""Masks, transparency, several styles, and edges that fit together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from conftest import drawing
from impasto import ImageError, Picture, Recipe, paint, read, stylized
from impasto.objective.gram import gram
from impasto.objective.objective import Objective, Weights
from impasto.objective.profiles import IMPASTO
from impasto.objective.spatial_weights import SpatialWeights
from impasto.painting.scene import Scene, Style, fitted
from impasto.painting.targets import View
from impasto.plugin.registry import registry

QUICK = {"init": "content", "scales": 1, "steps": 3, "size": 96}
Pixels = np.ndarray


def picture(width: int = 96, height: int = 64, seed: int = 1) -> Picture:
    return Picture(drawing(width, height, seed).astype(np.float32) / 255)


def left(width: int = 96, height: int = 64) -> Pixels:
    mask = np.zeros((height, width), np.float32)
    mask[:, : width // 2] = 1
    return mask


def disc(width: int = 96, height: int = 64) -> Pixels:
    """One in the middle, with an edge eight pixels wide."""
    y, x = np.mgrid[:height, :width]
    distance = np.hypot(x - width / 2, y - height / 2)
    return ((height / 3 - distance) / 8 + 0.5).clip(0, 1).astype(np.float32)


# Where to paint


def test_outside_the_mask_nothing_changes_and_at_its_edge_it_blends() -> None:
    content, mask = picture(), disc()
    painted = stylized(content, picture(80, 80, 2), mask, **QUICK)
    assert (painted.pixels[mask == 0] == content.pixels[mask == 0]).all()
    assert np.abs(painted.pixels - content.pixels)[mask == 1].mean() > 0.05
    moved = np.abs(painted.pixels - content.pixels).mean(axis=2)
    assert moved[(mask > 0) & (mask < 0.3)].mean() < moved[mask > 0.7].mean() / 2


def test_what_lies_outside_cannot_be_seen() -> None:
    """The same picture inside, whatever is outside: in the content by mask or by alpha, in the style by its region."""
    mask = (disc() > 0.5).astype(np.float32)
    content, style, other = picture(), picture(80, 80, 2), picture(seed=5)
    half = left(80, 80)
    elsewhere = Picture(np.where(mask[..., None] > 0, content.pixels, other.pixels))
    repainted = Picture(np.where(half[..., None] > 0, style.pixels, style.pixels[::-1]))
    one = stylized(content, [Style(style, region=half)], mask, **QUICK).pixels
    two = stylized(elsewhere, [Style(repainted, region=half)], mask, **QUICK).pixels
    three = stylized(Picture(elsewhere.pixels, mask), [Style(Picture(repainted.pixels, half))], **QUICK).pixels
    assert (one[mask > 0] == two[mask > 0]).all()
    assert (one[mask > 0] == three[mask > 0]).all()


def losses_at(content: Picture, styles: Sequence[Style], mask: Pixels | None, image: torch.Tensor) -> dict[str, float]:
    """The losses of the upper left of `image`, as far as the mask goes, for paintings at their own size."""
    network = registry().network("wavelet").build()
    weights = Weights.of(Recipe(), IMPASTO, network.content_layers, network.style_layers)
    scene = Scene(content, styles, max(content.size), mask)
    view = View(scene, max(scene.crop.size), "cpu", [1.0] * len(styles))
    losses = Objective(IMPASTO, weights, view.targets(network, weights), network)(image)
    return {name: float(loss) for name, loss in losses.items()}


def test_half_a_picture_has_the_statistics_of_its_half(shared: Path) -> None:
    whole, style = fitted(read(shared / "tubingen.jpg"), 384), fitted(read(shared / "the_scream.jpg"), 256)
    width, height = whole.size
    cut = Picture(np.ascontiguousarray(whole.pixels[:, : width // 2]))
    image = torch.rand(1, 3, height, width // 2, generator=torch.Generator().manual_seed(0))
    masked = losses_at(whole, [Style(style)], left(width, height), image)
    assert masked == pytest.approx(losses_at(cut, [Style(style)], None, image), rel=1e-4)


def test_a_small_selection_costs_what_it_covers() -> None:
    mask = np.zeros((480, 640), np.float32)
    mask[200:280, 300:400] = 1
    (step, *_) = paint(picture(640, 480), picture(80, 80, 2), Recipe(init="content", size=640, steps=1), mask)
    assert tuple(step.image.shape) == (1, 3, 80, 100)
    assert step.picture().size == (640, 480)


def test_a_speck_is_seen_with_room_around_it() -> None:
    mask = np.zeros((100, 200), np.float32)
    mask[98, 3] = 1
    (step, *_) = paint(picture(200, 100), picture(80, 80, 2), Recipe(init="content", size=200, steps=1), mask)
    assert tuple(step.image.shape) == (1, 3, 64, 64)
    assert (np.argwhere((step.picture().pixels != picture(200, 100).pixels).any(axis=2)) == [[98, 3]]).all()


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (np.zeros((6, 9), np.float32), "The mask is black all over; expected white where it is to count. Paint"),
        (np.ones((8, 8)), r"The mask is float64 \(8, 8\); expected float32 \(H, W\), values 0 to 1."),
        (np.ones((8, 8, 3), np.float32), r"The mask is float32 \(8, 8, 3\)"),
        (np.full((8, 8), np.nan, np.float32), "expected float32"),
        (
            np.ones((96, 64), np.float32),
            "The mask is 64x96 pixels and its picture 96x64; expected the same",
        ),
        (np.ones((660, 960), np.float32), "The mask is 960x660 pixels"),
    ],
)
def test_masks_that_cannot_be_used(mask: Pixels, words: str) -> None:
    with pytest.raises(ImageError, match=words):
        paint(picture(), picture(), Recipe(**QUICK), mask)


@pytest.mark.parametrize("shape", [(32, 48), (33, 50), (21, 32), (641, 960), (1, 2)])
def test_a_mask_may_be_of_another_size_and_of_another_shape_within_a_pixel(shape: tuple[int, int]) -> None:
    Scene(picture(), [Style(picture(), mask=np.ones(shape, np.float32))], 96, np.ones(shape, np.float32))


def test_a_picture_that_is_all_transparent_is_said_to_be() -> None:
    clear = Picture(picture().pixels, np.zeros((64, 96), np.float32))
    with pytest.raises(ImageError, match=r"^The picture to paint is transparent all over\. Use a picture of which"):
        paint(clear, picture(), Recipe(**QUICK))
    with pytest.raises(ImageError, match=r"^The picture to paint is transparent all over\."):
        paint(clear, picture(), Recipe(**QUICK), left())
    with pytest.raises(ImageError, match=r"^The style is transparent all over\."):
        paint(picture(), clear, Recipe(**QUICK))


def test_a_mask_of_transparent_pixels_only_is_said_to_be_one() -> None:
    half = Picture(picture().pixels, 1 - left())
    with pytest.raises(ImageError, match=r"^The mask is white only where the picture to paint is transparent\."):
        paint(half, picture(), Recipe(**QUICK), left())
    with pytest.raises(ImageError, match=r"^The part of the style to take is white only where the style is transp"):
        paint(picture(), [Style(half, region=left())], Recipe(**QUICK))


# Statistics where a mask is


def test_a_guided_gram_matrix() -> None:
    features = torch.rand(1, 5, 6, 8, generator=torch.Generator().manual_seed(1))
    mask = torch.rand(1, 1, 12, 16, generator=torch.Generator().manual_seed(2))
    mask[..., :5] = 0
    weights = mask.reshape(6, 2, 8, 2).mean(dim=(1, 3)).numpy().astype(np.float64).ravel()
    rows = features[0].flatten(1).numpy().astype(np.float64)
    where = SpatialWeights.of(mask, 6, 8)
    assert where.positions == pytest.approx(weights.sum())
    assert gram(features, where).numpy() == pytest.approx((rows * weights) @ rows.T / weights.sum())


# Several styles


def test_two_of_the_same_style_are_that_style() -> None:
    content, style = picture(), picture(80, 80, 2)
    one = stylized(content, style, **QUICK).pixels
    two = stylized(content, [Style(style, 3.0), Style(style, 1.0)], **QUICK).pixels
    assert np.abs(one - two).max() < 0.02


def test_a_style_of_no_weight_is_not_there() -> None:
    content, style = picture(), picture(80, 80, 2)
    with_it = stylized(content, [Style(style), Style(picture(seed=3), 0.0)], **QUICK).pixels
    assert (with_it == stylized(content, style, **QUICK).pixels).all()


def test_a_style_that_applies_outside_the_mask_only_is_not_there() -> None:
    content, style = picture(), picture(80, 80, 2)
    beside, mask = np.zeros((64, 96), np.float32), np.zeros((64, 96), np.float32)
    beside[16:, :40], mask[:8], mask[:, 48:] = 1, 1, 1  # the rectangle around the mask is the whole picture
    both = [Style(style), Style(picture(seed=9), mask=beside)]
    alone = stylized(content, [Style(style, mask=1 - beside)], mask, **QUICK).pixels
    assert (stylized(content, both, mask, **QUICK).pixels == alone).all()


def test_masks_that_overlap_share_the_pixels_by_weight() -> None:
    styles = [Style(picture(), 1.0, np.ones((4, 6), np.float32)), Style(picture(), 3.0, left(6, 4))]
    first, second = Scene(picture(), styles, 96).shares
    assert first is not None and second is not None
    assert first[0, 0] == pytest.approx(0.25) and second[0, 0] == pytest.approx(0.75)
    assert first[0, -1] == pytest.approx(1) and second[0, -1] == 0


def test_two_styles_each_land_on_their_half() -> None:
    red, blue = (np.float32(0.05) * (drawing(80, 80, seed) / np.float32(255)) + np.float32(0.18) for seed in (2, 3))
    red[..., 0], blue[..., 2] = 0.9, 0.9
    mask = left()
    styles = [Style(Picture(red), mask=mask), Style(Picture(blue), mask=1 - mask)]
    painted = stylized(picture(), styles, **QUICK, strength=80).pixels
    assert painted[:, :44, 0].mean() > 0.6 > 0.4 > painted[:, :44, 2].mean()
    assert painted[:, 52:, 2].mean() > 0.6 > 0.4 > painted[:, 52:, 0].mean()


# Edges that fit together


def test_a_seamless_texture_continues_over_its_edges() -> None:
    from impasto import texture

    def jump(seamless: bool) -> float:
        """The step from one edge to the other beside the usual step from pixel to pixel."""
        *_, last = texture(picture(80, 80, 2), 96, 96, seamless=seamless, steps=40, scales=1)
        pixels = last.picture().pixels
        across = np.abs(pixels[:, 0] - pixels[:, -1]).mean() / np.abs(np.diff(pixels, axis=1)).mean()
        down = np.abs(pixels[0] - pixels[-1]).mean() / np.abs(np.diff(pixels, axis=0)).mean()
        return float(max(across, down))

    assert jump(seamless=True) < 1.2
    assert jump(seamless=False) > 1.3
