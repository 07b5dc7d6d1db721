from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from visualizer.figures.padded_matrix import padded_matrix
from vit_attention.records import Axis

Sent = Callable[[go.Figure], dict[str, Any]]
AXIS = Axis("text", labels=("[CLS]", "a", "b", "[PAD]", "[PAD]"))


def test_rows_and_columns_of_padding_are_framed_and_their_share_is_said(sent: Sent) -> None:
    weights = np.full((5, 5), 0.2)
    weights[:3] = (0.3, 0.3, 0.4, 0, 0)  # only padding itself reads padding: 2 of 5 rows, 2 of 5 each
    out = sent(padded_matrix(weights, AXIS, [3, 4], note="more"))
    assert out["layout"]["shapes"][-1]["path"] == "M2.5,-0.5H4.5V4.5H2.5ZM-0.5,2.5H2.5V4.5H-0.5Z"
    said = out["layout"]["annotations"][-1]["text"].replace("<br>", " ")
    assert "framed: 2 padding tokens their columns get 16.0% of all weights more" in said
    assert out["data"][0]["z"].tolist() == pytest.approx(weights)


def test_a_text_without_padding_is_the_plain_matrix(sent: Sent) -> None:
    out = sent(padded_matrix(np.eye(5), AXIS, []))
    assert "padding" not in str(out["layout"]["annotations"])


@pytest.mark.parametrize(
    ("padding", "message"),
    [([5], "padding: want 0 to 4, got 5"), ([0, 4], r"padding: want tokens that stand together, got \[0, 4\]")],
)
def test_padding_that_cannot_be_is_refused(padding: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        padded_matrix(np.eye(5), AXIS, padding)


def test_what_padding_reads_is_hidden_on_request() -> None:
    weights = np.full((3, 3), 1 / 3)
    fig = padded_matrix(weights, Axis("text", labels=("a", "b", "[PAD]")), [2], rows=False)
    assert np.isnan(np.asarray(fig.data[0].z)[2]).all()
    np.testing.assert_allclose(np.asarray(fig.data[0].z)[:2], 1 / 3)
    assert "their columns get 33.3% of all weights" in fig.layout.annotations[0].text
