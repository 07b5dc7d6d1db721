"""Options of the captioning network together: names as published, the definition, masks, batches, files and search."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import vit_attention as va
from tests.vit_attention.captioning_by_hand import ByHand
from tests.vit_attention.networks.test_aoanet import SMALL, draw, small
from tests.vit_attention.weights.test_aoanet_checkpoint import plain, written
from vit_attention.models import captioning
from vit_attention.models.captioning import caption, captions
from vit_attention.networks.aoanet import AoANet, Options
from vit_attention.weights.aoanet_checkpoint import load_checkpoint

CHOICES: dict[str, tuple[Any, ...]] = {
    "use_multi_head": (0, 1, 2, 2),
    "refine": (0, 1, 1),
    "refine_aoa": (0, 1),
    "use_ff": (0, 1),
    "mean_feats": (0, 1),
    "ctx_drop": (0, 1),
    "decoder_type": ("AoA", "LSTM", "base"),
    "multi_head_scale": (1, 2),
    "norm_q": (0, 1),
    "use_bn": (0, 1, 2),
    "out_res": (0, 1),
    "dropout_aoa": (0.0, 0.3),
    "num_heads": (1, 3, 6),
    "drop_prob_lm": (0, 0.5),
    "att_feat_size": (4, 5),
    "fc_feat_size": (3, 4),
    "input_encoding_size": (7, 12),
    "att_hid_size": (5, 12),
    "rnn_size": (12, 18),
    "vocab_size": (6, 9),
}


def drawn(seed: int) -> dict[str, Any]:
    """One combination; additive attention has no scale, and its query no norm."""
    dice = random.Random(seed)
    options = {**SMALL, **{name: dice.choice(values) for name, values in CHOICES.items()}}
    if options["use_multi_head"] != 2:
        options |= {"multi_head_scale": 1}
    return options


COMBINATIONS = [drawn(seed) for seed in range(40)]
NAMES = ["-".join(f"{k}={o[k]}" for k in ("use_multi_head", "decoder_type", "use_bn")) for o in COMBINATIONS]
combined = pytest.mark.parametrize("options", COMBINATIONS, ids=NAMES)


def published_shapes(o: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor that the published code saves for these options, written down from its layout."""
    width, words, wide = o["rnn_size"], o["vocab_size"] + 1, o["rnn_size"] * o["multi_head_scale"]
    found: dict[str, tuple[int, ...]] = {"embed.0.weight": (words, o["input_encoding_size"])}

    def linear(name: str, given: int, made: int) -> None:
        found.update({f"{name}.weight": (made, given), f"{name}.bias": (made,)})

    def batch_norm(name: str, size: int) -> None:
        found.update({f"{name}.{part}": (size,) for part in ("weight", "bias", "running_mean", "running_var")})
        found[f"{name}.num_batches_tracked"] = ()

    def layer_norm(name: str) -> None:
        found.update({f"{name}.a_2": (width,), f"{name}.b_2": (width,)})

    def lstm(name: str, given: int) -> None:
        found.update({f"{name}.weight_ih": (4 * width, given), f"{name}.weight_hh": (4 * width, width)})
        found.update({f"{name}.bias_ih": (4 * width,), f"{name}.bias_hh": (4 * width,)})

    if o["use_bn"]:
        batch_norm("att_embed.0", o["att_feat_size"])
    linear(f"att_embed.{int(o['use_bn'] > 0)}", o["att_feat_size"], width)
    if o["use_bn"] == 2:
        batch_norm("att_embed.4", width)
    if not o["mean_feats"]:
        linear("fc_embed.0", o["fc_feat_size"], width)
    linear("logit", width, words)
    linear("ctx2att", width, 2 * wide if o["use_multi_head"] == 2 else o["att_hid_size"])
    for layer in range(6 if o["refine"] else 0):
        block = f"refiner.layers.{layer}"
        for n in range(3):
            linear(f"{block}.self_attn.linears.{n}", width, wide)
        if o["refine_aoa"]:
            linear(f"{block}.self_attn.aoa_layer.0", wide + width, 2 * width)
        else:
            linear(f"{block}.self_attn.output_layer", wide, width)
        if o["use_ff"]:
            linear(f"{block}.feed_forward.w_1", width, 2048)
            linear(f"{block}.feed_forward.w_2", 2048, width)
        for half in range(1 + o["use_ff"]):
            layer_norm(f"{block}.sublayer.{half}.norm")
    if o["refine"]:
        layer_norm("refiner.norm")
    lstm("core.att_lstm", o["input_encoding_size"] + width)
    if o["decoder_type"] == "LSTM":
        lstm("core.att2ctx", wide + width)
    else:
        linear("core.att2ctx.0", wide + width, 2 * width if o["decoder_type"] == "AoA" else width)
    if o["use_multi_head"] == 2:
        linear("core.attention.linears.0", width, wide)
        if o["norm_q"]:
            layer_norm("core.attention.norm")
    else:
        linear("core.attention.h2att", width, o["att_hid_size"])
        linear("core.attention.alpha_net", o["att_hid_size"], 1)
    return found


@combined
def test_every_tensor_has_its_published_name_and_shape(options: dict[str, Any]) -> None:
    state = AoANet(Options(**options)).state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == published_shapes(options)


def inputs(options: dict[str, Any]) -> tuple[Any, Any, Any, Any]:
    """Features, words fed in, features of the whole picture, and a mask of 6, 3 and 1 regions."""
    mask = (torch.arange(6) < torch.tensor([[6], [3], [1]])).double()
    return (
        draw(3, 6, options["att_feat_size"]),
        torch.tensor([[0, 4, 2], [0, 1, 6], [0, 0, 3]]),
        draw(3, options["fc_feat_size"]),
        mask,
    )


@combined
def test_a_masked_batch_follows_the_definition_item_by_item(options: dict[str, Any]) -> None:
    network, (features, fed, fc, mask) = small(**options), inputs(options)
    with torch.inference_mode():
        logprobs, attention = network(features, fed, mask, fc=fc, attention=True)
        again = network(features, fed, mask, fc=fc)
    assert torch.equal(logprobs, again), "nothing is drawn by lot"
    np.testing.assert_allclose(attention.sum(-1), 1, atol=1e-12)
    hand = ByHand(network.options, network.state_dict())
    for item, count in enumerate((6, 3, 1)):
        alone = hand.tell(features[item, :count].numpy(), fed[item].tolist(), fc[item].numpy())
        np.testing.assert_allclose(logprobs[item], alone["logprobs"], atol=1e-9)
        np.testing.assert_allclose(attention[item, ..., :count], alone["attention"], atol=1e-9)
        assert not attention[item, ..., count:].any()


@combined
def test_files_of_every_kind_load_and_tell_the_same(options: dict[str, Any], tmp_path: Path) -> None:
    network, (features, _, fc, mask) = small(**options).float(), inputs(options)
    torch.save(network.state_dict(), tmp_path / "model.pth")
    opt = {
        name: value for name, value in options.items() if name != "norm_q"
    }  # no option of the published command line
    infos = plain(**opt)
    infos["vocab"] = {str(n): f"word{n}" for n in range(1, options["vocab_size"] + 1)}
    loaded, _, _ = load_checkpoint(tmp_path / "model.pth", written(tmp_path, infos))
    for beam in (1, 2):
        first, second = (
            captions(one, features, mask=mask, fc=fc, beam=beam, max_length=5) for one in (network, loaded)
        )
        for one, other in zip(first, second, strict=True):
            np.testing.assert_array_equal(one.tokens, other.tokens)
            np.testing.assert_array_equal(one.attention, other.attention)
            np.testing.assert_array_equal(one.refiner_attention, other.refiner_attention)


@combined
def test_every_look_is_captured_and_proved(options: dict[str, Any]) -> None:
    network, (features, fed, fc, _) = small(**options), inputs(options)
    with torch.inference_mode(), va.capture(network) as seen:
        network(features[:1], fed[:1], fc=fc[:1])
    hand = ByHand(network.options, network.state_dict()).tell(features[0].numpy(), fed[0].tolist(), fc[0].numpy())
    for one, want in zip(seen, [*hand["refiner"], *hand["attention"][:, :, None]], strict=True):
        np.testing.assert_allclose(one.weights[0], want, atol=1e-9)
        assert one.residual is not None
        assert one.residual < 1e-9


@combined
def test_a_beam_of_one_is_greedy_search(options: dict[str, Any]) -> None:
    """Where greedy search never says the unknown word, which beams alone shun."""
    network, (features, _, fc, _) = small(**options), inputs(options)
    with torch.no_grad():
        network.logit.bias[-1] = -100
    whole = None if options["mean_feats"] else fc
    greedy = captions(network, features, fc=whole, max_length=6)
    with torch.inference_mode():
        seen = network.prepare(features, fc=whole)
        for item, want in enumerate(greedy):
            path = captioning._beam(network, seen.item(item, 1), 1, 6)
            assert path.tokens == want.tokens.tolist()
            np.testing.assert_allclose(torch.stack(path.weights), want.attention, atol=1e-9)


def test_the_combinations_hold_every_pair_of_the_choices_that_change_the_layout() -> None:
    names = ("use_multi_head", "refine", "refine_aoa", "use_ff", "mean_feats", "decoder_type", "norm_q", "use_bn")
    for one, other in itertools.combinations(names, 2):
        seen = {(o[one], o[other]) for o in COMBINATIONS}
        assert seen == {*itertools.product(set(CHOICES[one]), set(CHOICES[other]))}, (one, other)


def test_the_widest_scale_attends_with_every_kind_of_decoder() -> None:
    for kind, scale in itertools.product(("AoA", "LSTM", "base"), (2, 3)):
        options = {**SMALL, "decoder_type": kind, "multi_head_scale": scale, "refine_aoa": 0, "num_heads": 6}
        one = caption(small(**options), draw(5, 4), max_length=3)
        assert one.attention.shape[1:] == (6, 5)
        assert {name: tuple(t.shape) for name, t in small(**options).state_dict().items()} == published_shapes(
            {**vars(Options(**options)), **options}
        )
