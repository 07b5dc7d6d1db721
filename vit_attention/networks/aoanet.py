"""The captioning network of Huang et al. (2019, arXiv:1908.06954): a refiner of regions and a decoder of words.

Parameters are named as in the published code, whose checkpoints load unchanged. It attends over a *set* of regions:
there is no class token, no position and no grid in it.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from vit_attention.networks.aoanet_options import Options
from vit_attention.networks.aoanet_parts import (
    AdditiveAttention,
    AttentionOnAttention,
    MultiHeadedDotAttention,
    Refiner,
    Trace,
)

__all__ = ["AoANet", "Decoder", "Options", "Prepared", "State", "Trace"]


class Prepared(NamedTuple):
    """A batch of pictures ready to be told: what every word's step needs of them.

    Attributes:
        mean: (batch, width) the whole picture.
        regions: (batch, regions, width) refined regions.
        projected: (batch, regions, values and keys) regions projected for the decoder's attention.
        mask: (batch, regions), 0 where there is no region, or None.
    """

    mean: Tensor
    regions: Tensor
    projected: Tensor
    mask: Tensor | None

    def item(self, number: int, copies: int) -> "Prepared":
        """`copies` of one picture, for a beam."""
        one = [None if x is None else x[number : number + 1].expand(copies, *x.shape[1:]) for x in self]
        return Prepared(*one)  # type: ignore[arg-type]


class State(NamedTuple):
    """What the decoder carries from word to word, each (batch, width).

    Attributes:
        h, c: hidden and cell state of the attention LSTM.
        context: the context vector of the last step.
        cell: cell state of the LSTM decoder; zeros in the others.
    """

    h: Tensor
    c: Tensor
    context: Tensor
    cell: Tensor

    def rows(self, numbers: Tensor) -> "State":
        """The state of these rows, in this order: how beams fork."""
        return State(*(x[numbers] for x in self))


class Decoder(nn.Module):
    """One step of the language model: an LSTM asks, attention over the regions answers, a gate decides what counts."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        width = options.rnn_size
        self.dots, self.wide, self.out_res = options.dots, options.wide, options.out_res
        self.att_lstm = nn.LSTMCell(options.input_encoding_size + width, width)
        self.out_drop = nn.Dropout(options.drop_prob_lm)
        self.att2ctx: nn.Module = _to_context(options)
        self.attention: nn.Module = (
            MultiHeadedDotAttention(
                options.num_heads,
                width,
                scale=options.multi_head_scale,
                project_k_v=0,
                use_output_layer=options.use_output_layer,
                norm_q=options.norm_q,
            )
            if options.dots
            else AdditiveAttention(width, options.att_hid_size)
        )
        self.ctx_drop = nn.Dropout(options.drop_prob_lm if options.ctx_drop else 0.0)

    def forward(self, word: Tensor, seen: Prepared, state: State, trace: Trace | None = None) -> tuple[Tensor, State]:
        """(batch, width) output and the next state, from (batch, embedding) words (Huang et al. 2019, equations 8 to 11)."""
        h, c = self.att_lstm(torch.cat([word, seen.mean + self.ctx_drop(state.context)], 1), (state.h, state.c))
        if self.dots:
            # The first half is the value, the second the key.
            value, key = seen.projected.split(self.wide, dim=-1)
            attended = self.attention(h, value, key, seen.mask, trace)
        else:
            attended = self.attention(h, seen.regions, seen.projected, seen.mask, trace)
        both, cell = torch.cat([attended, h], 1), state.cell
        if isinstance(self.att2ctx, nn.LSTMCell):
            context, cell = self.att2ctx(both, (state.context, state.cell))
        elif isinstance(self.att2ctx, AttentionOnAttention):
            context = self.att2ctx(both, trace)
        else:
            context = self.att2ctx(both)
        output = context + h if self.out_res else context
        return self.out_drop(output), State(h, c, context, cell)


def _to_context(options: Options) -> nn.Module:
    width = options.rnn_size
    both = width + (width if options.use_output_layer else options.wide)
    if options.decoder_type == "AoA":
        return AttentionOnAttention(both, width)
    if options.decoder_type == "LSTM":
        return nn.LSTMCell(both, width)
    return nn.Sequential(nn.Linear(both, width), nn.ReLU())


class AoANet(nn.Module):
    """Regions to words. Made in evaluation mode; safe to share between threads.

    >>> net = AoANet(Options(vocab_size=5, rnn_size=16, input_encoding_size=8, att_feat_size=4, num_heads=2))
    >>> scores, attention = net(torch.zeros(2, 7, 4), torch.zeros(2, 3, dtype=torch.long), attention=True)
    >>> tuple(scores.shape), tuple(attention.shape)
    ((2, 3, 6), (2, 3, 2, 7))
    """

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.options = options
        width, drop = options.rnn_size, options.drop_prob_lm
        words = options.vocab_size + 1
        self.embed = nn.Sequential(nn.Embedding(words, options.input_encoding_size), nn.ReLU(), nn.Dropout(drop))
        if not options.mean_feats:
            self.fc_embed = nn.Sequential(nn.Linear(options.fc_feat_size, width), nn.ReLU(), nn.Dropout(drop))
        before = [nn.BatchNorm1d(options.att_feat_size)] if options.use_bn else []
        after = [nn.BatchNorm1d(width)] if options.use_bn == 2 else []
        self.att_embed = nn.Sequential(
            *before, nn.Linear(options.att_feat_size, width), nn.ReLU(), nn.Dropout(drop), *after
        )
        self.logit = nn.Linear(width, words)
        self.ctx2att = nn.Linear(width, 2 * options.wide if options.dots else options.att_hid_size)
        self.refiner = Refiner(options) if options.refine else None
        self.core = Decoder(options)
        self.eval()

    def forward(
        self,
        features: Tensor,
        tokens: Tensor,
        mask: Tensor | None = None,
        fc: Tensor | None = None,
        attention: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Log-probabilities of each next word, given the words so far (teacher forcing).

        Args:
            features: (batch, regions, att_feat_size).
            tokens: (batch, steps) numbers of the words fed in; column 0 is the start token 0.
            mask: (batch, regions), 0 where an item has fewer regions.
            fc: (batch, fc_feat_size) features of the whole picture, for networks with `mean_feats` 0.
            attention: return the decoder's attention too.

        Returns:
            (batch, steps, vocab_size + 1) log-probabilities of the word after each token; with `attention` also
            (batch, steps, heads, regions) weights.
        """
        trace = Trace() if attention else None
        scores = self.logits(features, tokens, mask, fc, trace).log_softmax(-1)
        return scores if trace is None else (scores, torch.cat(trace.weights, 2).transpose(1, 2))

    def logits(
        self,
        features: Tensor,
        tokens: Tensor,
        mask: Tensor | None = None,
        fc: Tensor | None = None,
        trace: Trace | None = None,
    ) -> Tensor:
        """(batch, steps, vocab_size + 1) raw scores whose softmax `forward` gives; `trace` gains the decoder's weights."""
        seen = self.prepare(features, mask, fc)
        state, outputs = self.start(seen), []
        for word in self.embed(tokens).unbind(1):
            output, state = self.core(word, seen, state, trace)
            outputs.append(output)
        scores: Tensor = self.logit(torch.stack(outputs, 1))
        return scores

    def prepare(
        self, features: Tensor, mask: Tensor | None = None, fc: Tensor | None = None, trace: Trace | None = None
    ) -> Prepared:
        """Embed and refine regions, once for all words; arguments as in `forward`.

        Args:
            trace: gains one (batch, heads, regions, regions) weights and, with `refine_aoa`, one (batch, regions) gate
                per refining layer.

        Raises:
            ValueError: features of another shape than the network was made for.
        """
        self._check(features, mask, fc)
        regions = self._embed_regions(features, mask)
        if self.refiner is not None:
            regions = self.refiner(regions, mask, trace)
        if not self.options.mean_feats:
            mean = self.fc_embed(fc)
        elif mask is None:
            mean = regions.mean(1)
        else:
            mean = (regions * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        return Prepared(mean, regions, self.ctx2att(regions), mask)

    def start(self, seen: Prepared, copies: int | None = None) -> State:
        """The state before the first word: zeros."""
        zeros = seen.mean.new_zeros(copies or len(seen.mean), self.options.rnn_size)
        return State(zeros, zeros, zeros, zeros)

    def step(self, tokens: Tensor, seen: Prepared, state: State, trace: Trace | None = None) -> tuple[Tensor, State]:
        """(batch, vocab_size + 1) log-probabilities of the word after `tokens` (batch,), and the next state.

        Args:
            trace: gains (batch, heads, 1, regions) weights and, in an AoA decoder, a (batch,) gate.
        """
        output, state = self.core(self.embed(tokens), seen, state, trace)
        return self.logit(output).log_softmax(-1), state

    def _embed_regions(self, features: Tensor, mask: Tensor | None) -> Tensor:
        """(batch, regions, width); only real regions are embedded (batch norm must not see others), the rest is zero."""
        if mask is None:
            return self.att_embed(features.flatten(0, 1)).unflatten(0, features.shape[:2])
        real = mask != 0
        embedded = self.att_embed(features[real])
        regions = embedded.new_zeros(*real.shape, embedded.shape[-1])
        regions[real] = embedded
        return regions

    def _check(self, features: Tensor, mask: Tensor | None, fc: Tensor | None) -> None:
        wanted = self.options.att_feat_size
        if features.ndim != 3 or features.shape[1] < 1 or features.shape[2] != wanted:
            raise ValueError(f"features: want (batch, regions, {wanted}), got {tuple(features.shape)}")
        if mask is not None and mask.shape != features.shape[:2]:
            raise ValueError(f"mask: want {tuple(features.shape[:2])}, got {tuple(mask.shape)}")
        whole = (len(features), self.options.fc_feat_size)
        if not self.options.mean_feats and (fc is None or fc.shape != whole):
            raise ValueError(
                f"fc: want {whole} features of the whole picture, got {None if fc is None else tuple(fc.shape)}"
            )
