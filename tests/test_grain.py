"""What an enlarged picture is given to start from."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from conftest import drawing
from impasto import Picture, Recipe, paint
from impasto.optim.start import covariance, detailed, grainy
from impasto.pictures.filters import resized


def noise(height: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def painting() -> torch.Tensor:
    """Soft colours with fine reddish grain."""
    soft = resized(noise(16, 20).sigmoid(), 160, 200)
    return (0.25 + 0.5 * soft + noise(160, 200, 1) * torch.tensor([0.1, 0.05, 0.02])[:, None, None]).clamp(0, 1)


def test_an_enlarged_picture_gets_grain_of_the_strength_and_colour_of_the_style() -> None:
    wanted = covariance(painting())
    soft = resized(noise(48, 64, 2).sigmoid(), 192, 256)
    assert covariance(soft).trace() < 0.1 * wanted.trace()
    grown = covariance(grainy(soft, wanted, noise(192, 256, 3)))
    torch.testing.assert_close(grown, wanted, rtol=0.1, atol=1e-4)


def test_what_is_grainy_enough_stays_as_it_is() -> None:
    image = painting()
    assert torch.equal(grainy(image, 0.9 * covariance(image), noise(160, 200, 4)), image)


def test_what_is_masked_has_no_grain() -> None:
    image, mask = painting(), torch.zeros(1, 1, 160, 200)
    mask[..., :80] = 1
    half = covariance(image[..., :80])
    image[..., 100:] = noise(160, 100, 5).sigmoid()
    torch.testing.assert_close(covariance(image, mask), half, rtol=0.1, atol=1e-5)


def test_detail_is_what_the_smaller_size_has_lost() -> None:
    content = painting()
    small = resized(content, 80, 100)
    assert torch.allclose(detailed(resized(small, 160, 200), content, (80, 100), 1.0), content, atol=1e-6)
    assert torch.equal(detailed(content, content, (80, 100), 0.0), content)


@pytest.mark.parametrize("detail", [0.0, 1.0])
def test_the_second_size_starts_with_the_detail_asked_for(detail: float) -> None:
    soft = np.float32(0.02) * (drawing(64, 64, 2) / np.float32(255)) + np.float32(0.49)
    content, style = Picture(drawing(128, 96, 1) / np.float32(255)), Picture(soft)
    recipe = Recipe(init="content", size=128, scales=2, steps=1, detail=detail, histogram_weight=0, strength=1)
    *_, last = paint(content, style, recipe)
    fine = covariance(torch.from_numpy(content.pixels).permute(2, 0, 1)[None]).trace()
    share = float(covariance(last.image).trace() / fine)
    assert share > 0.6 if detail else share < 0.3


def frames(width: int = 128, height: int = 96) -> list[Picture]:
    """A photograph, and the same with a red square in its left half."""
    photograph = drawing(width, height, 1) / np.float32(255)
    moved = photograph.copy()
    moved[32:56, 8:32] = 0.9, 0.1, 0.1
    return [Picture(photograph), Picture(moved)]


def test_from_noise_without_content_two_photographs_give_the_same_picture() -> None:
    style = Picture(drawing(64, 64, 2) / np.float32(255))
    recipe = Recipe(init="noise", strength=100, size=96, scales=2, steps=2, network="wavelet")
    one, two = ([step.image for step in paint(content, style, recipe)] for content in frames())
    assert all(torch.equal(*pair) for pair in zip(one, two, strict=True))


def test_two_frames_start_with_the_same_grain() -> None:
    style = Picture(drawing(64, 64, 2) / np.float32(255))

    def grain(content: Picture, seed: int) -> torch.Tensor:
        recipe = Recipe(init="content", size=128, scales=1, steps=1, seed=seed, network="wavelet")
        image = next(paint(content, style, recipe)).image
        return (image - resized(resized(image, 48, 64), 96, 128))[..., 64:].flatten()

    one, other = frames()
    assert torch.stack([grain(one, 0), grain(other, 0)]).corrcoef()[0, 1] > 0.95
    assert torch.stack([grain(one, 0), grain(one, 1)]).corrcoef()[0, 1] < 0.5


def test_matching_lays_nearly_the_same_strokes_where_two_frames_are_alike() -> None:
    """Not the same: tones, hues and the price of patches that are used often hang on all of a picture."""
    style = Picture(drawing(64, 64, 2) / np.float32(255))
    one, other = (list(paint(content, style, Recipe(size=128, network="wavelet")))[-1].image for content in frames())
    far = (one - other)[..., 72:].abs().mean()
    assert 255 * far < 10
