"""The shell commands of the Read section's pages: one token, the fields, one cell of the encoder, one word, one region."""

from __future__ import annotations

from typing import Any

import streamlit as st

from tutorials.findings.captioning import Captioning
from tutorials.findings.page import Inside, Reading
from ui import controls
from ui.captions import COVER
from ui.reading_snippets import prompt_of
from ui.snippets import scaled
from visualizer.figures.reading import OPACITY
from visualizer.style.scale import Scale
from vit_attention.cli.recipe import command, read_command


def _over_page(now: Reading, query: int | str, **look: Any) -> str:
    """The chosen head's map, or the mean, over the page."""
    through = "mean-of-layers" if now.layer is None else "raw"
    return command(
        now.model, now.document.id, now.layer, now.head, through, query, kind="cross", prompt=prompt_of(now), **look
    )


def token(now: Reading) -> str:
    """What was looked at to write the chosen token, as it is drawn now."""
    scale = controls.one_of(st.session_state.get("heat_scale"), ("shared", "per map", "log"))
    opacity = controls.within(st.session_state.get("heat_opacity", OPACITY), 0, 1)
    return _over_page(now, now.token, alpha=opacity, **scaled(scale, now.heats()))


def fields(now: Reading, at: int, tight: bool) -> list[str]:
    """The JSON with the boxes, then the heat of field number `at` (0 first)."""
    chosen = {"layer": now.layer, "head": now.head, "tight": tight}
    boxes = read_command([now.document.id], now.model, prompt=prompt_of(now), **chosen)
    return [boxes, _over_page(now, f"field:{now.fields[at].path}", alpha=OPACITY)]


def cell(now: Inside, scale: Scale, colormap: str, opacity: float) -> str:
    """What the chosen cell reads in its window."""
    where = divmod(now.query, now.here.grid[1])
    return command(
        now.model, now.document.id, head=now.head, query=where, stage=now.stage, block=now.block, colormap=colormap,
        alpha=opacity, **scaled(scale),
    )  # fmt: skip


def word(now: Captioning) -> str:
    """Where the chosen word was looked for, as it is drawn now."""
    scale = controls.one_of(st.session_state.get("word_scale"), ("shared", "per map", "log"))
    opacity = controls.within(st.session_state.get("word_opacity", COVER), 0, 1)
    return _over_regions(now, now.decoder.layer, now.head, now.word, alpha=opacity, **scaled(scale, now.rows(now.head)))


def region(now: Captioning, layer: int, head: int | None, number: int) -> str:
    """What one region (0 first) reads in one map of the refiner."""
    return _over_regions(now, now.refiner[layer].layer, head, number, alpha=COVER)


def _over_regions(now: Captioning, layer: int, head: int | None, query: int, **look: Any) -> str:
    if not now.runs:
        return command(None, now.picture.title, layer, head, query=query, **look)
    return command(now.model, now.picture.id, layer, head, query=query, beams=now.beams, half=True, **look)
