"""The whole matrix of one head with the row of the chosen query marked: a row of the matrix is one map."""

from typing import Any

import plotly.graph_objects as go
from numpy.typing import ArrayLike

from visualizer.figures import canvas, outlines
from visualizer.figures.heatmap import matrix
from visualizer.style.theme import QUERY
from vit_attention.records import Axis


def marked_matrix(weights: ArrayLike, axis: Axis, row: int, **look: Any) -> go.Figure:
    """The (tokens, tokens) weights of a head as `matrix` draws them, one byte a weight, and a frame round one row.

    Args:
        weights: (tokens, tokens) of one head, or the mean of all.
        axis: what the tokens are.
        row: number of the query, special tokens first.
        look: as for `visualizer.matrix`: colormap, scale, unit, note, title, height.

    Raises:
        ValueError: a row that is not there, or an axis that does not fit.

    >>> import numpy as np
    >>> fig = marked_matrix(np.full((5, 5), 0.2), Axis.patches(2, 2, ("class",)), 3)
    >>> fig.layout.shapes[-1].path
    'M-0.5,2.5H4.5V3.5H-0.5Z'
    """
    place = canvas.within(row, len(axis), "row")
    note = "; ".join(filter(None, [f"orange frame: the row of the {axis.name(place)}", look.pop("note", "")]))
    fig = matrix(weights, axis, axis, note=note, **look)
    frame = (-0.5, place - 0.5, len(axis) - 0.5, place + 0.5)
    # A row of 197 is two pixels high: a frame with an inner rim of its own would hide it.
    fig.add_shape(outlines.path(outlines.square(frame), QUERY[0], 3.5))
    return fig.add_shape(outlines.path(outlines.square(frame), QUERY[1], 1.5))
