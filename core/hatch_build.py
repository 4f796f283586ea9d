"""What building a wheel does besides copying: translations are compiled as gettext reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

LOCALE = Path(__file__).parent / "impasto" / "locale"


class CompileTranslations(BuildHookInterface[Any]):
    """For a checkout that is installed editable too: it is done in place, and git ignores the compiled ones."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile all catalogues."""
        compile_all()


def compile_all() -> None:
    """Write an impasto.mo beside each impasto.po."""
    for source in LOCALE.rglob("*.po"):
        with source.open("rb") as file, source.with_suffix(".mo").open("wb") as compiled:
            write_mo(compiled, read_po(file))


if __name__ == "__main__":
    compile_all()
