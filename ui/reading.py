"""What every page about a reading shares: its sidebar, its context, and the guards around them."""

from __future__ import annotations

import streamlit as st

from tutorials.findings.page import Document, Reading
from ui import components, documents, readers, readers_other
from ui.documents import DOCUMENT
from ui.readers import READER
from visualizer.measures.reading import cross_maps, token_names
from vit_attention import registry

LAYER, HEAD, TOKEN = "decoder_layer", "decoder_head", "token"
"""Keys of the widgets and names in the address; layers, heads and tokens count from 1 there."""

AGREED = "agreed_reading"
"""What the reader of this session agreed to run: (model, page, prompt)."""

MEAN = "mean"


def sidebar(decoder: bool = True) -> None:
    """The sidebar of the Read section; everything in it is in the address.

    Args:
        decoder: whether the page is about the decoder, and its layer and head are to be chosen.
    """
    st.session_state.setdefault(DOCUMENT, documents.DEFAULT)
    readers_other.take()
    with st.sidebar:
        st.selectbox(
            "Reader", readers.names(), key=READER, bind="query-params",
            help="receipt-donut ships with this app and works offline. The others are downloaded once, on request. Folders of "
            f"own checkpoints appear here if {readers.OWN} names them when the app is started.",
        )  # fmt: skip
        chosen = registry.card(str(st.session_state[READER]))
        st.caption(chosen.label + ("" if readers.at_hand(chosen.name) else f" ({chosen.megabytes:.0f} MB download)"))
        readers_other.ask()
        _document_menu()
        if decoder:
            _numbers()


def _document_menu() -> None:
    wanted = str(st.session_state.get(DOCUMENT, documents.DEFAULT))
    choices = documents.options(st.query_params.get(DOCUMENT, wanted))
    if wanted not in choices:
        choices = documents.options(wanted)
    if wanted not in choices:  # a page that is gone, such as an own one of an earlier session
        st.session_state[DOCUMENT] = documents.DEFAULT
    st.selectbox(
        "Page", choices, choices.index(documents.DEFAULT), key=DOCUMENT, bind="query-params",
        help="Receipts and forms are drawn by this app, so what they say, and where, is known.",
    )  # fmt: skip
    st.caption(documents.title(str(st.session_state[DOCUMENT])))


def _numbers() -> None:
    layers, heads = readers.sizes(readers.active())
    # The last layer leads its menu, and so is the default: it points better than the mean of all layers.
    for label, key, choices, words in (
        ("Decoder layer", LAYER, [*_counted(layers)[::-1], MEAN], "1 is the first layer of the decoder; mean: the mean of all layers."),
        ("Decoder head", HEAD, [MEAN, *_counted(heads)], "mean: the mean of all heads."),
    ):  # fmt: skip
        if st.session_state.get(key, choices[0]) not in choices:
            st.session_state[key] = choices[0]
        st.selectbox(label, choices, key=key, bind="query-params", persist_state="session", help=words)


def _counted(most: int) -> list[str]:
    return [str(n + 1) for n in range(most)]


def chosen() -> tuple[str, Document]:
    """The reader at hand and the page; says what is missing, and what the reader was not made for."""
    document, name = documents.get(str(st.session_state.get(DOCUMENT, documents.DEFAULT))), readers.active()
    wanted = str(st.session_state.get(READER, name))
    if wanted != name and wanted in readers.names():
        takes = f"Reading one page with it takes about {registry.card(wanted).memory / 1000:.1f} GB of memory."
        components.offer(wanted, readers.BUNDLED, "fetch_reader", takes)
    _say_limits(name, document)
    return name, document


def context() -> Reading:
    """Reader, page, record and choice of this run; stops the page with a message if there is no record to show."""
    name, document = chosen()
    try:
        prompt = document.prompt if name == readers.BUNDLED else ask_prompt(name)
        if name != readers.BUNDLED:
            _ask_before(name, document, prompt)
        with st.spinner("The model is reading ..."):
            record = readers.record(name, document, prompt)
    except (ValueError, RuntimeError, OSError) as error:
        st.error(f"{name} cannot read this page: {error}")
        st.info("Choose another reader or page in the sidebar; everything else is as you left it.")
        st.stop()
    maps = cross_maps(record)
    layer, head = _number(LAYER, len(maps)), _number(HEAD, len(maps[0].weights))
    token = min(max(_whole(st.session_state.get(TOKEN, 1)), 1), len(token_names(record))) - 1
    return Reading(name, document, record, layer, head, token, readers.run)


def _ask_before(name: str, document: Document, prompt: str) -> None:
    """State what a run of a published reader takes, and wait for a click; stops the page until then."""
    wish = (name, document.key, prompt)
    if st.session_state.get(AGREED) == wish:
        return
    with st.spinner("Loading the reader ..."):
        loaded = readers.model(name)
    rows, columns = loaded.grid
    st.info(
        f"Reading this page with {name}: the encoder works on {loaded.recipe.size[0]} x {loaded.recipe.size[1]} pixels and "
        f"needs about 0.7 GB of memory for it, beside the loaded weights; a reading of 200 tokens then keeps "
        f"{loaded.estimate(200) / 1e6:.0f} MB of maps over {rows} x {columns} cells. On two processor cores this takes a "
        "minute or more. Afterwards layer, head and token change without running it again."
    )
    if st.button("Read this page", key="read_now"):
        st.session_state[AGREED] = wish
        st.rerun()
    st.stop()


def ask_prompt(name: str) -> str:
    """The task prompt of a published reader; the one for questions asks for the question, an own one for the prompt."""
    if name in readers.own():
        help_text = "The tokens that tell the reader its task, as it was trained: for example <s_cord-v2>."
        asked = st.text_input("Task prompt", readers.model(name).prompt, max_chars=300, key="prompt", help=help_text)
        return str(asked)
    prompt = registry.card(name).prompt
    if "{question}" not in prompt:
        return prompt
    question = st.text_input("Your question about the page", "What is the total?", max_chars=200, key="question")
    return prompt.replace("{question}", question.replace("<", " ").strip() or "?")


def _whole(value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        return 1


def _number(key: str, most: int) -> int | None:
    said = str(st.session_state.get(key, MEAN))
    return int(said) - 1 if said.isdigit() and 1 <= int(said) <= most else None


def _say_limits(name: str, document: Document) -> None:
    if name == readers.BUNDLED and document.truth is None:
        st.warning(
            "This is your own page, and receipt-donut was trained on nothing but drawn receipts of one to five articles "
            "and simple forms, in lower-case letters of seven typefaces. Its maps here are real, but what it reads may be "
            "made up. For real documents choose a published Donut in the sidebar.",
            icon="⚠️",
        )
    for note in document.notes:
        st.caption(note)
