"""What a reader reads and a captioner says when cells of their picture are changed: figures with a model of their own."""

from typing import Any

import numpy as np
import streamlit as st

from tutorials.findings import Context
from tutorials.findings import cover as found
from tutorials.findings.captioning import END
from tutorials.findings.context import Picture
from tutorials.findings.cover import CAPTIONER, READER, Edit, Said
from tutorials.findings.page import Document
from ui.parts import components, widgets
from ui.parts.choosing import Chooser
from ui.store import documents, pictures, resources
from visualizer.figures import overlay
from visualizer.measures.fields import fields
from vit_attention.inputs.edited import WAYS
from worlds.scenes import coverage

PAGE, CELLS, CELLS_WAY = "cover_page", "cover_cells", "cover_cells_with"
SCENE, REGIONS, REGIONS_WAY = "cover_scene", "cover_regions", "cover_regions_with"
"""Keys of the controls, and their names in the address."""
PAGES = (found.RECEIPT, "receipt-5-2", "receipt-8-4", "form-1")
SCENES = (found.SCENE, "scene-24", "scene-11", "scene-2-2-50")
WAYS_HERE = tuple(way for way in WAYS if way not in ("move", "paste"))
HEIGHT = 350


def receipt_controls(now: Context) -> None:
    """The page, its cells, and what is done to them."""
    _reading(st)


def receipt(now: Context) -> None:
    """The changed page, and every value as it was read from the page as it is and from the changed one."""
    page, chooser, way = _reading(None)
    edit = Edit(chooser.patches, way)
    with st.spinner("The model reads the page again ..."):
        before, after = found.said(resources.run, READER, page, edit)
    _shown("cover_receipt", page, chooser, edit, before, f"{page.title}, read by {READER}")
    read = [{one.path: one for one in fields(each.words)} for each in (before, after)]
    paths = list(dict.fromkeys([*read[0], *read[1]]))
    columns = [[_value(one.get(path), said) for path in paths] for one, said in zip(read, (before, after), strict=True)]
    changed = sum(one.split(" (")[0] != two.split(" (")[0] for one, two in zip(*columns, strict=True))
    components.table({"field": paths, "read from the page as it is": columns[0], "from the changed page": columns[1]})
    st.caption(f"{changed} of {len(paths)} values differ. In brackets: the least probability of a token of the value.")


def _value(one: Any, said: Said) -> str:
    """A value that was read, and the least probability of its tokens."""
    if one is None:
        return "not read"
    first = len(said.words) - len(said.chances)  # tokens of the prompt have none
    least = [said.chances[n - first] for n in one.tokens if 0 <= n - first < len(said.chances)]
    return f"{one.text} ({min(least):.0%})" if least else one.text


def _reading(place: Any) -> tuple[Document, Chooser, str]:
    """The page that is read, the choice of its cells, and the way; drawn if there is a place."""
    left, right = st.columns(2) if place else (None, None)
    title = widgets.menu("Page", PAGES, PAGE, place=left, format_func=documents.title)
    way = widgets.menu("What is done to the cells", WAYS_HERE, CELLS_WAY, place=right)
    page = documents.get(title)
    whole: Said = found.said(resources.run, READER, page, Edit())[0]
    names = {path: found.cells_of(page, path, whole.geometry, whole.grid) for path, _, _ in page.values}
    chooser = Chooser(CELLS, whole.grid, names)
    if place:
        chooser.draw()
    return page, chooser, way


def caption_controls(now: Context) -> None:
    """The scene, its regions, and what is done to them."""
    _captioning(st)


def caption(now: Context) -> None:
    """The changed scene, and the sentence about it beside that about the scene as it is."""
    picture, chooser, way = _captioning(None)
    edit = Edit(chooser.patches, way)
    with st.spinner("The model describes the picture again ..."):
        before, after = found.said(resources.run, CAPTIONER, picture, edit)
    _shown("cover_caption", picture, chooser, edit, before, f"{picture.title}, described by {CAPTIONER}")
    rows = [(name, sentence(one), _least(one)) for name, one in (("as it is", before), ("changed", after))]
    components.table(
        dict(zip(("the scene", "its description", "least probability of a word"), zip(*rows, strict=True), strict=True))
    )


def _least(said: Said) -> str:
    """The word that was least likely, and how likely it was."""
    at = int(np.argmin(said.chances))
    return f"{'the end' if said.words[at] == END else said.words[at]}, {said.chances[at]:.1%}"


def sentence(said: Said) -> str:
    """A caption without its end."""
    return " ".join(word for word in said.words if word != END)


def _captioning(place: Any) -> tuple[Picture, Chooser, str]:
    """The scene that is described, the choice of its regions, and the way; drawn if there is a place."""
    left, right = st.columns(2) if place else (None, None)
    name = widgets.menu("Scene", SCENES, SCENE, place=left, format_func=pictures.title)
    way = widgets.menu("What is done to the regions", WAYS_HERE, REGIONS_WAY, place=right)
    picture = pictures.get(name)
    whole: Said = found.said(resources.run, CAPTIONER, picture, Edit())[0]
    things = () if picture.scene is None else picture.scene.things
    names = {
        f"{one.colour} {one.shape}": tuple(int(n) for n in np.flatnonzero(coverage(one.mask, whole.grid).ravel() > 0))
        for one in things
    }
    chooser = Chooser(REGIONS, whole.grid, names)
    if place:
        chooser.draw()
    return picture, chooser, way


def _shown(key: str, given: Picture | Document, chooser: Chooser, edit: Edit, whole: Said, title: str) -> None:
    """The edited picture under the lines of its cells, which can be clicked."""
    marked = sorted({*edit.patches, *chooser.corners})
    figure = overlay.bare(
        edit.of(given.image, whole.geometry, whole.grid),
        whole.grid,
        whole.geometry,
        query=marked,
        outlined="chosen cell",
        title=title,
        height=HEIGHT,
    )
    alt = f"{title}: {len(edit.patches)} of {chooser.size} cells changed ({edit.way})."
    components.chart(figure, key, alt, chooser.pick())
