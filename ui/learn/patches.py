"""Page "Patches and tokens": how similar tokens are, how far a patch reaches, a first map of attention; the rest is in `cutting`."""

from collections.abc import Callable
from functools import partial

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from tutorials.findings import Context
from tutorials.findings import patches as tokens
from ui.learn import cutting
from ui.parts import components, controls, lesson, snippets, trust, widgets
from ui.parts.lesson import View
from ui.store import resources
from visualizer.words import maps as words

COSINE, MOVED = cutting.COSINE, "share of the token's length"
CENTRED, REACH_SCALE = "centred", "reach_scale"
"""Keys of the controls of single figures."""
OPACITY = 0.7

CODE = """from visualizer.figures.overlay import overlay
from visualizer.measures.similarity import cosine_similarity

tokens = model.hidden_states(picture)[layer + 1][record.maps[0].query.prefix :]
similar = cosine_similarity(tokens - tokens.mean(axis=0))
patch = PATCH
overlay(record.image, similar[patch].reshape(record.maps[0].query.grid), record.geometry, query=(patch,),
        unit="cosine similarity").show()
"""


def first(now: Context) -> None:
    """How similar the tokens are to the chosen patch's before any layer, the mean not subtracted."""
    values = tokens.likeness(now, 0)[tokens.chosen_patch(now)].reshape(now.grid)
    _on_picture(now, "patches_first", values, "Similar before layer 1", COSINE)


def _similar(now: Context, centred: bool) -> NDArray[np.float64]:
    layer, patch = now.chosen.layer + 1, tokens.chosen_patch(now)
    row = resources.once(("similar", now.view, centred), lambda: tokens.likeness(now, layer, centred)[patch].copy())
    return row.reshape(now.grid)


def _centred() -> bool:
    return bool(st.session_state.get(CENTRED, True))


def _title(now: Context) -> str:
    return f"Similar after layer {now.chosen.layer + 1}" + ", mean subtracted" * _centred()


def deeper(now: Context) -> None:
    """How similar the tokens are to the chosen patch's after the chosen layer."""
    _on_picture(now, "patches_deeper", _similar(now, _centred()), _title(now), COSINE)


def _changed(now: Context) -> NDArray[np.float64]:
    return tokens.change(now)[now.chosen.layer + 1][now.axis.prefix :].reshape(now.grid)


def _reach_scale() -> str:
    return "raw" if st.session_state.get(REACH_SCALE) == "raw" else "log"


def reach(now: Context) -> None:
    """How far every token has moved after the chosen layer when the chosen patch is painted over."""
    title = f"Changed after layer {now.chosen.layer + 1}"
    _on_picture(now, "patches_reach", _changed(now), title, MOVED, _reach_scale())
    st.caption(resources.once(("own patch", now.view), lambda: tokens.only_own_patch(now).text))


def reading(now: Context) -> None:
    """What the chosen patch reads from every other: a first map of attention."""
    row = now.weights()[now.axis.prefix + tokens.chosen_patch(now)]
    title, special = f"Attention: layer {now.chosen.layer + 1}, {now.head_name()}", row[: now.axis.prefix].sum()
    _on_picture(now, "patches_reading", now.patch_map(row), title, "share of attention")
    st.caption(f"{special:.1%} of what this patch reads is on special tokens, which have no patch.")


def _on_picture(now: Context, key: str, values: NDArray[np.float64], title: str, unit: str, scale: str = "raw") -> None:
    components.picture_map(
        now,
        key,
        values,
        title,
        unit=unit,
        query=(tokens.chosen_patch(now),),
        outlined="chosen patch",
        clickable=True,
        scale=scale,
        opacity=OPACITY,
        signed=unit == COSINE or None,  # 0 is the middle, also where nothing lies below it
        truth=controls.truth_shown(now),
        height=cutting.HEIGHT,
    )


def below(now: Context) -> None:
    """What can be checked about maps of tokens, and the code, commands and files that make them."""
    centred = _centred()
    components.in_words(words.describe(_similar(now, centred), name=_title(now), unit=COSINE))
    trust.draw("", resources.once(("tokens", now.view), lambda: facts(now)))
    commands = [
        snippets.command(now, "likeness" if centred else "plain-likeness", alpha=OPACITY, **snippets.scaled("raw")),
        snippets.command(now, "painted", alpha=OPACITY, **snippets.scaled(_reach_scale())),
    ]
    components.code(now, CODE.replace("PATCH", str(tokens.chosen_patch(now))), commands)
    files: dict[str, tuple[str, Callable[..., bytes]]] = {
        "Similarity (PNG)": ("patches.png", partial(_png, centred=centred, title=f"{now.model}: {_title(now)}")),
        "Similarity (CSV)": ("patches.csv", lambda now: components.csv(_similar(now, centred))),
        "Change (CSV)": ("patches-change.csv", lambda now: components.csv(_changed(now))),
    }
    components.downloads("patches", files, now=now)


def _png(now: Context, centred: bool, title: str) -> bytes:
    return components.png(now, _similar(now, centred), title, query=(tokens.chosen_patch(now),), unit=COSINE)


def facts(now: Context) -> list[trust.Fact]:
    """What can be checked about maps of tokens: there are no weights here, so the card of attention does not fit."""
    hidden, norms = now.run(tokens.hidden_states, now.model, now.picture), now.record.norms
    found = []
    if norms.shape == (len(hidden) - 1, hidden.shape[1]):
        gap = float(np.abs(np.linalg.norm(hidden[1:], axis=-1) / np.maximum(norms, 1e-12) - 1).max())
        meaning = (
            "largest relative difference of token lengths between the run shown here and the one that made the attention "
            "record"
        )
        found.append(("two runs agree", f"{gap:.1e}", meaning))
    error = cutting.linear_error(now)
    linear = ("not provable", "this model prepares its tokens in more steps")
    if error is not None:
        meaning = "largest difference between the entering tokens and filters × pixels + bias + position"
        linear = (f"{error:.1e}", meaning)
    signs = "cosine similarities have no row sums and say nothing about which token reads which"
    return [*found, ("linear start", *linear), ("similar is not read", "no weights", signs)]


def common(_now: Context) -> None:
    """Draw the switch of the mean that all patches share."""
    tip = "All tokens share a large common part. Without it, only their differences are compared."
    widgets.toggle("Subtract the mean of all patches first", CENTRED, True, help=tip)


PAGE = lesson.Page(
    "patches",
    {
        "cut": View(cutting.cut, ("patch",), controls.truth),
        "pixels": View(cutting.pixels, ("patch",), under=cutting.channel),
        "embedding": View(cutting.embedding, ()),
        "positions": View(cutting.positions, ("patch",)),
        "first": View(first, ("patch",), controls.truth),
        "deeper": View(deeper, ("layer", "patch"), controls.truth, common),
        "reach": View(
            reach,
            ("layer", "patch"),
            lambda _now: widgets.choice("Colour scale", ("log", "raw"), REACH_SCALE),
        ),
        "reading": View(reading, ("layer", "patch"), controls.truth),
    },
    below,
)
