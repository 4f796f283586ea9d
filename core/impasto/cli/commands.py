"""The commands, and the one place where errors become a line and an exit code."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import click

from .._version import __version__
from ..errors import DivergedError, ImageWarning, ImpastoError
from ..memory.process import prepare_process, torch_failure
from .exit_codes import FAILED, REFUSED, STOPPED
from .interrupt import all_as_ctrl_c
from .options import FILE, Grouped, given, knobs, losses, masks, no_recipe, preview, quiet, results, strip, take_results


class Elsewhere(NamedTuple):
    """A command in a module that `--help` need not load."""

    module: str
    help: str


ELSEWHERE = {
    "batch": Elsewhere(".batch.command", "Paint many photographs, each in the manner of every style."),
    "cache": Elsewhere(".cache", "Show what is remembered from earlier pictures, and forget it."),
    "install": Elsewhere(".install.command", "Put impasto into an editor's menus: gimp, krita."),
    "weights": Elsewhere(".weights", "List, get and add the weights that networks need."),
    "explain": Elsewhere(".explain", "Show what excites a channel of a layer most."),
    "film": Elsewhere(".film", "Paint a video, an animated picture or a folder of frames that does not flicker."),
    "estimate": Elsewhere(".estimate", "Tell how long a painting takes, how much memory, and in which parts."),
    "export": Elsewhere(".export", "Write a network as an ONNX file, for other programs."),
    "texture": Elsewhere(".texture", "Make a texture of STYLE, of any size, from noise."),
    "serve": Elsewhere(".serve", "Keep torch loaded, so that the commands that follow begin sooner."),
    "worker": Elsewhere(".worker", "Paint for an editor, over standard input and output."),
    "reconstruct": Elsewhere(".texture", "Make CONTENT again from what a layer keeps of it."),
    "styles": Elsewhere(".styles", "List the styles that come with impasto, which can be named as STYLE."),
    "sheet": Elsewhere(".sheet.command", "Paint every combination of two knobs, in one labelled picture."),
}


class Impasto(click.Group):
    """A group whose default command is `paint`, and whose errors are one line each."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """What is neither a command nor an option of ours starts the default command; nothing asks for help."""
        ours = [*self.list_commands(ctx), *(name for param in self.get_params(ctx) for name in param.opts)]
        if args and args[0] not in ours:
            args = ["paint", *args]
        return super().parse_args(ctx, args or ["--help"])

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Those of this module, and those that are loaded when they are called."""
        return sorted([*super().list_commands(ctx), *ELSEWHERE])

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of this name, loaded now if it lives elsewhere."""
        if name not in ELSEWHERE:
            return super().get_command(ctx, name)
        command: click.Command = getattr(import_module(ELSEWHERE[name].module, __package__), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without loading any."""
        helps = {name: command.get_short_help_str(100) for name, command in self.commands.items()}
        helps |= {name: other.help for name, other in ELSEWHERE.items()}
        with formatter.section("Commands"):
            formatter.write_dl(sorted(helps.items()))

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show the default command as what one types."""
        formatter.write_usage("impasto", "CONTENT STYLE... -o OUT [OPTIONS]")
        formatter.write_usage("impasto", "COMMAND ...", prefix="       ")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the options of `paint`, then the commands."""
        paint.format_options(click.Context(paint, parent=ctx), formatter)
        self.format_commands(ctx, formatter)

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        """Run a command, and end with the exit code that it gives, or with that of its error."""
        prepare_process()
        try:
            with all_as_ctrl_c(), _warnings_as_lines():
                code = super().main(*args, **{**extra, "standalone_mode": False})
        except click.ClickException as error:
            code = _complain(error.format_message(), error.exit_code)
        except ImpastoError as error:
            code = _complain(str(error), FAILED if isinstance(error, DivergedError) else REFUSED)
        except (ImportError, OSError) as error:
            if (failure := torch_failure(error)) is None:
                raise
            code = _complain(str(failure), REFUSED)
        except click.Abort:
            code = _complain("stopped; nothing was written.", STOPPED)
        sys.exit(code or 0)


@contextmanager
def _warnings_as_lines() -> Iterator[None]:
    """While entered, an `ImageWarning` is a line, unless the command is to be quiet."""

    def show(warning: Warning | str, category: type[Warning], *place: Any) -> None:
        context = click.get_current_context(silent=True)
        if not issubclass(category, ImageWarning):
            plain(warning, category, *place)
        elif not (context and context.params.get("quiet")):
            click.echo(f"impasto: {warning}", err=True)

    with warnings.catch_warnings():
        warnings.simplefilter("default", ImageWarning)
        plain = warnings.showwarning
        warnings.showwarning = show  # type: ignore[assignment]
        yield


def _complain(message: str, code: int) -> int:
    click.echo(f"impasto: error: {' '.join(message.split())}", err=True)
    return code


@click.group(cls=Impasto, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, message="impasto %(version)s")
def impasto() -> None:
    """Paint CONTENT, a photograph, in the manner of STYLE, a painting."""


@impasto.command(cls=Grouped)
@click.argument("content", type=FILE, required=False)
@click.argument("style", type=FILE, nargs=-1)
@results
@click.option(
    "--from",
    "result",
    type=FILE,
    metavar="RESULT",
    help="Go on from RESULT, one that was stopped, a draft, or any for a larger --size; name its pictures if moved.",
)
@click.option("--ranks", is_flag=True, help="Paint a large picture with the other processes that torchrun started.")
@masks
@knobs
def paint(
    content: Path | None,
    style: tuple[Path, ...],
    result: Path | None,
    ranks: bool,
    mask: Path | None,
    style_mask: tuple[Path, ...],
    style_region: tuple[Path, ...],
    **values: Any,
) -> int:
    """Paint CONTENT in the manner of STYLE, one or several (the default command).

    Ctrl-C keeps the picture so far, and so do SIGTERM and SIGHUP; --from goes on from it. The result carries its
    recipe; `impasto again` makes it again.
    """
    from ..pictures.bundled_styles import found
    from ..pictures.picture import read
    from ..recipe.recipe import Recipe
    from .job import Job, check_roles, extras, go_on
    from .painting import run
    from .ranks import together

    written = take_results(values)
    knobs, read_once = given(values.items()), cache(read)
    if result:
        if style_mask or style_region or mask:
            raise click.UsageError("--from takes the masks of RESULT; leave out others.")
        paths = [content, *map(found, style)] if content else []
        with together(ranks) as group:
            return run(go_on(result, paths, knobs, read_once, **written), read_once, group)
    if not (content and style):
        raise click.UsageError(f"Missing argument '{'STYLE' if content else 'CONTENT'}'.")
    more = extras(mask, style, style_mask, style_region)
    if not (mask or style_mask or style_region or "style_weights" in knobs):
        check_roles(content, style)
    if mask:
        knobs.setdefault("size", "original")
    with together(ranks) as group:
        return run(Job(content, style[0], recipe=Recipe.of(**knobs), extras=more, **written), read_once, group)


@impasto.command()
@click.argument("picture", type=FILE)
@click.option("-o", "--output", type=FILE, metavar="OUT", help="The result; PICTURE-again beside it if left out.")
@click.option("--content", type=FILE, metavar="FILE", help="Where the content picture is now.")
@click.option("--style", type=FILE, metavar="FILE", help="Where the style picture is now.")
@click.option("--init", type=FILE, metavar="FILE", help="Where the picture is now that it started from.")
@click.option("--moved", metavar="NAME=FILE", multiple=True, help="The same for other sources, as style2=FILE.")
@preview
@losses
@no_recipe
@strip
@quiet
def again(picture: Path, moved: tuple[str, ...], **values: Any) -> int:
    """Make PICTURE again from the recipe it carries."""
    from .job import remake
    from .painting import run

    sources = {name: values.pop(name) for name in ("content", "style", "init")}
    others = {name: Path(path) for name, _, path in (item.partition("=") for item in moved)}
    return run(remake(picture, {**sources, **others}, **values))


@impasto.command()
def plugins() -> None:
    """List networks and backends, and what keeps others, and torch, from working."""
    from ..plugin.registry import registry
    from .listing import listing, with_torch_tried

    for line in listing(with_torch_tried(registry())):
        click.echo(line)
