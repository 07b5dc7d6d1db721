"""The parts of page "Compare": the shared choice on the left, anything else on the right, one scale, and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from tutorials.findings.context import Context, Selection
from ui import commands, components, controls, pictures, resources, snippets, trust
from visualizer.export import files as export
from visualizer.figures.comparison import before_after
from visualizer.measures import deletion
from visualizer.measures.ranks import rank_correlation
from visualizer.method import Map, methods
from visualizer.words.maps import describe
from vit_attention import registry
from vit_attention.records import AttentionRecord

SAME = "as on the left"
MODEL, PICTURE, METHOD = "compare_model", "compare_picture", "compare_method"
LAYER, HEAD = "compare_layer", "compare_head"
SCALES = ("shared", "log", "per map", "clipped")


class Likeness(NamedTuple):
    """How alike two maps of one grid are: rank correlation, common strongest patches, of how many, by chance."""

    rank: float
    common: int
    number: int
    chance: float


def likeness(first: NDArray[Any], second: NDArray[Any], number: int) -> Likeness:
    """Spearman's correlation over patches (NaN if a map is constant) and the overlap of the `number` strongest.

    >>> likeness(np.array([[0.4, 0.3], [0.2, 0.1]]), np.array([[0.1, 0.2], [0.3, 0.4]]), 2)
    Likeness(rank=-1.0, common=0, number=2, chance=1.0)
    """
    flat = [np.asarray(one, np.float64).ravel() for one in (first, second)]
    constant = any(np.ptp(one) == 0 for one in flat)
    rank = float("nan") if constant else round(rank_correlation(*flat), 12)
    common = set(deletion.strongest(first, number)) & set(deletion.strongest(second, number))
    return Likeness(rank, len(common), number, number**2 / flat[0].size)


def right_side(now: Context) -> Context:
    """The right side's context, from its own controls; what is not changed is the left side's."""
    first, second = st.columns(2)
    here = [card.name for card in registry.models() if card.task == "classify" and resources.at_hand(card.name)]
    model = first.selectbox("Model", [SAME, *here], key=MODEL, **controls.KEEP, help="Models that are on this machine.")
    choices = [SAME, *pictures.options(str(st.session_state.get(PICTURE) or st.query_params.get(PICTURE, SAME)))]
    said = second.selectbox("Picture", choices, key=PICTURE, **controls.KEEP)
    name = now.model if model not in here else str(model)
    picture = now.picture if said not in choices[1:] else pictures.get(str(said))
    unchanged = (name, picture.key) == (now.model, now.picture.key)
    try:
        with st.spinner("The model is looking ..."):
            record = now.record if unchanged else resources.record(name, picture)
    except (ValueError, RuntimeError, OSError) as error:
        st.error(f"{name} cannot show this picture: {error}")
        st.stop()
    heads = max(len(one.weights) for one in record.maps)
    layer = first.selectbox("Layer", [SAME, *(str(n + 1) for n in range(len(record.maps)))], key=LAYER, **controls.KEEP)
    head = second.selectbox("Head", [SAME, "mean", *(str(n + 1) for n in range(heads))], key=HEAD, **controls.KEEP)
    return Context(name, picture, record, linked(now, record, str(layer), str(head)), resources.run)


def linked(now: Context, record: AttentionRecord, layer: str = SAME, head: str = SAME) -> Selection:
    """The left side's choice carried over to another record: same query place, same layer and head unless told."""
    axis, chosen = record.maps[0].query, now.chosen
    rows, columns = axis.grid or (1, 1)
    number = min(int(layer) - 1 if layer.isdigit() else chosen.layer, len(record.maps) - 1)
    which = None if head == "mean" else int(head) - 1 if head.isdigit() else chosen.head
    heads = len(record.maps[number].weights)
    row = int((chosen.row + 0.5) * rows / now.grid[0])
    column = int((chosen.column + 0.5) * columns / now.grid[1])
    by_patch = not chosen.by_class_token or now.axis.prefix == 0 or axis.prefix == 0
    return Selection(
        layer=max(number, 0),
        head=None if which is None else min(which, heads - 1),
        query=axis.prefix + row * columns + column if by_patch else 0,
        row=row,
        column=column,
        patches=chosen.patches if (rows, columns) == now.grid else (),
    )


@st.fragment
def view(now: Context) -> None:
    """Controls of both sides, both maps on one scale, and what can be said about them in numbers."""
    left, right = st.columns(2, border=True)
    with left:
        st.markdown("**Left: the shared choice** (sidebar)")
        name, knobs, target = _method(now, "method")
    with right:
        st.markdown("**Right: change what you like**")
        other = right_side(now)
        own = _method(other, METHOD, (SAME,), "compare_")
        own_name, own_knobs, own_target = (name, knobs, target) if own[0] == SAME else own
    try:
        first, second = now.answer(name, target, knobs), other.answer(own_name, own_target, own_knobs)
    except ValueError as error:
        st.error(f"One of the two has no map: {error}")
        return
    mode = st.segmented_control(
        "Scale of both maps", SCALES, default="shared", key="compare_scale", required=True, **controls.KEEP
    )
    scale = controls.one_of(mode, SCALES)
    _draw(now, other, first, second, scale)
    _numbers(now, other, first, second)
    for side, seen, drawn in (("left", now, first), ("right", other, second)):
        trust.card(seen, drawn.values, drawn.row, f"the map on the {side}: {drawn.words}")
    look = commands.scaled(scale, [first.values, second.values])
    lines = [
        commands.of(now, name, knobs, target, output="attn_vis/left", **look),
        commands.of(other, own_name, own_knobs, own_target, output="attn_vis/right", **look),
    ]
    python = (
        snippets.map_code(now, name, first, target) + "left, first = record, values\n\n"
        + snippets.record_code(other) + snippets.map_code(other, own_name, second, own_target)
    )  # fmt: skip
    _take_home(now, other, first, second, python, lines, commands.note(scale))


def _method(now: Context, key: str, more: Sequence[str] = (), prefix: str = "") -> tuple[str, dict[str, Any], str]:
    """Name, knobs and class of the method chosen for one side."""
    name = controls.method(now, key, more, first="rollout" if more else "")
    if name in more:
        return name, {}, ""
    method = methods()[name]
    found = controls.knobs(now, (*method.knobs, *method.run), prefix, 2)
    return name, found, controls.target(now, f"{prefix}target") if method.asks_class else ""


def _draw(now: Context, other: Context, first: Map, second: Map, mode: str) -> None:
    agree = now.grid == other.grid
    unit = first.unit if first.unit == second.unit else "each map's own unit"
    same_geometry = agree and other.picture.key == now.picture.key
    query = controls.query_patches(now) if agree else ()
    fig = before_after(
        (now.picture.image, other.picture.image), first.values, second.values, ("left", "right"),
        (now.record.geometry, other.record.geometry), difference=agree, scale=mode, query=query, unit=unit,
        narrow=controls.on_phone(),
    )  # fmt: skip
    said = "\n\n".join((
        f"Left: {describe(first.values, name=first.words, unit=first.unit)}",
        f"Right: {describe(second.values, name=second.words, unit=second.unit)}",
    ))  # fmt: skip
    components.chart(fig, "compare_maps", said)
    st.markdown(f"Left: {_full(now, first)}.  \nRight: {_full(other, second)}.")
    if not agree:
        sizes = f"{_size(now)} and {_size(other)} patches"
        st.info(f"The grids differ ({sizes}), so the maps are compared by drawing only, on one scale.")
    elif not same_geometry:
        st.caption("The pictures differ: the numbers compare places in the grid, not what is seen there.")
    if first.unit != second.unit:
        units = f"{first.unit}; {second.unit}"
        st.warning(f"The units differ ({units}): on the shared scale the sizes say nothing. Try “per map”.")
    components.in_words(said)


def _full(now: Context, drawn: Map) -> str:
    return f"`{now.model}`, `{pictures.title(now.picture.id)}`, {drawn.words}"


def _size(now: Context) -> str:
    return f"{now.grid[0]} x {now.grid[1]}"


def _numbers(now: Context, other: Context, first: Map, second: Map) -> None:
    if now.grid != other.grid:
        return
    found = likeness(first.values, second.values, deletion.count(now.grid))
    rank, common, gap = st.columns(3)
    order = "not defined" if np.isnan(found.rank) else f"{round(found.rank, 2) + 0.0:+.2f}"
    rank.metric(
        "Rank correlation over patches", order,
        help="Spearman: 1 the same order, 0 no relation, -1 reversed.",
    )  # fmt: skip
    common.metric(
        f"Common in the {found.number} strongest", f"{found.common} of {found.number}",
        help=f"By chance about {found.chance:.1f}.",
    )  # fmt: skip
    largest = f"{float(np.abs(second.values - first.values).max()):.3g}"
    gap.metric(
        "Largest difference", largest if first.unit == second.unit else "units differ",
        help=f"Of one patch, right minus left, whatever its sign; in units of {first.unit}.",
    )  # fmt: skip


def _take_home(
    now: Context, other: Context, first: Map, second: Map, python: str, lines: Sequence[str], note: str
) -> None:
    python += (
        "\nfrom visualizer.figures.comparison import before_after\n\n"
        'before_after((left.image, record.image), first, values, ("left", "right"),\n'
        f"    (left.geometry, record.geometry), difference={now.grid == other.grid}).show()\n"
    )
    components.code(now, python, lines, note)
    files = {
        "Left (PNG)": ("left.png", lambda: _png(now, first, second)),
        "Right (PNG)": ("right.png", lambda: _png(other, second, first)),
        "Left (CSV)": ("left.csv", lambda: export.to_csv(first.values).encode()),
        "Right (CSV)": ("right.csv", lambda: export.to_csv(second.values).encode()),
    }
    components.downloads("compare", files)


def _png(now: Context, drawn: Map, beside: Map) -> bytes:
    together = [drawn.values, beside.values]
    return export.overlay_png(
        now.picture.image, drawn.values, now.record.geometry, drawn.words, settings=f"{now.model}; {now.picture.title}",
        scale="shared", together=together, unit=drawn.unit,
    )  # fmt: skip
