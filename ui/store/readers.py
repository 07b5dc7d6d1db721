"""Cached document readers and what they read, shared by all sessions, always bounded; own ones by folder or hub id."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from tutorials.findings.page import BUNDLED, Document
from tutorials.findings.reading import PAGES, sample_pages
from ui.frame import visitors
from ui.frame.state import READER
from ui.store import resources
from ui.store.resources import model, running
from vit_attention import registry
from vit_attention.records import AttentionRecord
from vit_attention.records.windows import Stage

OWN = "SIGHTLINES_READERS"
"""Environment variable: folders of own checkpoints, separated like those of PATH."""
OTHER = "other_reader"
"""Session key: name of a reader that whoever has the key of the server has loaded."""


def names() -> list[str]:
    """Every reader by name, the bundled one first, own ones last."""
    return [*(card.name for card in registry.models() if card.task == "read"), *own()]


def own() -> list[str]:
    """Checkpoint folders named in the environment when the app was started, and the reader this session has loaded."""
    folders = (Path(part) for part in os.environ.get(OWN, "").split(os.pathsep) if part)
    named = [f"hf:{folder}" for folder in folders if folder.is_dir()]
    other = st.session_state.get(OTHER) if visitors.unlocked() else None
    return list(dict.fromkeys([*named, *([other] if other else [])]))


def at_hand(name: str) -> bool:
    """Whether the reader loads without a download."""
    return name in own() or (registry.card(name).task == "read" and registry.at_hand(name) is not None)


def active() -> str:
    """The chosen reader if it can be shown, else the bundled one; pages always have something to show."""
    wanted = str(st.session_state.get(READER, BUNDLED))
    fits = wanted in own() or (wanted in names() and not resources.refusal(wanted))
    return wanted if fits and at_hand(wanted) else BUNDLED


# A page's key stands for its pixels. Few, since one of a published reader takes 80 MB.
@st.cache_resource(max_entries=2, show_spinner=False, hash_funcs={Document: lambda page: page.key})
def encoded(name: str, document: Document) -> Any:
    """The page as the encoder hands it on, with what was read from it: asked about another token it is not read again."""
    return model(name).page(document.image)


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs={Document: lambda page: page.key})
def record(name: str, document: Document, prompt: str) -> AttentionRecord:
    """The record of a reading: run once a page, then shared, so that layer, head and token never run the model again."""
    loaded = model(name)
    with running:
        return loaded.attend(encoded(name, document), prompt=prompt)


@st.cache_data(max_entries=8, show_spinner=False)
def stages(name: str) -> tuple[Stage, ...]:
    """The encoder's stages, read from the model's own configuration."""
    return model(name).stages()


def run(work: Callable[..., Any], model: str, picture: Any, *args: Any, **given: Any) -> Any:
    """What a work about a reading gives, as `resources.run`; some take seconds, and the page says so."""
    with st.spinner(f"Reading {PAGES} more pages ..." if work is sample_pages else "Measuring every head ..."):
        return resources.run(work, model, picture, *args, **given)


def load(name: str) -> str:
    """Load the reader of a folder or hub id and have this session offer it; returns its name.

    Raises:
        ValueError, OSError, RuntimeError: it cannot be loaded, or is no reader.
    """
    wanted = "hf:" + name.strip().removeprefix("hf:")
    if (card := model(wanted).card).task != "read":
        raise ValueError(f"want a model that reads pages (a Donut), got one that is made to {card.task}")
    st.session_state[OTHER] = wanted
    return wanted
