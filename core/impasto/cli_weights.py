"""`impasto weights`: what networks need, what is there, and how it gets there."""

from __future__ import annotations

from pathlib import Path

import click

from .network import NetworkInfo
from .registry import registry
from .weights import WeightsInfo, megabytes, metadata


@click.group(invoke_without_command=True)
@click.pass_context
def weights(context: click.Context) -> None:
    """List the weights that networks need, and get them.

    Nothing is ever downloaded unless you type `impasto weights get`.
    """
    if context.invoked_subcommand is None:
        for network in registry().networks.values():
            click.echo(f"{network.name:<12} {_state(network)}")


def _state(network: NetworkInfo) -> str:
    info = network.weights
    if info is None:
        return "needs none"
    if info.path.is_file():
        kind = metadata(info.path).get("kind", "damaged")
        return f"there     {kind}, {megabytes(info.path.stat().st_size)}: {info.path}"
    have = f", of which {megabytes(info.part.stat().st_size)} are there" if info.part.is_file() else ""
    return f"missing   `impasto weights get {info.name}` ({megabytes(info.size)} to download{have}; {info.licence})"


@weights.command()
@click.argument("network")
def get(network: str) -> None:
    """Download the weights of NETWORK, check them and keep what is needed.

    An interrupted download goes on where it stopped.
    """
    info = registry().network(network).weights
    if info is None:
        click.echo(f"The network {network} needs no weights.")
        return
    click.echo(f"{info.summary}: {megabytes(info.size)} to download, {megabytes(info.kept)} kept.\n{info.url}")
    click.echo(f"Licence: {info.licence}.")
    _get(info)
    click.echo(f"{network} is ready: {info.path}")


def _get(info: WeightsInfo) -> None:
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    from .obtain import get

    with Progress(BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()) as bar:
        task = bar.add_task(info.name, total=info.size)
        get(info, lambda done, total: bar.update(task, completed=done, total=total or info.size))


@weights.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--kind", default="", help="Where the file came from, if it should not be told from its tensors.")
def add(file: Path, kind: str) -> None:
    """Take weights from FILE, recognised by its tensors: a PyTorch file or a safetensors file."""
    from .obtain import add

    infos = [network.weights for network in registry().networks.values() if network.weights]
    info, found = add(file, infos, kind)
    particular = info.kinds.get(found.kind, "")
    click.echo(f"{info.name} is ready, {found.kind}{f' ({particular})' if particular else ''}: {info.path}")
