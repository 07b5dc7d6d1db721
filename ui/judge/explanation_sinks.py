"""Sinks of the page "Is attention an explanation?": left out of a drawing, masked while the model runs, beside a register."""

from typing import Any

import numpy as np
import streamlit as st

from tutorials.findings import Context
from tutorials.findings import explaining as numbers
from tutorials.findings import explanation as found
from ui.parts import components, widgets
from visualizer.figures.summary import curves
from visualizer.words.maps import describe

HEIGHT = 350
"""Pixels of a figure that stands beside a step."""
RECEIVED, ROLLOUT = "attention received", "rollout"
NOTHING, NEURONS = "nothing", "neurons that are large at sinks"
TOP = 10
"""Neurons that are moved onto a register."""
LEARNED = ("astronaut", "cat", "camera", "coins")
"""Photographs at whose sinks neurons are looked for."""


def what(_now: Context) -> None:
    """Draw the choice of what is shown."""
    shown(_now, st)


def shown(_now: Context, place: Any = None) -> str:
    """What is shown before and after masking."""
    return widgets.choice("Shown", (RECEIVED, ROLLOUT), "explain_shown", place=place)


def onto(_now: Context) -> None:
    """Draw the choice of what the register is given."""
    gets(_now, st)


def gets(_now: Context, place: Any = None) -> str:
    """What an added register is given."""
    return widgets.choice("The register gets", (NOTHING, NEURONS), "explain_register", place=place)


def display(now: Context) -> tuple[Any, str, str]:
    """The rollout with and without its sinks at display: the model is the same."""
    asks: dict[str, Any] = {"query": None} if now.axis.prefix else {}
    whole, without = (now.answer("rollout", sinks=how, **asks) for how in ("show", "hide"))
    names = ("rollout", "display: without sinks")
    figure = components.two_maps(now, [whole.values, without.values], names, height=HEIGHT)
    row = whole.row[now.axis.prefix :]
    first, second = np.sort(row)[::-1][:2] / row.sum()
    gone = without.words.removeprefix(whole.words).lstrip("; ") or "No sink was found here to leave out"
    said = f"Display only. The strongest patch holds {first:.1%} of the rollout's patch weight, the next {second:.1%}."
    return figure, said, f"{said} {gone[:1].upper()}{gone[1:]}."


def run_time(now: Context, wanted: str) -> tuple[Any, ...]:
    """Before and after the sinks' columns are masked in every layer: the model itself is another."""
    both = found.heir(now)
    if both is None:
        return (found.NO_SINK,)
    first, new = both
    states = [found.after(now), found.after(now, masked=True)]
    maps, unit = [one.rollout for one in states], "share of attention"
    if wanted == RECEIVED:
        maps = [one.layers[first.layer, first.head, now.axis.prefix :] for one in states]
    drawn = [one.reshape(now.grid) for one in maps]
    figure = components.two_maps(
        now, drawn, ("as it is", "run time: masked"), scale="shared", unit=unit, height=HEIGHT, query=()
    )
    moved = numbers.moved(states[0].answer, states[1].answer)
    said = (
        f"Run time. Layer {first.layer + 1}, head {first.head + 1}: the {now.axis.name(first.token)} takes {first.share:.1%} of the attention; "
        f"masked in all layers, its place is taken by the {now.axis.name(new.token)} with {new.share:.1%}. "
        f"{found.unit(now).capitalize()}: {moved:.4f}."
    )
    return figure, "\n".join(describe(m, name=n) for m, n in zip(drawn, ("As it is", "Masked"), strict=True)), said


def neurons(now: Context) -> Any:
    """The neurons that are large at the sinks of some photographs, by layer."""
    return now.run(numbers.neurons, now.model, None, LEARNED, TOP)


def register(now: Context, wanted: str) -> tuple[Any, ...]:
    """The largest share of any head's attention that sinks and an added register take, layer by layer."""
    given = neurons(now) if wanted == NEURONS else ()
    kept = found.kept_by(now, given)
    if kept is None:
        return (found.NO_SINK,)
    first, share, own = kept
    tokens = sorted({one.token for one in numbers.sinks(now)})
    before, beside = found.after(now), found.after(now, register=given)
    lines = {
        "sinks, as it is": before.layers[..., tokens].max(axis=(1, 2)),
        "sinks, beside the register": beside.layers[..., tokens].max(axis=(1, 2)),
        "the register": beside.layers[..., -1].max(axis=1),
    }
    title, unit = "Run time: a register added", "largest share in any head"
    figure = curves(lines, unit, limits=(-0.02, 1.02), title=title, height=HEIGHT + 30)
    said = (
        f"Layer {first.layer + 1}, head {first.head + 1}: the {now.axis.name(first.token)} takes {first.share:.1%} without and {share:.1%} "
        f"beside the register, which takes {own:.2%} there. {found.unit(now).capitalize()}: {numbers.moved(before.answer, beside.answer):.4f}."
    )
    listed = "; ".join(f"{name}: " + ", ".join(f"{v:.3f}" for v in one) for name, one in lines.items())
    return figure, f"{title}, {unit}, layer by layer. {listed}.", said
