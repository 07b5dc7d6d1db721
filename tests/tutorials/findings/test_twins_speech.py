"""Answers to the questions around the lessons on captions, regions, labels and reviews, from numbers made by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.tutorials.findings.hand import context, everywhere
from tests.tutorials.findings.test_asking import BESIDE, ON, RED, look
from tests.tutorials.findings.test_captions import RING, STAR, WORDS, captioning, looks
from tutorials.findings import twins_speech
from tutorials.findings.captions import Shuffled
from tutorials.findings.context import Context, Picture, Selection
from vit_attention import load
from worlds.sentences import sentence


@pytest.mark.parametrize(
    ("ring", "star", "answer"),
    [(0.4, 0.4, twins_speech.BOTH), (0.4, 0.05, twins_speech.ONE), (0.1, 0.1, twins_speech.NEITHER)],
)
def test_a_thing_is_looked_at_if_its_weight_exceeds_its_share_of_the_cells(ring: float, star: float, answer: str) -> None:
    """Each thing fills one cell of eight, 12.5 % of them."""
    rows = looks()
    row = np.full(8, (1 - ring - star) / 6)
    row[RING], row[STAR] = ring, star
    rows[WORDS.index("left")] = row
    assert twins_speech.relation(captioning([rows])).answer == answer
    assert twins_speech.relation(captioning([looks()], scene=False)).answer is None


@pytest.mark.parametrize(
    ("moved", "misplaced", "answer"),
    [
        (True, False, twins_speech.ORDER),
        (False, True, twins_speech.PLACES),
        (True, True, twins_speech.ANY),
        (False, False, twins_speech.NOTHING),
    ],
)
def test_which_experiment_changes_the_sentence(moved: bool, misplaced: bool, answer: str) -> None:
    now = captioning([looks()])
    said = now.record.prediction.text
    other = said.replace("left", "right")
    found = Shuffled(np.arange(8), other if moved else said, now.decoder, other if misplaced else said)
    assert twins_speech.order(replace(now, run=lambda *given, **more: found)).answer == answer
    assert twins_speech.order(replace(now, runs=False)).answer is None


GROUND = [[0.0, 0.0, 0.1], [0.0, 0.9, 0.1]]


@pytest.mark.parametrize(
    ("maps", "answer"),
    [
        ([ON, ON, ON], twins_speech.ALL),
        ([ON, ON, GROUND], twins_speech.COLOUR),
        ([ON, GROUND, GROUND], twins_speech.TRUE),
        ([BESIDE, ON, ON], None),
    ],
)
def test_for_how_many_labels_the_strongest_patch_lies_on_the_ring(maps: Any, answer: str | None) -> None:
    assert twins_speech.labels_on_objects(look(RED, naive=maps)).answer == answer


def test_the_brightest_word_of_a_review_is_masked_by_writing_the_mask_there() -> None:
    model, made = load("review-encoder"), sentence(11)
    picture = Picture.sentence(made.text, made)
    record = model.attend(picture.text)
    found = twins_speech.bright_word(Context("review-encoder", picture, record, Selection(0, None, 0, 0, 0, ())))
    row = record.layers[0][:, 0].mean(axis=0)
    tokens, words = [int(n) for n in np.argsort(row)[::-1]], record.maps[0].key.words
    best = next(n for n in tokens if words[n] >= 0)
    name = record.maps[0].key.labels[best - 1]
    masked = made.text.replace(name, "[MASK]", 1)
    before, after = (one.argmax() for one in model.classify([made.text, masked]))
    assert f"“{name}”" in found.text
    assert found.answer == (twins_speech.STAYS if before == after else twins_speech.TURNS)


def test_a_picture_without_truth_and_a_model_without_classes_cannot_be_asked() -> None:
    now = context([[everywhere([1] * 7)]], (2, 3))
    assert twins_speech.labels_on_objects(now).answer is None
    assert twins_speech.bright_word(now).answer is None
