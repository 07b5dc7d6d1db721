"""The matrix with which a block mixes its joined heads: attention's last step, which weights alone do not show."""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from vit_attention.gate import GateError

# What the families call it: torch's own attention, CLIP and OPT; DINOv2 and Llama; timm; BERT and ViT of transformers,
# ALBERT, DistilBERT, ModernBERT and MPNet.
_NAME = re.compile(
    r"(?:^|\.)(?:out_proj|o_proj|(?:attn|attention)\.proj|attention\.(?:output\.)?dense|attention\.out_lin|attn\.(?:Wo|o))$"
)


def output_projection(model: Any, layer: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """W^O of a block's self-attention (Vaswani et al. 2017, arXiv:1706.03762, section 3.2.2) and its bias.

    Args:
        model: an encoder of pictures or texts.
        layer: number of the block, 0 first.

    Returns:
        (width, heads * head width) weight as PyTorch keeps it, to be multiplied from the left, and (width,) bias, zeros if
        the block has none.

    Raises:
        GateError: no such layer, a block in which not exactly one part is called like it, or one with a norm before it.

    >>> import vit_attention as va
    >>> weight, bias = output_projection(va.load("scene-vit"), 5)
    >>> weight.shape, bias.shape
    ((144, 144), (144,))
    """
    blocks = getattr(getattr(model, "anatomy", None), "blocks", ())
    if isinstance(layer, bool) or not (isinstance(layer, (int, np.integer)) and 0 <= layer < len(blocks)):
        raise GateError("layer", f"a number from 0 to {len(blocks) - 1}" if blocks else "an encoder's", f"{layer!r}")
    named = dict(blocks[layer].named_modules())
    found = [name for name, part in named.items() if isinstance(part, nn.Linear) and _NAME.search(name)]
    if len(found) != 1:
        raise GateError("output projection", "one linear layer behind the heads", f"{len(found)} of a known name")
    between = named.get(
        f"{found[0].rpartition('.')[0]}.norm", nn.Identity()
    )  # some of timm's: what is joined is no sum of heads
    if not isinstance(between, nn.Identity):
        raise GateError("output projection", "nothing between it and the heads", f"a {type(between).__name__}")
    part: Any = named[found[0]]
    weight = part.weight.detach().float().cpu().numpy()
    bias = np.zeros(len(weight), np.float32) if part.bias is None else part.bias.detach().float().cpu().numpy()
    return weight, bias
