"""Page "Is attention an explanation?": other rows in the place of a model's own, and how far its answer moves."""

from contextlib import nullcontext
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import numpy as np
import streamlit as st

from tutorials.findings import Context
from tutorials.findings import explaining as numbers
from tutorials.findings import explanation as found
from tutorials.findings.altered import through
from tutorials.findings.controls import UNTRAINED
from tutorials.findings.explaining import EVEN, HOW, OTHER, PERMUTED, Rows
from ui.judge import explanation_sinks as sinks
from ui.parts import components, controls, lesson, snippets, trust, widgets
from ui.parts.lesson import View
from ui.store import resources
from visualizer.figures.strips import strips
from visualizer.figures.summary import curves
from visualizer.measures.divergence import jensen_shannon
from visualizer.style.scale import Scale
from visualizer.words.maps import describe
from vit_attention import registry
from vit_attention.heavy import library

HEIGHT = 310
"""Pixels of a figure that stands beside a step."""
AROUND, ROW = 120, 54
"""Pixels of a figure around its lines of dots, and of one line with a name of three lines."""
HERE, EVERYWHERE = "this layer", "all layers"
ONE, EVERYONE = "the query token's", "all tokens'"
SMALL_MODEL = 20
"""Megabytes of weights up to which an untrained copy of the network is kept beside it."""
TOP = 4
"""Classes whose probabilities are drawn."""


def _choices(place: Any = None) -> tuple[str, str, str]:
    """What is put in the place of which rows."""
    how = widgets.choice("Put in their place", (PERMUTED, EVEN, OTHER), "explain_how", place=place)
    with place.container(horizontal=True) if place else nullcontext():
        where = widgets.choice("Changed in", (HERE, EVERYWHERE), "explain_where", place=place)
        who = widgets.choice("Rows", (ONE, EVERYONE), "explain_rows", place=place)
    return how, where, who


def _experiment(_now: Context) -> None:
    _choices(st)


def _rows(now: Context) -> Rows:
    """The rows that are changed, as they were chosen."""
    how, where, who = _choices()
    return numbers.chosen_rows(now, how, where == EVERYWHERE, who == EVERYONE)


def told(rows: Rows) -> str:
    """The change in a few words."""
    layers = "all layers" if rows.layers is None else f"layer {rows.layers[0] + 1}"
    heads = "all heads" if rows.heads is None else f"head {rows.heads[0] + 1}"
    who = "all rows" if rows.queries is None else "query row"
    return f"{'rows ' * (rows.how == OTHER)}{rows.how}, {layers}, {heads}, {who}"


def maps(now: Context, rows: Rows) -> tuple[Any, str, str]:
    """The chosen layer's row as the model reads it, and the one that it is made to read."""
    at = numbers.chosen_rows(now)
    (before, _), (after, _) = (_read(now, one, at) for one in (None, rows))
    both = [now.patch_map(one) for one in (before, after)]
    figure = components.two_maps(now, both, ("as it is", "made to read"), scale="shared", height=HEIGHT)
    apart = float(jensen_shannon(before, after))
    said = (
        f"Layer {now.chosen.layer + 1}, {now.head_name()}, asked by {now.query_name()}. The two rows are {apart:.2f} bits apart "
        "(Jensen-Shannon divergence: 0 is the same row, 1 shares no token)."
    )
    listed = "\n".join(describe(one, name=name) for one, name in zip(both, ("As it is", "Made to read"), strict=True))
    return figure, listed, said


def _read(now: Context, rows: Rows | None, at: Rows) -> Any:
    names = numbers.others(now) if rows is not None and rows.how == OTHER else ()
    return now.run(numbers.read, now.model, now.picture, rows, at, 0, names, now.labels)


def answer(now: Context) -> None:
    """The answer with and without the change: probabilities, or how far every patch's features turned."""
    rows = _rows(now)
    names = numbers.others(now) if rows.how == OTHER else ()
    before, after = now.run(numbers.answers, now.model, now.picture, rows, 0, names, now.labels)
    moved = f"{found.unit(now).capitalize()}: {numbers.moved(before, after):.3f}."
    if before.ndim == 1:
        _probabilities(now, before, after, rows)
        st.caption(f"{moved} 0 is the same answer; 1 shares no class.")
        return
    turned = (1 - numbers.cosines(before, after)).reshape(now.grid)
    look: dict[str, Any] = {"unit": "1 - cosine", "scale": Scale("raw"), "height": HEIGHT, "query": ()}
    components.picture_map(now, "explanation_turned", turned, "How far each patch's features turned", **look)
    st.caption(f"{moved} 0 is the same direction, 1 a right angle. {now.model} names no classes.")


def _probabilities(now: Context, before: Any, after: Any, rows: Rows) -> None:
    labels = now.record.prediction.labels
    top = np.argsort(-np.maximum(before, after), kind="stable")[:TOP]
    named = [
        (f"{labels[n]}, {how}", 100 * float(one[n])) for n in top for how, one in (("own", before), ("changed", after))
    ]
    title = "Probability with its own and with changed rows"
    ends = (f"{title} ({told(rows)}). ", ".")
    components.bar_chart(
        "explanation_answer", named, "probability in %", "{}: {:.1f} %", ends, title=title, height=HEIGHT
    )


def spread(now: Context) -> None:
    """How far the answer moves over many orders: a dot each, beside controls on request."""
    rows = _rows(now)
    more = widgets.toggle(
        "Add controls: all layers, even rows, rows of other pictures, an untrained network", "explain_controls"
    )
    asked = ("explanation spread", now.view, repr(rows), more)
    values = resources.once(asked, lambda: _moves(now, rows, more))
    components.kept(now, "explanation_spread", _strips, {name: tuple(one) for name, one in values.items()})


def _moves(now: Context, rows: Rows, more: bool) -> dict[str, list[float]]:
    """By name: how far the answer moves in each of some runs."""
    jobs = [(told(rows), now, rows, 1 if rows.how == EVEN else found.SEEDS)]
    if more:
        jobs += [(told(wholly), now, wholly, found.FEW) for wholly in [Rows(PERMUTED)] if rows != wholly]
        jobs += [
            (told(one), now, one, n)
            for one, n in ((rows._replace(how=EVEN), 1), (rows._replace(how=OTHER), found.FEW))
            if one != rows
        ]
        if registry.card(now.model).megabytes <= SMALL_MODEL:
            own = _before_training(now)
            jobs.append(
                (f"{UNTRAINED}: {told(rows._replace(how=PERMUTED))}", own, rows._replace(how=PERMUTED), found.FEW)
            )
    whole, done, bar = sum(n for *_, n in jobs), 0, st.progress(0.0, "The model runs with changed rows ...")
    values = {}
    for name, of, one, seeds in jobs:
        values[name] = found.moves(of, one, seeds).tolist()
        done += seeds
        bar.progress(done / whole, f"{done} of {whole} changed runs")
    bar.empty()
    return values


def _before_training(now: Context) -> Context:
    """The context whose model is the same network before it has learned anything."""
    return replace(now, run=through(now.run, UNTRAINED, _untrained))


@lru_cache(maxsize=1)
def _untrained(model: Any) -> Any:
    made = library("vit_attention.models.untrained").untrained
    return made(registry.load(model.card.name))


def _strips(now: Context, values: dict[str, tuple[float, ...]]) -> tuple[Any, str]:
    far = max(max(one) for one in values.values())
    levels = {f"small: {found.SMALL}": found.SMALL}
    title, height = "How far the answer moves", max(HEIGHT, AROUND + ROW * len(values))
    figure = strips(values, found.unit(now), limits=(0, max(1.0, far)), levels=levels, title=title, height=height)
    listed = "; ".join(f"{name}: median {np.median(one):.3f}, largest {max(one):.3f}" for name, one in values.items())
    return figure, f"{title}, {found.unit(now)}. {listed}."


def depth(now: Context) -> tuple[Any, str]:
    """How far the answer moves with even rows in each layer by itself: the query token's, and all."""
    lines = {}
    for name, who in (("the query token's row", tuple(now.asking)), ("all rows", None)):
        runs = [(Rows(EVEN, (one.layer,), None, who), 0) for one in now.record.maps]
        lines[f"even: {name}"] = found.several(now, runs)
    top = max(0.1, 1.1 * max(float(one.max()) for one in lines.values()))
    title = "One layer at a time"
    look: dict[str, Any] = {"limits": (-0.01, top), "reference": {f"small: {found.SMALL}": found.SMALL}}
    figure = curves(lines, found.unit(now), title=title, height=HEIGHT + 40, **look)
    said = "; ".join(f"{name}: " + ", ".join(f"{v:.3f}" for v in one) for name, one in lines.items())
    return figure, f"How far the answer moves, {found.unit(now)}, layer by layer. {said}."


def rival(now: Context) -> None:
    """The model's own map beside the most different one with which the answer hardly moves."""
    bar = st.progress(0.0, "Other maps are tried ...")
    rivals = found.tried(now, lambda done, of: bar.progress(done / of, f"{done} of {of} other maps tried"))
    bar.empty()
    components.kept(now, "explanation_rival", partial(_rival, rivals=rivals))


def _rival(now: Context, rivals: list[found.Rival]) -> tuple[Any, ...]:
    one, own = found.best(rivals), found.own(now)[0]
    shown = one or max(rivals, key=lambda each: -each.moved)
    both = [now.patch_map(own), now.patch_map(shown.row)]
    figure = components.two_maps(now, both, ("as it is", shown.name), scale="shared", height=HEIGHT)
    same = sum(each.moved <= found.SMALL for each in rivals)
    said = (
        f"Layer {now.chosen.layer + 1}, all heads, asked by {now.query_name()}. {found.unit(now).capitalize()} {shown.moved:.3f}, "
        f"and the maps are {shown.apart:.2f} bits apart. The answer stays within {found.SMALL} with {same} of {len(rivals)} maps tried."
    )
    return figure, "\n".join(describe(m, name=n) for m, n in zip(both, ("As it is", shown.name), strict=True)), said


def code(now: Context, rows: Rows) -> str:
    """The lines that run the model with changed rows."""
    given = f", {found_given(rows)}" if rows.how == OTHER else ""
    chosen = ", ".join(
        f"{name}={None if one is None else [*one]}" for name, one in rows._asdict().items() if name != "how"
    )
    lines = f'changed = model.under(va.ChangedRows("{HOW[rows.how]}", {chosen}{given}))\n'
    asks = "picture" + ", labels=labels" * bool(now.labels)
    lines += f"after = changed.attend({asks})\nprint(after.notes)\n"
    if now.record.prediction.labels:
        lines += "apart = abs(after.prediction.probabilities - record.prediction.probabilities).sum() / 2\n"
        lines += 'print(f"total variation {apart:.3f}")\n'
    return lines


def found_given(rows: Rows) -> str:
    """The argument that brings the rows of another picture."""
    layers = "" if rows.layers is None else f", layers={[*rows.layers]}"
    return f'given=model.attend("scene-801"{layers}).layers'


def below(now: Context) -> None:
    """What can be checked, the code and the files of the page."""
    trust.card(now, now.patch_map(), now.row(), controls.map_name(now))
    rows = _rows(now)
    components.code(
        now, code(now, rows), [snippets.command(now)], "The command draws the map as it is, without a change."
    )
    files = {"Distances over ten orders (CSV)": ("distances.csv", partial(_csv, rows=rows))}
    components.downloads("explanation", files, now=now)


def _csv(now: Context, rows: Rows) -> bytes:
    lines = [
        "order,distance",
        *(f"{n},{one:.6g}" for n, one in enumerate(found.moves(now, rows, found.SEEDS), start=1)),
    ]
    return "\n".join([*lines, ""]).encode()


WHO = ("layer", "head")
PAGE = lesson.Page(
    "explanation",
    {
        "maps": View(components.shown("explanation_maps", maps, _rows), WHO, under=_experiment),
        "answer": View(answer, WHO, under=_experiment),
        "spread": View(spread, WHO, under=_experiment),
        "depth": View(components.shown("explanation_depth", depth), ()),
        "rival": View(rival, ("layer",)),
        "display": View(components.shown("explanation_display", sinks.display), ()),
        "run time": View(components.shown("explanation_run_time", sinks.run_time, sinks.shown), (), under=sinks.what),
        "register": View(components.shown("explanation_register", sinks.register, sinks.gets), (), under=sinks.onto),
    },
    below,
)
