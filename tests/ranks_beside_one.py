"""Run by torchrun: what ranks make together beside what one process makes, as JSON in the file that is named.

Each rank computes both; the first of them writes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from impasto import Recipe, paint
from impasto.objective.objective import Objective
from impasto.objective.profiles import PROFILES
from impasto.objective.tiled import Tiled
from impasto.optim.octave_curvature import inverse_curvature, scaled
from impasto.painting.scene import Style
from impasto.plugin import Network
from impasto.ranks import Ranks, Strips
from test_tiles import SOFT, TWO, Summed, both, picture, tiling, vgg, wavelet

Case = tuple[Callable[[], Network], str, tuple[int, int], int, dict[str, Any]]
CASES: dict[str, Case] = {
    "one row of tiles, odd": (wavelet, "impasto", (131, 97), 256, {}),
    "wavelet, styles, masks, odd": (wavelet, "impasto", (331, 317), 128, {"styles": TWO, "mask": SOFT}),
    "wavelet, spare memory": (wavelet, "impasto", (301, 263), 128, {"spare": 1e12}),
    "vgg, styles, mask, odd": (vgg, "gatys2016", (301, 263), 64, {"styles": TWO, "mask": SOFT}),
    "vgg, total variation": (vgg, "crowson", (201, 263), 128, {"mask": SOFT}),
    "a layer that sees everything": (Summed, "impasto", (301, 263), 128, {}),  # type: ignore[dict-item]
}


def losses(ranks: Ranks, case: Case) -> dict[str, float]:
    """Largest relative differences: of the losses, of the gradient, of the loss alone."""
    build, profile, size, side, more = case
    network = build()
    _, objective, image = both(network, PROFILES[profile], size, side, **more)
    strips = Strips(ranks, image.shape[2])
    own = strips.own(image)
    tiled = Tiled(objective, own, tiling(network, side, more.get("spare", 0.0)), strips)
    (expected, gradient), (found, slope) = objective.value_and_grad(image), tiled.value_and_grad(own)
    assert list(found) == list(expected)
    return {
        "losses": max(abs(float(found[name] / loss) - 1) for name, loss in expected.items()),
        "gradient": float((strips.whole(slope) - gradient).norm() / gradient.norm()),
        "loss": abs(tiled.loss(own) / _loss(objective, image) - 1),
    }


def _loss(objective: Objective, image: torch.Tensor) -> float:
    return objective.loss(image)


def curvature(ranks: Ranks) -> dict[str, float]:
    """The same of what L-BFGS begins with, for odd and even sizes."""
    worst = {}
    for height, width in ((97, 131), (64, 80)):
        generator = torch.Generator().manual_seed(0)
        move, change = (torch.randn(1, 3, height, width, generator=generator) for _ in range(2))
        change += 2 * move
        strips = Strips(ranks, height)
        expected = inverse_curvature(move, change, 0.3)
        found = inverse_curvature(strips.own(move), strips.own(change), 0.3, strips)
        pairs = zip(torch.tensor(found), torch.tensor(expected), strict=True)
        worst[f"numbers {height}"] = max(float((one / other - 1).abs().max()) for one, other in pairs)
        steep, part = scaled(move, expected), scaled(strips.own(move), expected, strips)
        worst[f"scaled {height}"] = float((strips.whole(part) - steep).norm() / steep.norm())
    return worst


PAINTED: dict[str, dict[str, Any]] = {
    "L-BFGS": {"scales": 1, "steps": 6, "profile": "johnson"},
    "ours by Adam": {"scales": 1, "steps": 20, "optimiser": "adam"},
    "line search": {"scales": 1, "steps": 3, "line_search": "armijo", "profile": "johnson"},
    "from a match": {"scales": 1, "steps": 4, "init": "matched", "profile": "johnson"},
}
"""Where rounding has not grown yet: by our losses and L-BFGS, noise of 1e-7 has changed a picture in five steps."""


def painted(ranks: Ranks, knobs: dict[str, Any]) -> dict[str, float]:
    """The largest difference of a pixel, in 255ths, and the mean one."""
    recipe = Recipe.of(**{"size": 121, "tile": 64, "init": "content", "network": "wavelet", "device": "cpu", **knobs})
    content, styles = picture(121, 103), [Style(picture(90, 90, 2))]
    alone, together = (_last(paint(content, styles, recipe, ranks=each)) for each in (Ranks(), ranks))
    return {
        "largest": float((alone - together).abs().max() * 255),
        "mean": float((alone - together).abs().mean() * 255),
    }


def _last(steps: Iterator[Any]) -> torch.Tensor:
    (*_, last) = steps
    image: torch.Tensor = last.image
    return image


def main(path: Path) -> None:
    ranks = Ranks.joined()
    found: dict[str, dict[str, dict[str, float]]] = {
        "losses": {name: losses(ranks, case) for name, case in CASES.items()},
        "curvature": {"": curvature(ranks)},
        "painted": {name: painted(ranks, knobs) for name, knobs in PAINTED.items()},
    }
    if ranks.rank == 0:
        path.write_text(json.dumps(found))
    ranks.leave()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
