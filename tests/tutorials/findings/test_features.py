"""What the first component follows, on features made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tests.tutorials.findings.hand import context, everywhere
from tutorials.findings import features

GRID = (4, 6)


def looked(monkeypatch, first: np.ndarray, second: np.ndarray, mask: np.ndarray | None = None):
    """A picture whose patches differ by `first`, and much less by `second`, in directions of their own."""
    hidden = np.zeros((2, 25, 5), np.float32)
    hidden[1, 1:, 3], hidden[1, 1:, 1] = first, second
    monkeypatch.setattr(features, "hidden_states", lambda *_given: hidden)
    row = everywhere(np.ones(25))
    now = context([[row]], GRID, mask)
    return now, hidden[1, 1:]


ROWS, COLUMNS = np.indices(GRID).reshape(2, -1)


@pytest.mark.parametrize("sign", [-10.0, 10.0])
@pytest.mark.parametrize(("values", "answer"), [(ROWS, features.HEIGHT), (COLUMNS, features.SIDE)])
def test_the_first_component_is_named_whatever_its_sign(monkeypatch, sign: float, values, answer: str) -> None:
    rng = np.random.default_rng(0)
    now, _ = looked(monkeypatch, sign * values, np.zeros(24))
    monkeypatch.setattr(features, "mean_colours", lambda _now: rng.normal(size=(*GRID, 3)))
    found = features.first_component(now)
    assert found.answer == answer
    assert f"{answer} 1.00" in found.text


def test_what_is_left_out_is_what_three_directions_lack(monkeypatch) -> None:
    now, values = looked(monkeypatch, 10.0 * ROWS, 1.0 * COLUMNS)
    singular = np.linalg.svd(values - values.mean(axis=0), compute_uv=False) ** 2
    assert features.left_out(now).answer == pytest.approx(100 * (1 - singular[:3].sum() / singular.sum()), abs=1e-6)
    noise = np.random.default_rng(1).normal(size=values.shape).astype(np.float32)
    hidden = np.concatenate([np.zeros((1, 5), np.float32), noise])
    monkeypatch.setattr(features, "hidden_states", lambda *_given: np.stack([hidden, hidden]))
    singular = np.linalg.svd(noise - noise.mean(axis=0), compute_uv=False) ** 2
    assert features.left_out(now).answer == pytest.approx(100 * (1 - singular[:3].sum() / singular.sum()), abs=1e-3)
