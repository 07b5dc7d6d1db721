"""Pages with photo-dino and photographs: long runs, the code box, scores beside dinov2-small, links, what can be asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import vit_attention as va
from tests.pages.conftest import ROOT
from ui.parts import long_runs
from ui.store import resources
from visualizer import methods
from vit_attention.records import AttentionRecord
from vit_attention.signals import occlusion

App = Callable[..., AppTest]


def score_lines(page: AppTest, begins: str) -> list[str]:
    return [line for text in page.markdown for line in text.value.splitlines() if line.startswith(f"| {begins}")]


@pytest.mark.parametrize(("window", "stride"), [(1, 1), (2, 2), (3, 2), (5, 4), (16, 3)])
def test_windows_are_counted_as_the_run_covers_them(window: int, stride: int) -> None:
    starts = occlusion._starts(16, window, stride), occlusion._starts(14, window, stride)
    passes = methods()["occlusion"].passes
    assert passes is not None
    counted = passes({"cover": "window", "window": window, "stride": stride}, (16, 14))
    assert counted == len(starts[0]) * len(starts[1])


def test_a_long_run_asks_first(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_runs, "SPEED", 1e3)  # as if every run took hours
    page = app("playground", picture="scene-24", method="occlusion")
    page.slider(key="window").set_value(2)
    page.slider(key="stride").set_value(2).run()
    assert not page.exception
    assert any("scene-vit 49 times" in one.value for one in page.info)
    assert (page.query_params["window"], page.query_params["stride"]) == ("2", "2")
    assert not page.get("plotly_chart")
    page.button(key="playground_run").click().run()
    assert not page.info
    assert len(page.get("plotly_chart")) == 2
    page.slider(key="stride").set_value(1).run()
    assert any("scene-vit 169 times" in one.value for one in page.info)


def test_windows_start_as_small_as_the_model_is_quick(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_runs, "LONG", 0.5)
    page = app("playground", picture="scene-24", method="occlusion")
    assert page.slider(key="window").value == page.slider(key="stride").value > 1
    assert not page.error
    assert len(page.get("plotly_chart")) == 2


def test_the_code_of_a_run_makes_the_map_of_the_page(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    monkeypatch.setattr(
        "ui.explore.playground._downloads", lambda now, asked, look: drawn.append(asked.answer(now).values)
    )
    app("playground", panel="code", picture="scene-24", method="occlusion")
    page = app("playground", panel="code", picture="scene-24", method="occlusion")
    page.slider(key="window").set_value(7)
    page.slider(key="stride").set_value(7).run()
    code = next(one.value for one in page.code if "needs_for" in one.value)
    made: dict[str, np.ndarray] = {}
    exec(code[: code.index("from visualizer.figures")], made)
    assert len(np.unique(made["values"])) == 4  # 2 x 2 windows
    np.testing.assert_allclose(made["values"], drawn[-1], atol=1e-4)


def test_dinov2_small_stands_beside_photo_dino(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in of the same weights scores the same; until it is there, the card says how to get it."""
    (missing,) = score_lines(app("playground", panel="trust", model="photo-dino", picture="coffee"), "dinov2-small on")
    assert "not at hand" in missing
    assert "88 MB" in missing
    hand, model = resources.at_hand, resources.model
    monkeypatch.setattr(resources, "at_hand", lambda name: name == "dinov2-small" or hand(name))
    monkeypatch.setattr(resources, "model", lambda name: model({"dinov2-small": "photo-dino"}.get(name, name)))
    for page in (
        app("playground", panel="trust", model="photo-dino", picture="coffee", layer="3", head="2"),
        app("rollout", model="photo-dino", picture="coffee", panel="trust"),
    ):
        (own,), (other,) = score_lines(page, "weight on: cup"), score_lines(page, "dinov2-small on: cup")
        assert own.split("|")[2].strip() == other.split("|")[2].split(",")[0].strip()
    assert not score_lines(app("playground", panel="trust", picture="coffee", model="scene-vit"), "dinov2-small on")


def test_masks_are_told_where_drawn_scenes_are_scored(app: App) -> None:
    page = app("heads", model="photo-dino", picture="scene-7", panel="trust")
    assert "object masks" in score_lines(page, "what a score here does not say")[0]
    assert any("not on drawn scenes" in one.value and "object masks" in one.value for one in page.caption)


def test_a_cold_link_keeps_a_patch_of_a_fine_grid() -> None:
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    link = {
        "model": "photo-dino",
        "picture": "coffee",
        "grid": "24",
        "ask": "patch",
        "row": "20",
        "column": "23",
        "panel": "trust",
    }
    for key, value in {**link, "outline-coffee": "spoon"}.items():
        page.query_params[key] = value
    page.switch_page("pages/playground.py").run()
    assert not page.exception
    assert (page.number_input(key="row").value, page.number_input(key="column").value) == (20, 23)
    assert any("patch in row 20, column 23" in one.value for one in page.caption)
    assert score_lines(page, "points at: spoon")


def test_a_similarity_to_another_photograph(app: App) -> None:
    page = app("playground", panel="code", model="photo-dino", picture="coffee", method="relevance")
    assert "coffee" not in page.selectbox(key="target_with").options
    page.selectbox(key="target_with").set_value("cat").run()
    assert not page.error
    assert any("similarity of the class token to the class token of cat" in one.value for one in page.caption)
    assert any("--target similar:cat" in one.value for one in page.code)


def test_a_record_of_a_part_of_the_maps_opens_again(app: App, tmp_path: Path) -> None:
    record = va.load("scene-vit").attend("scene-7", queries=[0], whole=[9], half=True)
    page = app("playground")
    data = record.save(tmp_path / "part.npz").read_bytes()
    page.file_uploader(key="playground_npz").upload("part.npz", data).run()
    assert not page.error
    assert any("a part of the maps" in one.value for one in page.caption)
    assert "rollout" not in page.selectbox(key="method").options
    page.segmented_control(key="ask").set_value("patch").run()
    assert not page.error  # layer 10 is whole
    page.slider(key="layer").set_value(3).run()
    assert not page.exception
    assert "kept the rows [0] alone" in page.error[0].value.replace("\\", "")
    assert AttentionRecord.load(tmp_path / "part.npz").maps[0].queries is not None


def test_the_other_side_of_compare_says_what_a_model_does_not_know(app: App) -> None:
    page = app("compare", model="photo-dino", picture="coffee", compare_model="scene-vit")
    assert not page.exception
    assert any("twelve drawn shapes: its maps" in one.value for one in page.caption)


def test_the_first_page_tells_what_photo_dino_is(app: App) -> None:
    figures = json.loads((ROOT / "vit_attention" / "bundled" / "photo-dino.json").read_text())["cosine"]
    (told,) = (one.value for one in app("start").markdown if one.value.startswith("**photo-dino**"))
    assert f"{sorted(figures.values())[0]:.4f}" in told
    for words in ("fine-tuned on object masks", "no classes", "no registers", "nothing about self-supervision"):
        assert words in told


@pytest.mark.parametrize("method", ["relevance", "length of tokens"])
def test_shares_of_a_row_that_does_not_add_up_to_1(app: App, method: str) -> None:
    (line,) = score_lines(app("playground", panel="trust", picture="scene-24", method=method), "on special tokens")
    assert 0 < float(line.split("|")[2].strip().rstrip("%")) < 100
