"""The one sidebar of all pages: model, picture, layer, head and the asking token; everything in it is in the address."""

from __future__ import annotations

import streamlit as st

from ui import pictures, resources, state
from vit_attention import registry
from vit_attention.cards import Card


def draw() -> None:
    """Draw the shared controls; their values are read from the session state."""
    state.set_defaults()
    with st.sidebar:
        st.selectbox(
            "Model", [c.name for c in registry.models()], key=state.MODEL, bind="query-params",
            help="scene-vit ships with this app and works offline. The others are downloaded once, on request.",
        )  # fmt: skip
        # No format_func on a bound menu: the address would carry its words, which change, instead of the option.
        st.caption(_label(str(st.session_state[state.MODEL])))
        wanted = str(st.session_state[state.PICTURE])
        address = st.query_params.get(state.PICTURE, wanted)
        choices = pictures.options(address)
        if wanted not in choices:
            choices = pictures.options(wanted)
        st.selectbox(
            "Picture", choices, key=state.PICTURE, bind="query-params",
            help="Scenes are drawn by this app, so their truth is known. More ways to get a picture: page Playground.",
        )  # fmt: skip
        _numbers()


def _label(name: str) -> str:
    card: Card = registry.card(name)
    return card.label if resources.at_hand(name) else f"{card.label} ({card.megabytes:.0f} MB download)"


def _numbers() -> None:
    layers, heads, rows, columns = _sizes()
    for key, most in ((state.LAYER, layers), (state.ROW, rows), (state.COLUMN, columns)):
        st.session_state[key] = min(max(int(st.session_state[key]), 1), most)
    head_options = ["mean", *(str(h + 1) for h in range(heads))]
    if st.session_state[state.HEAD] not in head_options:
        st.session_state[state.HEAD] = "mean"
    st.slider("Layer", 1, layers, key=state.LAYER, bind="query-params", help="1 is nearest the picture.")
    st.selectbox("Head", head_options, key=state.HEAD, bind="query-params", help="mean: the mean of all heads.")
    st.segmented_control(
        "Who asks?", [state.CLASS_TOKEN, state.PATCH], key=state.ASK, bind="query-params", required=True,
        help="The query: the token whose attention is shown. Click a patch on a picture to make it the query.",
    )  # fmt: skip
    left, right = st.columns(2)
    off = st.session_state[state.ASK] == state.CLASS_TOKEN
    left.number_input("Patch row", 1, rows, key=state.ROW, bind="query-params", disabled=off, on_change=_one_patch)
    right.number_input("Patch column", 1, columns, key=state.COLUMN, bind="query-params", disabled=off, on_change=_one_patch)


def _one_patch() -> None:
    st.session_state[state.PATCHES] = ()


# (layers, heads, rows, columns) without loading anything; a model that is not listed is measured once loaded.
_SIZES = {
    "scene-vit": (12, 12, 14, 14), "vit-b-16": (12, 12, 14, 14), "vit-b-32": (12, 12, 7, 7),
    "vit-l-16": (24, 16, 14, 14), "vit-h-14": (32, 16, 16, 16),
}  # fmt: skip


def _sizes() -> tuple[int, int, int, int]:
    return _SIZES.get(resources.active_model(), (12, 12, 14, 14))
