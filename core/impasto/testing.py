"""The conformance kit: what the core relies on in a network or a backend, for the tests of whoever writes one.

    from impasto.testing import check_backend, check_network

    def test_mine():
        check_network("mine", pooling="max")
        check_backend("mine", "wavelet", device="cuda")

Both take a name, of what is installed, or the record itself. They return nothing, and raise `AssertionError` with a
sentence that says which network, which layer and which picture, what was seen and what was expected; or `PluginError`
when there is no such thing or it is not ready, as for want of weights.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar, cast

import torch
from torch import Tensor

from .errors import DeviceError, PluginError
from .features.receptive_field import footprint_of, segments
from .plugin.backend import Backend, BackendInfo, Evaluator
from .plugin.network import Capabilities, Network, NetworkInfo
from .plugin.registry import missing, registry

Size = tuple[int, int]
"""(height, width) in pixels."""
LARGE: Size = (512, 448)
"""Tells the strides of all layers that it has."""
HUGE: Size = (1024, 1024)
"""Every layer must be there in a picture of this size; not looked at when LARGE has them all."""
ODD: Size = (97, 65)
SMALLEST: Size = (16, 16)
"""No picture that is painted is smaller, so some layer must be there."""
SIZES: tuple[Size, ...] = (LARGE, ODD, (65, 97), (112, 96), (33, 80), (17, 31), SMALLEST)
SMALL_SIZES: tuple[Size, ...] = ((16, 5), (8, 8), (3, 40), (2, 2), (1, 1))
"""Layers may be left out."""
LOST = 2
"""Rows or columns by which a grid may differ from the picture's divided by the stride, for what edges cost or add."""
RTOL = 1e-4
"""float32 sums in another order: this share of the largest value of a layer."""
MIXED = 0.1
"""This share of a layer's length is what bfloat16, of eight bits, may cost."""
NOWHERE = "nowhere-at-all"
Info = TypeVar("Info", NetworkInfo, BackendInfo)


def check_network(network: str | NetworkInfo, **options: str) -> None:
    """Check the network, built with `options`, on the CPU: a few seconds for a VGG.

    Names of layers, defaults and capabilities; shape, type and values of the maps at large, odd, narrow and tiny sizes;
    that grids follow the picture; that the same picture gives the same maps, whichever layers are asked for together
    and however often it is built; that it has the capabilities that it names; that it can be moved; that a finite
    gradient reaches the picture from every layer.
    """
    info = _ready(registry().network(network) if isinstance(network, str) else network)
    chosen = info.chosen(options)
    built = info.build(**chosen)
    watched = _Watched(f"network {info.name}", built)
    _check_layers(watched.who, built)
    _check_capabilities(watched.who, built)
    bad = [name for name, figure in vars(info.cost).items() if not figure >= 0] if info.cost else []
    _expect(not bad, watched.who, f"cost says less than nothing for {', '.join(bad)}", "seconds, bytes and pixels")
    with torch.no_grad():
        _check_grids(watched, built.layers)
        _check_same(watched, watched, built.layers, "asked again")
        _check_same(watched, _Watched(watched.who, info.build(**chosen)), built.layers, "built again")
        _check_alone(watched, built.layers)
        _check_aliases(watched, Capabilities.of(built).aliases)
        _check_checkpoints(watched, built)
        _check_valid(watched.who, built)
        if info.mixed_precision:
            _check_mixed(watched, built.layers)
        _check_moves(watched, built, info.build(**chosen))
    for layer, slope in _slopes(watched, _picture(ODD), built.layers).items():
        who = f"{watched.who}, layer {layer}"
        _expect(bool(slope.any()), who, "the gradient is zero", "one that reaches the picture")
    _slopes(watched, torch.full((1, 3, *ODD), 0.5), built.layers)  # where roots and quotients have no slope


def check_backend(
    backend: str | BackendInfo, network: str | NetworkInfo, device: str = "cpu", rtol: float = RTOL
) -> None:
    """Check the backend on `device` against `network` itself on the CPU, in float32.

    Every layer within `rtol` of its largest value, at all sizes; if it is differentiable, gradients too, as far as
    rounding leaves them alike: it decides at a rectifier's edge whether a path is open. An unknown device is refused,
    and the network is left as it was. A graphics card that rounds its factors (TF32) needs an `rtol` of some 3e-3.
    """
    info = _ready(registry().backend(backend) if isinstance(backend, str) else backend)
    other = _ready(registry().network(network) if isinstance(network, str) else network)
    who = f"backend {info.name} with {other.name}"
    _check_devices(info)
    placed = info.build(device, "float32")
    _check_placed(who, placed, device)
    became = info.build(device, "auto").precision
    _expect(became in ("float32", "bfloat16"), who, f"precision auto became {became!r}", "float32 or bfloat16")
    given, own = other.build(), other.build()
    watched, reference = _Watched(who, placed.load(given), placed.device), _Watched(f"network {other.name}", own)
    with torch.no_grad():
        for size in (*SIZES, *SMALL_SIZES):
            _check_parity(watched, reference, size, own.layers, rtol)
        _check_same(watched, watched, own.layers, "asked again")
        _check_subset(watched, own.layers)
    if info.differentiable:
        _check_slopes(watched, reference, own.layers, 100 * rtol)
    left = _Watched(f"{who}: the network after it was loaded", cast(Evaluator, cast(torch.nn.Module, given).to("cpu")))
    with torch.no_grad():
        _check_parity(left, reference, ODD, own.layers, RTOL)


@dataclass(frozen=True)
class _Watched:
    """A network or an evaluator, of which every call is looked at."""

    who: str
    evaluate: Evaluator | Network
    device: str = "cpu"

    def __call__(self, image: Tensor, layers: Collection[str], dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
        who = f"{self.who}, picture of {image.shape[-1]}x{image.shape[-2]}"
        image = image.to(self.device)
        before = image.detach().clone()
        try:
            maps = self.evaluate(image, layers)
        except Exception as error:
            expected = "maps, and no layer that the picture is too small for"
            _refuse(who, f"{type(error).__name__}: {error}", expected, error)
        if not image.is_meta:
            _expect(torch.equal(image.detach(), before), who, "the picture was written to", "it as it was")
        _expect(set(maps) <= set(layers), who, f"layers {list(maps)}", f"none but those asked for, {list(layers)}")
        for layer, found in maps.items():
            _check_maps(f"{who}, layer {layer}", found, image, dtype)
        return maps


def _check_maps(who: str, maps: Tensor, image: Tensor, dtype: torch.dtype) -> None:
    seen = tuple(maps.shape)
    _expect(len(seen) == 4 and seen[0] == 1 and maps.numel() > 0, who, f"shape {seen}", "(1, N, h, w), none of them 0")
    _expect(maps.dtype == dtype, who, f"{maps.dtype}", f"{dtype}")
    _expect(maps.device.type == image.device.type, who, f"maps on {maps.device}", f"them on {image.device}")
    _expect(maps.is_meta or bool(maps.isfinite().all()), who, "values that are not finite", "numbers")


# Networks


def _check_layers(who: str, network: Network) -> None:
    layers = network.layers
    _expect(isinstance(layers, tuple) and bool(layers), who, f"layers is {layers!r}", "a tuple of names")
    twice = sorted({layer for layer in layers if layers.count(layer) > 1})
    _expect(not twice, who, f"layers names {', '.join(twice)} more than once", "each once")
    for what, weights in (("content_layers", network.content_layers), ("style_layers", network.style_layers)):
        _expect(bool(weights), who, f"{what} is empty", "at least one layer")
        _check_known(who, what, weights, layers)
        bad = [layer for layer, weight in weights.items() if not (math.isfinite(weight) and weight > 0)]
        _expect(not bad, who, f"{what} weighs {bad} by no positive number", "positive weights")


def _check_capabilities(who: str, network: Network) -> None:
    """That they are of their type and speak of layers that there are; the rest is checked with maps."""
    found, layers = Capabilities.of(network), network.layers
    _expect(isinstance(found, Capabilities), who, f"capabilities is {found!r}", "a record of the type Capabilities")
    _check_known(who, "aliases", found.aliases.values(), layers)
    _expect(not set(found.aliases) & set(layers), who, "an alias is the name of a layer", "other names")
    for shown, style_layers in found.levels:
        _check_known(who, f"the level of {shown}", [shown, *style_layers], layers)
    for checkpoint, deeper in found.checkpoints.items():
        _check_known(who, f"the checkpoint {checkpoint}", deeper, layers)


def _check_known(who: str, what: str, names: Collection[str], layers: Collection[str]) -> None:
    unknown = [name for name in names if name not in layers]
    _expect(not unknown, who, f"{what} names {', '.join(unknown)}", f"layers of its own: {', '.join(layers)}")


def _check_grids(watched: _Watched, layers: tuple[str, ...]) -> None:
    """Every layer in a large picture, some in the smallest; grids that grow with the picture, by one stride."""
    found = {size: _shapes(watched, size, layers) for size in (*SIZES, *SMALL_SIZES)}
    if deep := [layer for layer in layers if layer not in found[LARGE]]:
        absent = [layer for layer in deep if layer not in _shapes(watched, HUGE, deep)]
        _expect(not absent, f"{watched.who}, picture of {HUGE[1]}x{HUGE[0]}", f"no {', '.join(absent)}", "every layer")
    _expect(bool(found[SMALLEST]), f"{watched.who}, picture of 16x16", "no layer", "at least one")
    for small, big in itertools.permutations(found, 2):
        if small[0] <= big[0] and small[1] <= big[1]:
            lost = [layer for layer in found[small] if layer not in found[big]]
            where = f"{watched.who}, picture of {big[1]}x{big[0]}"
            _expect(not lost, where, f"no {', '.join(lost)}", f"what {small[1]}x{small[0]} had")
    for size in found:
        for layer, (channels, *grid) in found[size].items():  # all of them are in LARGE, or the above refused them
            who = f"{watched.who}, layer {layer}, picture of {size[1]}x{size[0]}"
            most, *full = found[LARGE][layer]
            _expect(channels == most, who, f"{channels} channels", f"{most}, as in a picture of {LARGE[1]}x{LARGE[0]}")
            _check_grid(who, size, grid, full)


def _shapes(watched: _Watched, size: Size, layers: Collection[str]) -> dict[str, tuple[int, ...]]:
    """Layer -> (N, h, w)."""
    return {layer: tuple(maps.shape[1:]) for layer, maps in watched(_picture(size), layers).items()}


def _check_grid(who: str, size: Size, grid: list[int], full: list[int]) -> None:
    """`full` is the grid of a LARGE picture, which tells the stride."""
    strides = [whole / most for whole, most in zip(LARGE, full, strict=True)]
    wanted = [side / stride for side, stride in zip(size, strides, strict=True)]
    seen = f"a grid of {grid[1]}x{grid[0]}"
    near = all(abs(rows - want) <= LOST for rows, want in zip(grid, wanted, strict=True))
    expected = f"about {wanted[1]:.1f}x{wanted[0]:.1f}, by the stride of {LARGE[1]}x{LARGE[0]}"
    _expect(near, who, seen, expected)
    if size in (ODD, SMALLEST):  # much smaller than LARGE: `LOST` alone would let through a grid that never grows
        grown = all(rows < most for rows, most in zip(grid, full, strict=True))
        _expect(grown, who, seen, f"fewer positions than {LARGE[1]}x{LARGE[0]} has")


def _check_same(one: _Watched, other: _Watched, layers: Collection[str], when: str) -> None:
    image = _picture(ODD)
    first, second = one(image, layers), other(image, layers)
    _expect(first.keys() == second.keys(), one.who, f"other layers when {when}", "the same")
    for layer in first:
        same = one.device != "cpu" or torch.equal(first[layer], second[layer])  # a graphics card sums in any order
        _expect(same, f"{one.who}, layer {layer}", f"other maps when {when}", "the same to the last bit")


def _check_alone(watched: _Watched, layers: tuple[str, ...]) -> None:
    """Each layer alone, and every other one backwards: the same maps, and no others."""
    image = _picture((112, 96))
    together = watched(image, layers)
    _expect(not watched(image, []), watched.who, "layers when none were asked for", "none")
    for asked in (*((layer,) for layer in together), layers[::-2]):
        found = watched(image, list(asked))
        for layer in (layer for layer in asked if layer in together):
            who = f"{watched.who}, layer {layer}"
            _expect(layer in found, who, f"nothing when asked for {', '.join(asked)}", "the layer")
            same = torch.equal(found[layer], together[layer])
            _expect(same, who, f"other maps when asked for {', '.join(asked)} than for all", "the same to the last bit")


def _check_aliases(watched: _Watched, aliases: Mapping[str, str]) -> None:
    """Each alias gives the maps of its layer."""
    found = watched(_picture((112, 96)), [*aliases, *aliases.values()])
    for alias, layer in aliases.items():
        same = layer not in found or (alias in found and torch.equal(found[alias], found[layer]))
        _expect(same, f"{watched.who}, layer {alias}", f"other maps than those of {layer}", "the same")


def _check_checkpoints(watched: _Watched, network: Network) -> None:
    """From the maps of each, the layers that follow are what they are from the picture."""
    image = _picture((112, 96))
    for checkpoint, deeper in Capabilities.of(network).checkpoints.items():
        layers = [layer for layer in watched(image, deeper) if layer != checkpoint]
        try:
            whole = cast(Any, network)(image, [checkpoint, *layers])
            found = cast(Any, network)(whole[checkpoint], layers, after=checkpoint)
        except Exception as error:
            _refuse(f"{watched.who}, after {checkpoint}", f"{type(error).__name__}: {error}", "maps", error)
        for layer in layers:
            same = layer in found and torch.equal(found[layer], whole[layer])
            who = f"{watched.who}, layer {layer} after {checkpoint}"
            _expect(same, who, "other maps than from the picture", "the same to the last bit")


def _check_valid(who: str, network: Network) -> None:
    """Without padding, each segment gives for a tile what it gives there for the whole picture."""
    if Capabilities.of(network).valid:
        try:
            found = footprint_of(network, network.layers, torch.zeros(1)).valid
        except Exception as error:
            _refuse(f"{who}, with pad", f"{type(error).__name__}: {error}", "maps without borders", error)
        for segment in segments(network, network.layers):
            seen = "other maps with pad than inside the picture, whatever the margin"
            _expect(segment.source in found, f"{who}, after {segment.source or 'the picture'}", seen, "the same")


def _check_mixed(watched: _Watched, layers: Collection[str]) -> None:
    """Under autocast nearly the same maps."""
    image = _picture(ODD)
    with torch.autocast("cpu", torch.bfloat16):
        found = watched.evaluate(image, layers)
    for layer, maps in watched(image, layers).items():
        size, off = float(maps.norm()), float((found[layer] - maps).norm())
        seen = f"maps off by {off:.2g} in bfloat16, where their length is {size:.2g}"
        _expect(off <= MIXED * size, f"{watched.who}, layer {layer}", seen, f"at most {MIXED:g} of that")


def _check_moves(watched: _Watched, network: Network, spare: Network) -> None:
    """To float64 and back; and to another device, which is `meta`, without values, where there is none."""
    layers, image = network.layers, _picture(ODD)
    before = watched(image, layers)
    module = cast(torch.nn.Module, network)
    _Watched(f"{watched.who}, moved to float64", cast(Network, module.double()))(image.double(), layers, torch.float64)
    for device in ["cuda"] if torch.cuda.is_available() else []:
        moved = _Watched(f"{watched.who}, moved to {device}", cast(Network, module.to(device)), device)
        moved(image.double(), layers, torch.float64)
    module.float().to("cpu")
    for layer, maps in watched(image, layers).items():
        who = f"{watched.who}, layer {layer}"
        _expect(torch.equal(maps, before[layer]), who, "other maps after it was moved and moved back", "the same")
    nowhere = cast(Network, cast(torch.nn.Module, spare).to("meta"))
    found = _Watched(f"{watched.who}, moved to meta", nowhere, "meta")(image, layers)
    for layer, maps in before.items():
        same = layer in found and found[layer].shape == maps.shape
        _expect(same, f"{watched.who}, layer {layer}", "another shape on the device meta", f"{tuple(maps.shape)}")


# Backends


def _check_devices(info: BackendInfo) -> None:
    try:
        info.build(NOWHERE, "float32")
    except DeviceError:
        return
    except Exception as error:
        _refuse(f"backend {info.name}, device {NOWHERE}", f"{type(error).__name__}: {error}", "a DeviceError", error)
    _refuse(f"backend {info.name}, device {NOWHERE}", "it was accepted", "a DeviceError")


def _check_placed(who: str, placed: Backend, device: str) -> None:
    kind = placed.device.partition(":")[0]
    _expect(device in ("auto", kind, placed.device), who, f"device is {placed.device!r}", f"{device!r}")
    _expect(placed.precision == "float32", who, f"precision is {placed.precision!r}", "'float32', as it was asked for")
    identity = getattr(placed, "identity", None)
    _expect(isinstance(identity, str), who, f"identity is {identity!r}", "a str")


def _check_parity(one: _Watched, other: _Watched, size: Size, layers: Collection[str], rtol: float) -> None:
    image = _picture(size)
    found, expected = one(image, layers), other(image, layers)
    for layer in layers:
        who = f"{one.who}, layer {layer}, picture of {size[1]}x{size[0]}"
        both = (layer in found) == (layer in expected)
        _expect(both, who, "there" if layer in found else "not there", "as in the network itself")
        if layer in expected:
            _check_near(who, found[layer].cpu(), expected[layer], rtol)


def _check_near(who: str, found: Tensor, expected: Tensor, rtol: float) -> None:
    _expect(found.shape == expected.shape, who, f"shape {tuple(found.shape)}", f"{tuple(expected.shape)}")
    size, off = float(expected.abs().max()), float((found - expected).abs().max())
    _expect(off <= rtol * size, who, f"off by {off:.2g} where values reach {size:.2g}", f"at most {rtol:g} of that")


def _check_subset(watched: _Watched, layers: tuple[str, ...]) -> None:
    image = _picture(ODD)
    together = watched(image, layers)
    for layer in (next(iter(together)), list(together)[-1]):
        _expect(layer in watched(image, [layer]), f"{watched.who}, layer {layer}", "not there alone", "the layer")
    _expect(not watched(image, []), watched.who, "layers when none were asked for", "none")


def _check_slopes(watched: _Watched, reference: _Watched, layers: Collection[str], rtol: float) -> None:
    found, expected = (_slopes(one, _picture(ODD), layers) for one in (watched, reference))
    for layer, slope in expected.items():
        size, off = float(slope.norm()), float((found[layer].cpu() - slope).norm())
        who = f"{watched.who}, layer {layer}"
        _expect(off <= rtol * size, who, f"a gradient off by {off / size:.2g} of its length", f"at most {rtol:g}")


# Both


def _slopes(watched: _Watched, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
    """Layer -> gradient of the sum of its squares with respect to the picture, finite."""
    image = image.to(watched.device).requires_grad_()
    slopes = {}
    for layer, maps in watched(image, layers).items():
        who = f"{watched.who}, layer {layer}"
        _expect(maps.requires_grad, who, "no gradient", "one; a backend that has none says differentiable=False")
        (slope,) = torch.autograd.grad(maps.square().sum(), image, retain_graph=True, allow_unused=True)
        _expect(slope is not None, who, "no gradient", "one that reaches the picture")
        flat = " of a flat picture" if image.detach().min() == image.detach().max() else ""
        _expect(bool(slope.isfinite().all()), who, f"a gradient{flat} that is not finite", "numbers")
        slopes[layer] = slope
    return slopes


def _picture(size: Size) -> Tensor:
    """(1, 3, h, w) of random colours in [0, 1], the same every time."""
    return torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(size[0] * 1000 + size[1]))


def _ready(info: Info) -> Info:
    if need := missing(info):
        raise PluginError(f"{info.name} is not ready: {need}")
    return info


def _expect(truth: bool, who: str, seen: str, expected: str) -> None:
    if not truth:
        _refuse(who, seen, expected)


def _refuse(who: str, seen: str, expected: str, cause: Exception | None = None) -> NoReturn:
    raise AssertionError(f"{who}: {seen}; expected {expected}.") from cause
