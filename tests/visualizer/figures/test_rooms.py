from __future__ import annotations

from typing import Any

import pytest

from visualizer.figures.rooms import height_at


@pytest.mark.parametrize(("ratio", "needed"), [(1.0, 200), (2.0, 400), (0.5, 100)])
def test_a_phones_height_follows_the_proportions_of_a_cell(ratio: float, needed: int) -> None:
    # 300 pixels across for 3 cells, so 100 for each; 2 cells down, each `ratio` times as high as wide.
    down = {"range": [2, 0], "scaleanchor": "x", "scaleratio": ratio, "visible": False}
    none = {"l": 0, "r": 0, "t": 0, "b": 0}
    layout: dict[str, Any] = {"height": 1000, "margin": none, "xaxis": {"range": [0, 3]}, "yaxis": down}
    assert height_at(layout, width=300) == needed
