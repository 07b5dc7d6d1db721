"""Attention that special tokens and sinks soak up, and maps without them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visualizer.measures import arguments, undefined
from visualizer.measures.arguments import Keys
from visualizer.measures.outliers import outliers
from vit_attention.gate import GateError

LEAST = 0.3
"""Share of a head's attention above which a token is a sink, as in Gu et al. 2025."""


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
    return sink_share(weights, np.arange(keys) < arguments.whole("prefix", prefix, 0, keys))


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
    found = undefined.split(weights)
    chosen = _mask(sinks, found.values.shape[-1])
    return undefined.ratio(found.values[..., chosen].sum(axis=-1, dtype=np.float64), found.sums)


def received(weights: ArrayLike) -> NDArray[np.float64]:
    """Share of the attention of all other tokens that every token receives: the mean of its column.

    Args:
        weights: (..., queries, keys); NaN marks absent keys. If there are as many queries as keys, a token's own row is
            left out of its mean.

    Returns:
        (..., keys); 0 to 1. If all rows are even, each is 1 / keys.

    Raises:
        ValueError: a negative or infinite weight.

    >>> received([[0.2, 0.8, 0.0], [0.5, 0.3, 0.2], [0.1, 0.9, 0.0]])
    array([0.3 , 0.85, 0.1 ])
    """
    values = undefined.split(weights).values
    sums, rows = values.sum(axis=-2, dtype=np.float64), values.shape[-2]
    if rows == values.shape[-1] > 1:
        return np.asarray((sums - np.diagonal(values, axis1=-2, axis2=-1)) / (rows - 1))
    return np.asarray(sums / rows)


def sink_tokens(
    weights: ArrayLike, prefix: int = 1, norms: ArrayLike | None = None, least: float = LEAST
) -> NDArray[np.bool_]:
    """Patch tokens of one layer that draw attention whatever the query token is: sinks.

    A token is a sink if in at least one head it receives more than `least` of the attention of all other tokens, in the
    mean over these (Gu et al. 2025, arXiv:2410.10781, section 3.2, where 0.3 is called strict and hardly dependent on
    the number of tokens); or if its length before the layer is one of the `outliers` (Darcet et al. 2023,
    arXiv:2309.16588, section 2) and it receives more than an even share in the mean of all heads. Neither implies the
    other.

    Args:
        weights: (heads, queries, keys) of one layer. Where only lengths of tokens are known, these, (tokens,): the result is
            then that of `outliers`, and whether such tokens draw attention is not judged.
        prefix: how many special tokens lead the keys; they are never reported.
        norms: (keys,) lengths of the tokens that enter the layer; None leaves out the second rule.
        least: share of the attention of a head, 0 to 1.

    Returns:
        (keys,) booleans.

    Raises:
        ValueError: another shape, a negative or infinite weight, norms that do not fit, `prefix` outside 0 to the number of
            keys, or `least` outside 0 to 1.

    >>> sink_tokens([[[0.2, 0.8, 0.0], [0.5, 0.3, 0.2], [0.1, 0.9, 0.0]]])
    array([False,  True, False])
    """
    if np.ndim(given := undefined.rectangular(weights, "weights", "(heads, queries, keys)")) == 1:
        return outliers(given, prefix).tokens
    shares = received(_of_one_layer(given))
    prefix = arguments.whole("prefix", prefix, 0, shares.shape[-1])
    arguments.number("least", least, 0, 1)
    found = np.asarray((shares > least).any(axis=0))
    if norms is not None:
        if np.shape(norms) != found.shape:
            raise GateError("norms", f"({len(found)},), one per key", f"shape {np.shape(norms)}")
        found |= outliers(norms, prefix).tokens & (shares.mean(axis=0) > 1 / len(found))
    found[:prefix] = False
    return found


def _of_one_layer(given: NDArray[Any]) -> NDArray[Any]:
    if given.ndim != 3:
        raise GateError("weights", "(heads, queries, keys)", f"shape {given.shape}")
    return given


class Taken(NamedTuple):
    """Who takes how much attention, layer by layer, in the mean of all heads and query tokens.

    Attributes:
        special, sinks, others: (layers,) shares of special tokens, sinks and all other tokens; together 1.
        counts: (layers,) number of sinks.
    """

    special: NDArray[np.float64]
    sinks: NDArray[np.float64]
    others: NDArray[np.float64]
    counts: NDArray[np.intp]


def taken_by_layer(
    layers: Sequence[ArrayLike], prefix: int = 1, norms: ArrayLike | None = None, first: int = 0
) -> Taken:
    """The attention that special tokens, sinks (`sink_tokens` of that layer) and the other patches take in every layer.

    Args:
        layers: (heads, queries, keys) weights of successive layers.
        prefix: how many special tokens lead the keys.
        norms: (all layers, keys) lengths of the tokens after every layer of the model; None judges by attention alone.
        first: number of the first of `layers`, counted from 0.

    Raises:
        ValueError: as for `sink_tokens`.

    >>> taken_by_layer([[[[0.2, 0.8, 0.0], [0.5, 0.3, 0.2], [0.1, 0.9, 0.0]]]]).sinks.round(3)
    array([0.667])
    """
    shares, counts = [], []
    for number, weights in enumerate(layers, first):
        before = None if norms is None or number == 0 else np.asarray(norms)[number - 1]
        sinks = sink_tokens(weights, prefix, before)
        columns = undefined.mean(undefined.at_least_single(weights), axis=(0, 1))
        counts.append(int(sinks.sum()))
        shares.append((np.nansum(columns[:prefix]), np.nansum(columns[sinks])))
    special, drawn = np.array(shares, dtype=np.float64).reshape(-1, 2).T
    return Taken(special, drawn, 1 - special - drawn, np.array(counts, dtype=np.intp))


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
    values = undefined.split(weights).values
    absent = np.isnan(np.asarray(weights)) | _mask(keys, values.shape[-1])
    left = np.where(absent, 0, values)
    shares = undefined.ratio(left, left.sum(axis=-1, keepdims=True, dtype=np.float64))
    return np.where(absent, np.nan, shares)


def _mask(keys: Keys, count: int) -> NDArray[np.bool_]:
    mask = np.zeros(count, dtype=bool)
    mask[arguments.places("keys", keys, count)] = True
    return mask
