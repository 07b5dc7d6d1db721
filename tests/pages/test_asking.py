"""Page "Ask the picture with words" in the states a reader can bring it to."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from streamlit.testing.v1 import AppTest

import vit_attention as va
from tests.pages.reading import array, figures, fine, heats, opens_everywhere, said, table, titles
from ui.frame import state
from ui.parts import labels
from vit_attention.cli.app import main
from worlds.scenes import coverage, scene

TRUE = ["yellow circle", "red triangle"]
"""The objects of the scene that the lesson begins with."""


def offered(page: AppTest) -> list[str]:
    return page.text_area(key=labels.KEY).value.split("\n")


def drawn(page: AppTest, key: str) -> list[np.ndarray]:
    return [array(one["z"]) for one in heats(figures(page)[key])]


def wanted(label: str, layer: int, method: str = "naive", **knobs: Any) -> np.ndarray:
    return va.load("scene-clip").labels("scene-24", [label], layer=layer, method=method, **knobs)[0]


def test_every_step_opens_cold_and_so_does_the_whole_lesson(app) -> None:
    opens_everywhere(app, "asking")


def test_the_first_figure_is_the_library_s_map_of_the_first_label(app) -> None:
    page = app("asking")
    assert page.session_state[state.PICTURE] == "scene-24"
    assert offered(page)[:2] == TRUE
    np.testing.assert_allclose(drawn(page, "asking_map")[0], wanted(TRUE[0], 11), atol=2e-5)
    fine(page.button_group(key=labels.ASKED).set_value(TRUE[1]).run())
    np.testing.assert_allclose(drawn(page, "asking_map")[0], wanted(TRUE[1], 11), atol=2e-5)
    assert page.query_params["label"] in (TRUE[1], [TRUE[1]])


def test_a_label_is_added_with_a_word_that_nobody_taught_and_removed(app) -> None:
    page = app("asking")
    fine(page.text_input(key="new_label").set_value(" pink  zebra ").run())
    assert offered(page)[-1] == "pink zebra"
    assert page.session_state[labels.ASKED] == "pink zebra"
    assert page.text_input(key="new_label").value == ""
    assert any(one.value.startswith("Not in the vocabulary") and "zebra" in one.value for one in page.text)
    fine(page.button(key="remove_label").click().run())
    assert offered(page)[:2] == TRUE
    assert "pink zebra" not in offered(page)
    assert page.session_state[labels.ASKED] == TRUE[0]


def test_raw_attention_stands_beside_and_follows_its_head(app) -> None:
    page = app("asking", raw_beside="true", head="3", layer="5")
    record = va.load("scene-clip").attend(scene(24).picture)
    row = record.maps[4].single[2, 0, 1:].reshape(14, 14)
    np.testing.assert_allclose(drawn(page, "asking_raw")[0], row, atol=1e-4)


def test_all_labels_share_a_scale_or_have_their_own(app) -> None:
    page = app("asking", step="2")
    shared = heats(figures(page)["asking_every"])
    assert len(shared) == 3
    assert len({one["zmax"] for one in shared}) == 1
    assert max(np.abs(one).max() for one in drawn(page, "asking_every")) == pytest.approx(shared[0]["zmax"], abs=1e-3)
    own = fine(page.selectbox(key="scale").set_value("per map").run())
    assert [np.abs(one).max() for one in drawn(own, "asking_every")] == pytest.approx([1, 1, 1])


def test_the_winner_has_the_colours_of_the_chips_and_the_margin_is_the_difference(app) -> None:
    page = app("asking", step="3")
    maps = np.stack([wanted(one, 9) for one in offered(page)])
    hover = figures(page)["asking_winner"]["data"][0]["text"]
    best = maps.argmax(axis=0).ravel()
    assert all(offered(page)[which] in text for which, text in zip(best, np.ravel(hover), strict=True))
    style = next(one.proto.body for one in page.get("html") if "nth-of-type" in one.proto.body)
    assert "nth-of-type(1){box-shadow:inset 0.5rem 0 0 rgb(230,158,0)" in style
    margin = fine(page.button_group(key="winner_shown").set_value("margin").run())
    order = np.sort(maps, axis=0)
    np.testing.assert_allclose(drawn(margin, "asking_winner")[0], order[-1] - order[-2], atol=4e-5)


def test_the_table_scores_each_path_on_what_the_label_names(app) -> None:
    page = app("asking", step="4", label=TRUE[1], layer="6")
    rows = table(page, "path")
    assert rows["path"] == ["naive", "value", "value-value", "chance"]
    cover = coverage(scene(24).things[1].mask)
    for name, share, hit in zip(
        rows["path"][:3], rows["share of positive similarity"], rows["strongest patch on it"], strict=False
    ):
        values = wanted(TRUE[1], 5, name)
        above = np.clip(values, 0, None)
        assert float(share.strip("%")) == pytest.approx(100 * (above * cover).sum() / above.sum(), abs=0.06)
        assert hit == ("yes" if cover.ravel()[values.argmax()] > 0.1 else "no")
    wrong = app("asking", step="4", label=offered(page)[2])
    assert any("nothing to score" in one.value for one in wrong.caption)


def test_the_film_has_its_layers_and_its_time(app) -> None:
    page = app("asking", step="6", film_from="4", film_to="9", film_time="300")
    layout = figures(page)["asking_film"]["layout"]
    assert [step["label"] for step in layout["sliders"][0]["steps"]] == [f"layer {n}" for n in range(4, 10)]
    assert layout["updatemenus"][0]["buttons"][0]["args"][1]["frame"]["duration"] == 300


def test_the_name_is_found_in_the_layer_that_the_curve_shows(app) -> None:
    page = app("asking", step="7")
    lines = {one["name"]: array(one["y"]) for one in figures(page)["asking_by_layer"]["data"]}
    assert list(lines) == TRUE
    first = np.minimum(*lines.values()) == 1
    layer = 1 + max(n for n in range(12) if not first[n]) + 1
    fine(page.number_input[0].set_value(float(layer)).run())
    assert page.success[0].value.startswith("Right.")


def test_classes_and_words_wait_for_the_guess(app) -> None:
    page = app("asking", step="8")
    assert list(figures(page)) == ["asking_map"]
    fine(page.radio[0].set_value("Both").run())
    assert titles(page) == ["scene-vit: 12 classes", "scene-clip: 96 labels"]
    page = app("asking", step="9")
    fine(page.radio[0].set_value("The colour word").run())
    assert "asking_words" in figures(page)
    assert "yellow 60%" in said(page)


@pytest.mark.parametrize("wrong", [{"path": "sideways"}, {"label": "nothing"}, {"layer": "99"}, {"depth": "-3"}])
def test_a_wrong_parameter_gets_a_sentence(app, wrong: dict[str, str]) -> None:
    page = app("asking", **{"path": "value-value", **wrong})
    assert next(iter(wrong.values())) in page.warning[0].value
    assert not page.error


@pytest.mark.parametrize("hostile", ["", "\n\n", "![x](http://a/b.png) <b>c</b>\n`$x$`", "x" * 3000])
def test_hostile_labels_are_text(app, hostile: str) -> None:
    for step in ("1", "3"):
        page = app("asking", step=step, labels=hostile)
        assert not page.error
        assert page.get("plotly_chart")
        for one in (*page.caption, *page.markdown, *page.button):
            assert "![x](" not in str(getattr(one, "label", "") or one.value)
        assert not any("![x](" in str(one) for one in page.button_group(key=labels.ASKED).options)


def test_a_photograph_and_the_published_model_are_told_about(app) -> None:
    page = app("asking", picture="cat", model="clip-vit-b-16")
    assert page.session_state[state.PICTURE] == "cat"
    assert any("knows only twelve drawn shapes" in one.value for one in page.warning)
    assert any("No link ever fetches it" in one.value for one in page.caption)
    for step in ("7", "8"):
        page = app("asking", picture="cat", step=step)
        assert page.get("plotly_chart")
    assert offered(page)[:2] == ["head", "eyes"]
    rows = [table(app("asking", picture="cat", step="4", label=label), "path") for label in ("head", "eyes")]
    share = [float(one["strongest patch on it"][3].strip("%")) for one in rows]  # each on the outline of its name
    assert share[0] > 5 * share[1]


def test_code_and_commands_make_the_map_of_the_page(app, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = {"path": "value-value", "depth": "3", "label": TRUE[1], "layer": "9", "independent": "remove"}
    page = app("asking", panel="code", film_from="8", film_to="9", **asked)
    values, both = drawn(page, "asking_map")[0], [one.value for one in page.code]
    made: dict[str, Any] = {}
    monkeypatch.setattr("plotly.graph_objects.Figure.show", lambda figure: made.setdefault("shown", []).append(figure))
    exec(both[0], made)
    np.testing.assert_allclose(made["values"], values, atol=2e-5)
    assert len(made["shown"]) == 3
    monkeypatch.chdir(tmp_path)
    for line in both[1].splitlines():
        done = CliRunner().invoke(main, shlex.split(line)[3:])
        assert done.exit_code == 0, done.output
    assert Image.open(tmp_path / "attn_vis" / "film_value_value.gif").n_frames == 2
    assert len(list((tmp_path / "attn_vis").glob("heatmap_*label_*"))) == 3


def test_the_card_scores_what_the_label_names(app) -> None:
    page = app("asking", panel="trust")
    assert "points at what it names" in table(page, "what it means")["check"]
    assert "the label" in table(app("asking", panel="trust", label="yellow heart"), "what it means")["check"]


def test_files_are_made_from_names(app, monkeypatch: pytest.MonkeyPatch) -> None:
    made: dict[str, bytes] = {}

    def make(name: str, files: dict, now: Any = None) -> None:
        made.update({file: maker(now.again()) for file, maker in files.values()})

    monkeypatch.setattr("ui.parts.components.downloads", make)
    app("asking", panel="files", film_from="11", film_to="12")
    assert {"label.png", "label.csv", "winner.png", "winner.csv", "record.npz", "film.gif", "film.zip"} <= set(made)
    assert made["label.png"].startswith(b"\x89PNG")
    assert made["film.gif"].startswith(b"GIF")
