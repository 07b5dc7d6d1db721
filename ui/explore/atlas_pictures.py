"""The pictures on which a measure of a head is largest and smallest, with the head's map where the picture is known by name."""

import io
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import streamlit as st
from PIL import Image

from tutorials.findings.context import Picture
from tutorials.findings.surveyed import Head, head_maps, unit_of
from tutorials.plain import plain
from ui.frame import state, table, texts
from ui.parts import components, controls, script, widgets
from ui.store import pictures, resources, surveys
from visualizer.figures.picture_sheet import Tile, picture_sheet
from vit_attention import registry
from vit_attention.inputs.pictures import open_picture

PICTURE = "atlas_picture"
"""Key of the menu of pictures."""
SIDE = 512
"""Pixels that the longer side of a survey's own picture may keep."""


class Named(NamedTuple):
    """One extreme picture: the name that the survey gave it, which end it stands at, and the value of the measure there."""

    name: str
    end: str
    value: str


def draw(opened: surveys.Opened, measure: str, head: Head) -> None:
    """The sheet of pictures, which of them is chosen, and the way to *Heads*."""
    found, at = opened.survey.measures[measure], opened.survey.place(*head)
    unit = "" if unit_of(measure).startswith("share") else unit_of(measure)
    listed = [
        Named(one.name, end, f"{one.value:.3g} {unit}".rstrip())
        for end, some in (("most", found.most[at]), ("least", found.least[at]))
        for one in some
    ]
    said = measure.replace("_", " ")
    st.markdown(texts.say("atlas_extremes", measure=said, head=head.words))
    if not listed:
        st.info(texts.say("atlas_undefined", measure=said))
        return
    options = [f"{one.end} {n + 1}" for n, one in enumerate(listed)]
    place = st.container()
    titles = dict(zip(options, (f"{one.end}: {title(one.name)}" for one in listed), strict=True))
    chosen = widgets.menu("Picture", options, PICTURE, format_func=lambda one: titles.get(one, one))
    number = options.index(chosen)
    with place:
        _sheet(opened, listed, measure, head, number)
    _way(opened, listed[number].name, head)


def title(name: str) -> str:
    """The name of a picture for people."""
    return pictures.title(name) if known(name) else name


def known(name: str) -> bool:
    """Whether the app has a picture of this name."""
    return name in pictures.options(name) and not name.startswith(pictures.OWN)


def runs(model: str) -> bool:
    """Whether a survey's model can be run here: a bundled one that looks at pictures."""
    return any(card.name == model and card.bundled and card.task in ("classify", "label") for card in registry.models())


def _sheet(opened: surveys.Opened, listed: Sequence[Named], measure: str, head: Head, number: int) -> None:
    across = 4 if not controls.on_phone() else 2
    rows = -(-len(listed) // across)
    asked = (opened.key, tuple(listed), measure, head, number, across)
    make = partial(_made, opened, listed, head, number, across, 60 + 210 * rows)
    components.kept(_View(asked), "atlas_pictures", lambda _now: make(), pick=partial(_pick, listed))


class _View(NamedTuple):
    view: tuple[object, ...]


def _pick(listed: Sequence[Named], points: list[Any]) -> None:
    for at in script.numbers(points)[:1]:
        if 0 <= at < len(listed):
            st.session_state[PICTURE] = f"{listed[at].end} {at + 1}"


def _made(
    opened: surveys.Opened, listed: Sequence[Named], head: Head, number: int, across: int, height: int
) -> tuple[Any, str]:
    bar, tiles = st.progress(0.0, resources.LOOKING), []
    for n, one in enumerate(listed):
        bar.progress(n / len(listed), resources.LOOKING)
        tiles.append(_tile(opened, one, head))
    bar.empty()
    said = "; ".join(f"{one.end} {title(one.name)}, {one.value}" for one in listed)
    unit = "share of the class token's attention"
    return picture_sheet(tiles, per_row=across, chosen=number, unit=unit, height=height), f"Pictures: {said}."


def _tile(opened: surveys.Opened, one: Named, head: Head) -> Tile:
    if known(one.name):
        picture = pictures.get(one.name)
        return Tile(
            picture.image, title(one.name), f"{one.end}: {one.value}", *_map(opened.survey.model, picture, head)
        )
    data = opened.pictures.get(one.name)
    return Tile(_own(data), one.name, f"{one.end}: {one.value}")


def _map(model: str, picture: Picture, head: Head) -> tuple[Any, Any]:
    """The map of a head on a picture and its geometry; None twice where the model cannot be run here."""
    if not runs(model):
        return None, None
    try:
        maps, geometry = resources.run(head_maps, model, picture)
        return maps[head].astype(np.float32), geometry
    except (ValueError, IndexError):  # a stranger's survey may name heads that the model does not have
        return None, None


def _own(data: bytes | None) -> Image.Image:
    """A picture that the survey brought, checked like any other; grey where it brought none, or one that cannot be opened."""
    try:
        return open_picture(io.BytesIO(data or b"").getvalue(), max_side=SIDE).image
    except ValueError:
        return Image.new("RGB", (8, 8), (128, 128, 128))


def _way(opened: surveys.Opened, name: str, head: Head) -> None:
    """The link to *Heads* with this picture, layer and head; or why there is none."""
    if known(name) and runs(opened.survey.model):
        where = {state.MODEL: opened.survey.model, state.PICTURE: name}
        where |= {state.LAYER: str(head.layer + 1), state.HEAD: str(head.head + 1), state.STEP: "4"}
        st.page_link(
            table.script("heads"), label=texts.say("atlas_jump", title=title(name), head=head.words), query_params=where
        )
    else:
        st.caption(texts.say("atlas_no_jump", picture=plain(name)))
