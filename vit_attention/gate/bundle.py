"""The manifest of a saved record: what each of its fields may be, and which arrays it makes the file promise."""

import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, model_validator

from vit_attention.gate.limits import LIMITS
from vit_attention.gate.schema import FIRST, Schema, entries

FLOATS = ("f2", "f4", "f8")
WEIGHTS = ("f2", "f4")
BYTES = ("u1",)
FUSED = ("head-mean", "head-max", "head-min")
"""Signals that hold, for every layer, all heads fused into one (tokens, tokens) matrix."""
GRAMS = "value-grams"
"""The signal that holds, for every layer, a (heads, heads) matrix a token."""


def _finite(value: Any) -> Any:
    """A plain value, if no number in it, however deep, is infinite or undefined."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("finite numbers")
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _finite(one)
    return value


def _printable(text: str) -> str:
    if text and not text.isprintable():
        raise ValueError("printable letters")
    return text


Name = Annotated[str, Field(max_length=LIMITS["name"].most)]
Shown = Annotated[Name, AfterValidator(_printable)]
Text = Annotated[str, Field(max_length=LIMITS["text"].most)]
Count = Annotated[int, Field(ge=0, lt=10_000)]
Token = Annotated[int, Field(ge=0, lt=1 << 31)]
Side = Annotated[int, Field(ge=1, le=LIMITS["picture side"].most)]
Size = tuple[Side, Side]
Real = Annotated[float, Field(ge=-1e9, le=1e9)]
Edge = Annotated[float, Field(allow_inf_nan=True)]
"""A side of a box; those of regions whose place nobody knows are NaN."""
Share = Annotated[float, Field(ge=0, le=1)]
Few = entries(100)
Knobs = Annotated[dict[Name, JsonValue], Few, AfterValidator(_finite)]
Names = Annotated[tuple[Name, ...], FIRST]
Counts = Annotated[list[Count], FIRST]


@dataclass(frozen=True)
class Form:
    """What an array of the file has to be.

    Attributes:
        kinds: of its numbers, without the order of their bytes.
        shape: its sides, None for one that may have any length; or None for any shape of one axis or more.
    """

    kinds: tuple[str, ...]
    shape: tuple[int | None, ...] | None


def _form(signal: str) -> Form:
    """What the arrays of a signal have to be."""
    if signal == GRAMS:
        return Form(FLOATS, (None, None, None, None))
    return Form(WEIGHTS, (None, None, None)) if signal in FUSED else Form(FLOATS, None)


class Stamp(Schema):
    """What every bundle begins with."""

    format: Literal["sightlines-record"]
    version: Annotated[int, Field(ge=1)]


class AxisFields(Schema):
    """An axis of a map; `len` tells how many rows or columns it stands for."""

    kind: Literal["patches", "text", "regions"]
    special: Names = ()
    grid: Size | None = None
    labels: Names = ()
    boxes: Annotated[tuple[tuple[Edge, Edge, Edge, Edge], ...], FIRST] | None = None
    words: Annotated[tuple[Annotated[int, Field(ge=-1, lt=1 << 31)], ...], FIRST] = ()

    @model_validator(mode="after")
    def _of_its_kind(self) -> Self:
        if self.kind == "patches" and self.grid is None:
            raise ValueError("a grid, as its kind is patches")
        if self.grid is not None and self.grid[0] * self.grid[1] > LIMITS["patches"].most:
            raise ValueError(f"a grid of at most {LIMITS['patches'].most:,} patches")
        if self.kind == "regions" and not self.boxes:
            raise ValueError("boxes, as its kind is regions")
        return self

    def __len__(self) -> int:
        if self.kind == "patches" and self.grid is not None:
            return len(self.special) + self.grid[0] * self.grid[1]
        return len(self.special) + len(self.labels if self.kind == "text" else self.boxes or ())


class MapFields(Schema):
    """A map without its weights."""

    name: Name
    layer: Count
    kind: Literal["self", "cross", "window"]
    query: AxisFields
    key: AxisFields
    residual: Annotated[float, Field(ge=0)] | None
    heads: Annotated[tuple[Count, ...], FIRST] | None
    queries: Annotated[tuple[Token, ...], FIRST] | None
    gradient: bool

    def form(self) -> tuple[int | None, int, int]:
        """(heads, rows, columns) of its weights; None where the file may say how many heads there are."""
        rows = len(self.query) if self.queries is None else len(self.queries)
        return None if self.heads is None else len(self.heads), rows, len(self.key)


class GeometryFields(Schema):
    """From the picture that was given to the pixels that the model saw."""

    original: Size
    seen: Size
    matrix: tuple[tuple[Real, Real, Real], tuple[Real, Real, Real]]
    steps: Names


class PredictionFields(Schema):
    """What the model said, without its numbers."""

    labels: Names
    text: Text
    target: Token | Shown | None
    tokens: Names = ()


class Gates(Schema):
    """How far the gates of a captioner were open."""

    decoder: Annotated[list[Share], FIRST] | None = None
    refiner: Annotated[list[Annotated[list[Share], FIRST]], FIRST] | None = None


class Settings(Schema):
    """What was asked for; settings that nobody here reads may be any plain values."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, JsonValue]

    notes: Annotated[list[Text], FIRST] = Field(default_factory=list)
    unheard: Annotated[list[Name], FIRST] = Field(default_factory=list)
    runs: Annotated[dict[Name, Knobs], Few] = Field(default_factory=dict)
    layers: Counts | None = None
    heads: Counts | None = None
    queries: Annotated[list[Token], FIRST] | None = None
    half: bool = False
    target: Name | Token | None = None
    prompt: Text = ""
    beams: Count = 1
    kinds: Annotated[list[Name], FIRST] = Field(default_factory=list)
    windows: Annotated[list[Knobs], FIRST] = Field(default_factory=list)
    labels: Annotated[list[Name], FIRST] | None = None
    pictures: Annotated[list[Name], FIRST] | None = None
    gates: Gates | None = None

    @model_validator(mode="after")
    def _finite_others(self) -> Self:
        _finite(self.__pydantic_extra__)
        return self


class Manifest(Schema):
    """Everything in a bundle but its arrays."""

    model: Shown
    weights_hash: Annotated[Shown, Field(max_length=128)]
    settings: Settings
    versions: Annotated[dict[Name, Name], Few]
    signals: Annotated[dict[Shown, Count | None], Few] = Field(default_factory=dict)
    geometry: GeometryFields | None
    text: Text = ""
    prediction: PredictionFields
    maps: Annotated[tuple[MapFields, ...], Field(min_length=1), FIRST]

    def needed(self) -> dict[str, Form]:
        """The arrays that the file must have, by name."""
        forms = {
            "norms": Form(FLOATS, (None, None)),
            "scores": Form(FLOATS, (len(self.prediction.labels),)),
        }
        for number, one in enumerate(self.maps):
            forms[f"weights_{number}"] = Form(WEIGHTS, one.form())
            forms |= {f"gradient_{number}": Form(WEIGHTS, one.form())} if one.gradient else {}
        for name, count in self.signals.items():
            ends = [""] if count is None else [f"_{number}" for number in range(count)]
            forms |= {f"signal_{name}{end}": _form(name) for end in ends}
        return forms

    def possible(self) -> dict[str, Form]:
        """The arrays that it may have beside them."""
        return {"picture": Form(BYTES, (None,)), "chances": Form(FLOATS, (len(self.prediction.tokens),))}
