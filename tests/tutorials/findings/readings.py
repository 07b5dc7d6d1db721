"""A reading made by hand: a page of eight cells with two values on it, so that every answer can be read off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tests.tutorials.findings.hand import running
from tutorials.findings.page import Document, Reading
from vit_attention.records import AttentionMap, AttentionRecord, Axis, Prediction, encode_picture
from vit_attention.records.geometry import Geometry
from worlds import receipts
from worlds.receipts import Piece
from worlds.typeset import Word

GRID, SIZE = (2, 4), (80, 40)
"""(rows, columns) of the cells and (width, height) of the page: cells of 20 x 20 pixels, numbered in reading order."""
TOKENS = ("<s_nm>", "▁tea", "pot", "</s_nm>", "<s_price>", "▁4", "2", "</s_price>", "</s>")
TEA, POT, FOUR, TWO = 1, 2, 5, 6
"""Rows of the tokens that are printed."""
CELLS = {TEA: 0, POT: 1, FOUR: 6, TWO: 7}
"""The one cell that holds each of them."""
HEADING, BLANK = 3, 4
"""A cell with print that belongs to no value, and one with none."""
_keys = count()


def _letters(text: str, left: float, top: float, wide: float) -> Word:
    boxes = tuple((left + n * wide, top, left + (n + 1) * wide, top + 10) for n in range(len(text)))
    return Word(text, (left, top, left + len(text) * wide, top + 10), boxes)


def page(*, truth: bool = True, name: str = "teapot", price: str = "42") -> Document:
    """The page: "teapot" over cells 0 and 1, a heading in cell 3, "4" in cell 6 and "2" in cell 7; a new key each time."""
    pixels = np.full((*SIZE[::-1], 3), 255, np.uint8)
    dear = _letters(price, 45, 25, 20)
    narrow = tuple((left, top, left + 10, bottom) for left, top, _, bottom in dear.characters)
    words = (_letters(name, 0, 5, 40 / len(name)), _letters("hi", 62, 5, 8), Word(price, dear.box, narrow))
    pieces = (Piece("<s_nm>"), Piece(name, (0,), "nm"), Piece("<s_price>"), Piece(price, (2,), "price"))
    made = receipts.Document(pixels, words, pieces, {"nm": name, "price": price}, "<s_hand>", 0)
    key = f"hand-{next(_keys)}"
    return Document(key, key, "By hand", made.picture, made if truth else None)


def looks(cells: Mapping[int, int], share: float = 0.65, rows: int = len(TOKENS)) -> NDArray[np.float32]:
    """(tokens, 8) rows that give `share` to one cell, the blank one if none is said, and the rest evenly."""
    out = np.full((rows, 8), (1 - share) / 7, np.float32)
    for row in range(rows):
        out[row, cells.get(row, BLANK)] = share
    return out


def reading(
    layers: Sequence[ArrayLike],
    *,
    document: Document | None = None,
    tokens: tuple[str, ...] = TOKENS,
    chances: ArrayLike = (),
    layer: int | None = None,
    head: int | None = None,
    token: int = 0,
) -> Reading:
    """A reading by decoder layers of (heads, tokens, 8) weights."""
    shown = page() if document is None else document
    query, key = Axis.text(tokens), Axis.patches(*GRID)
    maps = tuple(
        AttentionMap(np.asarray(weights, np.float32), f"decoder.{n}", n, "cross", query, key)
        for n, weights in enumerate(layers)
    )
    said = Prediction(tokens=tokens, chances=np.asarray(chances, np.float32))
    record = AttentionRecord(
        maps, Geometry.of(*SIZE), said, encode_picture(shown.image), model="by-hand", settings={"prompt": "<s_hand>"}
    )
    return Reading("by-hand", shown, record, layer, head, token, running())
