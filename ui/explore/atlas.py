"""Page "Head atlas": how a measure of every head is distributed over thousands of pictures, and on which it is extreme."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from tutorials.findings.surveyed import LEVELS, MEDIAN, Head, Measured, Survey, meaning_of, unit_of
from tutorials.plain import plain
from ui.explore import atlas_pictures, atlas_sources
from ui.frame import state, texts
from ui.frame.stop import stop
from ui.parts import components, live, panels, widgets
from ui.store import surveys
from visualizer.figures.head_ranges import head_ranges
from visualizer.words.plain import plural
from vit_attention.gate import GateError

MEASURE, SORT, LAYERS, RANGE = "measure", "sort", "layers", "median"
"""Keys of the controls."""
ORDERS = ("layer", "median", "spread")
STEPS = 20
"""Steps of the range of medians that is shown."""
FIVE = [LEVELS.index(level) for level in (0.05, 0.25, 0.5, 0.75, 0.95)]


class Shown(NamedTuple):
    """Which heads of a survey are shown, in order.

    Attributes:
        key: of the survey.
        survey: the summary.
        measure: by name.
        heads: places in the survey's list.
    """

    key: str
    survey: Survey
    measure: str
    heads: tuple[int, ...]

    @property
    def measured(self) -> Measured:
        """The numbers of the measure."""
        return self.survey.measures[self.measure]

    @property
    def named(self) -> list[Head]:
        """The heads that are shown."""
        return [self.survey.heads[at] for at in self.heads]

    @property
    def ranges(self) -> NDArray[np.float64]:
        """(heads, 5) the quantiles that are drawn."""
        return self.measured.quantiles[list(self.heads)][:, FIVE]


def draw() -> None:
    """The whole page."""
    chosen = atlas_sources.choose()
    live.part(_body, *chosen)


def _body(chosen: str, beside: str) -> None:
    """Figures first; what chooses them stands below."""
    opened = _opened(chosen)
    other = _opened(beside) if beside else None
    if other and not opened.survey.measures.keys() & other.survey.measures.keys():
        st.info(texts.say("atlas_nothing_common", model=plain(other.survey.model)))
        other = None
    figures, menus = st.container(key="atlas_top"), st.container()
    with menus:
        shown = _choose([opened, other] if other else [opened])
        head = _head(opened.survey)
    with figures:
        _draw(shown, head)
    first = shown[0]
    st.caption(" ".join([*map(_about, shown), meaning_of(first.measure)]))
    atlas_pictures.draw(opened, first.measure, head)
    panels.choose()
    _below(shown)


def _opened(chosen: str) -> surveys.Opened:
    try:
        with st.spinner(texts.say("atlas_opening")):
            return surveys.get(chosen)
    except GateError as error:
        st.error(f"This survey cannot be opened: {plain(str(error))}")
        stop()


def _choose(opened: list[surveys.Opened]) -> list[Shown]:
    """The controls of what is shown; of both surveys where two are compared."""
    both = [one.survey for one in opened]
    measures = [name for name in both[0].measures if all(name in one.measures for one in both)]
    left, middle, right, last = st.columns([2, 3, 3, 3], vertical_alignment="bottom")
    said = {name: name.replace("_", " ") for name in measures}
    measure = widgets.menu("Measure", measures, MEASURE, place=left, format_func=lambda one: said.get(one, one))
    order = widgets.choice("Sort by", ORDERS, SORT, place=middle, help=texts.say("atlas_sort"))
    deepest = max(head.layer for one in both for head in one.heads) + 1
    layers = widgets.span("Layers", 1, deepest, LAYERS, place=right)
    low, high = _limits(both, measure)
    name = lambda step: f"{low + step * (high - low) / STEPS:.3g}"  # noqa: E731
    label = f"Median ({unit_of(measure) or 'in its own unit'})"
    ends = widgets.span(label, 0, STEPS, RANGE, place=last, format_func=name)
    among = (low + ends[0] * (high - low) / STEPS, low + ends[1] * (high - low) / STEPS) if ends != (0, STEPS) else None
    return [Shown(one.key, one.survey, measure, placed(one.survey, measure, order, layers, among)) for one in opened]


def _limits(both: list[Survey], measure: str) -> tuple[float, float]:
    """The smallest 5 % and the largest 95 % quantile of any head."""
    known = np.concatenate([one.measures[measure].quantiles[:, [FIVE[0], FIVE[-1]]] for one in both])
    known = known[np.isfinite(known)]
    return (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)


def placed(
    survey: Survey, measure: str, order: str, layers: tuple[int, int], among: tuple[float, float] | None
) -> tuple[int, ...]:
    """The heads whose layer (from 1) and median lie in these spans, in order; heads without a median last.

    Args:
        survey, measure: whose numbers.
        order: "layer", "median" (lowest first) or "spread" (95 % minus 5 % quantile, narrowest first).
        layers: first and last.
        among: smallest and largest median; None takes also heads on which the measure is not defined.
    """
    numbers = survey.measures[measure].quantiles
    median, spread = numbers[:, MEDIAN], numbers[:, FIVE[-1]] - numbers[:, FIVE[0]]
    by = {"layer": np.zeros(len(median)), "median": median, "spread": spread}[order]
    there = [
        at
        for at, head in enumerate(survey.heads)
        if layers[0] <= head.layer + 1 <= layers[1] and (among is None or among[0] <= median[at] <= among[1])
    ]
    return tuple(sorted(there, key=lambda at: (np.isnan(by[at]), by[at], survey.heads[at])))


def _head(survey: Survey) -> Head:
    """The head whose pictures are shown."""
    layers = sorted({head.layer for head in survey.heads})
    left, right = st.columns(2)
    known = [str(n + 1) for n in layers]
    if state.LAYER in st.session_state:  # a click, and other pages, leave a number
        st.session_state[state.LAYER] = str(st.session_state[state.LAYER])
    layer = int(widgets.steps("Layer", known, state.LAYER, place=left, help=texts.say("atlas_click"))) - 1
    heads = [str(head.head + 1) for head in survey.heads if head.layer == layer]
    return Head(layer, int(widgets.steps("Head", heads, state.HEAD, place=right)) - 1)


def _draw(shown: list[Shown], head: Head) -> None:
    """One figure for each survey, side by side on one scale."""
    limits = _limits([one.survey for one in shown], shown[0].measure)
    for column, one, key in zip(st.columns(len(shown)), shown, ("atlas_heads", "atlas_beside"), strict=False):
        with column:
            if not one.heads:
                st.info(f"{plain(one.survey.model)}: no head has such a layer and median; widen the two spans below.")
                continue
            mark = head if key == "atlas_heads" else None
            now = _View((one.key, one.measure, one.heads, limits, mark))
            make = partial(_figure, one, limits, mark)
            components.kept(now, key, lambda _now, make=make: make(), pick=_pick if mark else None)


class _View(NamedTuple):
    view: tuple[object, ...]


def _pick(points: list[Any]) -> None:
    components.pick_head(points)
    live.whole_page()


def _figure(one: Shown, limits: tuple[float, float], mark: Head | None) -> tuple[Any, str]:
    unit = unit_of(one.measure)
    name = one.measure.replace("_", " ") + f" ({unit})" * bool(unit)
    some = f"{len(one.heads)} of " * (len(one.heads) < len(one.survey.heads)) + plural(len(one.survey.heads), "head")
    title = f"{one.survey.model}: {some}, {_pictures(one)}"
    look: dict[str, Any] = {"limits": limits, "chosen": mark, "depth": max(h.layer for h in one.survey.heads) + 1}
    look |= {"across": "heads by layer" if sorted(one.named) == one.named else "heads, lowest first"}
    return head_ranges(one.ranges, one.named, name, title=title, height=400, **look), _words(one)


def _pictures(one: Shown) -> str:
    return f"{one.survey.pictures:,} picture" + "s" * (one.survey.pictures != 1)


def _words(one: Shown) -> str:
    """The figure in words: where the medians lie, and which heads are at the ends."""
    median = one.ranges[:, 2]
    known = [at for at in np.argsort(median) if np.isfinite(median[at])]
    if not known:
        return f"{one.measure} is not defined for any of these heads."
    low, high = known[0], known[-1]
    unit = unit_of(one.measure)
    said = [f"{one.named[at].words}, {median[at]:.3g} {unit}".rstrip() for at in (low, high)]
    return (
        f"{one.survey.model}, {one.measure.replace('_', ' ')} of {plural(len(one.heads), 'head')} over {_pictures(one)}: "
        f"the lowest median has {said[0]}; the highest {said[1]}."
    )


def _about(one: Shown) -> str:
    about = f" ({plain(one.survey.about)})" if one.survey.about else ""
    return f"**{plain(one.survey.model)}** over {_pictures(one)}{about}."


def _below(shown: list[Shown]) -> None:
    """The figures in words, the code and the numbers as a file."""
    first = shown[0]
    components.in_words("\n\n".join(_words(one) for one in shown))
    components.code_box(CODE, [COMMAND.format(model=first.survey.model)])
    names = [one.survey.model for one in shown]
    names = (
        [f"{name}, {side}" for name, side in zip(names, ("left", "right"), strict=False)]
        if len({*names}) < len(names)
        else names
    )
    tables = {
        f"{name} (CSV)": (f"atlas-{n}.csv", partial(atlas_csv, one))
        for n, (name, one) in enumerate(zip(names, shown, strict=True), 1)
    }
    components.downloads("atlas", tables)
    if panels.wanted(panels.TRUST):
        st.markdown(texts.say("atlas_trust"))


CODE = """import pandas as pd

heads = pd.read_parquet("survey/heads")  # one row for each picture, layer and head; both count from 0
print(heads.groupby(["layer", "head"]).entropy.describe())
"""
COMMAND = "vit-attention survey 'photos/*.jpg' --model {model} --measures entropy,distance,special --out survey"


def atlas_csv(one: Shown) -> bytes:
    """The quantiles of the heads that are shown, one line each, layer and head counted from 1."""
    lines = [",".join(("layer", "head", "pictures", "mean", *(f"q{round(100 * level)}" for level in LEVELS)))]
    for at in one.heads:
        head, found = one.survey.heads[at], one.measured
        numbers = ["" if value != value else f"{value:.6g}" for value in (found.mean[at], *found.quantiles[at])]
        lines.append(",".join((str(head.layer + 1), str(head.head + 1), str(found.counts[at]), *numbers)))
    return ("\n".join(lines) + "\n").encode()
