"""Words for regions: greedy and beam search that keep where every word looked and how much its gate let through."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vit_attention.gate import GateError
from vit_attention.networks.aoanet import AoANet, Prepared, Trace

UNKNOWN_PENALTY = 1000.0
"""What beam search takes off the log-probability of the last word, the unknown one; greedy search does not."""


@dataclass(frozen=True, eq=False)
class Caption:
    """One caption and what made it.

    A caption of n words that came to its end has n + 1 steps: the last one chose the end token 0. One that was cut off
    at the greatest length has as many steps as words. Regions are the item's real ones, in the order given.

    Attributes:
        tokens: (steps,) word numbers, the end token included.
        logprobs: (steps,) natural logarithms of the chosen words' probabilities.
        attention: (steps, heads, regions) decoder's weights; row t is where it looked to choose token t.
        gates: (steps,) share that the decoder's gate let through, mean over channels, 0 to 1; None where the decoder has
            no such gate.
        refiner_attention: (layers, heads, regions, regions); no layers where there is no refiner.
        refiner_gates: (layers, regions), likewise; None where the refiner has no gates.

    >>> one = Caption(np.array([2, 1, 0]), np.zeros(3), np.ones((3, 1, 1)), None, np.zeros((0, 1, 1, 1)), None)
    >>> one.words({"1": "cat", "2": "a"}), one.ended
    (('a', 'cat'), True)
    """

    tokens: NDArray[np.int64]
    logprobs: NDArray[Any]
    attention: NDArray[Any]
    gates: NDArray[Any] | None
    refiner_attention: NDArray[Any]
    refiner_gates: NDArray[Any] | None

    @property
    def ended(self) -> bool:
        """Whether the caption came to its end; if not it was cut off."""
        return bool(len(self.tokens)) and int(self.tokens[-1]) == 0

    @property
    def score(self) -> float:
        """Sum of the log-probabilities."""
        return float(self.logprobs.sum())

    def words(self, vocab: Mapping[str, str]) -> tuple[str, ...]:
        """The words, one per step without the end; `vocab` maps "1", "2", ... to words."""
        return tuple(vocab[str(token)] for token in self.tokens.tolist() if token)


def caption(
    network: AoANet,
    features: Tensor | NDArray[Any],
    *,
    beam: int = 1,
    fc: Tensor | NDArray[Any] | None = None,
    max_length: int | None = None,
) -> Caption:
    """The caption of one picture.

    Args:
        network: in evaluation mode.
        features: (regions, att_feat_size).
        beam: how many captions are kept alive side by side; 1 is greedy search.
        fc: (fc_feat_size,) features of the whole picture, for networks made with `mean_feats` 0.
        max_length: longest caption in words; None takes the network's own.
    """
    features = torch.as_tensor(features)
    if features.ndim != 2:
        raise GateError("features", f"(regions, {network.options.att_feat_size})", f"{tuple(features.shape)}")
    whole = None if fc is None else torch.as_tensor(fc)[None]
    return captions(network, features[None], beam=beam, fc=whole, max_length=max_length)[0]


@torch.inference_mode()
def captions(
    network: AoANet,
    features: Tensor | NDArray[Any],
    *,
    mask: Tensor | NDArray[Any] | None = None,
    beam: int = 1,
    fc: Tensor | NDArray[Any] | None = None,
    max_length: int | None = None,
    dictated: NDArray[np.int64] | None = None,
) -> list[Caption]:
    """The captions of a batch.

    Args:
        network: in evaluation mode.
        features: (batch, regions, att_feat_size), brought to the network's precision and device.
        mask: (batch, regions), 0 where an item has fewer regions.
        beam: how many captions are kept alive side by side; 1 is greedy search.
        fc: (batch, fc_feat_size), for networks made with `mean_feats` 0.
        max_length: longest caption in words; None takes the network's own.
        dictated: (steps,) words to say instead of those that the network finds likeliest (teacher forcing).

    Raises:
        ValueError: an input of the wrong shape, an item without a region, or a network in training mode.
    """
    longest = network.options.max_length if max_length is None else max_length
    if network.training:
        raise GateError(
            "network", "evaluation mode", "training mode, whose dropout is random: call network.eval() first"
        )
    if not 1 <= beam <= network.options.vocab_size + 1:
        raise GateError("beam", f"a whole number from 1 to {network.options.vocab_size + 1}", f"{beam}")
    if longest < 1:
        raise GateError("max_length", "at least 1 word", f"{longest}")
    like = network.logit.weight
    given, real, whole = (None if x is None else torch.as_tensor(x).to(like) for x in (features, mask, fc))
    assert given is not None
    if real is not None and not bool((real != 0).any(1).all()):
        raise GateError("mask", "at least one region for every item", "an item with none")
    trace = Trace()
    seen = network.prepare(given, real, whole, trace)
    if beam == 1 or dictated is not None:
        paths = _greedy(network, seen, longest, dictated)
    else:
        paths = [_beam(network, seen.item(number, beam), beam, longest) for number in range(len(given))]
    return [_caption(path, trace, real, number) for number, path in enumerate(paths)]


@dataclass(eq=False)
class _Path:
    """The steps of one caption so far: what each chose, how likely, and what it looked at."""

    tokens: list[int]
    logprobs: list[float]
    weights: list[Tensor]
    gates: list[Tensor]

    def longer(self, token: int, logprob: float, trace: Trace, row: int) -> "_Path":
        gates = [trace.gates[0][row]] if trace.gates else []
        return _Path(
            [*self.tokens, token],
            [*self.logprobs, logprob],
            [*self.weights, trace.weights[0][row, :, 0]],
            [*self.gates, *gates],
        )


def _greedy(network: AoANet, seen: Prepared, longest: int, dictated: NDArray[np.int64] | None = None) -> list[_Path]:
    """The likeliest or the dictated word at every step, all side by side; an item that has ended gains no more steps."""
    paths = [_Path([], [], [], []) for _ in range(len(seen.mean))]
    state = network.start(seen)
    tokens = torch.zeros(len(paths), dtype=torch.long, device=seen.mean.device)
    for step in range(longest if dictated is None else len(dictated)):
        trace = Trace()
        logprobs, state = network.step(tokens, seen, state, trace)
        tokens = logprobs.argmax(-1) if dictated is None else torch.full_like(tokens, int(dictated[step]))
        best = logprobs.gather(-1, tokens[:, None])[:, 0]
        chosen = list(zip(tokens.tolist(), best.tolist(), strict=True))
        for row, path in enumerate(paths):
            if not path.tokens or path.tokens[-1]:
                paths[row] = path.longer(*chosen[row], trace, row)
        if not any(path.tokens[-1] for path in paths):
            break
        # As published, an item that has ended is fed the end token while others go on.
        tokens = tokens * torch.tensor([path.tokens[-1] != 0 for path in paths], device=tokens.device)
    return paths


def _beam(network: AoANet, seen: Prepared, width: int, longest: int) -> _Path:
    """The likeliest of the captions that stay among the `width` best at every step.

    `seen` holds the same picture `width` times. Each surviving caption carries its own steps along, so attention follows
    it wherever the beam forks. The search ends as soon as no living caption can overtake the best finished one.
    """
    paths = [_Path([], [], [], [])]
    sums = torch.zeros(1, device=seen.mean.device, dtype=seen.mean.dtype)
    state = network.start(seen, width)
    tokens = torch.zeros(width, dtype=torch.long, device=seen.mean.device)
    done: list[tuple[float, _Path]] = []
    for step in range(longest):
        trace = Trace()
        logprobs, state = network.step(tokens, seen, state, trace)
        logprobs[:, -1] -= UNKNOWN_PENALTY
        # All rows are the same before the first word, so that only one of them counts.
        sums, rows, tokens, chosen = _best(logprobs[: len(paths)], sums, width)
        steps = zip(rows.tolist(), tokens.tolist(), chosen.tolist(), strict=True)
        paths = [paths[row].longer(token, logprob, trace, row) for row, token, logprob in steps]
        state = state.rows(rows)
        last = step == longest - 1
        for number, path in enumerate(paths):
            if path.tokens[-1] == 0 or last:
                done.append((float(sums[number]), path))
                sums[number] = -float("inf")
        if done and float(sums.max()) <= max(total for total, _ in done):
            break
    return max(done, key=lambda one: one[0])[1]


def _best(logprobs: Tensor, sums: Tensor, width: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(width,) sums, rows, tokens and log-probabilities of the best continuations; ties go to the likelier word's rank."""
    top, words = logprobs.topk(width, dim=-1)
    totals = (sums[:, None] + top).T.flatten()
    order = totals.sort(descending=True, stable=True).indices[:width]
    return totals[order], order % len(sums), words.T.flatten()[order], top.T.flatten()[order]


def _caption(path: _Path, trace: Trace, mask: Tensor | None, number: int) -> Caption:
    """A path and its item's share of the refiner's trace as arrays, without the regions that are none."""
    weights = torch.stack(path.weights)
    real = torch.ones_like(weights[0, 0], dtype=torch.bool) if mask is None else mask[number] != 0
    layers = [one[number][:, real][:, :, real] for one in trace.weights]
    count = int(real.sum())
    return Caption(
        tokens=np.array(path.tokens, dtype=np.int64),
        logprobs=np.array(path.logprobs, dtype=np.float32),
        attention=_numbers(weights[..., real]),
        gates=_numbers(torch.stack(path.gates)) if path.gates else None,
        refiner_attention=_numbers(torch.stack(layers)) if layers else np.zeros((0, 1, count, count), np.float32),
        refiner_gates=_numbers(torch.stack([one[number][real] for one in trace.gates])) if trace.gates else None,
    )


def _numbers(tensor: Tensor) -> NDArray[Any]:
    """A tensor as numpy has it, which knows no bfloat16."""
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).cpu().numpy()
