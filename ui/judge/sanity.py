"""Page "Sanity and agreement": every method on one picture, how far they agree, and which notice what is done to the network."""

from itertools import combinations
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from tutorials.findings import Context, several
from tutorials.findings import sanity as found
from ui.judge import sanity_steps
from ui.parts import components, controls, lesson, long_runs, snippets, trust, widgets
from ui.parts.lesson import View
from ui.parts.parts import csv_text
from visualizer.figures.agreement import agreement_table, rank_sheet
from visualizer.figures.mosaic import sheet_height
from visualizer.measures.agreement import chance_overlap, overlap, rank_agreement
from visualizer.measures.deletion import count
from visualizer.method import methods

HEIGHT = 385
"""Pixels of a figure that stands beside a step, over three pickers."""
COSTLY, TOP = "costly", "strongest"
"""Keys of the controls."""
RANK = "rank correlation"
SEVERAL, NARROW, SIDE, SHORT = 7, 4, 78, 13
"""Maps in a row, and on a phone, where they are so many pixels wide; signs that fit over one."""

CODE = """
from visualizer.measures.agreement import rank_agreement

names = ["raw", "rollout"]
maps = [methods()[name](record).values for name in names]
print(rank_agreement(maps).round(2))
"""


def _costly(now: Context, place: Any = None) -> bool:
    """Whether methods that run the model many times are wanted; the switch says about how long they take."""
    asked = [methods()[name] for name in several.fitting(now, True)]
    runs = sum(one.passes({k.name: k.default for k in one.run}, now.grid) for one in asked if one.passes)
    takes = f"about {long_runs.seconds(now, runs):.0f} s on an idle machine"
    tip = "They are computed once, then kept."
    return widgets.toggle(f"Also what runs the model many times ({takes})", COSTLY, place=place, help=tip)


def _which(now: Context) -> None:
    _costly(now, st)


def names(now: Context) -> tuple[str, ...]:
    """The methods that are shown."""
    return (*several.fitting(now), *(several.fitting(now, True) if _costly(now) else ()))


def maps(now: Context, wanted: tuple[str, ...]) -> several.Maps:
    """The maps of some methods: those of one look together, each of the others in a run of its own, so that others get a turn."""
    costly = [name for name in wanted if several.is_costly(methods()[name])]
    with st.spinner("The model is looking ...", show_time=bool(costly)):
        own = several.maps_of(now, [name for name in wanted if name not in costly])
        for name in costly:
            own |= several.maps_of(now, [name])
    return own


def sheet(now: Context, wanted: tuple[str, ...], phone: bool) -> tuple[Any, str, str]:
    """Every map on the scale of ranks."""
    own = maps(now, wanted)
    across = NARROW if phone else SEVERAL
    first, second = zip(*map(_two_lines, several.titles(wanted)), strict=True)
    height = sheet_height(len(own), across, SIDE) if phone else HEIGHT
    figure = rank_sheet(list(own.values()), first, second, per_row=across, height=height)
    strongest = [np.unravel_index(int(np.nanargmax(one)), one.shape) for one in own.values()]
    said = "; ".join(
        f"{name}: strongest in row {row + 1}, column {column + 1}"
        for name, (row, column) in zip(several.titles(wanted), strongest, strict=True)
    )
    caption = f"Asked by {now.query_name()}, of layer {now.chosen.layer + 1}, and about {several.about(now)}, where a method asks these."
    return figure, f"{said}.", caption


def _two_lines(title: str) -> tuple[str, str]:
    """A name over a narrow map in two lines, if it is long."""
    words = title.split(" ") if len(title) > SHORT else [title]
    return words[0], " ".join(words[1:])


def agreement(now: Context, wanted: tuple[str, ...], phone: bool) -> tuple[Any, str, str]:
    """The rank correlation of every two maps, and of each with maps that know no model."""
    own = maps(now, wanted) | several.blind(now)
    table, named = rank_agreement(list(own.values())), several.titles(tuple(own))
    figure = agreement_table(table, named, RANK, narrow=phone, height=HEIGHT)
    said = _extremes(table, named)
    return figure, said, said + _numbered(named) * phone


def shared(now: Context, wanted: tuple[str, ...], number: int, phone: bool) -> tuple[Any, str, str]:
    """The overlap of the strongest patches of every two maps."""
    own = maps(now, wanted) | several.blind(now)
    table, named = overlap(list(own.values()), number), several.titles(tuple(own))
    what = f"overlap of the {number} strongest patches"
    figure = agreement_table(table, named, what, signed=False, narrow=phone, height=HEIGHT)
    chance = chance_overlap(number, now.grid[0] * now.grid[1])
    said = _extremes(table, named)
    return (
        figure,
        said,
        f"Shared patches over all of both. Two unrelated maps have {chance:.2f} on average. {said}{_numbered(named) * phone}",
    )


def _numbered(named: list[str]) -> str:
    """What the numbers of rows and columns stand for, where no name fits beside them."""
    return " " + ", ".join(f"{n} {name}" for n, name in enumerate(named, start=1)) + "."


def _extremes(table: NDArray[np.float64], named: list[str]) -> str:
    """The two maps that are most alike without being the same, and the two that are least."""
    pairs = [pair for pair in combinations(range(len(named)), 2) if np.isfinite(table[pair])]
    other = [pair for pair in pairs if table[pair] < found.SAME] or pairs
    if not other:
        return "No two maps can be compared."
    most, least = (choose(other, key=lambda pair: table[pair]) for choose in (max, min))
    each = (f"{named[a]} and {named[b]} ({table[a, b]:.3f})" for a, b in (most, least))
    return "Most alike without being the same: {}; least: {}.".format(*each)


def _number(now: Context, place: Any = None) -> int:
    most = max(1, now.grid[0] * now.grid[1] // 2)
    return widgets.slider("Strongest patches", 1, most, TOP, count(now.grid), place=place)


def _strongest(now: Context) -> None:
    _number(now, st)


def below(now: Context) -> None:
    """What can be checked of the raw map, the code, commands and files of the page."""
    raw = now.answer("raw")
    trust.card(now, raw.values, raw.row, raw.words)
    commands = [snippets.command(now, name, **snippets.FADED) for name in ("raw", "rollout")]
    components.code(now, f"from visualizer import methods\n{CODE}", commands)
    components.downloads("sanity", {"Agreement (CSV)": ("agreement.csv", _csv)}, now=now)


def _csv(now: Context) -> bytes:
    wanted = several.fitting(now)
    own = several.maps_of(now, wanted) | several.blind(now)
    table, named = rank_agreement(list(own.values())), several.titles(tuple(own))
    lines = [[RANK, *named], *([name, *(f"{v:.6g}" for v in row)] for name, row in zip(named, table, strict=True))]
    return csv_text(lines).encode()


PAGE = lesson.Page(
    "sanity",
    {
        "maps": View(components.shown("sanity_maps", sheet, names, controls.on_phone), under=_which),
        "agreement": View(components.shown("sanity_agreement", agreement, names, controls.on_phone), under=_which),
        "overlap": View(
            components.shown("sanity_overlap", shared, names, _number, controls.on_phone), under=_strongest
        ),
        "redrawn": View(sanity_steps.redrawn, ("layer",), under=sanity_steps.controls_of_steps),
        "classes": View(sanity_steps.two_targets, ("layer", "patch")),
        "noise": View(sanity_steps.noise, ("layer",), under=sanity_steps.controls_of_noise),
    },
    below,
)
