"""Hues by nearest hypercolumns: against the formula written out, and where they go."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from conftest import drawing
from impasto.matching.guide import light
from impasto.matching.hues import NearestHues, _nearest
from impasto.plugin.registry import registry

WAVELET = registry().network("wavelet").build()


def tensor(width: int, height: int, seed: int) -> torch.Tensor:
    return torch.from_numpy(drawing(width, height, seed).astype(np.float32) / 255).permute(2, 0, 1)[None].contiguous()


def hues(content: torch.Tensor, painting: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
    found = NearestHues(WAVELET, WAVELET.layers).hues([(content, painting, weight)], light(content))
    return found.at(light(content))


def test_the_nearest_is_that_of_the_least_centred_cosine_distance() -> None:
    """As Kolkin et al. (2022), section 3.2, say it: every pair, one by one."""
    generator = torch.Generator().manual_seed(0)
    queries, keys = (torch.randn(rows, 7, generator=generator) + 3 for rows in (1300, 50))
    plain = []
    for query in queries[::100]:
        distances = [
            1 - F.cosine_similarity(query - queries.mean(0), key - keys.mean(0), dim=0, eps=1e-12) for key in keys
        ]
        plain.append(int(torch.stack(distances).argmin()))
    assert _nearest(queries, keys)[::100].tolist() == plain


def test_things_take_the_hues_of_what_is_alike() -> None:
    """Stripes here are grey, there blue; plain ground is grey, there yellow: light alone would not tell them apart."""
    stripes = (torch.arange(64) % 8 < 4).float().expand(1, 1, 64, 64)
    mixed = torch.where(torch.arange(64)[:, None] < 32, 0.3 + 0.4 * stripes, torch.full_like(stripes, 0.5))
    blue, yellow = (torch.tensor(colour)[:, None, None] for colour in ((0.2, 0.4, 1.4), (1.3, 1.2, 0.2)))
    painting = torch.where(torch.arange(64)[:, None] < 32, mixed * yellow, mixed.flip(2) * 0 + mixed * blue)
    painting = torch.where(torch.arange(64)[:, None] < 32, mixed.flip(2) * yellow, mixed.flip(2) * blue).clamp(0, 1)
    found = hues(mixed.expand(1, 3, 64, 64).contiguous(), painting)
    bluish = (found[:, 2] - found[:, 0])[0]
    assert float(bluish[6:26, 6:-6].mean()) > 0.1 > -0.1 > float(bluish[38:58, 6:-6].mean())


def test_what_counts_nothing_gives_no_hue() -> None:
    painting, weight = tensor(96, 96, 2) * 0.5, torch.ones(1, 1, 96, 96)
    painting[..., 48:] = torch.tensor([1.0, 0.0, 0.0])[:, None, None]
    weight[..., 48:] = 0
    found = hues(tensor(96, 64, 1), painting, weight)
    assert float((found[:, 0] - found[:, 1:].amax(1)).max()) < 0.6


@pytest.mark.parametrize(("width", "height"), [(16, 16), (4, 90), (300, 9)])
def test_any_shape_has_hues(width: int, height: int) -> None:
    found = hues(tensor(width, height, 1), tensor(90, 12, 2))
    assert found.shape == (1, 3, height, width)
    assert bool(found.isfinite().all())


def test_hues_keep_to_the_edges_of_the_content() -> None:
    """A step of light in the content is a step of colour of the same width, although cells are four pixels wide."""
    content, painting = torch.full((1, 3, 96, 256), 0.2), torch.full((1, 3, 96, 256), 0.1)
    content[..., 129:] = 0.8
    painting[..., 128:] = torch.tensor([0.9, 0.8, 0.2])[:, None, None]
    row = hues(content, painting)[0, 0, 48]
    assert float(row[129] - row[128]) > 0.5 * float(row[250] - row[4])
