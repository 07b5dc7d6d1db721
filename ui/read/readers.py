"""Cached document readers and what they read, shared by all sessions, always bounded; own ones by folder or hub id."""

import json
import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st

from tutorials.findings.page import BUNDLED, Document
from tutorials.findings.reading import PAGES, sample_pages
from ui.frame.state import on_this_machine
from ui.store import resources
from ui.store.resources import model, running
from vit_attention import registry
from vit_attention.records import AttentionRecord
from vit_attention.records.windows import Stage
from vit_attention.weights.download import DownloadError

READER = "reader"
"""Key of the menu and name in the address."""
OWN = "SIGHTLINES_READERS"
"""Environment variable: folders of own checkpoints, separated like those of PATH."""
OTHER, JUST_LOADED = "other_reader", "reader_just_loaded"
"""Session keys: name of a reader that the person at the server has loaded; the same, until the menu shows it."""


def names() -> list[str]:
    """Every reader by name, the bundled one first, own ones last."""
    return [*(card.name for card in registry.models() if card.task == "read"), *own()]


def own() -> list[str]:
    """Checkpoint folders named in the environment when the app was started, and the reader this session has loaded."""
    folders = (Path(part) for part in os.environ.get(OWN, "").split(os.pathsep) if part)
    named = [f"hf:{folder}" for folder in folders if folder.is_dir()]
    other = st.session_state.get(OTHER)
    return list(dict.fromkeys([*named, *([other] if other else [])]))


def at_hand(name: str) -> bool:
    """Whether the reader loads without a download."""
    return name in own() or (registry.card(name).task == "read" and registry.at_hand(name) is not None)


@lru_cache(maxsize=16)
def sizes(name: str) -> tuple[int, int]:
    """(decoder layers, heads a layer) of a reader at hand, from its own configuration and without loading it."""
    folder = registry.at_hand(name)
    try:
        decoder = json.loads((folder / "config.json").read_text(encoding="utf-8"))["decoder"] if folder else {}
        return int(decoder["decoder_layers"]), int(decoder["decoder_attention_heads"])
    except (OSError, ValueError, KeyError, TypeError):  # no reader's folder: loading it says what is wrong
        return 4, 16


def active() -> str:
    """The chosen reader if it can be shown, else the bundled one; pages always have something to show."""
    wanted = str(st.session_state.get(READER, BUNDLED))
    fits = wanted in own() or (wanted in names() and not resources.refusal(wanted))
    return wanted if fits and at_hand(wanted) else BUNDLED


# A page's key stands for its pixels.
@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs={Document: lambda page: page.key})
def record(name: str, document: Document, prompt: str) -> AttentionRecord:
    """The record of a reading: run once a page, then shared, so that layer, head and token never run the model again."""
    loaded = model(name)
    with running:
        return loaded.attend(document.image, prompt=prompt)


@st.cache_data(max_entries=8, show_spinner=False)
def stages(name: str) -> tuple[Stage, ...]:
    """The encoder's stages, read from the model's own configuration."""
    return model(name).stages()


def run(work: Callable[..., Any], model: str, picture: Any, *args: Any, **given: Any) -> Any:
    """What a work about a reading gives, as `resources.run`; some take seconds, and the page says so."""
    with st.spinner(f"Reading {PAGES} more pages ..." if work is sample_pages else "Measuring every head ..."):
        return resources.run(work, model, picture, *args, **given)


def choose_loaded() -> None:
    """Choose the reader that was just loaded; to be called before the menu is drawn."""
    if wanted := st.session_state.pop(JUST_LOADED, None):
        st.session_state[READER] = wanted


def ask_for_another() -> None:
    """A field for a folder or hub id and a button, folded away; what goes wrong is said, and the reader before stays."""
    if not on_this_machine():
        return
    with st.expander("Another reader"):
        field = st.text_input("Folder or hub id of a Donut", key="reader_hf", placeholder="folder or owner/name")
        wanted = "hf:" + (name := str(field).strip()).removeprefix("hf:")
        if st.button("Load it", key="reader_load", disabled=not name, width="stretch"):
            try:
                with st.spinner("Loading ..."):
                    model(wanted)
                st.session_state[OTHER] = st.session_state[JUST_LOADED] = wanted
                st.rerun()
            except (ValueError, DownloadError, OSError, RuntimeError) as error:
                st.error("This reader cannot be loaded.")
                st.text(str(error))
        st.caption(
            "Only offered to the person at the server itself. Only configuration and numbers are read, never code."
        )
