"""Neurons that are large at some tokens, such as sinks: what a register that is added while a model runs could be given."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import Tensor

from vit_attention.capture import changed_input
from vit_attention.changes.base import numbers
from vit_attention.changes.register import mlp_output
from vit_attention.gate import GateError, shown
from vit_attention.models.encoder import EncoderModel


def register_neurons(
    model: EncoderModel, inputs: Iterable[Any], tokens: Sequence[Sequence[int]], top: int = 10
) -> dict[int, list[int]]:
    """The neurons of all MLPs that are largest at some tokens, by layer; as `AddedRegister` takes them.

    Jiang et al. 2025, arXiv:2506.08010, algorithm 1: the mean absolute activation at the tokens, over several pictures,
    puts the neurons of all layers in one order. That paper takes the patches of outlier length; here the tokens are given.

    Args:
        model: an encoder whose blocks have an MLP.
        inputs: what `attend` takes.
        tokens: for each input the numbers of the tokens, special tokens counted, from 0; inputs without any are left out.
        top: how many neurons.

    Raises:
        GateError: no token in any input, not one list for each input, a token that is not there, or more neurons than
            there are.

    >>> import vit_attention as va
    >>> found = register_neurons(va.load("scene-vit"), ["scene-7"], [[77]], top=3)
    >>> sum(len(neurons) for neurons in found.values())
    3
    """
    given = [*inputs]
    if len(given) != len(tokens) or not any(len(some) for some in tokens):
        raise GateError("tokens", f"{len(given)} lists, one an input, not all empty", shown(tokens))
    means = [_at(model, one, some) for one, some in zip(given, tokens, strict=True) if len(some)]
    mean = torch.stack(means).mean(dim=0)
    if isinstance(top, bool) or not isinstance(top, int) or not 1 <= top <= mean.numel():
        raise GateError("top", f"a whole number from 1 to {mean.numel()}", shown(top))
    found: dict[int, list[int]] = {}
    for place in mean.flatten().topk(top).indices.tolist():
        layer, neuron = divmod(place, mean.shape[1])
        found.setdefault(layer, []).append(neuron)
    return found


def _at(model: EncoderModel, given: Any, tokens: Sequence[int]) -> Tensor:
    """(layers, neurons) mean absolute activation at the tokens of one input."""
    ready = model.prepare(given)
    at = numbers("tokens", tokens, len(model.axis_of(ready)))
    heard: dict[int, Tensor] = {}
    with torch.inference_mode(), ExitStack() as stack:
        for layer, block in enumerate(model.anatomy.blocks):
            stack.enter_context(
                changed_input(mlp_output(block, model.anatomy.width), partial(_heard, heard, layer, at))
            )
        model._forward(model._together([ready]))
    return torch.stack([heard[layer] for layer in range(len(model.anatomy.blocks))])


def _heard(heard: dict[int, Tensor], layer: int, at: list[int], hidden: Tensor) -> Tensor:
    heard[layer] = hidden[0, at].detach().float().abs().mean(dim=0).cpu()
    return hidden
