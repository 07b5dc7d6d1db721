"""The shell commands that pages hand out: what is chosen on a page, as options of the command line.

Each makes the picture of its page: the same numbers, scale, colours and outlines. Layers, heads, rows and columns count
from 0 there, as in Python.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tutorials.findings import Context
from visualizer.method import Map, methods
from visualizer.style.scale import Scale
from vit_attention.cli.recipe import OWN_PICTURE, command, extract_command

BUNDLE = "bundle"


def note(mode: str) -> str:
    """What to know about a scale whose range comes from every map of a figure."""
    if mode not in ("log", "clipped"):
        return ""
    return f"With --scale {mode} every map gets a range of its own; the figure of several maps above takes one for all."


def of(now: Context, name: str = "raw", knobs: Mapping[str, Any] | None = None, target: str = "", **look: Any) -> str:
    """The command of one map of a picture under a model.

    Args:
        now: what the page looks at.
        name: of the method.
        knobs: of the method, by name.
        target: class asked about, for methods that ask about one; "" takes the likeliest.
        look: options of the command line that go before what the context says: ``head=None, scale="log", alpha=0.7``.
    """
    method = methods()[name]
    told = {knob.key: (knobs or {}).get(knob.name) for knob in (*method.knobs, *method.run)}
    chosen = {
        "query": None,
        **now.question(method),
        # What asks about a class is answered from weights in full precision.
        "half": now.picture.id != BUNDLE and not method.asks_class,
        **{key: value for key, value in told.items() if not isinstance(value, tuple)},
        "target": now.target(target) if method.asks_class else None,
    }
    return command(*source(now), method=name, **{**chosen, **look})


def source(now: Context) -> tuple[str | None, str]:
    """(model or None, picture) as the command line names them; a bundle needs no model."""
    return (None, now.picture.title) if now.picture.id == BUNDLE else (now.model, now.picture.id)


def scaled(mode: str | Scale, together: Sequence[NDArray[Any]] | NDArray[Any] | None = None) -> dict[str, Any]:
    """The options of a colour scale; maps that share it with the one drawn count by their maximum."""
    scale = mode if isinstance(mode, Scale) else Scale(mode)
    found: dict[str, Any] = {"scale": scale.mode, "clip": scale.clip_percentile}
    if scale.mode == "shared" and together is not None:
        found["scale_to"] = float(max(np.nanmax(one) for one in together))
    return found


def all_heads(now: Context, scale: Scale) -> str:
    """Every head of the chosen layer, a picture each."""
    return of(now, head=None, avg_heads=False, **scaled(scale))


def layers(now: Context, shown: Sequence[int], scale: Scale, truth: bool) -> str:
    """The chosen head through the layers shown, a picture each on one scale."""
    numbers = [now.record.maps[n].layer for n in shown]
    every = len(shown) == len(now.record.maps)
    span = str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}-{numbers[-1]}"
    return of(now, layer=None if every else span, truth=truth, **scaled(scale))


def side_by_side(now: Context, found: Map, knobs: Mapping[str, Any], mode: str) -> tuple[str, str]:
    """Direct attention and the rollout, on the page's scale."""
    scale = scaled(mode, [now.patch_map(), found.values])
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


def own(lines: Sequence[str]) -> bool:
    """Whether a line names the reader's own picture, whose place on the disk nobody knows."""
    return any(OWN_PICTURE in line for line in lines)
