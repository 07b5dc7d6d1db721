"""A register that a network was never trained with: one more token, which may take over what lay on patches."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from vit_attention.capture import changed_input, with_token
from vit_attention.changes.base import Change, Inside, numbers
from vit_attention.gate import GateError


class AddedRegister(Change):
    """One more special token behind the model's own, zeros before the first block, which no head behind the blocks sees.

    Jiang et al. 2025, arXiv:2506.08010 (registers at test time), section 4: some neurons of the MLPs are large at the few
    patches that become sinks; their largest value over the tokens is put on the register, and all other tokens get 0.

    Args:
        neurons: by layer, counted from 0, the numbers of neurons behind the MLP's first layer that are moved; none adds a
            register that nothing is put on.
    """

    special = ("register",)

    def __init__(self, neurons: Mapping[int, Sequence[int]] | None = None) -> None:
        self.neurons = {layer: [*some] for layer, some in (neurons or {}).items()}

    @property
    def text(self) -> str:
        """What is added, and what is put on it.

        >>> AddedRegister({2: [7, 9]}).text
        'a register added, which gets neurons 8, 10 of layer 3'
        """
        moved = [f"{', '.join(str(n + 1) for n in some)} of layer {layer + 1}" for layer, some in self.neurons.items()]
        return "a register added" + (f", which gets neurons {'; '.join(moved)}" if moved else "")

    def during(self, inside: Inside) -> AbstractContextManager[Any]:
        """A context in which the token goes through the blocks."""
        layers = inside.layers(self.neurons) if self.neurons else []
        outputs = [mlp_output(inside.blocks[layer], inside.width) for layer in layers]
        moved = [
            (out, numbers("neurons", self.neurons[n], out.in_features)) for n, out in zip(layers, outputs, strict=True)
        ]
        return _carried(inside, moved)


@contextmanager
def _carried(inside: Inside, moved: Sequence[tuple[nn.Linear, list[int]]]) -> Iterator[None]:
    with ExitStack() as stack:
        stack.enter_context(with_token(inside.blocks, inside.prefix))
        for output, neurons in moved:
            stack.enter_context(changed_input(output, partial(_onto, inside.prefix, neurons)))
        yield


def _onto(at: int, neurons: list[int], hidden: Tensor) -> Tensor:
    """(batch, tokens, neurons) with some neurons' largest value at one token and 0 at all others."""
    which = torch.tensor(neurons, device=hidden.device)
    found = hidden.index_fill(-1, which, 0)
    found[:, at, which] = hidden.index_select(-1, which).amax(dim=1)
    return found


def mlp_output(block: nn.Module, width: int) -> nn.Linear:
    """The layer of a block's MLP that leads back to the width of a token; what enters it are the MLP's neurons.

    Raises:
        GateError: a block in which not exactly one layer does.
    """
    found = [p for p in block.modules() if isinstance(p, nn.Linear) and p.out_features == width < p.in_features]
    if len(found) != 1:
        raise GateError("MLP", "one layer from more neurons to a token's width", f"{len(found)}")
    return found[0]
