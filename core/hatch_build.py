"""What building a wheel does besides copying: translations are compiled as gettext reads them."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CORE = Path(__file__).parent


class CompileTranslations(BuildHookInterface[Any]):
    """Into the wheel alone, for the checkout may be read-only; installed editable, in place, where git ignores them."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile all catalogues."""
        if version == "editable":
            compile_all(CORE)
        elif self.target_name == "wheel":
            self.folder = TemporaryDirectory()
            for path in compile_all(Path(self.folder.name)):
                build_data["force_include"][str(path)] = path.relative_to(self.folder.name).as_posix()

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Leave nothing behind."""
        if hasattr(self, "folder"):
            self.folder.cleanup()


def compile_all(folder: Path) -> list[Path]:
    """Write impasto/locale/LANGUAGE/LC_MESSAGES/impasto.mo into `folder` for each language that there is; the files."""
    made = []
    for source in sorted(CORE.glob("impasto/locale/*/LC_MESSAGES/*.po")):
        compiled = folder / source.relative_to(CORE).with_suffix(".mo")
        compiled.parent.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as file, compiled.open("wb") as target:
            write_mo(target, read_po(file))
        made.append(compiled)
    return made


if __name__ == "__main__":
    compile_all(CORE)
