"""`--outline`: which part of a picture is meant, and how much of every map lies inside it, next to controls."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vit_attention.cli.drawings import Drawing
from vit_attention.cli.errors import ChoiceError
from vit_attention.cli.inputs import Given, Opened
from vit_attention.gate import shown
from vit_attention.gate.masks import open_mask
from vit_attention.gate.outlines import outline_mask, remark
from vit_attention.models.cards import caution
from vit_attention.records import AttentionRecord


@dataclass(frozen=True, eq=False)
class Outlined:
    """A part of a picture: what it is called, its mask, and what is to be told of it or ""."""

    name: str
    mask: NDArray[Any]
    note: str = ""


def outlined(text: str, given: Given, picture: Opened) -> Outlined:
    """The part that a text means: an outline of the sample photograph, a mask file, a box or a polygon, in this order.

    Raises:
        ChoiceError: the text means none of them.
        GateError: a mask file that cannot be read, or points outside the picture.
    """
    known = _of_photograph(given)
    if text in known:
        return Outlined(text, known[text].mask())
    if os.path.isfile(text):
        return Outlined(os.path.basename(text), open_mask(text) > 0.5)
    if "," in text:
        size = picture.image.size
        return Outlined("the outline", outline_mask(text, size), remark(text, size))
    named = f"one of {', '.join(known)} (outlines of {given.text}), " if known else ""
    raise ChoiceError(f'--outline: want {named}a mask file, left,top,right,bottom or "x,y x,y x,y", got {shown(text)}')


def _of_photograph(given: Given) -> Any:
    from worlds.photographs import photographs

    one = None if os.path.lexists(given.path) else photographs().get(given.text)
    return {} if one is None else one.outlines


def scores(one: Drawing, part: Outlined, record: AttentionRecord, picture: Opened) -> list[dict[str, Any]]:
    """How much of a map is inside, and whether it points there, for the map and for every control.

    Raises:
        ChoiceError: the map is not one over places of the picture.
        GateError: the outline does not fit the picture, or the model did not see it.
    """
    from visualizer.measures.controls import score_against

    values = np.asarray(one.map.values)
    if values.ndim != 2 or one.map.axis.grid is None:
        raise ChoiceError(f"--outline: want a map of patches, got one of {one.map.axis.kind}")
    found = score_against(values, part.mask, picture.image, record.geometry)
    return [{"name": score.name, "inside": score.inside, "hit": score.hit} for score in found]


def told(part: Outlined, found: Sequence[dict[str, Any]]) -> str:
    """The scores of one map in a sentence.

    >>> rows = [{"name": "map", "inside": 0.5, "hit": 1.0}, {"name": "chance", "inside": 0.25, "hit": 0.3}]
    >>> told(Outlined("cup", np.ones((1, 1))), rows)
    '50.0 % inside cup (chance 25.0 %), strongest patch on it: yes (chance 30 %)'
    """
    own, *others = found
    inside = "no share (negative values)" if np.isnan(own["inside"]) else f"{own['inside']:.1%}".replace("%", " %")
    beside = ", ".join(f"{one['name']} {100 * one['inside']:.1f} %" for one in others)
    points = ", ".join(
        f"{one['name']} {100 * one['hit']:.0f} %" if one["name"] == "chance" else f"{one['name']} {_yes(one)}"
        for one in others
    )
    return f"{inside} inside {part.name} ({beside}), strongest patch on it: {_yes(own)} ({points})"


def _yes(one: dict[str, Any]) -> str:
    return "yes" if one["hit"] else "no"


def warned(part: Outlined, record: AttentionRecord) -> list[str]:
    """What is to be told beside the scores: of the outline, and of the model."""
    return [text for text in (part.note, caution(record.model)) if text]
