"""What people type: numbers, askers, names of files, and the commands that pages hand out."""

from __future__ import annotations

import shlex
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vit_attention.__main__
from visualizer.method import QuestionError, methods
from visualizer.method.question import askers
from vit_attention.cli import paint_options, records
from vit_attention.cli.app import main
from vit_attention.cli.files import distinct
from vit_attention.cli.inputs import by_name, expand
from vit_attention.cli.recipe import command, read_command
from vit_attention.cli.report import Report
from vit_attention.cli.values import numbers
from vit_attention.inputs.edited import painted_over
from vit_attention.inputs.pictures import PictureError
from vit_attention.models.cards import Card
from vit_attention.records import Axis
from vit_attention.records.geometry import Geometry
from vit_attention.weights.download import DownloadError

READ = ("<s_nm>", "▁ic", "ed", "▁tea", "</s_nm>", "</s>")


@pytest.mark.parametrize("text", ["", "-1", "3-1", "a", "1,,2", "0-9999999", "1.5", "²"])
def test_numbers_refuse_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="want"):
        numbers(text)


@pytest.mark.parametrize(
    ("wanted", "rows"),
    [
        ([], (0,)),
        (["class"], (0,)),
        (["distillation"], (1,)),
        (["0,0"], (2,)),
        (["2,1"], (2 + 2 * 3 + 1,)),
        (["5"], (5,)),
        (["0,0", "2,1"], (2, 9)),
        (["mean"], tuple(range(2 + 12))),
    ],
)
def test_askers_on_a_grid_of_4_by_3_behind_two_tokens(wanted: list[str], rows: tuple[int, ...]) -> None:
    asked = askers(Axis.patches(4, 3, ("class", "distillation")), wanted)
    assert asked.rows == rows


@pytest.mark.parametrize("wanted", [["4,0"], ["0,3"], ["14"], ["tail"], ["mean", "0,0"], ["-1"]])
def test_askers_that_are_not_there(wanted: list[str]) -> None:
    with pytest.raises(QuestionError, match="query: want"):
        askers(Axis.patches(4, 3, ("class", "distillation")), wanted)


@pytest.mark.parametrize(
    ("wanted", "rows"), [("1", (1,)), ("tea", (3,)), ("iced", (1, 2)), ("nm", (1, 2, 3)), ("</s>", (5,))]
)
def test_tokens_words_and_fields_of_a_reading(wanted: str, rows: tuple[int, ...]) -> None:
    asked = askers(Axis.text(READ), [wanted])
    assert asked.rows == rows


def test_a_word_that_was_not_read_fails_for_its_page_alone() -> None:
    with pytest.raises(ValueError, match="what was said: <s_nm> ic ed tea"):
        askers(Axis.text(READ), ["coffee"])


def test_no_two_inputs_share_a_name(tmp_path: Path) -> None:
    assert distinct([Path("..")]) != [".."]
    awkward = [Path("a/a.png"), Path("b/a.png"), Path("c/a.png-2.png"), Path("d/a.png-2.png")]
    assert len(set(distinct(awkward))) == 4
    for name in ("b.png", "a.jpg", "a.png", ".hidden.png", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    found = expand([str(tmp_path), str(tmp_path / "a.*")], folders=True)
    assert [one.name for one in found] == ["a.jpg", "a.png", "b"]


@pytest.mark.parametrize("name", ["my picture (1).npz", "my picture (1).png.npy", "my_picture_1_.npz"])
def test_features_are_named_like_their_picture(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"")
    (picture,) = expand(["folder/my picture (1).png"])
    assert records._features(tmp_path, picture) == tmp_path / name


def test_drawn_pictures_by_name_are_those_of_the_worlds() -> None:
    from worlds import receipts, scenes

    drawn = by_name("scene-7-2-30")
    assert drawn is not None
    np.testing.assert_array_equal(np.asarray(drawn.image), scenes.scene(7, 0.3, 2).pixels)
    page = by_name("form-4")
    assert page is not None
    np.testing.assert_array_equal(np.asarray(page.image), receipts.form(4).pixels)
    made_up = by_name("invented-5-2")
    assert made_up is not None
    np.testing.assert_array_equal(np.asarray(made_up.image), receipts.receipt(5, 2, invented=True).pixels)
    assert by_name("scene-7-3-30") is None
    assert by_name("receipt-5-6") is None


def test_help_and_library_name_the_same_choices() -> None:
    from visualizer.style import scale, theme

    assert set(paint_options.COLORMAPS) == set(theme.COLORMAPS)
    assert paint_options.COLORMAPS[0] == theme.COLORMAP
    assert set(paint_options.SCALES) == set(scale.MODES)


def test_methods_share_a_knob_only_if_it_is_the_same() -> None:
    seen: dict[str, Any] = {}
    for one in methods().values():
        for knob in (*one.knobs, *one.run):
            assert seen.setdefault(knob.name, knob) == knob, one.name
            assert seen.setdefault(knob.key, knob) == knob, one.name


@pytest.mark.parametrize(
    "line",
    [
        command("scene-vit", "scene-7", 3, 0, "raw", "class", colormap="Jet", alpha=0.5, truth=True),
        command(
            "scene-vit",
            "-rf $(x) 'y'.png",
            3,
            method="rollout-so-far",
            query=[(0, 1), (2, 3)],
            residual=0.9,
            discard=0.25,
        ),
        command("hf:a b", "own-0123", method="relevance", target="-x; y", caption="--no 'way'", settings=""),
        command("receipt-donut", "receipt-3-3", query=7, prompt="<s_receipt>", beams=2, scale="shared", scale_to=0.031),
    ],
)
def test_commands_mean_what_they_were_made_from(line: str) -> None:
    words = shlex.split(line)
    assert words[:4] == ["python", "-m", "vit_attention", "visualize"]
    visualize = main.commands["visualize"]
    given = visualize.make_context("visualize", words[4:]).params
    again = {
        name: given[name]
        for name in ("truth", "half", "bundle", "residual", "discard_ratio", "alpha", "caption", "scale_to")
    }
    expected = {
        "scene-7": {"truth": True, "alpha": 0.5, "caption": None},
        "./-rf $(x) 'y'.png": {"residual": 0.9, "discard_ratio": 0.25, "truth": False},
        "my_picture.jpg": {"caption": "--no 'way'"},
        "receipt-3-3": {"scale_to": 0.031, "alpha": 0.6},
    }[given["images"][0]]
    assert {name: again[name] for name in expected} == expected
    assert len(given["images"]) == 1


def test_the_installed_command_is_the_same_program() -> None:
    written = tomllib.loads((Path(__file__).resolve().parents[3] / "pyproject.toml").read_text())
    found = EntryPoint("vit-attention", written["project"]["scripts"]["vit-attention"], "console_scripts").load()
    assert found is vit_attention.__main__.main  # which says what to install where click is missing


def test_a_picture_that_is_not_there_is_told_before_a_model_is_loaded() -> None:
    def never() -> Any:
        raise AssertionError("a model was loaded")

    with pytest.raises(PictureError, match="want an existing file"):
        records.of(expand(["nowhere.png"])[0], never, records.Wanted())


def test_weights_that_cannot_be_fetched_are_answered_with_the_options_that_help(tmp_path: Path) -> None:
    class Blind:
        card = Card("aoanet", "AoANet", "", "", 0, 0.0, False, "", "", "", task="caption")
        options = frozenset({"picture"})

        def attend(self, picture: Any) -> Any:
            raise DownloadError("no network")

    Image.new("RGB", (30, 20)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"no network Here: --resnet FILE; or --features FILE"):
        records.of(expand([str(tmp_path / "a.png")])[0], Blind, records.Wanted())


@pytest.mark.parametrize(("shade", "paint"), [(200, 0), (20, 255)])
def test_one_patch_is_painted_over(shade: int, paint: int) -> None:
    """Patch 6 of 2 x 4 on a picture of 80 x 40 of which the model saw the middle 40 x 40, made half as large."""
    seen = Geometry.of(80, 40).crop(20, 0, 40, 40).resize(20, 20)
    image = Image.new("L", (80, 40), shade)
    expected = np.full((40, 80), shade, np.uint8)
    expected[20:40, 40:50] = paint
    np.testing.assert_array_equal(np.asarray(painted_over(image, seen, (2, 4), 6).convert("L")), expected)


def test_tokens_are_counted_for_whoever_watches(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert Report(False).counter("tokens") is None
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    tick = Report(False).counter("tokens")
    assert tick is not None
    for _ in range(3):
        tick("▁a")
    assert capsys.readouterr().err == "\rtokens: 1\rtokens: 2\rtokens: 3"
    report = Report(False)
    assert [report.counter("tokens") for _ in report.through([1, 2], "Reading")] == [None, None]
    for number in report.through([1, 2], "Reading"):  # whoever stops the run has seen what was said until then
        report.note(f"note {number}")
        report.done("page", [Path(f"file-{number}")])
        said = capsys.readouterr()
        assert f"note {number}\n" in said.err
        assert said.out == f"file-{number}\n"


def test_commands_take_only_known_options() -> None:
    with pytest.raises(ValueError, match="option: want one of"):
        command("scene-vit", "scene-7", colour="Jet")
    assert "--output out" in read_command(["a b"], "receipt-donut", output="out")


def test_options_that_cannot_hold_end_the_command(tmp_path: Path) -> None:
    """Nothing is written, no model is loaded, and the reason is said."""
    from click.testing import CliRunner

    from vit_attention.cli.app import main

    np.savez(tmp_path / "one.npz", features=np.zeros((3, 4), np.float32))
    out = tmp_path / "out"
    for line, why in (
        (["visualize", "scene-1", "--model", "scene-vit", "--alpha", "nan"], "finite"),
        (["visualize", "scene-1", "--model", "scene-vit", "--scale-to", "inf"], "finite"),
        (
            ["visualize", "scene-1", "scene-2", "--model", "scene-aoanet", "--features", str(tmp_path / "one.npz")],
            "2 pictures",
        ),
        (
            ["extract", "scene-1", "scene-2", "--model", "scene-aoanet", "--features", str(tmp_path / "one.npz")],
            "2 pictures",
        ),
        (["extract", "receipt-3-1", "--model", "receipt-donut", "--queries", "3"], "--queries"),
    ):
        done = CliRunner().invoke(main, [*line, "--output", str(out)])
        assert done.exit_code == 2, done.output
        assert why in done.output
        assert not out.exists()
