"""What the pages about captions look at: their sidebar, and the caption of a picture or of an opened file."""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import streamlit as st

from tutorials.findings.captioning import Captioning, shown
from tutorials.findings.captions import most_visible
from tutorials.findings.context import Picture
from tutorials.plain import plain
from ui.frame import address, state
from ui.parts import panels, parts, pickers, stepping, steps, widgets
from ui.read import said
from ui.store import pictures, resources
from ui.store.blobs import blobs
from ui.store.bundles import unpacked
from visualizer.measures.regions import region_heat
from visualizer.method import Map
from vit_attention import registry
from worlds import captions as worlds_captions
from worlds.naming import scene_name

# Keys of the widgets and names in the address; words count from 1 there.
CAPTIONER, SCENE, BEAMS, WORD = "captioner", "scene", "beams", "word"
# Session key of (name, digest) of an opened bundle; its bytes are in the server's store.
OPENED = "captions_record"
# Session key: whose words and regions are counted.
CAPTIONED = "_captioned"
METHOD = "word_method"
BUNDLED, MOST_BEAMS = "scene-aoanet", 5
# How strongly maps cover the picture at first: under more, red and green things are hard to tell apart.
COVER = 0.4
OF_BOXES = "White outlines: the three strongest regions. Where boxes overlap the strongest is drawn; what no box covers stays bare."
GALLERY = ("scene-6-2-50", "scene-0-2-50", "scene-14-2-50", "scene-2-2-50", "scene-15-2-50", "scene-4-1-50", "cat")
GONE = "the server no longer keeps this file: please open it again"


class Told(NamedTuple):
    """What is captioned, by names and numbers alone."""

    picture: str
    beams: int
    file: tuple[str, str] | None


@dataclass(frozen=True)
class Mapped(Captioning):
    """A caption, and the map of its word by a method other than raw attention, if one is chosen."""

    way: said.Way = said.RAW
    found: Map | None = None

    @property
    def asked(self) -> said.Said:
        """The word, as methods are asked about it."""
        name = f"word {self.word + 1}, “{shown(self.words[self.word])}”"
        beams = (("beams", self.beams),) if self.beams > 1 else ()
        where = (self.decoder.layer, self.head, beams)
        return said.Said(self.model, self.picture, self.record, self.word, name, *where, runs=self.runs)


def choose(first: str) -> Told:
    """Draw the sidebar; what is captioned.

    Args:
        first: id of the picture that the page begins with.
    """
    with st.sidebar:
        tip = "scene-aoanet ships with this app and works offline. The published network needs your own files."
        names = [card.name for card in registry.models() if card.task == "caption"]
        captioner = widgets.menu("Captioner", names, CAPTIONER, BUNDLED, help=tip)
        st.caption(registry.card(captioner).label)
        tip = "Scenes are drawn by this app, so what they show, and where, is known. Pictures of your own: page Playground."
        pickers.one_of("Picture", SCENE, first, options, pictures.OWN, pictures.title, help=tip)
        st.button("Another scene of two objects", key="captions_new", on_click=_new_scene, width="stretch")
        tip = "1 takes the most likely word at every step. More keep that many captions alive and choose the most likely whole one."
        beams = widgets.slider("Beams", 1, MOST_BEAMS, BEAMS, 1, help=tip)
        _own_record()
    if captioner != BUNDLED:
        _say_how()
    told = Told(str(st.session_state[SCENE]), beams, st.session_state.get(OPENED))
    if st.session_state.setdefault(CAPTIONED, told) != told:  # an old number would name another word
        address.forget({WORD, "region"} - set(st.session_state.get(steps.BEFORE, {})))
    st.session_state[CAPTIONED] = told
    return told


def options(current: str) -> list[str]:
    """Ids for the menu: gallery, the own picture if there is one, and a valid `current` scene."""
    own = list(pictures.own())
    valid = [current] if current in pictures.options(current) else []
    return list(dict.fromkeys([*GALLERY, *own, *valid]))


def _new_scene() -> None:
    while True:
        name = scene_name(random.randrange(10_000), 2)
        made = pictures.get(name).scene
        if made is not None and worlds_captions.caption(made).clear:
            st.session_state[SCENE] = name
            return


def _say_how() -> None:
    with st.container(border=True):
        st.markdown(
            "**The published AoANet** has no address this app could fetch it from, and its files are too large to upload. "
            "On your own machine, caption a picture with `python -m vit_attention extract` (or with the lines below), and open "
            "the saved record here under *A record of your own*. Until then this page shows **scene-aoanet**."
        )
        st.code(
            "import vit_attention as va\n\n"
            'model = va.load("aoanet", weights="model.pth", infos="infos.pkl")\n'
            'model.attend("features.npz", picture="picture.jpg", half=True).save("caption.npz")\n',
            language="python",
            wrap_lines=True,
        )


def context(told: Told, needs: Sequence[str]) -> Mapped:
    """Draw the pickers of word, method and head that a figure needs; the caption as the reader sees it now."""
    now = looked(told)
    sentence = st.container(horizontal=True, gap="small") if "query" in needs else None
    left, right = st.columns([3, 2], vertical_alignment="bottom") if needs else (None, None)
    word, method = _word(now, sentence, left), ""
    if "method" in needs:
        look = {"label_visibility": "collapsed", "width": 130}
        method = said.menu(replace(now, word=word).asked, METHOD, sentence, **look)
    heads, drawn = len(now.decoder.weights), "head" in needs and said.Way(method).takes("head")
    head = pickers.one_or_mean("Head", state.HEAD, heads, place=right if drawn else None)
    return said.mapped(partial(made, told, head, word), said.knobs(now.record, method, "word_"))


def looked(told: Told) -> Mapped:
    """The caption, before a head and a word are chosen; stops the page with a message if there is none."""
    problem = f"{told.file[0]} cannot be shown" if told.file else f"{BUNDLED} cannot caption this picture"
    with parts.or_stop(problem, "picture"), st.spinner("The model is looking ..."):
        return made(told, None, 0)


def made(told: Told, head: int | None, word: int, way: said.Way = said.RAW) -> Mapped:
    """The caption of what these names say, its record from the store or run anew.

    Raises:
        ValueError: there is none, or the method has no map of this word.
    """
    if told.file is not None:
        now = _opened(*told.file)
    else:
        picture = pictures.get(told.picture)
        record = resources.record(BUNDLED, picture, beams=told.beams)
        now = Mapped(BUNDLED, picture, record, None, 0, told.beams, run=resources.run)
    now = replace(now, head=head, word=word, way=way, again=partial(made, told, head, word, way))
    return replace(now, found=said.answer(now.asked, way))


def _word(now: Captioning, sentence: Any, steps: Any) -> int:
    """The sentence, a button a word, and buttons that step through it; the chosen word, 0 first."""
    last = len(now.words)
    word = widgets.number("Word", 1, last, WORD, most_visible(now) + 1, place=None) - 1
    if sentence is None:
        return word
    for n, one in enumerate(now.words):
        sentence.button(
            plain(shown(one)),
            key=f"captions_word_{n}",
            on_click=st.session_state.update,
            args=({WORD: n + 1},),
            type="primary" if n == word else "tertiary",
        )
    with steps:
        stepping.buttons(WORD, word + 1, 1, last, "word")
    return word


def remarks(now: Captioning) -> None:
    """What to know of the sentence: what is true of the scene, where it comes from, and what the model cannot know."""
    if not now.runs:
        st.info(
            f"From the file {plain(now.picture.title)}, made by {plain(now.record.model) or 'an unnamed model'}. The sidebar's "
            "picture does not matter here."
        )
    elif now.picture.is_photograph:
        st.warning(
            "scene-aoanet knows sentences about twelve drawn shapes and nothing else. It will say one of them about this "
            "picture, too: its maps are real, but the sentence is made up.",
            icon="⚠️",
        )
    for note in (*now.picture.notes, now.picture.credit):
        if note:
            st.caption(note)


def _own_record() -> None:
    """A way to open a saved record: drawn from its file alone, after a look at what is in it."""
    label = "Record bundle (.npz, at most 10 MB) of a caption, saved by record.save or by the command line"
    with parts.own_file("A record of your own", label, ["npz"], "captions_npz", _open):
        if st.session_state.get(OPENED) is not None:
            label = "Close the record and go back to the sidebar's picture"
            st.button(label, key="captions_close", on_click=_close)
        st.caption("A bundle is drawn from its file alone: no model is run, and nothing in it is executed.")


def _open(name: str, data: bytes) -> None:
    read_bundle(name, data)
    _close()
    st.session_state[OPENED] = (name, blobs.put(data))
    panels.show(panels.CODE)  # the lines that draw a record from its file


def _close() -> None:
    for key in (OPENED, WORD, "region"):
        st.session_state.pop(key, None)


@st.cache_resource(max_entries=2, show_spinner=False)
def _opened(name: str, digest: str) -> Mapped:
    data = blobs.get(digest)
    if data is None:
        raise ValueError(GONE)
    return read_bundle(name, data)


def read_bundle(name: str, data: bytes) -> Mapped:
    """The caption in the bytes of a bundle of that name.

    Raises:
        ValueError: no bundle, one that unpacks to too much, or a record that is no caption on a picture.
    """
    record = unpacked(data)
    cross = [one for one in record.maps if one.kind == "cross" and one.query.kind == "text" and one.key.kind != "text"]
    whole = all(one.queries is None and one.kind != "window" for one in record.maps)
    if len(cross) != 1 or not whole or cross[0].query.prefix or cross[0].key.prefix or not cross[0].query.labels:
        raise ValueError("want the record of a caption: one map from words to regions, got another kind of record")
    if any(len(one.key) != len(cross[0].key) for one in record.maps if one.kind == "self"):
        raise ValueError("want maps over the same regions, got different numbers of them")
    if not record.picture:
        raise ValueError("want a record with its picture (attend(features, picture=...)), got one without")
    region_heat(np.zeros(len(cross[0].key)), cross[0].key, record.geometry)  # says so if nobody knows the boxes
    picture = Picture("own record", hashlib.sha256(data).hexdigest()[:20], name, record.image)
    return Mapped(record.model or "unnamed model", picture, record, None, 0, runs=False)
