"""Lengths of tokens and sinks through the layers, in sentences with numbers."""

import numpy as np
from numpy.typing import ArrayLike

from visualizer.measures.outliers import outliers
from visualizer.measures.sinks import Taken
from visualizer.style.theme import FIRST, short
from visualizer.words.plain import plural


def describe_lengths(norms: ArrayLike, prefix: int = 1) -> str:
    """How long patch tokens are after the first and the last layer, and after which layers some are outliers.

    Args:
        norms: (layers, tokens), as `record.norms`.
        prefix: how many special tokens lead.

    >>> describe_lengths([[1.0] + [2.0] * 9, [1.0] + [4.0] * 8 + [40.0]])
    'The median patch token has length 2 after layer 1 and 4 after layer 2. Outliers: after layer 2, 1 patch, 10 \
times as long as the rest.'
    """
    lengths = np.asarray(norms, dtype=np.float64)
    start, end = (short(float(np.median(lengths[at, prefix:]))) for at in (0, -1))
    said = []
    for number, one in enumerate(lengths):
        found = outliers(one, prefix)
        if not found.clean:
            count = int(found.tokens.sum())
            patches = "1 patch" if count == 1 else f"{count} patches"
            said.append(f"after layer {number + FIRST}, {patches}, {short(found.times)} times as long as the rest")
    last = len(lengths) - 1 + FIRST
    return (
        f"The median patch token has length {start} after layer {FIRST} and {end} after layer {last}. "
        f"Outliers: {'; '.join(said) or 'after no layer'}."
    )


def describe_taken(taken: Taken, first: int = 0) -> str:
    """In which layers there are sinks and how much attention they take, beside that of special tokens.

    Args:
        taken: from `visualizer.measures.sinks.taken_by_layer`.
        first: number of its first layer, counted from 0.

    >>> one, two = np.array([0.1, 0.3]), np.array([0.2, 0.0])
    >>> describe_taken(Taken(one, two, 1 - one - two, np.array([1, 0])))
    'Sinks: layer 1, 1 sink with 20.0% of the attention. Special tokens take 10.0% (layer 1) to 30.0% (layer 2).'
    """
    at = range(first + FIRST, first + FIRST + len(taken.counts))
    each = zip(at, taken.counts.tolist(), taken.sinks.tolist(), strict=True)
    said = [
        f"layer {n}, {plural(count, 'sink')} with {share:.1%} of the attention" for n, count, share in each if count
    ]
    low, high = int(taken.special.argmin()), int(taken.special.argmax())
    ends = [f"{taken.special[n]:.1%} (layer {at[n]})" for n in (low, high)]
    return f"Sinks: {'; '.join(said) or 'in no layer'}. Special tokens take {' to '.join(ends)}."
