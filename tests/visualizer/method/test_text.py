"""Every method on the record of a text: [CLS] un ##happy is not [SEP], three layers of two heads."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce

import numpy as np
import pytest

from visualizer import methods
from visualizer.method.question import QuestionError, SignalError, askers
from vit_attention.gate import GateError
from vit_attention.records import AttentionMap, AttentionRecord, Axis, Prediction

AXIS = Axis.text(("un", "##happy", "is", "not", "[SEP]"), ("[CLS]",), (-1, 0, 0, 1, 2, -1))
TOKENS = 6
PATCHES = ("likeness", "plain-likeness", "components", "painted", "occlusion", "naive", "value", "value-value")


@pytest.fixture
def record(rng: np.random.Generator) -> AttentionRecord:
    maps = [
        AttentionMap(
            rng.dirichlet(np.ones(TOKENS), (2, TOKENS)).astype(np.float32),
            f"layer.{n}",
            n,
            "self",
            AXIS,
            AXIS,
            gradient=rng.normal(size=(2, TOKENS, TOKENS)).astype(np.float32),
        )
        for n in range(3)
    ]
    said = Prediction(labels=("bad", "good"), scores=np.array([0.5, 1], np.float32), target=1)
    norms = rng.uniform(1, 2, (3, TOKENS)).astype(np.float32)
    grams = {"value-grams": np.ones((3, TOKENS, 2, 2), np.float32)}
    return AttentionRecord(tuple(maps), prediction=said, norms=norms, signals=grams, text="Unhappy is not")


def mean(record: AttentionRecord, layer: int) -> np.ndarray:
    return record.maps[layer].weights.mean(axis=0)


@pytest.mark.parametrize(
    ("query", "rows", "words"),
    [
        ("not", [4], 'token 5, "not"'),
        ("Unhappy", [1, 2], '"Unhappy" (2 tokens)'),
        ("unhappy", [1, 2], '"unhappy" (2 tokens)'),
        ("happy", [2], 'token 3, "happy"'),
        (3, [3], 'token 4, "is"'),
        ("class", [0], 'token 1, "[CLS]"'),
        (None, [0], 'token 1, "[CLS]"'),
        ("[SEP]", [5], 'token 6, "[SEP]"'),
        ("mean", [0, 1, 2, 3, 4, 5], "the mean of all 6 tokens"),
        (["un", "not"], [1, 4], "2 tokens together"),
    ],
)
def test_words_tokens_and_the_class_token_ask(
    record: AttentionRecord, query: object, rows: list[int], words: str
) -> None:
    found = methods()["raw"](record, query=query, layer=1, head=1)
    np.testing.assert_allclose(found.row, record.maps[1].weights[1, rows].mean(axis=0), rtol=1e-6)
    assert found.words == f"layer 2, head 2, asked by {words}"
    assert found.values.shape == (TOKENS - 1,)  # as everywhere without the leading special tokens


def test_rollout_and_its_kin_are_products(record: AttentionRecord) -> None:
    steps = [0.5 * np.eye(TOKENS) + 0.5 * mean(record, n) for n in range(3)]
    whole = reduce(lambda below, step: step @ below, steps)
    np.testing.assert_allclose(methods()["rollout"](record, query="not").row, whole[4], rtol=1e-5)
    two = methods()["rollout-so-far"](record, query="not", layer=1)
    np.testing.assert_allclose(two.row, (steps[1] @ steps[0])[4], rtol=1e-5)
    flat = methods()["mean-of-layers"](record, query="unhappy")
    np.testing.assert_allclose(flat.row, np.mean([mean(record, n)[1:3].mean(axis=0) for n in range(3)], axis=0), 1e-5)
    fused = methods()["fused"](record, query="not", layer=0, head_fusion="max")
    np.testing.assert_allclose(fused.row, record.maps[0].weights[:, 4].max(axis=0))


@pytest.mark.parametrize("layer", [None, 0, 1])
def test_gradients_are_those_of_the_class_token(record: AttentionRecord, layer: int | None) -> None:
    """Both rules as matrices, token by token, up to any layer."""
    relevant, rolled = np.eye(TOKENS), np.eye(TOKENS)
    for one in record.maps[: 3 if layer is None else layer + 1]:
        assert one.gradient is not None
        effect = one.weights * one.gradient
        relevant = relevant + np.maximum(effect, 0).mean(axis=0) @ relevant
        step = np.maximum(effect.mean(axis=0), 0) + np.eye(TOKENS)
        rolled = step / step.sum(axis=-1, keepdims=True) @ rolled
    found = methods()["relevance"](record, layer=layer)
    np.testing.assert_allclose(found.row, relevant[0], rtol=1e-5)
    np.testing.assert_allclose(methods()["gradient-rollout"](record, layer=layer).row, rolled[0], rtol=1e-5)
    ends = "" if layer is None else f" up to layer {layer + 1}"
    assert found.words == f'relevance from layer 1{ends} for the class good, asked by token 1, "[CLS]"'


def test_columns_and_lengths_are_of_tokens(record: AttentionRecord) -> None:
    square = mean(record, 2)
    others = [np.delete(square[:, k], k).mean() * TOKENS for k in range(TOKENS)]
    np.testing.assert_allclose(methods()["received"](record).row, others, rtol=1e-5)
    np.testing.assert_array_equal(methods()["lengths"](record, layer=1).row, record.norms[1])


@pytest.mark.parametrize("name", PATCHES)
def test_what_is_about_patches_says_so(record: AttentionRecord, name: str) -> None:
    with pytest.raises(QuestionError, match=r"^method: .*(patch|picture)") as caught:
        methods()[name](record)
    assert not isinstance(caught.value, SignalError)  # attending again would not help


def test_every_other_method_works(record: AttentionRecord) -> None:
    for name, method in methods().items():
        if not (method.of_patches or method.changes == "picture" or method.reads_run):
            assert methods()[name](record).row.shape == (TOKENS,)


def test_without_a_class_token_the_mean_asks(record: AttentionRecord) -> None:
    bare = Axis.text(("un", "##happy", "is", "not", "[SEP]", "x"), (), (0, 0, 1, 2, -1, 3))
    maps = tuple(replace(one, query=bare, key=bare) for one in record.maps)
    made = replace(record, maps=maps)
    assert methods()["raw"](made).words.endswith("asked by the mean of all 6 tokens")
    with pytest.raises(QuestionError, match="needs a class token, and this model has none"):
        methods()["relevance"](made)
    with pytest.raises(GateError, match=r'a word of the text \(unhappy is not \[SEP\] x\), "mean", got .class.'):
        methods()["raw"](made, query="class")


def test_what_leads_generated_text_is_a_prompt() -> None:
    read = Axis.text(("▁tea", "</s>"), ("<s>", "<s_menu>"))
    assert askers(read, []).words == "the mean of all 4 tokens"
    with pytest.raises(GateError, match="what was said"):
        askers(read, ["class"])


def test_a_word_of_the_text_goes_before_a_piece_of_another() -> None:
    axis = Axis.text(("ca", "##in", "in", "café"), (), (0, 0, 1, 2))
    assert askers(axis, ["in"]).rows == (2,)
    assert askers(axis, ["CAFE"]).rows == (3,)
    assert askers(axis, ["cain"]).words == '"cain" (2 tokens)'
    assert askers(Axis.text(("Not", "good", "not"), (), (0, 1, 2)), ["not"]).rows == (2,)
    with pytest.raises(GateError, match="query: want a number from 0 to 3, a word of the text"):
        askers(axis, ["dog"])
    with pytest.raises(GateError, match="a field that was read"):
        askers(axis, ["field:total"])


def test_one_matrix_a_layer_stands_in_for_all_heads_of_a_text(record: AttentionRecord) -> None:
    fused = np.stack([one.weights.mean(axis=0) for one in record.maps])
    kept = tuple(replace(one, weights=one.weights[:, :1], queries=(0,), gradient=None) for one in record.maps)
    made = replace(record, maps=kept, signals={"head-mean": fused}, prediction=Prediction())
    np.testing.assert_allclose(
        methods()["rollout"](made, query="not").row, methods()["rollout"](record, query="not").row, rtol=1e-5
    )
    np.testing.assert_allclose(methods()["raw"](made, query="not").row, fused[2, 4], rtol=1e-6)
