"""What a finding is given, and what it gives back."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visualizer.measures.masks import covered
from visualizer.method import Map, Method, QuestionError, methods
from visualizer.method.question import head_numbers
from visualizer.method.question import name as token_name
from vit_attention import registry
from vit_attention.records import AttentionRecord, Axis, Similar
from worlds.naming import parse
from worlds.photographs import photographs
from worlds.scenes import Scene, coverage
from worlds.sentences import Sentence

MEAN = -1
"""In the place of a token's number: the mean of all tokens asks."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture to look at, or a sentence to read.

    Attributes:
        id: what the address carries.
        key: what caches go by; for an own picture a digest of its bytes.
        title: for people.
        image: upright RGB; blank for a sentence.
        scene: the truth, for drawn scenes.
        credit: origin and licence of a photograph.
        notes: what was done while opening it, in sentences.
        text: the sentence, where a model reads instead of looking.
        review: its truth, if it is a made-up review.
        mask: (height, width) booleans of the main object of an outlined photograph; None for every other picture.
    """

    id: str
    key: str
    title: str
    image: Image.Image
    scene: Scene | None = None
    credit: str = ""
    notes: tuple[str, ...] = ()
    text: str = ""
    review: Sentence | None = None
    mask: NDArray[np.bool_] | None = None

    @property
    def is_photograph(self) -> bool:
        return self.scene is None and not self.text

    @property
    def given(self) -> Image.Image | str:
        """What a model is given."""
        return self.text or self.image

    @classmethod
    def sentence(cls, text: str, review: Sentence | None = None) -> "Picture":
        """A sentence in a picture's place; with its truth, if it is the text of that review."""
        truth = review if review is not None and review.text == text else None
        key = "text-" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:20]
        return cls("text", key, "A sentence", Image.new("RGB", (1, 1), "white"), text=text, review=truth)

    @classmethod
    def photograph(cls, name: str) -> "Picture":
        """The sample photograph of a name such as coffee, with its outline; raises ValueError for a name of none.

        >>> Picture.photograph("coffee").mask.shape
        (400, 600)
        """
        known = photographs().get(name)
        if known is None:
            raise ValueError(f"picture: want the name of a sample photograph, such as coffee, got {name!r}")
        credit = f"{known.credit}; {known.licence}."
        return cls(name, name, known.title, known.open(), credit=credit, mask=known.mask)

    @classmethod
    def drawn(cls, name: str) -> "Picture":
        """The scene of a name such as scene-7; raises ValueError for a name of no scene."""
        known = parse(name)
        made = None if known is None else known.draw()
        if known is None or not isinstance(made, Scene):
            raise ValueError(f"picture: want the name of a scene, such as scene-7, got {name!r}")
        return cls(name, name, known.title, made.picture, made)


@dataclass(frozen=True)
class Selection:
    """What is looked at, in numbers that fit the record.

    Attributes:
        layer: 0 for the layer nearest the picture.
        head: 0 first, or None for the mean of all heads.
        query: number of the asking token, special tokens first; `MEAN` for the mean of all tokens of a text.
        row, column: the asking patch, 0 first, also while the class token asks.
        patches: numbers (0 first, without special tokens) of the patches that ask together; () for a single query.
    """

    layer: int
    head: int | None
    query: int
    row: int
    column: int
    patches: tuple[int, ...]

    @property
    def by_class_token(self) -> bool:
        return self.query == 0


class Run(Protocol):
    """How a context runs its model; the app keeps what came out, `anew` does not."""

    def __call__(self, work: Callable[..., Any], model: str, picture: Any, *args: Any, **given: Any) -> Any:
        """What ``work(loaded model, picture, *args, **given)`` returns.

        Args:
            work: a function of a module; what it returns is told apart by its name, `model`, the picture's key and `args`.
            model: name of the model.
            picture: a picture or page, or None for work that needs none.
            args: more that the outcome depends on.
            given: what follows from all the others and need not be compared.
        """


def anew(work: Callable[..., Any], model: str, picture: Any, *args: Any, **given: Any) -> Any:
    """The outcome of a work, computed on every call: for notebooks and tests."""
    return work(registry.load(model), picture, *args, **given)


def answered(
    model: Any,
    picture: Picture,
    name: str,
    target: str,
    asked: tuple[Any, ...],
    knobs: tuple[Any, ...],
    size: tuple[int, int] | None = None,
    labels: tuple[str, ...] = (),
) -> Map:
    """The map of a method whose signals a page's record does not carry: the model looks again and keeps them."""
    method, question = methods()[name], dict(asked)
    query, layer = question.get("query"), question.get("layer")
    if size is None:
        run = {knob.name for knob in method.run}
        how: dict[str, Any] = {"keep": method.needs_for(query=query, **{k: v for k, v in knobs if k in run})}
    else:
        # What reads tokens, or fused heads, needs no weights of the layer.
        whole = None if "hidden" in method.signals or method.fuses else layer
        how = {**method.sparing(model.axis(size), whole, query, **dict(knobs)), "size": size}
    how |= {"labels": labels} if labels else {}
    return method(model.attend(picture.given, target=target or None, **how), **question, **dict(knobs))


def pairs(given: Mapping[str, Any]) -> tuple[Any, ...]:
    """Keywords as something that can be compared."""
    return tuple((name, tuple(value) if isinstance(value, list) else value) for name, value in sorted(given.items()))


@dataclass(frozen=True)
class Context:
    """One picture or sentence under one model, as the reader sees it now.

    Attributes:
        model: name of the model that made the record.
        picture: the picture and, for scenes, its truth; or the sentence.
        record: every map of it.
        chosen: layer, head and query of the reader.
        run: runs the model for what the record does not hold.
        size: (height, width) of the model's input in pixels, where it is larger than usual and the record holds a part of the
            maps; None for the usual one.
        labels: texts that a dual encoder compares the picture with; they are the classes of the record.
        label: the one of them that is asked about; "" takes the one that fits best.
        again: makes this context anew from names, for what outlives a run of the app and must hold no record; None elsewhere.
    """

    model: str
    picture: Picture
    record: AttentionRecord
    chosen: Selection
    run: Run = field(default=anew, repr=False, compare=False)
    size: tuple[int, int] | None = None
    labels: tuple[str, ...] = ()
    label: str = ""
    again: "Callable[[], Context] | None" = field(default=None, repr=False, compare=False)
    _single: dict[int, NDArray[np.float32]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def view(self) -> tuple[object, ...]:
        """What is looked at: two contexts of the same view give the same findings."""
        return (self.model, self.picture.key, self.chosen, self.size, self.labels, self.label)

    @property
    def axis(self) -> Axis:
        return self.record.maps[0].query

    @property
    def of_text(self) -> bool:
        """Whether a sentence was read, and no picture looked at."""
        return self.axis.kind == "text"

    @property
    def grid(self) -> tuple[int, int]:
        """(rows, columns) of the patches."""
        return self.axis.grid or (1, 1)

    @property
    def patch_size(self) -> tuple[int, int]:
        """(height, width) of a patch in pixels of the model's input; (1, 1) without a picture."""
        if self.record.geometry is None:
            return (1, 1)
        width, height = self.record.geometry.seen
        return (height // self.grid[0], width // self.grid[1])

    @property
    def asking(self) -> list[int]:
        """Numbers of the asking tokens: one, or several patches together."""
        return [self.axis.prefix + p for p in self.chosen.patches] or [self.chosen.query]

    def heads(self, layer: int) -> NDArray[np.float32]:
        """(heads, tokens, tokens) weights of one layer in float32."""
        # The layer last asked for stays converted: pages ask for one again and again. Only one, since a fragment keeps its
        # context for as long as the session lasts.
        if layer not in self._single:
            self._single.clear()
            self._single[layer] = self.record.maps[layer].single
        return self._single[layer]

    def weights(self) -> NDArray[np.float32]:
        """(tokens, tokens) weights of the chosen layer: the chosen head, or the mean of all heads."""
        layer = self.heads(self.chosen.layer)
        return layer.mean(axis=0) if self.chosen.head is None else layer[self.chosen.head]

    def row(self) -> NDArray[np.float32]:
        """(tokens,) what the chosen query reads; the mean of the rows if several patches ask together."""
        asking = self.record.maps[self.chosen.layer].weights[:, self.asking].astype(np.float32)
        rows = asking.mean(axis=0) if self.chosen.head is None else asking[self.chosen.head]
        return rows.mean(axis=0) if self.chosen.patches else rows[0]

    def asking_rows(self) -> list[NDArray[np.float32]]:
        """One (heads, tokens) array per layer: the row of the asking token, or the mean row of the asking patches."""
        return [layer[:, self.asking].astype(np.float32).mean(axis=1) for layer in self.record.layers]

    def chosen_rows(self) -> NDArray[np.float32]:
        """(layers, tokens) rows of the asking token through all layers, in the chosen head or the mean of all heads."""
        head, layers = self.chosen.head, self.asking_rows()
        return np.stack([rows.mean(axis=0) if head is None or head >= len(rows) else rows[head] for rows in layers])

    def patch_map(self, rows: NDArray[Any] | None = None) -> NDArray[Any]:
        """(..., rows, columns) the patch part of (..., tokens) weights (default: the chosen row); no special tokens."""
        values = self.row() if rows is None else rows
        return values[..., self.axis.prefix :].reshape(*values.shape[:-1], *self.grid)

    @property
    def truth(self) -> NDArray[np.float32] | None:
        """(rows, columns) share of every patch that named objects cover; None where no outline is known."""
        scene, geometry = self.picture.scene, self.record.geometry
        if scene is None and self.picture.mask is not None and geometry is not None:
            return covered(self.picture.mask, self.grid, geometry).astype(np.float32)
        if scene is None or geometry is None:
            return None
        return coverage(scene.mask, self.grid) if scene.mask.shape[0] % self.grid[0] == 0 else None

    @property
    def query(self) -> Any:
        """Who asks, as a method takes it; None for the class token, which asks anyway."""
        if self.of_text:
            return "mean" if self.chosen.query == MEAN else self.chosen.query
        if self.chosen.patches:
            return [divmod(patch, self.grid[1]) for patch in self.chosen.patches]
        if self.chosen.query >= self.axis.prefix:
            return divmod(self.chosen.query - self.axis.prefix, self.grid[1])
        return self.chosen.query or None

    def question(self, method: Method) -> dict[str, Any]:
        """What the reader has chosen, as keywords of a method's call, as far as that method asks for it."""
        one = self.record.maps[self.chosen.layer]
        asked: dict[str, Any] = {"query": self.label} if method.asked_by == "label" and self.label else {}
        if method.asked_by in ("any", "patch", "patches"):
            one_patch = method.asked_by == "patch" or (method.asked_by == "patches" and not self.chosen.patches)
            asked["query"] = (self.chosen.row, self.chosen.column) if one_patch else self.query
        if method.layers in ("one", "until"):
            # A bundle may hold some layers only; they keep their own numbers.
            asked["layer"] = one.layer
        if method.heads and self.chosen.head is not None:
            asked["head"] = head_numbers(one)[self.chosen.head]
        return asked

    def answer(self, name: str, target: str = "", knobs: Mapping[str, Any] | None = None, **asked: Any) -> Map:
        """The map of a method for what the reader has chosen.

        Args:
            name: of the method.
            target: class asked about, for methods that ask about one; "" takes the likeliest.
            knobs: of the method; the others keep their defaults.
            asked: what is asked instead of the reader's choice: query, layer or head.

        Raises:
            ValueError: this model, record or picture has no such map; says why.
        """
        method = methods()[name]
        question, wanted = {**self.question(method), **asked}, self.target(target) if method.asks_class else ""
        given = {k: v for k, v in (knobs or {}).items() if k in {knob.name for knob in (*method.knobs, *method.run)}}
        if self._answers(method, wanted):
            try:
                return method(self.record, **question, **given)
            except QuestionError:
                if self.size is None:
                    raise  # else a row or a layer that this record did not keep
        if self.picture.key.startswith("bundle-"):
            lacks = f"for {wanted!r}" if wanted else f"{min(method.signals, default=name)}"
            raise ValueError(
                f"this bundle was saved without what {name} needs {lacks}, and no model is run for a bundle"
            )
        asking = (name, wanted, pairs(question), pairs(given), self.size, self.labels)
        found: Map = self.run(answered, self.model, self.picture, *asking)
        return found

    @property
    def may_be_similar(self) -> bool:
        """Whether methods about a class can be asked about a similarity: the model names no classes, and it can be run."""
        self_attention = self.record.maps[0].kind == "self" and self.axis.kind == "patches"
        return self_attention and not self.record.prediction.labels and not self.picture.key.startswith("bundle-")

    def unfit(self, method: Method) -> str:
        """Why a method has no map here; "" if it has one, perhaps after the model has looked again."""
        record = self.record
        if self.size is not None and method.asks_class:
            return "needs every map, or a run for every patch, which is too much for so many patches: choose fewer"
        if self.size is not None and method.fuses:
            return ""
        if self.may_be_similar and method.asks_class:
            record = replace(record, prediction=replace(record.prediction, target=Similar(to=(0, 0))))
        return method.unfit(record) or self.lacks(method)

    def lacks(self, method: Method) -> str:
        """Why a method has no map of this record, as far as its signals go: a bundle may not have been saved with them."""
        if not self.picture.key.startswith("bundle-"):
            return ""
        missing = [
            name
            for name in (*method.signals, *([method.name] if method.reads_run else []))
            if not self.record.has(name)
        ]
        return f"this bundle was saved without {missing[0]}" if missing else ""

    def _answers(self, method: Method, target: str) -> bool:
        said = self.record.prediction
        asked = not target or said.asked == target
        kept = all(self.record.has(name) for name in method.signals)
        return asked and kept and (not method.reads_run or self.record.has(method.name))

    def target(self, target: str = "") -> str:
        """What is asked about: a class, or the text of a similarity; "" takes the likeliest class, or what the
        record was made for. Raises ValueError for a class that the model does not know, or none where it names none.
        """
        said = self.record.prediction
        similar = Similar.named(target, said.labels)
        if similar is not None:
            # An address must not open the server's files.
            if similar.elsewhere and similar.to not in photographs() and target != said.asked:
                raise ValueError(
                    f"similarity: want one to a patch of the same picture or to a sample photograph, got {target!r}"
                )
            return target
        if not said.labels and not said.asked:
            raise ValueError(f"gradients need a class, and {self.model} names none")
        if target and target not in said.labels:
            raise ValueError(f"class: want one that {self.model} knows, got {target!r}")
        return target or (said.top(1)[0][0] if said.labels else said.asked)

    def query_name(self) -> str:
        """The asking token in words."""
        if self.chosen.patches:
            return f"{len(self.chosen.patches)} patches together"
        if self.of_text:
            return "the mean of all tokens" if self.chosen.query == MEAN else token_name(self.axis, self.chosen.query)
        return f"the {self.axis.name(self.chosen.query)}"

    def head_name(self) -> str:
        """The chosen head in words."""
        return "mean of all heads" if self.chosen.head is None else f"head {self.chosen.head + 1}"


@dataclass(frozen=True)
class Finding:
    """What the live numbers say to a prediction, a check question or a claim.

    Attributes:
        answer: for predictions and choices the option that is right (or several that all are); for number questions
            the number; for claims whether it holds here. None where this picture or model cannot test it (a tie, too small
            a sample), and for demonstrations, which have no verdict.
        text: one or two sentences with the numbers and units that show it, or with the number that is missing.
    """

    answer: str | tuple[str, ...] | float | bool | None
    text: str


NO_TRUTH = Finding(
    None,
    "This needs the outlines of all objects, and of this picture they are not all known. Choose a scene in the sidebar.",
)
"""What a finding that needs the true mask says about a picture without one."""
