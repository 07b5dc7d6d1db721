"""Figures that follow sliders in the browser: all maps of the query token, as bytes, and bars that change places."""

import base64
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tutorials.findings import Context
from ui.frame import state
from ui.parts import components, controls, script
from ui.store import resources
from visualizer.figures import summary
from visualizer.style import theme
from visualizer.style.scale import Scale

LEVELS = 255
"""Steps of a map's values on their way to the browser; the server's exact figure follows within a moment."""


def map_that_follows(now: Context, key: str, caption: str, height: int) -> None:
    """The chosen layer's and head's map on the picture; it follows their sliders, and a click makes a patch the query."""
    title = f"Layer {now.chosen.layer + 1}, {now.head_name()}"
    components.picture_map(
        now,
        key,
        now.patch_map(),
        title,
        name=f"{title}, asked by {now.query_name()}",
        caption=caption,
        clickable=True,
        height=height,
        scale=Scale("raw"),
        truth=controls.truth_shown(now),
    )
    follow(now, key, "Layer {layer}, {head}")


def follow(
    now: Context, figure: str, title: str, shared: bool = False, rows: Sequence[NDArray[Any]] | None = None
) -> None:
    """Have the figure of this key show each layer and head while their sliders move.

    Args:
        now: what is looked at.
        figure: key of the figure, whose one heatmap shows a map of the picture's patches.
        title: over it, with {layer} and {head} in their places.
        shared: whether one scale is for all.
        rows: a (1, tokens) array for each layer, where the maps are those of no head; None takes all heads' rows.
    """
    whoever = replace(now, chosen=replace(now.chosen, layer=0, head=None))
    asked = ("follow", figure, whoever.view, shared, rows and components.digest(np.stack(rows)))
    maps = resources.once(asked, lambda: _maps(now, shared, rows))
    if maps is None:
        return
    data: dict[str, Any] = {
        **maps,
        "figure": figure,
        "title": title,
        "layer": now.chosen.layer,
        "head": 0 if now.chosen.head is None or rows else now.chosen.head + 1,
        "layer_key": state.LAYER,
        "head_key": state.HEAD,
    }
    script.follow(data)


def _maps(now: Context, shared: bool, rows: Sequence[NDArray[Any]] | None) -> dict[str, Any] | None:
    """All maps as the browser takes them; None for layers with heads of other numbers, which the server draws."""
    each = rows or [np.concatenate([one.mean(axis=0, keepdims=True), one]) for one in now.asking_rows()]
    if len({len(one) for one in each}) > 1:
        return None
    maps = now.patch_map(np.stack(each).reshape(-1, each[0].shape[-1])).astype(np.float32)
    tops = np.maximum(maps.max(axis=(1, 2)), 1e-12)
    sent, heads = np.round(maps / tops[:, None, None] * LEVELS).astype(np.uint8), len(each[0])
    return {
        "maps": base64.b64encode(sent.tobytes()).decode(),
        "tops": [float(f"{top:.6g}") for top in tops],
        "top": float(tops.max()) if shared else None,
        "rows": now.grid[0],
        "columns": now.grid[1],
        "heads": heads,
        "names": ["mean of all heads", *(f"head {n}" for n in range(1, heads))],
    }


def bars_that_follow(
    key: str,
    slider: str,
    at: int,
    names: Sequence[str],
    values: NDArray[Any],
    unit: str,
    *,
    titles: Sequence[str],
    chosen: int,
    height: int,
    limits: tuple[float, float] | None = None,
) -> None:
    """Bars by name, the largest first, that are sorted anew while a slider moves; one axis for all of its positions.

    Args:
        key: of the figure.
        slider: key of the slider, one of whose positions is a row of `values`.
        at: the position that it has.
        names: (bars,) plain text.
        values: (positions, bars).
        unit: what they are.
        titles: (positions,) over the figure.
        chosen: number of the bar that is starred.
        height: in pixels.
        limits: of the axis; None fits all positions.
    """
    order = np.argsort(-values[at], kind="stable")
    components.bar_chart(
        key,
        [(names[n], float(values[at, n])) for n in order],
        unit,
        "{}: {:.3g}",
        (f"{titles[at]}, {unit}. ", "."),
        title=titles[at],
        chosen=int(np.flatnonzero(order == chosen)[0]),
        limits=limits or tuple(summary.bar_range(values.ravel())),
        height=height,
    )
    script.follow_bars(
        {
            "figure": key,
            "key": slider,
            "at": at,
            "names": summary.bar_names(names, chosen),
            "values": values.tolist(),
            "texts": [summary.bar_texts(one) for one in values],
            "titles": [theme.safe(one) for one in titles],
            "colours": [theme.QUERY[1] if n == chosen else theme.LINES[0] for n in range(len(names))],
        }
    )
