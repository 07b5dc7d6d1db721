"""Findings about heads that are switched off, on a stand-in whose heads add known amounts to the score."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import vit_attention as va
from tests.tutorials.findings.hand import context, everywhere
from tutorials.findings import heads_off, trial, trial_measured
from tutorials.findings.context import Context
from tutorials.findings.trial_measured import LEAST, MEAN, MOST, ZERO, HeadTrial
from worlds.scenes import scene

MASK = [[True, False], [False, False]]


def looking(*shares: float) -> np.ndarray:
    """(heads, 5, 5) heads whose class token has such a share of its patch weight on the object, the first patch."""
    return np.stack([everywhere([0.2, share, *([(1 - share) / 3] * 3)]) for share in shares])


def voting(monkeypatch: pytest.MonkeyPatch, worth: Any, bonus: float = 0.0, mean: Any = None) -> None:
    """Scores of two classes: the first gets what its heads are worth; with more than one head off it loses a bonus, too."""

    def scores(now: Context, variants: Any, how: str = ZERO) -> np.ndarray:
        each = np.asarray(worth if how == ZERO or mean is None else mean, float)
        lost = [
            sum(each[head] * (1 - gain) for _, head in heads) + bonus * (len(heads) > 1) for heads, gain in variants
        ]
        return np.array([[each.sum() - one, 0.5] for one in [0.0, *lost]], np.float32)

    monkeypatch.setattr(heads_off, "scores", scores)
    monkeypatch.setattr(heads_off, "target", lambda now: "")
    monkeypatch.setattr(heads_off, "aim", lambda now: "raw score of ring")


def test_the_head_that_is_worth_most_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    voting(monkeypatch, [0.25, 2.0, -0.5])
    now = context([looking(0.9, 0.1, 0.5)], (2, 2), MASK)
    np.testing.assert_allclose(heads_off.of_layer(now), [0.25, 2.0, -0.5])
    assert trial.matters_most(now).answer == 2
    changed = trial.changes_answer(now)
    assert changed.answer == "One or two", "without head 2 the score is -0.25, below the other class's 0.5"
    assert changed.text.startswith("1 of the 3 heads of layer 1")


@pytest.mark.parametrize(("worth", "same", "predicts"), [([3, 1, 2], True, True), ([1, 3, 2], False, False)])
def test_looking_and_worth_are_compared(
    monkeypatch: pytest.MonkeyPatch, worth: list[float], same: bool, predicts: bool
) -> None:
    voting(monkeypatch, worth)
    now = context([looking(0.9, 0.1, 0.5)], (2, 2), MASK)
    found = trial.most_looking_matters_most(now)
    assert found.answer is same
    assert "head 1 looks most at the object (90% of its patch weight)" in found.text
    assert trial.looking_predicts(now).answer is predicts


@pytest.mark.parametrize(("bonus", "answer"), [(0.0, "About the same (within 20 %)"), (2.0, "More"), (-2.0, "Less")])
def test_a_layer_is_compared_with_the_sum_of_its_heads(
    monkeypatch: pytest.MonkeyPatch, bonus: float, answer: str
) -> None:
    voting(monkeypatch, [1.0, 1.0, 1.0], bonus)
    found = trial.layer_and_sum(context([looking(0.9, 0.1, 0.5)], (2, 2), MASK))
    assert found.answer == answer
    assert f"by 3 in all; together by {3 + bonus:.3g}" in found.text


def test_heads_that_look_alike_must_cost_more_together_than_those_that_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    voting(monkeypatch, [1.0, 1.0, 1.0], bonus=2.0)
    now = context([looking(0.9, 0.85, 0.1)], (2, 2), MASK)
    found = trial.alike_replace(now)
    assert found.answer is False, "every pair costs as much more"
    assert "heads 1 and 2" in found.text
    own = heads_off.together

    def only_alike(now: Context, heads: Any, *rest: Any) -> Any:
        single, whole = own(now, heads, *rest)
        return single, whole - 2 * (tuple(head for _, head in heads) != (0, 1))

    monkeypatch.setattr(heads_off, "together", only_alike)
    assert trial.alike_replace(now).answer is True


def test_zeros_and_means_may_name_other_heads(monkeypatch: pytest.MonkeyPatch) -> None:
    now = context([looking(0.9, 0.1, 0.5)], (2, 2), MASK)
    voting(monkeypatch, [1, 2, 3], mean=[1, 2, 3])
    assert trial.same_by_mean(now).answer is True
    voting(monkeypatch, [1, 2, 3], mean=[3, 2, 1])
    found = trial.same_by_mean(now)
    assert found.answer is False
    assert found.text.endswith("Rank correlation over the 3 heads: -1.00.")


def test_without_outlines_or_with_too_few_heads_there_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    voting(monkeypatch, [1.0, 2.0])
    assert trial.looking_predicts(context([looking(0.9, 0.1)], (2, 2))).answer is None
    for finding in (trial.most_looking_matters_most, trial.looking_predicts, trial.alike_replace, trial.same_by_mean):
        assert finding(context([looking(0.9, 0.1)], (2, 2), MASK)).answer is None


def hand_made(accuracy: list[float]) -> HeadTrial:
    falls = {how: np.array([[0.5, -0.2], [0.1, 0.9]]) for how in (ZERO, MEAN)}
    half = {how: np.full((2, 2), 0.3) for how in (ZERO, MEAN)}
    curve = {MOST: np.array(accuracy), LEAST: np.array(accuracy)}
    return HeadTrial(50, falls, half, half, np.array([0, 1, 2, 3, 4]), curve, np.array([accuracy]))


def test_heads_can_go_until_the_accuracy_has_fallen_for_the_first_time() -> None:
    found = hand_made([1.0, 0.96, 0.9, 0.98, 0.1])
    assert [found.can_go(lost) for lost in (0.0, 0.05, 0.1, 1.0)] == [0, 1, 3, 4]
    assert found.strongest(ZERO, 2) == [(1, 1), (0, 0)]
    assert found.clear(ZERO).tolist() == [[True, False], [False, True]]


def test_the_file_was_made_with_the_bundled_weights() -> None:
    """The strongest head and the first one, measured again through public names alone."""
    model, found = va.load("scene-vit"), trial_measured.precomputed("scene-vit")
    assert found is not None
    assert trial_measured.stored()["scene-vit"]["weights"] == model.weights_hash
    pictures = [scene(trial_measured.SEED + n).picture for n in range(trial_measured.COUNT)]
    before = model.classify(pictures).astype(np.float64)
    likeliest = before.argmax(axis=1)
    at = found.strongest(ZERO, 1)[0]
    after = model.under(va.HeadGains({at: 0.0})).classify(pictures).astype(np.float64)
    each = np.take_along_axis(before - after, likeliest[:, None], axis=1)[:, 0]
    assert found.fall[ZERO][at] == pytest.approx(each.mean(), abs=1e-3)
    # 2.0096: the 97.5 % point of Student's t with 49 degrees of freedom, from a table.
    assert found.half[ZERO][at] == pytest.approx(2.0096 * each.std(ddof=1) / 50**0.5, abs=1e-3)
    assert found.changed[ZERO][at] == pytest.approx((after.argmax(axis=1) != likeliest).mean(), abs=1e-3)
    shapes = [{thing.shape for thing in scene(trial_measured.SEED + 50 + n).things} for n in range(50)]
    others = model.classify([scene(trial_measured.SEED + 50 + n).picture for n in range(50)]).argmax(axis=1)
    right = np.mean([model.classes[n] in names for n, names in zip(others, shapes, strict=True)])
    assert {found.accuracy[MOST][0], found.accuracy[LEAST][0], *found.random[:, 0]} == {right}
