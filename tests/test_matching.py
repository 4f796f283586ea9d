"""A start by matching: what is laid comes from the painting, where the content asks for it, and within bounds."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from conftest import drawing
from impasto import Picture, Recipe, Style, paint
from impasto.features.largest import largest
from impasto.matching.flow import along_edges, strokes
from impasto.matching.guide import guide, light
from impasto.matching.matching import Aim, Match, Matching
from impasto.matching.patches import Patches
from impasto.pictures.frame import inside
from impasto.recipe.schedule import MATCHED, matching, stages

SIZES = matching(96, 64 / 96)


def tensor(width: int, height: int, seed: int) -> torch.Tensor:
    return torch.from_numpy(drawing(width, height, seed).astype(np.float32) / 255).permute(2, 0, 1)[None].contiguous()


def picture(width: int = 96, height: int = 64, seed: int = 1) -> Picture:
    return Picture(drawing(width, height, seed).astype(np.float32) / 255)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("count", [1, 8])
@pytest.mark.parametrize("columns", [8, 64, 65, 128, 577, 2048])
def test_the_largest_of_groups_are_the_largest_of_all(columns: int, count: int, dtype: torch.dtype) -> None:
    scores = torch.randn(50, columns, generator=torch.Generator().manual_seed(columns)).to(dtype)
    values, found = largest(scores, count)
    assert torch.equal(values, scores.topk(count, dim=1).values) and torch.equal(scores.gather(1, found), values)
    assert all(len(row.unique()) == count for row in found)
    assert count > 1 or torch.equal(found[:, 0], scores.argmax(1))


def matched(content: torch.Tensor, aims: Sequence[Aim], odds: float = 1.0, seed: int = 0) -> Match:
    """At every size up to that of `content`; paintings are scaled as the content is."""
    found, whole = Matching(odds, 0.6, seed), max(content.shape[-2:])
    for size in matching(whole, min(content.shape[-2:]) / whole):
        scaled = [_scaled(aim, size / whole) for aim in aims]
        last = found.at(_resized(content, size / whole), scaled)
    return last


def _resized(maps: torch.Tensor, scale: float) -> torch.Tensor:
    size = [round(side * scale) for side in maps.shape[-2:]]
    return torch.nn.functional.interpolate(maps, size=size, mode="area")


def _scaled(aim: Aim, scale: float) -> Aim:
    weight, share = (None if maps is None else _resized(maps, scale) for maps in (aim.weight, aim.share))
    return Aim(_resized(aim.painting, scale), weight, share, aim.part)


def test_all_patches_tried_finds_the_nearest() -> None:
    content, painting = tensor(40, 30, 1), tensor(50, 40, 2)
    patches = Patches(painting, None, guide(content, painting, 0.6), 1.0, torch.Generator().manual_seed(0))
    queries = patches.queries(content)
    found, scores = patches.all_tried(queries), queries @ patches.keys.T
    assert torch.allclose(scores.gather(1, found[:, None])[:, 0], scores.amax(1))
    distances = torch.stack([patches.distance(queries, torch.full_like(found, k)) for k in (0, 5, 99)])
    assert (patches.distance(queries, found) <= distances.amin(0) + 1e-4).all()


def test_a_picture_matched_with_itself_is_nearly_itself() -> None:
    """Where it is followed strictly, its own patches are the nearest, but for mirrored borders and the first sizes."""
    content = tensor(96, 64, 3)
    error = (matched(content, [Aim(content)], odds=20.0).picture - content).abs().mean()
    assert error < 0.5 * (matched(content, [Aim(tensor(96, 64, 4))], odds=20.0).picture - content).abs().mean()


def test_light_follows_the_content_the_more_the_higher_its_odds() -> None:
    content, painting = tensor(96, 64, 1), tensor(96, 96, 2)
    strict, free = (matched(content, [Aim(painting)], odds).picture for odds in (8.0, 0.05))
    likeness = [float(np.corrcoef(light(one).flatten(), light(content).flatten())[0, 1]) for one in (strict, free)]
    assert likeness[0] > likeness[1] + 0.01
    assert likeness[0] > 0.6


def test_the_same_seed_is_the_same_picture_and_another_is_another() -> None:
    content, aim = tensor(96, 64, 1), Aim(tensor(96, 96, 2))
    one, again, other = (matched(content, [aim], seed=seed).picture for seed in (3, 3, 4))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_what_counts_nothing_in_a_painting_is_not_laid() -> None:
    """The right half of the painting is red, which nothing else is."""
    painting, weight = tensor(96, 96, 2) * 0.5, torch.ones(1, 1, 96, 96)
    painting[..., 48:] = torch.tensor([1.0, 0.0, 0.0])[:, None, None]
    weight[..., 48:] = 0
    red = matched(tensor(96, 64, 1), [Aim(painting, weight)]).picture
    assert float((red[:, 0] - red[:, 1:].amax(1)).max()) < 0.6


def test_each_painting_goes_where_its_share_is() -> None:
    left = torch.zeros(1, 1, 64, 96)
    left[..., :48] = 1
    dark, bright = Aim(tensor(64, 64, 2) * 0.3, share=left), Aim(0.7 + tensor(64, 64, 3) * 0.3, share=1 - left)
    found = light(matched(tensor(96, 64, 1), [dark, bright]).picture)
    assert float(found[..., :44].mean()) < 0.35 < 0.65 < float(found[..., 52:].mean())


@pytest.mark.parametrize("part", [0.2, 0.5])
def test_without_shares_each_has_its_part(part: float) -> None:
    dark, bright = Aim(tensor(64, 64, 2) * 0.3, part=part), Aim(0.7 + tensor(64, 64, 3) * 0.3, part=1 - part)
    found = light(matched(tensor(96, 64, 1), [dark, bright]).picture)
    assert float((found < 0.5).float().mean()) == pytest.approx(part, abs=0.15)


def test_large_pictures_take_patches_from_where_they_were_found_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    content, aim = tensor(192, 128, 1), Aim(tensor(192, 192, 2))
    whole = matched(content, [aim]).picture
    monkeypatch.setattr("impasto.matching.matching.LARGEST", 96 * 64 + 1)
    copied = matched(content, [aim]).picture
    assert copied.shape == whole.shape
    assert float((copied - whole).abs().mean()) < 0.12  # the same places, some a pixel beside


@pytest.mark.parametrize(("width", "height"), [(16, 16), (512, 16), (20, 300), (97, 61)])
def test_any_shape_is_matched(width: int, height: int) -> None:
    recipe = Recipe.of(size=max(width, height), network="wavelet", device="cpu")
    *_, last = paint(picture(width, height), picture(80, 20), recipe)
    assert last.picture().size == (width, height)
    assert last.losses.keys() == {"match"}


def test_a_style_of_any_scale_is_matched() -> None:
    for scale in (0.05, 4.0):
        *_, last = paint(picture(), picture(80, 80), Recipe.of(size=64, network="wavelet", style_scale=scale))
        assert last.picture().size == (64, 43)


def test_masks_and_styles_of_a_recipe_reach_it() -> None:
    left = np.zeros((64, 96), np.float32)
    left[:, :48] = 1
    dark, bright = (Picture(picture(64, 64, seed).pixels * 0.3 + base) for seed, base in ((2, 0.0), (3, 0.7)))
    styles = [Style(dark, mask=left), Style(bright, mask=1 - left)]
    *_, last = paint(picture(), styles, Recipe.of(size=96, network="wavelet"))
    found = last.picture().pixels
    assert found[:, :44].mean() < 0.35 < 0.65 < found[:, 52:].mean()


def test_little_strength_changes_little() -> None:
    content = picture()
    changes = []
    for strength in (0, 2, 10, 50):
        *_, last = paint(content, picture(80, 80, 2), Recipe.of(size=96, network="wavelet", strength=strength))
        changes.append(np.abs(last.picture().pixels - content.pixels).mean())
    assert changes[0] == 0
    assert changes == sorted(changes)
    assert changes[1] < 0.15 * changes[3]


def test_the_sizes_of_matching_hold_those_of_half_the_size() -> None:
    assert set(matching(256)) <= set(matching(512)) == {45, 64, 91, 128, 181, 256, 362, 512}
    assert min(matching(4000)) >= MATCHED / 2**0.5
    assert matching(512, 16 / 512) == (256, 362, 512)
    assert matching(16) == (16,)


def test_a_painting_is_matched_and_then_finished_at_the_last_size() -> None:
    plan = stages(Recipe(size=512), 512, 384, 6)
    assert [(stage.size, stage.steps, bool(stage.sizes)) for stage in plan] == [(512, 8, True), (512, 6, False)]
    assert [stage.size for stage in stages(Recipe(size=512), 512, 384)] == [512]
    assert [stage.size for stage in stages(Recipe(size=512, scales=2), 512, 384, 6)] == [256, 256, 512]
    assert [stage.size for stage in stages(Recipe(size=512, quality="draft"), 512, 384, 6)] == [256, 256]
    assert [stage.size for stage in stages(Recipe(size=100, quality="draft"), 100, 100)] == [100]


def test_a_frame_is_left_out() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.random((200, 300, 3), np.float32) * 0.3 + 0.3
    assert inside(Picture(pixels.copy())) == pytest.approx((0.02, 0.02, 0.96, 0.96))
    pixels[:, -15:] = (0.8, 0.1, 0.1)
    left, top, width, height = inside(Picture(pixels))
    assert (left, top, height) == pytest.approx((0.02, 0.02, 0.96))
    assert 285 / 300 - 0.02 <= left + width <= 285 / 300


def lines(angle: float, width: int = 64, height: int = 64, period: float = 4.0) -> torch.Tensor:
    """Strokes that go this way, in degrees from rightwards to downwards: their light, (1, 1, H, W)."""
    down, across = torch.meshgrid(torch.arange(height).float(), torch.arange(width).float(), indexing="ij")
    beside = math.cos(math.radians(angle)) * down - math.sin(math.radians(angle)) * across
    return (0.5 + 0.4 * torch.sin(2 * math.pi * beside / period))[None, None]


@pytest.mark.parametrize("angle", [0, 30, 90, 135, 170])
def test_the_direction_of_strokes_is_found(angle: float) -> None:
    x, y = strokes(lines(angle, period=8))[0, :, 32, 32].tolist()
    across = math.degrees(math.atan2(y, x)) / 2  # that of the gradient, which is at right angles to the stroke
    assert (across - angle) % 180 == pytest.approx(90, abs=4)
    assert math.hypot(x, y) > 0.8


def test_a_plain_place_takes_the_direction_of_the_edge_beside_it() -> None:
    content = torch.full((1, 1, 96, 400), 0.3)
    content[..., 200:] = 0.8
    flow = along_edges(content)
    assert flow.direction[0, 0, 48, 206] > 0.95  # the gradient points across
    assert flow.sure[0, 0, 48, 206] > 5 * flow.sure[0, 0, 48, 300]


def test_strokes_follow_the_edges_of_the_content() -> None:
    """Both halves of the painting have the same tones; in one, strokes go across, in the other down."""
    painting = torch.cat([lines(0, 96, 48), lines(90, 96, 48)], 2).expand(1, 3, 96, 96).contiguous()
    content = 0.5 + 0.3 * torch.sin(torch.arange(96) / 5).expand(1, 3, 64, 96)  # its edges go down
    laid = light(matched(content.contiguous(), [Aim(painting)]).picture)
    across, down = (laid.diff(dim=dim).abs().mean() for dim in (3, 2))
    assert float(across) > 2 * float(down)
