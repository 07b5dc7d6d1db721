"""What `attend` keeps beside weights, against other ways to the same numbers; and runs against brute force."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import vit_attention as va
from visualizer import methods
from vit_attention.records import Run
from worlds.scenes import scene


@pytest.fixture(scope="module")
def model() -> Any:
    return va.load("scene-vit")


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    return scene(24).picture


def test_queries_and_keys_make_the_weights(model: Any, picture: Image.Image) -> None:
    record = model.attend(picture, keep={"queries", "keys", "values", "hidden"}, layers=[4, 9])
    assert record.signals["hidden"].shape == (13, 197, 144)
    np.testing.assert_allclose(record.signals["hidden"], model.hidden_states(picture), atol=2e-4)
    np.testing.assert_allclose(np.linalg.norm(record.signals["hidden"][1:], axis=-1), record.norms, rtol=1e-5)
    for one, queries, keys in zip(record.maps, record.signals["queries"], record.signals["keys"], strict=True):
        scores = queries.astype(float) @ keys.astype(float).swapaxes(1, 2) / np.sqrt(queries.shape[-1])
        powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
        np.testing.assert_allclose(one.weights, powers / powers.sum(axis=-1, keepdims=True), atol=1e-5)
    assert [one.shape for one in record.signals["values"]] == [(12, 197, 12)] * 2


def test_signals_survive_a_bundle(model: Any, picture: Image.Image, tmp_path: Path) -> None:
    made = model.attend(picture, keep={"queries", *methods()["occlusion"].needs_for(window=7, stride=7)}, layers=[0])
    again = va.AttentionRecord.load(made.save(tmp_path / "a.npz"))
    np.testing.assert_array_equal(again.signals["queries"][0], made.signals["queries"][0])
    np.testing.assert_array_equal(again.signals["occlusion"], made.signals["occlusion"])
    assert again.settings["runs"] == {"occlusion": {"fill": "mean", "stride": 7, "window": 7}}
    shown = methods()["occlusion"](again, window=7, stride=7)
    np.testing.assert_array_equal(shown.values, made.signals["occlusion"])
    assert made.nbytes > model.attend(picture, layers=[0]).nbytes


@pytest.mark.parametrize("fill", ["mean", "zero"])
def test_occlusion_is_the_fall_of_the_score_under_squares(model: Any, picture: Image.Image, fill: str) -> None:
    """Every square covered by hand; a patch has the mean over the squares that it lies in."""
    pixels = model.prepare(picture).pixels
    starts, falls = (0, 5, 10), np.full((9, 14, 14), np.nan)
    with torch.no_grad():
        before = model.module(pixels)[0, 3]
        for n, (top, left) in enumerate((top, left) for top in starts for left in starts):
            covered = pixels.clone()
            for channel in range(3):
                colour = pixels[0, channel].mean() if fill == "mean" else 0
                covered[0, channel, top * 8 : (top + 5) * 8, left * 8 : (left + 5) * 8] = colour
            falls[n, top : top + 5, left : left + 5] = before - model.module(covered)[0, 3]
    wanted = np.nanmean(falls[:, :14, :14], axis=0)
    # The last squares end at the picture's edge: 9 to 13, not 10 to 14.
    keep = methods()["occlusion"].needs_for(window=5, stride=5, fill=fill)
    record = model.attend(picture, target=3, keep=keep)
    inside = (slice(0, 9), slice(0, 9))
    np.testing.assert_allclose(record.signals["occlusion"][inside], wanted[inside], atol=1e-4)
    assert not record.has("gradients")
    assert np.isfinite(record.signals["occlusion"]).all()


def test_covering_the_object_costs_its_score(model: Any) -> None:
    made = scene(7)
    record = model.attend(made.picture, keep=methods()["occlusion"].needs_for(window=3))
    values = methods()["occlusion"](record, window=3).values
    rows, columns = (made.mask.reshape(14, 16, 14, 16).mean(axis=(1, 3)) > 0.1).nonzero()
    row, column = np.unravel_index(values.argmax(), values.shape)
    assert np.abs(rows - row).min() + np.abs(columns - column).min() <= 2


def test_painting_moves_the_tokens_that_it_moves(model: Any, picture: Image.Image) -> None:
    record = model.attend(picture, keep=methods()["painted"].needs_for(query=(6, 8)), layers=[2])
    dark = np.asarray(picture)[6 * 16 : 7 * 16, 8 * 16 : 9 * 16].mean() <= 127.5
    other = picture.copy()
    other.paste(("white" if dark else "black"), (8 * 16, 6 * 16, 9 * 16, 7 * 16))
    before, after = (model.hidden_states(one).astype(float) for one in (picture, other))
    wanted = np.sqrt(((after - before) ** 2).sum(-1) / (before**2).sum(-1))
    np.testing.assert_allclose(record.signals["painted"], wanted, atol=1e-9)
    np.testing.assert_array_equal(
        methods()["painted"](record, query=(6, 8), layer=2).row[1:], record.signals["painted"][3, 1:]
    )


def test_the_class_that_was_taken_is_said(model: Any, picture: Image.Image) -> None:
    record = model.attend(picture, keep=methods()["relevance"].needs)
    likeliest = record.prediction.top(1)[0][0]
    assert record.settings["notes"][-1] == f"No class was given, so the likeliest is asked about: {likeliest}."
    assert record.settings["target"] == likeliest
    same = model.attend(picture, target=likeliest)
    np.testing.assert_allclose(methods()["relevance"](record).row, methods()["relevance"](same).row, rtol=1e-5)
    assert not any("No class" in one for one in same.settings["notes"])
    assert not model.attend(picture, keep={"weights"}, target=likeliest).has("gradients")


def test_prepared_pixels_go_in_unchanged(model: Any, picture: Image.Image) -> None:
    ready = model.prepare(picture)
    record, given = model.attend(picture, layers=[3]), model.attend(ready.pixels, layers=[3])
    np.testing.assert_array_equal(given.maps[0].weights, record.maps[0].weights)
    assert given.picture == b""
    with pytest.raises(ValueError, match=r"want a float tensor of \(1, 3, height, width\)"):
        model.attend(torch.zeros(2, 3, 112, 112))


def test_a_changed_input_is_scored(model: Any, picture: Image.Image) -> None:
    flipped = model.rerun(picture, lambda pixels: torch.cat([pixels, pixels.flip(-1)]))
    mirrored = model.classify([picture, picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)])
    np.testing.assert_allclose(flipped, mirrored, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "asked", "why"),
    [
        ("scene-vit", {"keep": {"grads"}}, "keep: scene-vit gives gradients, hidden, .*, got 'grads'"),
        ("scene-vit", {"keep": {Run.of("dream")}}, "got 'dream'"),
        (
            "scene-vit",
            {"keep": {Run.of("occlusion", window=15, stride=1, fill="mean")}},
            "want a window of 1 to 14 patches",
        ),
        ("scene-vit", {"keep": {Run.of("painted", patch=(14, 0))}}, "patch: want 0,0 to 13,13"),
        ("scene-vit", {"beams": 2}, r"attend takes no beams=; this kind of model \(classify\) takes size="),
        ("scene-aoanet", {"keep": {"gradients"}}, "keep: scene-aoanet gives weights alone, got 'gradients'"),
        ("scene-aoanet", {"target": 0}, "keep: scene-aoanet gives weights alone"),
        ("scene-aoanet", {"queries": [0]}, "queries: scene-aoanet keeps every word"),
        ("receipt-donut", {"size": (8, 8)}, "attend takes no size=; .* takes beams=, kinds="),
    ],
)
def test_what_a_model_does_not_give_is_said(name: str, asked: dict[str, Any], why: str, picture: Image.Image) -> None:
    with pytest.raises(ValueError, match=why):
        va.load(name).attend(picture, **asked)
