"""The shell commands that pages hand out: what is chosen on a page, as options of the command line.

Each makes the picture of its page: the same numbers, scale, colours and outlines. Layers, heads, rows and columns count
from 0 there, as in Python.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tutorials.findings import Context
from tutorials.findings.methods import METHODS, Drawn, Knobs
from visualizer.style.scale import Scale
from vit_attention.cli.recipe import OWN_PICTURE, Query, command, extract_command

BUNDLE = "bundle"
_HEADS_APART = ("one layer", "mean of layers")


def note(mode: str) -> str:
    """What to know about a scale whose range comes from every map of a figure."""
    if mode not in ("log", "clipped"):
        return ""
    return f"With --scale {mode} every map gets a range of its own; the figure of several maps above takes one for all."


def of(now: Context, method: str = "one layer", knobs: Knobs | None = None, **look: Any) -> str:
    """The command of one map of a picture under a model.

    Args:
        method: as pages call it.
        knobs: what the method is told; those that it does not obey are left out.
        look: options of the command line that go before what the context says: ``head=None, scale="log", alpha=0.7``.
    """
    told, known = knobs or Knobs(), METHODS[method].knobs
    chosen: dict[str, Any] = {
        "layer": _layer(now), "head": _head(now) if method in _HEADS_APART else None,
        "query": None if method == "gradient-weighted rollout" else query(now),
        # The page's gradients come from weights in full precision.
        "half": now.picture.id != BUNDLE and method != "gradient-weighted rollout",
        "fusion": told.fusion if "fusion" in known else None,
        "residual": told.residual if "residual" in known else None,
        "discard": told.discard if "discard" in known else None,
        "start_layer": told.start if "start" in known else None,
        "target": _target(now, told) if "target" in known else None,
    }  # fmt: skip
    return command(*source(now), method=method, **{**chosen, **look})


def _target(now: Context, told: Knobs) -> str:
    labels = now.record.prediction.labels
    return told.target or (now.record.prediction.top(1)[0][0] if labels else "")


def source(now: Context) -> tuple[str | None, str]:
    """(model or None, picture) as the command line names them; a bundle needs no model."""
    return (None, now.picture.title) if now.picture.id == BUNDLE else (now.model, now.picture.id)


def query(now: Context) -> Query | None:
    """Who asks; None for the class token, which asks anyway."""
    columns = now.grid[1]
    if now.chosen.patches:
        return [divmod(patch, columns) for patch in now.chosen.patches]
    if now.chosen.query >= now.axis.prefix:
        return divmod(now.chosen.query - now.axis.prefix, columns)
    return None if now.chosen.query == 0 else now.chosen.query


def scaled(mode: str | Scale, together: Sequence[NDArray[Any]] | NDArray[Any] | None = None) -> dict[str, Any]:
    """The options of a colour scale; maps that share it with the one drawn count by their maximum."""
    scale = mode if isinstance(mode, Scale) else Scale(mode)
    found: dict[str, Any] = {"scale": scale.mode, "clip": scale.clip_percentile}
    if scale.mode == "shared" and together is not None:
        found["scale_to"] = float(max(np.nanmax(one) for one in together))
    return found


def _layer(now: Context) -> int:
    # A bundle may hold some layers only; the command line calls them by their own numbers.
    return now.record.maps[now.chosen.layer].layer


def _head(now: Context) -> int | None:
    kept = now.record.maps[now.chosen.layer].heads
    return now.chosen.head if now.chosen.head is None or kept is None else kept[now.chosen.head]


def all_heads(now: Context, scale: Scale) -> str:
    """Every head of the chosen layer, a picture each."""
    return of(now, head=None, avg_heads=False, **scaled(scale))


def layers(now: Context, shown: Sequence[int], scale: Scale, truth: bool) -> str:
    """The chosen head through the layers shown, a picture each on one scale."""
    numbers = [now.record.maps[n].layer for n in shown]
    every = len(shown) == len(now.record.maps)
    span = str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}-{numbers[-1]}"
    return of(now, layer=None if every else span, truth=truth, **scaled(scale))


def side_by_side(now: Context, drawn: Drawn, knobs: Knobs, mode: str) -> tuple[str, str]:
    """Direct attention and the rollout, on the page's scale."""
    scale = scaled(mode, [now.patch_map(), drawn.values])
    return of(now, **scale), of(now, "rollout", knobs, **scale)


def extremes(now: Context, places: Sequence[tuple[int, int]], maps: Sequence[NDArray[Any]], scale: Scale, truth: bool) -> list[str]:  # fmt: skip
    """The record behind the tables and curves of page "Entropy", then its two maps."""
    scale_options = scaled(scale, maps)
    found = [
        of(now, layer=now.record.maps[n].layer, head=head, truth=truth, output=f"attn_vis/{name}", **scale_options)
        for name, (n, head) in zip(("focused", "spread"), places, strict=True)
    ]
    model, picture = source(now)
    if model is None:
        return found
    return [extract_command(picture, model, half=True), *found]


def tokens(now: Context, method: str, scale: str) -> str:
    """A map of tokens for the chosen patch; `method` is one of the command line's."""
    patch = (now.chosen.row, now.chosen.column)
    return command(*source(now), layer=_layer(now), method=method, query=patch, half=True, alpha=0.7, **scaled(scale))


def own(lines: Sequence[str]) -> bool:
    """Whether a line names the reader's own picture, whose place on the disk nobody knows."""
    return any(OWN_PICTURE in line for line in lines)
