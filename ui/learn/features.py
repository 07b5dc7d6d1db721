"""Page "Patch features": similarity to a clicked patch, principal components as colours, and heads that see what was outlined."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from tutorials.findings import Context, parts
from ui.frame import texts
from ui.learn import heads, patches
from ui.parts import components, controls, lesson, snippets, trust, widgets
from ui.parts.lesson import View
from ui.store import resources
from visualizer.method import Map
from visualizer.method.components import COMPONENT
from vit_attention.gate import GateError

HEIGHT, OPACITY = 400, 0.85
ONE, TURNED, SCORED = "component", "turned", "parts_scored"
"""Keys: the component that is shown alone, whether it is drawn with the other sign, and whether heads are scored."""
LINES = 10
"""Heads in the table."""

CODE = """from visualizer.figures.overlay import overlay

overlay(record.image, found.values, record.geometry, scale=found.scale(), unit=found.unit, signed=found.signed).show()
"""


def _found(now: Context, component: str = "") -> Map:
    return resources.answer(now, "components", knobs={COMPONENT.name: component or COMPONENT.default})


def colours(now: Context) -> None:
    """The first three principal components as red, green and blue."""
    _map(now, "features_colours", _found(now), 1)
    st.caption("Red, green and blue are components 1, 2 and 3, each from its smallest to its largest value.")


def one(now: Context) -> None:
    """One principal component, with either sign."""
    _map(now, "features_one", _found(now, str(st.session_state[ONE])), -1 if st.session_state[TURNED] else 1)


def _map(now: Context, key: str, found: Map, sign: int) -> None:
    turned = ", turned around" * (sign < 0)
    look: dict[str, Any] = {
        "unit": found.unit,
        "signed": found.signed,
        "opacity": OPACITY,
        "query": (),
        "height": HEIGHT,
    }
    words = f"{found.words[0].upper()}{found.words[1:]}{turned}."
    name = "Three components as colours" if found.colours is not None else f"{found.unit.capitalize()}{turned}"
    title = f"{name}, layer {now.chosen.layer + 1}"
    truth = controls.truth_shown(now)
    scale = found.scale("raw")
    components.picture_map(now, key, sign * found.values, title, caption=words, scale=scale, truth=truth, **look)


def ranking(now: Context) -> None:
    """The heads that lie best on all outlined photographs, once they are asked for; until then the chosen head's map."""
    if not st.session_state[SCORED]:
        title = f"Layer {now.chosen.layer + 1}, {now.head_name()}, not scored yet"
        truth = controls.truth_shown(now)
        components.picture_map(now, "features_head", now.patch_map(), title, height=HEIGHT, truth=truth)
        return
    try:
        with st.spinner(texts.say("testing")):
            lines = parts.ranked([one for one in parts.live_scores(now) if one.main], most=LINES)
    except GateError as error:
        st.error(f"{now.model} cannot be scored: {error}")
        return
    named = [(f"layer {one.layer + 1}, head {one.head + 1}", one.times) for one in lines]
    title = f"Best of {sum(len(one.weights) for one in now.record.maps)} heads on {lines[0].count} photographs"
    ends = (f"{title}: ", ".")
    components.bar_chart(
        "features_ranking", named, "times chance", "{} {:.2f} times chance", ends, title=title, height=330
    )
    first = lines[0]
    components.table(
        {
            "map": [named[0][0], "centre of the picture", "colour contrast", "evenly spread"],
            "weight inside": [f"{share:.0%}" for share in (first.inside, first.centre, first.contrast, first.chance)],
            "strongest patch inside": [f"{first.hits} of {first.count}", "", "", ""],
        }
    )


def below(now: Context) -> None:
    """The components in words, what can be checked about features, code, commands and files."""
    found = _found(now)
    components.in_words(f"{found.words}. {found.legend}.")
    trust.draw("", patches.facts(now))
    commands = [snippets.command(now, name, alpha=OPACITY) for name in ("likeness", "components")]
    components.code_box(snippets.map_code(now, "components", found) + CODE, commands)
    files: dict[str, tuple[str, Callable[..., bytes]]] = {
        "Components (CSV)": ("components.csv", _csv),
        "Components (PNG)": ("components.png", _png),
    }
    components.downloads("features", files, now=now)


def _csv(now: Context) -> bytes:
    found = _found(now)
    return components.csv(found.values, found.colours)


def _png(now: Context) -> bytes:
    found = _found(now)
    return components.png(now, found.values, f"{now.model}: {found.words}", scale=found.scale("raw"), opacity=OPACITY)


def _which(_now: Context) -> None:
    widgets.choice("Component", COMPONENT.choices[1:], ONE)
    widgets.toggle("Turn its sign around", TURNED, help="A component and its negative describe the same direction.")


def _score(now: Context) -> None:
    tip = "It takes some seconds the first time: the model reads every outlined photograph."
    widgets.toggle("Score all heads on all outlined photographs", SCORED, help=tip)


PAGE = lesson.Page(
    "features",
    {
        "similar": View(patches.deeper, ("layer", "patch"), controls.truth, patches.common),
        "colours": View(colours, ("layer",), controls.truth),
        "one": View(one, ("layer",), controls.truth, _which),
        "head": View(heads.chosen, look=controls.truth),
        "ranking": View(ranking, ("layer", "head"), controls.truth, _score),
    },
    below,
)
