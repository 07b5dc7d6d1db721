"""One map of the chosen path, as several figures of "Ask the picture with words" show it."""

from typing import Any

import numpy as np

from tutorials.findings import Context
from tutorials.plain import plain
from ui.parts import components, controls
from ui.read.asking_labels import answer, knobs, path
from ui.store import resources

SMALL = 310
"""Pixels of one of two figures side by side."""


def draw_map(now: Context, key: str, title: str, height: int, **more: Any) -> Any:
    """Draw one map of the chosen path; returns it."""
    method, look = path(), controls.look(now, None)
    found = answer(now, method, knobs(now, method), **more)
    how = {**look, "scale": found.scale(look["scale"]), "signed": found.signed, "query": (), "height": height}
    said = f"{found.words[0].upper()}{found.words[1:]}"
    names: dict[str, Any] = {"labels": winners(now)} if "show" in more else {}
    how |= {"name": said, "unit": found.unit, "caption": plain(f"{said}.")}
    with components.drawing():
        components.picture_map(now, key, found.values, title, **how, **names)
    return found


def winners(now: Context) -> list[str]:
    """The label that wins each patch, for hovering."""
    method, given = path(), knobs(now, path())

    def make() -> list[str]:
        maps = np.stack([answer(now, method, given, label=label).values for label in now.labels])
        return [now.labels[n] for n in maps.argmax(axis=0).ravel()]

    found: list[str] = resources.once(("asking_winners", now.view, method.name, *map(str, given.items())), make)
    return found
