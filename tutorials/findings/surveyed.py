"""What is kept of a survey: how every measure of every head is distributed over the pictures, and its extreme pictures."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from visualizer.measures.summary import STATISTICS
from vit_attention.gate import GateError
from vit_attention.gate.refusal import reading

FILE = Path(__file__).with_name("surveys.json")

LEVELS = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
"""Which quantiles are kept, as shares of the pictures."""
MEDIAN = LEVELS.index(0.5)

MEANINGS = {
    "pointing": ("share of pictures", "1 where the patch that the head reads most of lies on the object, else 0."),
    "inside": ("share", "Share of the head's attention to patches that lies on the object."),
}
"""Unit and meaning of what only pictures with a known object have; the others are statistics of `visualizer`."""


class Head(NamedTuple):
    """A head, layer and number counted from 0."""

    layer: int
    head: int

    @property
    def words(self) -> str:
        """For people, who count from 1.

        >>> Head(2, 4).words
        'layer 3, head 5'
        """
        return f"layer {self.layer + 1}, head {self.head + 1}"


class Extreme(NamedTuple):
    """A picture at one end of a measure: its name, and the value of the measure there."""

    name: str
    value: float


@dataclass(frozen=True, eq=False)
class Measured:
    """One measure of every head.

    Attributes:
        quantiles: (heads, `LEVELS`) in the unit of the measure; NaN where it is defined on no picture.
        mean: (heads,) over the pictures.
        counts: (heads,) pictures on which it is defined.
        most, least: of each head the pictures on which it is largest and smallest, the extreme one first.
    """

    quantiles: NDArray[np.float64]
    mean: NDArray[np.float64]
    counts: NDArray[np.int64]
    most: tuple[tuple[Extreme, ...], ...]
    least: tuple[tuple[Extreme, ...], ...]

    @property
    def names(self) -> set[str]:
        """The names of all pictures at either end."""
        return {one.name for some in (*self.most, *self.least) for one in some}


@dataclass(frozen=True, eq=False)
class Survey:
    """A survey's summary.

    Attributes:
        model: its name; of a stranger's survey whatever its manifest says.
        about: what the pictures are.
        weights: first digits of the weights' hash; "" if nobody says.
        pictures: how many.
        heads: every head, by layer and number.
        measures: by name.
    """

    model: str
    about: str
    weights: str
    pictures: int
    heads: tuple[Head, ...]
    measures: Mapping[str, Measured]

    def place(self, layer: int, head: int) -> int:
        """Where a head stands in the list; the first one's for a head that is not there."""
        return self.heads.index(Head(layer, head)) if (layer, head) in self.heads else 0

    def plain(self) -> dict[str, Any]:
        """The summary as JSON: numbers to four digits, each name of a picture once."""
        names = sorted(set[str]().union(*(one.names for one in self.measures.values())))
        at = {name: n for n, name in enumerate(names)}
        listed: Any = {
            name: {
                "quantiles": _digits(one.quantiles),
                "mean": _digits(one.mean),
                "counts": one.counts.tolist(),
                "most": _plain(one.most, at),
                "least": _plain(one.least, at),
            }
            for name, one in self.measures.items()
        }
        said = {"model": self.model, "about": self.about, "weights": self.weights, "pictures": self.pictures}
        return {**said, "heads": [list(one) for one in self.heads], "names": names, "measures": listed}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Survey":
        """The summary that `plain` gave.

        Raises:
            GateError: something else.
        """
        with reading("summary", "the summary of a survey"):
            heads = tuple(Head(*map(int, one)) for one in plain["heads"])
            measures = {
                str(name): _measured(one, plain["names"], len(heads)) for name, one in plain["measures"].items()
            }
            model, about, weights = (str(plain[name]) for name in ("model", "about", "weights"))
            return cls(model, about, weights, int(plain["pictures"]), heads, measures)


def _digits(values: NDArray[np.float64]) -> list[Any]:
    """Four digits of each number, None in the place of NaN."""
    flat = [None if one != one else float(f"{one:.4g}") for one in values.ravel().tolist()]
    wide = values.shape[1] if values.ndim > 1 else 0
    return [flat[at : at + wide] for at in range(0, len(flat), wide)] if wide else flat


def _plain(ends: Sequence[Sequence[Extreme]], at: Mapping[str, int]) -> list[Any]:
    return [[[at[one.name], float(f"{one.value:.4g}")] for one in some] for some in ends]


def _measured(plain: Mapping[str, Any], names: Sequence[str], heads: int) -> Measured:
    quantiles, mean = (np.array(plain[name], np.float64) for name in ("quantiles", "mean"))  # None becomes NaN
    most, least = (
        tuple(tuple(Extreme(names[at], float(value)) for at, value in some) for some in plain[name])
        for name in ("most", "least")
    )
    counts = np.array(plain["counts"], np.int64)
    if {len(counts), len(mean), len(most), len(least)} != {heads} or quantiles.shape != (heads, len(LEVELS)):
        raise GateError("summary", f"numbers of {heads} heads", f"{len(counts)}", field="measures")
    return Measured(quantiles, mean, counts, most, least)


def unit_of(measure: str) -> str:
    """The unit of a measure by its column; "" if it is none of this library's.

    >>> unit_of("special_share"), unit_of("pointing"), unit_of("beauty")
    ('share', 'share of pictures', '')
    """
    name = measure.replace("_", " ")
    return STATISTICS[name].unit if name in STATISTICS else MEANINGS.get(name, ("", ""))[0]


def meaning_of(measure: str) -> str:
    """What a measure says, in a sentence; "" if it is none of this library's."""
    name = measure.replace("_", " ")
    return STATISTICS[name].meaning if name in STATISTICS else MEANINGS.get(name, ("", ""))[1]


@lru_cache(maxsize=1)
def bundled() -> dict[str, Survey]:
    """The surveys that come with the app, by model: what ``python -m benchmarks.atlas`` made."""
    stored = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    return {name: Survey.of(one) for name, one in stored.items()}


def head_maps(model: Any, picture: Any) -> tuple[NDArray[np.float16], Any]:
    """(layers, heads, rows, columns) what the class token reads in every head, or the mean of all patches where there is none.

    For `Run`: a loaded model all of whose layers have as many heads, and a `Picture`. The second part is the record's geometry.
    """
    record = model.attend(picture.given, half=True, **({"queries": [0]} if model.axis(None).prefix else {}))
    axis = record.maps[0].key
    rows = np.stack([one.single.mean(axis=1) for one in record.maps])[..., axis.prefix :]
    return rows.reshape(*rows.shape[:2], *axis.grid).astype(np.float16), record.geometry
