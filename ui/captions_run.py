"""Captions that are run once and shared: a picture's, and those of its regions in another order."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from ui import resources
from ui.captions_told import Told
from ui.pictures import Picture
from vit_attention import registry
from vit_attention.records import AttentionRecord


@st.cache_resource(max_entries=8, show_spinner=False)
def _told(name: str, key: str, beams: int, _picture: Picture) -> AttentionRecord:
    # `_picture` is not part of the cache's key: `key` stands for its pixels.
    loaded = resources.model(name)
    with resources.running:
        record: AttentionRecord = loaded.attend(_picture.image, beams=beams, half=True)
    return record


def told(name: str, picture: Picture, beams: int = 1) -> AttentionRecord:
    """The record of a caption: run once a picture, then shared, so that word and head never run the model again."""
    return _told(name, picture.key, beams, picture)


@dataclass(frozen=True, eq=False)
class Shuffled:
    """What a model said about regions in another order.

    Attributes:
        order: (regions,) which region of the picture stands in each place.
        moved: record of the regions in that order, each with all its features.
        misplaced: record of the regions in their old order, whose place codes alone were exchanged in that way.
    """

    order: NDArray[np.intp]
    moved: AttentionRecord
    misplaced: AttentionRecord


@st.cache_resource(max_entries=4, show_spinner=False)
def _shuffled(name: str, key: str, beams: int, seed: int, _picture: Picture) -> Shuffled:
    loaded, places = resources.model(name), registry.card(name).places
    with resources.running:
        seen = loaded.prepare(_picture.image)
        order = np.random.default_rng(seed).permutation(len(seen.values))
        elsewhere = seen.values.copy()
        elsewhere[:, -places:] = seen.values[order, -places:]
        return Shuffled(
            order, loaded.attend(seen.permuted(order), beams=beams),
            loaded.attend(replace(seen, values=elsewhere), beams=beams, layers=[0]),
        )  # fmt: skip


def shuffled(now: Told, seed: int = 0) -> Shuffled:
    """The same regions in a random order, and the same regions with the wrong places; run once a picture, beams and seed."""
    return _shuffled(now.model, now.picture.key, now.beams, seed, now.picture)
