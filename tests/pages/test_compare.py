"""The page that compares: both sides come from the address, share a scale, and are put in numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from ui.store import resources
from vit_attention.records import AttentionMap, AttentionRecord, Axis
from vit_attention.records.geometry import Geometry

App = Callable[..., AppTest]


def captions(test: AppTest) -> str:
    layout = json.loads(test.get("plotly_chart")[0].proto.spec)["layout"]
    return " ".join(one["text"] for one in layout["annotations"]).replace("<br>", " ")


def page_keys(test: AppTest) -> set[str]:
    return set(test.query_params)


def test_a_map_compared_with_itself(app: App) -> None:
    test = app("compare", compare_method="as on the left")
    shown = {one.label: one.value for one in test.metric}
    assert shown["Rank correlation over patches"] == "+1.00"
    assert shown["Common in the 20 strongest"] == "20 of 20"
    assert float(shown["Largest difference"]) == 0


def test_the_address_restores_both_sides(app: App) -> None:
    test = app(
        "compare",
        picture="scene-24",
        method="mean of layers",
        compare_method="rollout",
        compare_picture="scene-11",
        compare_layer="2",
        compare_head="3",
        compare_residual="0.9",
    )
    text = " ".join(one.value for one in test.markdown).replace("\\", "")
    assert "Scene 24" in text
    assert "Scene 11" in text
    assert "residual share 0.9" in text
    assert page_keys(test) == {
        "picture",
        "method",
        "compare_method",
        "compare_picture",
        "compare_layer",
        "compare_head",
        "compare_residual",
    } - {"compare_method"}  # which is the right side's first one
    assert any("places in the grid" in one.value for one in test.caption)


def test_one_scale_is_printed(app: App) -> None:
    assert "one scale for all maps" in captions(app("compare"))


def test_units_that_differ_are_told(app: App) -> None:
    test = app("compare", picture="scene-24", compare_method="relevance", panel="code")
    assert any("units differ" in one.value for one in test.info)
    assert "each map stretched" in captions(test)
    assert any("difference=False" in one.value for one in test.code)
    test.selectbox(key="compare_method").set_value("rollout").run()
    assert "one scale for all maps" in captions(test)
    assert any("difference=True" in one.value for one in test.code)


@pytest.mark.parametrize("bad", ["compare_model", "compare_picture", "compare_layer", "compare_head", "compare_method"])
def test_nonsense_falls_back_to_the_left_and_is_answered(app: App, bad: str) -> None:
    test = app("compare", **{bad: "scene-999999999999"})
    assert not test.exception
    assert any("scene" in one.value and "is shown" in one.value for one in test.warning)
    assert bad not in test.query_params


def test_maps_stand_before_menus_and_thumbnails_choose_the_right_picture(app: App) -> None:
    test = app("compare")
    test.button(key="right_cat").click().run()
    assert not test.exception
    assert test.selectbox(key="compare_picture").value == "cat"
    assert test.query_params["compare_picture"] == "cat"
    assert any("Coffee" in one.value and "Cat" in one.value for one in test.markdown)
    names = [one.label for one in test.button]
    assert len(names) == len(set(names))


def test_other_grids_are_only_drawn(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    axis, real = Axis.patches(7, 7, ("class",)), resources.record
    coarse = AttentionMap(np.full((1, 50, 50), 0.02, np.float32), "block.0", 0, "self", axis, axis)

    def record(name: str, picture: Any, **how: Any) -> AttentionRecord:
        small = AttentionRecord((coarse,), geometry=Geometry.of(224, 224))
        return small if picture.id == "scene-11" else real(name, picture, **how)

    monkeypatch.setattr(resources, "record", record)
    test = app("compare", picture="scene-24", compare_picture="scene-11")
    assert any("14 x 14 and 7 x 7" in one.value for one in test.info)
    assert not test.metric
    assert len(json.loads(test.get("plotly_chart")[0].proto.spec)["data"]) == 2
    assert "one scale for all maps" in captions(test)


def test_the_right_side_says_what_its_model_knows(app: App) -> None:
    page = app("compare", picture="scene-24", compare_model="photo-dino")
    assert any("fine-tuned on object masks (saliency)" in one.value for one in page.caption)
    assert not page.exception


def test_each_side_has_a_trust_card_with_a_switch_of_its_own(app: App) -> None:
    test = app("compare", picture="scene-24", compare_method="relevance", panel="trust")
    cards = [one.value for one in test.caption if one.value.startswith("For the map on the ")]
    assert [card.replace("\\", "").split(":")[0] for card in cards] == [
        "For the map on the left",
        "For the map on the right",
    ]
    switches = [one for one in test.toggle if one.label.startswith("Does the model use what the map on the ")]
    assert [one.label.split(" marks?")[0][-5:] for one in switches] == [" left", "right"]
    switches[1].set_value(True).run()
    assert not test.exception
    tables = [one.value for one in test.markdown if one.value.startswith("| check |")]
    assert ["deletion AUC" in one for one in tables] == [False, True]
    assert test.query_params["uses_right"] == "true"
    assert "uses_left" not in test.query_params
