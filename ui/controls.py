"""The controls of methods and of drawing, shared by pages; every value is checked, whatever the address says."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import streamlit as st

from tutorials.findings import Context
from ui import pictures, state
from visualizer.method import Knob, methods
from visualizer.style import theme
from visualizer.style.scale import MODES, Scale
from vit_attention.records import Similar
from worlds.photographs import photographs

KEEP: dict[str, Any] = {"bind": "query-params", "persist_state": "session"}
"""In the address, and kept while other pages are visited."""

HERE = "a patch of this picture"

COMPARING = ("shared", "per map", "log", "clipped")
"""Colour scales for figures of several maps, where "raw" would mean "shared"."""


def one_of(value: Any, options: Sequence[str]) -> str:
    """`value` if it is offered, else the first option."""
    return str(value) if value in options else options[0]


def within(value: Any, low: float, high: float) -> float:
    """`value` clamped; `low` for what is no number."""
    try:
        return min(max(float(value), low), high)
    except (TypeError, ValueError):
        return low


def menu(label: str, options: Sequence[str], key: str, **how: Any) -> str:
    """One of `options` from a folded menu that stands in the address; the first for an address that names none."""
    return one_of(st.selectbox(label, options, key=key, **KEEP, **how), options)


def choice(label: str, options: Sequence[str], key: str, **how: Any) -> str:
    """One of `options` from buttons side by side that stand in the address; the first is chosen at first."""
    return one_of(
        st.segmented_control(label, options, default=options[0], key=key, required=True, **KEEP, **how), options
    )


def method(
    now: Context,
    key: str,
    more: Sequence[str] = (),
    label: str = "Method",
    first: str = "",
    refused: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """A menu of the methods that have a map here, by their titles; the others stand below it with the reason.

    Args:
        now: the picture under the model.
        key: of the menu, and its name in the address.
        more: what the menu offers beside methods.
        label: over the menu.
        first: title that is chosen at first; "" takes the first method.
        refused: why this page does not take a method, by its name.

    Returns:
        The name of a method, or one of `more`.
    """
    why = {one: refused.get(one.name) or now.unfit(one) for one in methods().values()}
    names = {**{text: text for text in more}, **{one.label: one.name for one, reason in why.items() if not reason}}
    titles = list(names)
    chosen = menu(label, titles, key, index=titles.index(first or titles[0]))
    reasons = dict.fromkeys(reason for reason in why.values() if reason)
    missing = (f"{', '.join(one.label for one in why if why[one] == reason)} ({reason})" for reason in reasons)
    if reasons:
        st.caption(f"Not here: {'; '.join(missing)}.")
    return names[chosen]


_SIDES = ("window", "stride")
"""Knobs that are sides of squares, in patches."""


def knobs(now: Context, wanted: Sequence[Knob], prefix: str = "", columns: int = 1) -> dict[str, Any]:
    """One control for each knob in that many columns: its values by name; the asking patch needs no control."""
    shown = [knob for knob in wanted if not isinstance(knob.default, tuple)]
    places = st.columns(columns) if shown else []
    found = {}
    for number, knob in enumerate(shown):
        with places[number % columns]:
            found[knob.name] = _knob(now, knob, prefix + knob.key)
    return found


def _knob(now: Context, knob: Knob, key: str) -> Any:
    if knob.choices:
        picked = st.segmented_control(
            knob.label, knob.choices, default=knob.default, key=key, required=True, wrap=True, help=knob.help, **KEEP
        )
        return one_of(picked, knob.choices)
    if isinstance(knob.default, float):
        low, most = float(knob.low), knob.high - knob.step
        share = st.slider(knob.label, low, most, knob.default, knob.step, key=key, help=knob.help, **KEEP)
        return within(share, low, most)
    # A layer counts from 0 in Python and from 1 on pages; sides of squares are what they are.
    first, most = (int(knob.low == 0), min(now.grid) if knob.name in _SIDES else len(now.record.maps))
    low, start = int(knob.low) + first, min(knob.default + first, most)
    if st.session_state.get(key, start) != within(st.session_state.get(key, start), low, most):
        st.session_state.pop(key, None)  # left over from a model with more layers
    if most <= low:
        return knob.default
    return int(within(st.slider(knob.label, low, most, start, key=key, help=knob.help, **KEEP), low, most)) - first


def target(now: Context, key: str, label: str = "Class asked about", first: str = "") -> str:
    """A menu of classes worth asking about: the shapes of a scene, the likeliest five, and the one in the address."""
    prediction, scene = now.record.prediction, now.picture.scene
    if isinstance(prediction.target, Similar):  # an opened record, for which no model is run
        st.caption(f"The record is about {prediction.asked_words}.")
        return prediction.asked
    if now.may_be_similar:
        return _similarity(now, key)
    shapes = [thing.shape for thing in scene.things] if scene else []
    asked = str(st.session_state.get(key) or st.query_params.get(key, ""))
    wanted = dict.fromkeys([first, *shapes, *(name for name, _ in prediction.top(5)), asked])
    names = [name for name in wanted if name in prediction.labels]
    if not names:
        st.caption("This model names no classes.")
        return ""
    if st.session_state.get(key) not in names:
        st.session_state.pop(key, None)
    chosen = menu(label, names, key)
    st.caption(f"The model gives it {prediction.probabilities[prediction.labels.index(chosen)]:.1%}.")
    return chosen


def _similarity(now: Context, key: str) -> str:
    """What is asked of a model without classes: what the class token is compared with."""
    others = [name for name in photographs() if name != now.picture.id]
    other = menu("Compared with", [HERE, *others], f"{key}_with")
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


def look(now: Context) -> dict[str, Any]:
    """How a map is drawn, as `overlay` takes it: colours, opacity, blending, scale and the true outline.

    Nothing here changes the numbers except the scale, which is printed on the figure.
    """
    # No format_func on bound menus: the address would carry the words.
    mode = menu("Scale", list(MODES), "scale")
    st.caption(f"{mode}: {MODES[mode]}.")
    colours = menu("Colours", list(theme.COLORMAPS), "colours")
    st.caption(f"{colours}: {theme.NOTES[colours]}.")
    opacity = st.slider("Opacity of the map", 0.0, 1.0, 0.6, 0.05, key="opacity", **KEEP)
    smooth = st.toggle("Blend between patches", key="smooth", **KEEP, help="Adds no knowledge: one number a patch.")
    return {
        "colormap": colours,
        "opacity": within(opacity, 0, 1),
        "smooth": bool(smooth),
        "scale": mode,
        "truth": truth(now),
    }


def scale(page: str, modes: Sequence[str] = COMPARING) -> Scale:
    """The colour scale of a page's maps, the first of `modes` unless changed."""
    left, right = st.columns(2, vertical_alignment="bottom")
    with left:
        meanings = "; ".join(f"{name}: {MODES[name]}" for name in modes)
        mode = menu("Colour scale", modes, f"{page}_scale", help=f"{meanings}.")
    if mode != "clipped":
        right.caption(f"{mode}: {MODES[mode]}.")
        return Scale(mode)
    percentile = right.slider("Percentile that keeps its colour", 80, 100, 99, key=f"{page}_clip", **KEEP)
    return Scale(mode, clip_percentile=within(percentile, 1, 100))


def truth(now: Context) -> Any:
    """The mask of a scene's objects, or of a photograph's chosen outline, if the reader wants its line; else None."""
    scene, outline = now.picture.scene, pictures.outline(now.picture.id)
    if scene is not None:
        return scene.mask if st.toggle("Show the true outline", key="truth", **KEEP) else None
    if outline is None or not st.toggle(f"Show the outline: {outline.name}", key="outlined", **KEEP):
        return None
    return outline.mask()


def on_phone() -> bool:
    """Whether the browser says that it is a phone's; figures of several panels then stack them."""
    return "Mobi" in str(st.context.headers.get("User-Agent", ""))


def query_patches(now: Context) -> tuple[int, ...]:
    """Numbers of the asking patches; () while a special token asks."""
    alone = now.chosen.query - now.axis.prefix
    return now.chosen.patches or ((alone,) if alone >= 0 else ())


def map_name(now: Context) -> str:
    """Where the chosen map comes from, in words: layer, head and who asks."""
    return f"layer {now.chosen.layer + 1}, {now.head_name()}, asked by {now.query_name()}"


def steps(now: Context, page: str) -> None:
    """Buttons to the next layer and head: the twin of clicking, for keyboard and touch."""
    layers, heads = len(now.record.maps), len(now.record.maps[now.chosen.layer].weights)
    with st.container(horizontal=True):
        for name, deeper, further in (("Layer −", -1, 0), ("Layer +", 1, 0), ("Head −", 0, -1), ("Head +", 0, 1)):
            ends = bool(deeper) and not 0 <= now.chosen.layer + deeper < layers
            st.button(name, key=f"{page}_{name}", on_click=_step, args=(deeper, further, heads), disabled=ends)


def _step(deeper: int, further: int, heads: int) -> None:
    st.session_state[state.LAYER] = max(1, int(st.session_state[state.LAYER]) + deeper)
    head = str(st.session_state[state.HEAD])
    place = ((int(head) if head.isdigit() else 0) + further) % (heads + 1)  # 0 is the mean of all heads
    st.session_state[state.HEAD] = str(place) if place else "mean"
