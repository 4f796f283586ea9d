"""Words in the language of who reads them: gettext, and by it whole sentences that others have made, such as a worker.

One file of standard library, Python 3.8 or newer, as `client.py`; it lies beside the plug-in, with the folder `locale`.

    translation = Translation(folder / "locale", ["de_DE", "de"])
    translation("Paint")                                # "Malen"
    translation.said("impasto cannot be started: ...")  # by the pattern "impasto cannot be started: {0}."

Who makes a sentence writes it in English, with its values in it; whoever shows it finds the pattern that it was made
by. So the core and the worker know of no language, and a worker of another version is understood as far as it says the
same.
"""

from __future__ import annotations

import gettext
import re
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

DOMAIN = "impasto"
"""What the catalogues are called: locale/de/LC_MESSAGES/impasto.mo."""
ENGLISH = ("en", "C", "POSIX")
FIELD = re.compile(r"\{\w+\}")
VALUE = "((?:(?![.!?] ).)+?)"
"""A value in a sentence: no end of another sentence is in it."""
TELLING = 5
"""Letters that a pattern has besides its values, so that it tells one sentence from others."""
END = re.compile(r"(?<=[.!?])\s+|\n+")


class _Catalogue(gettext.GNUTranslations):
    """One that knows what is in it."""

    def _parse(self, fp: Any) -> None:
        super()._parse(fp)  # which gettext's documentation has subclasses override
        found: dict[Any, str] = self._catalog  # type: ignore[attr-defined]
        self.texts = [text for text in found if isinstance(text, str) and text]


class Translation:
    """The catalogue of the first of `languages` that `folder` has one of; without one, all stays as it is."""

    def __init__(self, folder: Path, languages: Iterable[str]) -> None:
        found = gettext.find(DOMAIN, folder, _before_english(languages))
        self._found: gettext.NullTranslations = gettext.NullTranslations()
        self._patterns: list[tuple[re.Pattern[str], str]] = []
        if found:
            with Path(found).open("rb") as file:
                self._found = self._read(file)

    def _read(self, file: IO[bytes]) -> gettext.NullTranslations:
        catalogue = _Catalogue(file)
        texts = [text for text in catalogue.texts if FIELD.search(text) and _letters(text) >= TELLING]
        for text in sorted(texts, key=_letters, reverse=True):
            self._patterns.append((re.compile(VALUE.join(map(re.escape, FIELD.split(text))), re.DOTALL), text))
        return catalogue

    def __call__(self, text: str) -> str:
        """`text` of our own, as it is written in the code."""
        return self._found.gettext(text) if text else ""

    def said(self, text: str) -> str:
        """`text` that was made elsewhere, sentence by sentence; what is in no catalogue stays English."""
        breaks = [(0, 0), *(place.span() for place in END.finditer(text)), (len(text), len(text))]
        for end, after in reversed(breaks[1:]):
            whole = self._sentence(text[:end])
            if whole is not None:
                return whole + text[end:after] + (self.said(text[after:]) if text[after:] else "")
        if len(breaks) == 2:
            return text
        end, after = breaks[1]
        return text[:after] + self.said(text[after:])

    def _sentence(self, text: str) -> str | None:
        """`text` translated as a whole; None if it is in no catalogue."""
        known = self(text)
        if known != text:
            return known
        for pattern, source in self._patterns:
            place = pattern.fullmatch(text)
            if place:
                names = (field[1:-1] for field in FIELD.findall(source))
                values = {name: self._value(value) for name, value in zip(names, place.groups())}  # noqa: B905
                return _filled(self(source), values)
        return None

    def _value(self, text: str) -> str:
        """What stands in a sentence: mostly a name or a number, sometimes words of ours."""
        found = self._sentence(text) if " " in text else None
        return text if found is None else found


def _before_english(languages: Iterable[str]) -> list[str]:
    """Those that are liked better than English, as gettext writes them: de_DE for de-DE."""
    found = []
    for language in languages:
        name = language.replace("-", "_")
        if re.split(r"[_.@]", name)[0] in ENGLISH:
            break
        found.append(name)
    return found


def _filled(text: str, values: dict[str, str]) -> str:
    """`text` with its fields' values; one that a translator invented stays."""
    return FIELD.sub(lambda field: values.get(field[0][1:-1], field[0]), text)


def _letters(text: str) -> int:
    """How many there are in `text` besides its fields."""
    return sum(map(str.isalpha, FIELD.sub("", text)))
