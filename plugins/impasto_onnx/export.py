"""A network as an ONNX model: float32 picture (1, 3, H, W) of any size -> its layers, as outputs of their names.

The exporter follows the network once, on a picture of symbolic size that reaches all of its layers. A model of fewer
layers is cut out of that. Cutting also serves small pictures, which do not reach all.
"""

from __future__ import annotations

import copy
import io
import logging
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, cast

import onnx
import torch
import torch.nn.functional as F
from onnx.utils import Extractor
from torch import Tensor
from torch.overrides import TorchFunctionMode

from impasto.errors import ImpastoError, PluginError
from impasto.plugin import Network

TRACED = (1021, 1259)
"""Height and width at which a network is followed: primes, so that no two sizes in it are the same by accident."""
OPSET = 18
IMAGE = "image"


def plain(network: Network) -> torch.nn.Module:
    """A float32 copy of `network` on the CPU, whatever others make of theirs."""
    return copy.deepcopy(cast(torch.nn.Module, network)).cpu().float().eval()


def reached(network: Network, layers: Collection[str], height: int, width: int) -> dict[str, tuple[int, ...]]:
    """Layers that a picture of this size reaches, and the shapes of their maps. Computes nothing."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    with _followed(network), FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():
        return {name: tuple(maps.shape) for name, maps in network(torch.empty(1, 3, height, width), layers).items()}


def exported(network: Network) -> onnx.ModelProto:
    """All layers of `network`, which must be on the CPU. `PluginError` says why it cannot be exported."""
    layers = list(reached(network, network.layers, *TRACED))
    size = torch.export.Dim.DYNAMIC
    with _followed(network), _quiet():
        program = torch.onnx.export(
            _Outputs(network, layers).eval(),
            (torch.zeros(1, 3, *TRACED),),
            input_names=[IMAGE],
            output_names=layers,
            dynamic_shapes=({2: size, 3: size},),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    return cast(onnx.ModelProto, cast(Any, program).model_proto)


def cut(model: onnx.ModelProto, layers: Collection[str]) -> onnx.ModelProto:
    """The part of `model` that `layers` need."""
    part = Extractor(model).extract_model([IMAGE], list(layers))
    onnx.checker.check_model(part)
    return part


class _Outputs(torch.nn.Module):
    """A network whose layers are a tuple, in words that are quick to follow."""

    def __init__(self, network: Network, layers: Collection[str]) -> None:
        super().__init__()
        self.network, self.layers = network, layers

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        with _Plainly():
            return tuple(self.network(image, self.layers).values())


class _Plainly(TorchFunctionMode):
    """Replaces what makes the sizes in an exported network hard to reason about, and its export take minutes."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is F.pixel_unshuffle:
            return _folded(*args, **(kwargs or {}))
        if func is Tensor.contiguous:
            return args[0]  # a model says nothing of where its values lie in memory
        return func(*args, **(kwargs or {}))


def _folded(input: Tensor, downscale_factor: int) -> Tensor:  # noqa: A002
    """`pixel_unshuffle` as a convolution, exact: each kernel takes one of the positions."""
    size, channels = downscale_factor, input.shape[1]
    kernels = torch.eye(size * size).reshape(-1, 1, size, size).repeat(channels, 1, 1, 1)
    return F.conv2d(input, kernels, stride=size, groups=channels)


@contextmanager
def _followed(network: Network) -> Iterator[None]:
    """Turns whatever a network's code or the exporter raises into one line."""
    try:
        yield
    except ImpastoError:
        raise
    except Exception as error:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        seen = f"The network {type(network).__name__} cannot be exported: {reason}"
        raise PluginError(seen, "Use --targets torch, or write its forward pass as torch.export can follow.") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporter says of its own insides."""
    loggers = [logging.getLogger(name) for name in ("torch", "torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
