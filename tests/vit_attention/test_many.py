"""Many inputs through one model: each record as if it were alone, past damaged ones, in bounded memory."""

from __future__ import annotations

import gc
import warnings
import weakref
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import vit_attention as va
from visualizer import entropy, methods
from vit_attention.models.model import BudgetError
from vit_attention.records import AttentionRecord
from worlds.scenes import scene

NAMES = ["scene-1", "scene-2", "scene-3", "scene-4", "scene-5"]


@cache
def model() -> Any:
    return va.load("scene-vit")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for n in range(5):
        scene(n).picture.resize((200 + n, 150)).save(folder / f"{n}.png")
    (folder / "3.png").write_bytes(b"\x89PNG damaged")
    (folder / "notes.txt").write_text("no picture")
    return folder


def same(one: AttentionRecord, other: AttentionRecord, off: float = 1e-5) -> None:
    assert [m.name for m in one.maps] == [m.name for m in other.maps]
    for mine, theirs in zip(one.maps, other.maps, strict=True):
        assert np.abs(mine.weights - theirs.weights).max() < off
        assert mine.weights.dtype == theirs.weights.dtype
        assert (mine.gradient is None) == (theirs.gradient is None)
        if mine.gradient is not None and theirs.gradient is not None:
            assert np.abs(mine.gradient - theirs.gradient).max() < off
        assert (mine.heads, mine.queries, mine.kind, mine.layer) == (
            theirs.heads,
            theirs.queries,
            theirs.kind,
            theirs.layer,
        )
    assert np.allclose(one.norms, other.norms, atol=1e-4)
    assert np.allclose(one.prediction.scores, other.prediction.scores, atol=1e-4)
    assert one.prediction.labels == other.prediction.labels
    assert one.prediction.target == other.prediction.target
    assert (one.geometry, one.settings, one.versions, one.picture, one.model) == (
        other.geometry,
        other.settings,
        other.versions,
        other.picture,
        other.model,
    )
    assert set(one.signals) == set(other.signals)
    for name, signal in one.signals.items():
        parts = signal if isinstance(signal, tuple) else (signal,)
        theirs_ = other.signals[name]
        for mine_, other_ in zip(parts, theirs_ if isinstance(theirs_, tuple) else (theirs_,), strict=True):
            assert np.allclose(mine_, other_, atol=1e-4)


KEPT = {
    "weights": {},
    "a class": {"target": "ring"},
    "the likeliest": {"keep": {"gradients"}},
    "all signals": {"keep": {"gradients", "hidden", "queries", "keys", "values"}, "target": 2},
    "some": {"layers": [2, 7], "heads": [1, 5], "queries": [0, 9], "half": True},
    "a run": {"keep": methods()["occlusion"].needs_for(window=7, stride=7)},
}


@pytest.mark.parametrize("kept", KEPT)
def test_every_record_is_the_one_that_the_picture_has_alone(kept: str) -> None:
    options: dict[str, Any] = KEPT[kept]
    found = list(model().attend_many(NAMES, batch=3, **options))
    for name, record in zip(NAMES, found, strict=True):
        same(record, model().attend(name, **options), 2e-3 if options.get("half") else 1e-5)


def test_several_pictures_go_through_the_network_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    forward = model().anatomy.forward
    monkeypatch.setattr(type(model()), "_forward", lambda self, pixels: (sizes.append(len(pixels)), forward(pixels))[1])
    list(model().attend_many(NAMES, batch=2))
    assert sizes == [2, 2, 1]


def batches() -> dict[str, Any]:
    pictures = [scene(n).picture for n in range(3)]
    arrays = np.stack([np.asarray(one) for one in pictures])
    prepared = torch.cat([model().prepare(one).pixels for one in pictures])
    return {
        "images": pictures,
        "tuple": tuple(pictures),
        "generator": (one for one in pictures),
        "map": map(Image.Image.copy, pictures),
        "rows last": arrays,
        "list of arrays": list(arrays),
        "prepared": prepared,
        "list of prepared": list(prepared),
    }


@pytest.mark.parametrize("kind", batches())
def test_what_may_be_given(kind: str) -> None:
    given = batches()[kind]
    found = [record.prediction.scores for record in model().attend_many(given)]
    assert np.allclose(found, [model().attend(scene(n).picture).prediction.scores for n in range(3)], atol=1e-4)


def test_a_folder_goes_on_past_a_damaged_file_and_names_it(photos: Path) -> None:
    many = model().attend_many(photos, batch=2)
    with pytest.warns(UserWarning, match=r"1 left out, 4 done: 3\.png \("):
        names = [name for name, _ in many.items()]
    assert names == ["0.png", "1.png", "2.png", "4.png"]
    assert [name for name, _ in many.failed] == ["3.png"]
    assert "PNG" in many.failed[0][1] or "picture" in many.failed[0][1]


def test_a_glob_finds_what_fits(photos: Path) -> None:
    found = list(model().attend_many(f"{photos}/[01].png").items())
    assert [name for name, _ in found] == [f"{photos}/0.png", f"{photos}/1.png"]


def test_pictures_without_names_are_called_by_their_number() -> None:
    many = model().attend_many([scene(1).picture, None, "nowhere.png", scene(2).picture])
    with pytest.warns(UserWarning, match="2 left out, 2 done"):
        names = [name for name, _ in many.items()]
    assert names == ["picture 0", "picture 3"]
    assert [name for name, _ in many.failed] == ["picture 1", "nowhere.png"]


def test_other_sizes_wait_for_their_own_batch() -> None:
    ready = [torch.zeros(1, 3, 112, 112), torch.zeros(1, 3, 112, 112)]
    assert len(list(model().attend_many([*ready, "scene-1", *ready]))) == 5


def test_stacks_of_grey_pictures_arrays_of_names_and_any_whole_number_as_batch() -> None:
    grey = np.random.default_rng(0).integers(0, 255, (2, 40, 50), np.uint8)
    for given in (grey, torch.from_numpy(grey), np.array(["scene-1", "scene-2"])):
        assert len(list(model().attend_many(given, batch=np.int64(2), layers=[0]))) == 2
    (found, _) = model().attend_many(grey, layers=[0])
    assert found.geometry is not None
    assert found.geometry.original == (50, 40)


@pytest.mark.parametrize(
    ("given", "options", "said"),
    [
        ("no/such/*.png", {}, "pattern"),
        ("empty", {}, "folder with pictures"),
        (np.zeros((224, 224, 3), np.uint8), {}, "four axes"),
        (7, {}, "a folder, a glob"),
        ({"a": 1}, {}, "a folder, a glob"),
        (["scene-1"], {"batch": 0}, "batch: want a whole number from 1 up"),
        (["scene-1"], {"keep": {"sound"}}, "sound"),
        (["scene-1"], {"beams": 3}, "beams"),
        (["scene-1"], {"proof_rows": 0}, "proof_rows"),
    ],
)
def test_what_cannot_be_meant_is_told_at_once(given: Any, options: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=said):
        model().attend_many(tmp_path if isinstance(given, str) and given == "empty" else given, **options)


def test_a_wrong_class_stops_all_and_nothing_read_is_an_error() -> None:
    with pytest.raises(ValueError, match="unicorn"):
        list(model().attend_many(NAMES, target="unicorn"))
    with pytest.raises(ValueError, match="2 that cannot"):
        list(model().attend_many(["nowhere.png", "neither.png"]))


def test_the_budget_counts_the_batch() -> None:
    one = model().estimate()
    assert 12 * 12 * 197 * 197 * 4 <= one < 1.02 * 12 * 12 * 197 * 197 * 4
    assert len(list(model().attend_many(NAMES[:2], batch=2, budget=2 * one))) == 2
    with pytest.raises(BudgetError, match="batch="):
        list(model().attend_many(NAMES[:3], batch=3, budget=2 * one))


def test_records_are_let_go_and_share_no_memory() -> None:
    seen: list[Any] = []
    for record in model().attend_many(NAMES, batch=2):
        assert all(one.weights.base is None or one.weights.base.nbytes <= one.weights.nbytes for one in record.maps)
        seen.append(weakref.ref(record))
        del record
        gc.collect()
        assert sum(one() is not None for one in seen) <= 1


def test_a_generator_is_read_no_further_than_a_batch_ahead() -> None:
    asked = []

    def endless() -> Iterator[str]:
        n = 0
        while True:
            asked.append(n)
            yield f"scene-{n}"
            n += 1

    records = iter(model().attend_many(endless(), batch=3))
    next(records)
    assert len(asked) <= 4


def test_mean_entropy_of_every_head_over_a_folder_in_two_lines(photos: Path) -> None:
    with pytest.warns(UserWarning, match="left out"):
        table = model().attend_many(photos, batch=2).table("entropy")
    means = table.groupby(["layer", "head"]).entropy.mean()
    kept = [model().attend(photos / f"{n}.png") for n in (0, 1, 2, 4)]
    by_hand = np.mean([[entropy(one.weights).mean(axis=-1) for one in record.maps] for record in kept], axis=0)
    assert np.allclose(means.to_numpy(), by_hand.ravel(), atol=1e-5)
    with pytest.warns(UserWarning, match="left out"):
        direct = model().attend_many(photos).table(entropy, by=["layer", "head"])
    assert np.allclose(direct.entropy, means)
    assert sorted(set(table.picture)) == ["0.png", "1.png", "2.png", "4.png"]


def test_a_table_of_a_method_over_many_is_its_mean_map() -> None:
    found = model().attend_many(NAMES).table("rollout", by=[])
    each = [methods()["rollout"](model().attend(name)).values for name in NAMES]
    assert np.allclose(found.rollout.to_numpy().reshape(14, 14), np.mean(each, axis=0), atol=1e-6)


def test_captioners_and_readers_go_one_by_one() -> None:
    captioner = va.load("scene-aoanet")
    many = captioner.attend_many(["scene-6-2-50", "nowhere", "scene-7-2-50"])
    with pytest.warns(UserWarning, match="1 left out"):
        said = [record.prediction.text for record in many]
    assert said == [captioner.attend(f"scene-{n}-2-50").prediction.text for n in (6, 7)]


def test_a_bar_shows_where_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    list(model().attend_many(NAMES[:2], progress=True))
    assert "2/2" in capsys.readouterr().err
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(model().attend_many(NAMES[:2]))
    assert capsys.readouterr().err == ""


def test_pictures_may_be_named() -> None:
    model = va.load("scene-vit")
    named = [one.prediction.scores for one in model.attend_many(pictures=["scene-1", "scene-2"], progress=False)]
    placed = [one.prediction.scores for one in model.attend_many(["scene-1", "scene-2"], progress=False)]
    np.testing.assert_array_equal(named, placed)
    with pytest.raises(ValueError, match="want a folder, a glob, a list, a generator or a batch, got None"):
        model.attend_many()
