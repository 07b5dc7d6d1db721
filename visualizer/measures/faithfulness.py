"""Does the model use what a map marks? Patches covered in the map's order, and the score after each step."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visualizer.measures.arguments import whole
from vit_attention.gate import GateError

STEPS = 10
"""Equal steps from the whole picture to none of it."""
DRAWS = 5
"""Random orders that a map is compared with."""
MAP, RANDOM, CENTRE, COLOUR, UNTRAINED = "map", "random order", "centre prior", "colour contrast", "untrained network"
"""Whose order the parts are covered in."""
DELETION, INSERTION = "deletion", "insertion"
MOST_FIRST, LEAST_FIRST = "most relevant first", "least relevant first"
ROAD = "road"

Masks = NDArray[np.bool_]


def strongest_first(values: ArrayLike, seed: int = 0) -> NDArray[np.intp]:
    """Numbers of the parts of a map in reading order, the strongest first.

    Equals stand in a random order, always the same for a seed: in reading order, a map without a pattern would cover the
    picture from its top. What is not defined (NaN) comes last.

    Args:
        values: (...) a map, such as (rows, columns) or (tokens,); it may be signed.
        seed: of the order of equals.

    >>> strongest_first([[0.1, np.nan], [0.5, 0.2]]).tolist()
    [2, 3, 0, 1]
    """
    flat = np.asarray(values, np.float64).ravel()
    mixed = np.random.default_rng(seed).permutation(flat.size)
    return mixed[np.argsort(-flat[mixed], kind="stable")]  # NaN is sorted to the end


def counts(parts: int, steps: int = STEPS) -> NDArray[np.intp]:
    """(steps + 1,) how many of some parts are covered after each of equal steps, rounded to whole ones.

    Raises:
        GateError: fewer steps than one, or more than parts.

    >>> counts(4, 2).tolist()
    [0, 2, 4]
    """
    found = np.linspace(0, parts, whole("steps", steps, 1, parts) + 1)
    return np.floor(found + 0.5).astype(np.intp)


def deleted(order: NDArray[np.intp], shape: tuple[int, ...], steps: int = STEPS) -> Masks:
    """(steps + 1, ...) which parts are covered after each step: none at first, then those that come first, all at last.

    Deletion of Petsiuk et al. 2018 (arXiv:1806.07421, section 4.1) with the patches of the model in place of pixels. Insertion
    shows what deletion covers: ``~deleted(...)``.

    Args:
        order: numbers of the parts, that which is covered first in front.
        shape: of the map, such as (rows, columns).
        steps: how many, at most as many as parts.

    >>> deleted(np.array([1, 0]), (1, 2), 2).tolist()
    [[[False, False]], [[False, True]], [[True, True]]]
    """
    rank = np.empty(len(order), np.intp)
    rank[order] = np.arange(len(order))
    return (rank < counts(len(order), steps)[:, None]).reshape(-1, *shape)


def area_under(shares: ArrayLike, scores: ArrayLike) -> NDArray[np.float64]:
    """(...) area under curves by the trapezoid rule: the mean score over the shares, in the score's unit.

    Args:
        shares: (points,) from 0 to 1, rising.
        scores: (..., points).

    >>> float(area_under([0, 0.5, 1], [1, 1, 0]))
    0.75
    """
    x, y = np.asarray(shares, np.float64), np.asarray(scores, np.float64)
    return np.asarray(((y[..., 1:] + y[..., :-1]) / 2 * np.diff(x)).sum(axis=-1))


@dataclass(frozen=True, eq=False)
class Curve:
    """The score of the target as parts of an input are covered or shown, one step after the other.

    Attributes:
        order: whose order it is, such as "map" or "random order".
        kind: "deletion", "insertion", or of ROAD "most relevant first" or "least relevant first".
        baseline: what stands where something is covered, such as "mean".
        shares: (points,) share of the parts that are covered, or by insertion shown, 0 to 1.
        draws: (draws, points) the score, a probability from 0 to 1 or a cosine similarity; several draws of a random order,
            one of any other.
    """

    order: str
    kind: str
    baseline: str
    shares: NDArray[np.float64]
    draws: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.draws.ndim != 2 or self.draws.shape[1:] != self.shares.shape or not len(self.draws):
            raise GateError("draws", f"(draws, {len(self.shares)})", f"shape {self.draws.shape}")

    @property
    def scores(self) -> NDArray[np.float64]:
        """(points,) mean over the draws."""
        return np.asarray(self.draws.mean(axis=0))

    @property
    def areas(self) -> NDArray[np.float64]:
        """(draws,) area under each draw over the shares that it covers, divided by their range: a mean score."""
        return np.asarray(area_under(self.shares, self.draws) / (self.shares[-1] - self.shares[0]))

    @property
    def auc(self) -> float:
        """Mean of the areas, in the score's unit."""
        return float(self.areas.mean())


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """How far a model uses what a map marks, beside orders that know nothing of the map or of training.

    A map that shows what the model uses has a low deletion AUC, a high insertion AUC and a high ROAD score; one that is no better
    than a random order shows nothing of the kind. Whether a map lies on the object is another question: see `score_against`.

    Attributes:
        about: what is asked about, in words, such as "the class ring".
        unit: "probability" or "cosine similarity".
        curves: all of them.
        passes: inputs that went through the model for the map's own curves and its controls' ("map", "controls"), whatever
            it took to make the maps.
        notes: what could not be measured, in sentences.
    """

    about: str
    unit: str
    curves: tuple[Curve, ...]
    passes: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def orders(self) -> tuple[str, ...]:
        """Whose orders there are, the map first."""
        return tuple(dict.fromkeys(one.order for one in self.curves))

    @property
    def baselines(self) -> tuple[str, ...]:
        """What stood in place of what was deleted or not yet inserted."""
        return tuple(dict.fromkeys(one.baseline for one in self.curves if one.kind == DELETION))

    def curve(self, kind: str, order: str = MAP, baseline: str | None = None) -> Curve:
        """One of the curves; without a baseline the first.

        Raises:
            GateError: there is no such curve.
        """
        fits = [one for one in self.curves if (one.kind, one.order) == (kind, order)]
        for one in fits:
            if baseline in (None, one.baseline):
                return one
        known = sorted({f"{one.kind} by {one.order} on {one.baseline}" for one in self.curves})
        raise GateError("curve", f"one of {', '.join(known)}", f"{kind} by {order} on {baseline}")

    @property
    def road(self) -> dict[str, NDArray[np.float64]]:
        """(draws,) ROAD score by order, in the score's unit; empty where it was not measured. See `road_score`."""
        found = {}
        for order in self.orders:
            pair = [one for one in self.curves if one.order == order and one.baseline == ROAD]
            both = {one.kind: one.draws for one in pair if one.kind in (MOST_FIRST, LEAST_FIRST)}
            if len(both) == 2:
                found[order] = road_score(both[MOST_FIRST], both[LEAST_FIRST])
        return found

    def table(self) -> list[dict[str, Any]]:
        """One row for each order: its AUCs by kind and baseline and its ROAD score, in the score's unit, means over the draws."""
        rows, road = [], self.road
        for order in self.orders:
            own = [one for one in self.curves if one.order == order and one.kind in (DELETION, INSERTION)]
            row: dict[str, Any] = {
                "order": order,
                "draws": max(len(one.draws) for one in self.curves if one.order == order),
            }
            row |= {f"{one.kind} AUC, {one.baseline}": one.auc for one in own}
            rows.append(row | ({"ROAD": float(road[order].mean())} if order in road else {}))
        return rows


def road_score(most_first: ArrayLike, least_first: ArrayLike) -> NDArray[np.float64]:
    """(...) mean over the shares of (least relevant first - most relevant first) / 2, in the score's unit; higher is better.

    Rong et al. 2022, arXiv:2202.00449, combined as in the library grad-cam: an order that knows nothing has about 0.

    Args:
        most_first: (..., shares) score when the most relevant parts are imputed first.
        least_first: (..., shares) when the least relevant ones are.

    >>> float(road_score([0.2, 0.0], [1.0, 0.6]))
    0.35
    """
    return np.asarray((np.asarray(least_first, np.float64) - np.asarray(most_first, np.float64)).mean(axis=-1) / 2)


def random_orders(parts: int, draws: int = DRAWS, seed: int = 0) -> list[NDArray[np.intp]]:
    """Several orders that know nothing; the same ones for a seed."""
    chance = np.random.default_rng(seed)
    return [chance.permutation(parts) for _ in range(draws)]
