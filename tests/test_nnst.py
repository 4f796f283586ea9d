"""Profile nnst: its formulas beside a plain reading of the paper, tiles beside the whole, and pictures by it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import OpenImageIO
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from conftest import drawing
from impasto import Picture, Recipe, paint, stylized
from impasto.features.cells import cell_grid, cells
from impasto.features.receptive_field import footprint_of
from impasto.features.tiles import TiledForward, Tiling
from impasto.objective.neighbours import centred, nearest
from impasto.objective.objective import Weights
from impasto.objective.profiles import PROFILES
from impasto.objective.summed import SummedObjective
from impasto.objective.tiled import Tiled
from impasto.painting.loading import Loaded
from impasto.painting.neighbours import NeighbourObjectives, _Field
from impasto.painting.scene import Scene, Style
from impasto.painting.targets import View
from impasto.plugin import Network
from impasto.plugin.registry import registry
from impasto.recipe.schedule import stages
from impasto_vgg.architecture import VGG16
from impasto_vgg.network import VGG
from random_vgg import random_weights

EXACT = 1e-4
"""Of a loss, and of the gradient's length."""
NEAR_MEAN = 5e-4
"""Of the gradient's length, where features are divided by their distance from the mean, which may be little."""
NNST = PROFILES["nnst"]


def picture(width: int, height: int, seed: int = 1) -> Picture:
    return Picture(drawing(width, height, seed).astype(np.float32) / 255)


def vgg() -> Network:
    return VGG(random_weights(width=16, architecture=VGG16), VGG16, "torchvision")


def wavelet() -> Network:
    return registry().network("wavelet").build()


def weights_of(network: Network) -> Weights:
    known = NNST.style_layers.keys() <= set(network.layers)
    return Weights({}, NNST.style_layers if known else dict.fromkeys(network.layers, 1.0), 0.0, 0.0)


def objectives(network: Network, view: View, strength: float = 50, tiling: Tiling | None = None) -> NeighbourObjectives:
    loaded = Loaded(network, "cpu", "float32", network, network)
    return NeighbourObjectives(NNST, weights_of(network), loaded, lambda _: tiling, strength)


def half(width: int, height: int) -> NDArray[np.float32]:
    mask = np.zeros((height, width), np.float32)
    mask[:, : width // 3] = 1
    mask[:, width // 3 : width // 2] = 0.5
    return mask


def view_of(width: int, height: int, masks: bool = False, wrap: int = 0) -> View:
    mask = half(width, height) if masks else None
    styles = [Style(picture(150, 130, 2), mask=mask)]
    if masks:
        styles.append(Style(picture(140, 160, 3), 2.0, 1 - half(width, height)))
    longest = max(width, height)
    return View(Scene(picture(width, height), styles, longest), longest, "cpu", [1.0] * len(styles), wrap)


def noisy(view: View) -> Tensor:
    return torch.rand(view.content.shape, generator=torch.Generator().manual_seed(0))


def columns(network: Network, image: Tensor, scales: dict[str, float]) -> Tensor:
    """Hypercolumns as the module says: means over blocks of positions, or positions that cells share; (a, b, N)."""
    high, wide = cell_grid(image)
    maps = network(image, list(scales))
    rows = []
    for layer, scale in scales.items():
        found, (h, w) = maps[layer][0], maps[layer].shape[-2:]
        down, across = (2.0 ** round(math.log2(g / c)) for g, c in ((h, high), (w, wide)))

        def block(cell: int, dense: float, length: int) -> slice:
            cell = min(cell, math.ceil(length / dense) - 1)
            first = min(int(cell * dense), length - 1)
            return slice(first, max(first + 1, min(int((cell + 1) * dense), length)))

        rows.append(
            scale
            * torch.stack(
                [
                    torch.stack([found[:, block(y, down, h), block(x, across, w)].mean((1, 2)) for x in range(wide)])
                    for y in range(high)
                ]
            )
        )
    return torch.cat(rows, 2)


@pytest.mark.parametrize("build", [wavelet, vgg])
def test_the_first_phase_is_the_cosine_to_the_nearest_hypercolumns_of_the_painting(build: object) -> None:
    network: Network = build()  # type: ignore[operator]
    view = view_of(67, 53)
    objective = objectives(network, view).hypercolumns(view, None)
    image = noisy(view).requires_grad_()
    wanted, content = columns(network, view.parts[0].painting, objective.scales), view.content
    ours = columns(network, content, objective.scales).flatten(0, 1).double()
    theirs = wanted.flatten(0, 1).double()
    similar = (
        torch.nn.functional.normalize(ours - ours.mean(0), dim=1)
        @ torch.nn.functional.normalize(theirs - theirs.mean(0), dim=1).T
    )
    target = theirs[similar.argmax(1)]
    seen = columns(network, image, objective.scales).flatten(0, 1).double()
    loss = (1 - torch.cosine_similarity(seen, target, dim=1)).mean()
    (gradient,) = torch.autograd.grad(loss, image)
    losses, slope = objective.value_and_grad(image)
    assert float(losses["hypercolumns"]) == pytest.approx(loss.item(), rel=EXACT)
    assert float((slope - gradient).norm()) <= EXACT * float(gradient.norm())


@pytest.mark.parametrize("build", [wavelet, vgg])
def test_the_second_phase_is_the_centred_cosine_of_each_layer_to_its_own_nearest(build: object) -> None:
    network: Network = build()  # type: ignore[operator]
    view = view_of(129, 60)
    image = noisy(view)
    objective = objectives(network, view).layer_by_layer(view, image, torch.Generator().manual_seed(3))
    moved = (image + 0.01).requires_grad_()
    total = torch.zeros(())
    before, after, theirs = (network(x, objective.layers) for x in (image, moved, view.parts[0].painting))
    for layer, positions in objective.positions.items():
        stride = max(1, max(before[layer].shape[-2:]) // 64)
        first = positions[0]
        grid = [torch.arange(int(first[axis]), theirs[layer].shape[2 + axis], stride) for axis in range(2)]
        sampled = theirs[layer][0][:, grid[0]][:, :, grid[1]].flatten(1).T
        centred = torch.nn.functional.normalize(sampled - sampled.mean(0), dim=1)
        own, now = (maps[layer][0][:, positions[:, 0], positions[:, 1]].T for maps in (before, after))
        found = (torch.nn.functional.normalize(own - own.mean(0), dim=1) @ centred.T).argmax(1)
        total = total + (1 - torch.cosine_similarity(now - now.mean(0), centred[found], dim=1)).mean()
    (gradient,) = torch.autograd.grad(total, moved)
    losses, slope = objective.value_and_grad(moved)
    assert sum(map(float, losses.values())) == pytest.approx(total.item(), rel=EXACT)
    assert float((slope - gradient).norm()) <= EXACT * float(gradient.norm())


def test_the_nearest_is_the_nearest_of_all_though_candidates_are_told_in_half_precision() -> None:
    noise = torch.Generator().manual_seed(0)
    queries, keys = (torch.rand(count, 300, generator=noise) for count in (5000, 2100))
    a, b = (torch.nn.functional.normalize((x - x.mean(0)).double(), dim=1) for x in (queries, keys))
    far = 1 - a @ b.T
    found = far.gather(1, nearest(centred(queries), centred(keys))[:, None])[:, 0]
    assert float((found - far.min(1).values).mean()) < 1e-5


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
@pytest.mark.parametrize("second", [False, True])
def test_tiles_give_the_losses_and_the_gradient_of_the_whole(
    build: object, size: tuple[int, int], side: int, more: dict[str, object], second: bool
) -> None:
    network: Network = build()  # type: ignore[operator]
    view = view_of(*size, **more)  # type: ignore[arg-type]
    image = noisy(view)
    tiling = Tiling(side, footprint_of(network, list(weights_of(network).style), torch.zeros(1)))

    def objective(tiling: Tiling | None) -> SummedObjective:
        made = objectives(network, view, tiling=tiling)
        return (
            made.layer_by_layer(view, image, torch.Generator().manual_seed(3))
            if second
            else made.hypercolumns(view, image)
        )

    losses, gradient = objective(None).value_and_grad(image)
    tiled = Tiled(objective(tiling), image, tiling)
    theirs, slope = tiled.value_and_grad(image)
    assert len(tiled.forward.tiled[0].tiles) > 1
    for name, loss in losses.items():
        assert float(theirs[name]) == pytest.approx(float(loss), rel=EXACT), name
    assert float((slope - gradient).norm()) <= (NEAR_MEAN if second else EXACT) * float(gradient.norm())


def test_cells_of_tiles_are_those_of_the_whole() -> None:
    network, image = vgg(), torch.rand(1, 3, 131, 149, generator=torch.Generator().manual_seed(1))
    layers, shape = list(NNST.style_layers), cell_grid(image)
    whole = {layer: cells(maps, tuple(maps.shape[-2:]), shape)[0] for layer, maps in network(image, layers).items()}
    tiling = Tiling(64, footprint_of(network, layers, torch.zeros(1)))
    for layer, maps, grid, box in TiledForward(network, layers, image, tiling).pieces(image):
        piece, place = cells(maps, grid, shape, box)
        assert torch.allclose(piece, whole[layer][:, :, place[0], place[1]], atol=1e-5), layer


def test_places_found_at_a_smaller_size_stay_where_they_are_when_it_grows() -> None:
    places = torch.stack(torch.meshgrid(torch.arange(20), torch.arange(30), indexing="ij"))
    larger = _Field(places, (20, 30)).enlarged((40, 61), (40, 61))
    down, across = torch.meshgrid(torch.arange(40), torch.arange(61), indexing="ij")
    assert int((larger.places[0] - down).abs().max()) <= 1
    assert int((larger.places[1] - across).abs().max()) <= 1


def test_sizes_double_from_64_and_the_layers_come_one_by_one_at_the_last() -> None:
    plan = stages(Recipe.of(profile="nnst", size=512), 512, 400)
    assert [stage.size for stage in plan if stage.compares == "hypercolumns"] == [64, 128, 256, 512]
    assert [stage.size for stage in plan if stage.compares == "layers"] == [512, 512]


def painted(strength: float, seed: int = 0) -> NDArray[np.float32]:
    knobs = {"profile": "nnst", "network": "wavelet", "size": 64, "strength": strength, "seed": seed}
    return stylized(picture(64, 48), picture(90, 90, 4), **knobs).pixels


@pytest.mark.slow
def test_more_strength_leaves_less_of_the_photograph() -> None:
    content = picture(64, 48).pixels
    far = [float(np.abs(painted(strength) - content).mean()) for strength in (0, 25, 50, 100)]
    assert far[0] < 0.02
    assert far[0] < far[1] < far[2] <= far[3] * 1.2


@pytest.mark.slow
def test_one_seed_gives_one_picture_and_another_seed_another() -> None:
    assert np.array_equal(painted(50, seed=1), painted(50, seed=1))
    assert not np.array_equal(painted(50, seed=1), painted(50, seed=2))


@pytest.mark.slow
def test_a_large_picture_starts_from_the_places_of_a_smaller_one() -> None:
    """Above `MATCHED` pixels nothing is compared with everything."""
    recipe = Recipe.of(profile="nnst", network="wavelet", size=700, scales=1, steps=1)
    *_, last = paint(picture(700, 120), picture(200, 150, 4), recipe)
    assert last.picture().size == (700, 120)


def write_deep(path: Path, pixels: NDArray[np.uint16]) -> None:
    output = OpenImageIO.ImageOutput.create(str(path))
    output.open(str(path), OpenImageIO.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], "uint16"))
    output.write_image(pixels)
    output.close()


@pytest.mark.slow
def test_the_command_line_paints_by_it_with_two_styles_a_mask_transparency_and_16_bits(
    tmp_path: Path, process: object
) -> None:
    pixels = np.dstack([drawing(96, 72, 1), np.full((72, 96), 255, np.uint8)])
    pixels[:, 80:, 3] = 0
    write_deep(tmp_path / "photo.png", pixels.astype(np.uint16) * 257)
    top = np.zeros((72, 96), np.uint8)
    top[:36] = 255
    for name, part in (
        ("style2", drawing(100, 90, 2)),
        ("style3", drawing(100, 90, 3)),
        ("top", top),
        ("low", 255 - top),
    ):
        Image.fromarray(part).save(tmp_path / f"{name}.png")
    names = [tmp_path / f"{name}.png" for name in ("photo", "style2", "style3")]
    masks = ["--style-mask", tmp_path / "top.png", "--style-mask", tmp_path / "low.png"]
    knobs = ["--profile", "nnst", "--network", "wavelet", "--size", 96]
    done = process("paint", *names, *masks, *knobs, "-o", tmp_path / "out.png")  # type: ignore[operator]
    assert done.returncode == 0, done.stderr
    result = OpenImageIO.ImageInput.open(str(tmp_path / "out.png")).read_image("uint16")
    assert result.shape == (72, 96, 4)
    assert not result[:, 80:, 3].any()
    assert np.abs(result[:, :80, :3] / 257 - pixels[:, :80, :3]).mean() > 5
