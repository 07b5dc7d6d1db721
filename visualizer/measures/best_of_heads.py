"""Is the best of many heads better than the best of many that know nothing? Choosing is itself a reason for a high score."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visualizer.measures import undefined
from visualizer.measures.arguments import whole
from vit_attention.gate import GateError

SURPRISING = 0.05
"""Share of chance results that may be at least as good before a head counts."""
DRAWS = 999
"""Random assignments that chance is made of."""


@dataclass(frozen=True, eq=False)
class BestOfHeads:
    """Scores of all heads beside the best of all heads under chance.

    Attributes:
        values: (heads,) mean score over the pictures; NaN for a head without one.
        best: (draws,) the largest mean score of any head under chance, ascending.
        p: (heads,) share of chance results in which some head does at least as well, the true assignment counted among
            them; corrected for having chosen among all heads. NaN where the score is.
    """

    values: NDArray[np.float64]
    best: NDArray[np.float64]
    p: NDArray[np.float64]

    @property
    def level(self) -> float:
        """The score that the best of all heads reaches by chance in `SURPRISING` of all cases."""
        return float(np.quantile(self.best, 1 - SURPRISING))

    @property
    def passed(self) -> NDArray[np.bool_]:
        """(heads,) whether a head does better than that."""
        return np.nan_to_num(self.p, nan=1.0) < SURPRISING


def best_of_heads(found: ArrayLike, chance: ArrayLike) -> BestOfHeads:
    """Heads tested by the maximum over all of them under chance (Westfall and Young 1993; Nichols and Holmes 2002,
    doi:10.1002/hbm.1058).

    Args:
        found: (heads,) scores; larger is better; NaN for heads without one.
        chance: (draws, heads) scores of the same heads under chance; NaN is left out.

    Returns:
        Scores, the best under chance, and corrected p values.

    Raises:
        GateError: shapes that do not fit, or no draw that has a score.

    >>> tested = best_of_heads([0.9, 0.4], [[0.5, 0.3], [0.2, 0.6], [0.4, 0.4]])
    >>> tested.best.tolist(), tested.p.tolist()
    ([0.4, 0.5, 0.6], [0.25, 1.0])
    """
    scores, null = np.asarray(found, np.float64), np.asarray(chance, np.float64)
    if scores.ndim != 1 or null.ndim != 2 or null.shape[1:] != scores.shape or not scores.size:
        raise GateError("found, chance", "(heads,) and (draws, heads)", f"shapes {scores.shape} and {null.shape}")
    largest = np.where(np.isnan(null), -np.inf, null).max(axis=1, initial=-np.inf)
    best = np.sort(largest[largest > -np.inf])
    if not best.size:
        raise GateError("chance", "at least one draw with a score", "none")
    # Sums in another order differ in the last bits, and the true assignment may be among the draws.
    as_good = len(best) - np.searchsorted(best, scores - 1e-12)
    return BestOfHeads(scores, best, np.where(np.isnan(scores), np.nan, (1 + as_good) / (1 + len(best))))


def exchanged(table: ArrayLike, draws: int = DRAWS, seed: int = 0) -> BestOfHeads:
    """Heads tested against the same pictures with their truths exchanged among one another.

    Exchanged truths lie where objects usually lie, so that a head which always looks at the middle gains nothing.

    Args:
        table: (pictures, truths, heads) the score of every head on every picture, measured by every picture's truth: as
            many truths as pictures, in the same order; NaN where a score is not defined, which is left out of means.
        draws: random orders.
        seed: of the orders.

    Returns:
        Scores by the true assignment, and chance.

    Raises:
        GateError: another shape, or fewer than two pictures.
    """
    scores = np.asarray(table, np.float64)
    if scores.ndim != 3 or scores.shape[0] != scores.shape[1] or len(scores) < 2:
        raise GateError("table", "(pictures, as many truths, heads), two pictures or more", f"shape {scores.shape}")
    rng, own = np.random.default_rng(seed), np.arange(len(scores))
    orders = [rng.permutation(own) for _ in range(whole("draws", draws, 1))]
    return best_of_heads(
        undefined.mean(scores[own, own], axis=0),
        np.stack([undefined.mean(scores[own, order], axis=0) for order in orders]),
    )


def flipped(table: ArrayLike, draws: int = DRAWS, seed: int = 0) -> BestOfHeads:
    """Heads tested against the same pictures with the two kinds that a preference compares exchanged at random.

    Right where a coin decided which part of a picture is of which kind.

    Args:
        table: (pictures, heads) preferences, 0 to 1, of one kind against one other: exchanged, p becomes 1 - p.
        draws, seed: as for `exchanged`.

    Raises:
        GateError: another shape.
    """
    scores = np.asarray(table, np.float64)
    if scores.ndim != 2 or not scores.size:
        raise GateError("table", "(pictures, heads)", f"shape {scores.shape}")
    rng = np.random.default_rng(seed)
    turned = rng.random((whole("draws", draws, 1), len(scores), 1)) < 0.5
    null = np.stack([undefined.mean(np.where(one, 1 - scores, scores), axis=0) for one in turned])
    return best_of_heads(undefined.mean(scores, axis=0), null)
