"""The conformance kit: everything installed passes it, and it refuses whatever is broken, in a clear sentence."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.errors import DeviceError, PluginError
from impasto.plugin import BackendInfo, Capabilities, Cost, NetworkInfo, Recognised
from impasto.plugin.registry import missing, registry
from impasto.testing import check_backend, check_network
from impasto_vgg import WEIGHTS
from impasto_vgg.architecture import VGG16, VGG19
from random_vgg import random_weights

NETWORKS, BACKENDS = registry().networks, registry().backends


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """VGGs of few channels, which run in milliseconds."""
    monkeypatch.setenv("IMPASTO_DATA", str(tmp_path / "data"))
    for architecture in (VGG16, VGG19):
        for info in (WEIGHTS[architecture.name], WEIGHTS[architecture.name].normalised):
            info.save(Recognised("torchvision", random_weights(0, 4, architecture)), "random")


# Everything installed


def ways(info: NetworkInfo) -> Iterator[dict[str, str]]:
    """The default, and every other value of one option at a time."""
    yield {}
    for option, values in info.options.items():
        yield from ({option: value} for value in values[1:])


@pytest.mark.slow
@pytest.mark.usefixtures("weights")
@pytest.mark.parametrize(("name", "options"), [(name, way) for name, info in NETWORKS.items() for way in ways(info)])
def test_every_network_conforms(name: str, options: dict[str, str]) -> None:
    skip_unready(NETWORKS[name])
    check_network(name, **options)


@pytest.mark.slow
@pytest.mark.usefixtures("weights")
@pytest.mark.parametrize(("backend", "network"), list(itertools.product(BACKENDS, NETWORKS)))
def test_every_backend_computes_every_network(backend: str, network: str) -> None:
    skip_unready(BACKENDS[backend])
    skip_unready(NETWORKS[network])
    check_backend(backend, network)


@pytest.mark.slow
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no graphics card")
@pytest.mark.parametrize("backend", [name for name, info in BACKENDS.items() if "cuda" in info.devices])
def test_every_backend_computes_on_a_graphics_card(backend: str) -> None:
    skip_unready(BACKENDS[backend])
    check_backend(backend, "wavelet", device="cuda", rtol=3e-3)


def skip_unready(info: NetworkInfo | BackendInfo) -> None:
    if need := missing(info):
        pytest.skip(need)


def test_what_is_not_ready_is_no_failure_of_the_plugin() -> None:
    with pytest.raises(PluginError, match=r"far is not ready: Run `get far`\."):
        check_network(NetworkInfo("far", "", build=Sound, missing=lambda: "Run `get far`."))
    with pytest.raises(PluginError, match="There is no backend 'abacus'"):
        check_backend("abacus", "wavelet")


# Broken networks, one for each check


class Sound(torch.nn.Module):
    """Nothing is wrong with it: two convolutions, the second on a grid of half the density."""

    layers: Any = ("fine", "coarse")
    content_layers: Mapping[str, float] = {"coarse": 1.0}
    style_layers: Mapping[str, float] = {"fine": 1.0, "coarse": 0.5}

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.register_buffer("first", torch.randn(4, 3, 3, 3, generator=generator))
        self.register_buffer("second", torch.randn(6, 4, 3, 3, generator=generator))

    def forward(self, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        fine = F.relu(F.conv2d(image, self.first, padding=1))
        found = {"fine": fine}
        if "coarse" in layers and min(image.shape[-2:]) > 1:
            found["coarse"] = F.relu(F.conv2d(F.avg_pool2d(fine, 2), self.second, padding=1))
        return {layer: found[layer] for layer in layers if layer in found}


class Changed(Sound):
    """Gives what `change` makes of each map."""

    def forward(self, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        return {layer: self.change(maps, image) for layer, maps in super().forward(image, layers).items()}

    def change(self, maps: Tensor, image: Tensor) -> Tensor:
        return maps


def changed(change: Callable[[Tensor, Tensor], Tensor]) -> type[Sound]:
    return type("Broken", (Changed,), {"change": lambda _, maps, image: change(maps, image)})


def named(**attributes: object) -> type[Sound]:
    return type("Broken", (Sound,), attributes)


def able(**capabilities: Any) -> type[Sound]:
    return named(capabilities=Capabilities(**capabilities))


class Crashes(Sound):
    def forward(self, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        found = {"fine": F.relu(F.conv2d(image, self.first, padding=1))}
        found["coarse"] = F.avg_pool2d(found["fine"], 2)
        return {layer: found[layer] for layer in layers}


class WantsMuch(Sound):
    def forward(self, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        return super().forward(image, layers) if min(image.shape[-2:]) > 16 else {}


class LosesALayer(Sound):
    def forward(self, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        return super().forward(image, [layer for layer in layers if layer != "coarse" or image.shape[-1] != 96])


class NeverThere(Sound):
    layers = ("fine", "coarse", "deep")


class GoesOn(Sound):
    """From the layer `fine`."""

    capabilities = Capabilities(checkpoints={"fine": ("coarse",)})
    off = 1.0

    def forward(self, image: Tensor, layers: Collection[str], after: str = "") -> dict[str, Tensor]:
        if not after:
            return super().forward(image, layers)
        return {"coarse": self.off * F.relu(F.conv2d(F.avg_pool2d(image, 2), self.second, padding=1))}


class GoesOnOtherwise(GoesOn):
    off = 1.01


class Shrinks(Sound):
    """Without borders where it is asked to; `lost` is what its second convolution loses then."""

    capabilities = Capabilities(valid=True)
    lost = 1

    def forward(
        self, image: Tensor, layers: Collection[str], pad: tuple[bool, bool] = (True, True)
    ) -> dict[str, Tensor]:
        found, least = {}, [1 if padded else 3 for padded in pad]
        if all(length >= few for length, few in zip(image.shape[-2:], least, strict=True)):
            found["fine"] = F.relu(F.conv2d(image, self.first, padding=[int(padded) for padded in pad]))
            half = F.avg_pool2d(found["fine"], 2) if min(found["fine"].shape[-2:]) > 1 else image[..., :0]
            if all(length >= few for length, few in zip(half.shape[-2:], least, strict=True)):
                border = [1 if padded else 1 - self.lost for padded in pad]
                found["coarse"] = F.relu(F.conv2d(half, self.second, padding=border))
        return {layer: found[layer] for layer in layers if layer in found}


class ShrinksTooLittle(Shrinks):
    lost = 0


class ShrinksTurned(Shrinks):
    def forward(
        self, image: Tensor, layers: Collection[str], pad: tuple[bool, bool] = (True, True)
    ) -> dict[str, Tensor]:
        return super().forward(image, layers, pad[::-1])


class GivesAll(Sound):
    def forward(self, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        return super().forward(image, self.layers)


class WritesInto(Sound):
    def forward(self, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        return super().forward(image.sub_(0.5), layers)


class Counts(Sound):
    calls = 0

    def forward(self, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        self.calls += 1
        return super().forward(image + 1e-3 * self.calls, layers)


class Unseeded(Sound):
    def __init__(self) -> None:
        super().__init__()
        self.first = torch.randn(4, 3, 3, 3)


class LessEachTime(Sound):
    built = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self.whole = next(self.built) % 3 == 0  # the kit builds it three times

    def forward(self, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        return super().forward(image, [layer for layer in layers if self.whole or layer == "fine"])


class Depends(Sound):
    """On what else is asked for."""

    def forward(self, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        found = super().forward(image, layers)
        return {layer: maps * (1 + 1e-3 * (len(found) - 1)) for layer, maps in found.items()}


class LosesOneAlone(Sound):
    def forward(self, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        found = super().forward(image, layers)
        return found if len(found) != 1 or image.shape[-1] != 96 else {}


class KeepsAConstant(Sound):
    """Which is no buffer, and so stays behind when the network is moved."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = torch.full((3, 1, 1), 0.5)

    def forward(self, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        return super().forward(image - self.mean, layers)


class ForgetsWhenMoved(Sound):
    def _apply(self, move: Any, recurse: bool = True) -> Any:
        moved = super()._apply(move, recurse)
        self.first = (self.first * 1.5).to(self.first)
        return moved


class StaysIn32(Sound):
    def forward(self, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        return {layer: maps.float() for layer, maps in super().forward(image, layers).items()}


NETWORK_FAULTS: dict[str, tuple[type[Sound], str]] = {
    "list": (named(layers=["fine"]), r"network list: layers is \['fine'\]; expected a tuple of names"),
    "twice": (named(layers=("fine", "fine", "coarse")), "layers names fine more than once; expected each once"),
    "no default": (named(content_layers={}), "content_layers is empty; expected at least one layer"),
    "unknown default": (
        named(style_layers={"conv": 1.0}),
        "style_layers names conv; expected layers of its own: fine, ",
    ),
    "no weight": (named(style_layers={"fine": 0.0}), r"style_layers weighs \['fine'\] by no positive number"),
    "no record": (
        named(capabilities={"valid": True}),
        "capabilities is {'valid': True}; expected a record",
    ),
    "unknown alias": (able(aliases={"relu": "conv"}), "aliases names conv; expected layers of its own"),
    "used alias": (able(aliases={"fine": "coarse"}), "an alias is the name of a layer; expected other names"),
    "dead alias": (able(aliases={"relu": "fine"}), "layer relu: other maps than those of fine; expected the same"),
    "unknown level": (able(levels=[("fine", ["conv"])]), "the level of fine names conv; expected layers of its own"),
    "crashes": (
        Crashes,
        r"picture of 1x1: RuntimeError: .*; expected maps, and no layer that the picture is too small",
    ),
    "wants much": (WantsMuch, "picture of 16x16: no layer; expected at least one"),
    "loses a layer": (LosesALayer, r"picture of 96x112: no coarse; expected what \d+x\d+ had"),
    "never there": (NeverThere, "picture of 1024x1024: no deep; expected every layer"),
    "other checkpoint": (
        able(checkpoints={"fine": ("conv",)}),
        "checkpoint fine names conv; expected layers of its own",
    ),
    "no after": (able(checkpoints={"fine": ("coarse",)}), "after fine: TypeError: .*; expected maps"),
    "goes on otherwise": (GoesOnOtherwise, "layer coarse after fine: other maps than from the picture; expected"),
    "no pad": (able(valid=True), "with pad: TypeError: .*; expected maps without borders"),
    "shrinks too little": (ShrinksTooLittle, r"after the picture: other maps with pad than inside"),
    "shrinks turned": (ShrinksTurned, "after the picture: other maps with pad than inside"),
    "gives all": (GivesAll, r"layers \['fine', 'coarse'\]; expected none but those asked for, \[\]"),
    "flat": (changed(lambda maps, _: maps.flatten(2)), r"layer fine: shape \(1, 4, 229376\); expected \(1, N, h, w\)"),
    "no batch": (changed(lambda maps, _: maps.expand(2, -1, -1, -1)), r"shape \(2, 4, 512, 448\); expected \(1, N"),
    "double": (changed(lambda maps, _: maps.double()), "layer fine: torch.float64; expected torch.float32"),
    "infinite": (changed(lambda maps, _: maps / 0), "layer fine: values that are not finite; expected numbers"),
    "fixed": (changed(lambda maps, _: F.adaptive_avg_pool2d(maps, 1)), "a grid of 1x1; expected fewer positions than"),
    "squeezed": (changed(lambda maps, _: maps.mT.reshape(1, maps.shape[1], -1, 1)), r"grid of 1x\d+; expected about"),
    "cropped": (changed(lambda maps, _: maps[..., :9, :9]), "grid of 9x9; expected"),
    "channels": (
        changed(lambda maps, image: maps[:, : 3 if image.shape[-1] < 40 else None]),
        "picture of 31x17: 3 channels; expected 4, as in a picture of 448x512",
    ),
    "writes": (WritesInto, "picture of 448x512: the picture was written to; expected it as it was"),
    "counts": (Counts, "layer fine: other maps when asked again; expected the same to the last bit"),
    "unseeded": (Unseeded, "layer fine: other maps when built again; expected the same to the last bit"),
    "less": (LessEachTime, "other layers when built again; expected the same"),
    "meta": (
        changed(lambda maps, image: maps[..., 1:] if image.is_meta else maps),
        r"layer fine: another shape on the device meta; expected \(1, 4, 97, 65\)",
    ),
    "depends": (Depends, "layer fine: other maps when asked for fine than for all; expected the same to the last bit"),
    "loses one": (LosesOneAlone, "layer fine: nothing when asked for fine; expected the layer"),
    "constant": (KeepsAConstant, "moved to (cuda|meta), picture of 65x97: RuntimeError: .*device"),
    "forgets": (ForgetsWhenMoved, "layer fine: other maps after it was moved and moved back; expected the same"),
    "stays": (StaysIn32, "moved to float64, picture of 65x97, layer fine: torch.float32; expected torch.float64"),
    "detached": (changed(lambda maps, _: maps.detach()), "layer fine: no gradient; expected one"),
    "constant maps": (
        changed(lambda maps, image: torch.ones_like(maps) + 0 * image.mean()),
        "layer fine: the gradient is zero; expected one that reaches the picture",
    ),
    "root": (
        changed(lambda maps, _: (maps - maps.roll(1, 3)).square().sum(1, keepdim=True).sqrt()),
        "layer (fine|coarse): a gradient of a flat picture that is not finite; expected numbers",
    ),
}


@pytest.mark.parametrize("build", [Sound, GoesOn, Shrinks])
def test_a_sound_network_conforms(build: type[Sound]) -> None:
    check_network(NetworkInfo("sound", "", build=build))


@pytest.mark.parametrize("name", NETWORK_FAULTS)
def test_a_broken_network_is_refused(name: str) -> None:
    broken, sentence = NETWORK_FAULTS[name]
    with pytest.raises(AssertionError, match=sentence) as refused:
        check_network(NetworkInfo(name, "", build=broken))
    assert str(refused.value).startswith(f"network {name}")
    assert str(refused.value).endswith(".")


class TooFine(Sound):
    """Needs more digits than bfloat16 has."""

    def forward(self, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        same = F.conv2d(image, torch.eye(3)[:, :, None, None].to(image))
        return super().forward(image + 1000 * same - 1000 * image, layers)


def test_mixed_precision_is_checked_where_it_is_claimed() -> None:
    check_network(NetworkInfo("sound", "", build=Sound, mixed_precision=True))
    with pytest.raises(AssertionError, match=r"layer fine: maps off by .* in bfloat16, .*; expected at most 0.1"):
        check_network(NetworkInfo("fine", "", build=TooFine, mixed_precision=True))


def test_a_cost_is_of_something() -> None:
    cost = Cost(seconds=1e-6, step=100, tile=-1, far=math.nan, halo=0, whole=math.inf)
    with pytest.raises(AssertionError, match="network sound: cost says less than nothing for tile, far; expected"):
        check_network(NetworkInfo("sound", "", build=Sound, cost=cost))


# Broken backends


class Plain:
    """Nothing is wrong with it."""

    identity: object = ""

    def __init__(self, device: str, precision: str) -> None:
        if device != "cpu":
            raise DeviceError(f"There is no {device}.")
        self.device, self.precision = device, "float32" if precision == "auto" else precision

    def load(self, network: Any) -> Any:
        return network


def loads(load: Callable[[Any], Any]) -> type[Plain]:
    return type("Broken", (Plain,), {"load": lambda _, network: load(network)})


class TakesAnyDevice(Plain):
    def __init__(self, device: str, precision: str) -> None:
        self.device, self.precision = device, precision


class RaisesAnything(Plain):
    def __init__(self, device: str, precision: str) -> None:
        self.device, self.precision = {"cpu": "cpu"}[device], precision


class OtherPrecision(Plain):
    precision = property(lambda _: "bfloat16", lambda *_: None)


class StaysAuto(Plain):
    def __init__(self, device: str, precision: str) -> None:
        super().__init__(device, precision)
        self.precision = precision


class NoIdentity(Plain):
    identity = None


class OtherDevice(Plain):
    device = property(lambda _: "meta", lambda *_: None)


def each(change: Callable[[Tensor], Tensor]) -> Callable[[Any], Any]:
    return lambda network: lambda image, layers: {n: change(maps) for n, maps in network(image, layers).items()}


def in_place(network: Any) -> Any:
    exact = network.double()
    return lambda image, layers: {name: maps.float() for name, maps in exact(image.double(), layers).items()}


def only_even(network: Any) -> Any:
    return lambda image, layers: network(image, layers if image.shape[-1] % 2 == 0 else list(layers)[:-1])


def never_alone(network: Any) -> Any:
    return lambda image, layers: network(image, layers) if len(layers) > 1 else {}


def elsewhere(network: Any) -> Any:
    return each(lambda maps: maps.to("meta"))(network)


def one_size(network: Any) -> Any:
    def evaluate(image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        if image.shape[-1] != 448:
            raise ValueError("made for 448")
        return dict(network(image, layers))

    return evaluate


def half_the_slope(network: Any) -> Any:
    return lambda image, layers: network(0.5 * image + 0.5 * image.detach(), layers)


BACKEND_FAULTS: dict[str, tuple[type[Plain], str]] = {
    "any device": (TakesAnyDevice, "device nowhere-at-all: it was accepted; expected a DeviceError"),
    "key error": (RaisesAnything, "device nowhere-at-all: KeyError: .*; expected a DeviceError"),
    "precision": (OtherPrecision, "precision is 'bfloat16'; expected 'float32', as it was asked for"),
    "auto": (StaysAuto, "precision auto became 'auto'; expected float32 or bfloat16"),
    "identity": (NoIdentity, "identity is None; expected a str"),
    "device": (OtherDevice, "device is 'meta'; expected 'cpu'"),
    "off": (loads(each(lambda maps: maps * 1.001)), r"off by \S+ where values reach \S+; expected at most 0.0001 of"),
    "transposed": (loads(each(lambda maps: maps.mT)), r"layer \S+, picture of 448x512: shape .*; expected \(1, "),
    "no gradient": (loads(each(Tensor.detach)), "no gradient; expected one; a backend that has none says different"),
    "slope": (loads(half_the_slope), "a gradient off by 0.5 of its length; expected at most 0.01"),
    "in place": (
        loads(in_place),
        "the network after it was loaded, picture of 65x97(, layer .*float64|: RuntimeError)",
    ),
    "only even": (loads(only_even), r"layer \S+, picture of 65x97: not there; expected as in the network itself"),
    "never alone": (loads(never_alone), "layer fine: not there alone; expected the layer"),
    "elsewhere": (loads(elsewhere), "layer fine: maps on meta; expected them on cpu"),
    "one size": (loads(one_size), "picture of 65x97: ValueError: made for 448; expected maps"),
}


@pytest.mark.parametrize(("load", "differentiable"), [(copy.deepcopy, True), (each(Tensor.detach), False)])
def test_a_sound_backend_conforms(load: Callable[[Any], Any], differentiable: bool) -> None:
    sound = NetworkInfo("sound", "", build=Sound)
    check_backend(BackendInfo("plain", "", differentiable, build=loads(load)), network=sound)


@pytest.mark.parametrize("name", BACKEND_FAULTS)
def test_a_broken_backend_is_refused(name: str) -> None:
    broken, sentence = BACKEND_FAULTS[name]
    with pytest.raises(AssertionError, match=sentence) as refused:
        check_backend(BackendInfo(name, "", True, build=broken), network=NetworkInfo("sound", "", build=Sound))
    assert str(refused.value).startswith(f"backend {name}")
