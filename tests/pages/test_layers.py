"""Page "Layers" in the states a reader can bring it to."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import ROOT
from tests.pages.reading import figures, fine, opens_everywhere, titles
from tests.tutorials.findings.hand import PATCH, context, everywhere
from ui.frame import state
from ui.learn import layers as layers_view
from ui.parts import components
from visualizer.style.scale import Scale


def test_every_step_opens_cold_and_so_does_the_whole_lesson(app) -> None:
    opens_everywhere(app, "layers")


def test_the_first_figure_names_layer_and_head_and_is_a_photograph_s(app) -> None:
    page = app("layers", layer="3", head="5")
    assert titles(page) == ["Layer 3, head 5"]
    assert page.session_state[state.PICTURE] == "coffee"


def test_a_layer_that_is_not_there_is_answered_by_a_sentence(app) -> None:
    page = app("layers", layer="99", head="7")
    said = " ".join(box.value for box in page.warning)
    assert "There is no layer 99, only 1 to 12; layer 10 is shown." in said
    assert "There is no head '7'" in said  # photo-dino has six
    assert titles(page) == ["Layer 10, mean of all heads"]


def test_no_map_gives_the_answer_away_before_the_guess(app) -> None:
    page = app("layers", step="4")
    assert titles(page) == ["The picture, no map yet"]
    assert not [trace for trace in next(iter(figures(page).values()))["data"] if trace["type"] == "heatmap"]
    fine(page.radio[0].set_value("Never above twice chance").run())
    hint = [box.value for box in page.warning]
    assert len(hint) == 1  # the hint first, and still no figure of the outcome
    assert "%" not in hint[0]
    assert titles(page) == ["The picture, no map yet"]
    fine(page.radio[0].set_value("In the first third").run())
    assert titles(page) == ["Where the weight goes"]
    assert "The share peaks in layer" in page.warning[0].value


def test_a_photograph_has_curves_but_no_known_object(app) -> None:
    page = app("layers", step="5", picture="gravel", model="photo-dino")
    drawn = next(iter(figures(page).values()))
    assert [trace["name"] for trace in drawn["data"]] == ["on special tokens, of the whole row"]


def test_the_range_narrows_the_snapshots(app) -> None:
    page = app("layers", step="8", layers_range="4-6")
    drawn = next(iter(figures(page).values()))
    names = [note["text"].split("<br>")[0] for note in drawn["layout"]["annotations"][:3]]
    assert names == ["layer 4", "layer 5", "layer 6"]
    said = " ".join(box.value for box in app("layers", step="8", layers_range="6-40").warning)
    assert "want two numbers such as 1-12" in said


def test_the_check_is_graded_from_the_live_numbers(app) -> None:
    page = app("layers", step="9", ask="patch", row="3", column="4", head="1")
    fine(page.button(key=next(one.key for one in page.button if one.label == "Show the answer")).click().run())
    assert page.info[0].value.startswith(
        "Attention of the patch in row 3, column 4 (head 1): its entropy is lowest in layer "
    )


def test_a_click_among_snapshots_counts_from_the_first_layer_shown(monkeypatch) -> None:
    session = {state.LAYER: 1}
    monkeypatch.setattr("streamlit.session_state", session)
    components.pick_number(state.LAYER, [2], first=5)
    assert session[state.LAYER] == 8


def test_distance_of_a_patch_is_its_own_and_of_the_class_token_the_mean_of_all() -> None:
    weights = np.zeros((1, 4, 4))  # class token and three patches in a row
    weights[0, 0] = weights[0, 1] = [0, 1, 0, 0]
    weights[0, 2] = [0, 0, 0, 1]
    weights[0, 3] = [0.5, 0.5, 0, 0]
    layers = [weights]
    far, even = layers_view.distances(context(layers, (1, 3), query=3))
    assert far == pytest.approx([2 * PATCH])
    assert even == pytest.approx(PATCH)  # 2, 1 and 0 patches away
    assert layers_view.distances(context(layers, (1, 3), query=2))[0] == pytest.approx([PATCH])
    assert layers_view.distances(context(layers, (1, 3)))[0] == pytest.approx([PATCH])  # mean of 0, 1 and 2 patches


def test_films_hold_one_picture_per_layer_shown() -> None:
    maps = [everywhere([0.1, *np.roll([0.6, 0.1, 0.1, 0.1], n)])[None] for n in range(5)]
    now = context(maps, (2, 2))
    shown = [1, 2, 3]
    for kind in ("gif", "webp"):
        film = Image.open(io.BytesIO(layers_view.film(now, shown, Scale("shared"), None, kind)))
        assert film.format == kind.upper()
        assert film.n_frames == 3
    packed = zipfile.ZipFile(io.BytesIO(layers_view.film(now, shown, Scale("shared"), None, "zip")))
    assert len(packed.namelist()) == 3


def test_curves_are_exported_with_an_empty_column_where_no_object_is_known() -> None:
    row = everywhere([0.5, 0.125, 0.125, 0.125, 0.125])[None]
    lines = layers_view.curves_csv(context([row, row], (2, 2))).decode().splitlines()
    assert lines[0].split(",")[-1] == "share_on_objects"
    assert len(lines) == 3
    number, bits, _, special, objects = lines[2].split(",")
    assert (number, objects) == ("2", "")
    assert (float(bits), float(special)) == pytest.approx((2.0, 0.5))
    known = layers_view.curves_csv(context([row, row], (2, 2), [[1, 0], [0, 0]])).decode().splitlines()
    assert float(known[1].split(",")[-1]) == pytest.approx(0.25)


@pytest.mark.parametrize("kept", [(3, 24), (20, 24), (0, 5)])
def test_a_range_from_a_deeper_model_is_cut_to_this_one(kept: tuple[int, int]) -> None:
    """Left over from before the slider is drawn; a browser cannot send what the slider does not offer."""
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    page.session_state["layers_range"] = kept
    page.query_params["step"] = "8"
    fine(page.switch_page("pages/layers.py").run())
    assert sum("layer" in note["text"] for note in next(iter(figures(page).values()))["layout"]["annotations"]) == 12
