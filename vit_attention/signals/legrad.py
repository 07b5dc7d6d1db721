"""LeGrad: how much more weight on a token would raise the target's score, read off behind every block by itself."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor

from vit_attention.capture import leaf_at, listening
from vit_attention.gate import GateError, shown
from vit_attention.signals.given import After, Net, Ride

OF = ("pictures", "texts")
AIMED = True
POOLS = ("head", "mean")


def ride(net: Net, *, pool: str) -> Ride:
    """(layers, tokens) gradient of a block's own score by its weights: the mean over heads and queries of its positive part.

    Bousselham et al. 2024 (LeGrad), arXiv:2404.03214, equations 5 to 9, before the mean over layers and the stretch of the map
    to 0 and 1. The score of a block is what the target's score would be if the block were the last one. What the network does
    behind its blocks, a pool with attention of its own included, belongs to the score; the pool's weights are not differentiated.

    Args:
        pool: "head", tokens go the way of the last block's, so that behind a class token only its row counts; "mean", the mean
            of all tokens takes the place of each, as in the authors' code for CLIP.

    Raises:
        GateError: another pool; or a block whose weights are not in the graph.
    """
    if pool not in POOLS:
        raise GateError("legrad", f"a pool of {' or '.join(POOLS)}", shown(pool))
    states: list[Tensor] = []

    def after(passed: After) -> Tensor:
        counts, found = passed.counts.to(states[0]), []
        probes = [one.probe for one in passed.of_blocks(net) if one.probe is not None]
        for probe in probes:
            tokens = states.pop(0)  # with which the graph of this block goes
            score = passed.of_tokens(tokens if pool == "head" else _mean(tokens, counts))
            (gradient,) = torch.autograd.grad(score, [probe], materialize_grads=True)
            # The rows of padding have no gradient, as the score does not read it.
            found.append(gradient.relu().mean(dim=1).sum(dim=1) / counts.sum(dim=1, keepdim=True))
        return torch.stack(found, dim=1)

    return Ride(_block_by_block(net, states), after, probes=True)


def _mean(tokens: Tensor, counts: Tensor) -> Tensor:
    """(batch, tokens, width) the mean of the tokens that count, in the place of each."""
    whole = torch.einsum("bnd,bn->bd", tokens, counts) / counts.sum(dim=1, keepdim=True)
    return whole[:, None].expand_as(tokens)


@contextmanager
def _block_by_block(net: Net, states: list[Tensor]) -> Iterator[None]:
    """The tokens that leave every block are heard, and no graph goes from one block to the next."""
    with ExitStack() as stack:
        stack.enter_context(listening(net.blocks, states.append))
        for block in net.blocks:
            stack.enter_context(leaf_at(block, _frozen, entering=True))
        yield


def _frozen(leaf: Tensor) -> None:
    """A leaf that takes no gradient, so that what is recorded of a block begins at its weights."""
    leaf.requires_grad_(False)
