"""Relevance through encoder and decoder, against the paper's equations written out entry by entry."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from visualizer.measures.decoded import decoded_relevance
from visualizer.measures.rollout import relevance
from vit_attention.gate import GateError

HEADS, STEPS, INPUTS = 3, 5, 4


def pair(rng: np.random.Generator, rows: int, columns: int, causal: bool = False) -> tuple[Any, Any]:
    weights = rng.random((HEADS, rows, columns))
    weights = np.tril(weights) if causal else weights
    return weights / weights.sum(-1, keepdims=True), rng.normal(size=(HEADS, rows, columns))


def by_hand(own: list[Any], cross: list[Any], encoder: list[Any]) -> list[list[float]]:
    """The whole of R_si by equations 5 to 11, as loops over entries; the part of equation 11 that is 0 included."""

    def product(left: Any, right: Any) -> Any:
        middle = range(len(right))
        return [[sum(row[k] * right[k][j] for k in middle) for j in range(len(right[0]))] for row in left]

    def plus(left: Any, right: Any) -> Any:
        return [[a + b for a, b in zip(*rows, strict=True)] for rows in zip(left, right, strict=True)]

    def unit(count: int) -> Any:
        return [[float(i == j) for j in range(count)] for i in range(count)]

    def positive(one: Any) -> Any:
        weights, slopes = one
        return [
            [
                sum(max(weights[h][i][j] * slopes[h][i][j], 0) for h in range(HEADS)) / HEADS
                for j in range(len(weights[0][0]))
            ]
            for i in range(len(weights[0]))
        ]

    def normalised(given: Any) -> Any:
        rest = plus(given, [[-x for x in row] for row in unit(len(given))])
        return plus([[x / sum(row) if sum(row) > 0 else 0.0 for x in row] for row in rest], unit(len(given)))

    read, said = unit(INPUTS), unit(STEPS)
    across = [[0.0] * INPUTS for _ in range(STEPS)]
    back = [[0.0] * STEPS for _ in range(INPUTS)]  # R_is: what the encoder read off the decoder, which is nothing
    for one in encoder:
        read = plus(read, product(positive(one), read))
    for inner, outer in itertools.zip_longest(own, cross):
        if inner is not None:
            across, said = plus(across, product(positive(inner), across)), plus(said, product(positive(inner), said))
        turned = [list(column) for column in zip(*normalised(said), strict=True)]
        across = plus(across, product(turned, product(positive(outer), normalised(read))))
        said = plus(said, product(positive(outer), back))
    return across


@pytest.mark.parametrize(("with_own", "layers_below"), [(True, 0), (True, 2), (False, 0), (False, 2)])
def test_every_row_follows_the_equations(with_own: bool, layers_below: int, rng: np.random.Generator) -> None:
    cross = [pair(rng, STEPS, INPUTS) for _ in range(3)]
    own = [pair(rng, STEPS, STEPS, causal=True) for _ in range(3 * with_own)]
    encoder = [pair(rng, INPUTS, INPUTS) for _ in range(layers_below)]
    wanted = by_hand(own, cross, encoder)
    for step in range(STEPS):
        np.testing.assert_allclose(decoded_relevance(cross, own, encoder, step), wanted[step], rtol=1e-12)


def test_steps_behind_the_one_asked_about_do_not_count(rng: np.random.Generator) -> None:
    """Gradients of a causal decoder are 0 there, and shortening the reading changes nothing."""
    cross, own = [pair(rng, STEPS, INPUTS) for _ in range(2)], [pair(rng, STEPS, STEPS, causal=True) for _ in range(2)]
    for _, slope in (*cross, *own):
        slope[:, 3:] = 0
    short = [tuple(part[:, :3] for part in one) for one in cross]
    inner = [tuple(part[:, :3, :3] for part in one) for one in own]
    np.testing.assert_allclose(decoded_relevance(cross, own, query=2), decoded_relevance(short, inner, query=2))


def test_what_the_encoder_gathered_is_followed_to_its_inputs(rng: np.random.Generator) -> None:
    """A decoder that looks at one input gives that row of the encoder's relevance, its own part and the rest alike."""
    encoder = [pair(rng, INPUTS, INPUTS) for _ in range(2)]
    looks = np.zeros((1, 1, INPUTS)), np.ones((1, 1, INPUTS))
    looks[0][0, 0, 2] = 1
    whole = relevance([one for one, _ in encoder], [slope for _, slope in encoder], query=2)
    whole[2] -= 1
    want = whole / whole.sum()
    want[2] += 1
    np.testing.assert_allclose(decoded_relevance([looks], encoder=encoder), want)


def test_a_weight_that_lowers_the_score_counts_nothing(rng: np.random.Generator) -> None:
    weights, slope = pair(rng, STEPS, INPUTS)
    assert not decoded_relevance([(weights, -np.abs(slope))], query=1).any()


def test_layers_that_do_not_fit_are_refused(rng: np.random.Generator) -> None:
    cross, own = pair(rng, STEPS, INPUTS), pair(rng, STEPS, STEPS)
    for given, why in (
        (([],), "cross: want at least one layer"),
        (([cross], [own, own]), "own: want one before each of 1"),
        (([cross], [cross]), "own: want weights and gradients of"),
        (([(cross[0], own[1])],), "cross: want weights and gradients of"),
        (([cross], [own], [own]), "encoder: want weights and gradients of"),
    ):
        with pytest.raises(GateError, match=why):
            decoded_relevance(*given)  # type: ignore[arg-type]
