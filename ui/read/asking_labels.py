"""Labels on "Ask the picture with words": chips, adding and removing, and the picture under the model with its labels."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st

from tutorials.findings import Context, towers
from tutorials.findings.asking import PATHS
from tutorials.findings.context import Picture, Selection
from tutorials.plain import plain
from ui.frame import state
from ui.parts import controls, fetching, labels, looking, pickers, widgets
from ui.parts.looking import Looked
from ui.store import pictures, resources
from visualizer.method import Map, Method, methods
from visualizer.method.labels import CLASS_INDEPENDENT, COLOURS
from vit_attention import registry

FIRST, PUBLISHED = "scene-clip", "clip-vit-b-16"
"""The bundled model of pictures and texts, and the published one that knows photographs."""
NEW, PATH, ROW = "new_label", "path", "label_row"
"""Keys: of the field of a further label, of the menu of paths, and of the row of chips."""


def choose(first: str) -> Looked:
    """Draw the sidebar; the model of pictures and texts that can be shown, and the picture."""
    with st.sidebar:
        pickers.picture(first)
        pickers.model(("label",), FIRST)
    wanted = str(st.session_state[state.MODEL])
    fits = registry.card(wanted).task == "label"
    name = wanted if fits and resources.usable(wanted) else FIRST
    if not fits:
        st.info(f"{wanted} compares no pictures with texts; this page shows {name}.")
    elif name != wanted:
        fetching.offer(wanted, name, "fetch_weights")
    return Looked(name, pictures.get(str(st.session_state[state.PICTURE])).id)


def context(looked: Looked, needs: Sequence[str]) -> Context:
    """Draw the chips and pickers that a figure needs; the picture under the model, with its labels as the classes."""
    picture, drawn = pictures.get(looked.picture), "labels" in needs
    row = st.container(horizontal=True, vertical_alignment="bottom", key=ROW) if drawn else None
    chips = row.container(width="stretch") if row else None
    with row.popover("Change labels") if row else st.empty():
        typed = labels.field(looked.model, picture, st if drawn else None) or labels.offers(picture)
        label = _chips(typed, chips)
        if drawn:
            st.text_input("Add a label", key=NEW, max_chars=labels.LETTERS, on_change=_add)
            st.button(f"Remove “{plain(label)}”", key="remove_label", on_click=_remove, args=(label,))
    looked = looked._replace(labels=typed)
    record = looking.recorded(looked.model, picture, "Change the labels or the picture.", labels=typed)
    if drawn and (notes := record.settings.get("notes")):
        st.text("\n".join(map(str, notes)))
    pickers.places(record, ())
    under = st.container(horizontal=True, vertical_alignment="bottom") if "layer" in needs else None
    layers = len(record.maps)
    widgets.slider("Layer", 1, layers, state.LAYER, min(state.NUMBERS[state.LAYER], layers), place=under, width=200)
    method = path((under or st) if "path" in needs else None)
    now = made(looked, state.selection(record), label)
    if under or "path" in needs:
        with (under or st).popover("Parameters"):
            knobs(now, method if "path" in needs else methods()[PATHS[0]], drawn=True)
    return now


def made(looked: Looked, chosen: Selection, label: str) -> Context:
    """The context of names and a choice."""
    return replace(looking.made(looked, chosen), label=label, again=partial(made, looked, chosen, label))


def _chips(typed: Sequence[str], place: Any) -> str:
    """A chip for each label, with the colour that it has where labels compete; the label that is asked about."""
    if place:
        rules = (
            f".st-key-{labels.ASKED} button:nth-of-type({n + 1})"
            f"{{box-shadow:inset 0.5rem 0 0 rgb({','.join(str(round(255 * part)) for part in colour)});padding-left:1rem}}"
            for n, colour in enumerate(COLOURS.values())
        )
        # Beside the narrow window's button the chips would stand one below another.
        room = f".st-key-{ROW}>:first-child{{min-width:min(100%,20rem)}}"
        place.html(f"<style>{room}{''.join(rules)}</style>")
    look: dict[str, Any] = {"format_func": plain, "wrap": True, "label_visibility": "collapsed"}
    return widgets.choice("Label asked about", typed, labels.ASKED, place=place, **look)


def _add() -> None:
    """Put a further label behind the others, and ask about it; for callbacks."""
    new, before = str(st.session_state[NEW]), str(st.session_state.get(labels.KEY, ""))
    found, _ = labels.read(f"{before}\n{new}")
    asked, _ = labels.read(new)
    if asked:
        st.session_state.update(
            {labels.KEY: "\n".join(found), labels.ASKED: asked[0] if asked[0] in found else found[0]}
        )
    st.session_state[NEW] = ""


def _remove(label: str) -> None:
    found, _ = labels.read(str(st.session_state.get(labels.KEY, "")))
    st.session_state[labels.KEY] = "\n".join(one for one in found if one != label)


def path(place: Any = None) -> Method:
    """How patches are compared with a label; with ``place=None`` nothing is drawn."""
    tip = "naive: patches as they leave the layer. value: none reads another in it. value-value: each reads similar values."
    return methods()[widgets.choice("Path", PATHS, PATH, place=place, width="content", help=tip)]


def knobs(now: Context, method: Method, drawn: bool = False) -> dict[str, Any]:
    """The parameters of a path."""
    return controls.knobs(now.record, (CLASS_INDEPENDENT, *method.run), columns=2, drawn=drawn)


def answer(now: Context, method: Method, given: Mapping[str, Any], label: str = "", show: str = "label") -> Map:
    """The map of a label (the one asked about unless told), or of the winner of all, from one run for all layers and labels."""
    key = ("asking", now.view, label, method.name, *map(str, given.items()), show)
    return resources.once(
        key, lambda: compared(now, method, given, label).answer(method.name, "", {**given, "show": show})
    )


def compared(now: Context, method: Method, given: Mapping[str, Any], label: str = "") -> Context:
    """The same with the similarities of a path in its record."""
    usual = {knob.name: knob.default for knob in method.run}
    return labels.compared(now, method, label or now.label, {**usual, **given})


def words(now: Context) -> towers.Words:
    """What the end token of the label's text reads."""
    found: towers.Words = now.run(towers.words_read, now.model, Picture.sentence(now.label))
    return found


def remarks(now: Context) -> None:
    """What to know of this model on this picture, and where the published model stands."""
    if now.picture.is_photograph and now.model == FIRST:
        st.warning(looking.mismatch(now.model, now.picture), icon="⚠️")
    elif told := looking.mismatch(now.model, now.picture) * (now.model != FIRST):
        st.caption(told)
    if now.model != PUBLISHED:
        there = (
            "is available: choose it in the sidebar"
            if resources.usable(PUBLISHED)
            else "is not available on this server"
        )
        st.caption(f"The published CLIP, {PUBLISHED}, knows photographs; it {there}. No link ever fetches it.")
    for note in (*now.picture.notes, now.picture.credit):
        if note:
            st.caption(note)
