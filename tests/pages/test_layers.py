"""Page "Layers" in the states a reader can bring it to."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from tests.pages.reading import figures, fine, guess, said, titles, try_claim
from tests.tutorials.findings.hand import PATCH, context, everywhere
from ui.learn import layers as layers_view
from ui.parts import controls
from visualizer.style.scale import Scale


def test_one_frame_and_one_snapshot_per_layer(app) -> None:
    page = app("layers", head="2")
    animation, snapshots = list(figures(page).values())[:2]
    assert animation["layout"]["title"]["text"] == "Head 2, asked by the class token"
    assert [step["label"] for step in animation["layout"]["sliders"][0]["steps"]] == [
        f"layer {n}" for n in range(1, 13)
    ]
    names = [note["text"].split("<br>")[0] for note in snapshots["layout"]["annotations"][:12]]
    assert names == [f"layer {n}" for n in range(1, 13)]


def test_the_range_narrows_both(app) -> None:
    page = app("layers")
    fine(page.select_slider(key="layers_range").set_range(4, 6).run())
    animation = next(iter(figures(page).values()))
    assert [step["label"] for step in animation["layout"]["sliders"][0]["steps"]] == ["layer 4", "layer 5", "layer 6"]


def test_a_single_layer_is_a_range_too(app) -> None:
    page = app("layers")
    fine(page.select_slider(key="layers_range").set_range(7, 7).run())


def test_the_outcome_waits_for_the_guess(app) -> None:
    page = app("layers")
    assert "Where the weight goes" not in titles(page)
    guess(page, "layers", "In the last third")
    assert "Where the weight goes" in titles(page)
    assert "The share peaks in layer" in said(page)


def test_a_photograph_has_curves_but_no_known_object(app) -> None:
    page = guess(app("layers", picture="cat"), "layers", "In the last third")
    drawn = next(f for f in figures(page).values() if f["layout"]["title"]["text"] == "Where the weight goes")
    assert [trace["name"] for trace in drawn["data"]] == ["on special tokens, of the whole row"]
    assert "Nobody knows exactly" in said(page)
    assert "Cannot be told here" in try_claim(page, "layers", 2)


def test_every_claim_can_be_tested(app) -> None:
    page = app("layers")
    for number in (1, 2, 3, 4):
        assert "here. " in try_claim(page, "layers", number)


def test_the_check_is_graded_from_the_live_numbers(app) -> None:
    page = app("layers", ask="patch", row="3", column="4", head="1")
    fine(page.number_input(key="layers_check").set_value(99.0).run())
    right = float(page.warning[0].value.split("lowest in layer ")[1].split(" ")[0])
    fine(page.number_input(key="layers_check").set_value(right).run())
    assert page.success[0].value.startswith("Right. Attention of the patch in row 3, column 4 (head 1)")


@pytest.mark.parametrize("mode", controls.COMPARING)
def test_every_scale_is_drawn(app, mode: str) -> None:
    app("layers", layers_scale=mode)


def test_distance_of_a_patch_is_its_own_and_of_the_class_token_the_mean_of_all() -> None:
    weights = np.zeros((1, 4, 4))  # class token and three patches in a row
    weights[0, 0] = weights[0, 1] = [0, 1, 0, 0]
    weights[0, 2] = [0, 0, 0, 1]
    weights[0, 3] = [0.5, 0.5, 0, 0]
    layers = [weights]
    assert layers_view.distances(context(layers, (1, 3), query=3)) == pytest.approx([2 * PATCH])
    assert layers_view.distances(context(layers, (1, 3), query=2)) == pytest.approx([PATCH])
    assert layers_view.distances(context(layers, (1, 3))) == pytest.approx([PATCH])  # mean of 0, 1 and 2 patches


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
def test_a_range_from_a_deeper_model_is_cut_to_this_one(app, kept: tuple[int, int]) -> None:
    page = app("layers")
    page.session_state["layers_range"] = kept
    fine(page.run())
    animation = next(iter(figures(page).values()))
    assert 1 <= len(animation["layout"]["sliders"][0]["steps"]) <= 12
