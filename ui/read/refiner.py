"""Page "Regions read regions": what a region reads before any word is said, layer by layer, its gates, and its order."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from tutorials.findings import refiner
from tutorials.findings.captioning import Captioning, describe_row, numbered, shown
from tutorials.findings.captions import largest_gap, most_visible, shuffled
from tutorials.findings.refiner import ByLayer
from tutorials.plain import plain
from ui.frame import state
from ui.parts import components, lesson, pickers, trust, widgets
from ui.parts.lesson import View
from ui.read import captions, captions_proof
from ui.read.captions import COVER, OF_BOXES, Told
from visualizer.figures.captions import regions_map
from visualizer.figures.mosaic import head_grid

LAYER, REGION = "refiner_layer", "region"
"""Keys of the widgets and names in the address; both count from 1."""
_ASK = partial(components.pick_number, REGION)
HEIGHT = 420
MOST_BARS = 16
"""More heads than these are drawn as one bar a layer."""
OPEN = "mean opening of the gate"
Row = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True)
class Regions(Captioning):
    """A caption with a layer of its refiner and a query region, both 0 first."""

    layer: int = 0
    region: int = 0

    @property
    def view(self) -> tuple[object, ...]:
        return (*super().view, self.layer, self.region)


def context(told: Told, needs: Sequence[str]) -> Regions:
    """Draw the pickers of layer, head and region that a figure needs; what one region reads as the reader sees it now."""
    now = captions.looked(told)
    layers, heads = len(now.refiner), len(now.refiner[0].weights) if now.refiner else 0
    place = st.container(horizontal=True, vertical_alignment="bottom") if needs else None
    layer, head = 0, None
    if layers:
        drawn = place if "layer" in needs else None
        layer = widgets.slider("Refiner layer", 1, layers, LAYER, 1, place=drawn, width=200) - 1
        head = pickers.one_or_mean("Head", state.HEAD, heads, place=place if "head" in needs else None)
    # Where something is: the region that the most visible word looked at most.
    start = int(now.rows(None)[most_visible(now)].argmax()) + 1
    drawn = place if "query" in needs else None
    region = widgets.number("Query region", 1, len(now.axis), REGION, start, place=drawn, width=160) - 1
    return made(told, head, layer, region)


def made(told: Told, head: int | None, layer: int, region: int) -> Regions:
    """The same of names and numbers alone."""
    now = captions.made(told, head, most_visible(captions.made(told, None, 0)))
    given = {
        name: getattr(now, name) for name in ("model", "picture", "record", "head", "word", "beams", "runs", "run")
    }
    return Regions(**given, layer=layer, region=region, again=partial(made, told, head, layer, region))


def reads(now: Regions) -> tuple[Any, ...]:
    """What the query region reads in one layer and head; a click chooses another."""
    if not now.refiner:
        return ("This network has no refiner, or the record does not keep its maps.",)
    row, words = row_of(now), place_of(now)
    return (
        _map(now, row, f"Read by region {now.region + 1}"),
        describe_row(now, row, f"Read by the {now.region_name(now.region)} in the refiner's {words}"),
        f"{words.capitalize()}: {plain(numbered(now, now.region))}, gives {row[now.region]:.1%} of its attention to itself. "
        f"Click a region to see what it reads. {OF_BOXES if now.axis.grid is None else ''}",
    )


def _map(now: Regions, row: Row, title: str, chosen: bool = True, **look: Any) -> Any:
    """A number for every region over the picture; outlined: the query region, which a click chooses, or the first region."""
    look |= {"query": [now.region * chosen], "clickable": chosen, "opacity": COVER, "height": HEIGHT, "title": title}
    return regions_map(now.picture.image, row, now.axis, now.record.geometry, **look)


def row_of(now: Regions) -> Row:
    """(regions,) what the query region reads."""
    weights = now.refiner[now.layer].single
    return np.asarray(weights[:, now.region].mean(axis=0) if now.head is None else weights[now.head][now.region])


def place_of(now: Regions) -> str:
    """Layer and head in words."""
    return f"layer {now.refiner[now.layer].layer + 1}, {now.head_name()}"


def _bars(now: Regions, found: ByLayer | None, title: str, key: str) -> None:
    """One bar a head of every layer, or a layer if those are too many, beside what evenly spread weights have."""
    if found is None or not found.values.size:
        st.caption("This network has no refiner, or the record does not say where its regions lie.")
        return
    named = [(f"layer {n + 1}, head {h + 1}", one) for (n, h), one in np.ndenumerate(found.values) if np.isfinite(one)]
    if len(named) > MOST_BARS:
        named = [(f"layer {n + 1}", one) for n, one in enumerate(found.layers)]
    ends = (f"{title}, in {found.unit}: ", ".")
    every = [*named, ("evenly spread", found.even)]
    components.bar_chart(key, every, found.unit, "{} {:.3g}", ends, chosen=len(named), title=title)


def distance(now: Regions) -> None:
    """The region distance of every layer and head."""
    _bars(now, refiner.distance(now), "Region distance of each head", "refiner_distance")


def evenness(now: Regions) -> None:
    """How evenly the regions of every layer and head spread their attention."""
    _bars(now, refiner.evenness(now), "How evenly each head spreads its attention", "refiner_evenness")


def gates(now: Regions) -> tuple[Any, ...]:
    """How far the gate of every region is open in the chosen layer."""
    found = now.refiner_gates
    if found is None or not now.refiner or now.refiner[now.layer].layer >= len(found):
        return ("The refiner of this network has no gates, or the record does not keep them.",)
    number = now.refiner[now.layer].layer
    row, name = found[number], f"Gates of the refiner's layer {number + 1}"
    by_layer = ", ".join(f"layer {n + 1} {one.mean():.0%}" for n, one in enumerate(found))
    return (
        _map(now, row, name, scale="per map", unit=OPEN),
        describe_row(now, row, name, OPEN),
        f"Mean over channels: {row.min():.1%} to {row.max():.1%} open; region {now.region + 1}: {row[now.region]:.1%}. "
        f"Mean over all {len(now.axis)} regions: {by_layer}.",
    )


def order(now: Regions) -> tuple[Any, ...]:
    """The same word's map for the regions in order, in a random order, and with that order undone."""
    if not now.runs:
        return ("This record comes from a file, and the model that made it is not here to be run again.",)
    found = shuffled(now)
    if found.decoder.query.labels != now.words or found.moved != now.record.prediction.text:
        return ("The sentences differ, and so their maps are not compared.",)
    before, after = now.rows(None)[now.word], found.decoder.single.mean(axis=0)[now.word]
    back = np.empty_like(after)
    back[found.order] = after
    word = shown(now.words[now.word])
    said = (
        f"Three maps for “{word}”, mean of heads. The first and the third differ by at most {np.abs(before - back).max():.1e}; "
        f"over all words and heads, by at most {largest_gap(now, found):.1e}. (The first record is kept with 16 bits a number, "
        "which alone gives up to 5e-4.)"
    )
    grid = now.axis.grid or (1, len(now.axis))
    return (
        head_grid(
            np.stack([before, after, back]).reshape(3, *grid),
            names=["in order", "shuffled", "shuffled, put back"],
            per_row=3,
            scale="shared",
            title=f"Looked at for “{word}”, regions in the order in which they were given",
            height=300,
        ),
        said,
        said,
    )


def first(now: Regions) -> tuple[Any, str, str]:
    """What all words together give to every region, the first one outlined."""
    row = now.rows(None).mean(axis=0)
    return (
        _map(now, row, "Mean over all words and heads", chosen=False),
        describe_row(now, row, "Looked at by all words, mean of all heads"),
        f"Outlined: region 1, {plain(now.region_name(0))}.",
    )


def below(now: Regions) -> None:
    """What can be checked, and the command of the region's map."""
    trust.draw("", trust.proof(now.record))
    if now.refiner:
        components.in_words(describe_row(now, row_of(now), f"Read by region {now.region + 1} in {place_of(now)}"))
        number = now.refiner[now.layer].layer
        command = captions_proof.map_command(now, number, now.head, now.region, alpha=COVER)
        components.code_box(captions_proof.record_code(now) + _draw(now), [command])


def _draw(now: Regions) -> str:
    chosen = ".mean(axis=0)" if now.head is None else f"[{now.head}]"
    return (
        "from visualizer.figures.captions import regions_map\n\n"
        f"refiner = [one for one in record.maps if one.kind == 'self'][{now.layer}]  # (heads, regions, regions)\n"
        f"row = refiner.single{chosen}[{now.region}]  # query: region {now.region + 1}; numbers begin at 0\n"
        f"regions_map(record.image, row, refiner.key, record.geometry, query=[{now.region}], opacity={COVER}).show()\n"
    )


PAGE = lesson.Page(
    "refiner",
    {
        "reads": View(components.shown("captions_reads", reads, pick=_ASK)),
        "distance": View(distance, ()),
        "evenness": View(evenness, ()),
        "gates": View(components.shown("captions_refiner_gates", gates, pick=_ASK), ("layer", "query")),
        "order": View(components.shown("captions_order", order), ()),
        "first": View(components.shown("captions_first", first), ()),
    },
    below,
    captions.choose,
    context,
    captions.remarks,
    captions.SCENE,
)
