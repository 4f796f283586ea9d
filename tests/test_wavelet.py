"""The embedded network: its arithmetic against plain loops, and what it promises as a network.

Nothing here depends on how many phases, orientations or weights it has, so that those can be tuned by looking.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from conftest import drawing
from impasto.errors import RecipeError
from impasto.objective.gram import gram
from impasto.objective.spatial_weights import SpatialWeights
from impasto.plugin import Network
from impasto.plugin.registry import registry
from impasto_wavelet.bank import DenseBank, bank
from impasto_wavelet.filters import OPPONENT, blob, block_diagonal, coloured, streaks, wavelets

Array = NDArray[np.float64]


@pytest.fixture(scope="module")
def network() -> Network:
    return registry().network("wavelet").build()


def picture(width: int, height: int, seed: int = 1) -> Tensor:
    """(1, 3, height, width), of what the tests paint."""
    return torch.from_numpy(drawing(width, height, seed) / np.float32(255)).permute(2, 0, 1)[None].contiguous()


def random(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def kind(layer: str) -> str:
    return layer.rstrip("0123456789_")


def naive(x: Tensor, kernels: Tensor, step: int, rows: int, columns: int) -> Array:
    """relu of each kernel's product with what lies under it, every `step` pixels, by loops, as (K, rows, columns).

    Each kernel begins half of its size outside the picture (one less at steps of two, to lie in the middle of the two),
    which goes on outside as its mirror image.
    """
    planes, filters = x[0].double().numpy(), kernels.double().numpy()
    size = filters.shape[-1]
    edge = size // 2 - (step == 2)
    padded = np.pad(planes, ((0, 0), (edge, size), (edge, size)), mode="reflect")
    found = np.zeros((len(filters), rows, columns))
    for k, row, column in np.ndindex(*found.shape):
        y, x_ = row * step, column * step
        found[k, row, column] = max(0.0, float((padded[:, y : y + size, x_ : x_ + size] * filters[k]).sum()))
    return found


# The arithmetic


@pytest.mark.parametrize(("size", "height", "width"), [(4, 7, 9), (4, 8, 6), (6, 11, 8), (10, 13, 12)])
def test_a_bank_at_half_the_density_is_a_strided_convolution(size: int, height: int, width: int) -> None:
    x, kernels = random(1, 3, height, width), random(5, 3, size, size)
    found = bank(kernels, 0.25)(x)
    rows, columns = (height + 1) // 2, (width + 1) // 2
    assert found.shape[-2:] == (rows, columns)
    # float32 sums of at most 300 products of order one.
    assert np.allclose(found[0, :5], naive(x, kernels, 2, rows, columns), rtol=0, atol=1e-4)
    assert (found[0, 5] == 0.25).all()
    assert not found[0, 6:].any()
    assert found.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("size", "height", "width"), [(3, 6, 8), (3, 7, 9), (7, 9, 12)])
def test_a_dense_bank_looks_at_every_pixel(size: int, height: int, width: int) -> None:
    """And in a picture of odd size at one row or column beyond, since positions come in folds of 2 x 2."""
    x, kernels = random(1, 3, height, width), random(5, 3, size, size)
    found = DenseBank(kernels, 0.25)(x)
    rows, columns = height + height % 2, width + width % 2
    assert found.shape == (1, found.shape[1], rows // 2, 2 * columns)
    expected = naive(x, kernels, 1, rows, columns)
    folds = expected.reshape(5, rows // 2, 2, columns // 2, 2).transpose(0, 1, 3, 2, 4).reshape(5, -1)
    assert np.allclose(found[0, :5].flatten(1), folds, rtol=0, atol=1e-4)
    assert (found[0, 5] == 0.25).all()
    assert not found[0, 6:].any()


@pytest.mark.parametrize("odd", [0, 1])
def test_the_gram_matrix_of_a_dense_bank_is_that_of_its_pixels(odd: int) -> None:
    """The order of positions does not matter to it."""
    x, kernels = random(1, 3, 16, 12 + odd), random(4, 3, 5, 5)
    found = gram(DenseBank(kernels, 0.5)(x))[:5, :5]
    maps = F.relu(F.conv2d(F.pad(x, (2, 2 + odd, 2, 2), mode="reflect"), kernels))
    maps = torch.cat([maps, torch.full_like(maps[:, :1], 0.5)], 1)
    assert torch.allclose(found, gram(maps), rtol=1e-5, atol=1e-4)


def test_a_bank_says_what_is_too_small_for_it() -> None:
    fitting = bank(random(2, 1, 8, 8), 0.1)
    for side in range(1, 12):
        x = random(1, 1, side, 20)
        if fitting.fits(x):
            assert fitting(x).shape[-2:] == ((side + 1) // 2, 10)
        else:
            assert side <= 4


def test_wavelets_see_differences_only() -> None:
    kernels = wavelets(orientations=6, size=10, cycles=0.25, sigma=1.7, aspect=0.35)
    assert torch.allclose(kernels.sum((1, 2)), torch.zeros(len(kernels)), atol=1e-6)
    assert torch.allclose(kernels.abs().sum((1, 2)), torch.ones(len(kernels)), atol=1e-6)


def test_a_wavelet_answers_to_stripes_across_it() -> None:
    """Of all orientations, the one that was made for a stripe answers to it most."""
    orientations, cycles = 8, 0.25
    kernels = wavelets(orientations, 10, cycles, 1.7, 0.35)
    y, x = torch.meshgrid(torch.arange(48.0), torch.arange(48.0), indexing="ij")
    for own in range(orientations):
        angle = torch.tensor(torch.pi * own / orientations)
        stripes = torch.cos(2 * torch.pi * cycles * (x * angle.cos() + y * angle.sin()))
        answers = F.relu(F.conv2d(stripes[None, None], kernels[:, None])).mean((0, 2, 3))
        assert int(answers.view(orientations, -1).sum(1).argmax()) == own


def test_streaks_and_blobs_are_averages() -> None:
    for kernel in (*streaks(0.4, 12, [(0.7, 2.0), (2.0, 0.7)]), blob(10, 2.0)):
        assert (kernel > 0).all()
        assert float(kernel.sum()) == pytest.approx(1)
    assert torch.allclose(blob(10, 2.0), blob(10, 2.0).T)


def test_a_streak_is_longest_where_it_points() -> None:
    upright, level = streaks(0.0, 12, [(0.7, 3.0)])[0], streaks(torch.pi / 2, 12, [(0.7, 3.0)])[0]
    assert upright.sum(1).std() < upright.sum(0).std()  # spread over the rows, and narrow in the columns
    assert torch.allclose(upright, level.T, atol=1e-7)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_coloured_kernels_look_at_one_axis(axis: int) -> None:
    (kernel,) = coloured(blob(4, 1.0)[None], axis)
    own, grey = (colour[:, None, None] for colour in (OPPONENT[axis], torch.ones(3)))
    assert float((kernel * own).sum()) == pytest.approx(1)
    assert (abs(float((kernel * grey).sum())) < 1e-6) == (axis > 0)


def test_block_diagonal_kernels_keep_to_their_channel() -> None:
    own = [random(2, 3, 3), random(2, 3, 3) + 1]
    kernels = block_diagonal(own)
    assert kernels.shape == (4, 2, 3, 3)
    for channel in range(2):
        assert torch.equal(kernels[2 * channel : 2 * channel + 2, channel], own[channel])
        assert not kernels[2 * channel : 2 * channel + 2, 1 - channel].any()


# What a network promises


def test_every_layer_can_be_asked_for_by_itself(network: Network) -> None:
    image = picture(112, 96)
    together = network(image, network.layers)
    assert list(together) == [layer for layer in network.layers if layer in together]
    for layer, maps in together.items():
        alone = network(image, [layer])
        assert list(alone) == [layer]
        assert torch.equal(alone[layer], maps)


def test_every_layer_is_there_in_a_picture_large_enough(network: Network) -> None:
    assert tuple(network(picture(1000, 1000), network.layers)) == network.layers


def test_nothing_is_computed_for_no_layers(network: Network) -> None:
    assert network(picture(32, 32), []) == {}


@pytest.mark.parametrize(("width", "height"), [(1, 1), (11, 40), (16, 16), (17, 31), (96, 16), (16, 97), (63, 65)])
def test_any_size(network: Network, width: int, height: int) -> None:
    found = network(picture(width, height), network.layers)
    assert ("band1" in found) or min(width, height) < 16  # no stage of a painting is narrower
    for maps in found.values():
        assert maps.ndim == 4
        assert maps.numel()
        assert torch.isfinite(maps).all()


@pytest.mark.parametrize("side", [16, 24, 48, 49, 96])
def test_a_larger_picture_has_all_layers_of_a_smaller(network: Network, side: int) -> None:
    small, large = (set(network(picture(size, size + 3), network.layers)) for size in (side, side + 13))
    assert small
    assert small <= large
    assert any(layer in network.content_layers for layer in large)
    assert any(layer in network.style_layers for layer in small)


def test_default_layers_exist_and_count(network: Network) -> None:
    for layers in (network.content_layers, network.style_layers):
        assert set(layers) <= set(network.layers)
        assert all(weight > 0 for weight in layers.values())
    assert not set(network.content_layers) & set(network.style_layers)


def test_an_unknown_layer_is_refused_with_those_there_are(network: Network) -> None:
    with pytest.raises(RecipeError, match=r"no layer 'conv1_1'\. Layers: .*band1"):
        network(picture(32, 32), ["band1", "conv1_1"])


def test_the_same_picture_gives_the_same_maps(network: Network) -> None:
    again = registry().network("wavelet").build()
    first, second = (one(picture(65, 48), one.layers) for one in (network, again))
    assert all(torch.equal(first[layer], second[layer]) for layer in first)


def test_a_slope_reaches_every_pixel_from_every_layer(network: Network) -> None:
    image = picture(97, 65).requires_grad_()
    for layer, maps in network(image, network.layers).items():
        (slope,) = torch.autograd.grad(maps.square().sum(), image, retain_graph=True)
        assert torch.isfinite(slope).all()
        assert (slope.abs().amax(1) > 0).float().mean() > 0.95, layer  # a rectifier may be shut here and there


def test_a_gram_matrix_holds_the_means(network: Network) -> None:
    """Through the constant channel, which is the same everywhere and never zero."""
    maps = network(picture(64, 48), ["band1"])["band1"]
    (constant,) = (c for c in range(maps.shape[1]) if maps[0, c].min() == maps[0, c].max() != 0)
    means = maps.mean((0, 2, 3))
    assert torch.allclose(gram(maps)[constant], means * means[constant], rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("across", [True, False])
def test_a_mask_falls_where_it_should_in_every_layer(network: Network, across: bool) -> None:
    """What changes far outside it changes no Gram matrix."""
    image, mask = picture(256, 256), torch.zeros(1, 1, 256, 256)
    other = image.clone()
    if across:
        mask[..., :64], other[..., -16:] = 1, 0.0
    else:
        mask[..., :64, :], other[..., -16:, :] = 1, 0.0
    layers = [layer for layer in network.style_layers if layer[-1] in "12" and "_" not in layer]
    here, there = (network(x, layers) for x in (image, other))
    assert "fine1" in here
    for layer, maps in here.items():
        where = SpatialWeights.of(mask, *maps.shape[-2:])
        assert torch.equal(gram(maps, where), gram(there[layer], where)), layer


def test_content_layers_see_shapes_and_not_light(network: Network) -> None:
    image = 0.2 + 0.5 * picture(96, 96)
    here, lighter = (network(x, list(network.content_layers)) for x in (image, image + 0.2))
    for layer, maps in here.items():
        assert torch.allclose(maps, lighter[layer], atol=1e-5)
        assert maps.std() > 0


def test_pairs_are_neighbours_in_scale(network: Network) -> None:
    found = network(picture(96, 80), ["band1", "band2", "pair1"])
    finer = F.avg_pool2d(found["band1"], 2, ceil_mode=True)
    assert torch.equal(found["pair1"], torch.cat([finer, found["band2"]], 1))
