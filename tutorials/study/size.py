"""How many students a study needs: the power of the exact test of McNemar, computed and not approximated."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vit_attention.gate import GateError

MOST = 500
"""Students up to which a size is looked for."""


def power(pairs: int, up: float, down: float, level: float = 0.05) -> float:
    """How likely the exact two-sided test finds a change, 0 to 1.

    The sum over all numbers of students that change either way, each with its probability (McNemar 1947, Psychometrika 12).

    Args:
        pairs: students with two graded answers, 1 to `MOST`.
        up, down: share of all students that go from wrong to right, and from right to wrong.
        level: p value up to which a change counts as found.

    Raises:
        GateError: shares or a level that are none.
    """
    return float(_powers(up, down, level)[pairs - 1])


def students(up: float, down: float, wanted: float = 0.8, level: float = 0.05) -> int:
    """The number of students from which on the power is at least `wanted`; arguments as for `power`.

    Raises:
        GateError: shares or a level that are none, or a number beyond `MOST`.

    >>> students(0.30, 0.05), students(0.30, 0.05, level=0.05 / 23)
    (45, 83)
    """
    found = int(np.flatnonzero(np.append(True, _powers(up, down, level) < wanted))[-1]) + 1
    if found > MOST:
        raise GateError("size", f"a change that {MOST} students can show", f"{up:g} up and {down:g} down")
    return found


@lru_cache(maxsize=8)
def _powers(up: float, down: float, level: float) -> NDArray[np.float64]:
    """(MOST,) the power with 1, 2, ... pairs."""
    if not (0 <= up <= 1 and 0 <= down <= 1 and 0 < up + down <= 1 and 0 < level < 1):
        raise GateError("shares", "two from 0 to 1 whose sum is above 0 and at most 1", f"{up:g} and {down:g}")
    from scipy import stats  # 55 MB that most visits never use

    changed = np.arange(1, MOST + 1)
    # The most that may go the rarer way: both ends together have at most `level` of the even coin's outcomes.
    rare = stats.binom.ppf(level / 2, changed, 0.5)
    rare -= stats.binom.cdf(rare, changed, 0.5) > level / 2
    share = up / (up + down)
    found = stats.binom.cdf(rare, changed, share) + stats.binom.sf(changed - rare - 1, changed, share)
    how_many = stats.binom.pmf(changed[None], changed[:, None], up + down)  # (pairs, changed)
    return np.asarray(how_many @ found, np.float64)
