"""The playground with a dual encoder: labels, which is asked about, all of them, winners, films, links, hostile labels."""

from __future__ import annotations

import io
import json
import shlex
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from streamlit.testing.v1 import AppTest

import vit_attention as va
from tests.vit_attention.folders import dual_folder
from ui.parts import labels
from visualizer.method import methods
from vit_attention.cli import visualize
from vit_attention.cli.app import main
from worlds.scenes import scene

App = Callable[..., AppTest]
SCENE = "scene-24"
HERE = {"model": "scene-clip", "picture": SCENE}


def things(seed: int) -> list[str]:
    return [f"{thing.colour} {thing.shape}" for thing in scene(seed).things]


def heat(page: AppTest, number: int = 0) -> dict:
    return json.loads(page.get("plotly_chart")[number].proto.spec)["data"][0]


def card(page: AppTest) -> str:
    return next(text.value for text in page.markdown if "| parity residual |" in text.value)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """The maps that the page draws, one a run."""
    found: list[np.ndarray] = []
    monkeypatch.setattr(
        "ui.explore.playground._downloads", lambda now, asked, look: found.append(asked.answer(now).values)
    )
    return found


def test_the_labels_are_the_classes_of_the_record(app: App) -> None:
    page = app("playground", **HERE)
    assert not page.error
    offered = page.text_area(key="labels").value.split("\n")
    assert offered[:-1] == things(24)
    assert offered[-1] not in things(24)
    assert any("Softmax over these 3 labels alone" in one.value for one in page.caption)
    bars = heat(page, 1)
    said = va.load("scene-clip").attend(scene(24).picture, labels=offered).prediction
    assert [text.split(":")[0] for text in bars["hovertext"]] == [name for name, _ in said.top(3)]


@pytest.mark.parametrize("method", ["naive", "value", "value-value"])
def test_the_map_is_the_librarys(app: App, drawn: list[np.ndarray], method: str) -> None:
    labels = things(24)
    title = {"naive": "label similarity, naive", "value": "label similarity, value path"}.get(method)
    page = app("playground", panel="code", **HERE, labels="\n".join(labels), layer="8")
    options = page.selectbox(key="method").options
    title = next(one for one in options if one.startswith("label similarity") and one.endswith(title or "value-value"))
    page.selectbox(key="method").set_value(title).run()
    page.selectbox(key="label").set_value(labels[1]).run()
    assert not page.exception
    assert not page.error
    wanted = va.load("scene-clip").labels(scene(24).picture, labels, layer=7, method=method)[1]
    np.testing.assert_allclose(drawn[-1], wanted, atol=2e-5)


def test_winner_with_margin_and_legend(app: App) -> None:
    page = app(
        "playground", **HERE, labels="red ring\n<b>blue</b> square", method="label similarity, naive", show="winner"
    )
    assert not page.error
    assert not [box for box in page.selectbox if box.key == "label"]
    assert any("Winner of 2 labels" in one.value for one in page.caption)
    legend = next(one.proto.body for one in page.get("html"))
    assert "&lt;b&gt;blue&lt;/b&gt; square" in legend
    assert "<b>" not in legend
    assert "rgb(230,158,0)" in legend


def test_all_labels_share_a_scale_or_have_their_own(app: App) -> None:
    page = app("playground", **HERE, method="label similarity, naive", all_labels="true")
    assert not page.error
    figure = json.loads(page.get("plotly_chart")[2].proto.spec)
    maps = [trace for trace in figure["data"] if trace["type"] == "heatmap"]
    assert len(maps) == 3
    assert len({(one["zmin"], one["zmax"]) for one in maps}) == 1
    own = app("playground", **HERE, method="label similarity, naive", all_labels="true", labels_scale="per map")
    assert not own.error
    assert len(own.get("plotly_chart")) == 3


def test_the_film_has_its_layers_and_its_time(app: App) -> None:
    asked = {"film": "true", "film_from": "4", "film_to": "12", "film_time": "300"}
    page = app("playground", panel="files", **HERE, method="label similarity, naive", **asked)
    assert not page.error
    figure = json.loads(page.get("plotly_chart")[2].proto.spec)
    assert [step["label"] for step in figure["layout"]["sliders"][0]["steps"]] == [f"layer {n}" for n in range(4, 13)]
    play = figure["layout"]["updatemenus"][0]["buttons"][0]["args"][1]
    assert play["frame"]["duration"] == 300
    command = next(one.value for one in page.code if "-m vit_attention visualize" in one.value).splitlines()
    assert "--film gif" in command[1]
    assert "--layer 3-11" in command[1]
    assert "--frame-time 300" in command[1]


def test_film_files_have_a_picture_for_each_layer(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    made: dict[str, bytes] = {}

    def make(name: str, files: dict, title: str = "", now: Any = None) -> None:
        made.update({file: maker(now.again()) for file, maker in files.values() if name == "film"})

    monkeypatch.setattr("ui.parts.films.components.downloads", make)
    app("playground", **HERE, method="rollout", film="true", film_from="3", film_to="6", film_time="250")
    moving = Image.open(io.BytesIO(made["film.gif"]))
    assert moving.n_frames == 4
    assert moving.info["duration"] == 250
    assert Image.open(io.BytesIO(made["film.webp"])).n_frames == 4
    with zipfile.ZipFile(io.BytesIO(made["film.zip"])) as packed:
        assert packed.namelist() == [f"layer-{n:02d}.png" for n in range(3, 7)]


def test_the_card_scores_the_object_that_the_label_names(app: App) -> None:
    right, wrong = things(24)[0], labels.offers(labels.Picture.drawn(SCENE))[-1]
    page = app("playground", panel="trust", **HERE, method="label similarity, naive", label=right)
    assert "| points at what it names |" in card(page)
    page = app("playground", panel="trust", **HERE, method="label similarity, naive", label=wrong)
    assert "| the label | names nothing here |" in card(page)


def test_unknown_words_are_said(app: App) -> None:
    page = app("playground", **HERE, labels="red zebra\nblue square")
    assert any("zebra" in one.value and one.value.startswith("Not in the vocabulary") for one in page.text)


@pytest.mark.parametrize(
    "labels",
    [
        "",
        "\n \n",
        "<script>alert(1)</script>\n[x](javascript:1)\n`$x$`",
        "x" * 5000,
        "\n".join(map(str, range(99))),
        "a\na",
    ],
)
def test_hostile_labels_change_nothing_else(app: App, labels: str) -> None:
    page = app("playground", **HERE, method="label similarity, naive", labels=labels, label="none", depth="-3")
    assert not page.exception
    assert len(page.get("plotly_chart")) >= 1


def test_a_label_is_text_wherever_it_stands(app: App) -> None:
    hostile = "![x](http://a/b.png) <b>c</b>"
    page = app("playground", **HERE, method="label similarity, naive", labels=f"{hostile}\nred ring", label=hostile)
    assert not page.error
    for one in (*page.caption, *page.markdown, *page.info, *page.warning):
        assert "![x](" not in one.value
        assert "<b>" not in one.value


def test_labels_are_read_line_by_line() -> None:
    found, told = labels.read("\n".join(f"label {n}" for n in range(20)) + "\n" + "y" * 200)
    assert found == tuple(f"label {n}" for n in range(labels.MOST))
    assert told == "13 more lines are left out"
    assert labels.read("z" * 200) == (("z" * labels.LETTERS,), "long ones are cut")


def test_another_picture_brings_its_own_labels_unless_one_has_typed(app: App) -> None:
    page = app("playground", **HERE)
    page.selectbox(key="picture").set_value("scene-11").run()
    assert page.text_area(key="labels").value.split("\n")[:-1] == things(11)
    page.text_area(key="labels").set_value("red ring").run()
    page.selectbox(key="picture").set_value("scene-2").run()
    assert page.text_area(key="labels").value == "red ring"


@pytest.mark.parametrize("name", ["compare", "query", "heads", "layers", "rollout", "entropy", "patches"])
def test_other_pages_show_it_without_classes(app: App, name: str) -> None:
    page = app(name, **HERE)
    assert not page.error
    assert not [area for area in page.text_area if area.key == "labels"]


def test_models_of_pictures_have_no_map_of_labels(app: App) -> None:
    page = app("playground", picture=SCENE)
    assert not any("label similarity" in one for one in page.selectbox(key="method").options)
    assert any("compares patches with labels, and this model takes none" in one.value for one in page.caption)
    assert any("changes parts of a text, and this record is of a picture" in one.value for one in page.caption)


def test_a_photograph_brings_the_model_for_photographs(app: App) -> None:
    page = app("playground", **HERE)
    page.selectbox(key="picture").set_value("coffee").run()
    assert page.selectbox(key="model").value == "photo-dino"


def test_the_code_makes_the_map_of_the_page(app: App, drawn: list[np.ndarray]) -> None:
    page = app("playground", panel="code", **HERE, method="label similarity, naive", label=things(24)[1], layer="11")
    code = next(one.value for one in page.code if "labels = " in one.value)
    made: dict = {}
    exec(code[: code.index("from visualizer.figures")], made)
    np.testing.assert_allclose(made["values"], drawn[-1], atol=2e-5)


def test_the_command_draws_the_map_of_the_page(
    app: App, drawn: list[np.ndarray], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made: list = []
    write = visualize.write
    monkeypatch.setattr(visualize, "write", lambda found, *rest: made.extend(found) or write(found, *rest))
    monkeypatch.chdir(tmp_path)
    asked = {"method": "label similarity, value-value", "depth": "3", "label": things(24)[1], "independent": "remove"}
    page = app("playground", panel="code", **HERE, layer="9", film="true", film_from="8", film_to="9", **asked)
    lines = next(one.value for one in page.code if "-m vit_attention visualize" in one.value).splitlines()
    for line in lines:
        done = CliRunner().invoke(main, shlex.split(line)[3:])
        assert done.exit_code == 0, done.output
    np.testing.assert_allclose(made[0].map.values, drawn[-1], atol=2e-5)
    assert Image.open(tmp_path / "attn_vis" / "film_value_value.gif").n_frames == 2


def test_a_class_method_is_about_a_label(app: App) -> None:
    page = app("playground", **HERE, method="relevance", target=things(24)[0])
    assert not page.error
    assert page.selectbox(key="target").label == "Label asked about"
    assert page.selectbox(key="target").value == things(24)[0]


def test_a_bundle_of_labels_opens(app: App, tmp_path: Path) -> None:
    model = va.load("scene-clip")
    record = model.attend(scene(24).picture, labels=things(24), keep=methods()["naive"].needs, half=True)
    page = app("playground")
    page.file_uploader(key="playground_npz").upload("labels.npz", record.save(tmp_path / "a.npz").read_bytes()).run()
    page.selectbox(key="method").set_value("label similarity, naive").run()
    page.selectbox(key="label").set_value(things(24)[1]).run()
    assert not page.exception
    assert not page.error
    assert any(f'imilarity to "{things(24)[1]}"' in one.value.replace("\\", "") for one in page.caption)
    assert any("this bundle was saved without value" in one.value for one in page.caption)


def test_another_dual_encoder(app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.frame.visitors.unlocked", lambda: True)
    dual_folder(tmp_path / "siglip", "siglip")
    page = app("playground", picture=SCENE, layer="3", film="true")  # its fourth map is a pool's, without patches
    page.text_input(key="playground_hf").set_value(str(tmp_path / "siglip")).run()
    page.button(key="playground_load").click().run()
    page.selectbox(key="method").set_value("label similarity, naive").run()
    assert not page.exception
    assert not page.error
    assert len(page.get("plotly_chart")) == 3
