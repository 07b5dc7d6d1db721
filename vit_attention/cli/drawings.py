"""From a record to the drawings asked for: every layer, head and asker that the options name, through one method."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from visualizer.method import Map, Method, NothingCapturedError, QuestionError, SignalError, methods
from visualizer.method.question import Maps, head_numbers, is_word, numbered, span
from vit_attention.cli import files
from vit_attention.cli.errors import ChoiceError
from vit_attention.records import AttentionRecord, Axis


@dataclass(frozen=True)
class View:
    """What of a record is drawn.

    Attributes:
        layer: numbers of layers, 0 first; None takes all, or for methods through depth the last.
        head: numbers of heads, 0 first; None takes all.
        avg_heads: whether all heads are drawn as their mean; chosen heads are always drawn one by one.
        method: one of `visualizer.methods()`.
        query: as `askers` takes it, or "each" alone.
        kind: "self", "cross" or "window"; None takes the first two.
        without_sinks: whether sinks are left out of the drawings.
        knobs: of methods, by name; those that the method has not are left out.
    """

    layer: tuple[int, ...] | None = None
    head: tuple[int, ...] | None = None
    avg_heads: bool = True
    method: str = "raw"
    query: tuple[str, ...] = ()
    kind: str | None = None
    without_sinks: bool = False
    knobs: dict[str, Any] = field(default_factory=dict)

    @property
    def chosen(self) -> Method:
        """The method; raises `ChoiceError` for an unknown one."""
        if self.method not in methods():
            raise ChoiceError(f"--method: want one of {', '.join(methods())}, got {self.method!r}")
        return methods()[self.method]

    @property
    def given(self) -> dict[str, Any]:
        """The knobs that the method has."""
        own = {name for knob in (*self.chosen.knobs, *self.chosen.run) for name in (knob.name, knob.key)}
        return {name: value for name, value in self.knobs.items() if name in own}

    @property
    def needs(self) -> frozenset[Any]:
        """What the record has to carry for it."""
        with choices(self):
            return self.chosen.needs_for(query=self.query or None, **self.given)

    def sparing(self, axis: Axis) -> dict[str, Any]:
        """What `attend` is asked for where only these maps are drawn of a large picture; `axis` is that of its tokens."""
        if list(self.query) == ["each"] or self.without_sinks:  # every row is drawn, or read to find the sinks
            return {}
        with choices(self):
            return self.chosen.sparing(axis, query=self.query or None, **self.given)


@dataclass(frozen=True, eq=False)
class Drawing:
    """One map, and what its files are called by: number of the layer, name of block or method, what tells it from its like."""

    number: int
    name: str
    part: str
    map: Map


def knob_names() -> set[str]:
    """What the knobs of all methods are called, by either name."""
    knobs = (knob for one in methods().values() for knob in (*one.knobs, *one.run))
    return {name for knob in knobs for name in (knob.name, knob.key)}


@contextmanager
def choices(view: View) -> Iterator[None]:
    """Turns what a method refuses into what is wrong with an option, or with this one record."""
    try:
        yield
    except SignalError as error:
        raise ValueError(
            f"--method {view.method}: {error.text.removeprefix(f'{view.method}: ').removesuffix('.')}. "
            "Here: --bundle, with the same --method and its options, keeps it"
        ) from error
    except QuestionError as error:
        option = {"sinks": "without-sinks"}.get(error.option, error.option.replace("_", "-"))
        named = f"{option} {view.method}" if option == "method" else option
        raise ChoiceError(f"--{named}: {error.text}") from error


def drawings(record: AttentionRecord, view: View) -> list[Drawing]:
    """Every map that `view` asks of `record`.

    Raises:
        ChoiceError: a layer, head or asker that is not there, or a method that these maps do not allow.
        NothingCapturedError: no map runs over the picture.
        ValueError: a record made without what the method reads.
    """
    with choices(view):
        maps = numbered(record, view.kind)
        if all(one.key.kind == "text" for one in maps.values()):
            raise NothingCapturedError(
                "all maps of this record run over text, not over a picture", "Keep cross-attention, too."
            )
        missing = [n for n in view.layer or () if n not in maps]
        if missing:
            raise QuestionError("layer", f"want numbers of {span(maps)}, got {', '.join(map(str, missing))}")
        found = list(_drawings(record, maps, view))
    if not found:
        raise ChoiceError(f"--query: none of the maps has {' and '.join(map(repr, view.query))} among its askers")
    return found


def _drawings(record: AttentionRecord, maps: Maps, view: View) -> Iterator[Drawing]:
    method = view.chosen
    for layer in _layers(maps, view, method):
        one = maps[max(maps) if layer is None else layer]
        heads: tuple[int | None, ...] = view.head or (None,)
        if method.heads and view.head is None and not view.avg_heads:
            heads = head_numbers(one)
        each = list(view.query) == ["each"]
        rows = [((str(row),), f"query_{row}") for row in range(len(one.query))] if each else [(view.query, "")]
        rows = each_label(record, view) or rows
        for (query, row), head in itertools.product(rows, heads):
            part = "_".join(p for p in (row, f"head_{head}" if len(heads) > 1 else "") if p)
            who, sinks = query or None, "hide" if view.without_sinks else "show"
            found = method(record, query=who, layer=layer, head=head, kind=view.kind, sinks=sinks, **view.given)
            # What shows one layer's weights is called after its block.
            name = one.name if method.layers == "one" and method.needs == {"weights"} else method.name.replace("-", "_")
            yield Drawing(found.layer, name, part, found)


def each_label(record: AttentionRecord, view: View) -> list[tuple[tuple[str, ...], str]]:
    """Every label and what its files are called by, where a method compares labels and none was chosen; else none."""
    if (
        view.chosen.asked_by != "label"
        or view.given.get("show", "label") != "label"
        or view.query not in ((), ("each",))
    ):
        return []
    return [((label,), f"label_{n}_{files.safe(label)}") for n, label in enumerate(record.prediction.labels)]


def _layers(maps: Maps, view: View, method: Method) -> list[int | None]:
    """The layers that a method is asked about, None for all it goes through."""
    if method.layers != "one":
        if view.layer is not None and len(view.layer) > 1:
            raise QuestionError("method", f"want one --layer, where it ends, got {len(view.layer)}")
        return [None if view.layer is None else view.layer[0]]
    if view.layer is None and method.of_patches:
        return [None]
    asked = [n for n in maps if view.layer is None or n in view.layer]
    spoken = {n: one for n, one in maps.items() if one.query.kind == "text"}
    if not spoken or not any(is_word(text) for text in view.query):
        return list(asked)
    # A word of a caption is no asker of the layers below, where regions ask.
    wrong = [n for n in asked if n not in spoken]
    if wrong and view.layer is not None:
        raise QuestionError(
            "query",
            f"words ask in layer {span(spoken)} alone, and regions in layer {wrong[0]}: want a region's number there",
        )
    return [n for n in asked if n in spoken]
