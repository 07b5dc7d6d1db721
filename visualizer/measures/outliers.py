"""Values far above all others of their kind, found without a threshold: one group or two?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visualizer.measures import arguments, undefined
from vit_attention.gate import GateError

FEWEST = 8
"""With fewer values nothing is said about groups."""
MOST = 0.25
"""Largest share of the values that can be outliers; a larger group is the other half of the picture."""
NOTHING = 0.01
"""Spread of logarithms that counts as none, 1 %: values that are nearly all equal have no scale of their own."""
TAIL = 10
"""One in so many values of the crowd is its tail, from which the step to the outliers is judged."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Outliers:
    """Which values lie apart, and how far.

    Attributes:
        tokens: (tokens,) booleans; all False if clean.
        times: geometric mean of the outliers divided by that of the rest; 1 if clean.
        separation: distance of the two groups' means of log values, in standard deviations of a group; 0 if clean.
        evidence: how much better two groups explain the values than one, as a difference of BIC; above 0 it favours
            two groups, which alone does not make one of them outliers.
    """

    tokens: NDArray[np.bool_]
    times: float = 1.0
    separation: float = 0.0
    evidence: float = 0.0

    @property
    def clean(self) -> bool:
        """Whether there are none."""
        return not self.tokens.any()


def outliers(values: ArrayLike, prefix: int = 0) -> Outliers:
    """Tokens whose value, such as their length, lies in a small group far above the others; none if there is one group.

    Large models store information on the whole picture in a few patch tokens of outlier length (Darcet et al. 2023,
    arXiv:2309.16588, section 2), which that paper cuts off at a length chosen by eye for each model. Here the
    logarithms of the values are explained once by one normal distribution and once by a mixture of two with a common
    standard deviation, fitted by expectation-maximisation. The upper group is reported if

    - the mixture has the lower BIC (Schwarz 1978);
    - it is the smaller one, at most a quarter of the values;
    - the stretch between the groups is longer than a heavy tail would leave. In the tail of a power law the steps
      between ordered logarithms, each times its rank, all have the same distribution (Rényi 1953); the step to the
      outliers must be more than 2 log n times the mean of those in the upper tenth of the rest.

    Args:
        values: (tokens,) finite numbers from 0 up; those that are 0 count as low.
        prefix: how many special tokens lead; they are left out and never reported.

    Raises:
        GateError: values that are negative, not finite or none.

    >>> found = outliers([50.0, 9, 10, 11, 10, 9, 11, 10, 90], prefix=1)
    >>> found.tokens.nonzero()[0], round(found.times, 1)
    (array([8]), 9.0)
    """
    given = undefined.rectangular(values, "values", "(tokens,)").astype(np.float64)
    prefix = arguments.whole("prefix", prefix, 0)
    if given.ndim != 1 or prefix >= given.size or not (np.isfinite(given) & (given >= 0)).all():
        raise GateError(
            "values", f"(tokens,) finite numbers from 0 up, more than prefix={prefix}", f"shape {given.shape}"
        )
    tokens = np.zeros(given.size, dtype=bool)
    logs = np.sort(np.log(given[prefix:][given[prefix:] > 0]))
    if logs.size < FEWEST:
        return Outliers(tokens)
    means, spread, upper, evidence = _two(logs)
    count = int((upper > 0.5).sum())
    if not (evidence > 0 and 0 < count <= MOST * logs.size and _apart(logs, count)):
        return Outliers(tokens, evidence=evidence)
    tokens[prefix:] = given[prefix:] >= np.exp(logs[-count]) * (1 - 1e-12)
    step = float(means[1] - means[0])
    return Outliers(tokens, float(np.exp(step)), step / spread, evidence)


def _two(logs: Floats) -> tuple[Floats, float, Floats, float]:
    """Means, common standard deviation and membership in the upper group of two, and the difference of BIC to one."""
    upper = (np.arange(logs.size) >= _best_split(logs)).astype(np.float64)
    for _ in range(500):
        weights = np.stack([1 - upper, upper])
        sums = np.maximum(weights.sum(axis=1), 1e-300)
        means = weights @ logs / sums
        spread = max(float(np.sqrt((weights * (logs - means[:, None]) ** 2).sum() / logs.size)), NOTHING)
        each = np.log(sums / logs.size)[:, None] + _normal(logs, means[:, None], spread)
        together = np.logaddexp(*each)
        before, upper = upper, np.exp(each[1] - together)
        if np.abs(upper - before).max() < 1e-10:
            break
    one = _normal(logs, logs.mean(), max(float(logs.std()), NOTHING)).sum()
    return means, spread, upper, float(2 * (together.sum() - one) - 2 * np.log(logs.size))  # 4 parameters against 2


def _normal(x: Floats, mean: float | Floats, spread: float) -> Floats:
    """Logarithm of the normal density."""
    return np.asarray(-0.5 * ((x - mean) / spread) ** 2 - np.log(spread * np.sqrt(2 * np.pi)))


def _best_split(logs: Floats) -> int:
    """How many of the sorted values are the lower group of the likeliest hard split; EM starts there, the same way every time."""
    count, total = np.arange(1, logs.size), logs.size
    sums, squares = np.cumsum(logs), np.cumsum(logs**2)
    within = squares[-1] - sums[:-1] ** 2 / count - (sums[-1] - sums[:-1]) ** 2 / (total - count)
    variance = np.maximum(within / total, NOTHING**2)
    mixed = count * np.log(count / total) + (total - count) * np.log(1 - count / total)
    fit = mixed - total / 2 * np.log(variance) - within / variance / 2
    return int(count[fit.argmax()])


def _apart(logs: Floats, count: int) -> bool:
    """Whether the stretch below the upper `count` values is too long for a tail."""
    steps = np.arange(1, logs.size) * -np.diff(logs[::-1])  # rank times the step down to the next value
    tail = steps[count : count + max(5, (logs.size - count) // TAIL)]
    return bool(steps[count - 1] > 2 * np.log(logs.size) * max(float(tail.mean()), NOTHING))
