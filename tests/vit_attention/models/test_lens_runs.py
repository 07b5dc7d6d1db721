"""Logit lens, LeGrad and decision flow against brute force in double precision on a network whose pass is written out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import vit_attention as va
from tests.vit_attention.folders import text_folder
from tests.vit_attention.models import plain_vit as plain
from visualizer import methods
from vit_attention.gate import GateError

CLASS = 2
TEXT = "The soup was not good, the waiters slowed!"


@pytest.fixture(scope="module")
def model() -> Any:
    return plain.build()


def kept(model: Any, name: str, target: Any = CLASS, given: Any = None, **knobs: Any) -> Any:
    keep = methods()[name].needs_for(**knobs)
    return model.attend(plain.pixels() if given is None else given, target=target, keep=keep).signals[name]


def test_the_pass_that_is_written_out_is_the_networks(model: Any) -> None:
    scores = plain.head(model.module, plain.states(model.module, plain.pixels())[-1][0])
    torch.testing.assert_close(scores, model.module(plain.pixels())[0])


@pytest.mark.parametrize("similar", [False, True])
@pytest.mark.parametrize("pool", ["head", "mean"])
def test_legrad_is_the_numerical_gradient_of_each_blocks_own_score(model: Any, pool: str, similar: bool) -> None:
    module = model.module
    states = plain.states(module, plain.pixels())
    fixed = plain.normed(module.encoder.ln, states[-1])[4]  # patch (1, 1)

    def score(tokens: torch.Tensor) -> torch.Tensor:
        one = tokens.mean(dim=-2) if pool == "mean" else tokens[:, 0]
        if similar:
            return torch.cosine_similarity(plain.normed(module.encoder.ln, one), fixed, dim=-1)
        return plain.head(module, one)[:, CLASS]

    wanted = []
    for layer, tokens in zip(module.encoder.layers, states[:-1], strict=True):
        weights, value = plain.attention(layer, tokens)

        def own(changed: Any, layer: Any = layer, tokens: Any = tokens, value: Any = value) -> torch.Tensor:
            return score(plain.rest(layer, tokens, plain.mixed(changed, value)))

        wanted.append(plain.slopes(own, weights).clamp(min=0).mean(dim=(0, 1)))
    found = kept(model, "legrad", "similar:1,1" if similar else CLASS, pool=pool)
    np.testing.assert_allclose(found, torch.stack(wanted), atol=1e-6)
    assert found.max() > 1e-3


def flow(module: Any, read: Any, effects: str, rows: list[int]) -> Any:
    """(layers, tokens) by the definition: what each token puts into each feature, times that feature's numerical effect."""
    states, found = plain.states(module, plain.pixels()), []
    for number, (layer, tokens) in enumerate(zip(module.encoder.layers, states, strict=False)):
        weights, value = plain.attention(layer, tokens)
        joined = plain.mixed(weights, value)

        def own(changed: Any, layer: Any = layer, tokens: Any = tokens, number: int = number) -> torch.Tensor:
            found: torch.Tensor = read(plain.onward(module, plain.rest(layer, tokens, changed), number + 1))
            return found

        effect, total = plain.slopes(own, joined), torch.zeros(5, dtype=torch.float64)
        for row in rows:
            for feature in range(plain.WIDTH):
                head, part = divmod(feature, plain.WIDTH // plain.HEADS)
                slope = effect[row, feature]
                put = weights[head, row] * value[head, :, part]
                total += put * (slope.clamp(min=0) if effects == "positive" else slope)
        found.append(total)
    return torch.stack(found)


@pytest.mark.parametrize("effects", ["positive", "all"])
def test_decision_flow_takes_the_class_tokens_sum_apart(model: Any, effects: str) -> None:
    module = model.module
    wanted = flow(module, lambda tokens: plain.head(module, tokens[:, 0])[:, CLASS], effects, [0])
    np.testing.assert_allclose(kept(model, "decision-flow", effects=effects), wanted, atol=1e-5)


def test_decision_flow_of_a_similarity_is_of_the_token_that_it_is_about(model: Any) -> None:
    module = model.module
    fixed = plain.normed(module.encoder.ln, plain.states(module, plain.pixels())[-1])[4]

    def read(tokens: torch.Tensor) -> torch.Tensor:
        return torch.cosine_similarity(plain.normed(module.encoder.ln, tokens[:, 2]), fixed, dim=-1)

    wanted = flow(module, read, "positive", [2])
    np.testing.assert_allclose(kept(model, "decision-flow", "similar@0,1:1,1"), wanted, atol=1e-5)


def test_decision_flow_behind_a_mean_is_of_all_tokens_that_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    model = plain.build()
    module = model.module

    def read(tokens: torch.Tensor) -> torch.Tensor:
        return plain.head(module, tokens[:, 1:].mean(dim=1))[:, CLASS]

    def forward(given: torch.Tensor) -> torch.Tensor:
        patches = module.conv_proj(given).flatten(2).mT
        tokens = (
            torch.cat([module.class_token.expand(len(given), -1, -1), patches], dim=1) + module.encoder.pos_embedding
        )
        return plain.head(module, module.encoder.layers(tokens)[:, 1:].mean(dim=1))

    monkeypatch.setattr(module, "forward", forward)
    wanted = flow(module, read, "positive", [1, 2, 3, 4])
    np.testing.assert_allclose(kept(model, "decision-flow"), wanted, atol=1e-5)


def test_what_decision_flow_takes_apart_sums_to_what_the_class_token_got(model: Any) -> None:
    """With all effects the tokens of a block sum to its output for the class token times the gradient of the score by it."""
    module = model.module
    states = plain.states(module, plain.pixels())
    last = list(module.encoder.layers)[-1]
    joined = plain.mixed(*plain.attention(last, states[-2]))

    def own(changed: torch.Tensor) -> torch.Tensor:
        return plain.head(module, plain.rest(last, states[-2], changed)[:, 0])[:, CLASS]

    effect = plain.slopes(own, joined)
    whole = float((effect * joined)[0].sum())
    assert float(kept(model, "decision-flow", effects="all")[-1].sum()) == pytest.approx(whole, abs=1e-5)


def test_the_lens_is_norm_and_head_of_every_token_after_every_block(model: Any) -> None:
    found = kept(model, "logit-lens")
    assert found.shape == (plain.DEPTH + 1, 5, 5)
    for mine, tokens in zip(found, plain.states(model.module, plain.pixels()), strict=True):
        for number, token in enumerate(tokens):
            scores = plain.head(model.module, token).numpy()
            chances = np.exp(scores) / np.exp(scores).sum()
            rank = sorted(scores, reverse=True).index(scores[CLASS]) + 1
            wanted = [scores[CLASS], chances[CLASS], rank, scores.argmax(), chances.max()]
            np.testing.assert_allclose(mine[:, number], wanted, rtol=1e-4, atol=1e-5)


def test_the_lens_of_a_similarity_is_each_tokens_cosine(model: Any) -> None:
    states = [plain.normed(model.module.encoder.ln, one) for one in plain.states(model.module, plain.pixels())]
    found = kept(model, "logit-lens", "similar:1,0")
    for mine, tokens in zip(found, states, strict=True):
        np.testing.assert_allclose(mine[0], torch.cosine_similarity(tokens, states[-1][3][None], dim=-1), atol=1e-5)


@pytest.mark.parametrize("name", ["legrad", "decision-flow", "logit-lens"])
def test_patches_that_move_take_their_numbers_along(name: str) -> None:
    """A network without positions can't tell where patches are: a picture moved by a patch moves the map, and no other does."""
    model = plain.build(placeless=True)
    moved = plain.pixels().roll(8, dims=-1)
    maps = []
    for given in (plain.pixels(), moved, plain.pixels(1)):
        record = model.attend(given, target=CLASS, keep=methods()[name].needs)
        maps.append(methods()[name](record).values)
    np.testing.assert_allclose(maps[1], np.roll(maps[0], 1, axis=1), atol=1e-6)
    assert not np.allclose(maps[1], maps[0], atol=1e-4)
    assert not np.allclose(maps[2], maps[0], atol=1e-4)


def test_behind_the_last_block_the_lens_of_the_class_token_is_the_prediction() -> None:
    for name, given in (("scene-vit", "scene-7"), ("review-encoder", TEXT)):
        record = va.load(name).attend(given, target=1, keep=methods()["logit-lens"].needs)
        found, said = record.signals["logit-lens"][-1][:, 0], record.prediction
        wanted = [said.scores[1], said.probabilities[1], 1 + (said.scores > said.scores[1]).sum()]
        np.testing.assert_allclose(found[:3], wanted, rtol=1e-4)
        assert int(found[3]) == said.scores.argmax()


def test_the_lens_of_labels_is_the_naive_similarity_times_the_scale() -> None:
    model, picture = va.load("scene-clip"), va.open_picture("scene-7").image
    keep = methods()["logit-lens"].needs | methods()["naive"].needs
    record = model.attend(picture, labels=["red ring", "blue square"], target=1, keep=keep)
    naive = record.signals["naive"][:, 1, 1:] * model.space.scale + model.space.bias
    np.testing.assert_allclose(record.signals["logit-lens"][1:, 0], naive, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "knobs"),
    [("legrad", {"pool": "head"}), ("legrad", {"pool": "mean"}), ("decision-flow", {}), ("logit-lens", {})],
)
@pytest.mark.parametrize(
    ("family", "more"), [("bert", {}), ("modernbert", {"classifier_pooling": "mean"}), ("albert", {})]
)
def test_padding_of_a_batch_of_texts_changes_nothing(
    tmp_path: Path, family: str, more: Any, name: str, knobs: Any
) -> None:
    text_folder(tmp_path, family, **more)
    model, texts = va.load(f"hf:{tmp_path}"), [TEXT, "Never good."]
    needs = methods()[name].needs_for(**knobs)
    together = model.attend_many(texts, batch=2, keep=needs, target=1)
    for one, text in zip(together, texts, strict=True):
        alone = model.attend(text, keep=needs, target=1).signals[name]
        assert alone.shape[-1] == len(one.maps[0].key)
        np.testing.assert_allclose(one.signals[name], alone, atol=1e-5, rtol=1e-3)


def test_legrad_keeps_no_graph_from_one_block_to_the_next(model: Any) -> None:
    """Which would change no number, and cost the pass back through all of them."""
    entered: list[bool] = []
    handles = [
        one.ln_1.register_forward_pre_hook(lambda _, given: entered.append(given[0].requires_grad))
        for one in model.module.encoder.layers
    ]
    for name, graph in (("legrad", [False] * 3), ("decision-flow", [False, True, True])):
        entered.clear()
        kept(model, name)
        assert entered == graph
    for one in handles:
        one.remove()


@pytest.mark.parametrize("family", ["deberta-v2", "mpnet"])
def test_families_that_multiply_weights_and_values_themselves_have_their_flow(tmp_path: Path, family: str) -> None:
    """With all effects a block's tokens sum to gradient x output of the class token, here heard at the output projection."""
    text_folder(tmp_path, family)
    model = va.load(f"hf:{tmp_path}")
    record = model.attend(TEXT, target=1, keep=methods()["decision-flow"].needs_for(effects="all"))
    ready, heard = model.prepare(TEXT), []
    dense = [part for name, part in model.module.named_modules() if name.endswith(("output.dense", "attn.o"))]
    places = [one for one in dense if one.in_features == 32]

    def leaf(_: Any, given: Any) -> Any:
        heard.append(given[0].detach().requires_grad_() if not given[0].requires_grad else given[0])
        return (heard[-1], *given[1:])

    handles = [one.register_forward_pre_hook(leaf) for one in places]
    score = model.module(input_ids=ready.ids, attention_mask=ready.mask.long()).logits[0, 1]
    for one in handles:
        one.remove()
    slopes = torch.autograd.grad(score, heard)
    wanted = [float((one.detach() * slope)[0, 0].sum()) for one, slope in zip(heard, slopes, strict=True)]
    np.testing.assert_allclose(record.signals["decision-flow"].sum(axis=-1), wanted, atol=1e-5)


@pytest.mark.parametrize("name", ["legrad", "decision-flow", "logit-lens"])
def test_what_there_is_no_target_for_is_refused_in_a_sentence(tmp_path: Path, name: str) -> None:
    run = [one for one in methods()[name].needs if not isinstance(one, str)]
    why = r"target: want a similarity, such as .*photo-dino has no classes|logit-lens: want a class"
    with pytest.raises(GateError, match=why):
        va.load("photo-dino").attend("scene-7", keep=run)
    text_folder(tmp_path, "bert", head=False)
    with pytest.raises(GateError, match=r"target: want a model with classes|logit-lens: want a class"):
        va.load(f"hf:{tmp_path}").attend(TEXT, keep=run)


@pytest.mark.parametrize(("name", "knobs"), [("legrad", {"pool": "max"}), ("decision-flow", {"effects": "none"})])
def test_knobs_out_of_range_are_refused_before_the_pass(model: Any, name: str, knobs: Any) -> None:
    with pytest.raises(GateError, match=f"{name}: want .* got '{next(iter(knobs.values()))}'"):
        model.attend(plain.pixels(), target=0, keep=[va.records.Run.of(name, **knobs)])
