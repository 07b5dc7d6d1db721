"""A figure in plain words: the text alternative for people who do not see it, and the numbers behind the colours."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visualizer.measures.entropy import entropy
from visualizer.measures.words import written
from visualizer.method import question
from visualizer.style.theme import FIRST, short
from visualizer.words.plain import plural
from vit_attention.records import Axis, Geometry


def describe(
    values: ArrayLike,
    axis_or_grid: Axis | tuple[int, int] | None = None,
    name: str = "Attention map",
    unit: str = "share of attention",
    *,
    geometry: Geometry | None = None,
    strongest: int = 3,
    count_undefined: bool = True,
) -> str:
    """One map in sentences: its strongest tokens with value and place, the share they hold, and its entropy.

    Share and entropy are given for values that are nowhere negative and not all zero. Entropy is that of the values
    divided by their sum, in bits.

    Args:
        values: (rows, columns), or (tokens,) that fit the axis or the grid; NaN is left out and counted.
        axis_or_grid: what the values stand for; None takes the shape of `values` as the grid.
        name, unit: what the map is called and what one value is.
        geometry: names places on the picture the user gave instead of in the grid.
        strongest: how many tokens to name.
        count_undefined: say how many values are NaN.

    Raises:
        ValueError: values that do not fit the axis or grid.

    >>> describe([[0.7, 0.1], [0.1, 0.1]], name="Head 1", strongest=1)
    'Head 1: strongest is row 1, column 1 (upper left) with 0.7 (share of attention); it holds 70 % of the sum. \
Entropy 1.36 of at most 2 bits.'
    """
    given = np.asarray(values, dtype=np.float64)
    axis = _axis(given, axis_or_grid)
    flat = given.ravel()
    if len(flat) != len(axis):
        raise ValueError(f"values: want {len(axis)}, one per token, got {len(flat)}")
    known = np.isfinite(flat)
    if not known.any():
        return f"{name}: no value is defined."
    signed = bool((flat[known] < 0).any())
    rank = np.where(known, np.abs(flat), -np.inf)
    best = [int(n) for n in np.argsort(-rank, kind="stable")[: min(strongest, int(known.sum()))]]
    if np.ptp(flat[known]) <= 1e-12 * max(1.0, float(rank.max())) and len(best) < int(known.sum()):
        sentence = f"{name}: all {int(known.sum())} values are the same, {short(flat[best[0]])} {unit}"
    else:
        parts = [f"{_token(axis, n, geometry)} with {short(flat[n])}" for n in best]
        parts[0] += f" ({unit})"
        listed = " and ".join(filter(None, ("; ".join(parts[:-1]), parts[-1])))
        sentence = f"{name}: strongest {'is' if len(best) == 1 else 'are'} {listed}"
    missing = int((~known).sum()) if count_undefined else 0
    more = f" {missing} of {len(known)} values are not defined." if missing else ""
    return sentence + _spread(flat, known, best, signed) + more


def _axis(given: NDArray[Any], what: Axis | tuple[int, int] | None) -> Axis:
    if isinstance(what, Axis):
        return what
    if what is not None:
        return Axis.patches(*what)
    if given.ndim != 2:
        raise ValueError(f"values: want (rows, columns), or an axis or grid to go with shape {given.shape}")
    return Axis.patches(*given.shape)


def _token(axis: Axis, index: int, geometry: Geometry | None) -> str:
    """A token in words, patches with their rough place, tokens of a text that went in with their number, since words repeat."""
    at = index - axis.prefix
    if axis.kind == "text" and (axis.words or at >= 0):
        return question.name(axis, index) if axis.words else written(axis)[index]
    if axis.kind != "patches" or axis.grid is None or at < 0:
        return f"the {axis.name(index)}" if at < 0 else axis.name(index)
    rows, columns = axis.grid
    row, column = divmod(at, columns)
    across, down = (column + 0.5) / columns, (row + 0.5) / rows
    if geometry is not None:
        (x, y), (width, height) = (
            geometry.to_original([[across * geometry.seen[0], down * geometry.seen[1]]])[0],
            geometry.original,
        )
        across, down = x / width, y / height
    return f"row {row + FIRST}, column {column + FIRST} ({place(across, down)})"


def place(across: float, down: float) -> str:
    """Where a point lies, in thirds; `across` and `down` run from 0 to 1.

    >>> place(0.1, 0.5), place(0.9, 0.9), place(0.5, 0.5), place(0.5, -0.1)
    ('left', 'lower right', 'centre', 'outside the picture')
    """
    if not (0 <= across <= 1 and 0 <= down <= 1):
        return "outside the picture"
    level = ("upper", "", "lower")[min(2, int(down * 3))]
    side = ("left", "", "right")[min(2, int(across * 3))]
    return f"{level} {side or ('middle' if level else '')}".strip() or "centre"


def _spread(flat: NDArray[Any], known: NDArray[np.bool_], best: Sequence[int], signed: bool) -> str:
    total = float(flat[known].sum())
    if signed or total <= 0:
        return "."
    bits = float(entropy(flat[known]))
    held = 100 * float(flat[list(best)].sum()) / total
    who = "it holds" if len(best) == 1 else "together they hold"
    return f"; {who} {held:.0f} % of the sum. Entropy {short(bits)} of at most {short(np.log2(known.sum()))} bits."


def describe_grid(
    values: NDArray[Any] | Sequence[Any],
    name: str,
    unit: str,
    *,
    layers: Sequence[int] | None = None,
    extremes: int = 2,
) -> str:
    """A mosaic, atlas or summary in sentences: its size, and the layers and heads with the largest and smallest number.

    Args:
        values: one number per head, (layers, heads) or one row per layer; NaN is left out.
        name, unit: what the number is and its unit.
        layers: original numbers of the layers, counted from 0, if not all are given.
        extremes: how many to name at each end.

    >>> describe_grid([[3.0, 1.0], [2.0]], "Entropy", "bits", extremes=1)
    'Entropy of 3 heads in 2 layers: 1 to 3 bits, mean 2 bits. \
Largest: layer 1, head 1 (3). Smallest: layer 1, head 2 (1).'
    """
    lines = [np.asarray(line, dtype=np.float64) for line in values]
    if any(line.ndim != 1 for line in lines):
        raise ValueError(f"values: want (layers, heads), got shapes {[line.shape for line in lines][:4]}")
    depth = range(len(lines)) if layers is None else layers
    found = [(v, d, h) for d, line in zip(depth, lines, strict=True) for h, v in enumerate(line) if np.isfinite(v)]
    if not found:
        return f"{name}: no value is defined."
    ranked = sorted(found, key=lambda one: -one[0])
    numbers = [v for v, _, _ in found]
    size = f"{plural(len(found), 'head')} in {plural(len(lines), 'layer')}"
    span = f"{short(ranked[-1][0])} to {short(ranked[0][0])} {unit}, mean {short(float(np.mean(numbers)))} {unit}"
    heads = [f"layer {d + FIRST}, head {h + FIRST} ({short(v)})" for v, d, h in ranked]
    top, bottom = ("; ".join(part) for part in (heads[:extremes], heads[::-1][:extremes]))
    return f"{name} of {size}: {span}. Largest: {top}. Smallest: {bottom}."
