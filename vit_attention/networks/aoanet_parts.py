"""The layers of the captioning network: attention of both kinds, attention on attention, the refiner.

No module remembers a forward pass. Who wants the weights hands a `Trace` along; it belongs to that call alone.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from vit_attention.networks.aoanet_options import Options

FEED_FORWARD_WIDTH = 2048
DROPOUT = 0.1
_MASKED = -1e9


@dataclass(eq=False)
class Trace:
    """What attention did during one call, in forward order.

    Attributes:
        weights: (batch, heads, queries, keys) of every attention.
        gates: (batch, queries) of every gate: the mean over its channels of the sigmoid, so 1 lets all through.
    """

    weights: list[Tensor] = field(default_factory=list)
    gates: list[Tensor] = field(default_factory=list)


class StdNorm(nn.Module):
    """Layer norm that divides by (standard deviation + 1e-6), the deviation with n - 1: not `torch.nn.LayerNorm`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.a_2 = nn.Parameter(torch.ones(width))
        self.b_2 = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        deviation = x.std(-1, keepdim=True)
        return self.a_2 * (x - x.mean(-1, keepdim=True)) / (deviation + 1e-6) + self.b_2


class AttentionOnAttention(nn.Sequential):
    """The gate of Huang et al. (2019, section 3.1): half of a projection passes through the sigmoid of the other half."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__(nn.Linear(width_in, 2 * width_out), nn.GLU())

    def forward(self, x: Tensor, trace: Trace | None = None) -> Tensor:
        both = self[0](x)
        if trace is not None:
            trace.gates.append(both.chunk(2, dim=-1)[1].sigmoid().mean(-1))
        return self[1](both)


class MultiHeadedDotAttention(nn.Module):
    """Scaled dot-product attention of many heads, plain or with the gate of attention on attention.

    Args:
        heads: number of heads.
        width: width of queries and output.
        scale: heads together are `scale` times that wide.
        project_k_v: whether keys and values are projected here; if not they come as wide as the heads together.
        use_output_layer: whether a linear layer follows; with the gate there is none.
        do_aoa: whether the gate follows.
        norm_q: whether the query is normalised first.
        dropout_aoa: dropout before the gate.
    """

    def __init__(
        self,
        heads: int,
        width: int,
        *,
        scale: int = 1,
        project_k_v: int = 1,
        use_output_layer: int = 1,
        do_aoa: int = 0,
        norm_q: int = 0,
        dropout_aoa: float = 0.3,
    ) -> None:
        super().__init__()
        wide = width * scale
        self.h, self.d_k, self.project_k_v = heads, wide // heads, project_k_v
        self.norm: nn.Module = StdNorm(width) if norm_q else nn.Identity()
        self.linears = nn.ModuleList(nn.Linear(width, wide) for _ in range(3 if project_k_v else 1))
        self.use_aoa = do_aoa
        if do_aoa:
            self.aoa_layer = AttentionOnAttention(wide + width, width)
            self.dropout_aoa = nn.Dropout(dropout_aoa)
        projects = use_output_layer and not do_aoa
        self.output_layer: nn.Module = nn.Linear(wide, width) if projects else nn.Identity()
        self.dropout = nn.Dropout(DROPOUT)

    def forward(
        self, query: Tensor, value: Tensor, key: Tensor, mask: Tensor | None = None, trace: Trace | None = None
    ) -> Tensor:
        """Attended values.

        Args:
            query: (batch, queries, width), or (batch, width) for one query.
            value, key: (batch, keys, width), in this order, values first, as the published code has it.
            mask: (batch, keys) or (batch, queries, keys), 0 where a key is no region.
            trace: gains the weights, before dropout, and the gate.

        Returns:
            (batch, queries, width), or (batch, width) for one query.
        """
        many = query if query.ndim == 3 else query[:, None]
        many = self.norm(many)
        if self.project_k_v:
            key, value = self.linears[1](key), self.linears[2](value)
        heads = [x.unflatten(-1, (self.h, self.d_k)).transpose(1, 2) for x in (self.linears[0](many), key, value)]
        scores = heads[0] @ heads[1].mT / self.d_k**0.5
        if mask is not None:
            each = mask[:, None] if mask.ndim == 3 else mask[:, None, None]
            scores = scores.masked_fill(each == 0, _MASKED)
        weights = scores.softmax(-1)
        if trace is not None:
            trace.weights.append(weights)
        out = (self.dropout(weights) @ heads[2]).transpose(1, 2).flatten(2)
        if self.use_aoa:
            out = self.aoa_layer(self.dropout_aoa(torch.cat([out, many], -1)), trace)
        out = self.output_layer(out)
        return out if query.ndim == 3 else out[:, 0]


class AdditiveAttention(nn.Module):
    """Attention of one head whose scores come from a tanh layer (Bahdanau et al. 2015, arXiv:1409.0473, appendix A.1.2)."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.h2att = nn.Linear(width, hidden)
        self.alpha_net = nn.Linear(hidden, 1)

    def forward(
        self,
        h: Tensor,
        att_feats: Tensor,
        p_att_feats: Tensor,
        att_masks: Tensor | None = None,
        trace: Trace | None = None,
    ) -> Tensor:
        """(batch, width) mix of `att_feats` (batch, regions, width) whose projections are `p_att_feats`."""
        scores = self.alpha_net(torch.tanh(p_att_feats + self.h2att(h)[:, None]))[..., 0]
        weights = scores.softmax(-1)
        if att_masks is not None:
            weights = weights * att_masks
            weights = weights / weights.sum(-1, keepdim=True)
        if trace is not None:
            trace.weights.append(weights[:, None, None])
        return (weights[:, None] @ att_feats)[:, 0]


def _feed_forward(width: int) -> nn.Sequential:
    """Two linear layers around a ReLU, position by position; the names are the published ones."""
    layers = {
        "w_1": nn.Linear(width, FEED_FORWARD_WIDTH),
        "relu": nn.ReLU(),
        "dropout": nn.Dropout(DROPOUT),
        "w_2": nn.Linear(FEED_FORWARD_WIDTH, width),
    }
    return nn.Sequential(OrderedDict(layers))


class Residual(nn.Module):
    """x + dropout(part(norm(x)))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = StdNorm(width)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, x: Tensor, part: Callable[[Tensor], Tensor]) -> Tensor:
        return x + self.dropout(part(self.norm(x)))


class RefinerLayer(nn.Module):
    """Regions look at regions, and what they saw is added to them (Huang et al. 2019, section 3.2.1)."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        width = options.rnn_size
        self.self_attn = MultiHeadedDotAttention(
            options.num_heads,
            width,
            scale=options.multi_head_scale,
            do_aoa=options.refine_aoa,
            dropout_aoa=options.dropout_aoa,
        )
        self.feed_forward = _feed_forward(width) if options.use_ff else None
        self.sublayer = nn.ModuleList(Residual(width) for _ in range(2 if options.use_ff else 1))

    def forward(self, x: Tensor, mask: Tensor | None, trace: Trace | None = None) -> Tensor:
        # The very same tensor three times: a capture tells self-attention by that.
        x = self.sublayer[0](x, lambda inside: self.self_attn(inside, inside, inside, mask, trace))
        return x if self.feed_forward is None else self.sublayer[1](x, self.feed_forward)


class Refiner(nn.Module):
    """All refining layers and a final norm."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.layers = nn.ModuleList(RefinerLayer(options) for _ in range(options.refiner_layers))
        self.norm = StdNorm(options.rnn_size)

    def forward(self, x: Tensor, mask: Tensor | None, trace: Trace | None = None) -> Tensor:
        for layer in self.layers:
            x = layer(x, mask, trace)
        return self.norm(x)
