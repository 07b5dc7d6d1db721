"""Hit rates and entropy of every head of a reader, on one page or over several."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visualizer.measures.entropy import entropy
from visualizer.measures.fields import fields
from visualizer.measures.pointing import chance, points_into
from visualizer.measures.reading import cross_maps, token_heat, token_names
from visualizer.measures.reading_score import TokenTruth, token_truth
from vit_attention.records import AttentionRecord

KINDS = ("starts", "later", "digits")


@dataclass(frozen=True, eq=False)
class Sample:
    """Counts over all pages; the last place of both first axes of `hits` and `bits` stands for the mean of all.

    Attributes:
        hits: (layers + 1, heads + 1, 3) tokens whose strongest cell lies on their own print, by `KINDS`.
        bits: (layers + 1, heads + 1) mean entropy over the counted tokens.
        tokens: (3,) how many of each kind were counted.
        chance: how often a cell picked at random would be a hit, mean over the counted tokens; NaN without any.
        left_out: tokens of values read wrong, not counted.
    """

    hits: NDArray[np.int64]
    bits: NDArray[np.float64]
    tokens: NDArray[np.int64]
    chance: float
    left_out: int

    def rate(self, kinds: tuple[str, ...], layer: int | None, head: int | None) -> float:
        """Hit rate, 0 to 1, over the tokens of these kinds; NaN without any."""
        at = [KINDS.index(kind) for kind in kinds]
        count = int(self.tokens[at].sum())
        place = (-1 if layer is None else layer, -1 if head is None else head)
        return float(self.hits[place][at].sum()) / count if count else float("nan")


def measured(record: AttentionRecord, values: Any) -> Sample:
    """The sample of one page; without `values` nothing is counted and entropies are over all tokens of fields."""
    geometry, maps = record.geometry, cross_maps(record)
    if geometry is None:
        raise ValueError("record: want one with a geometry, got one without a page")
    truth = token_truth(token_names(record), values, geometry)
    kinds = kinds_of(truth)
    rows = np.flatnonzero(kinds.any(axis=0))
    if not len(values):
        rows = np.unique([t for one in fields(token_names(record)) for t in one.tokens]).astype(np.intp)
    shape = (len(maps) + 1, max(len(one.weights) for one in maps) + 1)
    hits, bits = np.zeros((*shape, len(KINDS)), np.int64), np.full(shape, np.nan)
    for place in np.ndindex(shape):
        layer, head = ([n] if n < most - 1 else None for n, most in zip(place, shape, strict=True))
        numbers = None if layer is None else [maps[layer[0]].layer]
        heat = token_heat(record, numbers, head, tokens=rows.tolist())
        found = points_into(heat, truth.boxes[rows], geometry.seen)
        hits[place] = (kinds[:, rows] & found).sum(axis=1)
        bits[place] = entropy(heat.reshape(len(rows), -1)).mean() if len(rows) else np.nan
    guess = chance(truth.boxes[kinds.any(axis=0)], maps[0].key.grid or (1, 1), geometry.seen)
    return Sample(hits, bits, kinds.sum(axis=1), float(guess.mean()) if len(guess) else float("nan"), truth.left_out)


def kinds_of(truth: TokenTruth) -> NDArray[np.bool_]:
    """(3, tokens) whether each token is of each of `KINDS`."""
    return np.stack([truth.starts, truth.words & ~truth.starts, truth.digits])


def pooled(parts: list[Sample]) -> Sample:
    """Several pages as one: counts added, entropies averaged by counted tokens."""
    weights = np.array([float(part.tokens.sum()) for part in parts])
    counted = [(part, weight) for part, weight in zip(parts, weights, strict=True) if weight]
    total, bits = weights.sum(), np.zeros_like(parts[0].bits)
    for part, weight in counted:
        bits = bits + weight * part.bits
    return Sample(
        np.sum([part.hits for part in parts], axis=0),
        bits / total if total else np.full_like(bits, np.nan),
        np.sum([part.tokens for part in parts], axis=0),
        float(sum(weight * part.chance for part, weight in counted) / total) if total else float("nan"),
        sum(part.left_out for part in parts),
    )
