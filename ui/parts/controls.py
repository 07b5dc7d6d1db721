"""The controls of methods and of drawing, shared by pages; every value is checked, whatever the address says."""

import math
from collections.abc import Mapping, Sequence
from itertools import cycle
from types import MappingProxyType
from typing import Any

import streamlit as st

from tutorials.findings import Context
from ui.frame import address
from ui.parts import widgets
from ui.store import pictures, resources
from visualizer.method import Knob, methods
from visualizer.method.base import SHARE
from visualizer.style import theme
from visualizer.style.scale import MODES, Scale
from vit_attention.records import AttentionRecord, Similar
from worlds.photographs import photographs

HERE = "a patch of this picture"


def shares(unit: str) -> dict[str, Any]:
    """How shares of attention lie on a picture: where little is, it stays visible. {} for values of other units."""
    return {"opacity": 0.8, "fade": True} if unit == SHARE else {}


COMPARING = ("shared", "per map", "log", "clipped")
"""Colour scales for figures of several maps, where "raw" would mean "shared"."""


def method(
    now: Context,
    key: str,
    more: Sequence[str] = (),
    label: str = "Method",
    first: str = "",
    refused: Mapping[str, str] = MappingProxyType({}),
    told: Any = st,
) -> str:
    """A menu of the methods that have a map here, by their titles; the others stand below it with the reason.

    Args:
        now: the picture under the model.
        key: of the menu, and its name in the address.
        more: what the menu offers beside methods.
        label: over the menu.
        first: title that is chosen at first; "" takes the first method.
        refused: why this page does not take a method, by its name.
        told: where those that have no map here stand.

    Returns:
        The name of a method, or one of `more`.
    """
    asked = ("unfit", now.model, now.picture.key, now.size, now.labels)
    unfit = resources.once(asked, lambda: {one.name: now.unfit(one) for one in methods().values()})
    why = {**unfit, **refused}
    chosen = among(why, key, more, label, first)
    not_here(why, told)
    return chosen


def among(
    why: Mapping[str, str], key: str, more: Sequence[str] = (), label: str = "Method", first: str = "", **how: Any
) -> str:
    """The menu alone, of the methods for which there is no reason why not, by their names; the rest as for `method`."""
    fitting = (one for one in methods().values() if not why.get(one.name, "not on offer"))
    names = {**{text: text for text in more}, **{one.label: one.name for one in fitting}}
    titles = list(names)
    return names[widgets.menu(label, titles, key, first or titles[0], **how)]


def not_here(why: Mapping[str, str], told: Any = st) -> None:
    """The methods that have no map here, with the reason of each, by their names."""
    reasons = dict.fromkeys(reason for reason in why.values() if reason)
    missing = (
        f"{', '.join(methods()[one].label for one in why if why[one] == reason)} ({reason})" for reason in reasons
    )
    if reasons:
        told.caption(f"Not here: {'; '.join(missing)}.")


_SIDES = ("window", "stride")
"""Knobs that are sides of squares, in patches."""
_LAYER = "start_layer"
"""The knob that is a number of a layer, which counts from 0 in Python and from 1 on pages."""


def knobs(
    record: AttentionRecord,
    wanted: Sequence[Knob],
    prefix: str = "",
    columns: int | Sequence[float] = 1,
    drawn: bool = True,
) -> dict[str, Any]:
    """One control for each knob in columns, if they are drawn: its values by name; the asking patch needs no control, nor does
    a knob that does nothing because of another.
    """
    shown = [knob for knob in wanted if not isinstance(knob.default, tuple)]
    places: Any = cycle(st.columns(columns) if shown and drawn else [None])
    found: dict[str, Any] = {}
    for knob in shown:
        idle = knob.when is not None and found.get(knob.when[0]) != knob.when[1]
        found[knob.name] = _knob(record, knob, prefix + knob.key, None if idle else next(places))
    return found


def _knob(record: AttentionRecord, knob: Knob, key: str, place: Any) -> Any:
    look = {"place": place, "help": knob.help}
    if knob.choices:
        return widgets.choice(knob.label, knob.choices, key, str(knob.default), wrap=True, **look)
    if isinstance(knob.default, float):
        low, most = float(knob.low), float(knob.high - knob.step)
        return widgets.slider(knob.label, low, most, key, float(knob.default), float(knob.step), **look)
    if knob.high < math.inf:
        return widgets.number(knob.label, int(knob.low), int(knob.high), key, knob.default, int(knob.step), **look)
    first = int(knob.name == _LAYER)
    maps = record.maps
    most = min(maps[0].query.grid or (1, 1)) if knob.name in _SIDES else len({one.layer for one in maps}) - 1 + first
    low = int(knob.low) + first
    if most <= low:
        return knob.default
    return widgets.slider(knob.label, low, most, key, min(knob.default + first, most), int(knob.step), **look) - first


def target(now: Context, key: str, label: str = "Class asked about", first: str = "") -> str:
    """A menu of classes worth asking about: the shapes of a scene, the likeliest five, and the one in the address."""
    prediction, scene = now.record.prediction, now.picture.scene
    if isinstance(prediction.target, Similar):  # an opened record, for which no model is run
        st.caption(f"The record is about {prediction.asked_words}.")
        return prediction.asked
    if now.may_be_similar:
        return _similarity(now, key)
    shapes = [thing.shape for thing in scene.things] if scene else []
    asked = address.wanted(key) or str(st.session_state.get(key, ""))
    wanted = dict.fromkeys([first, *shapes, *(name for name, _ in prediction.top(5)), asked])
    names = [name for name in wanted if name in prediction.labels]
    if not names:
        st.caption("This model names no classes.")
        return ""
    chosen = widgets.menu(label, names, key)
    st.caption(f"The model gives it {prediction.probabilities[prediction.labels.index(chosen)]:.1%}.")
    return chosen


def _similarity(now: Context, key: str) -> str:
    """What is asked of a model without classes: what the class token is compared with."""
    others = [name for name in photographs() if name != now.picture.id]
    other = widgets.menu("Compared with", [HERE, *others], f"{key}_with")
    if other == HERE:
        to: Any = (now.chosen.row, now.chosen.column)
        what = f"that of the patch in row {to[0] + 1}, column {to[1] + 1} (patch {to} where numbers begin at 0). Click another patch to ask about that one"
    else:
        to, what = other, f"the class token's of the photograph {other}"
    st.caption(
        "This model names no classes, so this is about a similarity instead: how much the class token's output after the last "
        f"layer resembles {what}. (Cosine similarity, from -1 to 1; what is compared with is held fixed.)"
    )
    return str(Similar(to=to))


def look(now: Context, place: Any = st) -> dict[str, Any]:
    """How a map is drawn, as `overlay` takes it: colours, opacity, blending, scale and the true outline.

    Nothing here changes the numbers except the scale, which is printed on the figure. With ``place=None`` nothing is drawn.
    """
    # No format_func on bound menus: the address would carry the words.
    mode = widgets.menu("Scale", list(MODES), "scale", place=place)
    colours = widgets.menu("Colour map", list(theme.COLORMAPS), "colours", place=place)
    if place:
        place.caption(f"{mode}: {MODES[mode]}. {colours}: {theme.NOTES[colours]}.")
    opacity = widgets.slider("Opacity of the map", 0.0, 1.0, "opacity", 0.8, 0.05, place=place)
    tip = "The opacity of a patch follows its value."
    fade = widgets.toggle("Let low values fade", "fade", True, place=place, help=tip)
    tip = "Adds no knowledge: one number a patch."
    smooth = widgets.toggle("Blend between patches", "smooth", place=place, help=tip)
    return {
        "colormap": colours,
        "opacity": opacity,
        "fade": fade,
        "smooth": smooth,
        "scale": mode,
        "truth": truth(now) if place else truth_shown(now),
    }


def scale(page: str, modes: Sequence[str] = COMPARING) -> Scale:
    """Draw the choice of the colour scale of a page's maps, the first of `modes` unless changed."""
    left, right = st.columns(2, vertical_alignment="bottom")
    meanings = "; ".join(f"{name}: {MODES[name]}" for name in modes)
    mode = widgets.menu("Colour scale", modes, f"{page}_scale", place=left, help=f"{meanings}.")
    if mode != "clipped":
        right.caption(f"{mode}: {MODES[mode]}.")
        return Scale(mode)
    clip = widgets.slider("Percentile that keeps its colour", 80, 100, f"{page}_clip", 99, place=right)
    return Scale(mode, clip_percentile=clip)


def scale_shown(page: str, modes: Sequence[str] = COMPARING) -> Scale:
    """What `scale` gives, without its control."""
    mode = str(st.session_state.get(f"{page}_scale", modes[0]))
    clip = widgets.within(st.session_state.get(f"{page}_clip", 99), 1, 100)
    return Scale(mode, clip_percentile=clip) if mode == "clipped" else Scale(mode if mode in modes else modes[0])


def opacity_shown(key: str, first: float) -> float:
    """How strongly a map covers its picture, as the slider of that key says; `first` before it was drawn."""
    return widgets.within(st.session_state.get(key, first), 0, 1)


def truth(now: Context) -> Any:
    """Draw the switch of the outline; the mask of a scene's objects, or of a photograph's chosen outline, or None."""
    outline = pictures.outline(now.picture.id)
    if now.picture.scene is not None:
        widgets.toggle("Show the true outline", "truth")
    elif outline is not None:
        widgets.toggle(f"Show the outline: {outline.name}", "outlined")
    return truth_shown(now)


def truth_shown(now: Context) -> Any:
    """What `truth` gives, without its switch."""
    scene, outline = now.picture.scene, pictures.outline(now.picture.id)
    if scene is not None:
        return scene.mask if st.session_state.get("truth") else None
    return outline.mask() if outline is not None and st.session_state.get("outlined") else None


def on_phone(_now: Any = None) -> bool:
    """Whether the browser says that it is a phone's; figures of several panels then stack them."""
    return "Mobi" in str(st.context.headers.get("User-Agent", ""))


def query_patches(now: Context) -> tuple[int, ...]:
    """Numbers of the asking patches; () while a special token asks."""
    alone = now.chosen.query - now.axis.prefix
    return now.chosen.patches or ((alone,) if alone >= 0 else ())


def map_name(now: Context) -> str:
    """Where the chosen map comes from, in words: layer, head and who asks."""
    return f"layer {now.chosen.layer + 1}, {now.head_name()}, asked by {now.query_name()}"
