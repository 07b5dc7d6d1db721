"""A token x token matrix with padding: which rows and columns belong to tokens that only fill up a batch."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from visualizer.figures import canvas, outlines
from visualizer.figures.heatmap import matrix
from visualizer.style import theme
from vit_attention.gate import GateError
from vit_attention.records import Axis

PADDING = theme.LINES[4]


def padded_matrix(
    weights: ArrayLike,
    axis: Axis,
    padding: Sequence[int],
    *,
    rows: bool = True,
    height: int | None = None,
    **look: Any,
) -> go.Figure:
    """The (tokens, tokens) weights of a head as `matrix` draws them, the rows and columns of padding veiled and framed.

    Args:
        weights: (tokens, tokens) of one head, padding included.
        axis: the tokens.
        padding: numbers of the tokens that are padding; they stand together, before or behind the text.
        rows: whether what padding itself reads, which nobody uses, is drawn.
        height: in pixels; None fits the number of tokens.
        look: as for `visualizer.matrix`: colormap, scale, unit, note, title.

    Raises:
        GateError: weights that do not fit, numbers that are not there, or padding with text in between.

    >>> import numpy as np
    >>> fig = padded_matrix(np.eye(3), Axis("text", labels=("a", "b", "[PAD]")), [2])
    >>> fig.layout.shapes[-1].path
    'M1.5,-0.5H2.5V2.5H1.5ZM-0.5,1.5H1.5V2.5H-0.5Z'
    """
    values, count = canvas.grid_of(weights, "weights"), len(axis)
    places = sorted({canvas.within(n, count, "padding") for n in padding})
    if places and places[-1] - places[0] + 1 != len(places):
        raise GateError("padding", "tokens that stand together", f"{places}")
    if not rows:
        values = values.astype(np.float64)
        values[places] = np.nan
    share = float(np.nansum(values[:, places]) / max(float(np.nansum(values)), 1e-300)) if places else 0.0
    said = f"framed: {len(places)} padding tokens\ntheir columns get {share:.1%} of all weights" if places else ""
    note = "\n".join(filter(None, [said, look.pop("note", "")]))
    fig = matrix(values, axis, axis, note=note, height=height or 260 + 15 * min(36, max(8, count)), **look)
    if not places:
        return fig
    low, high, end = places[0] - 0.5, places[-1] + 0.5, count - 0.5
    # Beside the column, not across it: where two parts of a path overlap, nothing is filled.
    parts = [(low, -0.5, high, end), (-0.5, low, low, high), (high, low, end, high)]
    veil = "".join(outlines.square(part) for part in parts if part[0] < part[2])
    return fig.add_shape(outlines.path(veil, PADDING, 1.5, dash="dot", fillcolor="rgba(128,128,128,0.3)"))
