"""What a method is, and the table of all of them."""

import importlib
import operator
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from visualizer.measures.steps import HEAD_FUSIONS
from visualizer.method.decoded import lacking
from visualizer.method.knob import Knob, Knobs
from visualizer.method.map import SHARE, Map, answer, scale_of
from visualizer.method.question import (
    Maps,
    Question,
    QuestionError,
    SignalError,
    askers,
    number_of,
    patch_of,
    query_texts,
)
from visualizer.method.said import scored_row
from vit_attention.gate import GateError, shown
from vit_attention.records import AttentionRecord, Axis, Run, Similar
from vit_attention.records.similar import EXAMPLE

__all__ = ["SHARE", "Knob", "Knobs", "Map", "Method", "Methods", "answer", "methods", "scale_of"]

LARGE = 16 * 16
"""Patches up to which a record keeps everything without being asked; see `Method.sparing`."""
SEVERAL = 64
"""Query tokens up to which each has rows of its own in a sparing record; the mean of all heads stands in for more."""

POOL = ("pool",)
"""What the query of a pool behind the blocks is called, which is no word that was said."""

Function = Callable[[AttentionRecord, Question, Knobs], Map]


@dataclass(frozen=True, eq=False)
class Method:
    """One way to turn a record into one map.

    Attributes:
        function: (record, question, knobs) to the map; pure.
        meaning: one sentence on what the map shows.
        source: paper and equation, or "" for what needs none.
        knobs: its parameters.
        signals: what it needs besides the weights, as `model.attend(keep=...)` takes it.
        run: parameters of the run that it reads, if it needs one; the run has the name of the method.
        plain_run: whether it reads a run that has no parameters.
        title: in menus; "" takes the name.
        layers: "one" uses one layer, "until" the layers up to one, "through" all of them or, if a layer is given, those up
            to it, "all" always all.
        heads: whether it can use a single head; other methods take all heads together.
        asked_by: accepted query tokens: "any", only the "class" token, one "patch", one or several "patches", or "nobody" for
            no query; "label" for a label of the picture.
        passes: how many passes through the model its run takes, from the knobs and (rows, columns) of the patches; None for
            a run of one or two.
        spoken: whether it can also be about a token that a reader or captioner said, through encoder and decoder.
        norms: whether it reads the lengths of the tokens, `record.norms`.
        changes: what its run changes parts of, a "picture" or a "text"; "" for neither.
        most: how many pairs of tokens, over all layers, it can go through in a few seconds; 0 for any number.
        place: position in menus and tables, smallest first.
        name: name of its file, with dashes; set by `methods`.
    """

    function: Function
    meaning: str
    source: str = ""
    knobs: tuple[Knob, ...] = ()
    signals: frozenset[str] = frozenset()
    run: tuple[Knob, ...] = ()
    plain_run: bool = False
    title: str = ""
    layers: str = "one"
    heads: bool = False
    asked_by: str = "any"
    spoken: bool = False
    norms: bool = False
    changes: str = ""
    passes: Callable[[Knobs, tuple[int, int]], int] | None = None
    most: int = 0
    place: int = 100
    name: str = ""

    @property
    def reads_run(self) -> bool:
        """Whether the model is run in a way of its own for it."""
        return bool(self.run) or self.plain_run

    @property
    def label(self) -> str:
        """Its title in menus."""
        return self.title or self.name.replace("-", " ")

    @property
    def heading(self) -> str:
        """The same over a figure: with a capital at its beginning."""
        return self.label[:1].upper() + self.label[1:]

    @property
    def needs(self) -> frozenset[str | Run]:
        """What `model.attend(..., keep=method.needs)` must keep for it; a run uses its default parameters."""
        return self.needs_for()

    def needs_for(self, query: Any = None, **knobs: Any) -> frozenset[str | Run]:
        """The same for a run with these parameters, or for a run on this query patch.

        Raises:
            QuestionError: a parameter that it does not have, or a value out of range.
        """
        values = self._knobs(knobs)
        run = [self._run(self._asking(query, knobs), values)] if self.reads_run else []
        return frozenset({"weights", *self.signals, *run})

    def sparing(self, axis: Axis, layer: int | None = None, query: Any = None, **knobs: Any) -> dict[str, Any]:
        """Arguments of `model.attend` for a record that holds what this method needs and little else.

        For pictures of more than `LARGE` patches, whose complete maps take hundreds of MB. The rows of the class token and of
        the query tokens are kept of every layer, all rows of `layer`, and what the method reads beside them: for a product
        of layers one matrix for all heads of every layer. Methods that multiply layers by their gradients need everything.

        Args:
            axis: the model's tokens for the picture, as ``model.axis(size)`` gives them.
            layer, query, knobs: as for the call of the method; without a layer none is kept whole.

        Raises:
            QuestionError: a query or parameter that this method or axis does not have.

        >>> asked = methods()["rollout"].sparing(Axis.patches(37, 37, ("class",)), layer=8, query=(0, 5))
        >>> sorted(asked["keep"]), {name: asked[name] for name in ("queries", "whole", "half")}
        (['head-mean', 'weights'], {'queries': (0, 6), 'whole': (8,), 'half': True})
        """
        values, needs = self._knobs(knobs), self.needs_for(query, **knobs)
        if self.multiplies and not self.fuses:
            return {"keep": needs, "half": True}
        rows = () if self.asked_by == "label" else askers(axis, self._asking(query, knobs)).rows
        several = len(rows) > SEVERAL
        if self.fuses or (several and self.layers != "all"):
            needs |= {f"head-{values.get('head_fusion', 'mean')}"}
        queries = tuple(sorted({0, *(() if several else rows)}))
        found = {"keep": needs, "queries": queries, "half": True}
        return found if layer is None else {**found, "whole": (layer,)}

    @property
    def fuses(self) -> bool:
        """Whether it multiplies layers whose heads are fused, for which one matrix for all heads of a layer will do."""
        return self.multiplies and any(knob.name == "head_fusion" for knob in self.knobs)

    @property
    def asks_class(self) -> bool:
        """Whether it is about the target of `attend`: one class, or a similarity."""
        return bool({"gradients", "target"} & self.signals)

    @property
    def of_patches(self) -> bool:
        """Whether it is about patches as such; behind the blocks may lie a pool, which asks with a query of its own."""
        return self.asked_by in ("patch", "patches", "label") or "hidden" in self.signals

    @property
    def multiplies(self) -> bool:
        """Whether it multiplies layers, which needs all of them, complete."""
        return self.layers != "one" and not self.heads and self.asked_by != "nobody"

    def fitting(self, maps: Maps) -> Maps:
        """Those of some maps that it can look at, by number: those where patches ask, for methods about patches; those where
        words ask, for methods about a token that was said.
        """
        said = {n: one for n, one in maps.items() if self.spoken and one.kind == "cross" and one.query.kind == "text"}
        said = {n: one for n, one in said.items() if one.query.labels != POOL}
        return said or {n: one for n, one in maps.items() if one.query.kind == "patches" or not self.of_patches}

    def stops(self, layers: Sequence[int], knobs: Knobs) -> Sequence[int]:
        """Those of some layers at which it can stop: from the start layer up, or the last alone, which says why not."""
        knob = next((one for one in self.knobs if one.name == "start_layer"), None)
        start = 0 if knob is None else knob.checked(knobs.get(knob.name, knobs.get(knob.key, knob.default)))
        return layers[start:] or layers[-1:]

    def unfit(self, record: AttentionRecord, kind: str | None = None, fusion: str | None = None) -> str:
        """Why the method cannot be applied to this record; "" if it can, or could with other signals.

        Args:
            record: any.
            kind: of the maps, as for a call.
            fusion: the head fusion wanted, where a record may hold fused heads alone; None takes any.
        """
        if self.spoken and record.prediction.tokens:
            if self.reads_run and "prompt" not in record.settings:
                return "goes back through the decoder of a document reader, not through a captioner's"
            return lacking(record)
        asked = Question(kind=kind)
        try:
            maps = asked.chain(record, "self" if self.multiplies else None)
            if self.multiplies:
                last = replace(asked, layer=None if self.layers == "all" else max(maps))
                last.product(record, (fusion,) if fusion else HEAD_FUSIONS if self.fuses else ())
        except QuestionError as error:
            return error.text
        except ValueError as error:
            return str(error)
        pairs = sum(len(one.query) * len(one.key) for one in maps.values())
        if self.most and pairs > self.most:
            return f"takes at most {self.most:,} pairs of tokens over all layers, and this record has {pairs:,}"
        one = next(iter(maps.values()))
        similar = self.asks_class and isinstance(record.prediction.target, Similar)
        if self.asked_by == "class" and scored_row(record, one.query) is None and not similar:
            return "needs a class token, and this model has none"
        given = "text" if all(other.key.kind == "text" for other in record.maps) else "picture"
        if self.changes not in ("", given):
            return f"changes parts of a {self.changes}, and this record is of a {given}"
        if not self.fitting(asked.maps(record)):
            what = "asks one patch" if self.asked_by in ("patch", "patches") else "compares patches"
            return f"{what}, and this model has none"
        if self.asks_class and not record.prediction.labels and not similar:
            hint = f'; a similarity can be asked about instead: target="{EXAMPLE}"' * (
                one.kind == "self" and one.query.kind == "patches"
            )
            return f"needs a class, and this model names none{hint}"
        if self.asked_by == "label" and not record.settings.get("labels"):
            none = "none were given" if "labels" in record.settings else "this model takes none"
            return f"compares patches with labels, and {none}"
        if self.norms and (not len(record.norms) or record.norms.shape[1] != len(one.key)):
            return "needs the lengths of the tokens, which were not measured"
        return ""

    def __call__(
        self,
        record: AttentionRecord,
        *,
        query: Any = None,
        layer: int | None = None,
        head: int | None = None,
        kind: str | None = None,
        sinks: str = "show",
        **knobs: Any,
    ) -> Map:
        """The map of a record.

        Args:
            query: query token: a token's number, (row, column) of a patch, "class", "mean", a word that went in or came out, or
                "field:PATH"; a list of several gives their mean, but two plain numbers are one patch. None takes
                the class token, or the mean of all.
            layer: number, counted from 0; None takes the last.
            head: number, counted from 0; None takes all heads together.
            kind: kind of the maps: "self", "cross" or "window".
            sinks: "show", or "hide" to leave out what `visualizer.sink_tokens` finds in the layers behind a map of
                shares of attention. This changes the display only: their cells are NaN, the rest is rescaled to a sum of 1.
            knobs: parameters of the method, by name.

        Raises:
            QuestionError: a query, layer, head or parameter that this method or record does not have.
            SignalError: a signal that was not kept, or a run made with other parameters.
        """
        values = self._knobs(knobs)
        if sinks not in ("show", "hide"):
            raise QuestionError("sinks", f"want one of show, hide, got {shown(sinks)}")
        question = Question(self._asking(query, knobs), _whole("layer", layer), _whole("head", head), kind)
        meant = question
        if self.of_patches and question.layer is None:
            meant = replace(question, layer=max(self.fitting(question.maps(record)), default=None))
        self._check(record, meant, values["head_fusion"] if self.fuses else None)
        run = self._run(question.query, values) if self.reads_run else None
        if run is not None:
            try:
                record.check_run(run, {knob.name: knob.default for knob in self.run})
            except ValueError as error:
                raise SignalError("method", str(error)) from error
        found = self.function(record, meant, values)
        if sinks == "hide":
            found = self._without_sinks(record, meant, values, found)
        return replace(found, code=self._code(question, values, sinks))

    def _without_sinks(self, record: AttentionRecord, question: Question, values: Knobs, found: Map) -> Map:
        """The map without the sinks of the layers behind it."""
        from visualizer.method.left_out import without_sinks

        maps = replace(question, layer=found.layer).chain(record)
        first = found.layer if self.layers == "one" else values.get("start_layer", 0)
        return without_sinks(found, record, {n: one for n, one in maps.items() if n >= first})

    def _knobs(self, given: Knobs) -> dict[str, Any]:
        """Every knob's value by its name, given by name or short name or left at its default."""
        knobs = (*self.knobs, *self.run)
        strange = sorted(set(given) - {name for k in knobs for name in (k.name, k.key)})
        if strange:
            raise QuestionError(
                strange[0], f"{self.name} has no such knob; it has {', '.join(k.name for k in knobs) or 'none'}"
            )
        return {k.name: k.checked(given.get(k.name, given.get(k.key, k.default))) for k in knobs}

    def _run(self, query: tuple[str, ...], values: Knobs) -> Run:
        """The run it reads; one on a patch is on the patch that asks."""
        given = {k.name: values[k.name] for k in self.run}
        if "patch" in given and query:
            given["patch"] = patch_of(query[0]) if len({*query}) == 1 else None
            if given["patch"] is None:
                raise QuestionError("query", f"{self.name} wants row,column of one patch, got {' '.join(query)}")
        return Run.of(self.name, **given)

    def _asking(self, query: Any, given: Knobs) -> tuple[str, ...]:
        """Who asks, as texts; the patch that a run is on asks also where it is given as a knob."""
        texts, patch = query_texts(query), query_texts(given.get("patch"))
        if texts and patch and [patch_of(text) for text in texts] != [patch_of(text) for text in patch]:
            raise QuestionError("patch", f"want the patch that asks, {' '.join(texts)}, got {' '.join(patch)}")
        return texts or patch

    def _check(self, record: AttentionRecord, question: Question, fusion: str | None) -> None:
        if question.head is not None and not self.heads:
            raise QuestionError("head", f"{self.name} takes all heads of a layer together: leave it out")
        if question.layer is not None and self.layers == "all":
            raise QuestionError("layer", f"{self.name} goes through all layers: leave it out, or give a start layer")
        if self.asked_by == "class" and any(who not in ("class", "0") for who in question.query):
            about = "one token was made from" if record.prediction.tokens else "the class token used for one class"
            raise QuestionError("query", f"{self.name} tells what {about}: leave it out")
        # What is about a target has it in the place of a token that asks, which "class" may say.
        if self.asked_by == "nobody" and question.query not in ((), ("class",) if self.asks_class else ()):
            raise QuestionError("query", f"in {self.name} no token asks: leave it out")
        question.maps(record)
        why = self.unfit(record, question.kind, fusion)
        if why:
            raise QuestionError("method", why)
        if self.of_patches:
            self._check_patches(question.map(record)[1].query, question)
        missing = sorted(name for name in self.signals if not record.has(name))
        if missing:
            target = ", target=TOKEN" if record.prediction.tokens else ", target=CLASS"
            want = f"model.attend(picture{target * self.asks_class}, keep=methods()[{self.name!r}].needs)"
            raise SignalError("method", f"this record has no {missing[0]}: want {want}")

    def _check_patches(self, axis: Axis, question: Question) -> None:
        if axis.kind != "patches":
            raise QuestionError("layer", f"want one where patches ask, got {question.layer}")
        if self.asked_by in ("nobody", "label"):
            return
        rows, several = askers(axis, question.query).rows if question.query else (), self.asked_by == "patches"
        if not rows or min(rows) < axis.prefix or (len(rows) > 1 and not several):
            last = ",".join(str(n - 1) for n in axis.grid or (1, 1))
            want = f"want one patch{' or several' * several}, row,column from 0,0 to {last}"
            raise QuestionError("query", f"{want}, got {' '.join(question.query) or 'none'}")

    def _code(self, question: Question, values: Knobs, sinks: str) -> str:
        """The call that makes the map; what is left at its default is left out."""
        query = [_python(text) for text in question.query]
        asked = {"query": query[0] if len(query) == 1 else f"[{', '.join(query)}]"} if query else {}
        more = {"layer": question.layer, "head": question.head, "kind": question.kind}
        asked |= {name: repr(value) for name, value in more.items() if value is not None}
        asked |= {"sinks": repr(sinks)} if sinks != "show" else {}
        shown = [k for k in (*self.knobs, *self.run) if not isinstance(k.default, tuple)]  # the patch asks already
        asked |= {k.name: repr(values[k.name]) for k in shown if values[k.name] != k.default}
        return f'methods()["{self.name}"](record{"".join(f", {name}={text}" for name, text in asked.items())})'


def _python(text: str) -> str:
    """The text of an asker as Python has it: a patch as a pair, a number as one."""
    number = number_of(text)
    return repr(patch_of(text) or text) if number is None else str(number)


def _whole(name: str, value: Any) -> int | None:
    """The number of a layer or head, or None."""
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError("a truth is no number")
        return None if value is None else int(operator.index(value))
    except TypeError as error:
        raise QuestionError(name, f"want a whole number, 0 first, got {value!r}") from error


@cache
def methods() -> dict[str, Method]:
    """All methods by name, in the order of menus.

    >>> methods()["rollout"].meaning
    'All layers multiplied: the share of every patch in the query token after the last layer, by this rule.'
    """
    import visualizer.method as room

    files = {
        one.name: importlib.import_module(f"{room.__name__}.{one.name}") for one in pkgutil.iter_modules(room.__path__)
    }
    found: list[Method] = [
        replace(file.METHOD, name=name.replace("_", "-")) for name, file in files.items() if hasattr(file, "METHOD")
    ]
    return Methods((one.name, one) for one in sorted(found, key=lambda one: (one.place, one.name)))


def of_any_picture() -> tuple[str, ...]:
    """Names of the methods that need no choice of a patch and no text: those that a whole data set of pictures can be asked for.

    >>> sorted(methods().keys() - set(of_any_picture()))
    ['likeness', 'masking', 'painted', 'plain-likeness']
    """
    return tuple(
        name for name, one in methods().items() if one.asked_by not in ("patch", "patches") and one.changes != "text"
    )


class Methods(dict[str, Method]):
    """Methods by their names; an unknown name is refused with those that there are."""

    def __missing__(self, name: object) -> Method:
        raise MethodNameError("method", f"one of {', '.join(self)}", shown(name))


class MethodNameError(GateError, KeyError):
    """There is no method of this name."""

    __str__ = GateError.__str__  # a KeyError shows its text in quotation marks
