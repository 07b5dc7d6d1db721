"""Controls that know nothing, on weights made by hand: what each replaces, and what it leaves as it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.tutorials.findings import readings
from tests.tutorials.findings.hand import context, everywhere
from tutorials.findings import altered, controls, heads, query
from tutorials.findings.controls import HEADS, LAYERS, LENGTHS, OUTLINES, PAIRS, PATCHES, SCRAMBLED, WHERE, WORDS

GRID = (2, 4)
MASK = np.array([[0, 0, 1, 0], [0, 0, 0, 0]])


@pytest.fixture
def now(rng: np.random.Generator) -> Any:
    """Two layers of three heads; a red patch on a grey picture where the object is."""
    pixels = np.full((16, 32, 3), 90, np.uint8)
    pixels[:8, 16:24] = (250, 20, 20)
    layers = rng.dirichlet(np.ones(9), size=(2, 3, 9))
    return context(list(layers), GRID, MASK, pixels=pixels, norms=np.arange(18.0).reshape(2, 9))


def changed(control: controls.Control, now: Any, seed: int = 1) -> Any:
    return control.change(now, np.random.default_rng(seed))


def test_colour_contrast_replaces_every_map_and_finds_what_differs(now: Any) -> None:
    found = changed(WHERE[0], now)
    for one in found.record.maps:
        assert (one.weights == one.weights[0, 0]).all()
        assert one.weights[0, 0].argmax() == 1 + 2
        assert one.weights[0, 0, 0] == 0
        np.testing.assert_allclose(one.weights.sum(axis=-1), 1, atol=1e-6)
    assert now.record.maps[0].weights[0, 0, 0] > 0, "the context itself stays as it is"
    assert heads.finds_object(found).text.startswith("The best of 6 heads is layer 1, head 1")


def test_the_centre_is_brightest_in_the_middle_and_blobs_are_as_large_as_the_object(now: Any) -> None:
    row = changed(WHERE[2], now).patch_map()
    assert row.max() == pytest.approx(row[:, 1:3].min())
    wide = context([[everywhere(np.ones(9))]], GRID, np.array([[1, 1, 1, 0], [0, 0, 0, 0]]))
    sizes = set()
    for seed in range(9):
        values = changed(WHERE[1], wide, seed).patch_map()
        sizes.add(int((values > values.max() / 2).sum()))
    assert sizes == {3}


def test_a_blob_is_connected() -> None:
    from scipy.ndimage import label

    for seed in range(30):
        made = controls.blob((9, 7), 12, np.random.default_rng(seed)) >= 1
        assert made.sum() == 12
        assert label(made, np.ones((3, 3)))[1] == 1


def test_layers_and_heads_are_exchanged_whole(now: Any) -> None:
    maps = np.stack([one.weights for one in now.record.maps])
    orders = {tuple(int(n) for n in _order(changed(LAYERS, now, seed), maps)) for seed in range(9)}
    assert orders == {(0, 1), (1, 0)}
    mixed = changed(HEADS, now)
    flat = maps.reshape(6, -1)
    order = [
        int(np.flatnonzero((flat == head.ravel()).all(axis=1))[0]) for m in mixed.record.maps for head in m.weights
    ]
    assert sorted(order) == list(range(6))
    assert order != list(range(6))
    assert [m.layer for m in mixed.record.maps] == [0, 1]


def _order(found: Any, maps: np.ndarray) -> list[int]:
    return [next(n for n, one in enumerate(maps) if (one == m.weights).all()) for m in found.record.maps]


def test_patches_are_exchanged_for_every_head_and_special_tokens_stay(now: Any) -> None:
    before, after = now.record.maps[0].weights, changed(PATCHES, now).record.maps[0].weights
    np.testing.assert_array_equal(before[..., 0], after[..., 0])
    np.testing.assert_array_equal(np.sort(before, axis=-1), np.sort(after, axis=-1))
    assert (before != after).any()


def test_lengths_are_exchanged_among_patches_alone(now: Any) -> None:
    found = changed(LENGTHS, now).record.norms
    assert found[:, 0].tolist() == [0, 9]
    assert sorted(found[0]) == list(range(9))
    assert found[0].tolist() != list(range(9))


def test_outlines_move_by_whole_patches(now: Any) -> None:
    found = changed(OUTLINES, now)
    assert found.truth.sum() == 1
    assert set(found.truth.ravel()) == {0, 1}
    assert (found.truth != now.truth).any()
    np.testing.assert_array_equal(found.record.maps[0].weights, now.record.maps[0].weights)


def test_near_patches_and_patches_of_one_colour_read_one_another(now: Any) -> None:
    near, same = (changed(one, now).weights()[1:, 1:].reshape(8, 8) for one in PAIRS)
    assert (near.argmax(axis=1) == np.arange(8)).all()
    assert near[0, 1] > near[0, 2] > near[0, 3]
    np.testing.assert_allclose(same[2], np.eye(8)[2], atol=1e-3)  # the only red one
    np.testing.assert_allclose(same[0], np.where(np.arange(8) == 2, 0, 1 / 7), atol=1e-3)
    assert query.object_to_object(now).answer is None  # one patch has no others to read


def test_a_scrambled_picture_keeps_its_patches(now: Any) -> None:
    found = np.asarray(changed(SCRAMBLED, now).picture.image)
    assert found.shape == (16, 32, 3)
    assert sorted(found.reshape(-1, 3).tolist()) == sorted(np.asarray(now.picture.image).reshape(-1, 3).tolist())


def test_words_are_exchanged_with_their_rows() -> None:
    made = readings.reading([[readings.looks(readings.CELLS)]])
    before, after = made.record.maps[0].weights, changed(WORDS, made).record.maps[0].weights
    np.testing.assert_array_equal(np.sort(before, axis=1), np.sort(after, axis=1))
    assert (before != after).any()


def test_a_reading_that_looks_at_the_centre_hits_little() -> None:
    made = readings.reading([[readings.looks(readings.CELLS)]])
    for control in WHERE:
        found = changed(control, made)
        np.testing.assert_allclose(found.record.maps[0].weights.sum(axis=-1), 1, atol=1e-6)
        assert (found.hits().words.hit, found.hits().digits.hit) != (1, 1)


def test_outcomes_of_a_changed_model_are_kept_apart() -> None:
    asked: list[tuple[Any, ...]] = []

    def run(work: Any, model: str, picture: Any, *args: Any, **given: Any) -> Any:
        asked.append((work.__qualname__, model, *args))
        return work("model", picture, *args, **given)

    def work(model: str, picture: Any, number: int, much: int = 0) -> tuple[Any, ...]:
        return model, picture, number, much

    again = altered.through(run, "words exchanged 7", str.upper)
    assert again(work, "name", None, 3, much=4) == ("MODEL", None, 3, 4)
    assert asked[0][:3] == ("_changed", "name", "words exchanged 7")
    assert asked[0][3].endswith("work")


def test_every_record_that_a_finding_asks_for_is_changed_alike(now: Any) -> None:
    class Model:
        def attend(self, picture: Image.Image, **how: Any) -> Any:
            return now.record

    found = LAYERS.change(
        altered.replace(now, run=lambda work, *rest, **given: work(Model(), *rest[1:], **given)),
        np.random.default_rng(2),
    )
    elsewhere = found.run(heads.distances_elsewhere, "x", now.picture, chosen=now.chosen)
    np.testing.assert_allclose(elsewhere, heads.all_distances(found), rtol=1e-5)
