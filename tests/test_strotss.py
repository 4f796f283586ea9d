"""Profile strotss: its losses beside a plain reading of the paper, tiles beside the whole, and pictures by it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from conftest import drawing
from impasto import Picture, Recipe, RecipeError, stylized
from impasto.features.receptive_field import footprint_of
from impasto.features.tiles import Tiling
from impasto.matching.guide import light
from impasto.objective.objective import Weights
from impasto.objective.profiles import PROFILES
from impasto.objective.tiled import Tiled
from impasto.objective.transport import Positions, Transport, palette
from impasto.painting.loading import Loaded
from impasto.painting.scene import Scene, Style
from impasto.painting.targets import View
from impasto.painting.transport import DRAWS, SAMPLES, TransportObjectives, tinted
from impasto.plugin import Network
from impasto.plugin.registry import registry
from impasto.recipe.schedule import stages
from impasto_vgg.architecture import VGG16
from impasto_vgg.network import VGG
from random_vgg import random_weights

EXACT = 1e-4
"""Of a loss, and of the gradient's length: float32 beside float64, and the order of sums."""
TURNED = 5e-4
"""Of the gradient's length, where rounding may change which sample is the nearest."""
STROTSS = PROFILES["strotss"]


def picture(width: int, height: int, seed: int = 1) -> Picture:
    return Picture(drawing(width, height, seed).astype(np.float32) / 255)


def vgg() -> Network:
    return VGG(random_weights(width=16, architecture=VGG16), VGG16, "torchvision")


def wavelet() -> Network:
    return registry().network("wavelet").build()


def weights_of(network: Network, strength: float) -> Weights:
    known = STROTSS.style_layers.keys() <= set(network.layers)
    layers = STROTSS.style_layers if known else dict.fromkeys(network.layers, 1.0)
    return Weights.of(Recipe(strength=strength), STROTSS, layers, layers)


def objectives(
    network: Network, strength: float = 50, tiling: Tiling | None = None, seed: int = 0
) -> TransportObjectives:
    loaded = Loaded(network, "cpu", "float32", network, network)
    return TransportObjectives(STROTSS, weights_of(network, strength), loaded, lambda _: tiling, seed)


def half(width: int, height: int) -> NDArray[np.float32]:
    mask = np.zeros((height, width), np.float32)
    mask[:, : width // 3] = 1
    mask[:, width // 3 : width // 2] = 0.5
    return mask


def view_of(
    width: int, height: int, masks: bool = False, wrap: int = 0, mask: NDArray[np.float32] | None = None
) -> View:
    styles = [Style(picture(150, 130, 2), mask=half(width, height) if masks else None)]
    if masks:
        styles.append(Style(picture(140, 160, 3), 2.0, 1 - half(width, height)))
    longest = max(width, height)
    return View(Scene(picture(width, height), styles, longest, mask), longest, "cpu", [1.0] * len(styles), wrap)


def noisy(view: View) -> Tensor:
    return torch.rand(view.content.shape, generator=torch.Generator().manual_seed(0))


def at(maps: Tensor, positions: Positions) -> Tensor:
    """The means of squares of maps, (1, N, h, w), around positions: (K, N) in float64, from a table of summed areas."""
    grid = torch.tensor(maps.shape[-2:])
    parts = grid / torch.tensor(positions.size)
    middle = (positions.places * parts).double().clamp_min(0.5).minimum(grid - 0.5)
    side, margin = (positions.window * parts).clamp_min(1).double(), 9
    sums = F.pad(F.pad(maps.double(), (margin,) * 4, mode="replicate").cumsum(2).cumsum(3), (1, 0, 1, 0))

    def below(corner: Tensor) -> Tensor:
        where = 2 * (corner + margin + 0.5) / torch.tensor(sums.shape[-2:]) - 1
        return F.grid_sample(sums, where.flip(1)[None, None], align_corners=False)[0, :, 0].T

    first, last = middle - side / 2, middle + side / 2
    mixed = torch.stack([first[:, 0], last[:, 1]], 1), torch.stack([last[:, 0], first[:, 1]], 1)
    return (below(last) - below(mixed[0]) - below(mixed[1]) + below(first)) / side.prod()


def far(ours: Tensor, theirs: Tensor) -> Tensor:
    return 1 - F.normalize(ours, dim=1) @ F.normalize(theirs, dim=1).T


def relaxed(costs: Tensor) -> Tensor:
    return torch.maximum(costs.min(1).values.mean(), costs.min(0).values.mean())


def similar(columns: Tensor) -> Tensor:
    distances = far(columns, columns)
    return distances / distances.sum(0)


def plain(network: Network, objective: Transport, view: View, image: Tensor, alpha: float) -> dict[str, Tensor]:
    """The losses by eq. 3 to 9 of one style everywhere, from the painting's samples."""

    def columns(image: Tensor) -> Tensor:
        maps = network(image, list(objective.scales))
        return torch.cat([at(maps[layer], objective.positions) * one for layer, one in objective.scales.items()], 1)

    samples, ours, content = objective.targets[0].samples, columns(image), columns(view.content)
    theirs, spread = samples.columns.double(), samples.spread.double()
    x, y = ours * spread, theirs * spread
    mean = (x.mean(0) - y.mean(0)).abs().sum() / x.shape[1]
    covariance = (torch.cov(x.T, correction=0) - torch.cov(y.T, correction=0)).abs().sum() / x.shape[1] ** 2
    colours = palette(at(image, objective.positions))
    parts = {
        "content": alpha * (similar(ours) - similar(content)).abs().sum() / len(ours),
        "transport": relaxed(far(ours, theirs)),
        "moments": mean + covariance,
        "palette": relaxed(torch.cdist(colours, samples.colours.double())) / max(alpha, 1.0),
    }
    return {name: loss / (2 + alpha + 1 / max(alpha, 1.0)) for name, loss in parts.items()}


@pytest.mark.parametrize(
    ("size", "strength", "alpha"), [((64, 53), 20, 16.0), ((64, 53), 50, 1.0), ((320, 200), 50, 0.2)]
)
@pytest.mark.parametrize("build", [wavelet, vgg])
def test_losses_and_gradient_are_those_of_the_paper(
    build: object, size: tuple[int, int], strength: float, alpha: float
) -> None:
    network: Network = build()  # type: ignore[operator]
    view = view_of(*size)
    objective = objectives(network, strength).at(view, 1)
    image = noisy(view).requires_grad_()
    wanted = plain(network, objective, view, image, alpha)
    (gradient,) = torch.autograd.grad(torch.stack(list(wanted.values())).sum(), image)
    losses, slope = objective.value_and_grad(image)
    assert list(losses) == list(wanted)
    for name, loss in wanted.items():
        assert float(losses[name]) == pytest.approx(loss.item(), rel=EXACT), name
    assert float((slope - gradient).norm()) <= EXACT * float(gradient.norm())


def test_samples_of_each_layer_have_a_mean_square_length_of_one_and_colours_of_the_painting() -> None:
    made = objectives(wavelet())
    made.at(view_of(128, 100), 0)
    (samples,) = made.samples
    lengths, first = samples.columns.square(), 0
    counts = [int(spread**2 + 0.5) for spread in samples.spread.unique_consecutive()]
    assert float(lengths.sum(1).mean()) == pytest.approx(len(made.scales), rel=EXACT)
    assert first + counts[0] <= samples.columns.shape[1]
    painting = palette(torch.from_numpy(picture(150, 130, 2).pixels).view(-1, 3))
    assert torch.allclose(samples.colours.mean(0), painting.mean(0), atol=0.03)


@pytest.mark.parametrize(
    ("build", "size", "side", "more"),
    [
        (wavelet, (301, 263), 96, {}),
        (wavelet, (331, 317), 128, {"masks": True}),
        (vgg, (301, 263), 96, {}),
        (vgg, (331, 329), 64, {"masks": True}),
        (vgg, (256, 200), 128, {"wrap": 48}),
    ],
)
def test_tiles_give_the_losses_and_the_gradient_of_the_whole(
    build: object, size: tuple[int, int], side: int, more: dict[str, object]
) -> None:
    network: Network = build()  # type: ignore[operator]
    view = view_of(*size, **more)  # type: ignore[arg-type]
    image, tiling = noisy(view), Tiling(side, footprint_of(network, list(network.layers), torch.zeros(1)))
    losses, gradient = objectives(network).at(view, 0).value_and_grad(image)
    tiled = Tiled(objectives(network, tiling=tiling).at(view, 0), image, tiling)
    theirs, slope = tiled.value_and_grad(image)
    assert len(tiled.forward.tiled[0].tiles) > 1
    for name, loss in losses.items():
        assert float(theirs[name]) == pytest.approx(float(loss), rel=EXACT), name
    assert float((slope - gradient).norm()) <= TURNED * float(gradient.norm())


def test_positions_are_spread_evenly_and_drawn_anew() -> None:
    made, view = objectives(wavelet()), view_of(320, 240)
    draws = [made.at(view, draw).positions.places for draw in range(DRAWS + 1)]
    assert len(draws[0]) == pytest.approx(SAMPLES, rel=0.05)
    counts, _, _ = np.histogram2d(*draws[0].numpy().T, bins=(6, 8), range=((0, 240), (0, 320)))
    assert counts.min() > 0.6 * counts.mean()
    assert not torch.equal(draws[0], draws[1])
    assert torch.equal(draws[0], draws[DRAWS])
    assert torch.equal(draws[0], objectives(wavelet()).at(view, 0).positions.places)
    assert not torch.equal(draws[0], objectives(wavelet(), seed=1).at(view, 0).positions.places)


def test_a_style_with_a_mask_has_the_positions_inside_it_and_none_lie_where_nothing_counts() -> None:
    keep = np.ones((100, 120), np.float32)
    keep[40:60] = 0
    view = view_of(120, 100, masks=True, mask=keep)
    objective = objectives(wavelet()).at(view, 0)
    left, right = (objective.positions.places[one.own] for one in objective.targets)
    assert float(left[:, 1].max()) < 61
    assert float(right[:, 1].min()) > 39
    assert len(left) / len(right) == pytest.approx(0.4 / 0.6, rel=0.15)
    down = objective.positions.places[:, 0]
    assert not ((down > 41) & (down < 59)).any()


def test_content_counts_where_no_style_does() -> None:
    width, height = 120, 100
    styles = [Style(picture(150, 130, 2), mask=half(width, height))]
    view = View(Scene(picture(width, height), styles, width), width, "cpu", [1.0])
    objective = objectives(wavelet()).at(view, 0)
    (target,) = objective.targets
    assert target.own.stop < len(objective.positions.places)
    assert float(objective.positions.places[target.own.stop :, 1].min()) > 39


def test_a_start_has_the_colours_of_each_painting_where_it_counts_from_dark_to_light() -> None:
    view = view_of(64, 48)
    start, painting = tinted(view), view.parts[0].painting
    assert torch.allclose(start.mean((2, 3)), painting.mean((2, 3)), atol=0.02)
    ours, theirs = (light(maps).flatten() for maps in (start, view.content))
    assert (ours[theirs.argsort()].diff() > -1e-5).all()
    left = np.zeros((48, 64), np.float32)
    left[:, :32] = 1
    part = View(Scene(picture(64, 48), [Style(picture(150, 130, 2), mask=left)], 64), 64, "cpu", [1.0])
    assert torch.equal(tinted(part)[..., 40:], part.content[..., 40:])
    assert torch.allclose(tinted(part)[..., :24], start[..., :24])


def test_without_weights_there_is_nothing_to_match() -> None:
    view, network = view_of(64, 48), wavelet()
    made = objectives(network)
    made.weights = Weights(dict.fromkeys(network.layers, 0.0), dict.fromkeys(network.layers, 0.0), 0.0, 0.0)
    made.wanted = dict.fromkeys(network.layers, 1.0)
    with pytest.raises(RecipeError, match="Nothing is left to match"):
        made.at(view, 0)


def test_sizes_double_from_64_and_positions_are_drawn_anew_at_each() -> None:
    plan = stages(Recipe.of(profile="strotss", size=512), 512, 400)
    assert sorted({stage.size for stage in plan}) == [64, 128, 256, 512]
    for size in (64, 128, 256, 512):
        draws = [stage.draw for stage in plan if stage.size == size]
        assert draws == list(range(len(draws)))
        assert len(draws) > 1


def painted(strength: float = 50, seed: int = 0, **more: object) -> Picture:
    knobs = {"profile": "strotss", "network": "wavelet", "size": 64, "strength": strength, "seed": seed, "steps": 4}
    return stylized(picture(64, 48), picture(90, 90, 4), **knobs | more)


@pytest.mark.slow
def test_more_strength_leaves_less_of_the_photograph() -> None:
    content = picture(64, 48).pixels
    away = [float(np.abs(painted(strength).pixels - content).mean()) for strength in (0, 25, 50, 100)]
    assert away[0] < 0.02
    assert away[0] < away[1] < away[2] < away[3]


@pytest.mark.slow
def test_one_seed_gives_one_picture_and_another_seed_another() -> None:
    assert np.array_equal(painted(seed=1).pixels, painted(seed=1).pixels)
    assert not np.array_equal(painted(seed=1).pixels, painted(seed=2).pixels)


@pytest.mark.slow
def test_it_goes_on_from_noise_in_tiles_and_without_edges() -> None:
    assert painted(init="noise", steps=1).size == (64, 48)
    assert painted(size=256, tile=64, scales=1, steps=1).size == (256, 192)
    assert painted(seamless=True, steps=1).size == (64, 48)


@pytest.mark.slow
def test_the_command_line_paints_by_it_with_two_styles_masks_and_transparency(tmp_path: Path, process: object) -> None:
    pixels = np.dstack([drawing(96, 72, 1), np.full((72, 96), 255, np.uint8)])
    pixels[:, 80:, 3] = 0
    top = np.zeros((72, 96), np.uint8)
    top[:36] = 255
    red, blue = (
        np.stack(np.roll([drawing(90, 90, 5)[..., 0], *np.zeros((2, 90, 90), np.uint8)], by, 0), 2) for by in (0, 2)
    )
    parts = {"photo": pixels, "red": red, "blue": blue, "top": top, "low": 255 - top}
    for name, part in parts.items():
        Image.fromarray(part).save(tmp_path / f"{name}.png")
    names = [tmp_path / f"{name}.png" for name in ("photo", "red", "blue")]
    masks = ["--style-mask", tmp_path / "top.png", "--style-mask", tmp_path / "low.png"]
    knobs = ["--profile", "strotss", "--network", "wavelet", "--size", 96, "--steps", 4]
    done = process("paint", *names, *masks, *knobs, "-o", tmp_path / "out.png")  # type: ignore[operator]
    assert done.returncode == 0, done.stderr
    result = np.asarray(Image.open(tmp_path / "out.png")).astype(float)
    assert result.shape == (72, 96, 4)
    assert not result[:, 80:, 3].any()
    above, below = result[:30, :80, :3].mean((0, 1)), result[42:, :80, :3].mean((0, 1))
    assert above[0] > above[2] + 10
    assert below[2] > below[0] + 10
