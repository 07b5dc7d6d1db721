"""What every page about a reading shares: its sidebar, its pickers, and what is looked at."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any, NamedTuple

import streamlit as st

from tutorials.findings.page import Reading
from tutorials.plain import plain
from ui.frame import address, visitors
from ui.frame.state import DECODER_HEAD, DECODER_LAYER, DOCUMENT, FIELD, READER, TOKEN
from ui.parts import fetching, parts, pickers, script, stepping, steps, widgets
from ui.read import said
from ui.store import documents, readers
from visualizer.measures.fields import fields
from visualizer.measures.reading import cross_maps, token_names
from visualizer.method import Map
from visualizer.words.reading import called, token_runs
from vit_attention import registry

READ = "_reading"
"""Session key: whose tokens and fields the sliders count, as (reader, page)."""
FIRST_FIELD, MOST_FIELDS = 2, 60
"""Field shown first, if there are so many: on the default page its two words have several tokens each, and its box is right; and how
many are offered, of which a download holds all."""
METHOD = "heat_method"
"""Key of the menu of methods, and its name in the address."""
KINDS = ["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff"]


class Looked(NamedTuple):
    """What is looked at, by names alone: a fragment may keep it for as long as a session lasts."""

    reader: str
    document: str


@dataclass(frozen=True)
class Mapped(Reading):
    """A reading, and the map of its token by a method other than raw attention, if one is chosen."""

    way: said.Way = said.RAW
    found: Map | None = None

    @property
    def asked(self) -> said.Said:
        """The token, as methods are asked about it."""
        layer = None if self.layer is None else self.maps[self.layer].layer
        name, prompt = called(self.tokens, self.token), (("prompt", self.prompt),)
        return said.Said(self.model, self.document, self.record, self.token, name, layer, self.head, prompt)


def choose(first: str = documents.DEFAULT) -> Looked:
    """Draw the sidebar: page, reader, one's own page; say what cannot be shown.

    Args:
        first: id of the page that is shown at first.
    """
    with st.sidebar:
        tip = "Receipts and forms are drawn by this app, so what they say, and where, is known."
        pickers.one_of("Page", DOCUMENT, first, documents.options, documents.UPLOAD_ID, documents.title, help=tip)
        key = documents.chosen()
        _own_page()
        tip = (
            "receipt-donut ships with this app and works offline. The others are downloaded once, on request. Folders of own "
            f"checkpoints appear here if {readers.OWN} names them when the app is started."
        )
        wanted, name = widgets.menu("Reader", readers.names(), READER, help=tip), readers.active()
        card = registry.card(wanted)
        fetched = "" if readers.at_hand(wanted) else f" ({card.megabytes:.0f} MB download)"
        st.caption(f"{plain(card.label)}{fetched}")
        _another()
    if wanted != name:
        more = f"Reading one page with it takes about {registry.card(wanted).memory / 1000:.1f} GB of memory."
        fetching.offer(wanted, readers.BUNDLED, "fetch_reader", more)
    return Looked(name, key)


def _own_page() -> None:
    label = "Page (JPEG, PNG, WebP, GIF, BMP or TIFF; at most 20 MB)"
    parts.own_file("Read a page of your own", label, KINDS, "reading_upload", documents.take, 20).caption(
        "It is in no link, and nobody else can see it. receipt-donut was trained on drawn receipts and forms alone; for "
        "photographed ones choose a published Donut as the reader."
    )


def _another() -> None:
    """A reader of one's own, for whoever has the key of the server; what goes wrong is said, and the reader before stays."""
    with st.expander("Another reader"):
        if not visitors.ask():
            return
        field = st.text_input("Folder or hub id of a Donut", key="reader_hf", placeholder="folder or owner/name")
        st.button("Load it", key="reader_load", disabled=not str(field).strip(), width="stretch", on_click=_load)
        if problem := st.session_state.pop("reader_problem", ""):
            st.error("This reader cannot be loaded.")
            st.text(problem)
        st.caption("Only configuration and numbers are read, never code.")


def _load() -> None:
    try:
        st.session_state[READER] = readers.load(str(st.session_state.get("reader_hf", "")))
    except (ValueError, OSError, RuntimeError) as error:
        st.session_state["reader_problem"] = str(error)


def context(looked: Looked, needs: Sequence[str] = ("token", "layer", "head")) -> Mapped:
    """Draw the pickers that a figure needs; the reading as it is looked at now.

    Stops the page with a message if there is no record to show.
    """
    document, name = documents.get(looked.document), looked.reader
    with parts.or_stop(f"{name} cannot read this page", "reader or page"):
        prompt = document.prompt
        if name != readers.BUNDLED:
            prompt = _prompt(name, bool(needs))
            parts.agree((name, document.key, prompt), lambda: _takes(name), "Read this page", "read_now")
        with st.spinner("The model is reading ..."):
            record = readers.record(name, document, prompt)
    _begin_anew((name, document.key))
    asked = said.Said(name, document, record, 0, "", None, None, (("prompt", prompt),))
    layer, head, token, method = _places(asked, needs)
    return said.mapped(partial(made, looked, prompt, layer, head, token), said.knobs(record, method, "heat_"))


def made(
    looked: Looked, prompt: str, layer: int | None, head: int | None, token: int, way: said.Way = said.RAW
) -> Mapped:
    """The reading of names and a choice (0 first, or None for the mean), its record from the store or read anew.

    Raises:
        ValueError: the method has no map of this token; says why.
    """
    document = documents.get(looked.document)
    record = readers.record(looked.reader, document, prompt)
    again = partial(made, looked, prompt, layer, head, token, way)
    now = Mapped(looked.reader, document, record, layer, head, token, readers.run, again=again, way=way)
    return replace(now, found=said.answer(now.asked, way))


def _begin_anew(whose: tuple[str, str]) -> None:
    """Another page or reader: an old number would name any of its tokens, unless a step of the lesson has set it."""
    before, st.session_state[READ] = st.session_state.get(READ, whose), whose
    if before != whose:
        address.forget({TOKEN, FIELD} - set(st.session_state.get(steps.BEFORE, {})))


@lru_cache(maxsize=32)
def _walk(tokens: tuple[str, ...], first: int) -> tuple[int, int]:
    """The token to begin with, 1 first, and how many fields there are to choose from."""
    # It begins at the first row that wrote print: where a tag is read from is harder to see. A prompt may hold words, too.
    written = (n for n, run in enumerate(token_runs(tokens)) if run["kind"] == "word" and n >= first)
    return next(written, first) + 1, min(len(fields(tokens)), MOST_FIELDS)


def _places(asked: said.Said, needs: Sequence[str]) -> tuple[int | None, int | None, int, str]:
    """The pickers; what they choose as (layer, head, token, method or "")."""
    maps, tokens = cross_maps(asked.record), token_names(asked.record)
    # How many rows the prompt takes: the first row that was produced and not given.
    first, last = min(maps[0].query.prefix, len(tokens) - 1), len(tokens)
    begin, count = _walk(tuple(tokens), first)
    shown = [one for one in ("token", "field", "method", "layer", "head") if one in needs]
    wide = {"token": 1.8, "field": 2, "method": 1.2} if "method" in shown else {"token": 2, "field": 2}
    columns = st.columns([wide.get(one, 1) for one in shown]) if shown else []
    place = dict(zip(shown, columns, strict=True))
    tip = "Arrow keys left and right step too, where the JSON stands beside the page."
    token = widgets.slider("Token", first + 1, last, TOKEN, begin, place=place.get("token"), help=tip)
    if count:
        widgets.slider("Field", 1, count, FIELD, min(FIRST_FIELD, count), place=place.get("field"))
    way = said.Way(said.menu(asked, METHOD, place["method"]) if "method" in needs else "")
    place = {one: there for one, there in place.items() if way.takes(one)}
    layers, heads = len(maps), len(maps[0].weights)
    # The last layer is the default: it points better than the mean of all layers.
    layer = pickers.one_or_mean(
        "Decoder layer",
        DECODER_LAYER,
        layers,
        str(layers),
        place=place.get("layer"),
        mean=not way.name or not way.takes("layer"),
    )
    head = pickers.one_or_mean("Decoder head", DECODER_HEAD, heads, place=place.get("head"))
    if "token" in needs:
        stepping.buttons(TOKEN, token, first + 1, last, "token")
    return layer, head, token - 1, way.name


def choose_head(points: list[Any]) -> None:
    """For figures whose points carry [layer, head] (0 first): makes them the shared choice."""
    if len(found := script.numbers(points)) >= 2:
        st.session_state.update({DECODER_LAYER: str(found[0] + 1), DECODER_HEAD: str(found[1] + 1)})


def remarks(now: Reading) -> None:
    """What this reader was not made for, and how the page was opened."""
    if now.model == readers.BUNDLED and now.document.truth is None:
        st.warning(
            "This is your own page, and receipt-donut was trained on nothing but drawn receipts of one to five articles "
            "and simple forms, in lower-case letters of seven typefaces. Its maps here are real, but what it reads may be "
            "made up. For real documents choose a published Donut in the sidebar.",
            icon="⚠️",
        )
    for note in now.document.notes:
        st.caption(note)


def _takes(name: str) -> str:
    """What a run of a published reader takes, in words."""
    with st.spinner("Loading the reader ..."):
        loaded = readers.model(name)
    rows, columns = loaded.grid
    return (
        f"Reading this page with {plain(name)}: the encoder works on {loaded.recipe.size[0]} x {loaded.recipe.size[1]} pixels "
        "and needs about 0.7 GB of memory for it, beside the loaded weights; a reading of 200 tokens then keeps "
        f"{loaded.estimate(200) / 1e6:.0f} MB of maps over {rows} x {columns} cells. On two processor cores this takes a "
        "minute or more. Afterwards layer, head and token change without running it again."
    )


def _prompt(name: str, drawn: bool) -> str:
    """The task prompt of a published reader; the one for questions asks for the question, an own one for the prompt."""
    place = st if drawn else None
    if name in readers.own():
        tip = "The tokens that tell the reader its task, as it was trained: for example <s_cord-v2>."
        return widgets.text("Task prompt", "prompt", readers.model(name).prompt, 300, place=place, help=tip)
    prompt = registry.card(name).prompt
    if "{question}" not in prompt:
        return prompt
    question = widgets.text("Your question about the page", "question", "What is the total?", 200, place=place)
    return prompt.replace("{question}", question.replace("<", " ").strip() or "?")
