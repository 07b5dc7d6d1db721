"""Maps of methods other than raw attention, for a token that a reader or captioner said: menu, map, caption, code, files."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

import streamlit as st

from tutorials.findings.page import Document
from tutorials.plain import plain
from ui.parts import components, controls, trust
from ui.store import readers, resources
from visualizer.export import files as export
from visualizer.method import Map, Method, methods, question
from visualizer.words.maps import describe
from vit_attention.cli.recipe import command
from vit_attention.records import AttentionMap, AttentionRecord

ATTENTION = "attention"
OWN = ("raw", "mean-of-layers")
"""Methods that these pages draw themselves, by their pickers of layer and head."""
REFUSED = {"received": "no token asks in it"}
T = TypeVar("T")


class Way(NamedTuple):
    """A method other than raw attention, and its knobs; no name stands for raw attention."""

    name: str = ""
    knobs: tuple[tuple[str, Any], ...] = ()

    @property
    def method(self) -> Method | None:
        """None for raw attention."""
        return methods()[self.name] if self.name else None

    def takes(self, picker: str) -> bool:
        """Whether the picker of layers or of heads changes the map."""
        one = self.method
        return one is None or (one.heads if picker == "head" else one.layers in ("one", "until"))


RAW = Way()


@dataclass(frozen=True, eq=False)
class Said:
    """A token that was said, and all that a method has to know about it.

    Attributes:
        model: name of the reader or captioner.
        given: the page or picture; its `key` stands for it in caches.
        record: of what was said.
        row: of the decoder's maps, 0 first: the token.
        name: of the token, as the page says it.
        layer: number of a decoder layer; None for the mean of all.
        head: 0 first; None for the mean of all.
        options: of `attend`, beside target and what is kept.
        runs: whether the model may be run.
    """

    model: str
    given: Any
    record: AttentionRecord
    row: int
    name: str
    layer: int | None
    head: int | None
    options: tuple[tuple[str, Any], ...] = ()
    runs: bool = True

    @property
    def target(self) -> int:
        """The token's number as `attend` counts, the prompt left out."""
        return self.row - _decoder(self.record).query.prefix

    def asked(self, method: Method) -> dict[str, Any]:
        """What the reader of the page has chosen, as keywords of a method's call."""
        found: dict[str, Any] = {} if method.spoken else {"kind": "cross"}
        if method.asked_by == "any":
            found["query"] = self.row
        if self.layer is not None and method.layers in ("one", "until"):
            found["layer"] = self.layer
        if self.head is not None and method.heads:
            found["head"] = self.head
        return found

    def wanted(self, method: Method) -> dict[str, Any]:
        """The options of `attend` and of the command line that a method's map takes."""
        return {**dict(self.options), "target": self.target if method.asks_class else None}


def _decoder(record: AttentionRecord) -> AttentionMap:
    return next(one for one in record.maps if one.kind == "cross")


def unfit(said: Said) -> dict[str, str]:
    """Why a method has no map of a token, by its name; "" if it has one, perhaps after the model has looked again."""

    def make() -> dict[str, str]:
        gives = readers.model(said.model).signals if said.runs else frozenset()
        others = (one for one in methods().values() if one.name not in OWN)
        return {one.name: REFUSED.get(one.name) or _why_not(said, one, gives) for one in others}

    # Of an opened record the answer also depends on the token.
    return resources.once(("unfit", said.model, said.given.key, said.options, said.runs or said.row), make)


def _why_not(said: Said, method: Method, gives: frozenset[str]) -> str:
    needs = sorted({*method.signals, *([method.name] if method.reads_run else [])})
    if why := method.unfit(said.record, None if method.spoken else "cross"):
        return why
    if said.runs:
        return next((f"needs {one}, which {said.model} does not give" for one in needs if one not in gives), "")
    if missing := [one for one in needs if not said.record.has(one)]:
        return f"this record was saved without {missing[0]}, and no model is run for a file"
    other = method.asks_class and said.record.prediction.target != said.target
    return "this record was saved for another word" if other else ""


def menu(said: Said, key: str, place: Any, **how: Any) -> str:
    """The menu of methods; the name of the chosen one, "" for raw attention."""
    chosen = controls.among(unfit(said), key, (ATTENTION,), place=place, **how)
    return "" if chosen == ATTENTION else chosen


def knobs(record: AttentionRecord, name: str, prefix: str) -> Way:
    """The controls of the chosen method's knobs; the way to its map."""
    way = Way(name)
    if way.method is None:
        return way
    # What a run through a decoder leaves is of one layer alone.
    own = [one for one in way.method.knobs if one.name != "start_layer" or not way.method.reads_run]
    found = controls.knobs(record, (*own, *way.method.run), prefix, 2)
    return Way(name, tuple(found.items()))


def not_here(said: Said, way: Way) -> None:
    """What the chosen method shows, which methods have no map of the token, and why."""
    if way.method is not None:
        st.caption(way.method.meaning)
    controls.not_here(unfit(said))


def mapped(make: Callable[[Way], T], way: Way) -> T:
    """What `make` gives for a way; if that has no map, this is said and raw attention taken."""
    if not way.name:
        return make(way)
    try:
        with st.spinner("The model looks again ..."):
            return make(way)
    except ValueError as error:
        st.error(f"This method has no map here: {plain(str(error))}")
        return make(RAW)


def answer(said: Said, way: Way) -> Map | None:
    """The map of a token, from the store or after the model has looked again; None for raw attention.

    Raises:
        ValueError: there is none; says why.
    """
    if way.method is None:
        return None
    asked = tuple(said.asked(way.method).items())
    if not said.runs or way.method.needs == {"weights"}:
        return _named(way.method(said.record, **dict(asked), **dict(way.knobs)), said.record, said.row, said.name)
    wanted = tuple(said.wanted(way.method).items())
    found: Map = resources.run(answered, said.model, said.given, said.model, way, asked, wanted, said.row, said.name)
    return found


def answered(
    model: Any,
    given: Any,
    called: str,
    way: Way,
    asked: tuple[tuple[str, Any], ...],
    wanted: tuple[tuple[str, Any], ...],
    row: int,
    name: str,
) -> Map:
    """The map of a method whose signals the page's record does not carry: the model looks again and keeps them."""
    method = methods()[way.name]
    run = {knob.name for knob in method.run}
    keep = method.needs_for(**{key: value for key, value in way.knobs if key in run})
    read = readers.encoded(called, given) if isinstance(given, Document) else given.given
    record = model.attend(read, keep=keep, **dict(wanted))
    return _named(method(record, **dict(asked), **dict(way.knobs)), record, row, name)


def _named(found: Map, record: AttentionRecord, row: int, name: str) -> Map:
    """The map with the token called as pages call it, which count from 1; without the weights behind it, which are parts of the record."""
    words = found.words
    for other in (record.prediction.asked_words, question.name(_decoder(record).query, row)):
        words = words.replace(other or name, name)
    return replace(found, words=words, row=found.row.copy(), weights=found.weights[..., :0])


def title(said: Said, way: Way) -> str:
    """Over the figure of a map."""
    assert way.method is not None
    return f"{_capital(way.method.label)} for {said.name}"


def caption(found: Map, way: Way, more: str = "") -> str:
    """Under the figure of a map, with the first clause of what it means; Markdown."""
    assert way.method is not None
    meaning = re.split(r"[,.:;] ", way.method.meaning)[0].rstrip(".")
    return plain(f"{_capital(found.words)}. {meaning}.{more}")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def in_words(found: Map) -> str:
    """The strongest places of a map."""
    return describe(found.row, found.axis, _capital(found.words), found.unit, geometry=found.geometry)


def scales(way: Way, modes: Sequence[str]) -> Sequence[str]:
    """The colour scales on offer: the map of a method shares none, since those of the other tokens are not computed."""
    return ("raw", *modes[1:]) if way.name else modes


def card(said: Said, found: Map) -> None:
    """What can be checked about the attention behind a map."""
    trust.draw(f"For {found.words}; the attention behind it:", trust.proof(said.record))


def code(said: Said, found: Map, way: Way, made: str, drawn: Sequence[str], given: str) -> str:
    """The lines that make a map.

    Args:
        made: the lines before: what is looked at, and the model.
        drawn: the lines that draw it, and what they import.
        given: what the model is given, as an expression.
    """
    assert way.method is not None
    more = "".join(f", {name}={value!r}" for name, value in said.wanted(way.method).items() if value is not None)
    keep = f'methods()["{way.name}"].needs'
    if run := {knob.name: dict(way.knobs)[knob.name] for knob in way.method.run}:
        keep += f"_for({', '.join(f'{name}={value!r}' for name, value in run.items())})"
    attended = f"record = model.attend({given}{more}, keep={keep})\n" if said.runs else ""
    imports, draws = drawn
    return f"{made}from visualizer import methods\n{imports}\n{attended}found = {found.code}\nprint(found.words)\n{draws}\n"


def line(said: Said, way: Way, **look: Any) -> str:
    """The command that draws a map."""
    method = way.method
    assert method is not None
    short = {knob.name: knob.key for knob in (*method.knobs, *method.run)}
    options = {**said.asked(method), **{short[name]: value for name, value in way.knobs}, **look}
    if said.runs:
        return command(said.model, said.given.id, method=way.name, **options, **said.wanted(method))
    return command(None, said.given.title, method=way.name, **options)


def files(name: str) -> dict[str, tuple[str, Callable[[Any], bytes]]]:
    """Downloads of a map, for `components.downloads`; what is looked at has it as `found`."""
    return {
        "This map (PNG)": (f"{name}.png", _picture),
        "This map (CSV)": (f"{name}.csv", lambda now: components.csv(now.found.values)),
    }


def _picture(now: Any) -> bytes:
    found, image = now.found, now.record.image
    return export.overlay_png(
        image,
        found.values,
        now.record.geometry,
        _capital(found.words),
        settings=now.model,
        opacity=0.4,
        unit=found.unit,
    )
