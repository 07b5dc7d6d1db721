"""Strips of dots: every value at its place, medians, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from visualizer.figures.strips import strips
from vit_attention.gate import GateError


def test_every_value_is_a_dot_beside_its_name_and_medians_are_marked() -> None:
    figure = strips(
        {"first": [0.1, 0.5, 0.3], "second": [0.9]}, "total variation", limits=(0, 1), levels={"small": 0.05}
    )
    first, second, medians, small = figure.data
    np.testing.assert_allclose(first.x, [0.1, 0.5, 0.3])
    np.testing.assert_allclose(np.round(first.y), 0)
    np.testing.assert_allclose(second.y, [1])
    np.testing.assert_allclose(medians.x, [0.3, 0.9])
    np.testing.assert_allclose(medians.y, [0, 1])
    np.testing.assert_allclose(small.x, [0.05, 0.05])
    assert list(figure.layout.yaxis.ticktext) == ["first", "second"]
    assert figure.layout.xaxis.title.text == "total variation"
    assert figure.layout.xaxis.range[0] < 0 < 1 < figure.layout.xaxis.range[1]
    assert "<b>" not in str(strips({"<b>": [0.0]}, "x", limits=(0, 1)).layout.yaxis.ticktext)


@pytest.mark.parametrize("values", [{}, {"none": []}, {"nan": [np.nan]}, {"table": [[1.0]]}])
def test_what_is_no_strip_is_refused(values) -> None:
    with pytest.raises(GateError, match="finite values for each name"):
        strips(values, "unit", limits=(0, 1))
