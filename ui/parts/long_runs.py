"""Methods that run the model many times: how often, about how long, and a question before it takes long."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tutorials.findings import Context
from ui.parts import controls, parts
from ui.store import resources
from visualizer.method import Knob, Method

LONG = 10.0
"""Seconds that a click may take without being asked first."""

SPEED = 6e10
"""Parameters times tokens in one second: `photo-dino` on 257 tokens took 0.09 s on one core of the machine measured on."""


def knobs(now: Context, method: Method, prefix: str = "", columns: int = 1) -> dict[str, Any]:
    """The controls of a method and of its run; a covered window is at first as small as the model is quick enough for."""
    return controls.knobs(now.record, (*method.knobs, *_affordable(now, method)), prefix, columns)


def _affordable(now: Context, method: Method) -> Sequence[Knob]:
    usual = {knob.name: knob.default for knob in method.run}
    if method.passes is None or "window" not in usual or not _runs_a_model(now):
        return method.run
    sides = range(1, min(now.grid) + 1)
    takes = {n: seconds(now, method.passes({**usual, "window": n, "stride": n}, now.grid)) for n in sides}
    side = next((n for n in sides if takes[n] <= LONG), sides[-1])
    return [replace(knob, default=side) if knob.name in ("window", "stride") else knob for knob in method.run]


def seconds(now: Context, runs: int) -> float:
    """About how long so many runs of the page's model take."""
    numbers = sum(one.numel() for one in resources.model(now.model).module.parameters())
    return float(runs * numbers * len(now.axis) / SPEED)


def wait(now: Context, method: Method, target: str, values: Mapping[str, Any], key: str) -> str:
    """Ask before a run that takes long, and stop until it is wanted; what to say while the model runs."""
    if method.passes is None or not _runs_a_model(now):
        return "The model is looking again ..."
    runs = method.passes(values, now.grid)
    takes = seconds(now, runs)
    if takes > LONG:
        told = (
            f"{method.heading} runs {now.model} {runs} times: about {takes:.0f} s on an idle machine, and it cannot "
            "be stopped. Its controls can make it fewer runs."
        )
        wish = (now.model, now.picture.key, target, *map(str, values.items()))
        parts.agree(wish, lambda: told, f"Run it {runs} times", key)
    return f"The model runs {runs} times, each time on a changed picture ..."


def _runs_a_model(now: Context) -> bool:
    return not now.picture.key.startswith("bundle-")
