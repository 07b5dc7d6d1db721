"""Page "A sentence attends to itself": what is read, by names alone, and what belongs to its figures: trust card, code, files."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import streamlit as st

from tutorials.findings.context import Context, Picture, Selection
from tutorials.plain import plain
from ui.frame import state
from ui.frame.stop import stop
from ui.parts import (
    components,
    fetching,
    lesson,
    looking,
    panels,
    parts,
    pickers,
    sentences,
    snippets,
    token_figures,
    trust,
    widgets,
)
from ui.parts.lesson import View
from ui.read import sentence_proof
from ui.read import sentence_view as views
from ui.store import resources
from ui.store.blobs import blobs
from ui.store.bundles import from_json
from visualizer.method import Map
from visualizer.words.text import describe_token_matrix
from vit_attention import registry
from vit_attention.cli.recipe import sentence_command, sentence_extract
from vit_attention.records import AttentionRecord

# Key of the menu of models that read, and its name in the address.
ENCODER = "encoder"
# Session key of (name, digest) of an opened file; its bytes are in the server's store.
OPENED = "sentence_file"
# Megabytes of a file; 128 tokens in 12 layers of 12 heads have 26.
MOST = 25


class Told(NamedTuple):
    """What is read, by names and numbers alone: the text under a model, or a file."""

    model: str
    text: str
    review: int
    file: tuple[str, str] | None = None


def choose(first: str) -> Told:
    """Draw the sidebar; what is read. The field of the text begins with the first made-up review."""
    with st.sidebar:
        names = [card.name for card in registry.models() if card.task == "text"]
        wanted = widgets.menu("Model", names, ENCODER, resources.READER)
        st.caption(f"{registry.card(wanted).label}. {registry.card(wanted).knows}")
        name = wanted if resources.usable(wanted) else resources.READER
        text = sentences.field(name)
        _own_file()
    if wanted != name:
        fetching.offer(wanted, name, "fetch_encoder")
    return Told(name, text, sentences.review(), st.session_state.get(OPENED))


def _own_file() -> None:
    """A way to open the JSON of a sentence: drawn from its numbers alone, after a look at every one of them."""
    label = f"JSON of this page, of `vit-attention extract` or of `--mode prepare`, at most {MOST} MB"
    with parts.own_file("A file of attention (JSON)", label, ["json"], "sentence_json", _open, MOST):
        if st.session_state.get(OPENED) is not None:
            st.button("Close the file and go back to the text", key="sentence_close", on_click=_close)
        st.caption("Its form is told from what is in it. No model is run for a file.")


def _open(name: str, data: bytes) -> None:
    from_json(data)
    st.session_state[OPENED] = (name, blobs.put(data))


def _close() -> None:
    st.session_state[OPENED] = None


# One: a file of that size takes a third of it once it is read.
@st.cache_resource(max_entries=1, show_spinner=False)
def _opened(digest: str) -> AttentionRecord:
    data = blobs.get(digest)
    if data is None:
        raise ValueError("the server no longer keeps this file: please open it again")
    return from_json(data)


def context(told: Told, needs: Sequence[str]) -> Context:
    """Draw the pickers of layer, head and token that a figure needs; the sentence under the model as the reader sees it now."""
    record = _recorded(told)
    pickers.places(record, needs)
    sentences.tokens(record.maps[0].query, st if "token" in needs else None)
    return made(told, state.selection(record))


def _recorded(told: Told) -> AttentionRecord:
    if told.file is None:
        picture = Picture.sentence(told.text)
        return looking.recorded(
            told.model, picture, "Change the text in the sidebar; everything else is as you left it."
        )
    try:
        return _opened(told.file[1])
    except ValueError as error:
        st.error(f"{plain(told.file[0])} cannot be shown: {plain(str(error))}")
        stop()


def made(told: Told, chosen: Selection) -> Context:
    """The context of names and a choice, its record from the store, from the file or run anew."""
    if told.file is None:
        return looking.made(looking.Looked(told.model, text=told.text, review=told.review), chosen)
    name, digest = told.file
    record = _opened(digest)
    key, said = f"{snippets.BUNDLE}-{digest}", Picture.sentence(record.text or " ")
    picture = replace(said, id=snippets.BUNDLE, key=key, title=name)
    return Context(record.model or "a file", picture, record, chosen, resources.run, again=partial(made, told, chosen))


def remarks(now: Context) -> None:
    """What to know of the text, and of the file that it came from."""
    if views.of_file(now):
        st.info(f"From the file {plain(now.picture.title)}: figures of its numbers alone. The sidebar's text waits.")
    elif now.picture.review is None and now.model == resources.READER:
        st.caption(
            "This is not one of the made-up reviews: the model knows about 270 words, and its verdict on other texts is a guess."
        )
    for note in record_notes(now):
        st.text(note)


def record_notes(now: Context) -> list[str]:
    """What the record says about itself."""
    return [str(one) for one in now.record.settings.get("notes", ())]


def below(now: Context) -> None:
    """What can be checked, the matrix in words, the lines and commands that draw it, and the files."""
    look, (number, head) = sentences.look(now, None), token_figures.numbers(now)
    if panels.wanted(panels.WORDS):
        record, special = token_figures.record_of(now, look), look["special"] or not sentences.has_words(now.axis)
        components.in_words(describe_token_matrix(record, number, head, special=special))
    found = now.answer("raw")
    if panels.wanted(panels.TRUST):
        trust.draw(f"For {found.words}.", trust.facts(now, found.values, found.row) + sentences.facts(now, found))
    components.code(now, snippets.map_code(now, "raw", found) + sentences.code(now, look), _commands(now, look))
    files: dict[str, tuple[str, Callable[..., bytes]]] = sentences.files(partial(_shown, look=dict(look)), look)
    components.downloads("sentence", {**files, "Record (NPZ)": ("record.npz", _record)}, now=now)


def _shown(now: Context, look: Mapping[str, Any]) -> Map:
    return sentences.shown(now, now.answer("raw"), look)


def _record(now: Context) -> bytes:
    return parts.saved(now.record.save)


def _commands(now: Context, look: Mapping[str, Any]) -> list[str]:
    """The matrix and the row as pictures, and both forms of JSON."""
    number, head = token_figures.numbers(now)
    more: dict[str, Any] = {"words": look["words"], "without_special": not look["special"]}
    row = snippets.command(now, "raw", **more)
    if views.of_file(now):
        return [sentence_command(input_file=now.picture.title, layer=number, head=head, **more), row]
    file = "attention_data.json"
    return [
        sentence_command(now.picture.text, now.model, layer=number, head=head, **more),
        row,
        sentence_extract(now.picture.text, now.model, file),
        sentence_command(input_file=file, mode="prepare", output_file="backend_data.json"),
    ]


_HEADS = ("layer", "head")
PAGE = lesson.Page(
    "sentence",
    {
        "matrix": View(views.matrix, _HEADS, views.look),
        "atlas": View(views.atlas, _HEADS, views.look),
        "arcs": View(views.arcs, (*_HEADS, "token"), views.look),
        "shaded": View(views.shaded, (*_HEADS, "token"), views.look),
        "padded": View(views.padded, _HEADS, under=views.padding_rows),
        "masked": View(views.masks, (), under=views.masked_word),
        "twins": View(views.twins, _HEADS, views.look, views.second_text),
        "finders": View(sentence_proof.finders, ()),
    },
    below,
    choose,
    context,
    remarks,
    sentences.KEY,
)
