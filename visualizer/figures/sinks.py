"""Tokens through the layers: how long they are, and how much attention they take."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from visualizer.figures.summary import curves
from visualizer.measures.outliers import outliers
from visualizer.measures.sinks import Taken
from vit_attention.gate import GateError

QUANTILES = {"median patch": 0.5, "5 % of the patches are longer": 0.95, "longest patch": 1.0}


def length_curves(
    norms: ArrayLike, special: Sequence[str] = ("class",), *, title: str = "", height: int = 340
) -> go.Figure:
    """Length of the tokens after every layer: quantiles of the patches, special tokens, and any outliers.

    Args:
        norms: (layers, tokens), as `record.norms`; special tokens lead.
        special: names of the special tokens, as `record.maps[0].key.special`.
        title, height: plain text; pixels.

    Raises:
        ValueError: another shape, or lengths that are negative or not finite.
    """
    lengths = np.asarray(norms, dtype=np.float64)
    if lengths.ndim != 2 or not lengths.size or lengths.shape[1] <= len(special):
        raise GateError("norms", f"(layers, tokens), more than {len(special)} tokens", f"shape {lengths.shape}")
    prefix = len(special)
    found = [outliers(one, prefix).tokens for one in lengths]
    levels = np.quantile(lengths[:, prefix:], list(QUANTILES.values()), axis=1)
    lines = dict(zip(QUANTILES, levels, strict=True))
    if special:
        lines[f"{special[0]} token"] = lengths[:, 0]
    if prefix > 1:
        lines["mean of the other special tokens"] = lengths[:, 1:prefix].mean(axis=1)
    if np.any(found):
        lines["mean of outliers"] = np.array(
            [one[apart].mean() if apart.any() else np.nan for one, apart in zip(lengths, found, strict=True)]
        )
    fig = curves(lines, "length of the token, logarithmic", title=title, height=height)
    # Plotly would write 20 as "2" on such an axis.
    marks = [digit * 10.0**power for power in range(-6, 10) for digit in (1, 2, 5)]
    fig.update_yaxes(type="log", tickvals=marks, ticktext=[f"{one:g}" for one in marks])
    return fig


def share_curves(taken: Taken, *, first: int = 0, title: str = "", height: int = 340) -> go.Figure:
    """Share of the attention that special tokens, sinks and other patches take in every layer.

    Args:
        taken: from `visualizer.measures.sinks.taken_by_layer`.
        first: number of its first layer, counted from 0.
        title, height: plain text; pixels.

    Raises:
        ValueError: no layer.
    """
    if not len(taken.counts):
        raise GateError("taken", "at least one layer", "none")
    lines = {"special tokens": taken.special, "sinks": taken.sinks, "other patches": taken.others}
    numbers = range(first, first + len(taken.counts))
    return curves(lines, "share of attention", layers=numbers, limits=(-0.02, 1.02), title=title, height=height)
