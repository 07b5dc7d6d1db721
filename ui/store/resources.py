"""Cached models and records, shared by all sessions, always bounded."""

import os
import re
import threading
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from operator import attrgetter
from typing import Any

import numpy as np
import streamlit as st

from tutorials.findings.context import Context, Picture
from ui.frame import heavy, state, visitors
from ui.store.kept import Kept
from visualizer.method import Map
from vit_attention import registry
from vit_attention.gate.refusal import shown
from vit_attention.heavy import machine
from vit_attention.records import AttentionRecord


class _Pass(threading.Semaphore):
    """One forward pass at a time: two would share the cores and both be late. What it freed goes back to the system."""

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        heavy.give_back()


running = _Pass(1)

BUNDLED_MODEL, PHOTO_MODEL = state.KNOW_SCENES[0], state.KNOWS_PHOTOGRAPHS
"""The model for drawn scenes, which the app starts with, and the one for photographs."""

READER = "review-encoder"
"""The bundled model that reads sentences."""

LOOKING = "The model is looking ..."
"""What a page says meanwhile."""

FINE_MOST = 80_000_000
"""Bytes of the largest record of a picture in more patches than usual."""

MEMORY, ALLOW = "SIGHTLINES_MEMORY_MB", "SIGHTLINES_ALLOW"
"""Environment variables of a server: megabytes of memory it has for the app; models that are shown however much they need."""


# Two: with all six bundled models kept, a server on which each was opened in turn peaked 40 MB higher. One that has left the
# cache is back within two seconds.
@st.cache_resource(max_entries=2, show_spinner=False)
def model(name: str) -> Any:
    """The loaded model of this name; raises what `vit_attention.load` raises (failures are not cached)."""
    heavy.load_all()
    loaded = _loaded(name)
    heavy.settle()
    return loaded


def _loaded(name: str) -> Any:
    """A model, the matrices of a bundled one in 8 bits if its file has them so: 66 MB less for photo-dino."""
    from vit_attention.compat import uncompiled
    from vit_attention.weights import eight_bits

    if not registry.card(name).bundled:
        return registry.load(name)
    with heavy.heavy_imports, eight_bits.staying() as kept, uncompiled():  # the app never compiles
        loaded: Any = registry.load(name)
    return loaded if eight_bits.pack(loaded.module, kept) else registry.load(name)


def at_hand(name: str) -> bool:
    """Whether the model loads without a download."""
    card = registry.card(name)
    return not (card.builder or card.hub) or registry.at_hand(name) is not None


def refusal(name: str) -> str:
    """Why this server does not show the model, as a sentence; "" if it does.

    Without a setting a model may need a quarter of the machine's memory: 690 MB where Streamlit Community Cloud gives 2.7 GB.
    """
    card, limit = registry.card(name), os.environ.get(MEMORY, str(machine() // 4))
    allowed = {one.strip() for one in os.environ.get(ALLOW, "").split(",")}
    if card.bundled or visitors.unlocked() or allowed & {name, card.name, "all"}:
        return ""
    if not re.fullmatch(r"[0-9]{1,9}", limit):
        return f"This server runs its bundled models alone: {MEMORY}: want a whole number of megabytes, got {shown(limit)}."
    if 0 < card.memory <= int(limit):
        return ""
    needs = f"about {card.memory:,} MB" if card.memory else "an unknown amount"
    return (
        f"**{card.label}** needs {needs} of memory, more than the {limit} MB of this server. "
        f"Who runs the server can allow it ({ALLOW})."
    )


def usable(name: str) -> bool:
    """Whether this server shows the model to this visitor without a download."""
    return at_hand(name) and not refusal(name)


def active_model(reads: bool = False) -> str:
    """The chosen model if it can be shown, else the bundled one; pages always have something to show.

    Args:
        reads: whether the page shows models that read sentences.
    """
    wanted = str(st.session_state.get(state.MODEL, BUNDLED_MODEL))
    if wanted in state.READS and not reads:
        return BUNDLED_MODEL
    other = READER if wanted in state.READS else BUNDLED_MODEL
    try:
        return wanted if usable(wanted) else other
    except ValueError:  # no name of a model
        return other


@st.cache_resource(max_entries=6, show_spinner=LOOKING, hash_funcs={Picture: attrgetter("key")})
def record(model_name: str, picture: Picture, **how: Any) -> AttentionRecord:
    """The record of a picture, weights in float16: run once, then shared by every page and session."""
    loaded = model(model_name)
    with running:
        return loaded.attend(picture.given, half=True, **how)


@st.cache_resource(max_entries=2, show_spinner=LOOKING, hash_funcs={Picture: attrgetter("key")})
def fine_record(model_name: str, picture: Picture, size: tuple[int, int], layer: int) -> AttentionRecord:
    """The record of a picture in more patches than usual: the class token's rows, and all of one layer (22 MB for 37 x 37)."""
    loaded = model(model_name)
    with running:
        return loaded.attend(picture.image, half=True, size=size, queries=[0], whole=[layer], budget=FINE_MOST)


# By size: the hidden states of a picture take 1.5 MB under scene-vit, 43 MB under ViT-H/14.
@st.cache_data(max_size="48MB", show_spinner=False)
def _outcome(name: str, key: str, asked: tuple[Any, ...], _work: Any, _picture: Any, _given: dict[str, Any]) -> Any:
    loaded = model(name)
    with running:
        return _work(loaded, _picture, *asked[1:], **_given)


def run(work: Callable[..., Any], model: str, picture: Any, *args: Any, **given: Any) -> Any:
    """What a work of a finding gives (see `tutorials.findings.context.Run`): run once, then kept for every session."""
    return _outcome(
        model,
        "" if picture is None else picture.key,
        (f"{work.__module__}.{work.__qualname__}", *args),
        work,
        picture,
        given,
    )


once = Kept(400)
"""``once(key, make)``: what `make` gives, made once for all sessions; small and never changed afterwards."""


def answer(
    now: Context, name: str, target: str = "", knobs: Mapping[str, Any] | None = None, told: str = "", **asked: Any
) -> Map:
    """What ``now.answer`` gives, but for the weights behind it, found once for each view; meanwhile the page says what is `told`."""

    def make() -> Map:
        with st.spinner(told, show_time=True) if told else nullcontext():
            found = now.answer(name, target, knobs, **asked)
        # Weights, and often the row, are parts of the record, which would stay for as long as the map does.
        return replace(found, row=found.row.copy(), weights=np.zeros((1, 0, 0, 0), np.float32))

    return once(("answer", now.view, now.label, name, target, repr(knobs), repr(asked)), make)
