from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image

from visualizer.figures.overlay import bare, overlay
from visualizer.style import theme
from vit_attention.records.geometry import Geometry

Sent = Callable[[go.Figure], dict[str, Any]]
CROP = Geometry.of(640, 480).resize(341, 256).crop(58, 16, 224, 224)
WIDE = Image.new("RGB", (320, 240), (90, 90, 90))


def hot(row: int, column: int, shape: tuple[int, int] = (14, 14)) -> np.ndarray:
    out = np.full(shape, 0.001)
    out[row, column] = 0.5
    return out


def where_hot(trace: dict[str, Any]) -> tuple[float, float]:
    """(x, y) of the middle of the hottest cell, from what is sent."""
    row, column = np.unravel_index(np.nanargmax(trace["z"]), trace["z"].shape)
    return trace["x0"] + column * trace["dx"], trace["y0"] + row * trace["dy"]


@pytest.mark.parametrize(("row", "column"), [(0, 0), (3, 10), (13, 13)])
def test_a_hot_patch_lands_on_its_pixels_of_the_original_through_resize_and_crop(
    sent: Sent, row: int, column: int
) -> None:
    trace = sent(overlay(WIDE, hot(row, column), CROP))["data"][0]
    x, y = (16 * column + 8 + 58) * 640 / 341, (16 * row + 8 + 16) * 480 / 256
    assert where_hot(trace) == pytest.approx((x, y))
    assert (trace["dx"], trace["dy"]) == pytest.approx((16 * 640 / 341, 16 * 480 / 256))


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_hot_patch_lands_right_through_quarter_turns(sent: Sent, quarters: int) -> None:
    original = np.arange(60 * 40).reshape(60, 40)  # 40 wide, 60 high
    seen = np.rot90(original, quarters)
    shape = (seen.shape[0] // 10, seen.shape[1] // 10)
    row, column = 1, 2
    block = seen[10 * row : 10 * row + 10, 10 * column : 10 * column + 10]
    ys, xs = np.divmod(block, 40)  # where these pixels are on the original
    fig = overlay(
        Image.new("RGB", (40, 60)), hot(row, column, shape), Geometry.of(40, 60).turn(quarters), clickable=True
    )
    out = sent(fig)
    middle = (xs.mean() + 0.5, ys.mean() + 0.5)
    assert where_hot(out["data"][0]) == pytest.approx(middle)
    chooser = out["data"][-1]
    at = list(chooser["customdata"]).index(row * shape[1] + column)
    assert (chooser["x"][at], chooser["y"][at]) == pytest.approx(middle)
    assert chooser["text"][at].startswith("row 2, column 3: 0.5")


def test_the_colour_bar_spans_what_the_caption_states(sent: Sent) -> None:
    out = sent(overlay(WIDE, hot(2, 2), CROP))
    trace, caption = out["data"][0], out["layout"]["annotations"][0]["text"]
    assert (trace["zmin"], trace["zmax"]) == (0.0, 0.5)
    assert "0 to 0.5" in caption
    assert (trace["colorbar"]["ticktext"][0], trace["colorbar"]["ticktext"][-1]) == ("0", "0.5")
    assert trace["colorbar"]["orientation"] == "h"


def test_the_picture_covers_the_original_and_ranges_are_set_by_hand(sent: Sent) -> None:
    layout = sent(overlay(WIDE, hot(2, 2), CROP, clickable=True))["layout"]
    assert (layout["images"][0]["sizex"], layout["images"][0]["sizey"]) == (640, 480)
    assert layout["xaxis"]["range"] == [0, 640]
    assert layout["yaxis"]["range"] == [480, 0]
    assert layout["yaxis"]["scaleanchor"] == "x"


def test_padding_that_the_model_saw_is_shown(sent: Sent) -> None:
    letterbox = Geometry.of(640, 480).resize(224, 168).pad(0, 28, 0, 28)
    layout = sent(overlay(WIDE, hot(0, 0), letterbox))["layout"]
    assert layout["yaxis"]["range"] == pytest.approx([560, -80])
    assert "never saw" not in layout["annotations"][0]["text"]


def test_pixels_the_model_never_saw_are_veiled_and_named(sent: Sent) -> None:
    layout = sent(overlay(WIDE, hot(0, 0), CROP))["layout"]
    veil = layout["shapes"][0]
    assert veil["fillrule"] == "evenodd"
    assert f"M{58 * 640 / 341:.2f}".rstrip("0") in veil["path"]
    assert veil["layer"] == "between"  # "below" would be painted under the picture
    assert "never saw" in layout["annotations"][0]["text"]
    assert not sent(overlay(WIDE, hot(0, 0)))["layout"].get("shapes")


def test_query_patches_are_outlined_in_two_tones(sent: Sent) -> None:
    shapes = sent(overlay(Image.new("RGB", (224, 224)), hot(0, 0), query=[15]))["layout"]["shapes"]
    assert [s["line"]["color"] for s in shapes] == list(theme.QUERY)
    assert {s["path"] for s in shapes} == {"M16.0,16.0H32.0V32.0H16.0Z"}
    with pytest.raises(ValueError, match="query: want patch numbers from 0 to 195, got 196"):
        overlay(Image.new("RGB", (224, 224)), hot(0, 0), query=[196])


def test_the_caption_names_what_is_outlined(sent: Sent) -> None:
    image = Image.new("RGB", (224, 224))
    said = {
        name: sent(overlay(image, hot(0, 0), query=query, outlined=name))["layout"]["annotations"][0]["text"]
        for name, query in (("", [1, 2]), ("long token", [1, 2]), ("nothing", []))
    }
    assert "orange outlines: 2 queries" in said[""]
    assert "orange outline: long token" in said["long token"]
    assert "quer" not in said["long token"]
    assert "outline" not in said["nothing"]


def test_the_true_object_is_one_small_line_in_place(sent: Sent, size: Callable[[go.Figure], int]) -> None:
    mask = np.zeros((120, 160), bool)  # stored at a quarter of the original
    mask[30:60, 40:80] = True
    fig = overlay(WIDE, hot(0, 0), CROP, truth=mask)
    (line,) = [t for t in sent(fig)["data"] if t["name"] == "truth"]
    assert sorted({*line["x"][:-1].tolist()}) == [160, 320]
    assert sorted({*line["y"][:-1].tolist()}) == [120, 240]
    assert size(fig) - size(overlay(WIDE, hot(0, 0), CROP)) < 1000


def test_undefined_patches_stay_undefined(sent: Sent) -> None:
    values = hot(3, 3)
    values[5, 6] = np.nan
    out = sent(overlay(Image.new("RGB", (224, 224)), values, clickable=True))["data"]
    assert np.argwhere(np.isnan(out[0]["z"])).tolist() == [[5, 6]]
    assert out[1]["text"][5 * 14 + 6].startswith("row 6, column 7: not defined")


def test_markers_are_invisible_chosen_or_not_and_the_heat_map_is_silent(sent: Sent) -> None:
    heat, chooser = sent(overlay(Image.new("RGB", (224, 224)), hot(0, 0), clickable=True))["data"]
    assert heat["hoverinfo"] == "skip"
    assert chooser["customdata"].tolist() == list(range(196))
    assert [chooser[k]["marker"]["opacity"] for k in ("selected", "unselected")] == [0, 0]
    assert chooser["marker"]["opacity"] == 0


def test_labels_titles_and_units_are_never_markup(sent: Sent) -> None:
    hostile = '<b>x</b><a href="http://x.example">y</a>%{z}'
    values = hot(0, 0, (2, 2))
    for fig in (
        overlay(Image.new("RGB", (8, 8)), values, title=hostile, unit=hostile, labels=[hostile] * 4, clickable=True),
        overlay(Image.new("RGB", (8, 8)), values, title=hostile, unit=hostile, labels=[hostile] * 4),
        bare(Image.new("RGB", (8, 8)), (2, 2), title=hostile, labels=[hostile] * 4),
    ):
        out = sent(fig)
        assert "<b>" not in str(out)
        assert "<a " not in str(out)
        assert all("%{z}" not in str(t.get("hovertemplate")) for t in out["data"])


def test_smoothing_is_asked_for_and_said(sent: Sent) -> None:
    image = Image.new("RGB", (224, 224))
    assert sent(overlay(image, hot(0, 0)))["data"][0]["zsmooth"] is False
    smooth = sent(overlay(image, hot(0, 0), smooth=True))
    assert smooth["data"][0]["zsmooth"] == "best"
    assert smooth["data"][0]["z"].shape == (14, 14)
    assert "blended" in smooth["layout"]["annotations"][0]["text"]


def test_the_payload_is_the_picture_and_little_more(size: Callable[[go.Figure], int]) -> None:
    flat = Image.new("RGB", (1024, 768))
    assert size(overlay(flat, hot(0, 0), clickable=True)) < 35_000


def test_the_bare_picture_reports_patches_of_any_grid(sent: Sent) -> None:
    out = sent(bare(Image.new("RGB", (60, 40)), (2, 3), query=[4]))
    (chooser,) = out["data"]
    assert list(zip(chooser["x"].tolist(), chooser["y"].tolist(), strict=True))[4] == (30, 30)
    assert chooser["customdata"].tolist() == [0, 1, 2, 3, 4, 5]
    assert out["layout"]["clickmode"] == "event"


def test_wrong_input_is_refused() -> None:
    image = Image.new("RGB", (64, 64))
    for call, message in (
        (lambda: overlay(image, np.zeros(4)), "values: want"),
        (lambda: overlay(image, np.zeros((2, 2)), opacity=2), "opacity"),
        (lambda: overlay(image, np.zeros((2, 2)), colormap="x"), "colour map"),
        (lambda: overlay(image, np.zeros((2, 2)), Geometry.of(640, 480)), "image: want the shape"),
        (lambda: overlay(image, np.zeros((2, 2)), labels=["a"]), "labels: want 4"),
        (lambda: bare(image, (0, 3)), "grid: want"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
