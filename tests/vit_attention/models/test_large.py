"""Records of large pictures: what is kept equals the full record, is known in bytes beforehand, and survives a bundle."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import vit_attention as va
from vit_attention.capture import Request
from vit_attention.gate import GateError
from vit_attention.models.model import BudgetError
from vit_attention.models.vision import VisionModel
from worlds.scenes import scene

SPARING: dict[str, Any] = {"queries": [0, 7], "whole": [2, 8], "keep": {"head-mean", "head-max", "head-min"}}


@pytest.fixture(scope="module")
def model() -> Any:
    return va.load("scene-vit")


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    return scene(24).picture


@pytest.fixture(scope="module")
def full(model: Any, picture: Image.Image) -> Any:
    return model.attend(picture)


@pytest.mark.parametrize("half", [False, True])
def test_what_is_kept_is_what_the_full_record_holds(model: Any, picture: Image.Image, full: Any, half: bool) -> None:
    made = model.attend(picture, **SPARING, half=half)
    allowed = 1e-3 if half else 1e-6
    for number, (one, whole) in enumerate(zip(made.maps, full.maps, strict=True)):
        rows = slice(None) if number in SPARING["whole"] else SPARING["queries"]
        np.testing.assert_allclose(one.weights, whole.weights[:, rows], atol=allowed)
        assert one.queries == (None if number in SPARING["whole"] else (0, 7))
        for name, fuse in (("mean", np.mean), ("max", np.max), ("min", np.min)):
            matrix = made.signals[f"head-{name}"][number]
            assert matrix.dtype == one.weights.dtype
            np.testing.assert_allclose(matrix, fuse(whole.weights, axis=0), atol=allowed)


def test_matrices_are_of_all_heads_whatever_is_kept(model: Any, picture: Image.Image, full: Any) -> None:
    made = model.attend(picture, layers=[3, 5], heads=[1], keep={"head-mean"})
    assert made.signals["head-mean"].shape == (2, 197, 197)
    np.testing.assert_allclose(made.signals["head-mean"][1], full.maps[5].weights.mean(axis=0), atol=1e-6)


def test_gradients_of_the_rows_that_are_kept(model: Any, picture: Image.Image) -> None:
    whole = model.attend(picture, target=6)
    made = model.attend(picture, target=6, queries=[0], whole=[11], keep={"gradients", "head-mean"})
    for one, other in zip(made.maps, whole.maps, strict=True):
        rows = slice(None) if one.layer == 11 else [0]
        np.testing.assert_allclose(one.gradient, other.gradient[:, rows], atol=1e-6)


def test_a_batch_keeps_each_its_own(model: Any) -> None:
    names = ["scene-1", "scene-2"]
    for name, made in zip(names, model.attend_many(names, **SPARING), strict=True):
        alone = model.attend(name, **SPARING)
        np.testing.assert_allclose(made.signals["head-max"], alone.signals["head-max"], atol=1e-5)
        np.testing.assert_allclose(made.maps[8].weights, alone.maps[8].weights, atol=1e-5)


def test_a_bundle_brings_everything_back(model: Any, picture: Image.Image, tmp_path: Path) -> None:
    made = model.attend(picture, **SPARING, half=True)
    again = va.AttentionRecord.load(made.save(tmp_path / "a.npz"))
    assert [one.queries for one in again.maps] == [one.queries for one in made.maps]
    np.testing.assert_array_equal(again.signals["head-mean"], made.signals["head-mean"])
    assert again.settings["whole"] == [2, 8]


@pytest.mark.parametrize("shape", [(11, 197, 197), (12, 196, 197), (12, 1, 197, 197)])
def test_a_matrix_of_another_shape_is_refused(full: Any, shape: tuple[int, ...]) -> None:
    with pytest.raises(GateError, match="a matrix of 197 tokens a map"):
        va.AttentionRecord(full.maps, signals={"head-mean": np.zeros(shape, np.float32)})


KEPT: tuple[dict[str, Any], ...] = (
    {},
    {"half": True},
    {"queries": [0]},
    {"queries": [0, 5], "whole": [8], "half": True},
    {"queries": [0], "whole": [1, 8], "keep": {"head-mean"}, "half": True},
    {"queries": [0], "keep": {"head-mean", "head-max"}},
    {"layers": [3, 8], "queries": [0], "whole": [8], "keep": {"head-min"}},
    {"heads": [0, 2], "keep": {"hidden"}},
    {"queries": [0], "keep": {"hidden", "queries", "keys", "values"}, "half": True},
    {"layers": [2], "keep": {"keys"}},
    {"target": 3},
    {"target": 3, "queries": [0], "whole": [11], "half": True},
    {"size": (48, 96), "queries": [0], "keep": {"head-mean"}},
    {"size": 160, "queries": [0], "whole": [8], "keep": {"head-mean"}, "half": True},
)


@pytest.mark.parametrize("asked", KEPT)
def test_the_bytes_are_known_beforehand(model: Any, asked: dict[str, Any]) -> None:
    """Of prepared pixels, so that no picture is in the record; `nbytes` counts the arrays that came."""
    pixels = torch.randn(1, 3, *model.prepare("scene-7", size=asked.get("size")).pixels.shape[-2:])
    made, told = model.attend(pixels, **{k: v for k, v in asked.items() if k != "size"}), model.estimate(**asked)
    assert made.nbytes <= told <= 1.1 * made.nbytes


def test_nothing_runs_beyond_the_budget(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    few = {"queries": [0], "keep": {"head-mean"}, "half": True, "size": 160}
    enough = model.estimate(**few)
    model.attend("scene-7", **few, budget=enough)
    monkeypatch.setattr(VisionModel, "_forward", None)
    with pytest.raises(BudgetError):
        model.attend("scene-7", **few, budget=enough - 1)
    with pytest.raises(BudgetError):  # on the way the gradients of all rows are in memory
        model.attend("scene-7", target=1, queries=[0], budget=10 * model.estimate(queries=[0]))
    with pytest.raises(BudgetError):
        next(iter(model.attend_many(["scene-1", "scene-2"], **few, budget=2 * enough - 1)))


def test_full_maps_of_one_layer_are_in_memory_at_a_time(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every layer's full weights are gone when the next layer's come."""
    alive: list[int] = []
    seen: list[weakref.ref[Any]] = []
    plain = Request.fuse

    def fuse(self: Request, weights: torch.Tensor) -> dict[str, torch.Tensor]:
        seen.append(weakref.ref(weights.untyped_storage()))
        alive.append(sum(one() is not None for one in seen))
        return plain(self, weights)

    monkeypatch.setattr(Request, "fuse", fuse)
    model.attend("scene-7", queries=[0], keep={"head-mean"})
    assert len(alive) == 12
    assert max(alive) <= 2


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"whole": [12]}, r"whole: want numbers from 0 to 11, got \[12\]"),
        ({"whole": [8], "layers": [1]}, r"whole: want numbers among layers=\[1\], got 8"),
        ({"whole": "8"}, "whole: want whole numbers in a list"),
        ({"size": 150}, "size: want multiples of the patch, 8 x 8 pixels, such as 144 or 152, got 150"),
        ({"size": (112, 150)}, r"such as \(112, 144\) or \(112, 152\), got \(112, 150\)"),
        ({"size": 0}, "size: want"),
        ({"size": "large"}, "size: want a whole number of pixels from 1 up, or two"),
        ({"size": True}, "size: want"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(model: Any, asked: dict[str, Any], why: str) -> None:
    with pytest.raises(GateError, match=why):
        model.attend("scene-7", **asked)


def test_more_patches_than_the_model_was_trained_for_are_noted(model: Any) -> None:
    notes = model.attend("scene-7", size=(48, 128), layers=[0]).settings["notes"]
    assert any("more patches than the 14 x 14" in note for note in notes)
    assert not any("more patches" in note for note in model.attend("scene-7", size=96, layers=[0]).settings["notes"])


def test_prepared_pixels_have_their_size(model: Any) -> None:
    pixels = model.prepare("scene-7", 40).pixels
    assert model.attend(pixels, size=40, queries=[0]).maps[0].weights.shape == (12, 1, 26)
    with pytest.raises(
        GateError, match=r"size: want \(40, 40\) or none, as prepared pixels go in as they are, got \(48,"
    ):
        model.attend(pixels, size=48)
    other = va.Similar(model.prepare("scene-8", 48).pixels)
    assert model.attend("scene-7", size=40, queries=[0], target=other).prediction.target is not None
