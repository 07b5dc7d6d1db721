"""The captioning network against the published code's results and against its definition, option by option."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.vit_attention.captioning_by_hand import ByHand
from vit_attention.networks.aoanet import AoANet, Options, Trace

GOLDEN = Path(__file__).parents[2] / "data" / "golden_aoanet"


def golden(name: str) -> tuple[AoANet, dict[str, Any]]:
    """The published run's network in double precision, and its arrays."""
    with np.load(GOLDEN / f"{name}.npz") as file:
        arrays = {key: file[key] for key in file.files}
    state = {key[3:]: torch.from_numpy(value) for key, value in arrays.items() if key.startswith("sd.")}
    state = state or torch.load(GOLDEN / "model-best.pth", weights_only=True)
    network = AoANet(Options.from_namespace(Namespace(**json.loads(str(arrays["cfg"]))["opt"])))
    network.load_state_dict(state)
    # The published run's own single-precision noise is up to 7e-6; ours must not come on top of it.
    return network.double(), arrays


def tokens_in(words: Any) -> Tensor:
    """What was fed in to get these words: each word is shifted by one behind the start."""
    return torch.from_numpy(np.concatenate([np.zeros_like(words[:, :1]), words[:, :-1]], 1))


@pytest.mark.parametrize("name", ["aoanet", "aoanet_addatt"])
def test_reproduces_the_published_run(name: str) -> None:
    network, run = golden(name)
    trace = Trace()
    with torch.inference_mode():
        features = torch.from_numpy(run["att_feats"]).double()
        network.prepare(features, trace=trace)
        logprobs, attention = network(features, tokens_in(run["seq"]), attention=True)
    layers = torch.stack(trace.weights)[[0, 5]] if name == "aoanet" else torch.stack(trace.weights)[5:, :1]
    np.testing.assert_allclose(layers, run["refiner_attn"], atol=1e-5, rtol=0)
    np.testing.assert_allclose(attention.transpose(0, 1), run["decoder_attn"][:20], atol=1e-5, rtol=0)
    best = logprobs.max(-1)
    for item in range(2):
        steps = int((run["seq"][item] != 0).sum())
        np.testing.assert_array_equal(best.indices[item, :steps], run["seq"][item, :steps])
        np.testing.assert_allclose(best.values[item, :steps], run["logprobs"][item, :steps], atol=1e-5, rtol=0)


def test_reproduces_the_published_run_with_a_mask() -> None:
    network, run = golden("aoanet")
    trace = Trace()
    with torch.inference_mode():
        features, mask = torch.from_numpy(run["att_feats"]).double(), torch.from_numpy(run["m_masks"])
        network.prepare(features, mask, trace=trace)
        _, attention = network(features, tokens_in(run["m_seq"]), mask, attention=True)
    alone = torch.stack(trace.weights)[:, 1:, :, :20, :20]
    np.testing.assert_allclose(alone, run["m_refiner_attn"], atol=1e-5, rtol=0)
    np.testing.assert_allclose(attention.transpose(0, 1), run["m_decoder_attn"][:20], atol=1e-5, rtol=0)
    assert float(attention[1, :, :, 20:].abs().max()) == 0


SMALL = {
    "vocab_size": 6,
    "rnn_size": 12,
    "input_encoding_size": 7,
    "att_hid_size": 5,
    "att_feat_size": 4,
    "fc_feat_size": 3,
    "num_heads": 3,
}
VARIANTS: list[dict[str, Any]] = [
    {},
    {"use_ff": 0, "ctx_drop": 1},
    {"refine_aoa": 0},
    {"refine_aoa": 0, "multi_head_scale": 2, "use_ff": 0},
    {"multi_head_scale": 2},
    {"refine": 0},
    {"refine": 0, "use_multi_head": 0, "num_heads": 5},
    {"mean_feats": 0},
    {"decoder_type": "LSTM"},
    {"decoder_type": "LSTM", "multi_head_scale": 2, "out_res": 1},
    {"decoder_type": "base"},
    {"decoder_type": "base", "use_multi_head": 0},
    {"use_multi_head": 1, "decoder_type": "LSTM"},
    {"out_res": 1},
    {"use_bn": 1},
    {"use_bn": 2, "refine": 0, "mean_feats": 0},
]


def small(**options: Any) -> AoANet:
    """A network of random weights in which every part matters, batch norm's statistics included."""
    torch.manual_seed(0)
    network = AoANet(Options(**{**SMALL, **options})).double()
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                tensor += 0.3 * torch.randn_like(tensor)
                tensor.abs_() if name.endswith("running_var") else None
    return network


def draw(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


@pytest.mark.parametrize("options", VARIANTS, ids=lambda one: "-".join(f"{k}={v}" for k, v in one.items()) or "plain")
def test_every_option_follows_the_definition(options: dict[str, Any]) -> None:
    network, features, fc = small(**options), draw(1, 5, 4), draw(1, 3)
    fed = [0, 4, 2, 6]
    trace, trace_word = Trace(), Trace()
    with torch.inference_mode():
        seen = network.prepare(features, fc=fc, trace=trace)
        network.step(torch.zeros(1, dtype=torch.long), seen, network.start(seen), trace_word)
        logprobs, attention = network(features, torch.tensor([fed]), fc=fc, attention=True)
    hand = ByHand(network.options, network.state_dict()).tell(features[0].numpy(), fed, fc[0].numpy())
    np.testing.assert_allclose(logprobs[0], hand["logprobs"], atol=1e-10)
    np.testing.assert_allclose(attention[0], hand["attention"], atol=1e-10)
    assert len(trace.weights) == len(hand["refiner"])
    assert len(trace.gates) == len(hand["refiner_gates"])
    for ours, theirs in zip(trace.weights + trace.gates, [*hand["refiner"], *hand["refiner_gates"]], strict=True):
        np.testing.assert_allclose(ours[0], theirs, atol=1e-10)
    np.testing.assert_allclose([float(gate) for gate in trace_word.gates], hand["gates"][:1], atol=1e-10)


@pytest.mark.parametrize("options", [{}, {"use_multi_head": 0}, {"use_bn": 2}, {"refine": 0}])
def test_a_masked_item_is_told_as_if_alone(options: dict[str, Any]) -> None:
    network, features, fed = small(**options), draw(2, 6, 4), torch.tensor([[0, 1], [0, 2]])
    mask = torch.tensor([[1] * 6, [1, 0, 1, 1, 0, 0]]).double()
    with torch.inference_mode():
        both, attention = network(features, fed, mask, attention=True)
        alone, attention_alone = network(features[1:, [0, 2, 3]], fed[1:], attention=True)
    np.testing.assert_allclose(both[1:], alone, atol=1e-12)
    np.testing.assert_allclose(attention[1:, :, :, [0, 2, 3]], attention_alone, atol=1e-12)
    assert float(attention[1, :, :, [1, 4, 5]].abs().max()) == 0


def test_batch_norm_learns_from_real_regions_alone() -> None:
    network = small(use_bn=1)
    before, features = network.att_embed[0].running_mean.clone(), draw(2, 3, 4)
    features[1, 1:] = 1e6
    network.train()(features, torch.zeros(2, 1, dtype=torch.long), torch.tensor([[1, 1, 1], [1, 0, 0]]))
    real = torch.cat([features[0], features[1, :1]]).mean(0)
    torch.testing.assert_close(network.att_embed[0].running_mean, 0.9 * before + 0.1 * real)


def test_learns_and_starts_in_evaluation_mode() -> None:
    network = small(use_ff=0)
    assert not network.training
    network.train()
    loss = -network(draw(2, 5, 4), torch.tensor([[0, 1, 2], [0, 3, 0]]))[..., 1].sum()
    loss.backward()
    untouched = [name for name, p in network.named_parameters() if p.grad is None or not bool(p.grad.abs().sum() > 0)]
    # A key's bias moves every score of a row alike, which softmax does not see.
    assert [name for name in untouched if "linears.1.bias" not in name] == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"decoder_type": "GRU"}, "decoder_type: want AoA or LSTM or base, got 'GRU'"),
        ({"use_multi_head": 3}, "use_multi_head: want 0 or 1 or 2, got 3"),
        ({"logit_layers": 2}, "logit_layers: want 1, got 2"),
        ({"rnn_size": -1}, "rnn_size: want a whole number"),
        ({"rnn_size": 10**12}, "rnn_size: want a whole number"),
        ({"rnn_size": "64"}, "rnn_size: want a whole number"),
        ({"num_heads": 7}, "num_heads: want a divisor of rnn_size x multi_head_scale = 12, got 7"),
        ({"use_multi_head": 0, "multi_head_scale": 2}, "multi_head_scale: want 1 with additive attention, got 2"),
        ({"drop_prob_lm": 2}, "drop_prob_lm: want a number from 0 to 1, got 2"),
        ({"caption_model": "topdown"}, "caption_model: want 'aoa', got 'topdown'"),
    ],
)
def test_says_which_option_it_cannot_build(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Options.from_namespace(Namespace(**{**SMALL, **change}))


def test_reads_options_as_the_published_code_does() -> None:
    options = Options.from_namespace({**SMALL, "max_length": 0, "seq_length": 9, "learning_rate": 0.1, "batch_size": 7})
    assert (options.max_length, options.use_ff, options.num_heads) == (9, 1, 3)
    with pytest.raises(ValueError, match="vocab_size: want the number of words"):
        Options.from_namespace(Namespace(rnn_size=64))


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"features": draw(2, 5, 9)}, r"features: want \(batch, regions, 4\), got \(2, 5, 9\)"),
        ({"features": draw(5, 4)}, r"features: want \(batch, regions, 4\), got \(5, 4\)"),
        ({"features": draw(2, 5, 4), "mask": torch.ones(2, 6)}, r"mask: want \(2, 5\), got \(2, 6\)"),
        ({"features": draw(2, 5, 4)}, r"fc: want \(2, 3\) features of the whole picture, got None"),
    ],
)
def test_says_what_input_it_wants(inputs: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small(mean_feats=0)(tokens=torch.zeros(2, 1, dtype=torch.long), **inputs)
