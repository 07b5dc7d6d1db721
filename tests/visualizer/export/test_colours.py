"""A map that brings its own colours shows exactly these, wherever it is drawn or written."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from numpy.typing import NDArray
from PIL import Image
from PIL.ImageColor import getrgb

from visualizer import film, layer_animation, methods, overlay, side_by_side
from visualizer.export import files, paper
from visualizer.method import Map
from visualizer.method.base import scale_of
from visualizer.style.scale import Colours, apply_scale
from vit_attention.cli import paint
from vit_attention.cli.drawings import Drawing
from vit_attention.records import AttentionMap, AttentionRecord, Axis
from vit_attention.records.geometry import Geometry
from vit_attention.records.record import encode_picture

WHITE = Image.new("RGB", (90, 60), "white")
COLOURS = np.array([[[1, 0, 0], [0, 1, 0], [0, 0, 1]], [[1, 1, 0], [0, 1, 1], [0.2, 0.4, 0.6]]])
BYTES = (255 * COLOURS).round().astype(int)


def drawn(colours: NDArray[Any] | None = COLOURS, geometry: Geometry | None = None) -> Map:
    row = np.arange(6.0) - 2
    return Map(
        row, Axis.patches(2, 3), "unit", "words", (), 0, geometry, True, colours=colours, legend="what they mean"
    )


def cells(image: Image.Image) -> list[tuple[int, ...]]:
    """The colours in the middles of 2 x 3 cells of 30 pixels."""
    return [image.getpixel((30 * x + 15, 30 * y + 15)) for y in range(2) for x in range(3)]  # type: ignore[misc]


def shown(trace: Any) -> list[list[tuple[int, ...]]]:
    """The colours that plotly.js gives the cells of a heatmap: those of the scale at their share of its range."""
    stops = [getrgb(colour) for _, colour in trace.colorscale]
    np.testing.assert_allclose([at for at, _ in trace.colorscale], np.linspace(0, 1, len(stops)))
    share = (np.asarray(trace.z, float) - trace.zmin) / (trace.zmax - trace.zmin)
    return [[stops[round(one * (len(stops) - 1))] for one in row] for row in share]


def test_pictures_have_these_colours_and_words_instead_of_a_colour_bar() -> None:
    found, wanted = drawn(), [tuple(one) for one in BYTES.reshape(-1, 3)]
    look: dict[str, Any] = {"scale": found.scale("log"), "opacity": 1, "width": 90}
    png = Image.open(io.BytesIO(files.overlay_png(WHITE, found.values, None, **look)))
    assert cells(png) == wanted
    svg = files.overlay_svg(WHITE, found.values, None, **look).decode()
    assert [getrgb(fill) for fill in re.findall(r'<rect x=.*? fill="(#\w+)"><title>', svg)] == wanted
    assert "linearGradient" not in svg
    assert "what they" in svg
    one = Drawing(0, "components", "", found)
    for plain in (True, False):
        how = paint.Paint(plain=plain, alpha=1.0, width=90, scale="shared", clip=90)
        made = paint.painted(one, paint.Ground(WHITE, None, None, ""), how, [found.values])
        assert cells(made) == wanted
        assert (made.height == 60) is plain


def test_colours_follow_the_geometry() -> None:
    turned = Geometry.of(40, 60).turn(1)
    found = drawn(geometry=turned)
    fig = overlay(Image.new("RGB", turned.original), found.values, turned, scale=found.scale())
    placed = turned.place(np.arange(6).reshape(2, 3)).values
    np.testing.assert_array_equal(shown(fig.data[0]), BYTES.reshape(-1, 3)[placed])


def test_figures_have_these_colours_in_every_panel_and_frame() -> None:
    found, other = drawn(), drawn(COLOURS[::-1])
    fig = overlay(WHITE, found.values, scale=found.scale(), smooth=True)
    assert (fig.data[0].showscale, fig.data[0].zsmooth) == (False, False)
    assert "blended" not in str(fig.layout.annotations)
    np.testing.assert_array_equal(shown(fig.data[0]), BYTES)
    assert "what they mean" in str(fig.layout.annotations)
    beside = side_by_side(WHITE, [found, other])
    np.testing.assert_array_equal([shown(one) for one in beside.data], [BYTES, BYTES[::-1]])
    scale = scale_of([found, other], "shared")
    frames = layer_animation(WHITE, [found.values, other.values], scale=scale)
    base = frames.data[0]
    played = [go.Heatmap(base).update(z=frame.data[0].z) for frame in frames.frames]
    np.testing.assert_array_equal([shown(one) for one in played], [BYTES, BYTES[::-1]])
    assert base.hovertemplate is None
    with pytest.raises(ValueError, match="maps: want colours in all of them or in none, got colours in 1 of 2"):
        side_by_side(WHITE, [found, drawn(None)])


@pytest.mark.parametrize("kind", [".png", ".svg", ".pdf"])
def test_figures_for_papers(kind: str, tmp_path: Path) -> None:
    file = paper.save(drawn(), WHITE, tmp_path / f"figure{kind}", width=3, dpi=30, alpha=1)
    if kind == ".png":
        assert cells(Image.open(file).convert("RGB")) == [tuple(one) for one in BYTES.reshape(-1, 3)]
    if kind == ".svg":
        assert "what they mean" in file.read_text(encoding="utf-8")


def test_numbers_keep_the_first_component_and_the_colours() -> None:
    table = list(csv.DictReader(io.StringIO(files.to_csv(drawn().values, COLOURS))))
    assert [float(line["value"]) for line in table] == [-2, -1, 0, 1, 2, 3]
    assert [[float(line[name]) for name in ("red", "green", "blue")] for line in table] == COLOURS.reshape(
        -1, 3
    ).tolist()
    assert files.to_csv([[1.0]]) == "row,column,value\n1,1,1.0\n"


def test_short_ways_of_a_record_draw_the_colours(tmp_path: Path) -> None:
    rng, axis = np.random.default_rng(0), Axis.patches(2, 3, ("class",))
    maps = tuple(AttentionMap(np.full((1, 7, 7), 1 / 7, np.float32), f"b.{n}", n, "self", axis, axis) for n in range(2))
    states = {"hidden": rng.normal(size=(3, 7, 5)).astype(np.float32)}
    record = AttentionRecord(maps, Geometry.of(90, 60), picture=encode_picture(WHITE), signals=states)
    found = methods()["components"](record)
    assert found.colours is not None
    wanted = (255 * found.colours).round().reshape(-1, 3)
    np.testing.assert_array_equal(cells(record.overlay(method="components", alpha=1, scale="log")), wanted)
    np.testing.assert_array_equal(np.reshape(shown(record.show(method="components").data[0]), (6, 3)), wanted)
    assert len(record.show(method="components", step="layers").frames) == 2
    np.testing.assert_allclose(record.heatmap(method="components"), found.values, rtol=1e-6)
    reel = Image.open(film(record, tmp_path / "film.webp", "components", width=64, alpha=1))
    assert reel.n_frames == 2  # type: ignore[attr-defined]


def test_colours_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"colours: want \(2, 3, 3\), one for every value, got \(1, 3, 3\)"):
        apply_scale(np.zeros((2, 3)), Colours(rgb=COLOURS[:1]))
    for rgb in (COLOURS * 2, COLOURS - 0.1, COLOURS[..., :2]):
        with pytest.raises(ValueError, match="colours: want"):
            Colours(rgb=rgb)
    clear = COLOURS.copy()
    clear[0, 1] = np.nan
    assert np.isnan(apply_scale(np.zeros((2, 3)), Colours(rgb=clear)).values).tolist() == [
        [False, True, False],
        [False] * 3,
    ]
    assert apply_scale(np.zeros((1, 1)), Colours(rgb=COLOURS[:1, :1])).coloured(np.zeros(1), "").tolist() == [
        [255, 0, 0]
    ]
