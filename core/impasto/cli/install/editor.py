"""What every editor's plug-in has in common: a folder of files in a profile, there whole or not at all."""

from __future__ import annotations

import json
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from ... import client, installer, locate, translation
from ..._version import __version__
from ...errors import ImpastoError
from .archive import zipped

NAME = "impasto"
"""Of the plug-in's folder, and of its files that the editor itself reads."""
PATIENCE = 300.0
"""Seconds without a word of the worker: of a first start on a slow disk, the imports alone may take minutes."""


class Editor(ABC):
    """An editor that impasto has a plug-in for."""

    name: str
    """As `impasto install` takes it."""
    title: str
    plugins: str
    """The profile's folder of plug-ins."""
    after: str
    """What to do next in the editor."""
    unpack: str
    """What to do with the packed plug-in."""
    flatpak: str
    """What Flatpak calls it."""

    @abstractmethod
    def places(self) -> list[str]:
        """Glob patterns of the folders in which profiles are looked for."""

    def folder(self, profile: Path) -> Path:
        """The plug-in's in `profile`."""
        return profile / self.plugins / NAME

    def put(self, profile: Path, worker: Sequence[str]) -> Path:
        """Put the plug-in, which is to run this worker, into `profile`; returns its folder. Raises `ImpastoError`."""
        folder, files = self.folder(profile), self.files(profile) | self.settings(profile, worker)
        new = folder.with_name(f".{NAME}.new")
        if folder.exists() and not _ours(folder):
            raise ImpastoError(f"{folder} is there and is not ours.", "Move it away first.")
        try:
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir(parents=True)
            for path, content in files.items():
                target = new / path.relative_to(folder) if folder in path.parents else path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
                if path.name == f"{NAME}.py":  # GIMP starts it by its exec bit
                    target.chmod(0o755)
            _remove(folder)
            new.rename(folder)
            self.enable(profile, True)
        except OSError as error:
            shutil.rmtree(new, ignore_errors=True)
            elsewhere = any(folder not in path.parents for path in files)
            place = (elsewhere and error.filename) or folder
            raise ImpastoError(f"Cannot write {place}: {error.strerror}.") from None
        return folder

    def packed(self) -> bytes:
        """The plug-in as a ZIP file, to unpack into `plugins`."""
        return zipped(self.handed_on(), f"{NAME}/{NAME}.py")

    def extension(self) -> bytes:
        """The plug-in as an archive that the editor itself unpacks. Raises `ImpastoError` if there is no such thing."""
        raise ImpastoError(f"{self.title} knows no .gex files; they are for GIMP.", "Write a --zip.")

    def handed_on(self) -> dict[str, bytes]:
        """What `put` puts, by its path in `plugins`, but for the worker's command, for which the plug-in then looks."""
        whole, every = PurePosixPath(self.plugins), self.files(Path()) | self.settings(Path())
        files = {PurePosixPath(path.as_posix()): content for path, content in every.items()}
        return {str(path.relative_to(whole) if whole in path.parents else path): files[path] for path in files}

    def take(self, profile: Path) -> Path | None:
        """Remove the plug-in from `profile` and return its folder, None if it was not there.

        A link to a checkout loses only the link.
        """
        folder = self.folder(profile)
        if not _ours(folder):
            return None
        for path in self.files(profile):
            if folder not in path.parents:
                path.unlink(missing_ok=True)
        _remove(folder)
        self.enable(profile, False)
        return folder

    def problem(self, profile: Path) -> str:
        """What keeps the plug-in in `profile` from working, with what to do; empty if nothing does."""
        folder, again = self.folder(profile), f"Run `impasto install {self.name}` again."
        if not _ours(folder):
            return f"the plug-in is not there. Run `impasto install {self.name}`. ({folder})"
        for path, content in self.files(profile).items():
            if not path.is_file() or path.read_bytes() != content:
                return f"{path} is missing, or not that of impasto {__version__}. {again}"
        if said := self.disabled(profile):
            return f"{said}. {again}"
        try:
            said = self.worker_problem(locate.worker_command(folder))
        except LookupError as error:
            return str(error)
        return said or (self.flatpak_problem(folder) if self.has_flatpak(profile) else "")

    def flatpak_problem(self, folder: Path) -> str:
        """`worker_problem` in Flatpak's own sandbox of the editor, whose Python does what the plug-in will do."""
        started = ("flatpak", "run", "--command=python3", self.flatpak, str(folder / Path(locate.__file__).name))
        said = self.worker_problem(started)
        return said and f"in Flatpak's {self.title}, {said}"

    def has_flatpak(self, profile: Path) -> bool:
        """Whether Flatpak has the editor, and that reads `profile`."""
        try:
            known = subprocess.run(["flatpak", "info", self.flatpak], capture_output=True)  # noqa: S603, S607
        except OSError:
            return False
        return known.returncode == 0 and self.flatpak_reads(profile)

    def flatpak_reads(self, profile: Path) -> bool:
        """Whether `profile` is one that Flatpak's editor reads: here, one of its own."""
        return f"/.var/app/{self.flatpak}/" in profile.as_posix()

    def worker_problem(self, command: Sequence[str]) -> str:
        """Why the worker cannot paint a small picture, in words; empty if it can, as it will for the plug-in."""
        ramp = client.Pixels(16, 16, 3, "u8", bytes(range(256)) * 3)
        with client.Worker(command, silent_for=PATIENCE) as worker:
            worker.paint(ramp, [{"name": "oil"}], {"size": 16})
            event = next(event for event in worker.events() if event.type in client.ENDS)
        if event.type == "done":
            return ""
        seen = "its worker does not paint" if worker.hello else "its worker does not start"
        return f"{seen}: {event['message']} {event['hint']}"

    def files(self, profile: Path) -> dict[Path, bytes]:
        """The plug-in's files by their place in `profile`, and those that it shares with the core."""
        folder = self.folder(profile)
        own = sorted(path for path in (self.source() / NAME).iterdir() if path.suffix in (".py", ".html"))
        shared = (Path(str(module.__file__)) for module in (client, installer, locate, translation))
        core = Path(client.__file__).parent
        words = {path.relative_to(core): path for path in core.glob("locale/*/LC_MESSAGES/*.mo")}
        named = {Path(path.name): path for path in (*own, *shared)} | words
        return {folder / name: path.read_bytes() for name, path in named.items()}

    def settings(self, profile: Path, worker: Sequence[str] = ()) -> dict[Path, bytes]:
        """The file that tells the plug-in its worker, if it is to start this one, and whose the folder is."""
        told = {**({"worker": list(worker)} if worker else {}), "version": __version__}
        return {self.folder(profile) / locate.SETTINGS: json.dumps(told, indent=1).encode() + b"\n"}

    def source(self) -> Path:
        """Where the files come from: the checkout, or the wheel."""
        package, own = Path(client.__file__).parent, f"{self.name}_plugin"
        checkout = package.parents[1] / own
        return checkout if checkout.is_dir() else package / own

    def enable(self, profile: Path, on: bool) -> None:  # noqa: B027  (where its place is enough)
        """Have the editor load the plug-in, or forget it."""

    def disabled(self, profile: Path) -> str:
        """Why the editor does not load the plug-in, in words; empty if it does."""
        return ""


def _ours(folder: Path) -> bool:
    return (folder / locate.SETTINGS).is_file() or folder.is_symlink()


def _remove(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)
