"""Page "Compare": the shared choice on the left, anything else on the right, one scale, and numbers."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from tutorials.findings.context import Context, Selection
from ui.parts import components, controls, long_runs, snippets, trust
from ui.store import pictures, resources
from visualizer.figures.comparison import before_after
from visualizer.measures import deletion, ranks
from visualizer.method import Map, methods
from visualizer.words.maps import describe
from vit_attention import registry
from vit_attention.records import AttentionRecord

SAME = "as on the left"
PICTURE = "compare_picture"
SCALES = ("shared", "log", "per map", "clipped")

REFUSED = {"components": "each map is fitted by itself, so that two of them have no axis in common"}
"""Methods whose maps cannot be compared, and why."""

CODE = """
from visualizer.figures.comparison import before_after

before_after((left.image, record.image), first, values, ("left", "right"),
    (left.geometry, record.geometry), difference=AGREE).show()
"""


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
    rank = float("nan") if constant else round(ranks.rank_correlation(*flat), 12)
    common = set(deletion.strongest(first, number)) & set(deletion.strongest(second, number))
    return Likeness(rank, len(common), number, number**2 / flat[0].size)


def right_side(now: Context) -> Context:
    """The right side's context, from its own controls; what is not changed is the left side's."""
    first, second = st.columns(2)
    here = [
        card.name for card in registry.models() if card.task in ("classify", "label") and resources.usable(card.name)
    ]
    model = first.selectbox(
        "Model", [SAME, *here], key="compare_model", **controls.KEEP, help="Models that are on this machine."
    )
    choices = [SAME, *pictures.options(str(st.session_state.get(PICTURE) or st.query_params.get(PICTURE, SAME)))]
    wanted = second.selectbox("Picture", choices, key=PICTURE, **controls.KEEP)
    name = str(model) if model in here else now.model
    picture = pictures.get(str(wanted)) if wanted in choices[1:] else now.picture
    if name != now.model:  # the sidebar says it of the left side's
        card = registry.card(name)
        st.caption(f"{card.label}. {card.knows}")
    unchanged = (name, picture.key) == (now.model, now.picture.key)
    if not unchanged and (told := components.mismatch(name, picture)):
        st.caption(told)
    record = now.record if unchanged else components.looked(name, picture)
    heads = max(len(one.weights) for one in record.maps)
    layer = first.selectbox(
        "Layer", [SAME, *(str(n + 1) for n in range(len(record.maps)))], key="compare_layer", **controls.KEEP
    )
    head = second.selectbox(
        "Head", [SAME, "mean", *(str(n + 1) for n in range(heads))], key="compare_head", **controls.KEEP
    )
    return Context(name, picture, record, linked(now, record, str(layer), str(head)), resources.run)


def linked(now: Context, record: AttentionRecord, layer: str = SAME, head: str = SAME) -> Selection:
    """The left side's choice carried over to another record: same query place, same layer and head unless told."""
    axis, chosen = record.maps[0].query, now.chosen
    rows, columns = axis.grid or (1, 1)
    number = min(int(layer) - 1 if layer.isdigit() else chosen.layer, len(record.maps) - 1)
    which = None if head == "mean" else int(head) - 1 if head.isdigit() else chosen.head
    row = int((chosen.row + 0.5) * rows / now.grid[0])
    column = int((chosen.column + 0.5) * columns / now.grid[1])
    by_patch = not chosen.by_class_token or now.axis.prefix == 0 or axis.prefix == 0
    return Selection(
        layer=max(number, 0),
        head=None if which is None else min(which, len(record.maps[number].weights) - 1),
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
        method = _method(now, "method")
    with right:
        st.markdown("**Right: change what you like**")
        other = right_side(now)
        own = _method(other, "compare_method", (SAME,), "compare_")
    own = method if own[0] == SAME else own
    try:
        first, second = (_found(*side) for side in (("left", now, method), ("right", other, own)))
    except ValueError as error:
        st.error(f"One of the two has no map: {error}")
        return
    scale = controls.choice("Scale of both maps", SCALES, "compare_scale")
    _draw(now, other, first, second, scale)
    if now.grid == other.grid:
        _numbers(now, first, second)
    sides = (("left", now, first, method), ("right", other, second, own))
    for side, seen, shown, made in sides:
        trust.card(seen, shown.values, shown.row, f"the map on the {side}: {shown.words}", made)
    both = [first.values, second.values]
    look = snippets.scaled(scale, both)
    components.code(
        now,
        f"{snippets.map_code(now, method[0], first, *method[1:])}left, first = record, values\n\n"
        f"{snippets.record_code(other)}{snippets.map_code(other, own[0], second, *own[1:])}"
        f"{CODE.replace('AGREE', str(now.grid == other.grid))}",
        [snippets.command(seen, *how, output=f"attn_vis/{side}", **look) for side, seen, _, how in sides],
        snippets.note(scale),
    )
    files = {}
    for side, seen, shown, _ in sides:
        how = {"settings": f"{seen.model}; {seen.picture.title}", "unit": shown.unit, "scale": "shared"}
        draw = partial(components.png, seen, shown.values, shown.words, together=both, **how)
        files[f"{side.capitalize()} (PNG)"] = (f"{side}.png", draw)
    tables = {
        f"{side.capitalize()} (CSV)": (f"{side}.csv", partial(components.csv, one.values)) for side, _, one, _ in sides
    }
    components.downloads("compare", files | tables)


def _method(now: Context, key: str, more: Sequence[str] = (), prefix: str = "") -> tuple[str, str, dict[str, Any]]:
    """Name, class and knobs of the method chosen for one side, as `Context.answer` takes them."""
    name = controls.method(now, key, more, first="rollout" if more else "", refused=REFUSED)
    if name in more:
        return name, "", {}
    method = methods()[name]
    found = long_runs.knobs(now, method, prefix, 2)
    return name, controls.target(now, f"{prefix}target") if method.asks_class else "", found


def _found(side: str, now: Context, asked: tuple[str, str, dict[str, Any]]) -> Map:
    """The map of one side; the page stops before a long run until it is wanted."""
    name, target, knobs = asked
    with st.spinner(long_runs.wait(now, methods()[name], target, knobs, f"compare_run_{side}"), show_time=True):
        return now.answer(name, target, knobs)


def _draw(now: Context, other: Context, first: Map, second: Map, scale: str) -> None:
    agree, sides = now.grid == other.grid, (("Left", now, first), ("Right", other, second))
    said = "\n\n".join(f"{side}: {describe(one.values, name=one.words, unit=one.unit)}" for side, _, one in sides)
    components.chart(
        before_after(
            (now.picture.image, other.picture.image),
            first.values,
            second.values,
            ("left", "right"),
            (now.record.geometry, other.record.geometry),
            difference=agree,
            scale=scale,
            query=controls.query_patches(now) if agree else (),
            unit=first.unit if first.unit == second.unit else "each map's own unit",
            narrow=controls.on_phone(),
        ),
        "compare_maps",
        said,
    )
    full = (f"{side}: `{seen.model}`, `{pictures.title(seen.picture.id)}`, {one.words}." for side, seen, one in sides)
    st.markdown("  \n".join(full))
    if not agree:
        sizes = " and ".join("{} x {}".format(*seen.grid) for seen in (now, other))
        st.info(f"The grids differ ({sizes} patches), so the maps are compared by drawing only, on one scale.")
    elif other.picture.key != now.picture.key:
        st.caption("The pictures differ: the numbers compare places in the grid, not what is seen there.")
    if first.unit != second.unit:
        units = f"{first.unit}; {second.unit}"
        st.warning(f"The units differ ({units}): on the shared scale the sizes say nothing. Try “per map”.")
    components.in_words(said)


def _numbers(now: Context, first: Map, second: Map) -> None:
    found = likeness(first.values, second.values, deletion.count(now.grid))
    order = "not defined" if np.isnan(found.rank) else f"{round(found.rank, 2) + 0.0:+.2f}"
    largest = (
        f"{float(np.abs(second.values - first.values).max()):.3g}" if first.unit == second.unit else "units differ"
    )
    where = f"Of one patch, right minus left, whatever its sign; in units of {first.unit}."
    facts = (
        ("Rank correlation over patches", order, "Spearman: 1 the same order, 0 no relation, -1 reversed."),
        (
            f"Common in the {found.number} strongest",
            f"{found.common} of {found.number}",
            f"By chance about {found.chance:.1f}.",
        ),
        ("Largest difference", largest, where),
    )
    for column, (label, value, meaning) in zip(st.columns(3), facts, strict=True):
        column.metric(label, value, help=meaning)
