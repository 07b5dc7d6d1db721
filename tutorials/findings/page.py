"""A page as the Read section shows it: the page itself, its reading, and the encoder's view of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tutorials.findings.context import Run, anew
from visualizer.measures.fields import Field, fields
from visualizer.measures.reading import cross_maps, token_heat, token_names
from visualizer.measures.reading_score import Hits, TokenTruth, hits, token_truth
from vit_attention.records import AttentionMap, AttentionRecord
from vit_attention.records.geometry import Geometry
from vit_attention.records.windows import Stage, Windows
from worlds import receipts
from worlds.naming import parse

BUNDLED = "receipt-donut"
OTHERS = 101
"""Seed of the first of several pages that students do not meet in a menu."""


@dataclass(frozen=True, eq=False)
class Document:
    """A page to read.

    Attributes:
        id: what the address carries.
        key: what caches go by; for an own page a digest of its bytes.
        title: for people.
        image: upright RGB.
        truth: what is printed and where, for drawn pages.
        notes: what was done while opening it, in sentences.
    """

    id: str
    key: str
    title: str
    image: Image.Image
    truth: receipts.Document | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def drawn(cls, name: str) -> "Document":
        """The page of a name such as receipt-3-3; raises ValueError for a name of no page."""
        known = parse(name)
        made = None if known is None else known.draw()
        if known is None or not isinstance(made, receipts.Document):
            raise ValueError(f"page: want the name of a receipt or form, such as receipt-3-3, got {name!r}")
        return cls(name, name, known.title, made.picture, made)

    @property
    def prompt(self) -> str:
        """The task prompt this page calls for under the bundled reader."""
        return "<s_receipt>" if self.truth is None else self.truth.task

    @property
    def values(self) -> list[tuple[str, str, list[tuple[float, float, float, float]]]]:
        """(path, text, box of every character but blanks) of each value to be read; [] without truth."""
        if self.truth is None:
            return []
        words = self.truth.words
        return [
            (
                p.field,
                p.text,
                [
                    words[w].characters[i]
                    for w, t in zip(p.words, p.text.split(" "), strict=True)
                    for i in range(len(t))
                ],
            )
            for p in self.truth.pieces
            if p.words
        ]


@dataclass(frozen=True)
class Reading:
    """One page read by one model, as the student sees it now.

    Attributes:
        model: name of the reader.
        document: the page and, for drawn ones, its truth.
        record: every cross-attention and self-attention map of the reading.
        layer, head: 0 first, or None for the mean of all.
        token: row of the maps, 0 first: the token that was produced.
        run: runs the model for what the record does not hold.
        others: seed of the first of the other pages that findings about several pages read.
        again: makes this reading anew from names, for what outlives a run of the app and must hold no record; None elsewhere.
    """

    model: str
    document: Document
    record: AttentionRecord
    layer: int | None
    head: int | None
    token: int
    run: Run = field(default=anew, repr=False, compare=False)
    others: int = OTHERS
    again: "Callable[[], Reading] | None" = field(default=None, repr=False, compare=False)
    _kept: dict[str, NDArray[np.float32]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def view(self) -> tuple[object, ...]:
        """What is looked at: two contexts of the same view give the same findings, which are about all tokens together."""
        return (self.model, self.document.key, self.prompt, self.layer, self.head)

    @property
    def prompt(self) -> str:
        """The task prompt it was read with."""
        return str(self.record.settings.get("prompt", self.document.prompt))

    @property
    def maps(self) -> tuple[AttentionMap, ...]:
        """The cross-attention maps, one per decoder layer."""
        return tuple(cross_maps(self.record))

    @property
    def grid(self) -> tuple[int, int]:
        return self.maps[0].key.grid or (1, 1)

    @property
    def tokens(self) -> list[str]:
        """Every produced token by row, those of the prompt included."""
        return list(token_names(self.record))

    @property
    def fields(self) -> tuple[Field, ...]:
        return fields(self.tokens)

    @property
    def layers(self) -> list[int] | None:
        return None if self.layer is None else [self.layer]

    @property
    def heads(self) -> list[int] | None:
        return None if self.head is None else [self.head]

    def heats(self) -> NDArray[np.float32]:
        """(tokens, rows, columns) under the chosen layer and head."""
        if "heats" not in self._kept:
            self._kept["heats"] = token_heat(self.record, self.layers, self.heads)
        return self._kept["heats"]

    def heat(self) -> NDArray[np.float32]:
        """(rows, columns) of the chosen token."""
        return token_heat(self.record, self.layers, self.heads, tokens=[self.token])[0]

    @property
    def chances(self) -> NDArray[np.float64]:
        """(tokens,) probability the model gave each token; NaN for the prompt's, and where it was not kept."""
        known, out = self.record.prediction.chances, np.full(len(self.tokens), np.nan)
        if 0 < len(known) <= len(out):
            out[-len(known) :] = known
        return out

    @property
    def printed(self) -> TokenTruth | None:
        """Where every token of a value that was read right is printed; None where nobody knows."""
        if self.document.truth is None or self.record.geometry is None:
            return None
        return token_truth(self.tokens, self.document.values, self.record.geometry)

    def hits(self) -> Hits | None:
        """How often the strongest cell of a token lies on its own print; None where nobody knows."""
        geometry, printed = self.record.geometry, self.printed
        return None if printed is None or geometry is None else hits(self.heats(), printed, geometry.seen)

    def map_name(self) -> str:
        """Layer and head in words."""
        layer = "mean of all layers" if self.layer is None else f"layer {self.layer + 1}"
        head = "mean of all heads" if self.head is None else f"head {self.head + 1}"
        return f"{layer}, {head}"


def block_windows(model: Any, document: Document, stage: int, block: int, query: int | None) -> Windows:
    """The windows of one encoder block: all of them, or the one that holds `query`."""
    return model.windows(document.image, stage, block, None if query is None else [query])


@dataclass(frozen=True)
class Inside:
    """One block of the encoder on one page, as the student sees it now.

    Attributes:
        model: name of the reader.
        document: the page.
        plan: every stage of the encoder.
        stage, block: 0 first.
        head: 0 first, or None for the mean of all.
        place: (down, right) of the query in heights and widths of the model's input, the same in every stage.
        geometry: from the page to the model's input.
        seen: the model's input, made small.
        run: runs the encoder.
        again: makes this anew from names, for what outlives a run of the app and must hold no record; None elsewhere.
    """

    model: str
    document: Document
    plan: tuple[Stage, ...]
    stage: int
    block: int
    head: int | None
    place: tuple[float, float]
    geometry: Geometry
    seen: Image.Image
    run: Run = field(default=anew, repr=False, compare=False)
    again: "Callable[[], Inside] | None" = field(default=None, repr=False, compare=False)
    _kept: dict[str, Windows] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def view(self) -> tuple[object, ...]:
        """What is looked at: two contexts of the same view give the same findings."""
        return (self.model, self.document.key, self.stage, self.block, self.head, self.place)

    @property
    def here(self) -> Stage:
        """The chosen stage."""
        return self.plan[self.stage]

    @property
    def shift(self) -> int:
        """Cells by which the chosen block rolls the grid."""
        return self.here.shifts[self.block]

    @property
    def query(self) -> int:
        """Number of the chosen cell on the grid of the chosen stage."""
        return self.query_in(self.stage)

    def query_in(self, stage: int) -> int:
        """Number of the cell of any stage that lies where the chosen one lies."""
        grid = self.plan[stage].grid
        row, column = cell_at(self.place, grid)
        return row * grid[1] + column

    def windows_of(self, stage: int, block: int) -> Windows:
        """The windows of any block; for large readers only the one at the chosen place."""
        cut, query = self.plan[stage].partition(block), self.query_in(stage)
        mates = cut.order([cut.locate(query)[0]])
        # All cells of a window ask by its first one, so that another of them is answered from the cache.
        first = None if self.model == BUNDLED else int(mates[mates >= 0].min())
        found: Windows = self.run(block_windows, self.model, self.document, stage, block, first)
        return found

    @property
    def windows(self) -> Windows:
        """The windows of the chosen block."""
        if "windows" not in self._kept:
            self._kept["windows"] = self.windows_of(self.stage, self.block)
        return self._kept["windows"]

    def of_head(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """The chosen head's part of something with heads in front; the mean of all if no head is chosen."""
        return np.asarray(values.mean(axis=0) if self.head is None else values[self.head], np.float32)

    def row(self) -> NDArray[np.float32]:
        """(rows, columns) the query's attention, stitched; NaN off its window."""
        return self.of_head(self.windows.row(self.query))

    def outside(self) -> float:
        """Share of the query's attention that fell on padding."""
        return float(self.of_head(self.windows.outside(self.query)))

    def head_name(self) -> str:
        return "mean of all heads" if self.head is None else f"head {self.head + 1}"

    def map_name(self) -> str:
        """Stage, block and head in words."""
        return f"stage {self.stage + 1}, block {self.block + 1}, {self.head_name()}"


def cell_at(place: tuple[float, float], grid: tuple[int, int]) -> tuple[int, int]:
    """(row, column), 0 first, of the cell that holds a place.

    >>> cell_at((0.5, 0.99), (8, 12))
    (4, 11)
    """
    row, column = (min(max(int(at * side), 0), side - 1) for at, side in zip(place, grid, strict=True))
    return row, column
