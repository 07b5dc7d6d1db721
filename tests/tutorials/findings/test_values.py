"""Findings about values, on values whose lengths are known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import vit_attention as va
from tests.tutorials.findings.hand import context, everywhere
from tutorials.findings import values
from tutorials.findings.context import Context, Picture, Selection


def now(monkeypatch: pytest.MonkeyPatch, row: list[float], lengths: list[float], special: tuple[str, ...] = ("class",)):
    """A context of one head in which every token reads `row` and token n's value is `lengths[n]` long."""
    given = np.zeros((1, len(row), 2))
    given[0, :, 0] = lengths
    parts = values.Parts(given, np.eye(2, dtype=np.float32), np.zeros(2, np.float32))
    monkeypatch.setattr(values, "value_parts", lambda model, picture, layer: parts)
    return context([[everywhere(row)]], (1, len(row) - len(special)), special=special, model=SimpleNamespace())


def test_a_short_value_makes_little_of_a_large_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    found = values.heaviest_is_longest(now(monkeypatch, [0.6, 0.3, 0.1], [0.1, 1.0, 1.0]))
    assert found.answer is False
    assert "the class token has the largest weight, 60.0%, and 13.0% of the lengths" in found.text  # 0.06 of 0.46
    assert "the longest, 65.2%, is of the patch in row 1, column 1" in found.text
    same = values.heaviest_is_longest(now(monkeypatch, [0.6, 0.3, 0.1], [1.0, 1.0, 1.0]))
    assert same.answer is True


def test_special_tokens_take_less_where_their_values_are_short(monkeypatch: pytest.MonkeyPatch) -> None:
    found = values.special_takes_less(now(monkeypatch, [0.5, 0.25, 0.25], [0.2, 0.4, 0.4]))
    assert found.answer is True
    assert "50.0% of the weights and 33.3% of the lengths" in found.text  # 0.1 of 0.3
    assert "0.50 times as long" in found.text
    assert values.special_takes_less(now(monkeypatch, [0.5, 0.25, 0.25], [0.8, 0.4, 0.4])).answer is False
    assert values.special_takes_less(now(monkeypatch, [0.5, 0.5], [1, 1], special=())).answer is None


def test_the_control_exchanges_values_and_keeps_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    look = now(monkeypatch, [0.5, 0.25, 0.25], [0.2, 0.4, 0.8])
    (control,) = values.special_takes_less.controls  # type: ignore[attr-defined]
    told = control.change(look, SimpleNamespace(permutation=lambda many: np.roll(np.arange(many), 1)))
    weights, shares = values.beside(told)
    np.testing.assert_allclose(weights, [0.5, 0.25, 0.25])
    # Lengths 0.8, 0.2, 0.4 times the weights: 0.4, 0.05 and 0.1, together 0.55.
    np.testing.assert_allclose(shares, [0.4 / 0.55, 0.05 / 0.55, 0.1 / 0.55], rtol=1e-6)


def test_the_steps_of_a_bundled_model_are_those_of_the_chosen_query() -> None:
    record = va.load("scene-vit").attend("scene-7")
    look = Context("scene-vit", Picture.drawn("scene-7"), record, Selection(8, 3, 5, 0, 4, ()))
    steps = values.live_values(look)
    np.testing.assert_allclose(steps.weights, record.maps[8].single[:, 5], atol=1e-6)
    weights, shares = values.beside(look)
    assert weights.sum() == pytest.approx(1, abs=1e-5)
    assert shares.sum() == pytest.approx(1)
