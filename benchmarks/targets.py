"""What targets cost, computed and remembered: style Grams and content maps of a square picture.

    python benchmarks/targets.py [--size 512 2048] [--network wavelet vgg19] [--backend torch onnx] [--runs 5]

`vgg16` and `vgg19` have random weights, which take the same time as trained ones. "first" includes what a backend does
once, as the export to ONNX. Everything is kept in a folder that is removed afterwards.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch

from impasto.objective.objective import Weights
from impasto.objective.profiles import Profile
from impasto.painting.loading import Choice, Loaded, load
from impasto.painting.targets import content_targets, style_targets
from impasto.plugin import Recognised
from impasto.recipe.recipe import Recipe
from impasto.storage.cache import CONTENTS, STYLES
from impasto_vgg import WEIGHTS
from impasto_vgg.architecture import VGG16, VGG19

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from random_vgg import random_weights

HEAD = (
    f"{'network':<9}{'backend':<9}{'px':>5}  {'target':<9}{'first':>9}{'cold':>9}{'remembered':>12}{'times faster':>14}"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, nargs="+", default=[512, 2048])
    parser.add_argument("--network", nargs="+", default=["wavelet", "vgg19"])
    parser.add_argument("--backend", nargs="+", default=["torch", "onnx"])
    parser.add_argument("--runs", type=int, default=5, help="medians of that many at 512 pixels, of fewer above")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"IMPASTO_CACHE": f"{folder}/cache", "IMPASTO_DATA": f"{folder}/data"}
        for of in (VGG16, VGG19):
            WEIGHTS[of.name].save(Recognised("torchvision", random_weights(architecture=of)), "random")
        print(f"{torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f}; seconds\n\n{HEAD}")
        for network in wanted.network:
            for backend in wanted.backend:
                recipe = Recipe(network=network, targets=backend, device="cpu")
                loaded = load(Choice.of(recipe, Profile.of(recipe)))
                for size in wanted.size:
                    runs = max(1, wanted.runs * 512 // max(512, size))
                    rows(f"{network:<9}{backend:<9}{size:>5}", loaded, size, runs)


def rows(name: str, loaded: Loaded, size: int, runs: int) -> None:
    image = torch.rand(1, 3, size, size)
    weights = Weights(loaded.network.content_layers, loaded.network.style_layers, 0, 0)
    for shelf, targets in ((STYLES, style_targets), (CONTENTS, content_targets)):

        def look(targets: Callable[..., object] = targets) -> float:
            begin = time.perf_counter()
            targets(loaded.target_evaluator, image, weights)
            return time.perf_counter() - begin

        shelf.clear()
        first, cold = look(), []
        for _ in range(runs):
            shelf.clear()
            cold.append(look())
        times = f"{name}  {shelf.name:<9}{first:>9.3f}{median(cold):>9.3f}"
        if any(shelf.entries()):
            again = median(look() for _ in range(runs))
            print(f"{times}{again:>12.4f}{median(cold) / again:>14.0f}", flush=True)
        else:
            print(f"{times}{'too large':>12}", flush=True)


if __name__ == "__main__":
    main()
