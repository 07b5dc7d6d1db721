"""What must hold of any attention, checked on the records that are about to be drawn."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from visualizer.measures import undefined
from visualizer.measures.entropy import entropy
from vit_attention.gate import GateError

SINGLE_TOLERANCE = 1e-4
# Half precision keeps 11 bits: each weight, and so a row's sum, is off by up to 0.05 %.
HALF_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Invariants:
    """How far some attention weights are from being distributions over keys.

    Attributes:
        rows: rows with at least one defined key.
        row_error: largest distance of a row's sum from 1.
        smallest, largest: defined weights; a share is never below 0 or above 1.
        finite: no infinity, and no NaN unless keys were allowed to be undefined.
        entropy_in_bounds: every row's entropy lies between 0 and log2 of its defined keys.
        tolerance: what sums and weights may be off by.
    """

    rows: int
    row_error: float
    smallest: float
    largest: float
    finite: bool
    entropy_in_bounds: bool
    tolerance: float

    @property
    def hold(self) -> bool:
        """Whether all of them hold within the tolerance."""
        return not self.problems

    @property
    def problems(self) -> tuple[str, ...]:
        """What does not hold, one sentence each, for a reader."""
        checks = {
            "There is no row to check.": self.rows > 0,
            "Some weights are infinite or not a number.": self.finite,
            f"A row's sum is {self.row_error:.2g} away from 1.": self.row_error <= self.tolerance,
            f"The smallest weight is {self.smallest:.2g}, below 0.": self.smallest >= 0,
            f"The largest weight is {self.largest:.4g}, above 1.": self.largest <= 1 + self.tolerance,
            "An entropy lies outside its bounds.": self.entropy_in_bounds,
        }
        return tuple(sentence for sentence, holds in checks.items() if not holds)


def check(weights: ArrayLike, tolerance: float | None = None, *, allow_undefined: bool = False) -> Invariants:
    """Measure whether every row of some attention weights is a distribution over its keys.

    Args:
        weights: (..., queries, keys).
        tolerance: what sums and weights may be off by; None means 1e-4, or 1e-3 for half precision.
        allow_undefined: NaN marks keys outside a window and rows without keys, and is not an error.

    Returns:
        The measurements; `hold` and `problems` judge them. Nothing is raised for weights that are wrong.

    Raises:
        ValueError: weights without queries and keys, or a negative `tolerance`.

    >>> check([[0.5, 0.5], [0.25, 0.5]]).problems
    ("A row's sum is 0.25 away from 1.",)
    """
    given = np.asarray(weights)
    if given.ndim < 2 or given.shape[-1] == 0:
        raise GateError("weights", "(..., queries, keys) with at least one key", f"shape {given.shape}")
    if tolerance is None:
        tolerance = HALF_TOLERANCE if given.dtype == np.float16 else SINGLE_TOLERANCE
    if not tolerance >= 0:
        raise GateError("tolerance", "0 or more", f"{tolerance}")
    values = undefined.at_least_single(given)
    known = ~np.isnan(values)
    finite = not np.isinf(values).any() and bool(allow_undefined or known.all())
    present = known.any(axis=-1)
    with np.errstate(invalid="ignore"):  # infinities of both signs in one row sum to NaN, reported as infinity
        errors = np.abs(values.sum(axis=-1, where=known, dtype=np.float64) - 1)[present]
    return Invariants(
        rows=int(np.count_nonzero(present)),
        row_error=float(np.nan_to_num(errors, nan=np.inf).max(initial=0)),
        smallest=float(values.min(where=known, initial=np.inf)),
        largest=float(values.max(where=known, initial=-np.inf)),
        finite=finite,
        entropy_in_bounds=_entropy_in_bounds(values),
        tolerance=tolerance,
    )


def _entropy_in_bounds(values: undefined.Array) -> bool:
    try:
        bits = entropy(values)
    except ValueError:  # negative or infinite: not a distribution, no entropy
        return False
    most = np.log2(np.maximum(np.count_nonzero(~np.isnan(values), axis=-1), 1))
    return bool((np.isnan(bits) | ((bits >= 0) & (bits <= most + 1e-9))).all())
