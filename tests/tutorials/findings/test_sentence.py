"""Findings about a made-up review against brute force on the bundled encoder, and on maps made by hand."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy.special import softmax

import vit_attention as va
from tests.tutorials.findings.hand import context as of_picture
from tests.tutorials.findings.hand import everywhere
from tutorials.claims.fresh import FIRST
from tutorials.findings import deciding, finding, sentence
from tutorials.findings.context import Context, Picture, Selection
from tutorials.findings.controls import controls
from vit_attention.gate import GateError
from vit_attention.records import AttentionRecord, Axis
from worlds.sentences import Sentence
from worlds.sentences import sentence as review

CLAIMS = ("class_token_points", "masking_points", "rollout_surer", "antonym_turns")


@cache
def model() -> Any:
    return va.load("review-encoder")


def run(work: Any, name: str, picture: Any, *args: Any, **given: Any) -> Any:
    return work(model(), picture, *args, **given)


def context(made: Sentence | str, layer: int = 3, head: int | None = None) -> Context:
    text, truth = (made, None) if isinstance(made, str) else (made.text, made)
    record = model().attend(text)
    return Context("review-encoder", Picture.sentence(text, truth), record, Selection(layer, head, 0, 0, 0, ()), run)


def spelled(record: AttentionRecord) -> list[list[int]]:
    """Tokens of each word of letters, from the spelling of the tokens alone."""
    axis, words = record.maps[-1].key, []
    for n, name in enumerate((*axis.special, *axis.labels)):
        if name.startswith("##"):
            words[-1].append(n)
        elif re.fullmatch(r"\w+", name):
            words.append([n])
    return words


def test_the_tokens_of_each_word_are_those_that_spell_it() -> None:
    for seed in range(30):
        made = review(seed)
        record = model().attend(made.text)
        assert [list(one) for one in deciding.tokens_of(record.maps[-1].key, made)] == spelled(record)


def test_an_axis_of_another_text_is_refused() -> None:
    with pytest.raises(GateError, match="axis: want tokens of each word of the review, got none of"):
        deciding.tokens_of(Axis.text(("tea",), (), (0,)), review(7))


def test_the_strongest_word_by_hand() -> None:
    """The row of the first token in the last layer, summed over the tokens of each word."""
    for seed in (7, 8, 13):
        made = review(seed)
        now = context(made)
        row = now.record.maps[-1].weights.astype(float).mean(axis=0)[0]
        sums = [sum(row[n] for n in tokens) for tokens in spelled(now.record)]
        found = sentence.class_token_points(now)
        assert found.answer is (int(np.argmax(sums)) in made.decisive)
        assert f"“{made.words[int(np.argmax(sums))]}”" in found.text


def test_masking_is_the_text_with_the_mask_token_in_a_words_place() -> None:
    now = context(review(8))
    found, text = sentence.masked(now), now.picture.text
    whole = list(re.finditer(r"\w+|[^\w\s]", text))
    assert list(found.words) == [one[0] for one in whole]
    for n, one in enumerate(whole):
        # A word of several tokens has as many mask tokens.
        tokens = len(model().tokens_of(one[0]).axis) - 2
        changed = text[: one.start()] + " ".join(["[MASK]"] * tokens) + text[one.end() :]
        asked = softmax(model().classify([changed])[0])
        np.testing.assert_allclose(found.probabilities[n], asked, atol=2e-4)
    np.testing.assert_allclose(found.before, softmax(model().classify([text])[0]), atol=1e-5)
    turned = [found.turns(n) for n in range(len(whole))]
    assert turned == [bool(row[1 - found.said] > row[found.said]) for row in found.probabilities]


def test_the_largest_fall_by_brute_force() -> None:
    for seed in (7, 9):
        made = review(seed)
        said = int(model().classify([made.text])[0].argmax())
        falls = []
        for start, end in made.spans:
            tokens = len(model().tokens_of(made.text[start:end]).axis) - 2
            changed = made.text[:start] + " ".join(["[MASK]"] * tokens) + made.text[end:]
            falls.append(-model().classify([changed])[0][said])
        assert sentence.masking_points(context(made)).answer is (int(np.argmax(falls)) in made.decisive)


def test_an_antonym_turns_the_verdict_where_it_decides() -> None:
    made = review(7)
    found = sentence.antonym_turns(context(made))
    assert found.answer is True
    assert found.text == "With “lovely” for “dreadful”, 1 of 16 words, the model says negative instead of positive."
    other = next(one for one in controls(sentence.antonym_turns) if one.name == "antonym of another word")
    moved = other.change(context(made), np.random.default_rng(0))
    assert moved.picture.review.words[moved.picture.review.decisive[0]] == "messy"
    assert sentence.antonym_turns(moved).answer is False
    plain = review(4)  # it has one polar word, so that there is no other
    assert sentence.antonym_turns(other.change(context(plain), np.random.default_rng(0))).answer is None


def test_rollouts_share_by_hand() -> None:
    """Two layers of three tokens: the class token, "good", which decides, and "soup"."""
    axis = Axis.text(("good", "soup"), ("[CLS]",), (-1, 0, 1))
    made = replace(review(7), text="good soup", words=("good", "soup"), decisive=(0,))
    first = np.array([[[0, 0, 1], [0, 1, 0], [0, 0, 1]]], np.float32)
    last = np.array([[[0, 0.5, 0.5], [0, 1, 0], [0, 0, 1]]], np.float32)
    base = model().attend("good soup")
    maps = tuple(
        replace(base.maps[0], layer=n, weights=one, query=axis, key=axis) for n, one in enumerate((first, last))
    )
    record = replace(base, maps=maps, norms=np.zeros((0, 0), np.float32), signals={})
    now = Context("review-encoder", Picture.sentence("good soup", made), record, Selection(1, None, 0, 0, 0, ()), run)
    found = sentence.rollout_surer(now)
    # Rollout: (0.5 I + 0.5 last)(0.5 I + 0.5 first), row 0 = 0.5 (0.5, 0, 0.5) + 0.25 (0, 1, 0) + 0.25 (0, 0, 1).
    assert found.answer is False
    assert "the deciding ones get 33% by rollout and 50% in the last layer" in found.text


def test_guesses_point_where_they_say() -> None:
    made = review(7)
    for name, at in (("longest word", made.words.index("anything")), ("last word", 15)):
        change = next(one for one in controls(sentence.class_token_points) if one.name == name).change
        now = change(context(made), np.random.default_rng(1))
        for claim in (sentence.class_token_points, sentence.masking_points):
            found = claim(now)
            assert found.answer is (at in made.decisive)
            assert f"“{made.words[at]}”" in found.text
    with_seed = next(one for one in controls(sentence.masking_points) if one.name == "random word").change
    hits = [sentence.class_token_points(with_seed(context(made), np.random.default_rng(n))).answer for n in range(200)]
    assert abs(np.mean(hits) - 3 / 16) < 0.1


def test_words_in_another_order_are_the_same_weights() -> None:
    now = context(review(7))
    (change,) = (one.change for one in controls(sentence.rollout_surer))
    mixed = change(now, np.random.default_rng(3))
    for one, other in zip(now.record.layers, mixed.record.layers, strict=True):
        np.testing.assert_allclose(np.sort(one, axis=-1), np.sort(other, axis=-1))
        np.testing.assert_array_equal(one[..., [0, -1]], other[..., [0, -1]])
        assert not np.array_equal(one, other)


def test_questions_by_hand() -> None:
    now = context("The soup was not good.", layer=1, head=0)
    assert sentence.weights_of_a_head(now).answer == 64  # [CLS] the soup was not good . [SEP]
    row = now.record.maps[1].weights[0, 0].astype(float)
    assert sentence.kept_by_words(now).answer == pytest.approx(100 * (1 - row[0] - row[-1]), abs=1e-3)
    found = sentence.layers_that_read(context(review(7)))
    assert found.answer == sentence.LATE
    assert "layer 3: 80%" in found.text


@pytest.mark.parametrize("name", [*CLAIMS, "layers_that_read", "weights_of_a_head", "kept_by_words"])
def test_what_cannot_be_tested_is_said(name: str) -> None:
    found = finding(f"sentence.{name}")
    looked = found(of_picture([[everywhere([1, 1])]], (1, 1)))
    assert (looked.answer, looked.text) == (None, sentence.NO_TEXT.text)
    typed = found(context("Nobody marked this."))
    if name not in ("weights_of_a_head", "kept_by_words"):
        assert (typed.answer, typed.text) == (None, sentence.NO_REVIEW.text)


def test_hits_are_counted_on_reviews_that_training_never_saw() -> None:
    found = deciding.hits_of(model(), None, FIRST)
    made = review(FIRST, "held-out")
    assert made.template.split == "held-out"
    assert found["last word"] == float(len(made.words) - 1 in made.decisive)
    now = context(made)
    assert bool(found["class token, layer 4, head mean"]) is sentence.class_token_points(now).answer
    assert bool(found["masking"]) is sentence.masking_points(now).answer
