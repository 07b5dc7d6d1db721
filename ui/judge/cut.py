"""Page "Flow and the cut": a toy of pipes, flow beside rollout, ties, the narrowest cut, and what the values depend on."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import streamlit as st

from tutorials.findings import Context, pipes
from tutorials.findings import flow as toy
from ui.judge import cut_proof as proof
from ui.parts import components, controls, lesson, snippets, trust, widgets
from ui.parts.lesson import View
from ui.store import resources
from visualizer.figures.comparison import before_after
from visualizer.figures.flow_network import flow_network
from visualizer.figures.summary import bars
from visualizer.measures.flow import Flow
from visualizer.method.flow import SATURATED
from visualizer.method.rollout import RESIDUAL
from visualizer.words.flow import describe_flow
from visualizer.words.maps import describe

HEIGHT = 350
"""Pixels of a figure that stands beside a step."""
UNIT = "largest flow"
WAITING = "Finding the largest flow to every patch ..."
STEPS = (0.0, 0.7, 0.8, 0.9, 0.95, SATURATED)
"""Lower ends of the ranges that flows are counted in."""


def _toy(now: Context) -> None:
    """The controls of the toy."""
    left, right = st.columns([3, 2])
    _flow_to(left)
    with right:
        _toy_share(now, drawn=True)


def _flow_to(place: Any = None) -> str:
    return widgets.choice("Flow to", toy.NAMES[1:], "flow_to", "patch 2", place=place)


def _toy_share(now: Context, drawn: bool = False) -> float:
    return float(controls.knobs(now.record, [RESIDUAL], "toy_", drawn=drawn)["residual"])


def _share(now: Context, drawn: bool = False) -> float:
    """The residual share of the picture's network."""
    return float(controls.knobs(now.record, [RESIDUAL], drawn=drawn)["residual"])


def _drawn_share(now: Context) -> None:
    _share(now, drawn=True)


def capacities(now: Context, name: str, residual: float) -> tuple[Any, str, str]:
    """The toy's pipes, before anything flows; it knows nothing of the picture."""
    target = toy.NAMES.index(name)
    empty = Flow(0.0, (found := toy.between(target, residual)).capacities, np.zeros_like(found.through), ())
    figure = flow_network(empty, 0, target, toy.NAMES, title=f"Pipes from class token to {name}", height=HEIGHT)
    said = f"Pipes of three layers between a class token and four patches; everything flows from the class token to {name}."
    return figure, said, "Hovering over the middle of a pipe says its capacity."


def network(now: Context, name: str, residual: float) -> tuple[Any, str, str]:
    """What flows to the chosen patch of the toy, and the narrowest cut."""
    target = toy.NAMES.index(name)
    found = toy.between(target, residual)
    title = f"Flow to {name}: {found.value:.3g}"
    said = describe_flow(found, 0, target, toy.NAMES)
    return flow_network(found, 0, target, toy.NAMES, title=title, height=HEIGHT), said, said


def _flowing(draw: Callable[[Context, float], None]) -> Callable[[Context], None]:
    """Draws it at the chosen residual share where there is a flow from a class token; elsewhere says why there is none."""

    def drawn(now: Context) -> None:
        if why := pipes.unfit(now):
            st.info(f"There is no attention flow here: {why}. Choose scene-vit or photo-dino in the sidebar.")
            return
        with st.spinner(WAITING, show_time=True):
            draw(now, _share(now))

    return drawn


def _kept(key: str, make: Callable[[Context, float], tuple[Any, ...]]) -> Callable[[Context], None]:
    """A figure of the flow that is kept."""
    return _flowing(lambda now, residual: components.kept(now, key, make, residual))


def beside(now: Context, residual: float) -> tuple[Any, str, str]:
    """Flow and rollout of the class token, each on its own scale."""
    maps = pipes.live(now, residual)
    figure = before_after(
        now.picture.image,
        maps.flow,
        maps.rollout,
        ("attention flow", "rollout"),
        now.record.geometry,
        difference=False,
        scale="per map",
        unit="the map's own unit",
        height=HEIGHT,
    )
    words = f"{describe(maps.flow, name='Attention flow', unit=UNIT)}\n{describe(maps.rollout, name='Rollout')}"
    caption = (
        f"Class token, mean of heads, residual share {residual:g}. Flow: {maps.flow.min():.2f} to {maps.flow.max():.2f}, at most 1, no "
        f"shares. Rollout: shares, which sum to 1 with those of special tokens. Rank correlation {pipes.alike(*maps):+.2f}."
    )
    return figure, words, caption


def counted(now: Context, residual: float) -> None:
    """How many patches receive how much."""
    values = pipes.live(now, residual).flow.ravel()
    ends = (*STEPS, np.inf)
    named = [
        (
            f"{low:g} to {high:.3g}" if high <= 1 else "1.0, all that leaves",
            float(((values >= low) & (values < high)).sum()),
        )
        for low, high in pairwise(ends)
    ]
    components.bar_chart(
        "cut_counted",
        named[::-1],
        "number of patches",
        "{}: {:.0f}",
        (f"Patches by their largest flow, of {values.size}. ", "."),
        title="How much reaches how many patches?",
        height=HEIGHT,
    )


def narrowest(now: Context, residual: float) -> None:
    """The flow map to click, and where the cut in front of the chosen patch lies."""
    maps, by_layer = pipes.live(now, residual), pipes.live_cut(now, residual)
    left, right = st.columns([3, 4])
    row, column = now.chosen.row, now.chosen.column
    patch = row * now.grid[1] + column
    with left:
        components.picture_map(
            now,
            "cut_flow",
            maps.flow,
            "Click a patch",
            name="Attention flow",
            unit=UNIT,
            clickable=True,
            query=(patch,),
            outlined="chosen patch",
            height=HEIGHT,
        )
    with right:
        names = [f"layer {n + 1}" for n in range(len(by_layer))]
        listed = "; ".join(f"{name} {value:.3f}" for name, value in zip(names, by_layer, strict=True) if value)
        title = f"Cut before row {row + 1}, column {column + 1}: {by_layer.sum():.3f}"
        figure = bars(names, by_layer, "capacity of the cut's pipes", title=title, height=HEIGHT)
        components.chart(
            figure, "cut_layers", f"Capacity of the narrowest cut by layer: {listed or 'nothing arrives'}."
        )


def below(now: Context) -> None:
    """What can be checked, the code and the files of the flow."""
    if pipes.unfit(now):
        return
    knobs = {"residual": _share(now)}
    whole = resources.answer(now, "flow", knobs=knobs, told=WAITING, query=None)
    trust.card(now, whole.values, None, whole.words, ("flow", "", knobs))
    look = snippets.scaled("raw")
    components.code(now, snippets.map_code(now, "flow", whole), [snippets.command(now, "flow", knobs=knobs, **look)])
    files: dict[str, tuple[str, Callable[..., bytes]]] = {
        "Flow (PNG)": ("flow.png", partial(_png, residual=knobs["residual"])),
        "Flow (CSV)": ("flow.csv", partial(_csv, residual=knobs["residual"])),
    }
    components.downloads("cut", files, now=now)


def _png(now: Context, residual: float) -> bytes:
    words = f"attention flow of the class token, residual share {residual:g}"
    return components.png(now, pipes.live(now, residual).flow, words, settings=now.model, unit=UNIT)


def _csv(now: Context, residual: float) -> bytes:
    return components.csv(pipes.live(now, residual).flow)


PAGE = lesson.Page(
    "cut",
    {
        "capacities": View(
            components.shown("cut_capacities", capacities, lambda now: _flow_to(), _toy_share), (), under=_toy
        ),
        "pipes": View(components.shown("cut_pipes", network, lambda now: _flow_to(), _toy_share), (), under=_toy),
        "beside": View(_kept("cut_beside", beside), (), under=_drawn_share),
        "counted": View(_flowing(counted), (), under=_drawn_share),
        "cut": View(_flowing(narrowest), ("patch",), under=_drawn_share),
        "between": View(_kept("cut_shuffled", proof.shuffled), (), under=_drawn_share),
        "moved": View(_kept("cut_moved", proof.moved), (), under=_drawn_share),
        "deletion": View(_flowing(proof.deletion), ()),
    },
    below,
)
