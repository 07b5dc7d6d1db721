"""Cached models and records, shared by all sessions, always bounded."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

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
    if card.bundled or card.adapter != "torchvision_vit":
        return True
    return any(cache_folder().glob(f"{card.builder}*-*.pth"))


def active_model() -> str:
    """The chosen model if it is at hand, else the bundled one; pages always have something to show."""
    wanted = str(st.session_state.get(state.MODEL, BUNDLED_MODEL))
    try:
        return wanted if at_hand(wanted) else BUNDLED_MODEL
    except ValueError:
        return BUNDLED_MODEL


def fetch_weights(name: str) -> str | None:
    """Download the published weights with a progress bar; returns what went wrong, or None."""
    bar = st.progress(0.0, text=f"Downloading {name} ...")

    def progress(done: int, total: int | None) -> None:
        share = done / total if total else 0.0
        bar.progress(
            min(share, 1.0),
            text=f"Downloading {name}: {done / 1e6:.0f} MB" + (f" of {total / 1e6:.0f} MB" if total else ""),
        )

    try:
        heavy.load_all()
        registry.load(name, progress=progress)
    except (DownloadError, ValueError) as error:
        return str(error)
    finally:
        bar.empty()
    return None


@st.cache_resource(max_entries=12, show_spinner=False)
def _record(model_name: str, key: str, how: dict[str, Any], _picture: Picture) -> AttentionRecord:
    # `_picture` is not part of the cache's key: `key` stands for its pixels.
    loaded = model(model_name)
    with running:
        record: AttentionRecord = loaded.attend(_picture.image, half=True, **how)
    return record


def record(model_name: str, picture: Picture, **how: Any) -> AttentionRecord:
    """The record of a picture, weights in float16: run once, then shared by every page and session."""
    return _record(model_name, picture.key, how, picture)


@st.cache_data(
    max_size="96MB", show_spinner=False
)  # hidden states: 1.5 MB a picture under scene-vit, 43 MB under ViT-H/14
def _outcome(
    work: str, model_name: str, key: str, args: tuple[Any, ...], _work: Any, _picture: Any, _given: Any
) -> Any:
    loaded = model(model_name)
    with running:
        return _work(loaded, _picture, *args, **_given)


def run(work: Callable[..., Any], model: str, picture: Any, *args: Any, **given: Any) -> Any:
    """What a work of a finding gives (see `tutorials.findings.context.Run`): run once, then kept for every session."""
    name, key = f"{work.__module__}.{work.__qualname__}", "" if picture is None else picture.key
    return _outcome(name, model, key, args, work, picture, given)


@st.cache_data(max_entries=64, show_spinner=False)
def _statistic(
    model_name: str, key: str, name: str, _record: AttentionRecord, patch: tuple[int, int]
) -> NDArray[np.float64]:
    from visualizer.measures.summary import head_statistic

    axis = _record.maps[0].query
    layers = [layer.astype(np.float32) for layer in _record.layers]
    return head_statistic(layers, name, axis.grid or (1, 1), axis.prefix, patch)


def statistic(model_name: str, picture: Picture, name: str) -> NDArray[np.float64]:
    """(layers, heads) of one statistic of `visualizer.measures.summary.STATISTICS` for one picture."""
    found = record(model_name, picture)
    grid = found.maps[0].query.grid or (1, 1)
    patch = (found.geometry.seen[1] // grid[0], found.geometry.seen[0] // grid[1]) if found.geometry else (1, 1)
    return _statistic(model_name, picture.key, name, found, patch)
