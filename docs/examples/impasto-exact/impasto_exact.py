"""Every network in float64, to see what float32 or bfloat16 cost: a backend of impasto."""

import copy

from impasto.errors import DeviceError
from impasto.plugin import BackendInfo, hookimpl


class Exact:
    """On the processor, where float64 is only twice as slow."""

    identity = ""

    def __init__(self, device, precision):
        if device not in ("auto", "cpu"):
            raise DeviceError(f"The backend exact has no device {device!r}.", "Use --device cpu, or auto.")
        if precision == "bfloat16":
            raise DeviceError("The backend exact computes in float64, not in bfloat16.", "Leave --precision out.")
        self.device, self.precision = "cpu", "float32"  # that of the maps it gives

    def load(self, network):
        """An evaluator: takes a picture, gives maps in the picture's dtype, rounded once."""
        exact = copy.deepcopy(network).double()  # a copy, since the network may be used by others

        def evaluate(image, layers):
            return {layer: maps.to(image.dtype) for layer, maps in exact(image.double(), layers).items()}

        return evaluate


@hookimpl
def impasto_backends():
    """Called once; imports no torch."""
    summary = "float64 on the processor, for comparison"
    return [BackendInfo("exact", summary, differentiable=True, build=Exact, devices=("cpu",))]
