from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from visualizer.figures.marked_matrix import marked_matrix
from visualizer.figures.value_bars import weight_and_norm
from vit_attention.records import Axis

Sent = Callable[[go.Figure], dict[str, Any]]


def test_each_key_has_a_bar_for_its_weight_and_one_for_its_norm(sent: Sent) -> None:
    out = sent(weight_and_norm(["class", "<b>a</b>", "c"], [0.5, 0.3, 0.2], [1.0, 6.0, 1.0], chosen=1))
    weight, norm, chooser = out["data"]
    assert list(weight["x"]) == pytest.approx([50, 30, 20])
    assert list(norm["x"]) == pytest.approx([12.5, 75, 12.5])
    assert norm["marker"]["pattern"]["shape"] == "/"  # not by colour alone
    assert out["layout"]["yaxis"]["ticktext"] == ["class", "* &lt;b&gt;a&lt;/b&gt;", "c"]
    assert list(chooser["customdata"]) == [0, 1, 2]
    assert "<b>" not in str(out)


def test_a_key_of_little_weight_and_great_length_is_shown_and_the_rest_is_counted(sent: Sent) -> None:
    weights = np.array([0.4, 0.3, 0.2, 0.07, 0.03])
    norms = np.array([0.1, 0.1, 0.1, 0.1, 0.6])
    out = sent(weight_and_norm([f"k{n}" for n in range(5)], weights, norms, most=3))
    assert out["layout"]["yaxis"]["ticktext"] == ["k0", "k1", "k4"]
    assert out["layout"]["annotations"][0]["text"] == "the other 2 keys:<br>27% of the weights, 20% of the lengths"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((["a"], [0.5, 0.5], [1.0]), r"weights: want \(1,\) finite numbers from 0 up"),
        ((["a"], [1.0], [-1.0]), "norms: want"),
        (([], [], []), "weights: want"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        weight_and_norm(*given)
    with pytest.raises(ValueError, match="most: want at least 1, got 0"):
        weight_and_norm(["a"], [1.0], [1.0], most=0)


def test_the_whole_matrix_is_light_and_its_chosen_row_is_framed(
    sent: Sent, size: Callable[[go.Figure], int], rng: np.random.Generator
) -> None:
    axis = Axis.patches(14, 14, ("class",))
    weights = rng.dirichlet(np.ones(197), 197).astype(np.float32)
    fig = marked_matrix(weights, axis, 100, note="more")
    out = sent(fig)
    assert out["data"][0]["z"].dtype == np.uint8
    assert out["data"][0]["z"].shape == (197, 197)
    assert size(fig) < 75_000
    frames = [shape for shape in out["layout"]["shapes"] if "99.5H196.5V100.5" in shape["path"]]
    assert [shape["line"]["color"] for shape in frames] == ["#ffffff", "#d55e00"]
    assert "orange frame: the row of the patch in row 8, column 2; more" in out["layout"]["annotations"][-1][
        "text"
    ].replace("<br>", " ")
    with pytest.raises(ValueError, match="row: want 0 to 196, got 197"):
        marked_matrix(weights, axis, 197)
