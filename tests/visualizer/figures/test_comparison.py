from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image

from visualizer.figures.comparison import before_after, side_by_side
from visualizer.method.base import Map
from visualizer.style import theme
from vit_attention.records import Axis
from vit_attention.records.geometry import Geometry

Sent = Callable[[go.Figure], dict[str, Any]]
FLAT = Image.new("RGB", (64, 64))
FIRST, SECOND = np.array([[0.1, 0.2], [0.3, 0.4]]), np.array([[0.1, 0.7], [0.2, 0.0]])


def test_both_maps_share_one_range_and_the_difference_is_second_minus_first(sent: Sent) -> None:
    first, second, gap = sent(before_after(FLAT, FIRST, SECOND))["data"]
    assert (first["zmin"], first["zmax"]) == (second["zmin"], second["zmax"]) == (0, 0.7)
    assert np.allclose(gap["z"], [[0, 0.5], [-0.1, -0.4]])
    assert (gap["zmin"], gap["zmid"], gap["zmax"]) == (pytest.approx(-0.5), 0, pytest.approx(0.5))
    assert second["showscale"] is False


@pytest.mark.parametrize(("difference", "narrow", "panels"), [(True, False, 3), (True, True, 3), (False, False, 2)])
def test_panels_fit_one_another_and_do_not_overlap(sent: Sent, difference: bool, narrow: bool, panels: int) -> None:
    layout = sent(before_after(FLAT, FIRST, SECOND, difference=difference, narrow=narrow))["layout"]
    tags = ["", "2", "3"][:panels]
    boxes = [(layout[f"xaxis{t}"]["domain"], layout[f"yaxis{t}"].get("domain", [0, 1])) for t in tags]
    widths, heights = ([np.ptp(box[axis]) for box in boxes] for axis in range(2))
    assert [np.ptp(widths[:2]), np.ptp(heights[:2])] == pytest.approx([0, 0])
    larger = 2 if narrow else 1  # under the other two the difference is twice as large
    assert widths[-1] == pytest.approx(larger * widths[0], rel=0.07)
    assert heights[-1] == pytest.approx(larger * heights[0], rel=0.07)
    for n, (x, y) in enumerate(boxes):
        for other_x, other_y in boxes[n + 1 :]:
            assert x[1] <= other_x[0] or y[0] >= other_y[1]


def test_names_are_escaped_and_stand_over_their_panels(sent: Sent) -> None:
    out = sent(before_after(FLAT, FIRST, SECOND, ("<b>a</b>", "b")))
    names = {a["name"]: a for a in out["layout"]["annotations"]}
    assert names["panel 1"]["text"] == "&lt;b&gt;a&lt;/b&gt;"
    assert names["panel 2"]["xref"] == "x2 domain"
    assert "-0.5 to +0.5, middle is 0" in names["caption"]["text"].replace("<br>", " ")
    assert "<b>" not in str(out)


def test_two_pictures_keep_their_own_geometry(sent: Sent) -> None:
    crop = Geometry.of(640, 480).crop(80, 0, 480, 480)
    pair = (Image.new("RGB", (320, 240)), FLAT)
    fig = before_after(pair, FIRST, np.ones((3, 3)), geometry=(crop, None), difference=False)
    first, second = sent(fig)["data"]
    assert (first["x0"], first["dx"]) == (200, 240)
    assert second["x0"] == pytest.approx(64 / 6)
    assert [i["sizex"] for i in sent(fig)["layout"]["images"]] == [640, 64]


def test_maps_of_unequal_shape_have_no_difference() -> None:
    with pytest.raises(ValueError, match="difference: want two maps of one shape"):
        before_after(FLAT, FIRST, np.ones((3, 3)))
    with pytest.raises(ValueError, match="diverging: want one of"):
        before_after(FLAT, FIRST, SECOND, diverging="Cividis")


def asked(values: Any, unit: str = "share of attention", **more: Any) -> Map:
    grid = np.asarray(values, np.float32)
    return Map(grid.ravel(), Axis.patches(*grid.shape), unit, f"shows {unit}", (), 0, **more)


def test_maps_of_any_grids_stand_side_by_side_on_one_scale() -> None:
    maps = [asked([[0.0, 0.1]]), asked(np.full((3, 3), 0.4)), asked([[0.2]])]
    fig = side_by_side(FLAT, maps, ["a", "<b>", "c"])
    assert [(trace.zmin, trace.zmax) for trace in fig.data] == [(0, pytest.approx(0.4))] * 3
    assert [trace.showscale for trace in fig.data] == [True, False, False]
    assert [np.asarray(trace.z).shape for trace in fig.data] == [(1, 2), (3, 3), (1, 1)]
    assert len(fig.layout.images) == 3
    said = [one.text for one in fig.layout.annotations]
    assert said[:3] == ["a", "&lt;b&gt;", "c"]
    assert "one scale for all maps, 0 to 0.4" in said[3].replace("<br>", " ")


def test_signed_maps_share_a_scale_round_zero_and_unlike_units_are_told() -> None:
    fig = side_by_side([FLAT, FLAT], [asked([[0.1, 0.3]], "raw score", signed=True), asked([[0.2]])])
    assert [(trace.zmin, trace.zmax) for trace in fig.data] == [(pytest.approx(-0.3), pytest.approx(0.3))] * 2
    assert fig.data[0].colorscale[0][1] == theme.colorscale("PuOr")[0][1]
    said = [one.text for one in fig.layout.annotations]
    assert said[:2] == ["shows raw score", "shows share of attention"]
    assert "units differ: raw score; share of attention" in said[2]


def test_many_panels_stand_in_rows_that_do_not_touch() -> None:
    fig = side_by_side(FLAT, [asked([[0.1]])] * 9)
    spans = [(fig.layout[f"xaxis{n or ''}"].domain, fig.layout[f"yaxis{n or ''}"].domain) for n in ("", *range(2, 10))]
    boxes = [(*x, *y) for x, y in spans]
    assert min(min(box) for box in boxes) >= 0
    for n, one in enumerate(boxes):
        for other in boxes[:n]:
            assert one[0] >= other[1] or one[1] <= other[0] or one[3] <= other[2] or one[2] >= other[3]


def test_unfit_maps_are_refused() -> None:
    with pytest.raises(ValueError, match="maps: want"):
        side_by_side(FLAT, [])
    with pytest.raises(ValueError, match="image: want one picture, or 2"):
        side_by_side([FLAT], [asked([[0.1]])] * 2)
    with pytest.raises(ValueError, match=r"maps: want maps of methods.*got ndarray; before_after takes arrays"):
        side_by_side(FLAT, [np.ones((2, 2))])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="names: want 2"):
        side_by_side(FLAT, [asked([[0.1]])] * 2, ["one"])


@pytest.mark.parametrize("narrow", [False, True])
def test_both_panels_can_be_clicked_and_report_their_patches(sent: Sent, narrow: bool) -> None:
    out = sent(
        before_after(
            FLAT, FIRST, SECOND, difference=False, clickable=True, narrow=narrow, query=[2], outlined="covered"
        )
    )
    markers = [trace for trace in out["data"] if trace["type"] == "scatter"]
    assert [(one.get("xaxis"), one.get("yaxis")) for one in markers] == [("x", "y"), ("x2", "y2")]
    for one in markers:  # the third patch is the left one of the second row: at 16, 48 of 64 x 64 pixels
        at = list(one["customdata"]).index(2)
        assert (one["x"][at], one["y"][at]) == (16, 48)
    domains = [out["layout"][f"{side}axis{n}"].get("domain", [0, 1]) for side in "xy" for n in ("", "2")]
    assert (domains[0] == domains[1], domains[2] == domains[3]) == (narrow, not narrow)
    assert "orange outline: covered" in str(out["layout"]["annotations"])
