from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from visualizer.figures.head_kinds import preference_grid

Sent = Callable[[go.Figure], dict[str, Any]]


def test_no_preference_is_the_middle_of_the_colours_and_heads_that_pass_are_framed(sent: Sent) -> None:
    passed = np.array([[False, True], [True, False]])
    out = sent(preference_grid([[0.5, 0.9], [0.7, 0.2]], passed, "<b>edges</b>", level=0.54, chosen=(0, 0)))
    heat, chooser = out["data"]
    assert (heat["zmin"], heat["zmax"]) == (0, 1)
    assert heat["z"].tolist() == pytest.approx(np.array([[0.5, 0.9], [0.7, 0.2]]))
    assert chooser["customdata"] == [[0, 0], [0, 1], [1, 0], [1, 1]]
    frame = out["layout"]["shapes"][-1]["path"]
    assert frame == "M1.55,0.55H2.45V1.45H1.55ZM0.55,1.55H1.45V2.45H0.55Z"
    (caption,) = [one for one in out["layout"]["annotations"] if one.get("name") == "caption"]
    said = caption["text"].replace("<br>", " ")
    assert said.startswith("preference for &lt;b&gt;edges&lt;/b&gt;; 0.5 is none; framed: 2 of 4 heads")
    assert "where chance exceeds 0.54 in 5 % of cases" in said


def test_the_room_below_fits_the_caption(sent: Sent) -> None:
    short, long = (
        sent(preference_grid([[0.5]], np.array([[False]]), "word " * n))["layout"]["margin"]["b"] for n in (1, 60)
    )
    assert long >= short + 4 * 16


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (([[0.5, 0.5]], np.array([[True]])), "values, passed: want"),
        (([[0.5]], np.array([[1]])), "values, passed: want"),
        (([[1.5]], np.array([[True]])), "values: want 0 to 1, got 1.5"),
    ],
)
def test_what_does_not_fit_is_refused(given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        preference_grid(*given, "x")
