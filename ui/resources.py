"""Cached models and records, shared by all sessions, always bounded."""

import threading
from collections.abc import Callable
from operator import attrgetter
from typing import Any

import streamlit as st

from tutorials.findings.context import Picture
from ui import heavy, state
from vit_attention import registry
from vit_attention.records import AttentionRecord
from vit_attention.weights.download import DownloadError, cache_folder

# One forward pass at a time: two would share the cores and both be late.
running = threading.Semaphore(1)

BUNDLED_MODEL = "scene-vit"


@st.cache_resource(max_entries=4, show_spinner=False)
def model(name: str) -> Any:
    """The loaded model of this name; raises what `vit_attention.load` raises (failures are not cached)."""
    heavy.load_all()
    loaded = registry.load(name)
    heavy.settle()
    return loaded


def at_hand(name: str) -> bool:
    """Whether the model loads without a download."""
    card = registry.card(name)
    kept = card.bundled or card.adapter != "torchvision_vit"
    return kept or any(cache_folder().glob(f"{card.builder}*-*.pth"))


def active_model() -> str:
    """The chosen model if it is at hand, else the bundled one; pages always have something to show."""
    wanted = str(st.session_state.get(state.MODEL, BUNDLED_MODEL))
    try:
        return wanted if at_hand(wanted) else BUNDLED_MODEL
    except ValueError:  # no name of a model
        return BUNDLED_MODEL


def fetch_weights(name: str) -> str | None:
    """Download the published weights with a progress bar; returns what went wrong, or None."""
    bar = st.progress(0.0, text=f"Downloading {name} ...")

    def progress(done: int, total: int | None) -> None:
        share, whole = (min(done / total, 1.0), f" of {total / 1e6:.0f} MB") if total else (0.0, "")
        bar.progress(share, text=f"Downloading {name}: {done / 1e6:.0f} MB{whole}")

    try:
        heavy.load_all()
        registry.load(name, progress=progress)
    except (DownloadError, ValueError) as error:
        return str(error)
    finally:
        bar.empty()
    return None


@st.cache_resource(max_entries=12, show_spinner=False, hash_funcs={Picture: attrgetter("key")})
def record(model_name: str, picture: Picture, **how: Any) -> AttentionRecord:
    """The record of a picture, weights in float16: run once, then shared by every page and session."""
    loaded = model(model_name)
    with running:
        return loaded.attend(picture.image, half=True, **how)


# By size: the hidden states of a picture take 1.5 MB under scene-vit, 43 MB under ViT-H/14.
@st.cache_data(max_size="96MB", show_spinner=False)
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
