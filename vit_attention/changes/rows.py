"""Rows of attention replaced: by even ones, by their own weights in another order, or by those of another input."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vit_attention.capture import Edit, editing
from vit_attention.changes.base import Change, Inside, digest, listed, numbers
from vit_attention.gate import GateError, shown

HOW = ("uniform", "permuted", "given")


class ChangedRows(Change):
    """Other weights in the place of those that a softmax gave; the values stay, and each row still sums to 1.

    Permuted attention is the experiment of Jain & Wallace 2019, arXiv:1902.10186, section 4.2; frozen even weights are a
    baseline of Wiegreffe & Pinter 2019, arXiv:1908.04626, section 3.2. What a row puts on special tokens stays as it is, so that
    only *where* among the others it looks is changed; and a key that was masked gets nothing.

    Args:
        how: "uniform", the same weight on all patches or words; "permuted", the row's own weights in a random order; "given",
            rows of another input, special tokens included.
        layers, heads: numbers from 0; None for all.
        queries: tokens whose rows are changed, special tokens counted; None for all.
        seed: of the permutation.
        given: with "given", for each of `layers` (all of the other input's layers for None) (heads, tokens, tokens) weights, such as ``record.layers``.

    Raises:
        GateError: another way, weights without "given" or the other way round, or such that are no rows that sum to 1.
    """

    def __init__(
        self,
        how: str,
        layers: Sequence[int] | None = None,
        heads: Sequence[int] | None = None,
        queries: Sequence[int] | None = None,
        seed: int = 0,
        given: Sequence[NDArray[np.floating]] | None = None,
    ) -> None:
        if how not in HOW:
            raise GateError("how", f"one of {', '.join(HOW)}", shown(how))
        if (how == "given") != (given is not None):
            raise GateError("given", f"weights {'with' if how == 'given' else 'only with'} how='given'", shown(given))
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
            raise GateError("seed", "a whole number of 0 or more", shown(seed))
        self.how, self.seed, self.chosen = how, seed, (layers, heads, queries)
        self.given = None if given is None else [_rows(one) for one in given]

    @property
    def text(self) -> str:
        """Which rows, and what is in their place.

        >>> ChangedRows("uniform", layers=[11], queries=[0]).text
        'rows made even: layer 12, all heads, token 1'
        """
        words = {
            "uniform": "rows made even",
            "permuted": f"rows permuted (seed {self.seed})",
            "given": f"rows of another input {self._digest}",
        }
        layers, heads, queries = self.chosen
        asking = "all tokens" if queries is None else listed("token", queries)
        return f"{words[self.how]}: {listed('layer', layers)}, {listed('head', heads)}, {asking}"

    @property
    def _digest(self) -> str:
        return "" if self.given is None else digest(np.concatenate([one.ravel() for one in self.given]))

    def during(self, inside: Inside) -> AbstractContextManager[Any]:
        """A context in which the rows are others."""
        layers, heads = inside.layers(self.chosen[0]), inside.some_heads(self.chosen[1])
        given = self._of_layers(layers)

        def weights(layer: int, own: Tensor) -> Tensor:
            queries = numbers("queries", self.chosen[2], own.shape[2])
            rows = own[:, heads][:, :, queries]
            if given is not None:
                new = _fitting(given[layer], own)[None, heads][:, :, queries].expand_as(rows)
            else:
                new = rows.clone()
                inner = rows[..., inside.prefix :]
                new[..., inside.prefix :] = _even(inner) if self.how == "uniform" else _mixed(inner, self.seed + layer)
            found = own.clone()
            found[:, torch.tensor(heads)[:, None], torch.tensor(queries)] = new
            return found

        return editing(inside.tower, Edit(layers, weights=weights))

    def _of_layers(self, layers: Sequence[int]) -> dict[int, NDArray[np.float32]] | None:
        if self.given is None:
            return None
        if len(self.given) != len(layers):
            raise GateError("given", f"weights of {len(layers)} layers", f"{len(self.given)}")
        return dict(zip(layers, self.given, strict=True))


def _rows(weights: Any) -> NDArray[np.float32]:
    found = np.asarray(weights, np.float32)
    if found.ndim != 3 or not np.isfinite(found).all() or (found < 0).any() or abs(found.sum(-1) - 1).max() > 1e-2:
        raise GateError("given", "(heads, tokens, tokens) weights whose rows sum to 1", f"shape {found.shape}")
    return found


def _fitting(weights: NDArray[np.float32], own: Tensor) -> Tensor:
    if weights.shape != own.shape[1:]:
        raise GateError("given", f"(heads, tokens, tokens) {tuple(own.shape[1:])}", f"{weights.shape}")
    return torch.from_numpy(weights).to(own)


def _even(rows: Tensor) -> Tensor:
    """The same sum, spread evenly over the keys that have a weight."""
    counts = (rows > 0).to(rows)
    return counts * (rows.sum(-1, keepdim=True) / counts.sum(-1, keepdim=True).clamp(min=1))


def _mixed(rows: Tensor, seed: int) -> Tensor:
    """The same weights in another order, for every head and row its own; keys without a weight keep none.

    The order is the same for every input of a batch and does not depend on the device.
    """
    chance = torch.Generator().manual_seed(seed)
    drawn = torch.rand(rows.shape[1:], generator=chance).to(rows.device).expand(rows.shape)
    empty = rows <= 0
    if not empty.any():  # the same order at half the price
        return rows.gather(-1, drawn.argsort(dim=-1, stable=True))
    place = torch.arange(rows.shape[-1], device=rows.device, dtype=drawn.dtype).expand(rows.shape)
    of, to = (torch.where(empty, torch.inf, one).argsort(dim=-1, stable=True) for one in (drawn, place))
    return torch.zeros_like(rows).scatter(-1, to, rows.gather(-1, of))
