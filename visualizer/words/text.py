"""Figures of a text in plain words: what one token reads and what reads it, and the strongest pairs of a head."""

import numpy as np
from numpy.typing import NDArray

from visualizer.measures.entropy import entropy
from visualizer.method.token_pairs import TokenPairs, token_of, token_pairs
from visualizer.style.theme import short
from vit_attention.records import AttentionRecord


def describe_arcs(
    record: AttentionRecord,
    token: int | str,
    layer: int | None = None,
    head: int | None = None,
    *,
    kind: str | None = None,
    special: bool = True,
    strongest: int = 3,
) -> str:
    """`visualizer.arcs` in sentences: the tokens that one token reads most, and those that read it most.

    Args:
        record, token, layer, head, kind, special: as for `visualizer.arcs`.
        strongest: how many tokens to name on either side.

    Raises:
        ValueError: as for `visualizer.arcs`.
    """
    found = token_pairs(record, layer, head, kind, special)
    asked = token_of(found.axis, token)
    who = found.called(asked)
    down = _listed(found, found.weights[asked], strongest)
    up = _listed(found, found.weights[:, asked], strongest)
    note = f" Note: {found.note}." * bool(found.note)
    return (
        f"{found.words[0].upper()}{found.words[1:]}. {who[0].upper()}{who[1:]} gives most weight to {down}. "
        f"It gets most weight from {up}. Values are shares of attention.{note}"
    )


def describe_token_matrix(
    record: AttentionRecord,
    layer: int | None = None,
    head: int | None = None,
    *,
    kind: str | None = None,
    special: bool = True,
    strongest: int = 3,
) -> str:
    """`visualizer.token_matrix` in sentences: its strongest pairs, who is read most on the whole, and its entropy.

    Args:
        record, layer, head, kind, special: as for `visualizer.token_matrix`.
        strongest: how many pairs to name.

    Raises:
        ValueError: as for `visualizer.token_matrix`.
    """
    found = token_pairs(record, layer, head, kind, special)
    weights, count = np.nan_to_num(found.weights), len(found.axis)
    order = np.argsort(-weights, axis=None, kind="stable")[:strongest]
    pairs = [divmod(int(n), count) for n in order]
    named = "; ".join(f"{found.called(q)} reads {found.called(k)}, {short(weights[q, k])}" for q, k in pairs)
    most = int(weights.mean(axis=0).argmax())
    bits = float(np.mean(entropy(found.weights / weights.sum(axis=-1, keepdims=True))))
    note = f" Note: {found.note}." * bool(found.note)
    return (
        f"{found.words[0].upper()}{found.words[1:]}, {count} tokens. Strongest shares of attention: {named}. "
        f"Read most on the whole: {found.called(most)}, {short(weights[:, most].mean())} of a row in the mean. "
        f"Mean entropy of a row: {short(bits)} of at most {short(np.log2(count))} bits.{note}"
    )


def _listed(found: TokenPairs, shares: NDArray[np.float32], strongest: int) -> str:
    """The tokens with the largest shares."""
    order = np.argsort(-np.nan_to_num(shares), kind="stable")[:strongest].tolist()
    return "; ".join(f"{found.called(n)} ({short(shares[n])})" for n in order)
