"""Every page hands out a command; run as it stands it makes the page's picture: same numbers, colours, scale, outlines."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image
from streamlit.testing.v1 import AppTest

from tests.pages.reading import array, figures, heats
from tutorials.lessons import lessons
from ui.store import documents, pictures
from visualizer.style import scale as scales
from vit_attention import registry
from vit_attention.cli import visualize
from vit_attention.cli.app import main
from vit_attention.cli.drawings import Drawing
from vit_attention.cli.paint import Ground, Paint
from vit_attention.records.geometry import Geometry, Placed
from worlds.scenes import scene


@dataclass
class Made:
    """What one command drew: the drawings, what they lie on and how they are painted."""

    drawings: list[Drawing]
    ground: Ground
    paint: Paint
    files: list[Path]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Runs a command line in a folder of its own, in this process, where models are loaded once; returns what it drew."""
    load, kept, seen = registry.load, _MODELS, []

    def loaded(name: str, *args: Any, **kwargs: Any) -> Any:
        if name not in kept:
            kept[name] = load(name, *args, **kwargs)
        return kept[name]

    write = visualize.write

    def watched(drawings: Any, ground: Ground, paint: Paint, folder: Path) -> list[Path]:
        files = write(drawings, ground, paint, folder)
        seen.append(Made(list(drawings), ground, paint, files))
        return files

    monkeypatch.setattr(registry, "load", loaded)
    monkeypatch.setattr(visualize, "write", watched)
    monkeypatch.chdir(tmp_path)

    def go(line: str) -> Made | None:
        words = shlex.split(line)
        assert words[:3] == ["python", "-m", "vit_attention"]
        before = len(seen)
        done = CliRunner().invoke(main, words[3:])
        assert done.exit_code == 0, done.output
        return seen[-1] if len(seen) > before else None

    return go


_MODELS: dict[str, Any] = {}


def lines(page: AppTest, number: int = 0) -> list[str]:
    """The commands of the page's `number`-th box of them."""
    boxes = [one.value for one in page.code if one.language == "bash"]
    return boxes[number].split("\n")


def stitched(traces: list[dict[str, Any]], like: Placed) -> NDArray[Any]:
    """The pieces of a window on the grid of the whole page."""
    out = np.full(like.values.shape, np.nan)
    for one in traces:
        rows, columns = (array(one["z"])).shape
        top = round((one["y0"] - like.top) / like.height - 0.5)
        left = round((one["x0"] - like.left) / like.width - 0.5)
        out[top : top + rows, left : left + columns] = array(one["z"])
    return out


def same(figure: dict[str, Any], made: Made, number: int = 0, trace: int = 0, pieces: bool = False) -> None:
    """The figure's heatmap and the command's drawing show the same values in the same colours."""
    heat, drawn = heats(figure)[trace], made.drawings[number]
    geometry = made.ground.geometry or Geometry.of(*made.ground.image.size)
    placed = geometry.place(drawn.map.values)
    mode = drawn.map.scale(scales.Scale(made.paint.scale, clip_percentile=made.paint.clip))
    pool = [one.map.values for one in made.drawings]
    pool += [] if made.paint.scale_to is None else [np.array([made.paint.scale_to])]
    scaled = scales.apply_scale(drawn.map.values, mode, pool, unit=drawn.map.unit, signed=drawn.map.signed)
    scaled = scaled.fading(made.paint.fade)
    shown = stitched(heats(figure), placed) if pieces else array(heat["z"])
    np.testing.assert_allclose(shown, geometry.place(scaled.values).values, atol=2e-6)
    assert (heat["zmin"], heat["zmax"]) == pytest.approx((scaled.low, scaled.high), abs=2e-6)
    if scaled.palette is None:
        assert heat["colorscale"] == json.loads(json.dumps(scaled.colorscale(made.paint.colormap)))
    else:
        assert [colour for _, colour in heat["colorscale"]] == [
            f"rgb({r},{g},{b})" for r, g, b in scaled.palette.tolist()
        ]
        assert not heat["showscale"]
    assert heat.get("opacity", 1) == pytest.approx(made.paint.alpha)


def outlined(figure: dict[str, Any]) -> bool:
    """Whether the true objects are outlined."""
    return any(trace.get("name") == "truth" for trace in figure["data"])


WHERE: dict[str, dict[str, str]] = {
    "class token": {"picture": "scene-7", "layer": "4"},
    "patch and head": {
        "picture": "scene-24",
        "layer": "12",
        "head": "3",
        "ask": "patch",
        "row": "2",
        "column": "13",
        "truth": "true",
    },
    "photograph": {"picture": "cat", "layer": "1", "head": "12"},
}


def at(name: str, view: str) -> dict[str, str]:
    """The address of the first step of a lesson that shows that view, with its code."""
    steps = lessons()[name].steps
    number = next(n for n, step in enumerate(steps, start=1) if step.view == view)
    return {"step": str(number), "panel": "code"}


@pytest.mark.parametrize("where", WHERE)
def test_one_query(app: Any, run: Any, where: str) -> None:
    page = app("query", **{**at("query", "map"), **WHERE[where]})
    made, figure = run(lines(page)[0]), figures(page)["query_picture"]
    same(figure, made)
    assert outlined(figure) == (made.ground.truth is not None) == ("truth" in WHERE[where])
    assert len(made.drawings) == 1
    assert bool(made.drawings[0].map.patches) == ("row" in WHERE[where])


@pytest.mark.parametrize("mode", ["shared", "per map", "log", "clipped"])
def test_heads(app: Any, run: Any, mode: str) -> None:
    page = app("heads", **at("heads", "chosen"), heads_scale=mode, **WHERE["patch and head"])
    one, every = lines(page)
    same(figures(page)["heads_chosen"], run(one))
    made = run(every)
    assert len(made.drawings) == 12
    weights = _MODELS["scene-vit"].attend(scene(24).picture, half=True).maps[11].single
    for head, drawing in enumerate(made.drawings):
        np.testing.assert_allclose(drawing.map.values.ravel(), weights[head, 1 + 14 + 12, 1:], atol=2e-6)


def test_layers(app: Any, run: Any) -> None:
    for layer in ("3", "6"):
        page = app("layers", layers_range="3-6", panel="code", **{**WHERE["patch and head"], "layer": layer})
        made, figure = run(lines(page)[0]), figures(page)["layers_map"]
        assert [one.number for one in made.drawings] == [2, 3, 4, 5]
        drawn = array(heats(figure)[0]["z"])
        np.testing.assert_allclose(drawn, made.drawings[int(layer) - 3].map.values, atol=2e-6)
        assert outlined(figure) is (made.ground.truth is not None) is True


def test_rollout(app: Any, run: Any) -> None:
    knobs = {"residual": "0.7", "fusion": "max", "discard": "0.25", "start": "2"}
    page = app("rollout", panel="code", **knobs, **WHERE["patch and head"])
    figure = figures(page)["rollout_compare"]
    for number, line in enumerate(lines(page)):
        same(figure, run(line), trace=number)


def test_entropy(app: Any, run: Any, tmp_path: Path) -> None:
    page = app("entropy", panel="code", entropy_scale="shared", **WHERE["class token"])
    first, *rest = lines(page)
    assert run(first) is None
    assert (tmp_path / "attn_vis" / "scene-7.npz").is_file()
    drawn = figures(page)
    for number, line in enumerate(rest):
        same(drawn["entropy_extremes"], run(line), trace=number)


@pytest.mark.parametrize("centred", ["true", "false"])
def test_patches(app: Any, run: Any, centred: str) -> None:
    where = {"picture": "scene-7", "layer": "3", "row": "5", "column": "9"}
    page = app("patches", **at("patches", "deeper"), **where, centred=centred)
    same(figures(page)["patches_deeper"], run(lines(page)[0]))


@pytest.mark.parametrize(
    ("method", "more"),
    [
        ("one layer", {"scale": "log", "colours": "Magma", "opacity": "0.4"}),
        ("heads of one layer", {"fusion": "max"}),
        ("mean of layers", {"start": "2", "scale": "clipped"}),
        ("rollout", {"residual": "0.3", "discard": "0.5", "fusion": "min"}),
        ("rollout so far", {"residual": "0.95", "start": "3"}),
        ("relevance", {"target": "star", "colours": "Jet"}),
        ("gradient rollout", {"target": "star", "start": "3"}),
        ("occlusion", {"window": "3", "stride": "2", "fill": "zero"}),
        ("likeness", {"scale": "per map"}),
        ("plain likeness", {}),
        ("principal components", {"scale": "log", "smooth": "true"}),
        ("principal components", {"component": "2"}),
        ("painted", {"scale": "log"}),
    ],
)
def test_playground(app: Any, run: Any, method: str, more: dict[str, str]) -> None:
    page = app("playground", panel="code", method=method, **more, **WHERE["patch and head"])
    made, figure = run(lines(page)[0]), figures(page)["playground_map"]
    same(figure, made)
    assert outlined(figure) is (made.ground.truth is not None) is True


def test_several_patches_ask_together(app: Any, run: Any) -> None:
    page = app("playground", panel="code", picture="scene-7", layer="6", head="2", ask="patch")
    page.session_state["chosen_patches"] = (3, 30, 31)
    page.run()
    same(figures(page)["playground_map"], run(lines(page)[0]))
    assert lines(page)[0].count("--query") == 3


def test_own_pictures_and_bundles(app: Any, run: Any, tmp_path: Path) -> None:
    page = app("playground", panel="code", picture="scene-7", model="scene-vit", layer="3")
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 70, 3), dtype=np.uint8))
    image.save(tmp_path / "mine.png")
    page.file_uploader(key="playground_upload").upload("mine.png", (tmp_path / "mine.png").read_bytes()).run()
    (line,) = lines(page)
    assert "my_picture.jpg" in line
    assert any("my_picture.jpg stands for" in one.value for one in page.caption)
    same(figures(page)["playground_map"], run(line.replace("my_picture.jpg", "mine.png")))

    run("python -m vit_attention extract scene-11 --model scene-vit --layers 2,5 --heads 1,7 --half --output .")
    data = (tmp_path / "scene-11.npz").read_bytes()
    page = app("playground", panel="code", layer="2", head="2")
    page.file_uploader(key="playground_npz").upload("scene-11.npz", data).run()
    (line,) = lines(page)
    assert "--model" not in line
    assert "--layer 5 --head 7" in line
    same(figures(page)["playground_map"], run(line))


def test_compare(app: Any, run: Any) -> None:
    page = app(
        "compare",
        panel="code",
        method="one layer",
        compare_method="rollout",
        compare_picture="scene-11",
        compare_head="4",
        compare_scale="shared",
        compare_residual="0.6",
        **WHERE["class token"],
    )
    left, right = lines(page)
    figure = figures(page)["compare_maps"]
    same(figure, run(left), trace=0)
    same(figure, run(right), trace=1)


@pytest.mark.parametrize(
    "more",
    [
        {"token": "9", "decoder_layer": "3", "decoder_head": "8"},
        {"token": "12", "decoder_layer": "mean", "decoder_head": "mean", "heat_scale": "per map"},
        {"document": "form-1", "token": "6", "decoder_head": "2", "heat_opacity": "0.3", "heat_scale": "log"},
        {"token": "9", "heat_method": "relevance", "heat_start": "2"},
        {"token": "9", "heat_method": "AttnLRP"},
        {"token": "9", "heat_method": "heads of one layer", "decoder_layer": "2", "heat_fusion": "max"},
    ],
)
def test_reading(app: Any, run: Any, more: dict[str, str]) -> None:
    page = app("reading", panel="code", **more)
    same(figures(page)["reading_page"], run(lines(page)[0]))


@pytest.mark.parametrize(
    "more",
    [{"field": "2"}, {"field": "1", "decoder_layer": "2", "decoder_head": "3", "tight": "false", "document": "form-6"}],
)
def test_fields(app: Any, run: Any, tmp_path: Path, more: dict[str, str]) -> None:
    page = app("fields", step="2", panel="code", **more)
    boxes, heat = lines(page)
    assert run(boxes) is None
    document = more.get("document", documents.DEFAULT)
    told = json.loads((tmp_path / "attn_vis" / f"{document}.json").read_text())
    scored = {**more, "step": "4"}
    shown = next(m.value for m in app("fields", **scored).markdown if "box in pixels" in m.value)
    for field in told["fields"]:
        if field["box"] is not None:
            assert ",\N{NO-BREAK SPACE}".join(f"{v:.0f}" for v in field["box"]) in shown
    same(figures(page)["fields_page"], run(heat))


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"stage": "1", "head": "2", "swin_row": "30", "swin_column": "40", "swin_scale": "log"},
        {
            "stage": "3",
            "block": "2",
            "swin_row": "1",
            "swin_column": "24",
            "swin_colours": "Viridis",
            "swin_opacity": "0.5",
        },
    ],
)
def test_swin(app: Any, run: Any, more: dict[str, str]) -> None:
    page = app("swin", step="8", panel="code", **more)
    made = run(lines(page)[0])
    same(figures(page)["swin_map"], made, pieces=True)
    assert len(made.drawings[0].map.patches) == 1


def test_captions(app: Any, run: Any) -> None:
    shown = {"scene": "scene-0-2-50", "beams": "2", "panel": "code"}
    page = app("captions", word="3", head="2", word_opacity="0.3", **shown)
    same(figures(page)["captions_map"], run(lines(page)[0]))
    page = app("captions", word="3", word_method="relevance", word_start="2", word_scale="log", **shown)
    same(figures(page)["captions_map"], run(lines(page)[0]))
    page = app("refiner", refiner_layer="2", head="3", region="57", **shown)
    made = run(lines(page)[0])
    same(figures(page)["captions_reads"], made)
    assert made.drawings[0].map.patches == (56,)


def test_a_record_of_a_caption(app: Any, run: Any, tmp_path: Path) -> None:
    run("python -m vit_attention extract scene-6-2-50 --model scene-aoanet --output .")
    page = app("captions", panel="code")
    page.file_uploader(key="captions_npz").upload("caption.npz", (tmp_path / "scene-6-2-50.npz").read_bytes()).run()
    (tmp_path / "scene-6-2-50.npz").rename(tmp_path / "caption.npz")
    same(figures(page)["captions_map"], run(lines(page)[0]))


def test_ids_of_pictures_are_those_of_the_command_line() -> None:
    from vit_attention.cli.inputs import by_name

    for name in (*pictures.GALLERY, *documents.GALLERY, "scene-3-1-40", "cat"):
        drawn = by_name(name)
        assert drawn is not None, name
        here = documents.get(name) if name in documents.GALLERY else pictures.get(name)
        np.testing.assert_array_equal(np.asarray(drawn.image), np.asarray(here.image))
        assert drawn.title == here.title
