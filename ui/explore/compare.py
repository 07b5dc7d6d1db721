"""Page "Compare": what the controls say on the left, anything else on the right, one scale, and numbers."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from tutorials.plain import plain
from ui.explore import sides
from ui.explore.sides import Asked, Side
from ui.frame import address, state, texts
from ui.parts import components, controls, live, looking, panels, snippets, thumbnails, trust, widgets
from ui.store import figures, pictures
from visualizer.figures.comparison import before_after
from visualizer.measures import deletion, ranks
from visualizer.words.maps import describe

SCALES = ("shared", "log", "per map", "clipped")

CODE = """
from visualizer.figures.comparison import before_after

before_after((left.image, record.image), first, values, ("left", "right"),
    (left.geometry, record.geometry), difference=AGREE).show()
"""


class Likeness(NamedTuple):
    """How similar two maps of one grid are: rank correlation, common strongest patches, of how many, by chance."""

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


def draw() -> None:
    """The whole page."""
    looked = looking.choose(str(state.DEFAULTS[state.PICTURE]))
    shown = _right_picture(looked.picture)
    thumbnails.row("right", pictures.options(shown), shown, _look_right, texts.say("right_side"))
    live.part(_body, looked, sides.here())


def _right_picture(left: str) -> str:
    """The picture of the right side, as its menu or the address says; that of the left if nothing does."""
    wanted = address.wanted(sides.PICTURE) or str(st.session_state.get(sides.PICTURE, sides.SAME))
    return wanted if wanted in pictures.options(wanted) else left


def _look_right(picture: str) -> None:
    st.session_state[sides.PICTURE] = picture


def _body(looked: looking.Looked, here: Sequence[str]) -> None:
    """Both maps, then the controls of both sides, then what can be said about the maps in numbers."""
    maps, menus = st.container(key="compare_top"), st.columns(2, border=True)
    with menus[0]:
        st.markdown(f"**{texts.say('left_menus')}**")
        now = looking.context(looked)
        asked = sides.method(now, "method")
    with menus[1]:
        st.markdown(f"**{texts.say('right_menus')}**")
        other = sides.right_side(now, here)
        own = sides.method(other, "compare_method", (sides.SAME,), "compare_")
    own = asked if own.name == sides.SAME else own
    with maps:
        try:
            left, right = (sides.side(*one) for one in (("left", now, asked), ("right", other, own)))
        except ValueError as error:
            st.error(f"One of the two has no map: {plain(str(error))}")
            return
    # On one scale, maps of two units would hide each other; each pair of units has a choice of its own.
    first, key = (SCALES[0], "compare_scale") if _same_unit(left, right) else ("per map", "compare_units_scale")
    scale = widgets.choice("Scale of both maps", SCALES, key, first)
    with maps:
        _figure(left, right, scale)
    _said(left, right)
    panels.choose()
    if not panels.wanted(panels.NONE):
        _below(left, right, scale)


def _agree(left: Side, right: Side) -> bool:
    return left.now.grid == right.now.grid


def _subtracted(left: Side, right: Side) -> bool:
    return _agree(left, right) and _same_unit(left, right)


def _same_unit(left: Side, right: Side) -> bool:
    return left.found.unit == right.found.unit


def _words(left: Side, right: Side) -> str:
    each = ((one.name.capitalize(), one.found) for one in (left, right))
    return "\n\n".join(f"{name}: {describe(one.values, name=one.words, unit=one.unit)}" for name, one in each)


def _figure(left: Side, right: Side, scale: str) -> None:
    asked = [(one.now.view, *map(repr, one.asked)) for one in (left, right)]
    key = ("compare", *asked, scale, controls.on_phone())
    with components.drawing():
        figure, said = figures.kept(key, lambda: (_both(left, right, scale), _words(left, right)))
        components.chart(figure, "compare_maps", said)


def _both(left: Side, right: Side, scale: str) -> Any:
    now, other, first, second = left.now, right.now, left.found, right.found
    return before_after(
        (now.picture.image, other.picture.image),
        first.values,
        second.values,
        ("left", "right"),
        (now.record.geometry, other.record.geometry),
        difference=_subtracted(left, right),
        scale=scale,
        query=controls.query_patches(now) if _agree(left, right) else (),
        unit=first.unit if _same_unit(left, right) else "each map's own unit",
        narrow=controls.on_phone(),
    )


def _said(left: Side, right: Side) -> None:
    """The two maps in words, what to mind in comparing them, and how similar they are in numbers."""
    first, second = left.found, right.found
    if _agree(left, right):
        _numbers(left, right)
    each = (f"{one.name.capitalize()}: {_named(one)}, {plain(one.found.words)}." for one in (left, right))
    st.markdown("  \n".join(each))
    if not _agree(left, right):
        sizes = " and ".join("{} x {}".format(*one.now.grid) for one in (left, right))
        st.info(f"The grids differ ({sizes} patches), so the maps are compared by drawing only, on one scale.")
    elif right.now.picture.key != left.now.picture.key:
        st.caption("The pictures differ: the numbers compare places in the grid, not what is seen there.")
    if not _same_unit(left, right):
        st.info(
            f"The units differ ({first.unit}; {second.unit}): compare places, not sizes; there is no difference to draw."
        )


def _named(side: Side) -> str:
    return f"**{plain(side.now.model)}**, {plain(pictures.title(side.now.picture.id))}"


def _numbers(left: Side, right: Side) -> None:
    first, second = left.found, right.found
    found = likeness(first.values, second.values, deletion.count(left.now.grid))
    order = "not defined" if np.isnan(found.rank) else f"{round(found.rank, 2) + 0.0:+.2f}"
    gap = float(np.abs(second.values - first.values).max())
    largest = f"{gap:.3g}" if _same_unit(left, right) else "units differ"
    where = f"Of one patch, right minus left, whatever its sign; in units of {first.unit}."
    common, by_chance = f"{found.common} of {found.number}", f"By chance about {found.chance:.1f}."
    facts = (
        ("Rank correlation over patches", order, "Spearman: 1 the same order, 0 no relation, -1 reversed."),
        (f"Common in the {found.number} strongest", common, by_chance),
        ("Largest difference", largest, where),
    )
    for column, (label, value, meaning) in zip(st.columns(3), facts, strict=True):
        column.metric(label, value, help=meaning)


def _below(left: Side, right: Side, scale: str) -> None:
    """Trust cards, code and files of both sides."""
    both = (left, right)
    components.in_words(_words(left, right))
    for one in both:
        what = f"the map on the {one.name}: {one.found.words}"
        trust.card(one.now, one.found.values, one.found.row, what, one.asked, one.name)
    look = snippets.scaled(scale, [one.found.values for one in both])
    codes = [snippets.map_code(one.now, one.asked.name, one.found, *one.asked[1:]) for one in both]
    components.code(
        left.now,
        f"{codes[0]}left, first = record, values\n\n{snippets.record_code(right.now)}{codes[1]}"
        f"{CODE.replace('AGREE', str(_subtracted(left, right)))}",
        [snippets.command(one.now, *one.asked, output=f"attn_vis/{one.name}", **look) for one in both],
        snippets.note(scale),
    )
    asked = tuple((one.now.again, one.asked) for one in both)
    files: dict[str, Any] = {}
    for number, one in enumerate(both):
        name = one.name.capitalize()
        files[f"{name} (PNG)"] = (f"{one.name}.png", partial(_png, asked, number))
        files[f"{name} (CSV)"] = (f"{one.name}.csv", partial(_csv, asked, number))
    components.downloads("compare", files)


def _png(asked: Sequence[tuple[Any, Asked]], number: int) -> bytes:
    """The picture of one side, on the scale of both; makes both anew."""
    made = [(again(), one) for again, one in asked]
    found = [now.answer(*one) for now, one in made]
    now, shown = made[number][0], found[number]
    settings = f"{now.model}; {now.picture.title}"
    how = {"unit": shown.unit, "scale": "shared", "together": [one.values for one in found]}
    return components.png(now, shown.values, shown.words, settings=settings, **how)


def _csv(asked: Sequence[tuple[Any, Asked]], number: int) -> bytes:
    again, one = asked[number]
    return components.csv(again().answer(*one).values)
