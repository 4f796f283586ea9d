"""Networks on backends, ready to be evaluated: what a painting needs to start, and whoever paints again may keep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ..features.target_cache import remembering
from ..objective.profiles import Profile
from ..plugin.backend import Evaluator
from ..plugin.network import Network
from ..plugin.registry import registry
from ..recipe.recipe import Recipe


@dataclass(frozen=True)
class Choice:
    """Everything that tells one loaded network from another."""

    network: str
    options: tuple[tuple[str, str], ...]
    backend: str
    targets: str
    device: str
    precision: str

    @classmethod
    def of(cls, recipe: Recipe, profile: Profile) -> Choice:
        """What `recipe` asks for; `RecipeError` for options that its network does not have."""
        info = registry().network(recipe.network)
        options = info.chosen(recipe.network_options or {}, profile.network_options)
        targets = recipe.targets or recipe.backend
        return cls(
            info.name, tuple(options.items()), recipe.backend, targets, recipe.device, info.precision(recipe.precision)
        )


@dataclass(frozen=True, eq=False)
class Loaded:
    """A network where it paints."""

    network: Network
    device: str
    precision: str
    evaluate: Evaluator
    target_evaluator: Evaluator
    """Computes the targets, and gives them on the same device; remembers them."""


Load = Callable[[Choice], Loaded]


def load(choice: Choice) -> Loaded:
    """Build and place the network; `PluginError`, `DeviceError`, `WeightsError`, or `RecipeError` of the cache."""
    info, options = registry().network(choice.network), dict(choice.options)
    backend = registry().differentiable(choice.backend).build(choice.device, choice.precision)
    network = info.build(**options)
    if choice.targets == choice.backend:
        target_evaluator, other = backend, None
    else:
        target_evaluator = registry().backend(choice.targets).build(choice.device, choice.precision)
        other = target_evaluator.load(network)
    evaluate = backend.load(network)
    remembered = remembering(other or evaluate, info, options, network, target_evaluator)
    return Loaded(network, backend.device, backend.precision, evaluate, remembered)


def hue_network(load: Load, choice: Choice, loaded: Loaded, name: str) -> Loaded:
    """The network whose hypercolumns tell hues: the one called `name`, or, where it has no weights, `loaded`."""
    info = registry().networks.get(name)
    if info is None or info.missing():
        return loaded
    return load(replace(choice, network=name, options=tuple(info.chosen({}).items())))
