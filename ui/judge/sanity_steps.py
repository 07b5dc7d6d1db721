"""The experiments of "Sanity and agreement": the network drawn anew from the top, another class, and noise on the picture."""

from typing import Any

import numpy as np
import streamlit as st

from tutorials.findings import Context, several
from tutorials.findings import sanity as found
from ui.parts import components, controls, long_runs, widgets
from ui.store import resources
from visualizer.figures.agreement import rank_sheet
from visualizer.figures.mosaic import sheet_height
from visualizer.figures.summary import curves

STEP, EVERY, NOISE = "redrawn", "every_step", "noise"
"""Keys of the controls."""
HEIGHT, SIDE = 360, 110
"""Pixels of a figure under which controls stand, and of a map on a phone, over which every name fits."""
LIMITS = (-1.05, 1.05)
RANKS = "rank correlation with the map of the trained network"


def _step(now: Context, place: Any = None) -> int:
    """How far down the network is drawn anew."""
    named = several.steps(now)
    tip = "Drawn anew as before training: what follows the blocks first, then block by block from the top."
    return named.index(widgets.steps("Drawn anew down to", named, STEP, place=place, help=tip))


def _every(now: Context, place: Any = None) -> bool:
    many = len(several.steps(now))
    takes = long_runs.seconds(now, 5 * many)
    return widgets.toggle(f"Show every step ({many} runs, about {takes:.0f} s on an idle machine)", EVERY, place=place)


def controls_of_steps(now: Context) -> None:
    """The slider of the step, and the switch for all of them."""
    _step(now, st)
    _every(now, st)


def redrawn(now: Context) -> None:
    """A few maps of the trained network over those of the network with its top drawn anew; all steps, if they are wanted."""
    with st.spinner(resources.LOOKING):
        components.kept(now, "sanity_redrawn", _before_after, _step(now), controls.on_phone())
    if _every(now):
        _all_steps(now)


def _before_after(now: Context, step: int, phone: bool) -> tuple[Any, str, str]:
    names, named = found.few(now), several.steps(now)
    own, other = several.maps_of(now, names), several.maps_of(now, names, change=several.Change(step=step))
    ranks, titles = found.after(own, other), several.titles(names)
    said = "; ".join(f"{title} {ranks[name]:+.2f}" for name, title in zip(names, titles, strict=True))
    # One under the other; on a phone, where a row holds two, beside each other.
    maps = [one[name] for name in names for one in (own, other)] if phone else [*own.values(), *other.values()]
    heads = [f"{ranks[name]:+.2f}" for name in names]
    captions = [text for one in heads for text in ("trained", one)] if phone else ["trained"] * len(names) + heads
    twice = [title for title in titles for _ in (0, 1)] if phone else titles * 2
    across, height = (2, sheet_height(len(maps), 2, SIDE)) if phone else (len(names), HEIGHT)
    figure = rank_sheet(maps, twice, captions, per_row=across, height=height)
    what = "nothing is drawn anew" if not step else f"all weights from the head down to this are random: {named[step]}"
    caption = f"Below: {what}. Under each name its {RANKS}."
    return figure, f"{caption} {said}.", caption


def _all_steps(now: Context) -> None:
    """The rank correlations after every step, computed one by one, so that others get a turn between them."""
    named, ranks = several.steps(now), []
    bar = st.progress(0.0, "Drawing weights anew ...")
    for step in range(len(named)):
        ranks.append(found.through_steps(now, step))
        bar.progress((step + 1) / len(named), f"{step + 1} of {len(named)}")
    bar.empty()
    components.kept(now, "sanity_steps", lambda _now: _curves(named, ranks))


def _curves(named: tuple[str, ...], ranks: list[dict[str, float]]) -> tuple[Any, str, str]:
    lines = {name: [one[name] for one in ranks] for name in ranks[0]}
    titles = several.titles(tuple(lines))
    figure = curves(
        dict(zip(titles, lines.values(), strict=True)),
        "rank correlation",
        layers=range(-1, len(named) - 1),
        limits=LIMITS,
        reference={"no relation": 0.0},
        across="step",
        title="How much of each map is left?",
    )
    said = "; ".join(
        f"{title}: {', '.join(f'{v:+.2f}' for v in line)}" for title, line in zip(titles, lines.values(), strict=True)
    )
    steps = ", ".join(f"{n} {name}" for n, name in enumerate(named))
    return figure, f"Rank correlations after each step. {said}.", f"Steps: {steps}."


def two_targets(now: Context) -> None:
    """For each method, how similar its maps about two classes are."""
    figure = st.container()
    first, second = found.targets(now)
    if now.record.prediction.labels:
        menus = st.columns(2)
        with menus[0]:
            first = controls.target(now, "target", "First class", first)
        with menus[1]:
            second = controls.target(now, "other", "Second class", second)
    else:
        st.caption(
            f"{now.model} names no classes, so two similarities are asked about instead: {first} and {second} (row, column of the "
            "patch, counted from 0), which the class token's output is compared with."
        )
    with figure, st.spinner("Computing gradients ..."):
        _bars("sanity_targets", found.by_target(now, first, second), f"About {first} or {second}", 430)


def _deviation(now: Context, place: Any = None) -> int:
    tip = "Normal noise on every channel of every pixel, whose values go from 0 to 255."
    return widgets.slider(
        "Standard deviation of the noise (grey levels of 255)", 1, 60, NOISE, int(found.NOISE), place=place, help=tip
    )


def controls_of_noise(now: Context) -> None:
    """The slider of the noise."""
    _deviation(now, st)


def noise(now: Context) -> None:
    """For a few methods, how similar the map of the picture is to those of the same picture under noise."""
    deviation = _deviation(now)
    with st.spinner(resources.LOOKING):
        ranks = found.under_noise(now, found.few(now), deviation)
    mean = {name: float(np.mean(one)) for name, one in ranks.items()}
    _bars("sanity_noise", mean, f"Under noise of {deviation} grey levels", 300)
    least = min(float(np.min(one)) for one in ranks.values())
    st.caption(
        f"Means over {found.DRAWS} draws of the noise, the same on every visit. The lowest of all is {least:+.2f}."
    )


def _bars(key: str, ranks: dict[str, float], title: str, height: int) -> None:
    named = list(zip(several.titles(tuple(ranks)), ranks.values(), strict=True))
    ends = (f"{title}, rank correlations: ", ".")
    components.bar_chart(key, named, "rank correlation", "{} {:+.2f}", ends, title=title, height=height)
