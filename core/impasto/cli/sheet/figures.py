"""Figures of the paper as sheets, for any network: the axes are its own levels, shallow to deep.

Figure 1: textures from the style layers of more and more levels, and reconstructions from the content layers of each
(Gatys, Ecker and Bethge, CVPR 2016). Figure 3: those style layers against alpha/beta, as in the first version of the
paper (arXiv:1508.06576); that of 2016 shows its rows and columns apart, in figures 5 and 4. Pictures start from noise
and work at one size, since a smaller size would bring in larger shapes than a row's layers see.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase
from typing import Any

import torch

from ...errors import RecipeError
from ...objective.profiles import Profile
from ...pictures.bundled_styles import found
from ...pictures.picture import Picture, read
from ...plugin.network import Capabilities, Network
from ...plugin.registry import registry
from ...recipe.recipe import Recipe
from ..job import Job
from .axes import NOTHING, RATIO, SIZE, Axis, Mark, Plan, span

OURS = {"scales": 1, "steps": 60, "init": "noise"}
PAPERS = {"profile": "gatys2016"}
"""The losses of the paper, for networks with trained weights, as its own."""
RATIOS = (1e-2, 1e-1, 1, 10)
"""Times the profile's own alpha/beta: with that of the paper, 1e-3, they are the columns of its figure."""
Layers = dict[str, float]


def planned(
    number: str, knobs: Mapping[str, Any], content: Path, style: Path, output: Path, columns: Axis = NOTHING
) -> Plan:
    """The figure of this number, "1" or "3". `knobs` replace those that figures start with, `columns` those of 3."""
    style = found(style)
    trained = [name for name, info in registry().networks.items() if info.weights]
    knobs = {**OURS, **(PAPERS if knobs.get("network") in trained else {}), **knobs}
    if number == "1":
        return _representations(knobs, content, style, output)
    return _trade_off(knobs, content, style, output, columns)


def _representations(knobs: Mapping[str, Any], content: Path, style: Path, output: Path) -> Plan:
    seen = read(content)
    recipe = registry().settled(Recipe.of(**knobs)).sized(max(seen.size), SIZE)
    painted = read(style).cropped(recipe.style_crop)
    levels, canvas = _Levels(recipe, seen, painted), seen.fit(recipe.longest)
    styles, contents = list(levels.growing()), list(levels.single())
    jobs, captions = {}, {}
    for x, (text, layers) in enumerate(styles):
        texture = Recipe.texture(painted.size, canvas, **{**knobs, "style_layers": layers})
        jobs[0, x], captions[0, x] = Job(None, style, output, texture, canvas=canvas), text
    for x, layer in enumerate(contents):
        recipe = Recipe.reconstruction(**{**knobs, "content_layers": {layer: 1.0}})
        jobs[1, x], captions[1, x] = Job(content, None, output, recipe), layer
    rows = Axis("", [Mark("style", shown=style), Mark("content", shown=content)])
    columns = [Mark(letter) for letter in ascii_lowercase[: max(len(styles), len(contents))]]
    return Plan(rows, Axis("", columns), jobs, captions)


def _trade_off(knobs: Mapping[str, Any], content: Path, style: Path, output: Path, columns: Axis) -> Plan:
    seen = read(content)
    recipe = registry().settled(Recipe.of(**knobs)).sized(max(seen.size), SIZE)
    levels = _Levels(recipe, seen, read(style).cropped(recipe.style_crop))
    letters = zip(ascii_uppercase, levels.growing(), strict=False)
    rows = [Mark(f"{letter}  {text}", {"style_layers": layers}) for letter, (text, layers) in letters]
    if not levels.profile.style_weight:
        raise RecipeError(f"The profile {recipe.profile} has no style loss.", "Figure 3 needs one; choose another.")
    middle = levels.profile.content_weight / levels.profile.style_weight
    if columns is NOTHING:
        columns = Axis.of(f"{RATIO}={','.join(f'{middle * factor:.3g}' for factor in RATIOS)}")
    return span(Axis("style layers", rows), columns, knobs, {"content": content, "style": style}, output)


class _Levels:
    """The levels that a network has for pictures of these sizes, and what of it lies in each."""

    def __init__(self, recipe: Recipe, content: Picture, style: Picture) -> None:
        info = registry().network(recipe.network)
        self.profile = Profile.of(recipe, info.finish)
        self.network: Network = info.build(**info.chosen(recipe.network_options or {}, self.profile.network_options))
        seen = self._reached(content.fit(recipe.longest))
        both = seen & self._reached(style.fit(recipe.longest * recipe.style_scale))
        own = Capabilities.of(self.network).levels or [(layer, (layer,)) for layer in self.network.style_layers]
        here = [(shown, [layer for layer in layers if layer in both]) for shown, layers in own if shown in seen]
        self.levels = here[: len(ascii_uppercase)]
        if not any(layers for _, layers in self.levels):
            raise RecipeError(f"At size {recipe.longest} the network {recipe.network} sees nothing.", "Raise --size.")

    @torch.no_grad()
    def _reached(self, size: tuple[int, int]) -> set[str]:
        """The layers that a picture of this (width, height) is large enough for."""
        return set(self.network(torch.zeros(1, 3, size[1], size[0]), self.network.layers))

    def growing(self) -> Iterator[tuple[str, Layers]]:
        """("conv1_1", ...), ("+ conv2_1", ...) and so on: the style layers up to each level, of one total weight."""
        wished, weights, taken = self.profile.style_layers, self.network.style_layers, Layers()
        if wished and wished.keys() <= set(self.network.layers):
            weights = wished
        steps = [[layer for layer in layers if layer in weights] for _, layers in self.levels]
        total = sum(weights[layer] for layers in steps for layer in layers)
        for number, layers in enumerate(filter(None, steps)):
            taken |= {layer: weights[layer] for layer in layers}
            scale = total / sum(taken.values())
            name = layers[0] if len(layers) == 1 else f"level {number + 1}"
            yield "+ " * bool(number) + name, {layer: weight * scale for layer, weight in taken.items()}

    def single(self) -> Iterator[str]:
        """The layer that shows what a level sees, of each."""
        return (shown for shown, _ in self.levels)
