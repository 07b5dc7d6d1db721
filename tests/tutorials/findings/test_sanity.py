"""Findings on agreement and sanity: a stand-in model whose maps are known, and the cascade on the bundled one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

import vit_attention as va
from tutorials.findings import sanity, several
from tutorials.findings.context import Context, Picture, Selection
from tutorials.findings.several import Change

NAMES = ("raw", "rollout", "relevance")


@pytest.fixture(scope="module")
def now() -> Context:
    model, kept = va.load("scene-vit"), {}

    def run(work: Any, name: str, picture: Any, *args: Any, **given: Any) -> Any:
        key = (work, None if picture is None else picture.key, *args)
        if key not in kept:
            kept[key] = work(model, picture, *args, **given)
        return kept[key]

    picture = Picture.drawn("scene-24")
    record = model.attend(picture.image, half=True)
    return Context("scene-vit", picture, record, Selection(9, None, 0, 6, 6, ()), run)


def test_maps_from_one_look_are_those_of_one_look_each(now: Context) -> None:
    found = several.maps_of(now, NAMES)
    for name in NAMES:
        alone = now.answer(name, several.about(now) if name == "relevance" else "").values
        np.testing.assert_allclose(found[name], alone, atol=2e-3 * float(np.abs(alone).max()), err_msg=name)


def test_what_takes_long_is_left_out_until_it_is_wanted(now: Context) -> None:
    cheap, costly = several.fitting(now), several.fitting(now, True)
    assert {"raw", "rollout", "relevance", "grad-cam"} <= {*cheap}
    assert {"rise", "occlusion", "smoothgrad", "flow"} <= {*costly}
    assert not {*cheap} & {*costly}
    assert {*several.fitting(now, None)} == {*cheap, *costly}
    assert not {"components", "value", "masking"} & {*cheap, *costly}


def test_the_cascade_reaches_a_layer_only_from_its_own_block_down(now: Context) -> None:
    for layer, expected in ((11, 2), (9, 4)):  # step 1 is the head, step 2 the last of 12 blocks
        found = sanity.first_change(replace(now, chosen=replace(now.chosen, layer=layer)))
        assert found.answer == expected
        assert f"block {layer + 1}" in found.text


def test_ranks_after_a_step_are_scipy_s(now: Context) -> None:
    own, other = (several.maps_of(now, sanity.few(now), change=Change(step=step)) for step in (0, 7))
    found = sanity.through_steps(now, 7)
    for name in ("rollout", "relevance", "input-gradients"):
        expected = stats.spearmanr(own[name].ravel(), other[name].ravel()).statistic
        assert found[name] == pytest.approx(expected, abs=1e-9)
    assert min(sanity.through_steps(now, 0).values()) == pytest.approx(1)
    assert sanity.half_lost(now).answer == all(abs(rank) < 0.5 for rank in found.values())


def test_the_label_test_counts_what_is_never_asked_for_a_class(now: Context) -> None:
    names = several.fitting(now)
    blind = [name for name in names if not several.methods()[name].asks_class]
    assert sanity.unmoved(now).answer == len(blind)
    assert min(sanity.by_target(now, "circle", "circle").values()) == pytest.approx(1)


def test_noise_is_the_same_on_every_run_and_more_of_it_leaves_less(now: Context) -> None:
    little, again, much = (sanity.under_noise(now, ["rollout"], level)["rollout"] for level in (5, 5, 60))
    np.testing.assert_array_equal(little, again)
    assert len(set(little.tolist())) == sanity.DRAWS
    assert much.mean() < little.mean()


def test_agreement_that_points_beside_the_object_is_no_proof(now: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    truth = now.truth
    assert truth is not None
    beside, down = np.zeros(now.grid, np.float32), np.arange(196, dtype=np.float32).reshape(14, 14) / 1e4
    beside[np.unravel_index(int(truth.argmin()), truth.shape)] = 1
    maps = {"raw": beside + down, "rollout": beside + 1.01 * down, "grad-cam": truth}
    monkeypatch.setattr(sanity, "maps_of", lambda *_, **__: maps)
    found = sanity.right_together(now)
    assert found.answer is False
    assert "+1.00" in found.text
    maps["raw"] = maps["rollout"] = truth + 1e-3 * down
    assert sanity.right_together(now).answer is True


def test_a_model_without_classes_is_asked_about_two_patches() -> None:
    model, picture = va.load("photo-dino"), Picture.photograph("coffee")
    now = Context("photo-dino", picture, model.attend(picture.image, half=True), Selection(9, None, 0, 6, 6, ()))
    assert sanity.targets(now) == ("similar:6,6", "similar:9,9")
