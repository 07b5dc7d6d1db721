"""Greedy and beam search against the published run and against trying every caption."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch

from tests.vit_attention.captioning_by_hand import ByHand
from tests.vit_attention.networks.test_aoanet import draw, golden, small
from vit_attention.models.captioning import Caption, caption, captions
from vit_attention.networks.aoanet import AoANet


def check(one: Caption, words: Any, attention: Any) -> None:
    """One caption against its row of words (0 behind the end) and (steps, heads, regions) attention."""
    steps = len(one.tokens)
    np.testing.assert_array_equal(one.tokens, words[:steps])
    assert one.ended == (words[steps - 1] == 0)
    assert not words[steps:].any()
    assert one.attention.shape[0] == steps
    np.testing.assert_allclose(one.attention, attention[:steps, :, : one.attention.shape[2]], atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["aoanet", "aoanet_addatt"])
def test_greedy_search_as_published(name: str) -> None:
    network, run = golden(name)
    for item, one in enumerate(captions(network, run["att_feats"])):
        check(one, run["seq"][item], run["decoder_attn"][:, item])
        np.testing.assert_allclose(one.logprobs, run["logprobs"][item, : len(one.tokens)], atol=1e-5, rtol=0)
    np.testing.assert_allclose(caption(network, run["att_feats"][1]).attention, one.attention, atol=1e-12)


def test_greedy_search_with_a_mask_as_published() -> None:
    network, run = golden("aoanet")
    first, second = captions(network, run["att_feats"], mask=run["m_masks"])
    check(first, run["m_seq"][0], run["m_decoder_attn"][:, 0])
    check(second, run["m_seq"][1], run["m_decoder_attn"][:, 1])
    assert second.attention.shape[2] == 20
    assert second.refiner_gates is not None
    assert second.refiner_gates.shape == (6, 20)
    np.testing.assert_allclose(second.refiner_attention, run["m_refiner_attn"][:, 0], atol=1e-5, rtol=0)


def test_beam_search_as_published() -> None:
    network, run = golden("aoanet")
    for item, one in enumerate(captions(network, run["att_feats"], beam=2)):
        check(one, run["beam2_seq"][item], run["beam2_decoder_attn_tf"][:, item])


def test_single_precision_tells_the_same_words() -> None:
    network, run = golden("aoanet")
    for item, one in enumerate(captions(network.float(), run["att_feats"], beam=2)):
        assert one.attention.dtype == np.float32
        np.testing.assert_array_equal(one.tokens, run["beam2_seq"][item, : len(one.tokens)])


def best_of_all(hand: ByHand, features: Any, longest: int) -> tuple[list[int], float]:
    """The likeliest of all captions up to `longest` words; the unknown word, the last one, is as good as forbidden."""
    words = range(1, hand.o.vocab_size + 1)
    ended = [[*body, 0] for n in range(longest) for body in itertools.product(words, repeat=n)]
    everything = ended + [list(body) for body in itertools.product(words, repeat=longest)]
    scored = []
    for tokens in everything:
        logprobs = hand.tell(features, [0, *tokens[:-1]])["logprobs"]
        total = sum(
            row[token] - 1000 * (token == hand.o.vocab_size) for row, token in zip(logprobs, tokens, strict=True)
        )
        scored.append((total, tokens))
    total, tokens = max(scored)
    return tokens, total


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_wide_beam_finds_the_likeliest_caption_and_its_attention(seed: int) -> None:
    network = shaken(seed, vocab_size=3, refine=0)
    features = draw(4, 4)
    hand = ByHand(network.options, network.state_dict())
    tokens, total = best_of_all(hand, features.numpy(), 3)
    one = caption(network, features, beam=4, max_length=3)
    assert one.tokens.tolist() == tokens
    assert one.score == pytest.approx(total, abs=1e-5)
    told = hand.tell(features.numpy(), [0, *tokens[:-1]])
    np.testing.assert_allclose(one.attention, told["attention"], atol=1e-10)
    np.testing.assert_allclose(one.gates, told["gates"], atol=1e-10)


def published_beam(hand: ByHand, features: Any, width: int, longest: int) -> list[int]:
    """The published search, told from the start for every prefix: finished captions restart from a sum of -1000."""
    alive: list[tuple[float, list[int]]] = [(0.0, [])]
    done: list[tuple[float, list[int]]] = []
    for step in range(longest):
        grown = []
        for total, prefix in alive:
            row = hand.tell(features, [0, *prefix])["logprobs"][-1].copy()
            row[-1] -= 1000
            grown += [(total + row[token], [*prefix, token]) for token in range(len(row))]
        alive = sorted(grown, reverse=True)[:width]
        finished = [(t, p) for t, p in alive if p[-1] == 0 or step == longest - 1]
        done += finished
        alive = [(-1000.0 if p[-1] == 0 else t, p) for t, p in alive]
    return max(done)[1]


def shaken(seed: int, **options: Any) -> AoANet:
    """Another small network for every seed."""
    network, noise = small(**options), torch.Generator().manual_seed(seed)
    state = {k: v + 0.5 * torch.randn(v.shape, generator=noise).double() for k, v in network.state_dict().items()}
    # Flat enough that captions compete until they end.
    network.load_state_dict({k: v / 4 if k.startswith("logit") else v for k, v in state.items()})
    return network


@pytest.mark.parametrize("beam", [2, 3])
def test_a_narrow_beam_searches_as_published(beam: int) -> None:
    lengths = set()
    for seed in range(40):
        network, features = shaken(seed, vocab_size=4, refine=0), draw(3, 4)
        one = caption(network, features, beam=beam, max_length=5)
        hand = ByHand(network.options, network.state_dict())
        assert one.tokens.tolist() == published_beam(hand, features.numpy(), beam, 5)
        lengths.add(len(one.tokens))
    assert len(lengths) > 2, "captions must end early, late and never"


@pytest.mark.parametrize("options", [{}, {"decoder_type": "LSTM"}, {"use_multi_head": 0}, {"decoder_type": "base"}])
@pytest.mark.parametrize("beam", [2, 3, 5])
def test_attention_and_gates_follow_the_winner(options: dict[str, Any], beam: int) -> None:
    network = small(**options)
    for features in draw(4, 5, 4):
        one = caption(network, features, beam=beam, max_length=7)
        told = ByHand(network.options, network.state_dict()).tell(features.numpy(), [0, *one.tokens[:-1]])
        np.testing.assert_allclose(one.attention, told["attention"], atol=1e-10)
        np.testing.assert_allclose(one.logprobs, told["logprobs"][np.arange(len(one.tokens)), one.tokens], atol=1e-5)
        np.testing.assert_allclose(one.refiner_attention, told["refiner"], atol=1e-10)
        assert (one.gates is None) == (options.get("decoder_type", "AoA") != "AoA")


def unknown_lover() -> Any:
    """A network that would say the unknown word whatever it sees, its second choice being the end."""
    network = small()
    with torch.no_grad():
        network.logit.bias[-1] += 50
        network.logit.bias[0] += 25
    return network


def test_only_beam_search_shuns_the_unknown_word() -> None:
    network, features = unknown_lover(), draw(5, 4)
    assert caption(network, features, max_length=3).tokens.tolist() == [6, 6, 6]
    assert caption(network, features, beam=2, max_length=3).tokens.tolist() == [0]


def test_an_empty_caption_is_one_step() -> None:
    network, features = unknown_lover(), draw(5, 4)
    one = caption(network, features, beam=3)
    assert one.ended
    assert one.words({}) == ()
    assert one.attention.shape == (1, 3, 5)


def test_a_beam_item_with_fewer_regions_is_told_as_if_alone() -> None:
    network, features = small(), draw(2, 5, 4)
    mask = np.array([[1, 1, 1, 1, 1], [1, 0, 1, 1, 0]])
    second = captions(network, features, mask=mask, beam=3, max_length=5)[1]
    alone = caption(network, features[1, [0, 2, 3]], beam=3, max_length=5)
    assert second.tokens.tolist() == alone.tokens.tolist()
    np.testing.assert_allclose(second.attention, alone.attention, atol=1e-12)
    np.testing.assert_allclose(second.refiner_attention, alone.refiner_attention, atol=1e-12)


def test_threads_share_one_network() -> None:
    network, pictures = small(), draw(16, 5, 4)
    alone = [caption(network, one, beam=2).attention for one in pictures]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda one: caption(network, one, beam=2).attention, pictures))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"beam": 0}, "beam: want a whole number from 1 to 7, got 0"),
        ({"beam": 8}, "beam: want a whole number from 1 to 7, got 8"),
        ({"max_length": 0}, "max_length: want at least 1 word, got 0"),
        ({"mask": np.zeros((1, 5))}, "mask: want at least one region"),
        ({"features": draw(5, 4)}, r"features: want \(batch, regions, 4\)"),
    ],
)
def test_says_what_it_wants(inputs: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        captions(small(), **{"features": draw(1, 5, 4), **inputs})
    with pytest.raises(ValueError, match=r"features: want \(regions, 4\), got \(1, 5, 4\)"):
        caption(small(), draw(1, 5, 4))
    with pytest.raises(ValueError, match="want evaluation mode"):
        caption(small().train(), draw(5, 4))
