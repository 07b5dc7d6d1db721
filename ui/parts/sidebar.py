"""The one sidebar of all pages: model, picture, layer, head and the asking token; everything in it is in the address."""

import streamlit as st

from ui.frame import state
from ui.parts import patch_count
from ui.store import pictures, resources
from vit_attention import registry
from vit_attention.models.cards import Card


def draw(section: str = "", page: str = "") -> None:
    """Draw the shared controls of a section and page; their values are read from the session state."""
    # Two are imported here: they need more modules than the first page should wait for.
    if page == "captions":
        from ui.read import captions

        captions.sidebar()
    elif section == "Read":
        from ui.read import reading

        reading.sidebar(decoder=page != "swin")
    else:
        with st.sidebar:
            _model_and_picture(page)
            _numbers(page)
    state.set_defaults()


def _model_and_picture(page: str) -> None:
    asked = str(st.session_state.get(state.MODEL) or st.query_params.get(state.MODEL, ""))
    # Models that read stay on offer where they are chosen already: the choice waits for the next visit of the playground.
    tasks = ("classify", "label", *(["text"] if page == "playground" or asked in state.READS else []))
    st.selectbox(
        "Model",
        [c.name for c in registry.models() if c.task in tasks],
        key=state.MODEL,
        help="scene-vit and scene-clip (for drawn scenes) and photo-dino (for photographs) ship with this app and work offline, "
        "and so does review-encoder, which reads sentences in the playground. The others are downloaded once, on request.",
    )
    # No format_func on a bound menu: the address would carry its words, which change, instead of the option.
    name, default = str(st.session_state[state.MODEL]), state.DEFAULTS[state.PICTURE]
    card: Card = registry.card(name)
    fetched = "" if resources.at_hand(name) else f" ({card.megabytes:.0f} MB download)"
    st.caption(f"{card.label}{fetched}. {card.knows}")
    if page == "playground" and card.task == "text":
        return
    wanted = str(st.session_state.get(state.PICTURE, default))
    choices = pictures.options(st.query_params.get(state.PICTURE, wanted))
    if wanted not in choices:
        choices = pictures.options(wanted)
    if wanted not in choices:  # a picture that is gone, such as an own one of an earlier session
        st.session_state[state.PICTURE] = default
    st.selectbox(
        "Picture",
        choices,
        choices.index(default),
        key=state.PICTURE,
        help="Scenes are drawn by this app, so their truth is known. More ways to get a picture: page Playground.",
        on_change=state.suit_model,
    )
    pictures.outline_menu(str(st.session_state[state.PICTURE]))


def _numbers(page: str) -> None:
    name = resources.active_model(reads=page == "playground")
    layers, heads, rows, columns = _SIZES.get(name, (12, 12, 14, 14))
    # A link's number of patches is not yet in the session: its menu is drawn after this one.
    more = str(st.session_state.get(patch_count.KEY) or st.query_params.get(patch_count.KEY, ""))
    if page == "playground" and more in _MORE:
        rows = columns = max(rows, int(more))
    for key, most in ((state.LAYER, layers), (state.ROW, rows), (state.COLUMN, columns)):
        if int(st.session_state.get(key, 1)) > most:  # another model was chosen, with fewer of them
            st.session_state[key] = most
    head_options = ["mean", *(str(h + 1) for h in range(heads))]
    if st.session_state.get(state.HEAD, "mean") not in head_options:
        st.session_state[state.HEAD] = "mean"
    # Each default is given to its widget: a bound widget takes its own default for the address' silence.
    st.slider(
        "Layer",
        1,
        layers,
        min(state.NUMBERS[state.LAYER], layers),
        key=state.LAYER,
        help="1 is nearest the picture.",
    )
    st.selectbox("Head", head_options, key=state.HEAD, help="mean: the mean of all heads.")
    if name in state.READS:  # the tokens of a sentence stand beside its map
        return
    st.segmented_control(
        "Who asks?",
        [state.CLASS_TOKEN, state.PATCH],
        default=state.CLASS_TOKEN,
        key=state.ASK,
        required=True,
        help="The query: the token whose attention is shown. Click a patch on a picture to make it the query.",
    )
    off = st.session_state[state.ASK] == state.CLASS_TOKEN
    patch = (("Patch row", state.ROW, rows), ("Patch column", state.COLUMN, columns))
    for place, (label, key, most) in zip(st.columns(2), patch, strict=True):
        place.number_input(
            label,
            1,
            most,
            min(state.NUMBERS[key], most),
            key=key,
            disabled=off,
            on_change=st.session_state.update,
            args=({state.PATCHES: ()},),
        )


# (layers, heads, rows, columns) without loading anything; a model that is not listed is measured once loaded.
_SIZES = {
    "scene-vit": (12, 12, 14, 14),
    "scene-clip": (12, 12, 14, 14),
    "review-encoder": (4, 4, 1, 1),
    "distilbert-sst2": (6, 12, 1, 1),
    "clip-vit-b-16": (12, 12, 14, 14),
    "photo-dino": (12, 6, 16, 16),
    "deit-tiny": (12, 3, 14, 14),
    "deit-small": (12, 6, 14, 14),
    "dinov2-small": (12, 6, 16, 16),
    "dinov2-small-registers": (12, 6, 16, 16),
    "vit-b-16": (12, 12, 14, 14),
    "vit-b-32": (12, 12, 7, 7),
    "vit-l-16": (24, 16, 14, 14),
    "vit-h-14": (32, 16, 16, 16),
}

_MORE = ("24", "37")
"""Patches along a side that the playground offers for DINOv2 beside its usual 16."""
