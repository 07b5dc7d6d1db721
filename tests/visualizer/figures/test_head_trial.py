"""Points with intervals, and what is left as heads are removed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from visualizer.figures.head_trial import interval_points, removal_curves

Sent = Callable[[go.Figure], dict[str, Any]]


def test_points_stand_on_their_lines_with_their_intervals(sent: Sent) -> None:
    series = {"zero": ([0.5, -0.25], [0.125, 0.5]), "mean": ([1.0, 0.0], [0.0, 0.25])}
    out = sent(interval_points(["<b>1.1</b>", "2.2"], series, "logit", places=[(0, 0), (1, 1)]))
    first, second = out["data"]
    assert list(first["x"]) == [0.5, -0.25]
    assert list(first["error_x"]["array"]) == [0.125, 0.5]
    assert first["marker"]["symbol"] != second["marker"]["symbol"]
    assert (np.asarray(first["y"]) < np.asarray(second["y"])).all(), "the first series stands over the second"
    assert np.round(first["y"]).tolist() == np.round(second["y"]).tolist() == [0, 1]
    assert first["customdata"] == [[0, 0], [1, 1]]
    assert list(out["layout"]["yaxis"]["ticktext"]) == ["&lt;b&gt;1.1&lt;/b&gt;", "2.2"]
    assert first["hovertext"][1] == "2.2: -0.25 ± 0.5 (zero)"
    assert out["layout"]["clickmode"] == "event"


def test_a_band_goes_from_the_least_to_the_most_order(sent: Sent) -> None:
    orders = [[90.0, 50.0, 10.0], [80.0, 70.0, 10.0]]
    out = sent(removal_curves([0, 5, 10], {"weakest first": [90, 85, 10]}, {"random": orders}, "accuracy in %"))
    band, mean, line = out["data"]
    assert list(band["x"]) == [0, 5, 10, 10, 5, 0]
    assert list(band["y"]) == [90, 70, 10, 10, 50, 80]
    assert list(mean["y"]) == [85, 60, 10]
    assert mean["name"] == "random, mean of 2"
    assert list(line["y"]) == [90, 85, 10]
    assert len({one["line"].get("dash") for one in (mean, line)}) == 2
    assert out["layout"]["xaxis"]["title"]["text"] == "heads switched off"


def test_numbers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="zero: want"):
        interval_points(["1.1"], {"zero": ([1.0, 2.0], [0.1])}, "logit")
    with pytest.raises(ValueError, match="a: want"):
        removal_curves([0, 1], {"a": [1.0]}, {}, "%")
    with pytest.raises(ValueError, match="b: want"):
        removal_curves([0, 1], {}, {"b": [1.0, 2.0]}, "%")
