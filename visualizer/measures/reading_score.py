"""Was it read right, and was it read where it is printed? Fields, boxes and heads of a reading against the truth."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visualizer.measures import undefined
from visualizer.measures.entropy import entropy
from visualizer.measures.field_box import proposals
from visualizer.measures.fields import Field, canonical, fields
from visualizer.measures.pointing import Box, around, cell_cover, chance, iou, points_into
from visualizer.measures.reading import (
    cross_maps,
    head_numbers,
    head_rows,
    page_geometry,
)
from vit_attention.gate import GateError
from vit_attention.records import AttentionRecord, Geometry


class Truth(NamedTuple):
    """What stands on the page for one field.

    Attributes:
        path: as in `fields`; "menu.0.price" and, of a list of one, "menu.price" name the same.
        text: the true value.
        boxes: the box of each of its characters that is no blank, in pixels of the original page.
    """

    path: str
    text: str
    boxes: Sequence[Box]


@dataclass(frozen=True, eq=False)
class TokenTruth:
    """Where each token stands on the page, for tokens of fields that were read right.

    Attributes:
        boxes: (tokens, 4) left, top, right, bottom in the model's pixels; NaN for every other token.
        words, digits: (tokens,) bool: holds a letter; consists of digits.
        starts: (tokens,) bool: holds a letter and starts a word.
        signs: tokens with a box that are neither, such as "."; counted in no rate.
        left_out: tokens of values that were read wrong, or into a field that is not there; counted in no rate.
    """

    boxes: NDArray[np.float64]
    words: NDArray[np.bool_]
    digits: NDArray[np.bool_]
    starts: NDArray[np.bool_]
    signs: int
    left_out: int


class Rate(NamedTuple):
    """How often the strongest cell lies on the token's ink, and how often one picked at random would; NaN of none."""

    hit: float
    chance: float
    tokens: int


class Hits(NamedTuple):
    """Hit rates, 0 to 1, by what the token is.

    Attributes:
        words: sub-words with a letter, all of them: those that start a word and the later ones that complete it.
        starts, later: these two apart. What completes a word can often be told from its start without looking.
        digits: tokens of digits.
        left_out: tokens of values read wrong, counted in none.
    """

    words: Rate
    starts: Rate
    later: Rate
    digits: Rate
    left_out: int


class HeadRank(NamedTuple):
    """One head measured.

    Attributes:
        layer, head: numbers, 0 for the first.
        words, starts, digits: hit rates as in `Hits`, 0 to 1; NaN without such tokens.
        entropy: mean over the tokens with a box, in bits; low is focused.
        mass: mean share of a row that lies on cells, counted by the part of them the box covers, 0 to 1.
    """

    layer: int
    head: int
    words: float
    starts: float
    digits: float
    entropy: float
    mass: float


class FieldScore(NamedTuple):
    """One field against the truth.

    Attributes:
        path: as the model wrote it; the truth's own for a field that was not written.
        said, true: values; None if not written, or not on the page.
        right: whether they are the same but for blanks.
        box: proposed, in pixels of the original page; None without one.
        true_box: round the true value's characters; None if not on the page.
        iou: area that both boxes share over area that either covers, 0 to 1; NaN without both.
        centre: whether the middle of the proposed box lies in the true box.
    """

    path: str
    said: str | None
    true: str | None
    right: bool
    box: Box | None
    true_box: Box | None
    iou: float
    centre: bool


def token_truth(
    tokens: Sequence[str], truth: Iterable[tuple[str, str, Sequence[Box]]], geometry: Geometry
) -> TokenTruth:
    """The box of every token of a field that was read right, character by character.

    Args:
        tokens: from `token_names`.
        truth: path, text and boxes of the characters of every field, as in `Truth`.
        geometry: from the original page to the model's input.

    Raises:
        ValueError: a truth whose boxes are not one per character that is no blank.
    """
    known = _by_path(truth)
    boxes = np.full((len(tokens), 4), np.nan)
    words, digits, starts = np.zeros((3, len(tokens)), bool)
    left_out = 0
    for one in fields(tokens):
        true = known.get(canonical(one.path))
        if true is None or not _same(one.text, true.text):
            left_out += len({t for word in one.words for t in word.tokens})
            continue
        for token, text, place in _characters(one, tokens):
            corners = geometry.to_seen(np.reshape(true.boxes[place : place + len(text)], (-1, 2)))
            boxes[token] = *corners.min(axis=0), *corners.max(axis=0)
            words[token], digits[token] = any(c.isalpha() for c in text), text.isdigit()
        starts[[word.tokens[0] for word in one.words]] = True
    inked = ~np.isnan(boxes[:, 0])
    return TokenTruth(boxes, words, digits, starts & words, int((inked & ~words & ~digits).sum()), left_out)


def hits(heat: ArrayLike, truth: TokenTruth, size: tuple[int, int]) -> Hits:
    """Hit rates of words and digits with their chance, for the (tokens, rows, columns) maps from `token_heat`."""
    maps = np.asarray(heat)
    if maps.ndim != 3 or len(maps) != len(truth.boxes):
        raise GateError("heat", f"({len(truth.boxes)}, rows, columns)", f"{maps.shape}")
    found, guess = points_into(maps, truth.boxes, size), chance(truth.boxes, maps.shape[1:], size)
    kinds = (truth.words, truth.starts, truth.words & ~truth.starts, truth.digits)
    words, starts, later, digits = (Rate(_rate(found, k), _rate(guess, k), int(k.sum())) for k in kinds)
    return Hits(words, starts, later, digits, truth.left_out)


def rank_heads(record: AttentionRecord, truth: TokenTruth) -> list[HeadRank]:
    """Every head of the cross-attention measured on the tokens of `truth`, best hit rate first.

    Focused is not the same as right: entropy tells how few cells a head reads, the hit rate whether they are the right
    ones. Equal rates keep the order of layers and heads.

    Raises:
        ValueError: a record without geometry, or a truth of another number of tokens.
    """
    maps, geometry = cross_maps(record), page_geometry(record)
    if len(truth.boxes) != len(maps[0].query):
        raise GateError("truth", f"{len(maps[0].query)} tokens", f"{len(truth.boxes)}")
    rows = np.flatnonzero(truth.words | truth.digits)
    boxes, kinds = truth.boxes[rows], (truth.words[rows], truth.starts[rows], truth.digits[rows])
    out = []
    for one in maps:
        grid = one.key.grid or (1, 1)
        cover = cell_cover(boxes, grid, geometry.seen).reshape(len(rows), grid[0] * grid[1])
        for place, number in enumerate(head_numbers(one)):
            part = head_rows(one, place, rows)
            found = points_into(part.reshape(-1, *grid), boxes, geometry.seen)
            mass = undefined.ratio(np.nansum(part * cover, axis=-1), np.nansum(part, axis=-1))
            bits = undefined.mean(entropy(part)) if len(rows) else np.float64(np.nan)
            words, starts, digits = (_rate(found, kind) for kind in kinds)
            out.append(
                (
                    HeadRank(one.layer, number, words, starts, digits, float(bits), float(undefined.mean(mass))),
                    found.sum(),
                )
            )
    return [head for head, _ in sorted(out, key=lambda one: -one[1])]


def field_scores(
    record: AttentionRecord,
    truth: Iterable[tuple[str, str, Sequence[Box]]],
    layers: Sequence[int] | None = None,
    heads: Sequence[int] | None = None,
    tight: bool = True,
) -> list[FieldScore]:
    """Every field the model wrote, then those it missed: read right or not, and its proposed box against the true one.

    Args:
        record: with cross-attention and a geometry.
        truth: path, text and boxes of the characters of every field, as in `Truth`.
        layers, heads, tight: as for `proposals`.
    """
    known = _by_path(truth)
    out = [
        _scored(one.path, one.text, known.pop(canonical(one.path), None), box)
        for one, box, _ in proposals(record, layers, heads, tight)
    ]
    return out + [_scored(missed.path, None, missed, None) for missed in known.values()]


def _scored(path: str, said: str | None, true: Truth | None, box: Box | None) -> FieldScore:
    round_it = None if true is None or not len(true.boxes) else around(true.boxes)
    right = said is not None and true is not None and _same(said, true.text)
    value, centre = float("nan"), False
    if box is not None and round_it is not None:
        value = iou(box, round_it)
        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        centre = round_it[0] <= x < round_it[2] and round_it[1] <= y < round_it[3]
    return FieldScore(path, said, None if true is None else true.text, right, box, round_it, value, centre)


def _by_path(truth: Iterable[tuple[str, str, Sequence[Box]]]) -> dict[str, Truth]:
    out = {}
    for path, text, boxes in truth:
        inked = sum(not c.isspace() for c in text)
        if len(boxes) != inked:
            raise GateError(f"truth of {path!r}", f"{inked} boxes, one per character of {text!r}", f"{len(boxes)}")
        out[canonical(path)] = Truth(path, text, boxes)
    return out


def _same(said: str, true: str) -> bool:
    return said.split() == true.split()


def _characters(one: Field, tokens: Sequence[str]) -> list[tuple[int, str, int]]:
    """(token, its characters of the value without blanks, how many come before them) in order."""
    out, place = [], 0
    for token in one.tokens:
        text = "".join(tokens[token].replace("▁", " ").split())
        if text:
            out.append((token, text, place))
        place += len(text)
    # A value that one tag stands for, such as <yes/>, has other characters than its token.
    return out if place == len("".join(one.text.split())) else []


def _rate(values: NDArray[np.generic], chosen: NDArray[np.bool_]) -> float:
    return float(values[chosen].mean()) if chosen.any() else float("nan")
