"""The command line: bad input gets one line and nothing else happens; good input gives a picture that can be redone."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import HANGS, Process, Run, drawing
from impasto.pictures.picture import Picture, read, read_comment, write
from impasto.pictures.samples import Samples
from impasto.recipe.knobs import KNOBS
from impasto.recipe.recipe import Recipe
from impasto.storage.files import sha256

QUICK = ("--size", 64, "--steps", 1, "--scales", 1, "--device", "cpu")


@pytest.fixture
def refused(impasto: Run, tmp_path: Path) -> Callable[..., str]:
    """Runs a command that must be refused, and gives the one line it says."""

    def run(*args: object) -> str:
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
        result = impasto(*args)
        assert result.exit_code == 2, result.output
        assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
        assert result.stdout == ""
        assert result.stderr.startswith("impasto: error: ")
        assert result.stderr.count("\n") == 1
        return result.stderr

    return run


def wrong(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


# Refused before any computing


def test_bad_content_and_style_are_refused(refused: Callable[..., str], tmp_path: Path, content: Path) -> None:
    out = tmp_path / "out.png"
    truncated = wrong(tmp_path / "truncated.png", content.read_bytes()[:-3000])
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    Image.new("RGB", (20000, 3)).save(tmp_path / "strip.png")
    cases = {
        tmp_path / "missing.jpg": "there is no such file",
        wrong(tmp_path / "empty.png", b""): "the file is empty",
        wrong(tmp_path / "text.png", b"not a picture, but a text"): "this is not a PNG",
        truncated: "damaged",
        tmp_path / "dot.png": "1x1",
        tmp_path / "strip.png": "20000x3",
        tmp_path: "this is a folder",
    }
    for bad, reason in cases.items():
        for pair in ((bad, content), (content, bad)):
            line = refused(*pair, "-o", out)
            assert str(bad) in line
            assert reason in line


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("out.gif", "'.gif' is unknown"),
        ("out", "no suffix"),
        ("nowhere/out.png", "there is no folder"),
        ("content.png", "one of the input pictures"),
        ("style.png", "one of the input pictures"),
        ("link.png", "one of the input pictures"),
        ("folder.png", "is no file"),
    ],
)
def test_bad_outputs_are_refused(
    refused: Callable[..., str], tmp_path: Path, content: Path, style: Path, name: str, reason: str
) -> None:
    (tmp_path / "link.png").symlink_to(style)
    (tmp_path / "folder.png").mkdir()
    assert reason in refused(content, style, "-o", tmp_path / name)
    assert reason in refused(content, style, "-o", tmp_path / "fine.png", "--preview", tmp_path / name)


def test_the_preview_cannot_be_the_result(
    refused: Callable[..., str], tmp_path: Path, content: Path, style: Path
) -> None:
    out = tmp_path / "out.png"
    assert "the result itself" in refused(content, style, "-o", out, "--preview", out)


def test_numbered_pictures_never_hit_an_input(refused: Callable[..., str], tmp_path: Path, content: Path) -> None:
    style = tmp_path / "out-000001.png"
    shutil.copy(content, style)
    assert "one of the input pictures" in refused(content, style, "-o", tmp_path / "out.png", "--save-every", 1)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--size", "9", "size is '9'; expected original, a share of that as 50%, or a whole number, 16 to 32768"),
        ("--size", "big", "size is 'big'; expected original, a share of that as 50%, or a whole number"),
        ("--strength", "101", "strength is '101'; expected a number, 0 to 100"),
        ("--strength", "nan", "strength is 'nan'"),
        ("--learning-rate", "0", "above 0 to 10"),
        ("--steps", "0", "1 to 100000"),
        ("--seed", "-1", "seed is '-1'"),
        ("--precision", "float8", "expected one of auto, float32, bfloat16"),
        ("--profile", "mine", "expected one of impasto"),
        ("--style-layers", "a=-1", "style_layers.a is '-1'; expected LAYER=WEIGHT"),
        ("--style-layers", "", "expected LAYER=WEIGHT"),
        ("--network", "vgg99", "There is no network 'vgg99'; installed: "),
        ("--backend", "abacus", "There is no backend 'abacus'; installed: "),
        ("--init", "chaos", "expected content, noise, style, or the name of a picture file"),
        ("--save-every", "0", "'--save-every'"),
        ("--glaze", "red", "No such option"),
        ("--device", "cuda", "cuda"),
        ("--device", "gpu", "gpu"),
    ],
)
def test_bad_knobs_are_refused(
    refused: Callable[..., str], tmp_path: Path, content: Path, style: Path, option: str, value: str, words: str
) -> None:
    if value == "cuda":
        torch = pytest.importorskip("torch")
        if torch.cuda.is_available():
            pytest.skip("this machine has CUDA")
    assert words in refused(content, style, "-o", tmp_path / "out.png", *QUICK, option, value)


def test_layers_that_the_network_does_not_have_are_refused(
    refused: Callable[..., str], tmp_path: Path, content: Path, style: Path
) -> None:
    assert "nosuch" in refused(content, style, "-o", tmp_path / "out.png", *QUICK, "--style-layers", "nosuch=1")


def test_a_result_too_narrow_for_the_network_is_refused(
    refused: Callable[..., str], tmp_path: Path, style: Path
) -> None:
    Image.new("RGB", (600, 20)).save(tmp_path / "narrow.png")
    assert "--size 480" in refused(tmp_path / "narrow.png", style, "-o", tmp_path / "out.png", "--size", 256)


def test_webp_cannot_hold_very_large_pictures(
    refused: Callable[..., str], tmp_path: Path, content: Path, style: Path
) -> None:
    assert "16383" in refused(content, style, "-o", tmp_path / "out.webp", "--size", 20000)


def test_an_address_of_the_web_is_to_be_downloaded_first(
    refused: Callable[..., str], tmp_path: Path, content: Path, style: Path
) -> None:
    address, out = "https://example.org/a/b.png", ("-o", tmp_path / "out.png")
    expected = f"impasto: error: {address}: this is an address of the web; expected a file. Download it first.\n"
    for words in ([content, address], [address, style], [content, style, "--mask", address], [content, address, style]):
        assert refused(*words, *out) == expected
    assert refused(content, style, *out, "--init", address) == expected
    assert refused("texture", address, *out) == expected


def test_missing_words_are_asked_for(refused: Callable[..., str], content: Path, style: Path) -> None:
    assert "STYLE" in refused(content, "-o", content.with_name("out.png"))
    assert "--output" in refused(content, style)
    assert "PICTURE" in refused("again")


def test_a_real_process_refuses_with_code_2(process: Process, tmp_path: Path, style: Path) -> None:
    done = process(tmp_path / "missing.png", style, "-o", tmp_path / "out.png")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == f"impasto: error: {tmp_path}/missing.png: there is no such file. Check the name.\n"
    assert not (tmp_path / "out.png").exists()


def test_names_that_a_pattern_may_have_given_are_not_taken_for_styles(
    impasto: Run, refused: Callable[..., str], tmp_path: Path, content: Path, style: Path
) -> None:
    names = [tmp_path / f"holiday{number}.png" for number in range(11)]
    for name in names:
        shutil.copy(content, name)
    out = tmp_path / "out.png"
    for count in (3, 9):
        line = refused(*names[:count], "-o", out, *QUICK)
        assert f"These {count} names may all come from one *.png: to paint {names[0]} with the others" in line
        assert f"add --style-weights 1{',1' * (count - 2)}; to paint each of them" in line
    assert "There are 10 styles" in refused(*names, "-o", out, *QUICK)
    done = impasto(*names[:3], "-o", out, *QUICK, "--style-weights", "1,1")
    assert done.stderr.startswith(f"impasto: photograph {names[0]}; styles {names[1]}, {names[2]}.\n")
    (tmp_path / "styles").mkdir()
    other = shutil.copy(style, tmp_path / "styles" / "one.png")
    assert impasto(content, style, other, "-o", out, *QUICK).exit_code == 0
    done = impasto(content, style, "oil", "-o", out, *QUICK)
    assert done.stderr.startswith(f"impasto: photograph {content}; styles {style}, oil.\n")


# Help


def test_help_names_every_knob_with_range_and_default(impasto: Run) -> None:
    text = " ".join(impasto("--help").stdout.split())
    for name, knob in KNOBS.items():
        assert f"--{name.replace('_', '-')}" in text
        assert knob.description in text
        if knob.kind in ("whole", "real"):
            assert knob.range in text
        assert knob.kind == "flag" or f"default {knob.source if knob.default is None else knob.default}" in text
    assert "again Make PICTURE again" in text
    assert "plugins List" in text
    assert "weights List" in text


def test_weights_is_a_command(impasto: Run, refused: Callable[..., str]) -> None:
    assert "wavelet" in impasto("weights").stdout
    assert "nosuch" in refused("weights", "get", "nosuch")


def test_knobs_and_recipe_agree() -> None:
    assert list(KNOBS) == list(Recipe.model_fields)
    assert Recipe().model_dump() == {name: knob.default for name, knob in KNOBS.items()}
    schema = Recipe.model_json_schema()["properties"]
    for name, knob in KNOBS.items():
        assert tuple(schema[name].get("enum", [])) == (knob.choices if len(knob.choices) > 1 else ())
        assert knob.source


def test_no_words_at_all_are_a_call_for_help(impasto: Run) -> None:
    assert impasto().exit_code == 0
    assert impasto().stdout == impasto("--help").stdout == impasto("-h").stdout


def test_version(impasto: Run) -> None:
    import impasto as package

    assert impasto("--version").stdout == f"impasto {package.__version__}\n"


# Painting


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_a_picture_and_its_recipe(impasto: Run, tmp_path: Path, content: Path, style: Path, suffix: str) -> None:
    out = tmp_path / f"out{suffix}"
    result = impasto(content, style, "-o", out, *QUICK, "--seed", 7)
    assert result.exit_code == 0, result.output
    assert f"{out}: 64x43 pixels" in result.stderr
    assert read(out).size == (64, 43)
    carried = json.loads(read_comment(out))
    assert carried["recipe"]["seed"] == 7
    assert carried["sources"]["content"] == {"path": "content.png", "sha256": sha256(content)}
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["content.png", "style.png", out.name])


def test_the_long_name_and_quiet(impasto: Run, tmp_path: Path, content: Path, style: Path) -> None:
    result = impasto("paint", content, style, "-o", tmp_path / "out.png", *QUICK, "--quiet")
    assert (result.exit_code, result.output) == (0, "")
    assert (tmp_path / "out.png").exists()


@pytest.mark.parametrize("init", ["content", "noise", "style"])
def test_the_same_seed_gives_the_same_bytes(
    impasto: Run, tmp_path: Path, content: Path, style: Path, init: str
) -> None:
    for name, seed in (("one", 1), ("two", 1), ("three", 2)):
        impasto(content, style, "-o", tmp_path / f"{name}.png", *QUICK, "--steps", 2, "--init", init, "--seed", seed)
    one, two, three = (tmp_path / f"{name}.png" for name in ("one", "two", "three"))
    assert one.read_bytes() == two.read_bytes()
    # A start from the content has noise too, for strokes to grow from; one from the style has none.
    assert np.array_equal(read(one).pixels, read(three).pixels) == (init == "style")


def test_transparent_pixels_come_back_untouched(impasto: Run, tmp_path: Path, style: Path) -> None:
    there = Image.fromarray(drawing(64, 48)).convert("RGBA")
    there.putalpha(Image.new("L", (64, 48), 255))
    there.paste((10, 200, 30, 0), (0, 0, 20, 48))
    there.save(tmp_path / "layer.png")
    impasto(tmp_path / "layer.png", style, "-o", tmp_path / "out.png", *QUICK)
    with Image.open(tmp_path / "out.png") as file:
        back = np.asarray(file)
    assert np.array_equal(back[..., 3], np.asarray(there)[..., 3])
    assert (back[:, :20] == (10, 200, 30, 0)).all()


def test_the_frame_that_is_taken_of_several_is_told_first(
    impasto: Run, tmp_path: Path, content: Path, style: Path
) -> None:
    frames = [Image.fromarray(drawing(64, 64, seed)) for seed in range(4)]
    frames[0].save(tmp_path / "film.webp", save_all=True, append_images=frames[1:])
    thumbnail = Image.new("RGB", (24, 16))
    thumbnail.save(tmp_path / "scan.tif", save_all=True, append_images=[Image.open(content)])
    expected = [
        f"impasto: {tmp_path}/{line}."
        for line in ("scan.tif: page 2 of 2, the largest", "film.webp: the first of 4 frames")
    ]
    said = impasto(tmp_path / "scan.tif", tmp_path / "film.webp", "-o", tmp_path / "out.png", *QUICK).stderr
    assert said.splitlines()[1:3] == expected
    sheet = ("sheet", tmp_path / "scan.tif", "-o", tmp_path / "sheet.png", *QUICK, "--rows")
    said = impasto(*sheet, f"style={style},{tmp_path / 'film.webp'}").stderr
    assert said.splitlines()[:2] == expected
    assert impasto(content, style, "-o", tmp_path / "out.png", *QUICK).stderr.count("the first of") == 0


def test_a_jpeg_says_that_it_has_no_transparency(impasto: Run, tmp_path: Path, style: Path) -> None:
    Image.new("RGBA", (64, 48), (10, 200, 30, 128)).save(tmp_path / "layer.png")
    assert "becomes white" in impasto(tmp_path / "layer.png", style, "-o", tmp_path / "out.jpg", *QUICK).stderr


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other OpenMP libraries, which do not tell")
def test_threads_that_wait_for_others_soon_leave_them_the_processor(
    process: Process, tmp_path: Path, content: Path, style: Path
) -> None:
    env = {name: value for name, value in os.environ.items() if "SPINCOUNT" not in name and "WAIT" not in name}
    done = process(content, style, "-o", tmp_path / "out.png", *QUICK, env=env | {"OMP_DISPLAY_ENV": "verbose"})
    assert "GOMP_SPINCOUNT = '2000'" in done.stderr


def test_progress_without_a_terminal_is_a_few_lines(impasto: Run, tmp_path: Path, content: Path, style: Path) -> None:
    args = (content, style, "-o", tmp_path / "out.png", *QUICK, "--init", "content", "--steps", 12)
    lines = impasto(*args).stderr.splitlines()
    assert 9 <= len(lines) <= 15
    assert lines[0] == f"impasto: photograph {content}; style {style}."
    assert re.fullmatch(r"impasto: network wavelet, 64x43 pixels, about 0:01 and \d\.\d GB of memory\.", lines[1])
    assert "stage 1/1, 64 px, step " in lines[2]
    assert "loss" in lines[2]


def test_progress_in_a_terminal_is_a_bar(tmp_path: Path, content: Path, style: Path) -> None:
    try:
        ours, theirs = pty.openpty()
    except OSError as error:
        pytest.skip(f"no pseudo-terminals here, is /dev/pts mounted? ({error})")
    args = [content, style, "-o", tmp_path / "out.png", *QUICK, "--steps", 10]
    env = os.environ | {"TERM": "xterm", "COLUMNS": "120"}
    command = [sys.executable, "-m", "impasto", *map(str, args)]
    with subprocess.Popen(command, stderr=theirs, env=env) as running:
        os.close(theirs)
        seen = b""
        while chunk := _read(ours):
            seen += chunk
    os.close(ours)
    assert running.returncode == 0
    assert b"step 10/10" in seen
    assert "━".encode() in seen


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # what Linux says when the other end is closed
        return b""


def test_preview_and_numbered_pictures(impasto: Run, tmp_path: Path, content: Path, style: Path) -> None:
    out, preview = tmp_path / "out.png", tmp_path / "preview.jpg"
    args = [*QUICK, "--init", "content", "--steps", 5, "--preview", preview, "--save-every", 2]
    assert impasto(content, style, "-o", out, *args).exit_code == 0
    kept = [tmp_path / "out-000002.png", tmp_path / "out-000004.png"]
    assert sorted(tmp_path.iterdir()) == sorted([content, style, out, preview, *kept])
    assert read(preview).size == read(kept[0]).size == (64, 43)
    assert not np.array_equal(read(kept[0]).pixels, read(kept[1]).pixels)


# Making it again


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_again_gives_the_same_bytes(impasto: Run, tmp_path: Path, content: Path, style: Path, suffix: str) -> None:
    out = tmp_path / f"out{suffix}"
    impasto(content, style, "-o", out, *QUICK, "--init", "noise", "--seed", 5, "--strength", 70)
    assert impasto("again", out).exit_code == 0
    assert (tmp_path / f"out-again{suffix}").read_bytes() == out.read_bytes()


def test_again_from_a_start_file_and_a_kept_step(impasto: Run, tmp_path: Path, content: Path, style: Path) -> None:
    start, out = tmp_path / "start.png", tmp_path / "out.png"
    Image.fromarray(drawing(seed=9)).save(start)
    impasto(content, style, "-o", out, *QUICK, "--steps", 4, "--init", start, "--save-every", 2)
    for picture in (out, tmp_path / "out-000002.png"):
        assert impasto("again", picture, "-o", tmp_path / "new.png").exit_code == 0
        assert (tmp_path / "new.png").read_bytes() == picture.read_bytes()


def test_again_follows_the_folder(impasto: Run, tmp_path: Path, content: Path, style: Path) -> None:
    (tmp_path / "in").mkdir()
    inner = content.rename(tmp_path / "in" / "content.png")
    impasto(inner, style, "-o", tmp_path / "out.png", *QUICK)
    before = (tmp_path / "out.png").read_bytes()
    assert b"in/content.png" in before
    assert str(tmp_path).encode() not in before
    shutil.copytree(tmp_path, tmp_path.with_name("moved"))
    moved = tmp_path.with_name("moved") / "out.png"
    assert impasto("again", moved).exit_code == 0
    assert moved.with_name("out-again.png").read_bytes() == before
    shutil.rmtree(tmp_path.with_name("moved"))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp", ".exr"])
def test_a_result_elsewhere_names_no_folder_of_mine(
    impasto: Run, refused: Callable[..., str], tmp_path: Path, content: Path, style: Path, suffix: str
) -> None:
    private, shown = tmp_path / "alice" / "secret", tmp_path / "shown"
    private.mkdir(parents=True)
    shown.mkdir()
    face, start = content.rename(private / "face.png"), private / "start.png"
    shutil.copy(face, start)
    out, same = shown / f"out{suffix}", tmp_path / f"same{suffix}"
    assert impasto(face, style, "-o", out, *QUICK, "--init", start).exit_code == 0
    data = out.read_bytes()
    assert b"face.png" in data
    assert not [word for word in (b"alice", b"secret", b"..") if word in read_comment(out).encode()]
    line = refused("again", out)
    assert f"{shown / 'face.png'}: the content picture is not there." in line
    assert "with --content FILE, or lay it there" in line
    named = ("--content", face, "--style", style, "--init", start)
    assert impasto("again", out, "-o", same, *named).exit_code == 0
    for source in (face, style, start):
        shutil.copy(source, shown)
    assert impasto("again", out).exit_code == 0
    assert read(same).pixels.tobytes() == read(out).pixels.tobytes()
    assert (shown / f"out-again{suffix}").read_bytes() == data


def test_a_sheet_names_no_folder_of_mine_and_every_file(
    impasto: Run, tmp_path: Path, content: Path, style: Path
) -> None:
    private, sheet = tmp_path / "alice", tmp_path / "shown" / "sheet.png"
    private.mkdir()
    sheet.parent.mkdir()
    start = content.rename(private / style.name)
    done = impasto("sheet", start, style, "--columns", f"init=noise,{start}", "-o", sheet, *QUICK)
    assert done.exit_code == 0, done.output
    carried = json.loads(read_comment(sheet))
    assert carried["sheet"]["columns"] == {"init": ["noise", "style.png"]}
    assert [file["sha256"] for file in carried["files"]] == [sha256(start), sha256(style)]
    assert b"alice" not in sheet.read_bytes()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp", ".exr"])
def test_no_recipe_leaves_no_word_of_it(
    impasto: Run, refused: Callable[..., str], tmp_path: Path, content: Path, style: Path, suffix: str
) -> None:
    out = tmp_path / f"out{suffix}"
    args = (content, style, "-o", out, *QUICK, "--init", "content", "--steps", 2, "--save-every", 1, "--no-recipe")
    assert impasto(*args).exit_code == 0
    for path in (out, tmp_path / f"out-000001{suffix}"):
        assert read_comment(path) == ""
        assert b"content.png" not in path.read_bytes()
    assert "carries no recipe" in refused("again", out)


def test_again_says_what_has_moved_or_changed(
    impasto: Run, refused: Callable[..., str], tmp_path: Path, content: Path, style: Path
) -> None:
    out, elsewhere = tmp_path / "out.png", tmp_path / "elsewhere.png"
    impasto(content, style, "-o", out, *QUICK)
    content.rename(elsewhere)
    line = refused("again", out)
    assert str(content) in line
    assert "--content FILE" in line
    assert impasto("again", out, "--content", elsewhere).exit_code == 0
    assert np.array_equal(read(tmp_path / "out-again.png").pixels, read(out).pixels)
    Image.fromarray(drawing(seed=5)).save(content)
    assert "not the content picture of that time" in refused("again", out)


def test_again_needs_a_recipe_and_another_name(
    impasto: Run, refused: Callable[..., str], tmp_path: Path, content: Path, style: Path
) -> None:
    out = tmp_path / "out.png"
    assert "carries no recipe" in refused("again", content)
    assert "no such file" in refused("again", tmp_path / "missing.png")
    for comment in ("{}", "[1]", "{", '{"recipe": {}, "sources": {}}', '{"recipe": 1, "sources": 2}', "null"):
        write(out, read(content), comment)
        assert "carries no recipe" in refused("again", out)
    write(out, read(content), '{"recipe": {"glaze": 1}, "sources": {}}')
    assert "no knob 'glaze'" in refused("again", out)
    write(out, read(content), "[" * 100_000)
    assert "carries no recipe" in refused("again", out)
    impasto(content, style, "-o", out, *QUICK)
    assert "one of the input pictures" in refused("again", out, "-o", out)


@pytest.mark.parametrize("role", ["content", "style", "style2", "init", "recipe"])
def test_a_name_too_long_is_no_file(
    impasto: Run, refused: Callable[..., str], tmp_path: Path, content: Path, style: Path, role: str
) -> None:
    out, long = tmp_path / "out.png", f"{'x' * 300}.png"
    paths = {"content": content, "style": style, "style2": style, "init": "noise"} | {role: long}
    if role == "recipe":
        impasto(content, style, "-o", out, *QUICK)
        write(out, read(content), read_comment(out).replace('"path": "style.png"', f'"path": "{long}"'))
        assert "the style picture is not there" in refused("again", out)
    else:
        files = [paths[name] for name in ("content", "style", "style2")]
        line = refused(*files, "-o", out, "--init", paths["init"], "--style-weights", "1,1")
        assert long in line
        assert re.search("no such file|no file of that name|name too long", line)


@pytest.mark.parametrize(
    ("whole", "damaged"),
    [
        ('"path": "content.png"', '"path": null'),
        ('"path": "content.png"', '"path": 0.5'),
        ('"sha256": "', '"sha256": 1, "was": "'),
        ('"taken": null', '"taken": "2"'),
        ('"taken": null', '"taken": 0'),
        ('"taken": null', '"canvas": [1e999, 1], "taken": null'),
        ('"impasto": "', '"impasto": [], "was": "'),
    ],
)
def test_again_refuses_a_recipe_with_other_things_in_it(
    impasto: Run, refused: Callable[..., str], tmp_path: Path, content: Path, style: Path, whole: str, damaged: str
) -> None:
    out = tmp_path / "out.png"
    impasto(content, style, "-o", out, *QUICK)
    text = read_comment(out)
    assert whole in text
    write(out, read(content), text.replace(whole, damaged, 1))
    assert "carries no recipe" in refused("again", out)


def test_again_says_when_the_version_differs(impasto: Run, tmp_path: Path, content: Path, style: Path) -> None:
    out = tmp_path / "out.png"
    impasto(content, style, "-o", out, *QUICK)
    old = read_comment(out).replace('"impasto": "', '"impasto": "0.0.')
    write(out, read(out), old)
    assert "made by version 0.0." in impasto("again", out).stderr


def test_again_takes_the_threads_of_that_time(process: Process, tmp_path: Path, content: Path, style: Path) -> None:
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("two threads need two cores")
    out, args = tmp_path / "out.png", (*QUICK, "--init", "content", "--size", 96, "--steps", 3, "--network", "wavelet")
    env = {**os.environ, "OMP_NUM_THREADS": "2"}
    assert process(content, style, "-o", out, *args, env=env).returncode == 0
    done = process("again", out, env={**env, "OMP_NUM_THREADS": "1"})
    assert "may differ" not in done.stderr
    assert (tmp_path / "out-again.png").read_bytes() == out.read_bytes()


def test_again_says_what_differs_of_the_machine(
    impasto: Run, process: Process, tmp_path: Path, content: Path, style: Path
) -> None:
    out, env = tmp_path / "out.png", {**os.environ, "ATEN_CPU_CAPABILITY": "default", "OMP_NUM_THREADS": "1"}
    impasto(content, style, "-o", out, *QUICK)
    carried = json.loads(read_comment(out))
    there = carried["environment"] | {"threads": 4096, "capability": "AVX2"}
    write(out, read(out), json.dumps(carried | {"environment": there}))
    lines = process("again", out, env=env).stderr.splitlines()
    said = "painted with 4096 threads and AVX2 kernels, now 1 thread and DEFAULT kernels: pixels may differ slightly."
    assert [line for line in lines if "may differ" in line] == [f"impasto: {said}"]
    assert process("again", out, "-q", env=env).stderr == ""


@pytest.mark.parametrize("kept", [None, 8, {}, {"threads": "two"}])
def test_a_recipe_that_does_not_tell_the_machine_can_be_made_again(
    impasto: Run, tmp_path: Path, content: Path, style: Path, kept: object
) -> None:
    out = tmp_path / "out.png"
    impasto(content, style, "-o", out, *QUICK)
    old = {name: value for name, value in json.loads(read_comment(out)).items() if name != "environment"}
    write(out, read(out), json.dumps(old if kept is None else old | {"environment": kept}))
    done = impasto("again", out)
    assert done.exit_code == 0, done.output
    assert "differ" not in done.stderr


# Stopping


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_kill_and_hangup_keep_the_picture_so_far(
    tmp_path: Path, content: Path, style: Path, impasto: Run, number: signal.Signals
) -> None:
    out, preview = tmp_path / "out.png", tmp_path / "preview.png"
    args = [content, style, "-o", out, "--preview", preview, *QUICK, "--steps", 100_000]
    command = [sys.executable, "-m", "impasto", *map(str, args)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        _wait_for(preview)
        running.send_signal(number)
        if number != signal.SIGINT:
            running.send_signal(number)  # the shell of a terminal that is closed sends one more
        _, said = running.communicate(timeout=HANGS)
    assert running.returncode == 130
    assert "impasto: stopped at step " in said
    assert f"{out} holds the picture so far" in said
    assert read(out).size == (64, 43)
    assert sorted(tmp_path.iterdir()) == sorted([content, style, out, preview])
    assert json.loads(read_comment(out))["taken"] > 0
    assert impasto("again", out).exit_code == 0
    assert (tmp_path / "out-again.png").read_bytes() == out.read_bytes()


def test_a_closed_terminal_keeps_the_picture_so_far(tmp_path: Path, content: Path, style: Path) -> None:
    """A process that has the terminal for its own gets SIGHUP, and can write there no more."""
    out, preview = tmp_path / "out.png", tmp_path / "preview.png"
    args = [content, style, "-o", out, "--preview", preview, *QUICK, "--steps", 100_000]
    try:
        pid, terminal = pty.fork()
    except OSError as error:
        pytest.skip(f"no pseudo-terminals here, is /dev/pts mounted? ({error})")
    if not pid:
        os.execv(sys.executable, [sys.executable, "-m", "impasto", *map(str, args)])
    _wait_for(preview)
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 130
    assert json.loads(read_comment(out))["taken"] > 0
    assert sorted(tmp_path.iterdir()) == sorted([content, style, out, preview])


def test_a_hangup_that_whoever_started_it_ignores_does_not_stop_it(tmp_path: Path, content: Path, style: Path) -> None:
    out, preview = tmp_path / "out.png", tmp_path / "preview.png"
    args = [content, style, "-o", out, "--preview", preview, *QUICK, "--init", "content", "--steps", 60]
    command = ["nohup", sys.executable, "-m", "impasto", *map(str, args)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        _wait_for(preview)
        running.send_signal(signal.SIGHUP)
        assert running.wait(HANGS) == 0
    assert json.loads(read_comment(out))["taken"] is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_before_the_first_step_it_leaves_nothing_behind(
    tmp_path: Path, content: Path, style: Path, number: signal.Signals
) -> None:
    """A file of 16 bits is copied to where its decoder finds it, here on a disk of its own."""
    folder, deep = tmp_path / "temporary", tmp_path / "deep.png"
    folder.mkdir()
    noise = np.random.default_rng(0).random((3000, 3000, 3), np.float32)
    write(deep, Picture(noise, samples=Samples.of(noise, kind="u16")))
    command = [sys.executable, "-m", "impasto", *map(str, (deep, style, "-o", tmp_path / "out.png", *QUICK))]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=os.environ | {"TMPDIR": str(folder)}
    ) as running:
        end = time.monotonic() + HANGS
        while not list(folder.rglob("*.png")):
            assert time.monotonic() < end
            time.sleep(0.001)
        running.send_signal(number)
        _, said = running.communicate(timeout=HANGS)
    assert running.returncode == 130
    assert "stopped; nothing was written." in said
    assert list(folder.iterdir()) == []
    assert not (tmp_path / "out.png").exists()


def _wait_for(path: Path) -> None:
    end = time.monotonic() + HANGS
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not appear"
        time.sleep(0.05)


# The real thing


@pytest.mark.slow
def test_a_real_pair(impasto: Run, shared: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    pair = (shared / "tubingen.jpg", shared / "the_scream.jpg")
    assert impasto(*pair, "-o", out, "--size", 128, "--steps", 10).exit_code == 0
    painted, photograph = read(out), read(pair[0])
    before = photograph.resized(*painted.size)
    assert 0.03 < np.abs(painted.pixels - before.pixels).mean() < 0.4
