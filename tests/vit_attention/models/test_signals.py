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
from vit_attention import compat  # noqa: F401
from vit_attention.gate import GateError
from vit_attention.models.arguments import class_number, distinct
from vit_attention.records import Run
from worlds.scenes import scene

COVER = Run.of("occlusion", window=np.int64(7), stride=7, fill="mean")


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
    knobs = {"cover": "window", "fill": "mean", "segments": 50, "stride": 7, "window": 7}
    assert again.settings["runs"] == {"occlusion": knobs}
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


def test_what_is_to_be_kept_may_come_once(model: Any, picture: Image.Image, tmp_path: Path) -> None:
    """From an iterator, and in numpy's numbers, as a loop over a table of numbers has them."""
    record = model.attend(
        picture, target=np.int64(3), keep=iter(["target", COVER]), layers=np.array([0]), heads=iter([1])
    )
    assert (record.prediction.target, record.has("gradients")) == (3, False)
    assert record.signals["occlusion"].shape == (14, 14)
    again = va.AttentionRecord.load(record.save(tmp_path / "a.npz"))
    assert again.settings["runs"] == {"occlusion": {"fill": "mean", "stride": 7, "window": 7}}
    assert again.maps[0].heads == (1,)
    assert not model.attend(picture, target=3, keep=[COVER], layers=[0]).has("gradients")


def test_gradients_do_not_need_the_callers_mode(model: Any, picture: Image.Image) -> None:
    wanted = model.attend(picture, target=3, layers=[5]).gradients[0]
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            found = model.attend(picture, target=3, layers=[5]).gradients[0]
            assert not torch.is_grad_enabled()
        np.testing.assert_allclose(found, wanted, atol=1e-6)
    with torch.inference_mode():
        loaded = va.load("scene-vit")
    np.testing.assert_allclose(loaded.attend(picture, target=3, layers=[5]).gradients[0], wanted, atol=1e-6)
    with torch.autocast("cpu", torch.bfloat16):
        found = model.attend(picture, target=3, layers=[5]).gradients[0]
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def dino(folder: Path, labels: int) -> Any:
    """A small DINOv2, which takes pictures of any size; random weights."""
    from transformers import Dinov2Config, Dinov2ForImageClassification

    torch.manual_seed(0)
    config = Dinov2Config(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=8, num_labels=labels
    )
    Dinov2ForImageClassification(config).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text('{"size": {"height": 32, "width": 32}, "do_center_crop": false}')
    return va.load(f"hf:{folder}")


@pytest.fixture
def flexible(tmp_path: Path) -> Any:
    return dino(tmp_path, 3)


def test_a_classifier_of_no_classes_has_none(tmp_path: Path, picture: Image.Image) -> None:
    model = dino(tmp_path, 0)
    assert model.attend(picture).prediction.labels == ()
    with pytest.raises(ValueError, match="has no classes"):
        model.classify([picture])


def test_a_run_sees_the_size_that_was_asked_for(flexible: Any, picture: Image.Image) -> None:
    """16 x 64 pixels have as many patches as the model's own 32 x 32."""
    method = methods()["painted"]
    record = flexible.attend(picture, size=(16, 64), keep={"hidden", *method.needs_for(query=(1, 7))})
    moved = method(record, query=(1, 7), layer=0).values
    assert moved.shape == (2, 8)
    dark = np.asarray(picture)[112:, 196:].mean() <= 127.5
    other = picture.copy()
    other.paste(("white" if dark else "black"), (196, 112, 224, 224))
    before = record.signals["hidden"][1].astype(float)
    after = flexible.attend(other, size=(16, 64), keep={"hidden"}).signals["hidden"][1]
    wanted = np.linalg.norm(after - before, axis=-1) / np.linalg.norm(before, axis=-1)
    np.testing.assert_allclose(moved.ravel(), wanted[1:], rtol=1e-3)


def test_a_covered_square_is_the_models_patches(flexible: Any) -> None:
    """Pixels beyond the last whole patch belong to none."""
    pixels = torch.randn(1, 3, 38, 38, generator=torch.Generator().manual_seed(0))
    covered = pixels.clone()
    covered[..., 24:32, 24:32] = 0
    method = methods()["occlusion"]
    record = flexible.attend(pixels, target=1, keep=method.needs_for(fill="zero"))
    before, after = (flexible.rerun(pixels, lambda _, one=one: one)[0, 1] for one in (pixels, covered))
    np.testing.assert_allclose(method(record, fill="zero").values[3, 3], before - after, atol=1e-5)


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
    for other, why in (
        (
            torch.zeros(2, 3, 112, 112),
            r"want a float tensor of \(3, height, width\).*2 pictures: give one, or attend_many",
        ),
        (torch.zeros(3, 112, 112, dtype=torch.uint8), "Whole numbers are no prepared pixels"),
        (torch.zeros(112, 112, 3), "Channels come first"),
        (torch.zeros(1, 112, 112), r"got float32 of shape \(1, 112, 112\)"),
        (torch.full((3, 112, 112), torch.inf), "want finite numbers"),
        (torch.zeros(3, 4, 4), "want at least one patch of"),
        (torch.zeros(3, 112, 112, device="meta"), "without values"),
    ):
        with pytest.raises(GateError, match=why):
            model.attend(other)
    assert model.attend(torch.zeros(3, 96, 112), layers=[3]).maps[0].key.grid == (12, 14)
    with pytest.raises(GateError, match=r"inside torch\.vmap"):
        torch.vmap(model.attend)(torch.zeros(2, 3, 112, 112))
    double = model.attend(ready.pixels.double(), layers=[3])
    np.testing.assert_allclose(double.maps[0].weights, record.maps[0].weights, atol=1e-6)
    assert "went in as float32" in double.settings["notes"][-1]


def test_a_changed_input_is_scored(model: Any, picture: Image.Image) -> None:
    flipped = model.rerun(picture, lambda pixels: torch.cat([pixels, pixels.flip(-1)]))
    mirrored = model.classify([picture, picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)])
    np.testing.assert_allclose(flipped, mirrored, atol=1e-4)


@pytest.mark.parametrize(
    "target",
    [
        6,
        np.int64(6),
        np.uint8(6),
        np.array(6),
        np.array([6]),
        np.float32(6),
        6.0,
        torch.tensor(6),
        torch.tensor([[6]]),
        torch.tensor([6], dtype=torch.int16),
        "heart",
        np.str_("heart"),
    ],
)
def test_a_class_is_any_integer_or_its_name(model: Any, picture: Image.Image, target: Any) -> None:
    record = model.attend(picture, keep={"target"}, target=target, layers=[0])
    assert record.prediction.target == 6
    assert type(record.prediction.target) is int


def test_a_name_that_two_classes_carry_is_no_target() -> None:
    classes = ("crane", "drill", "crane", "crane (0)")
    with pytest.raises(GateError, match=r"'crane', which is the name of 0 and 2. Give the number"):
        class_number("crane", classes, "model")
    assert distinct(classes) == ("crane (0) (0)", "drill", "crane (2)", "crane (0) (3)")
    assert class_number("crane (2)", classes, "model") == 2
    assert class_number("crane (0)", classes, "model") == 3
    with pytest.raises(GateError, match="model has no classes"):
        class_number(0, (), "model")


def test_scores_of_one_picture_are_named(model: Any, picture: Image.Image) -> None:
    with torch.no_grad():
        wanted = model.module(model.prepare(picture).pixels)[0].numpy()
    named = model.classify(picture)
    assert list(named) == list(model.classes)
    np.testing.assert_allclose([*named.values()], wanted, atol=1e-5)
    np.testing.assert_allclose(model.classify([picture])[0], wanted, atol=1e-5)
    np.testing.assert_allclose(model.classify(iter([picture, picture]))[1], wanted, atol=1e-5)
    assert model.classify(np.stack([np.asarray(picture)] * 3)).shape == (3, 12)
    with pytest.raises(GateError, match="at least one input"):
        model.classify([])


@pytest.mark.parametrize(
    ("name", "asked", "why"),
    [
        ("scene-vit", {"keep": {"grads"}}, "keep: want what scene-vit gives, .*gradients, .*head-max, .*, got 'grads'"),
        ("scene-vit", {"keep": {Run.of("dream")}}, "got 'dream'"),
        (
            "scene-vit",
            {"keep": {Run.of("occlusion", window=15, stride=1, fill="mean")}},
            "want a window of 1 to 14 patches",
        ),
        ("scene-vit", {"keep": {Run.of("painted", patch=(14, 0))}}, "patch: want 0,0 to 13,13"),
        ("scene-vit", {"keep": "hidden"}, "keep: want names of signals and runs in a set, .*, got 'hidden'"),
        ("scene-vit", {"keep": Run.of("painted", patch=(0, 0))}, "keep: want names of signals and runs in a set"),
        ("scene-vit", {"keep": None}, "keep: want names .* got None"),
        ("scene-vit", {"keep": ["hidden", 3]}, "keep: want .*, got 3"),
        ("scene-vit", {"keep": {"occlusion"}}, "got 'occlusion'. Runs are named by a method"),
        ("scene-vit", {"keep": {Run.of("hidden")}}, "got 'hidden'. Runs are named by a method"),
        ("scene-vit", {"keep": {COVER, Run.of("occlusion", window=2)}}, "want one run called occlusion, got 2"),
        ("scene-vit", {"keep": {COVER}}, "occlusion: want a class, target=CLASS or"),
        ("scene-vit", {"keep": {Run.of("painted")}}, "painted: want the knobs patch, got none"),
        ("scene-vit", {"keep": {Run.of("painted", patch=3)}}, "patch: want row and column, got 3"),
        (
            "scene-vit",
            {"target": 0, "keep": {Run.of("occlusion", window="7", stride=7, fill="mean")}},
            "want whole numbers of patches, got '7' and 7",
        ),
        (
            "scene-vit",
            {"target": 0, "keep": {Run.of("occlusion", window=7, stride=7, fill="blue")}},
            "want fill as mean or zero, got 'blue'",
        ),
        ("scene-vit", {"target": True}, "target: want a class name or a number from 0 to 11, got True"),
        ("scene-vit", {"target": -1}, "target: want a class name or a number from 0 to 11, got -1"),
        ("scene-vit", {"layers": "0"}, "layers: want whole numbers in a list, 0 first, got '0'"),
        ("scene-vit", {"heads": 3}, "heads: want whole numbers in a list, 0 first, got 3"),
        ("scene-vit", {"heads": [1, 1]}, "heads: want every number once, got 1 2 times"),
        ("scene-vit", {"layers": []}, "layers: want at least one number, got none"),
        ("scene-vit", {"layers": [-1]}, "layers: want numbers from 0 up, got -1"),
        ("scene-vit", {"layers": [12]}, r"layers: want numbers from 0 to 11, got \[12\]"),
        ("scene-vit", {"layers": slice(0, 3)}, "layers: want whole numbers in a list"),
        ("scene-vit", {"layers": [True]}, "layers: want whole numbers in a list"),
        ("scene-vit", {"half": 1}, "half: want True, False or None, got 1"),
        ("scene-vit", {"budget": float("nan")}, "budget: want a number of bytes above 0, got nan"),
        ("scene-vit", {"target": 12}, "target: want a class name or a number from 0 to 11, got 12"),
        ("scene-vit", {"target": 2.5}, "target: want a class name or a number from 0 to 11, got 2.5"),
        ("scene-vit", {"target": torch.tensor(True)}, "target: .*, got True"),
        ("scene-vit", {"target": np.arange(2)}, r"target: want one class, got a ndarray of shape \(2,\)"),
        ("scene-vit", {"target": " Star"}, "got ' Star'. Did you mean 'star'"),
        ("scene-vit", {"queries": [1.5]}, r"queries: want whole numbers in a list, 0 first, got \[1.5\]"),
        ("scene-vit", {"proof_rows": 0}, "proof_rows: want a whole number from 1 up, got 0"),
        ("scene-vit", {"beams": 2}, r"attend: want for this kind of model \(classify\) size=, whole=, got beams="),
        ("scene-aoanet", {"keep": {"hidden"}}, "keep: want what scene-aoanet gives, gradients, target, got 'hidden'"),
        ("scene-aoanet", {"target": -1}, "target: want a token's number, 0 first, or its text, got -1"),
        ("scene-aoanet", {"queries": [0]}, "queries: want None, since scene-aoanet keeps every word"),
        ("receipt-donut", {"size": (8, 8)}, r"attend: want .*beams=, kinds=.* got size="),
    ],
)
def test_what_a_model_does_not_give_is_said(name: str, asked: dict[str, Any], why: str, picture: Image.Image) -> None:
    with pytest.raises(ValueError, match=why):
        va.load(name).attend(picture, **asked)
