from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from visualizer.figures.summary import bars, curves, head_summary

Sent = Callable[[go.Figure], dict[str, Any]]


def test_each_head_has_its_cell_and_its_click(sent: Sent) -> None:
    heat, chooser = sent(head_summary([[1.0, 2.0, 3.0], [4.0]], "entropy", "bits", chosen=(1, 0)))["data"]
    assert heat["z"][1, 0] == 4.0
    assert np.isnan(heat["z"][1, 1:]).all()
    assert (heat["x0"], heat["y0"], heat["zmin"], heat["zmax"]) == (1, 1, 1.0, 4.0)
    assert chooser["customdata"] == [[0, 0], [0, 1], [0, 2], [1, 0]]
    assert chooser["text"][3] == "layer 2, head 1: 4 bits"


def test_the_caption_states_unit_range_and_what_lies_outside(sent: Sent) -> None:
    out = sent(head_summary([[-1.0, 9.0, 3.0]], "entropy", "bits", limits=(0, 7.6)))
    assert (
        out["layout"]["annotations"][0]["text"].replace("<br>", " ")
        == "colour: entropy in bits, 0 to 7.6; 2 outside drawn like the ends"
    )
    assert (out["data"][0]["zmin"], out["data"][0]["zmax"]) == (0, 7.6)
    same = sent(head_summary([[2.0, 2.0]], "entropy", "bits"))
    assert "all values are the same" in same["layout"]["annotations"][0]["text"]
    assert "no value is defined" in str(sent(head_summary([[np.nan]], "entropy", "bits"))["layout"])


def test_curves_differ_in_dash_and_marker(sent: Sent) -> None:
    out = sent(curves({f"line {n}": [1.0, 2.0] for n in range(4)}, "bits", reference={"<b>top</b>": 3.0}))
    *lines, level = out["data"]
    looks = {(t["line"]["dash"], t["marker"]["symbol"]) for t in lines}
    assert len({dash for dash, _ in looks}) == len({symbol for _, symbol in looks}) == 4
    assert [list(t["x"]) for t in lines] == [[1, 2]] * 4
    assert level["y"] == [3, 3]
    assert (level["name"], out["layout"]["showlegend"]) == ("&lt;b&gt;top&lt;/b&gt;", True)
    assert out["layout"]["yaxis"]["title"]["text"] == "bits"
    assert "<b>" not in str(out)


def test_many_bars_are_thin_and_all_named_by_hovering(sent: Sent) -> None:
    out = sent(bars([f"w{n}" for n in range(512)], np.arange(512.0), "share"))
    axis, trace = out["layout"]["yaxis"], out["data"][0]
    assert len(axis["ticktext"]) <= 60
    assert axis["ticktext"][1] == f"w{axis['tickvals'][1]}"
    assert len(trace["hovertext"]) == 512
    assert "text" not in trace
    tall = out["layout"]["height"]
    assert tall <= 460
    apart = np.diff(axis["tickvals"]).min()
    assert apart * (tall - 90) / 512 >= 12  # as high as the letters
    assert f"one in {apart} is named" in out["layout"]["annotations"][0]["text"]


def test_the_chosen_of_many_bars_is_named(sent: Sent) -> None:
    assert (
        "* w100"
        in sent(bars([f"w{n}" for n in range(512)], np.arange(512.0), "share", chosen=100))["layout"]["yaxis"][
            "ticktext"
        ]
    )


def test_bars_stand_in_order_with_their_numbers(sent: Sent) -> None:
    out = sent(bars(["<b>cat</b>", "dog"], [0.75, 0.25], "probability", chosen=1))
    trace, axis = out["data"][0], out["layout"]["yaxis"]
    assert axis["ticktext"] == ["&lt;b&gt;cat&lt;/b&gt;", "* dog"]
    assert axis["range"] == [1.5, -0.5]
    assert list(trace["x"]) == [0.75, 0.25]
    assert trace["text"] == ["0.75", "0.25"]
    assert "<b>" not in str(out)


def test_wrong_input_is_refused() -> None:
    for call, message in (
        (lambda: head_summary(np.ones((2, 2, 2)), "x", "y"), "values: want"),
        (lambda: head_summary([[1.0]], "x", "y", limits=(2, 1)), "limits"),
        (lambda: curves({}, "x"), "at least one"),
        (lambda: curves({"a": [1.0, 2.0]}, "x", layers=[1]), "a: want"),
        (lambda: bars(["a"], [1.0, 2.0], "x"), "labels: want"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_a_click_on_a_bar_means_its_row_however_long_it_is() -> None:
    fig = bars(["long", "short"], [1.0, 0.1], "share", clickable=True)
    clicks = fig.data[1]
    assert list(clicks.customdata) == [0, 1]
    assert list(clicks.y) == [0, 1]
    assert len(set(clicks.x)) == 1  # or the end of a short bar would win a click in the middle of a long one above it
    assert bars(["one"], [1.0], "share").layout.clickmode is None
