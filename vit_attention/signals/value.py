"""Value path: each layer as if no token looked at another in it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vit_attention.signals.given import Again, label_space

OF = ("labels",)
STATES = True


def run(again: Again) -> NDArray[np.float32]:
    """(layers, labels + 1, 1 + tokens) cosine similarity to labels of what a layer makes of its tokens if each looks at itself.

    MaskCLIP (Zhou et al. 2022, arXiv:2112.01071, section 3.2): the weights of the last layer become the identity, so that its
    value and output projections, its skip connections and its MLP act on every patch by itself. Here for every layer.
    """
    joint = label_space(again)
    return joint.similarity(alone(block, tokens) for block, tokens in zip(joint.blocks, joint.states[:-1], strict=True))


def alone(block: Any, tokens: Tensor) -> Tensor:
    """(tokens, width) that leave a pre-norm block whose weights are the identity."""
    attention = block.self_attn
    added = tokens + attention.out_proj(attention.v_proj(block.layer_norm1(tokens)))
    out: Tensor = added + block.mlp(block.layer_norm2(added))
    return out
