"""Value-value path: patches look at patches with similar values, along a second path beside the network's own."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vit_attention.gate import GateError, shown
from vit_attention.signals.given import Again, Joint, label_space

OF = ("labels",)
STATES = True


def run(again: Again, *, depth: int) -> NDArray[np.float32]:
    """(layers, labels + 1, 1 + tokens) cosine similarity to labels along a second path that ends after each layer.

    CLIP Surgery (Li et al. 2023, arXiv:2304.05653, section 3.2): the path leaves the network `depth` layers before it ends and
    only adds attention, whose weights come from values in place of queries and keys; it has no MLP.

    Args:
        depth: layers that take part, 1 or more; a path that would begin before the first layer begins there.

    Raises:
        GateError: another depth.
    """
    if isinstance(depth, bool) or not isinstance(depth, int) or depth < 1:
        raise GateError("value-value", "a depth of 1 layer or more", shown(depth))
    joint = label_space(again)
    return joint.similarity(_paths(joint, depth))


def _paths(joint: Joint, depth: int) -> Iterator[Tensor]:
    """(tokens, width) at the end of the path after each layer."""
    added: list[Tensor] = []
    for layer, (block, tokens) in enumerate(zip(joint.blocks, joint.states[:-1], strict=True)):
        added.append(by_values(block, tokens))
        start = max(0, layer + 1 - depth)
        path = joint.states[start].clone()
        for one in added[start:]:
            path += one
        yield path


def by_values(block: Any, tokens: Tensor) -> Tensor:
    """(tokens, width) that the attention of a pre-norm block adds if its values are also its queries and keys."""
    attention = block.self_attn
    values = attention.v_proj(block.layer_norm1(tokens)).unflatten(-1, (attention.num_heads, -1)).transpose(0, 1)
    weights = (values @ values.mT * attention.scale).softmax(dim=-1)
    out: Tensor = attention.out_proj((weights @ values).transpose(0, 1).flatten(1))
    return out
