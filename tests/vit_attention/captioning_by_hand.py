"""The captioning network from its definition: numpy, float64, one picture, one head and one query at a time.

Reads weights by their published names and shares no code with the network under test.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max())
    return e / e.sum()


class ByHand:
    def __init__(self, options: Any, state: dict[str, Any]) -> None:
        self.o = options
        self.w = {k: v.detach().double().numpy() for k, v in state.items()}

    def linear(self, name: str, x: Any) -> Any:
        return x @ self.w[f"{name}.weight"].T + self.w[f"{name}.bias"]

    def norm(self, name: str, x: Any) -> Any:
        n = x.shape[-1]
        mean = x.sum(-1, keepdims=True) / n
        deviation = np.sqrt(((x - mean) ** 2).sum(-1, keepdims=True) / (n - 1))
        return self.w[f"{name}.a_2"] * (x - mean) / (deviation + 1e-6) + self.w[f"{name}.b_2"]

    def batch_norm(self, name: str, x: Any) -> Any:
        mean, var = self.w[f"{name}.running_mean"], self.w[f"{name}.running_var"]
        return (x - mean) / np.sqrt(var + 1e-5) * self.w[f"{name}.weight"] + self.w[f"{name}.bias"]

    def gated(self, name: str, x: Any) -> tuple[Any, Any]:
        """Output, and the mean of the gate."""
        first, second = np.split(self.linear(name, x), 2, axis=-1)
        return first * sigmoid(second), sigmoid(second).mean(-1)

    def lstm(self, name: str, x: Any, h: Any, c: Any) -> tuple[Any, Any]:
        w = self.w
        gates = w[f"{name}.weight_ih"] @ x + w[f"{name}.bias_ih"] + w[f"{name}.weight_hh"] @ h + w[f"{name}.bias_hh"]
        i, f, g, o = np.split(gates, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c

    def dots(self, query: Any, key: Any, value: Any) -> tuple[Any, Any]:
        """(queries, all heads' width) attended values and (heads, queries, keys) weights."""
        heads = self.o.num_heads
        width = query.shape[1] // heads
        weights = np.zeros((heads, len(query), len(key)))
        out = np.zeros((len(query), query.shape[1]))
        for head in range(heads):
            part = slice(head * width, (head + 1) * width)
            for row in range(len(query)):
                scores = np.array([query[row, part] @ one[part] for one in key]) / np.sqrt(width)
                weights[head, row] = softmax(scores)
                out[row, part] = sum(share * one[part] for share, one in zip(weights[head, row], value, strict=True))
        return out, weights

    def regions(self, features: Any) -> tuple[Any, Any, Any]:
        """Refined regions, (layers, heads, regions, regions) weights and (layers, regions) gates."""
        o, x = self.o, features.astype(np.float64)
        at = 0
        if o.use_bn:
            x, at = self.batch_norm("att_embed.0", x), 1
        x = np.maximum(self.linear(f"att_embed.{at}", x), 0)
        if o.use_bn == 2:
            x = self.batch_norm(f"att_embed.{at + 3}", x)
        weights, gates = [], []
        for layer in range(6 if o.refine else 0):
            block = f"refiner.layers.{layer}"
            inside = self.norm(f"{block}.sublayer.0.norm", x)
            q, k, v = (self.linear(f"{block}.self_attn.linears.{n}", inside) for n in range(3))
            out, seen = self.dots(q, k, v)
            weights.append(seen)
            if o.refine_aoa:
                out, gate = self.gated(f"{block}.self_attn.aoa_layer.0", np.concatenate([out, inside], 1))
                gates.append(gate)
            else:
                out = self.linear(f"{block}.self_attn.output_layer", out)
            x = x + out
            if o.use_ff:
                inside = self.norm(f"{block}.sublayer.1.norm", x)
                hidden = np.maximum(self.linear(f"{block}.feed_forward.w_1", inside), 0)
                x = x + self.linear(f"{block}.feed_forward.w_2", hidden)
        if o.refine:
            x = self.norm("refiner.norm", x)
        return x, weights, gates

    def attend(self, h: Any, x: Any) -> tuple[Any, Any]:
        """What the decoder sees, and its (heads, regions) weights."""
        projected = self.linear("ctx2att", x)
        if self.o.use_multi_head == 2:
            wide = self.o.rnn_size * self.o.multi_head_scale
            asked = self.norm("core.attention.norm", h[None]) if self.o.norm_q else h[None]
            query = self.linear("core.attention.linears.0", asked)
            out, weights = self.dots(query, projected[:, wide:], projected[:, :wide])
            return out[0], weights[:, 0]
        hidden = np.tanh(projected + self.linear("core.attention.h2att", h))
        weights = softmax(self.linear("core.attention.alpha_net", hidden)[:, 0])
        return weights @ x, weights[None]

    def tell(self, features: Any, tokens: list[int], fc: Any = None) -> dict[str, Any]:
        """Log-probabilities after each token, decoder's weights and gates, refiner's weights and gates."""
        o = self.o
        x, refiner, refiner_gates = self.regions(features)
        mean = x.mean(0) if o.mean_feats else np.maximum(self.linear("fc_embed.0", fc), 0)
        h = c = context = cell = np.zeros(o.rnn_size)
        logprobs, attention, gates = [], [], []
        for token in tokens:
            word = np.maximum(self.w["embed.0.weight"][token], 0)
            h, c = self.lstm("core.att_lstm", np.concatenate([word, mean + context]), h, c)
            seen, weights = self.attend(h, x)
            both = np.concatenate([seen, h])
            if o.decoder_type == "AoA":
                context, gate = self.gated("core.att2ctx.0", both)
                gates.append(gate)
            elif o.decoder_type == "LSTM":
                context, cell = self.lstm("core.att2ctx", both, context, cell)
            else:
                context = np.maximum(self.linear("core.att2ctx.0", both), 0)
            logprobs.append(np.log(softmax(self.linear("logit", context + h if o.out_res else context))))
            attention.append(weights)
        return {
            "logprobs": np.array(logprobs),
            "attention": np.array(attention),
            "gates": np.array(gates),
            "refiner": np.array(refiner),
            "refiner_gates": np.array(refiner_gates),
        }
