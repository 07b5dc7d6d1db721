"""Padding as the network meets it, against the record of the same text without any."""

from __future__ import annotations

import numpy as np
import pytest

import vit_attention as va
from tests.tutorials.findings.hand import context, everywhere
from tutorials.findings import padding
from tutorials.findings.context import Context, Picture, Selection

TEXT = "The soup was not good."


def test_padding_is_masked_and_changes_nothing_for_the_text() -> None:
    model = va.load("review-encoder")
    record = model.attend(TEXT)
    found = padding.padded(model, Picture.sentence(TEXT), 3)
    count = len(record.maps[0].key)
    assert found.padding == (count, count + 1, count + 2)
    assert found.axis.labels[-3:] == ("[PAD]",) * 3
    assert len(found.weights) == len(record.maps)
    for with_it, without in zip(found.weights, record.maps, strict=True):
        assert with_it.shape[1:] == (count + 3, count + 3)
        np.testing.assert_allclose(with_it[:, :count, :count], without.single, atol=1e-5)
        assert with_it[:, :, count:].max() == 0
        np.testing.assert_allclose(with_it.sum(axis=-1), 1, atol=1e-5)
    now = Context("review-encoder", Picture.sentence(TEXT), record, Selection(0, None, 0, 0, 0, ()))
    said = padding.nothing_reads_padding(now)
    assert said.answer is True
    assert f"4 of {count + 4} tokens are padding" in said.text


def test_a_mask_that_leaks_is_noticed() -> None:
    record = va.load("review-encoder").attend(TEXT)
    leaks = padding.Padded((np.full((1, 4, 4), 0.25),), record.maps[0].key, (3,))
    chosen, sentence = Selection(0, None, 0, 0, 0, ()), Picture.sentence(TEXT)
    said = padding.nothing_reads_padding(Context("review-encoder", sentence, record, chosen, lambda *given: leaks))
    assert said.answer is False
    assert "to all padding together is 25.0%" in said.text


def test_pictures_are_not_padded() -> None:
    assert padding.nothing_reads_padding(context([[everywhere([1, 1])]], (1, 1))).answer is None
    with pytest.raises(ValueError, match="model: want an encoder of texts, and a text, got scene-vit"):
        padding.padded(va.load("scene-vit"), Picture.drawn("scene-1"))
    with pytest.raises(ValueError, match="text: want at most"):
        padding.padded(va.load("review-encoder"), Picture.sentence(TEXT), 5000)
