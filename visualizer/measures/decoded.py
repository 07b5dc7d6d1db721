"""Relevance through an encoder and a decoder: what a token that was generated was made from."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visualizer.measures.rollout import effect_of
from visualizer.measures.steps import start_row
from vit_attention.gate import GateError

Pair = tuple[NDArray[Any], NDArray[Any]]
"""(heads, queries, keys) weights of a block, and the gradient of the chosen output by them."""


def decoded_relevance(
    cross: Sequence[Pair], own: Sequence[Pair] = (), encoder: Sequence[Pair] = (), query: int = 0
) -> NDArray[np.float64]:
    """Relevance of every input token for one generated token, from attention and its gradient in encoder and decoder.

    The rule for encoder and decoder (Chefer et al. 2021, arXiv:2103.15679, section 3.2, equations 5 to 11), with
    ``A = mean over heads of max(gradient * weights, 0)`` of each block. In the encoder R_ii starts at the identity and becomes
    ``R_ii + A R_ii``. In each decoder layer, self-attention makes ``R_si + A R_si`` of R_si, which starts at 0, and
    ``R_ss + A R_ss`` of R_ss, which starts at the identity; cross-attention then adds ``N(R_ss)^T A N(R_ii)`` to R_si. N divides
    every row of R - I by its sum and adds I again; a row of zeros stays one. As the encoder never looks at the decoder,
    equation 11 adds nothing to R_ss.

    Args:
        cross: of the decoder's cross-attention, first layer to last, (heads, steps, inputs) each.
        own: of its self-attention, one before each of `cross`; () for a decoder without any, such as an LSTM.
        encoder: of the encoder's self-attention, (heads, inputs, inputs) each; () lets every input stand for itself.
        query: the step whose output the gradients are of.

    Returns:
        (inputs,) row of R_si; at least 0 everywhere. It does not sum to 1.

    Raises:
        ValueError: no layer, or layers whose shapes do not fit each other.

    >>> cross = np.array([[[0.5, 0.5]]]), np.array([[[1.0, 4.0]]])
    >>> decoded_relevance([cross]).tolist()
    [0.5, 2.0]
    """
    _check(cross, own, encoder)
    steps, inputs = cross[0][0].shape[-2:]
    read, inside, found = np.eye(inputs), np.eye(steps), np.zeros((steps, inputs))
    for pair in encoder:
        read = read + effect_of(*pair) @ read
    read = _normalised(read)
    for number, pair in enumerate(cross):
        if own:
            effect = effect_of(*own[number])
            found, inside = found + effect @ found, inside + effect @ inside
        looked = effect_of(*pair)
        found = found + _normalised(inside).T @ (looked @ read if encoder else looked)
    return np.asarray(start_row(query, steps) @ found, np.float64)


def _normalised(relevance: NDArray[Any]) -> NDArray[Any]:
    """Equations 8 and 9: what a token took from others, and itself, count the same."""
    taken = relevance - np.eye(len(relevance))
    sums = taken.sum(axis=-1, keepdims=True)
    shares: NDArray[Any] = np.divide(taken, sums, out=np.zeros_like(taken), where=sums > 0)
    return shares + np.eye(len(relevance))


def _check(cross: Sequence[Pair], own: Sequence[Pair], encoder: Sequence[Pair]) -> None:
    if not cross:
        raise GateError("cross", "at least one layer", "none")
    steps, inputs = cross[0][0].shape[-2:]
    for name, pairs, sides in (
        ("cross", cross, (steps, inputs)),
        ("own", own, (steps,) * 2),
        ("encoder", encoder, (inputs,) * 2),
    ):
        for weights, gradient in pairs:
            if weights.ndim != 3 or weights.shape[1:] != sides or gradient.shape != weights.shape:
                want = f"weights and gradients of (heads, {sides[0]}, {sides[1]})"
                raise GateError(name, want, f"{weights.shape} and {gradient.shape}")
    if own and len(own) != len(cross):
        raise GateError("own", f"one before each of {len(cross)} layers of cross", f"{len(own)}")
