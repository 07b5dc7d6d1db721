"""Weight beside norm: what a query looks at, and what it takes over from there."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from visualizer.figures import canvas
from visualizer.style import letters, theme
from visualizer.style.sketch import Sketch
from vit_attention.gate import GateError

WEIGHT, NORM = "weight", "weight × value"


def weight_and_norm(
    names: Sequence[str],
    weights: ArrayLike,
    norms: ArrayLike,
    *,
    most: int = 10,
    chosen: int | None = None,
    title: str = "",
    height: int = 440,
) -> go.Figure:
    """Two bars for each key: its share of the weights, and its share of the lengths of weight times value (Kobayashi et al.
    2020, arXiv:2004.10102, section 3).

    Shown are the keys with the largest of either, in order of weight; shares are of all keys. A click reports the key's
    number, from 0.

    Args:
        names: one per key.
        weights, norms: (keys,) at least 0, such as `value_steps` gives them for one head; each divided by its sum.
        most: keys that are shown.
        chosen: number of a key to star.
        title, height: plain text; pixels.

    Raises:
        GateError: numbers of different lengths, below 0 or not finite, or no key to show.
    """
    both = np.stack([_shares("weights", weights, len(names)), _shares("norms", norms, len(names))])
    if most < 1:
        raise GateError("most", "at least 1", f"{most}")
    kept = np.argsort(-both.max(axis=0), kind="stable")[:most]
    kept = kept[np.argsort(-both[0][kept], kind="stable")]
    places, fig = np.arange(len(kept)), Sketch()
    looks = {WEIGHT: {"color": theme.LINES[0]}, NORM: {"color": theme.LINES[1], "pattern": {"shape": "/", "size": 5}}}
    for (name, marker), shares in zip(looks.items(), both[:, kept], strict=True):
        said = [
            f"{theme.safe(names[n])}<br>{name}: {share:.2%} of all keys" for n, share in zip(kept, shares, strict=True)
        ]
        bar = {"type": "bar", "x": 100 * shares, "y": places, "orientation": "h", "name": name, "marker": marker}
        fig.data.append({**bar, "hovertext": said, "hovertemplate": "%{hovertext}<extra></extra>"})
    marks = [("* " if n == chosen else "") + theme.safe(letters.cut(str(names[n]))) for n in kept]
    chooser = canvas.markers(100 * both[:, kept].max(axis=0) / 2, places, kept.tolist(), [""] * len(kept))
    del chooser["hovertemplate"]
    fig.data.append({**chooser, "hoverinfo": "skip", "showlegend": False})
    common = {"fixedrange": True, "automargin": True, "zeroline": False}
    upright = {**common, "tickvals": places, "ticktext": marks, "range": [len(kept) - 0.5, -0.5], "showgrid": False}
    across = {
        **common,
        "gridcolor": theme.GRID,
        "rangemode": "tozero",
        "title": {"text": "share of all keys in %", "font": {"size": theme.FONT_SIZE}, "standoff": 6},
    }
    legend = {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "font": {"size": 12}}
    rest = 1 - both[:, kept].sum(axis=1)
    caption = [
        f"the other {len(names) - len(kept)} keys:",
        f"{rest[0]:.0%} of the weights, {rest[1]:.0%} of the lengths",
    ]
    return fig.figure(
        title=title,
        caption=caption if len(kept) < len(names) else "",
        height=height,
        bottom=48,
        top=26,
        xaxis=across,
        yaxis=upright,
        showlegend=True,
        legend=legend,
        barmode="group",
        bargap=0.25,
        hovermode="closest",
    )


def _shares(name: str, given: ArrayLike, count: int) -> np.ndarray:
    found = np.asarray(given, dtype=np.float64)
    if found.shape != (count,) or not count or not np.isfinite(found).all() or (found < 0).any():
        raise GateError(name, f"({count},) finite numbers from 0 up, one per name", f"shape {found.shape}")
    return found / max(float(found.sum()), 1e-300)
