"""What every page about a reading shares: its sidebar, its context, and the guards around them."""

import streamlit as st

from tutorials.findings.page import Document, Reading
from ui.parts import fetching, parts
from ui.parts.controls import KEEP
from ui.parts.parts import AGAIN
from ui.read import documents, readers
from ui.read.documents import DOCUMENT
from ui.read.readers import READER
from visualizer.measures.reading import cross_maps, token_names
from vit_attention import registry

LAYER, HEAD, TOKEN = "decoder_layer", "decoder_head", "token"
"""Keys of the widgets and names in the address; layers, heads and tokens count from 1 there."""


def sidebar(decoder: bool = True) -> None:
    """The sidebar of the Read section; everything in it is in the address.

    Args:
        decoder: whether the page is about the decoder, and its layer and head are to be chosen.
    """
    st.session_state.setdefault(DOCUMENT, documents.DEFAULT)
    readers.choose_loaded()
    with st.sidebar:
        st.selectbox(
            "Reader",
            readers.names(),
            key=READER,
            help="receipt-donut ships with this app and works offline. The others are downloaded once, on request. Folders of "
            f"own checkpoints appear here if {readers.OWN} names them when the app is started.",
        )
        card = registry.card(str(st.session_state[READER]))
        st.caption(card.label + ("" if readers.at_hand(card.name) else f" ({card.megabytes:.0f} MB download)"))
        readers.ask_for_another()
        tip = "Receipts and forms are drawn by this app, so what they say, and where, is known."
        parts.picture_menu("Page", DOCUMENT, documents.options, documents.DEFAULT, tip)
        st.caption(documents.get(str(st.session_state[DOCUMENT])).title)
        if decoder:
            layers, heads = readers.sizes(readers.active())
            tip = "1 is the first layer of the decoder; mean: the mean of all layers."
            # The last layer leads its menu, and so is the default: it points better than the mean of all layers.
            parts.number_menu("Decoder layer", LAYER, layers, reverse=True, help=tip, **KEEP)
            parts.number_menu("Decoder head", HEAD, heads, help="mean: the mean of all heads.", **KEEP)


def choose_clicked_head(key: str) -> None:
    """Make the layer and head, 0 first, that were clicked on the chart of this key the chosen ones; for callbacks."""
    if len(found := parts.clicked(key)) >= 2:
        st.session_state.update({LAYER: str(found[0] + 1), HEAD: str(found[1] + 1), AGAIN: True})


def chosen() -> tuple[str, Document]:
    """The reader at hand and the page; says what is missing, and what the reader was not made for."""
    document, name = documents.get(str(st.session_state.get(DOCUMENT, documents.DEFAULT))), readers.active()
    wanted = str(st.session_state.get(READER, name))
    if wanted != name and wanted in readers.names():
        fetching.offer(
            wanted,
            readers.BUNDLED,
            "fetch_reader",
            f"Reading one page with it takes about {registry.card(wanted).memory / 1000:.1f} GB of memory.",
        )
    if name == readers.BUNDLED and document.truth is None:
        st.warning(
            "This is your own page, and receipt-donut was trained on nothing but drawn receipts of one to five articles "
            "and simple forms, in lower-case letters of seven typefaces. Its maps here are real, but what it reads may be "
            "made up. For real documents choose a published Donut in the sidebar.",
            icon="⚠️",
        )
    for note in document.notes:
        st.caption(note)
    return name, document


def context() -> Reading:
    """Reader, page, record and choice of this run; stops the page with a message if there is no record to show."""
    name, document = chosen()
    with parts.or_stop(f"{name} cannot read this page", "reader or page"):
        prompt = document.prompt
        if name != readers.BUNDLED:
            prompt = ask_prompt(name)
            parts.agree((name, document.key, prompt), lambda: _takes(name), "Read this page", "read_now")
        with st.spinner("The model is reading ..."):
            record = readers.record(name, document, prompt)
    maps = cross_maps(record)
    layer, head = parts.menu_number(LAYER, len(maps)), parts.menu_number(HEAD, len(maps[0].weights))
    token = parts.whole(st.session_state.get(TOKEN, 1), 1, len(token_names(record))) - 1
    return Reading(name, document, record, layer, head, token, readers.run)


def _takes(name: str) -> str:
    """What a run of a published reader takes, in words."""
    with st.spinner("Loading the reader ..."):
        loaded = readers.model(name)
    rows, columns = loaded.grid
    return (
        f"Reading this page with {name}: the encoder works on {loaded.recipe.size[0]} x {loaded.recipe.size[1]} pixels and "
        f"needs about 0.7 GB of memory for it, beside the loaded weights; a reading of 200 tokens then keeps "
        f"{loaded.estimate(200) / 1e6:.0f} MB of maps over {rows} x {columns} cells. On two processor cores this takes a "
        "minute or more. Afterwards layer, head and token change without running it again."
    )


def ask_prompt(name: str) -> str:
    """The task prompt of a published reader; the one for questions asks for the question, an own one for the prompt."""
    if name in readers.own():
        return str(
            st.text_input(
                "Task prompt",
                readers.model(name).prompt,
                max_chars=300,
                key="prompt",
                help="The tokens that tell the reader its task, as it was trained: for example <s_cord-v2>.",
            )
        )
    prompt = registry.card(name).prompt
    if "{question}" not in prompt:
        return prompt
    question = st.text_input("Your question about the page", "What is the total?", max_chars=200, key="question")
    return prompt.replace("{question}", question.replace("<", " ").strip() or "?")
