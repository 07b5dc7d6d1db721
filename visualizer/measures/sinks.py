"""Attention that special tokens and sinks soak up, and maps without them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visualizer.measures import undefined
from vit_attention.gate import GateError, shown

# The median absolute deviation of normally distributed norms is 0.67 standard deviations: 10 of them are about 7.
OUTLIER_FACTOR = 10.0
# When most norms are equal, their spread says nothing: count at least this share of the median as spread.
_LEAST_SPREAD = 0.01

Keys = NDArray[np.bool_] | NDArray[np.integer] | Sequence[int] | Sequence[bool]


def special_share(weights: ArrayLike, prefix: int = 1) -> NDArray[np.float64]:
    """Share of every row's attention that the leading special tokens take.

    Args:
        weights: (..., queries, keys); NaN marks absent keys.
        prefix: how many special tokens lead the keys.

    Returns:
        (..., queries); 0 to 1, NaN where a row has no mass.

    Raises:
        ValueError: `prefix` outside 0 to the number of keys, or a negative or infinite weight.

    >>> special_share([[0.25, 0.5, 0.25]], prefix=1)
    array([0.25])
    """
    keys = np.shape(weights)[-1]
    if not 0 <= prefix <= keys:
        raise GateError("prefix", f"0 to {keys}", f"{prefix}")
    return sink_share(weights, np.arange(keys) < prefix)


def sink_share(weights: ArrayLike, sinks: Keys) -> NDArray[np.float64]:
    """Share of every row's attention that the given keys take.

    Args:
        weights: (..., queries, keys); NaN marks absent keys.
        sinks: (keys,) booleans, as from `sink_tokens`, or the numbers of the keys.

    Returns:
        (..., queries); 0 to 1, NaN where a row has no mass.

    Raises:
        ValueError: `sinks` that do not fit the keys, or a negative or infinite weight.

    >>> sink_share([[0.25, 0.5, 0.25]], [1, 2])
    array([0.75])
    """
    values, _ = undefined.split(weights)
    chosen = _mask(sinks, values.shape[-1])
    return undefined.ratio(values[..., chosen].sum(axis=-1, dtype=np.float64), values.sum(axis=-1, dtype=np.float64))


def sink_tokens(norms: ArrayLike, prefix: int = 1, factor: float = OUTLIER_FACTOR) -> NDArray[np.bool_]:
    """Patch tokens whose norm is far above that of the other patches of the same picture.

    Large models store global information in a few patch tokens of outlier norm, which then draw attention (Darcet et
    al. 2023, arXiv:2309.16588, section 2). That paper cuts at a norm chosen by eye for each model; the rule here needs
    no such choice: a norm above ``median + factor * MAD``, where MAD, the median absolute deviation from the median,
    counts as at least 1 % of the median. Both are taken over the patch tokens.

    Args:
        norms: (..., tokens) lengths of the last layer's output tokens.
        prefix: how many special tokens lead; they are never reported.
        factor: how many deviations above the median an outlier lies.

    Returns:
        (..., tokens) booleans.

    Raises:
        ValueError: norms that are not finite, no patch tokens, or a negative `factor`.

    >>> sink_tokens([50.0, 9.0, 10.0, 11.0, 10.0, 90.0])
    array([False, False, False, False, False,  True])
    """
    values = np.asarray(norms, dtype=np.float64)
    if values.ndim == 0 or not 0 <= prefix < values.shape[-1] or not np.isfinite(values).all():
        raise GateError("norms", f"finite (..., tokens), more than prefix={prefix}", f"shape {values.shape}")
    if not factor >= 0:
        raise GateError("factor", "0 or more", f"{factor}")
    patches = values[..., prefix:]
    median = np.median(patches, axis=-1, keepdims=True)
    spread = np.median(np.abs(patches - median), axis=-1, keepdims=True)
    outlier = np.zeros(values.shape, dtype=bool)
    outlier[..., prefix:] = patches > median + factor * np.maximum(spread, _LEAST_SPREAD * median)
    return outlier


def without(weights: ArrayLike, keys: Keys) -> NDArray[np.float64]:
    """The weights with some keys taken out and every row divided by what is left.

    A change of display only: the model did read those keys. To know what it would do without them, it must be run
    without them.

    Args:
        weights: (..., queries, keys); NaN marks absent keys.
        keys: (keys,) booleans, or the numbers of the keys.

    Returns:
        The same shape: removed keys are NaN, defined ones sum to 1 in each row. A row left without mass is all NaN.

    Raises:
        ValueError: `keys` that do not fit, or a negative or infinite weight.

    >>> without([[0.5, 0.25, 0.25]], [0])
    array([[nan, 0.5, 0.5]])
    """
    values, _ = undefined.split(weights)
    absent = np.isnan(np.asarray(weights)) | _mask(keys, values.shape[-1])
    left = np.where(absent, 0, values)
    shares = undefined.ratio(left, left.sum(axis=-1, keepdims=True, dtype=np.float64))
    return np.where(absent, np.nan, shares)


def _mask(keys: Keys, count: int) -> NDArray[np.bool_]:
    chosen = np.asarray(keys)
    if chosen.dtype == bool and chosen.shape == (count,):
        return chosen
    numbers = chosen.astype(np.intp) if chosen.size == 0 else chosen
    if numbers.dtype.kind not in "iu" or numbers.ndim != 1 or ((numbers < 0) | (numbers >= count)).any():
        raise GateError("keys", f"{count} booleans or numbers from 0 to {count - 1}", shown(keys))
    mask = np.zeros(count, dtype=bool)
    mask[numbers] = True
    return mask
