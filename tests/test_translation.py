"""Words in the painter's language: by gettext's catalogues, and sentences of others by their patterns."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import catalogue
from conftest import ROOT
from impasto import translation
from impasto.translation import FIELD, Translation

LANGUAGES = ("de", "es", "fr", "ja", "zh_CN")
MARKS = re.compile(r"[_&](?=\w)")


@pytest.fixture
def german(tmp_path: Path) -> Translation:
    words = {
        "Paint": "Malen",
        "Paint first.": "Erst malen.",
        "a whole number, {0}": "eine ganze Zahl, {0}",
        "{0} is {1}; expected {2}.": "{0} ist {1}; erwartet wird {2}.",
        "{0}: the file is empty.": "{0}: Die Datei ist leer.",
        "impasto cannot be started: {0}.": "{0} verhindert, dass impasto startet.",
    }
    catalogue.write(tmp_path, words, "de")
    return Translation(tmp_path, ["de_AT.UTF-8", "fr"])


def test_our_own_words_are_looked_up_as_they_are(german: Translation) -> None:
    assert german("Paint") == "Malen"
    assert german("Stop") == "Stop"
    assert german("") == ""  # to gettext, that is the catalogue's head


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Paint first.", "Erst malen."),
        ("a b/c.png: the file is empty.", "a b/c.png: Die Datei ist leer."),
        ("impasto cannot be started: [Errno 2] none.", "[Errno 2] none verhindert, dass impasto startet."),
        ("size is 3; expected a whole number, 16 to 99.", "size ist 3; erwartet wird eine ganze Zahl, 16 to 99."),
        ("It rains. a.png: the file is empty. Paint first.", "It rains. a.png: Die Datei ist leer. Erst malen."),
        ("Paint first. It rains.\nPaint first.", "Erst malen. It rains.\nErst malen."),
        ("It rains", "It rains"),
        ("", ""),
    ],
)
def test_sentences_of_others_are_known_by_their_patterns(german: Translation, said: str, expected: str) -> None:
    assert german.said(said) == expected


def test_a_value_is_not_taken_for_a_field(german: Translation) -> None:
    assert german.said("impasto cannot be started: {1} and {0}.") == "{1} and {0} verhindert, dass impasto startet."


@pytest.mark.parametrize(
    ("languages", "word"),
    [
        (["de"], "Malen"),
        (["de-CH"], "Malen"),
        (["fr", "de"], "Malen"),
        (["en_GB", "de"], "Paint"),
        (["C", "de"], "Paint"),
        (["fr"], "Paint"),
        ([], "Paint"),
    ],
)
def test_the_first_language_counts_that_there_is_or_english(
    german: Translation, tmp_path: Path, languages: list[str], word: str
) -> None:
    assert Translation(tmp_path, languages)("Paint") == word


# The catalogues


def test_the_template_has_what_the_sources_say() -> None:
    """Else run `python tests/catalogue.py`."""
    assert {entry.id for entry in catalogue.read(catalogue.TEMPLATE) if entry.id} == set(catalogue.texts())


def test_there_is_no_catalogue_that_nobody_tests() -> None:
    assert sorted(path.parent.parent.name for path in catalogue.LOCALE.rglob("*.po")) == sorted(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_is_whole_and_fits_what_is_filled_in(language: str) -> None:
    entries = [entry for entry in catalogue.read(catalogue.LOCALE / language / "LC_MESSAGES/impasto.po") if entry.id]
    assert {entry.id for entry in entries} == set(catalogue.texts())
    for entry in entries:
        source, words = str(entry.id), str(entry.string)
        assert words and not entry.fuzzy, source
        assert sorted(FIELD.findall(words)) == sorted(FIELD.findall(source)), words
        if mnemonic(source):
            assert len(MARKS.findall(words)) == 1, words


def mnemonic(text: str) -> bool:
    """Whether a letter of it is marked as a key."""
    return len(MARKS.findall(text)) == 1 and any(
        where.startswith(catalogue.PLUGINS) for where in catalogue.texts()[text]
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_installed_is_the_catalogue(language: str) -> None:
    """Else install anew, or run `python core/hatch_build.py`."""
    source = catalogue.read(catalogue.LOCALE / language / "LC_MESSAGES/impasto.po")
    installed = Translation(Path(translation.__file__).parent / "locale", [language])
    assert all(installed(str(entry.id)) == entry.string for entry in source if entry.id)


@pytest.mark.parametrize("language", LANGUAGES)
def test_krita_lists_the_plugin_in_the_same_words(language: str) -> None:
    installed = Translation(Path(translation.__file__).parent / "locale", [language])
    entry = (ROOT / "krita_plugin/impasto.desktop.in").read_text().splitlines()
    assert f"Name[{language}]={installed('Neural Style')} (impasto)" in entry
    assert f"Comment[{language}]={installed('Paint a layer in the manner of a picture')}" in entry
