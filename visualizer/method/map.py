"""What a method gives back: one map, ready to be drawn."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from visualizer.measures import undefined
from visualizer.measures.regions import region_heat
from visualizer.measures.words import written
from visualizer.method.question import Askers, QuestionError
from vit_attention.gate import GateError
from vit_attention.records import AttentionMap, AttentionRecord, Axis
from vit_attention.records.geometry import Geometry

if TYPE_CHECKING:
    from visualizer.style.scale import Scale

SHARE = "share of attention"
_ADDING = ("share of", "relevance", "contribution", "absolute gradient", "gradient times")
"""How units of numbers begin whose sum over several tokens is theirs together."""


@dataclass(frozen=True, eq=False)
class Map:
    """One map, ready to be drawn.

    Attributes:
        row: (tokens,) one number for every key token, special tokens first; NaN where there is none.
        axis: what the tokens stand for.
        unit: unit of the values.
        words: what the map shows, in words.
        patches: numbers of the query patches, to be outlined; () for other query tokens, or for all of them.
        layer: number of the layer, counted from 0.
        geometry: of the picture, for regions.
        signed: whether values lie on both sides of 0.
        weights: (1, heads, queries, keys) weights behind the map; for a method over several layers only its row.
        code: line of Python that makes the map from ``record``.
        colours: (rows, columns, 3) red, green and blue from 0 to 1, for maps that are three numbers a patch; `values` are then
            the first of the three.
        legend: what the colours mean.
    """

    row: NDArray[Any]
    axis: Axis
    unit: str
    words: str
    patches: tuple[int, ...]
    layer: int
    geometry: Geometry | None = None
    signed: bool = False
    weights: NDArray[Any] = field(default_factory=lambda: np.zeros((1, 0, 0, 0), np.float32))
    code: str = ""
    colours: NDArray[Any] | None = None
    legend: str = ""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What each token is called, special tokens first: those of a text as people write them."""
        axis = self.axis
        return written(axis) if axis.kind == "text" else tuple(axis.name(n) for n in range(len(axis)))

    def over(self, groups: Sequence[Sequence[int]]) -> NDArray[np.float64]:
        """(groups,) numbers of groups of tokens, such as the words of a text: sums of what adds up, such as shares, relevance and
        gradients, means of others.

        >>> found = Map(np.array([0.2, 0.3, 0.5]), Axis.text("abc"), SHARE, "", (), 0)
        >>> found.over([(0,), (1, 2)]).tolist()
        [0.2, 0.8]
        """
        adds = self.unit.startswith(_ADDING)
        parts = np.array([np.sum(self.row[list(one)], dtype=np.float64) for one in groups])
        return parts if adds else parts / [len(one) for one in groups]

    def scale(self, chosen: "str | Scale" = "raw") -> "str | Scale":
        """How to draw it, as figure functions take it: by the colours that it brings, or by the chosen scale."""
        return scale_of(self, chosen)

    @cached_property
    def values(self) -> NDArray[Any]:
        """(rows, columns) over the model's input, special tokens left out; (tokens,) for text.

        Where regions overlap, the strongest counts; what no region covers is NaN.

        Raises:
            ValueError: regions, and nobody said where they lie.
        """
        seen = self.row[self.axis.prefix :]
        if self.axis.kind == "text":
            return seen
        if self.axis.grid is not None:
            return seen.reshape(self.axis.grid)
        if self.geometry is None or self.axis.boxes is None or np.isnan(self.axis.boxes).all():
            raise GateError(
                "regions",
                "boxes (left, top, right, bottom in pixels of the picture) beside the features, in an array called boxes of "
                "the .npz file",
                "none: nobody said where they lie on the picture",
            )
        return region_heat(self.row, self.axis, self.geometry)


def scale_of(maps: Map | Sequence[Map], chosen: "str | Scale") -> "str | Scale":
    """How to draw a map, or several in one figure: by the colours that they bring, or by the chosen scale.

    Raises:
        GateError: maps of both kinds, which have no scale in common.
    """
    several = [maps] if isinstance(maps, Map) else maps
    own = [one.colours for one in several if one.colours is not None]
    if not own:
        return chosen
    if len(own) < len(several):
        raise GateError("maps", "colours in all of them or in none", f"colours in {len(own)} of {len(several)}")
    from visualizer.style.scale import Colours  # which brings Plotly

    return Colours(rgb=own[0] if isinstance(maps, Map) else undefined.padded(own), legend=several[0].legend)


def answer(
    record: AttentionRecord,
    one: AttentionMap,
    who: Askers,
    row: NDArray[Any],
    words: str,
    unit: str,
    layer: int,
    **more: Any,
) -> Map:
    """The map of a row of `one`, asked by `who`; `more` are fields of `Map`."""
    with np.errstate(over="ignore"):
        single = np.asarray(row, np.float32)[None, None, None]
    if np.isinf(single).any():
        raise QuestionError("method", "want a record of moderate numbers, got some that grow beyond float32")
    asking = one.query.kind == "patches" and len(who.rows) < len(one.query)
    patches = tuple(n - one.query.prefix for n in who.rows if n >= one.query.prefix) if asking else ()
    return Map(
        row,
        one.key,
        unit,
        words + f", asked by {who.words}" * bool(who.words),
        patches,
        layer,
        record.geometry,
        **{"weights": single, **more},
    )
