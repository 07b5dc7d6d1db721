"""Page "From attention to relevance": every map for two classes side by side, from plain weights to covered patches."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import streamlit as st

from tutorials.findings import Context, asked
from tutorials.findings.rollout import classes
from ui.judge import relevance_scores as scores
from ui.parts import components, controls, lesson, long_runs, snippets, trust, widgets
from ui.parts.lesson import View
from ui.store import resources
from visualizer.figures.comparison import side_by_side
from visualizer.method import Map, methods
from visualizer.words.maps import describe
from vit_attention.records import Similar
from worlds.photographs import photographs

HEIGHT = 340
"""Pixels of a figure that stands beside a step; a table follows it."""
RUNNING = "The model is looking again ..."
NAMES = {
    "relevance": ("relevance", "gradient-rollout"),
    "features": ("grad-cam", "legrad", "decision-flow"),
    "shares": ("cp-lrp", "attnlrp"),
    "pixels": ("input-gradients", "integrated-gradients", "smoothgrad"),
    "experiments": ("occlusion", "rise"),
    "absent": ("relevance", "gradient-rollout", "grad-cam", "cp-lrp", "attnlrp"),
}
"""Methods that the views offer, the first one first."""


def _targets(now: Context) -> None:
    """The menus of the two classes."""
    left, right = st.columns(2)
    with left:
        controls.target(now, "target", "First class", _first(now)[0])
    with right:
        if now.may_be_similar:
            st.caption(f"Beside it: the similarity to the photograph {_first(now)[1]}.")
        else:
            controls.target(now, "other", "Second class", _first(now)[1])


def _first(now: Context) -> tuple[str, str]:
    """The two classes asked about at first, or of a model without classes a photograph in the second place."""
    if now.may_be_similar:
        return "", next(name for name in photographs() if name != now.picture.id)
    return classes(now) or ("", "")


def _asked(now: Context) -> dict[str, str]:
    """The two targets, as a method takes them, by their names in the figure; {} for models that have none."""
    if now.may_be_similar:
        other = str(st.session_state.get("target_with", controls.HERE))
        to: Any = (now.chosen.row, now.chosen.column) if other == controls.HERE else other
        name = f"patch in row {to[0] + 1}, column {to[1] + 1}" if other == controls.HERE else other
        beside = _first(now)[1]
        return {f"similar to the {name}": str(Similar(to=to)), f"similar to {beside}": str(Similar(to=beside))}
    first = _first(now)
    chosen = [str(st.session_state.get(key, usual)) for key, usual in zip(("target", "other"), first, strict=True)]
    names = [name if name in now.record.prediction.labels else usual for name, usual in zip(chosen, first, strict=True)]
    return {f"asked for {name}": name for name in names if name}


def _method(view: str) -> str:
    """The method that a view shows; its choice is drawn."""
    names = {methods()[name].heading: name for name in NAMES[view]}
    return names[widgets.choice("Method", list(names), f"by_{view}", wrap=True)]


def two(view: str) -> Callable[[Context], None]:
    """The maps of a view's chosen method for two classes on one scale, and how they lie on the objects."""

    def draw(now: Context) -> None:
        place = st.container()
        name = _method(view)
        with place:
            maps(now, f"relevance_{view}", name, _asked(now))

    return draw


def maps(now: Context, key: str, name: str, targets: dict[str, str]) -> None:
    """The maps of a method for these targets, on one scale, with a table."""
    method = methods()[name]
    if (why := now.unfit(method)) or not targets:
        st.info(f"{method.heading} has no map here: {why or f'{now.model} names no classes'}.")
        return
    found = {said: answered(now, name, target) for said, target in targets.items()}
    _drawn(now, key, method.heading, found)
    scores.table(now, found, targets)


def answered(now: Context, name: str, target: str) -> Map:
    """The map of a method for a target, found once; asks first where that takes long."""
    method, knobs = methods()[name], asked.KNOBS.get(name, {})
    told = RUNNING
    if method.passes is not None:
        run = {knob.name: knob.default for knob in method.run} | dict(knobs)
        told = long_runs.wait(now, method, target, run, f"relevance_{name}_{target}")
    return resources.answer(asked.still(now), name, target, knobs or None, told)


def _drawn(now: Context, key: str, heading: str, found: dict[str, Map], scale: str = "shared") -> None:
    phone = controls.on_phone()

    def make(now: Context) -> tuple[Any, str]:
        figure = side_by_side(
            now.picture.image,
            list(found.values()),
            list(found),
            scale=scale,
            title=heading,
            narrow=phone,
            height=HEIGHT,
        )
        return figure, "\n".join(describe(one.values, name=name, unit=one.unit) for name, one in found.items())

    told = (components.told([asked.values(one) for one in found.values()]), *found, scale, phone)
    components.kept(now, key, lambda now, *_: make(now), heading, *told)


def blind(now: Context) -> None:
    """The weights of the class token, whichever class is asked about."""
    raw = resources.answer(asked.still(now), "raw")
    found = dict.fromkeys(_asked(now), raw)
    if not found:
        st.info(asked.NO_CLASSES.text)
        return
    _drawn(now, "relevance_blind", "Weights of the class token, last layer", found)
    scores.table(now, found, _asked(now))


def lengths(now: Context) -> None:
    """Weights beside the lengths of what is taken over, each on its own scale."""
    if why := now.unfit(methods()["norms"]):
        st.info(f"There are no lengths here: {why}.")
        return
    found = {
        "weights": resources.answer(asked.still(now), "raw"),
        "length of weight × value": resources.answer(asked.still(now), "norms", told=RUNNING),
    }
    _drawn(now, "relevance_lengths", "Weights, and what is taken over", found, "per map")


def absent(now: Context) -> None:
    """A class that is there beside one that is not, on one scale."""
    nowhere, there = asked.absent(now), _first(now)[0]
    if nowhere is None:
        st.info(
            "What is not in the picture is known of drawn scenes only, under a model with classes. Choose one in the sidebar."
        )
        return
    place = st.container()
    name = _method("absent")
    with place:
        maps(now, "relevance_absent", name, {f"{there} (is there)": there, f"{nowhere} (is not)": nowhere})


def below(now: Context) -> None:
    """What can be checked, the code and the files of relevance for the first class."""
    targets = list(_asked(now).values())
    if not targets or now.unfit(methods()["relevance"]):
        return
    first = targets[0]
    found = resources.answer(asked.still(now), "relevance", first, told=RUNNING)
    trust.card(now, found.values, None, found.words, ("relevance", first, {}))
    commands = [snippets.command(asked.still(now), "relevance", target) for target in targets]
    components.code(now, snippets.map_code(asked.still(now), "relevance", found, first), commands)
    files: dict[str, tuple[str, Callable[..., bytes]]] = {
        "Relevance (PNG)": ("relevance.png", partial(_png, target=first)),
        "Relevance (CSV)": ("relevance.csv", partial(_csv, target=first)),
    }
    components.downloads("relevance", files, now=now)


def _png(now: Context, target: str) -> bytes:
    found = asked.map_of(now, "relevance", target)
    return components.png(now, found.values, found.words, settings=now.model, unit=found.unit)


def _csv(now: Context, target: str) -> bytes:
    return components.csv(asked.map_of(now, "relevance", target).values)


def _view(name: str, needs: Sequence[str] = ()) -> View:
    return View(two(name), needs, under=_targets)


PAGE = lesson.Page(
    "relevance",
    {
        "blind": View(blind, (), under=_targets),
        "lengths": View(lengths, ()),
        "relevance": _view("relevance"),
        "features": _view("features"),
        "shares": _view("shares"),
        "sums": View(scores.sums(_asked), (), under=_targets),
        "pixels": _view("pixels"),
        "experiments": _view("experiments"),
        "absent": View(absent, ()),
    },
    below,
)
