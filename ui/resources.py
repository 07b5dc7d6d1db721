"""Cached models and records, shared by all sessions, always bounded."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from ui import heavy, state
from ui.pictures import Picture
from vit_attention import registry
from vit_attention.records import AttentionRecord
from vit_attention.weights.download import DownloadError, cache_folder

# One forward pass at a time: two would share the cores and both be late.
running = threading.Semaphore(1)

BUNDLED_MODEL = "scene-vit"


@st.cache_resource(max_entries=2, show_spinner=False)
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


@st.cache_resource(max_entries=8, show_spinner=False)
def _record(model_name: str, key: str, picture_id: str, target: str | None, _picture: Picture) -> AttentionRecord:
    # `_picture` is not part of the cache's key: `key` stands for its pixels.
    loaded = model(model_name)
    with running:
        record: AttentionRecord = loaded.attend(_picture.image, target=target, half=True)
    return record


def record(model_name: str, picture: Picture) -> AttentionRecord:
    """The record of a picture, weights in float16: run once, then shared by every page and session."""
    return _record(model_name, picture.key, picture.id, None, picture)


@st.cache_data(max_entries=256, show_spinner=False)
def _relevance(model_name: str, key: str, target: str, start_layer: int, _picture: Picture) -> NDArray[np.float64]:
    from visualizer.measures.rollout import gradient_rollout

    loaded = model(model_name)
    with running:
        found = loaded.attend(_picture.image, target=target)
    return gradient_rollout(found.layers, found.gradients, start_layer=start_layer)


def relevance(model_name: str, picture: Picture, target: str, start_layer: int = 0) -> NDArray[np.float64]:
    """(tokens,) gradient-weighted rollout of the class token for one class; the gradients themselves are not kept."""
    return _relevance(model_name, picture.key, target, start_layer, picture)


@st.cache_data(max_size="64MB", show_spinner=False)  # 1.5 MB a picture under scene-vit, 43 MB under ViT-H/14
def _hidden(model_name: str, key: str, _picture: Picture) -> NDArray[np.float32]:
    loaded = model(model_name)
    with running:
        found: NDArray[np.float32] = loaded.hidden_states(_picture.image)
    return found


def hidden_states(model_name: str, picture: Picture) -> NDArray[np.float32]:
    """(layers + 1, tokens, width) of one picture; bounded to a few megabytes for small models."""
    return _hidden(model_name, picture.key, picture)


@st.cache_data(max_size="32MB", show_spinner=False)
def _queries_and_keys(model_name: str, key: str, layer: int, _picture: Picture) -> tuple[NDArray[Any], NDArray[Any]]:
    loaded = model(model_name)
    with running:
        found: tuple[NDArray[Any], NDArray[Any]] = loaded.queries_and_keys(_picture.image, layer)
    return found


def queries_and_keys(model_name: str, picture: Picture, layer: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Query and key vectors of one layer (0 first), two arrays of (heads, tokens, head width)."""
    return _queries_and_keys(model_name, picture.key, layer, picture)


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
