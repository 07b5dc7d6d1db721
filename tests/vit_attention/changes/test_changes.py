"""Interventions against a pass written out by hand in double precision, for every family of networks, and between threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import vit_attention as va
from tests.vit_attention.folders import dual_folder, picture, text_folder
from tests.vit_attention.models import plain_vit
from tests.vit_attention.models.test_tail import HF, TIMM, WORD_HEADS, hf, timm_model
from visualizer import methods
from vit_attention.capture import CaptureError
from vit_attention.models.trial import each_head_off, head_means, head_scores

LAYERS, HEADS, TOKENS = plain_vit.DEPTH, plain_vit.HEADS, 5
Block = Callable[[int, Tensor, Tensor], tuple[Tensor, Tensor]]
TEXT = "The soup was not good."


@pytest.fixture(scope="module")
def model() -> Any:
    return plain_vit.build()


def by_hand(model: Any, block: Block) -> Tensor:
    """Raw scores where `block` makes of the number, weights and values of a layer the weights, and what its heads put out."""
    tokens = plain_vit.embedded(model.module, plain_vit.pixels())
    for number, layer in enumerate(model.module.encoder.layers):
        weights, value = plain_vit.attention(layer, tokens)
        _, out = block(number, weights, value)
        tokens = plain_vit.rest(layer, tokens, out.transpose(-2, -3).flatten(-2))
    last = plain_vit.normed(model.module.encoder.ln, tokens)[0]
    found: Tensor = last @ model.module.heads.head.weight.mT + model.module.heads.head.bias
    return found


def scores(model: Any, change: Any) -> np.ndarray:
    return model.under(change)._scores(plain_vit.pixels())[0]


def same(found: np.ndarray, wanted: Tensor) -> None:
    np.testing.assert_allclose(found, wanted.float().numpy(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("gain", [-1.0, 0.0, 1.0, 2.5])
def test_a_heads_gain_is_that_of_its_output(model: Any, gain: float) -> None:
    def block(number: int, weights: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        out = weights @ value
        if number == 1:
            out[1] *= gain
        return weights, out

    same(scores(model, va.HeadGains({(1, 1): gain})), by_hand(model, block))


def test_around_its_mean_a_head_that_is_off_puts_out_the_mean(model: Any) -> None:
    means = np.random.default_rng(0).normal(size=(LAYERS, HEADS, TOKENS, 4))

    def block(number: int, weights: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        out = weights @ value
        if number == 2:
            out[0] = torch.from_numpy(means[2, 0])
        return weights, out

    found = scores(model, va.HeadGains({(2, 0): 0.0}, means))
    same(found, by_hand(model, block))
    same(scores(model, va.HeadGains({(2, 0): 1.0}, means)), by_hand(model, lambda _, w, v: (w, w @ v)))


def test_even_rows_share_what_the_patches_had(model: Any) -> None:
    def block(number: int, weights: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        if number in (0, 2):
            weights = weights.clone()
            weights[:, :, 1:] = weights[:, :, 1:].mean(-1, keepdim=True)
        return weights, weights @ value

    same(scores(model, va.ChangedRows("uniform", layers=[0, 2])), by_hand(model, block))


def test_permuted_rows_hold_the_same_weights_on_other_patches(model: Any) -> None:
    before = model.attend(plain_vit.pixels())
    after = model.under(va.ChangedRows("permuted", layers=[0], heads=[1], queries=[0, 3])).attend(plain_vit.pixels())
    own, other = before.maps[0].weights, after.maps[0].weights
    kept = np.ones((HEADS, TOKENS), bool)
    kept[1, [0, 3]] = False
    np.testing.assert_array_equal(own[kept], other[kept])
    np.testing.assert_array_equal(own[:, :, 0], other[:, :, 0])
    np.testing.assert_allclose(np.sort(own[~kept], -1), np.sort(other[~kept], -1))
    assert abs(own[~kept] - other[~kept]).max() > 1e-3

    def block(number: int, weights: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        used = torch.from_numpy(other).double() if number == 0 else weights
        return used, used @ value

    same(np.array(after.prediction.scores), by_hand(model, block))


def test_the_order_is_the_seeds(model: Any) -> None:
    one, again, other = (scores(model, va.ChangedRows("permuted", seed=seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, again)
    assert abs(one - other).max() > 1e-3


def test_rows_of_another_input_are_used_as_they_are(model: Any) -> None:
    there = model.attend(plain_vit.pixels(1))
    rows = [torch.from_numpy(np.array(one)).double() for one in there.layers]
    found = scores(model, va.ChangedRows("given", given=there.layers))
    same(found, by_hand(model, lambda number, _, value: (rows[number], rows[number] @ value)))
    own = scores(model, va.ChangedRows("given", given=model.attend(plain_vit.pixels()).layers))
    same(own, by_hand(model, lambda _, weights, value: (weights, weights @ value)))


def test_a_column_that_nobody_looks_at_is_minus_infinity_in_the_softmax(model: Any) -> None:
    def block(number: int, weights: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        scores = weights.log()
        scores[0, :, 2] = float("-inf")
        weights = scores.softmax(-1)
        return weights, weights @ value

    same(scores(model, va.WithoutColumns([2], heads=[0])), by_hand(model, block))


def test_a_register_is_one_zero_token_more_that_the_head_does_not_see(model: Any) -> None:
    tokens = plain_vit.embedded(model.module, plain_vit.pixels())
    tokens = torch.cat([tokens[:1], torch.zeros_like(tokens[:1]), tokens[1:]])
    wanted = [tokens]
    for layer in model.module.encoder.layers:
        weights, value = plain_vit.attention(layer, wanted[-1])
        wanted.append(plain_vit.rest(layer, wanted[-1], plain_vit.mixed(weights, value)))
    record = model.under(va.AddedRegister()).attend(plain_vit.pixels(), keep={"hidden"})
    assert record.maps[0].query.special == ("class", "register")
    for own, one in zip(record.signals["hidden"], wanted, strict=True):
        same(own, one)
    last = plain_vit.normed(model.module.encoder.ln, wanted[-1])[0]
    same(np.array(record.prediction.scores), last @ model.module.heads.head.weight.mT + model.module.heads.head.bias)


def test_neurons_go_to_the_register(model: Any) -> None:
    from torch.nn.functional import gelu

    tokens = plain_vit.embedded(model.module, plain_vit.pixels())
    tokens = torch.cat([tokens[:1], torch.zeros_like(tokens[:1]), tokens[1:]])
    layer = model.module.encoder.layers[0]
    weights, value = plain_vit.attention(layer, tokens)
    joined = plain_vit.mixed(weights, value)
    after = tokens + joined @ layer.self_attention.out_proj.weight.mT + layer.self_attention.out_proj.bias
    hidden = gelu(plain_vit.normed(layer.ln_2, after) @ layer.mlp[0].weight.mT + layer.mlp[0].bias)
    largest = hidden[:, 5].max()
    hidden[:, 5] = 0
    hidden[1, 5] = largest
    wanted = after + hidden @ layer.mlp[3].weight.mT + layer.mlp[3].bias
    found = model.under(va.AddedRegister({0: [5]})).hidden_states(plain_vit.pixels())
    same(found[1], wanted)


def test_changes_add_up(model: Any) -> None:
    both = model.under(va.HeadGains({(0, 0): 0.0})).under(va.HeadGains({(1, 1): 2.0}))
    np.testing.assert_allclose(
        both._scores(plain_vit.pixels())[0], scores(model, va.HeadGains({(0, 0): 0.0, (1, 1): 2.0})), atol=1e-6
    )
    record = both.attend(plain_vit.pixels())
    assert record.settings["changes"] == ["head 1 of layer 1 x 0", "head 2 of layer 2 x 2"]
    assert sum("Changed while it ran" in note for note in record.settings["notes"]) == 2
    carried = model.under(va.AddedRegister()).under(va.WithoutColumns([1])).attend(plain_vit.pixels())
    assert not carried.maps[1].weights[:, :, 1].any()


def test_every_head_by_itself_is_one_pass_of_a_batch(model: Any) -> None:
    gains = each_head_off(LAYERS, HEADS)
    together = head_scores(model, plain_vit.pixels(), gains)
    np.testing.assert_allclose(together[0], model._scores(plain_vit.pixels())[0], atol=1e-6)
    for number, (layer, head) in enumerate(np.ndindex(LAYERS, HEADS), start=1):
        np.testing.assert_allclose(
            together[number], scores(model, va.HeadGains({(layer, head): 0.0})), rtol=0, atol=1e-6
        )


def test_a_heads_mean_output_is_the_mean_of_weights_times_values(model: Any) -> None:
    given = [plain_vit.pixels(n) for n in range(3)]
    wanted = np.zeros((LAYERS, HEADS, TOKENS, 4))
    for one in given:
        states = plain_vit.states(model.module, one)
        for number, (layer, tokens) in enumerate(zip(model.module.encoder.layers, states, strict=False)):
            weights, value = plain_vit.attention(layer, tokens)
            wanted[number] += (weights @ value).numpy() / 3
    np.testing.assert_allclose(head_means(model, given), wanted, rtol=0, atol=1e-5)


def test_a_similarity_is_scored_too() -> None:
    model = plain_vit.build()
    model.classes = ()
    found = head_scores(model, plain_vit.pixels(), each_head_off(LAYERS, HEADS), target="similar:0,1")
    assert found.shape == (1 + LAYERS * HEADS, 1)
    record = model.attend(plain_vit.pixels(), target="similar:0,1")
    said = next(note for note in record.settings["notes"] if "cosine" in note)
    assert f"cosine {found[0, 0]:.3f}" in said


def check(model: Any, given: Any, **more: Any) -> None:
    """All heads on change nothing; all heads off, and other rows, change the tokens; the record keeps rows that sum to 1."""
    plain = model.attend(given, **more)
    depth, heads = len(plain.layers), len(plain.layers[0])
    for change in (
        va.HeadGains(np.ones((depth, heads))),
        va.HeadGains({(0, 0): 1.0}, np.zeros((depth, heads, len(plain.maps[0].query), model.anatomy.width // heads))),
    ):
        np.testing.assert_allclose(model.under(change).attend(given, **more).norms, plain.norms, rtol=1e-4, atol=1e-4)
    off = model.under(va.HeadGains(np.zeros((depth, heads)))).attend(given, **more)
    assert abs(off.norms[-1] - plain.norms[-1]).max() > 1e-3
    even = model.under(va.ChangedRows("uniform", layers=[depth - 1])).attend(given, **more)
    np.testing.assert_array_equal(even.maps[0].weights, plain.maps[0].weights)
    for one in even.layers:
        np.testing.assert_allclose(np.asarray(one).sum(-1), 1, atol=1e-5)
    assert even.residual is not None
    assert even.residual < 1e-4


@pytest.mark.parametrize("name", HF)
def test_networks_of_transformers(tmp_path: Path, name: str) -> None:
    check(hf(tmp_path, name), picture())


@pytest.mark.parametrize("name", TIMM)
def test_networks_of_timm(tmp_path: Path, name: str) -> None:
    check(timm_model(tmp_path, name), picture())


@pytest.mark.parametrize(("family", "more"), [one for one in WORD_HEADS if one[0] != "albert"])
def test_encoders_of_texts(tmp_path: Path, family: str, more: dict[str, Any]) -> None:
    text_folder(tmp_path, family, **more)
    check(va.load(f"hf:{tmp_path}"), TEXT)


@pytest.mark.parametrize("family", ["clip", "siglip"])
def test_dual_encoders(tmp_path: Path, family: str) -> None:
    dual_folder(tmp_path, family)
    model = va.load(f"hf:{tmp_path}")
    check(model, picture(), labels=["a dog", "a cat"])
    changed = model.under(va.HeadGains({(0, 0): 5.0}))
    assert abs(changed.similarity([picture()], "a dog") - model.similarity([picture()], "a dog")).max() > 1e-6
    with pytest.raises(va.GateError, match="encoder of pictures is changed"):
        changed.attend("a dog")


def test_a_block_that_is_used_again_and_again_is_refused(tmp_path: Path) -> None:
    text_folder(tmp_path, "albert")
    with pytest.raises(va.GateError, match="a block of its own"):
        va.load(f"hf:{tmp_path}").under(va.HeadGains({(0, 0): 0.0}))


@pytest.mark.parametrize(
    "change",
    [
        lambda: va.HeadGains({(9, 0): 0.0}),
        lambda: va.HeadGains({(0, 2): 0.0}),
        lambda: va.HeadGains({(0, 0): float("nan")}),
        lambda: va.HeadGains(np.ones((2, 2))),
        lambda: va.HeadGains({(0, 0): 0.0}, np.zeros((1, 2, 5, 4))),
        lambda: va.ChangedRows("mixed"),
        lambda: va.ChangedRows("uniform", layers=[3]),
        lambda: va.ChangedRows("uniform", heads=[0, 0]),
        lambda: va.ChangedRows("given"),
        lambda: va.ChangedRows("permuted", seed=-1),
        lambda: va.ChangedRows("given", given=[np.ones((2, 5, 5))] * 3),
        lambda: va.WithoutColumns([1], layers=[7]),
        lambda: va.AddedRegister({0: [12]}),
        lambda: va.AddedRegister({5: [1]}),
        lambda: "head 1 off",
    ],
)
def test_what_a_model_does_not_have_is_refused_before_it_runs(model: Any, change: Callable[[], Any]) -> None:
    with pytest.raises(va.GateError, match=r"want .*, got"):
        model.under(change())


@pytest.mark.parametrize("change", [va.WithoutColumns([5]), va.ChangedRows("uniform", queries=[5])])
def test_a_token_that_is_not_there_is_refused_when_it_runs(model: Any, change: Any) -> None:
    with pytest.raises(va.GateError, match="from 0 to 4"):
        model.under(change).attend(plain_vit.pixels())


def test_attention_that_nothing_can_change_is_no_silent_success() -> None:
    model = plain_vit.build()
    model.anatomy.blocks[0].self_attention.forward = lambda query, *_, **__: (query, None)
    with pytest.raises(CaptureError, match="can be changed, got none that could in 1"):
        model.under(va.HeadGains({(0, 0): 0.0}))._scores(plain_vit.pixels())


def test_gradients_are_those_of_the_changed_network(model: Any) -> None:
    """The relevance of a head that is off is nothing: what it looks at moves no score."""
    keep = methods()["relevance"].needs
    record = model.under(va.HeadGains({(2, 1): 0.0})).attend(plain_vit.pixels(), keep=keep, target="b")
    assert not record.maps[2].gradient[1].any()
    assert record.maps[2].gradient[0].any()


def test_runs_are_those_of_the_changed_network(model: Any) -> None:
    run = methods()["input-gradients"].needs
    off = model.under(va.HeadGains(np.zeros((LAYERS, HEADS))))
    record = off.attend(plain_vit.pixels(), keep=run, target="b")
    # Without attention the class token is the same for every picture.
    assert not np.asarray(record.signals["input-gradients"]).any()


def test_eight_visitors_with_changes_of_their_own_get_what_each_gets_alone(model: Any) -> None:
    changes = [
        None,
        va.HeadGains({(0, 0): 0.0}),
        va.HeadGains({(0, 0): 3.0}),
        va.ChangedRows("permuted"),
        va.ChangedRows("uniform"),
        va.WithoutColumns([0]),
        va.AddedRegister(),
        va.AddedRegister({1: [3]}),
    ]
    views = [model if one is None else model.under(one) for one in changes]
    alone = [view._scores(plain_vit.pixels()) for view in views]

    def work(number: int) -> bool:
        for _ in range(12):
            if number % 3 == 2:  # some fail in the middle of a pass
                with pytest.raises(va.GateError):
                    model.under(va.WithoutColumns([9]))._scores(plain_vit.pixels())
            if not np.array_equal(views[number]._scores(plain_vit.pixels()), alone[number]):
                return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))
    np.testing.assert_array_equal(model._scores(plain_vit.pixels()), alone[0])
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.module.modules())
