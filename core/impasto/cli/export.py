"""`impasto export`: a network as an ONNX file, for other programs."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import PluginError
from ..plugin.network import own_layer
from ..plugin.registry import missing, registry
from ..recipe.knobs import KNOBS
from ..storage.files import check_output, replace


@click.command()
@click.argument("network")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--layers", metavar="LAYER,...", help="Layers to export, each an output of its name; all if left out.")
@click.option("--network-options", metavar="NAME=V,...", help=KNOBS["network_options"].description)
def export(network: str, file: Path, layers: str | None, network_options: str | None) -> None:
    """Write NETWORK to FILE, an ONNX model, for pictures of any size.

    Its input `image` is a float32 picture, (1, 3, height, width), sRGB-encoded in [0, 1].
    """
    backends = {suffix: backend for backend in registry().backends.values() for suffix in backend.exports}
    if not backends:
        raise PluginError("No backend exports anything.", "`impasto plugins` says what is missing.")
    file = check_output(file, formats=backends)
    suffix = file.suffix.lower()
    info, backend = registry().network(network), backends[suffix]
    for need in (missing(info), missing(backend)):
        if need:
            raise PluginError(need)
    pairs = (item.partition("=") for item in (network_options or "").split(",") if item)
    built = info.build(**info.chosen({option.strip(): value.strip() for option, _, value in pairs}))
    asked = built.layers if layers is None else layers.split(",")
    wanted = [own_layer(built, layer.strip(), network) for layer in asked]
    data, form = backend.exports[suffix](built, wanted)
    replace(file, data)
    click.echo(f"{file}: {network}, {len(wanted)} layers, {form}, {len(data) / 1e6:.1f} MB.")
