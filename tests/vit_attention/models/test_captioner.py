"""Captions as records: against the definition and the published run, for features of every kind and plain pictures."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import vit_attention as va
from tests.vit_attention.captioning_by_hand import ByHand
from tests.vit_attention.networks.test_aoanet import GOLDEN, draw, golden, small
from vit_attention.adapters import aoanet
from vit_attention.inputs.features_file import read_features
from vit_attention.inputs.prepared import Input
from vit_attention.inputs.region_features import region_features
from vit_attention.models.captioner import END, CaptionModel, Eyes
from vit_attention.models.cards import BUNDLED
from vit_attention.models.model import BudgetError
from vit_attention.networks.aoanet import AoANet
from vit_attention.records.geometry import Geometry
from worlds.captions import WORDS, caption
from worlds.scenes import scene

VOCAB = {str(n): word for n, word in enumerate(["one", "two", "three", "four", "five", "UNK"], start=1)}


def blind(pixels: Any) -> Any:
    raise AssertionError("no picture was given")


def model_of(network: AoANet, look: Any = blind) -> CaptionModel:
    def prepare(picture: Image.Image) -> Input:
        return Input(torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].double(), Geometry.of(*picture.size))

    return CaptionModel(
        va.card("aoanet"), network, network, VOCAB, Eyes(prepare, look, "Seen by a stand-in."), "0" * 16
    )


def regions(count: int = 12, **more: Any) -> Any:
    corners = np.arange(count)[:, None] * 3.0
    return region_features(draw(count, 4).numpy(), np.hstack([corners, corners, corners + 9, corners + 5]), **more)


@pytest.mark.parametrize(
    "options", [{}, {"use_multi_head": 0}, {"refine": 0}, {"decoder_type": "LSTM"}, {"refine_aoa": 0}], ids=str
)
@pytest.mark.parametrize("beams", [1, 3])
def test_every_map_and_gate_follows_the_definition(options: dict[str, Any], beams: int) -> None:
    network, seen = small(**options), regions()
    record = model_of(network).attend(seen, beams=beams)
    words = record.prediction.tokens
    tokens = [0 if word == END else [*VOCAB.values()].index(word) + 1 for word in words]
    told = ByHand(network.options, network.state_dict()).tell(seen.values, [0, *tokens[:-1]])
    *refiner, decoder = record.maps
    assert (decoder.kind, decoder.layer, decoder.query.labels) == ("cross", len(refiner), words)
    np.testing.assert_allclose(decoder.weights, told["attention"].transpose(1, 0, 2), atol=1e-6)
    assert [one.layer for one in refiner] == list(range(len(told["refiner"])))
    for one, want in zip(refiner, told["refiner"], strict=True):
        assert one.kind == "self"
        np.testing.assert_allclose(one.weights, want, atol=1e-6)
    gates = record.settings["gates"]
    for name, want in (("decoder", told["gates"]), ("refiner", told["refiner_gates"])):
        assert (gates[name] is None) == (len(want) == 0)
        if len(want):
            np.testing.assert_allclose(gates[name], want, atol=1e-6)
    chosen = told["logprobs"][np.arange(len(tokens)), tokens]
    np.testing.assert_allclose(record.prediction.chances, np.exp(chosen), atol=1e-6)
    assert record.prediction.text.split() == [word for word in words if word != END]
    assert record.residual is not None
    assert record.residual < 1e-9
    assert all(one.query.prefix == one.key.prefix == 0 for one in record.maps), "a set has no special token"


def test_published_files_tell_the_published_caption() -> None:
    files = {"weights": GOLDEN / "model-best.pth", "infos": GOLDEN / "infos_aoatiny-best.pkl"}
    model: Any = va.load("aoanet", **files)
    _, run = golden("aoanet")
    for item in range(2):
        record = model.attend(run["att_feats"][item])
        seq = run["seq"][item]
        count = len(record.prediction.tokens)
        assert record.prediction.tokens == tuple(model.vocab[str(n)] if n else END for n in seq[:count].tolist())
        np.testing.assert_allclose(
            record.maps[-1].weights, run["decoder_attn"][:count, item].transpose(1, 0, 2), atol=2e-5
        )
    assert len(record.maps) == 7
    assert record.geometry is None
    assert np.isnan(record.maps[0].key.boxes).all(), "nobody said where the regions lie"


def test_published_files_are_asked_for_by_name() -> None:
    with pytest.raises(ValueError, match=r"no weights and infos"):
        va.load("aoanet")
    with pytest.raises(ValueError, match=r"no infos$"):
        va.load("aoanet", weights=GOLDEN / "model-best.pth")
    with pytest.raises(ValueError, match="scene-vit: want weights= alone, got infos="):
        va.load("scene-vit", infos=GOLDEN / "infos_aoatiny-best.pkl")
    with pytest.raises(ValueError, match="scene-aoanet: want weights= alone"):
        va.load("scene-aoanet", infos=GOLDEN / "infos_aoatiny-best.pkl")


def test_regions_keep_boxes_picture_and_place(tmp_path: Path) -> None:
    picture = Image.new("RGB", (60, 50), (10, 200, 30))
    out = io.BytesIO()
    picture.save(out, "PNG")
    boxes = np.array([[5.0 * n, 0, 5.0 * n + 5, 50] for n in range(12)])
    np.savez(tmp_path / "one.npz", feat=draw(12, 4).numpy(), bbox=boxes, image=np.frombuffer(out.getvalue(), np.uint8))
    record = model_of(small()).attend(tmp_path / "one.npz")
    key = record.maps[-1].key
    assert key.kind == "regions"
    np.testing.assert_array_equal(key.boxes, boxes)
    assert key.name(0) == "region 1"
    assert record.geometry is not None
    assert record.geometry.original == record.geometry.seen == (60, 50)
    assert record.image.size == (60, 50)
    other = model_of(small()).attend(tmp_path / "one.npz", picture=Image.new("RGB", (70, 50)))
    assert other.image.size == (70, 50)


def test_a_file_of_a_grid_is_a_grid(tmp_path: Path) -> None:
    cells = draw(2, 3, 4).numpy()
    np.save(tmp_path / "grid.npy", cells)
    record = model_of(small()).attend(str(tmp_path / "grid.npy"), picture=Image.new("RGB", (30, 20)))
    assert record.maps[-1].key.grid == (2, 3)
    flat = model_of(small()).attend(regions(12)).maps[0]
    assert record.maps[0].weights.shape == (3, 6, 6)
    assert flat.weights.shape == (3, 12, 12)
    seen = read_features(tmp_path / "grid.npy", Image.new("RGB", (30, 20)))
    np.testing.assert_array_equal(seen.region_boxes()[5], [20, 10, 30, 20])


def test_a_picture_is_looked_at_and_every_cell_has_its_box() -> None:
    def look(pixels: torch.Tensor) -> tuple[torch.Tensor, None]:
        return pixels[0].permute(1, 2, 0).repeat(1, 1, 2)[..., :4] / 255, None

    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (8, 10, 3), np.uint8))
    model = model_of(small(), look)
    record = model.attend(picture)
    assert record.maps[-1].key.grid == (8, 10)
    assert record.settings["notes"] == ["Seen by a stand-in."]
    again = model.attend(model.prepare(picture))
    np.testing.assert_array_equal(again.maps[-1].weights, record.maps[-1].weights)


def test_another_order_of_regions_tells_the_same_and_moves_every_map_along() -> None:
    """The property that the lesson shows: a set has no first region."""
    model, seen = model_of(small()), regions()
    order = np.random.default_rng(1).permutation(12)
    record, moved = model.attend(seen), model.attend(seen.permuted(order))
    assert moved.prediction.text == record.prediction.text
    np.testing.assert_allclose(moved.maps[-1].weights, record.maps[-1].weights[:, :, order], atol=1e-6)
    np.testing.assert_allclose(moved.maps[2].weights, record.maps[2].weights[:, order][:, :, order], atol=1e-6)
    np.testing.assert_array_equal(moved.maps[-1].key.boxes, record.maps[-1].key.boxes[order])  # type: ignore[index]
    with pytest.raises(ValueError, match="every number from 0 to 11 once"):
        seen.permuted([0] * 12)


def test_layers_heads_and_precision_are_chosen() -> None:
    model, seen = model_of(small()), regions()
    whole = model.attend(seen)
    some = model.attend(seen, layers=[1, 6], heads=[2], half=True)
    assert [(one.layer, one.kind, one.heads) for one in some.maps] == [(1, "self", (2,)), (6, "cross", (2,))]
    assert some.maps[0].weights.dtype == np.float16
    np.testing.assert_allclose(some.maps[1].weights, whole.maps[6].weights[[2]], atol=1e-3)
    assert some.settings["gates"] == whole.settings["gates"]
    for layers, why in (
        ([7], "from 0 to 6, the last one the decoder's"),
        ([-1], "from 0 up"),
        ([], "at least one number"),
    ):
        with pytest.raises(ValueError, match=f"layers: want .*{why}"):
            model.attend(seen, layers=layers)
    with pytest.raises(ValueError, match="heads"):
        model.attend(seen, heads=[3])


def test_memory_is_checked_before_anything_is_run() -> None:
    model, seen = model_of(small()), regions()
    want = 4 * (6 * 3 * 12 * 12 + 3 * model.network.options.max_length * 12)
    assert model.estimate(12) == want
    assert model.attend(seen).nbytes <= want
    with pytest.raises(BudgetError):
        model.attend(seen, budget=want - 1)


def test_a_saved_record_keeps_boxes_and_gates(tmp_path: Path) -> None:
    record = model_of(small()).attend(draw(12, 4).float().numpy())
    back = va.AttentionRecord.load(record.save(tmp_path / "told"))
    assert back.settings["gates"] == record.settings["gates"]
    assert back.maps[-1].query.labels == record.maps[-1].query.labels
    assert np.isnan(back.maps[-1].key.boxes).all()


def test_features_of_the_whole_picture_where_they_are_wanted(tmp_path: Path) -> None:
    network = small(mean_feats=0)
    values, fc = draw(12, 4).numpy(), draw(3).numpy()
    np.savez(tmp_path / "both.npz", features=values, fc=fc)
    record = model_of(network).attend(tmp_path / "both.npz")
    hand = ByHand(network.options, network.state_dict())
    tokens = [0 if word == END else [*VOCAB.values()].index(word) + 1 for word in record.prediction.tokens]
    told = hand.tell(values.astype(np.float32), [0, *tokens[:-1]], fc.astype(np.float32))
    np.testing.assert_allclose(record.maps[-1].weights, told["attention"].transpose(1, 0, 2), atol=1e-6)
    with pytest.raises(ValueError, match=r"fc: want 3 features of the whole picture .* got none"):
        model_of(network).attend(values)


GOOD = np.linspace(-1, 1, 48, dtype=np.float32).reshape(12, 4)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (GOOD[:, :3], "features: want 4 numbers per region, .* got 3"),
        (GOOD[:9], r"of 10 to 100 regions .* got \(9, 4\)"),
        (np.zeros((101, 4)), r"of 10 to 100 regions .* got \(101, 4\)"),
        (np.zeros((33, 32, 4)), r"at most 1024 cells, got \(33, 32, 4\)"),
        (np.zeros(4), r"got \(4,\)"),
        (np.where(GOOD > 0.9, np.nan, GOOD), "want finite numbers"),
    ],
)
def test_says_what_features_it_wants(given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        model_of(small()).attend(given)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"thing": GOOD}, r"one.npz: want an array called features, feat, att_feats, x, got 'thing'"),
        ({"feat": GOOD.astype(np.int64)}, "features: want numbers of a float type, got int64"),
        ({"feat": GOOD, "boxes": np.ones((12, 4))}, "right > left"),
        ({"feat": GOOD, "boxes": np.ones((11, 4))}, r"boxes: want \(12, 4\)"),
        ({"feat": np.array([{}], dtype=object)}, "feat: want plain numbers, .* got pickled objects"),
    ],
)
def test_says_what_a_file_lacks(tmp_path: Path, parts: dict[str, Any], message: str) -> None:
    np.savez(tmp_path / "one.npz", **parts)
    with pytest.raises(ValueError, match=message):
        model_of(small()).attend(tmp_path / "one.npz")


def test_boxes_of_another_picture_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"boxes: want pixels of the picture, 20 x 20, got some from \[0.0, 0.0\] to \[42.0, 38.0\]"
    ):
        regions(picture=Image.new("RGB", (20, 20)))


def test_a_picture_in_floating_point_is_no_grid_of_features() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    looked: list[tuple[int, ...]] = []

    def look(pixels: torch.Tensor) -> tuple[torch.Tensor, None]:
        looked.append(tuple(pixels.shape))
        return torch.zeros(2, 3, 4), None

    model = model_of(small(), look)
    for given in (picture, picture / 255, (picture / 255).transpose(2, 0, 1)[None]):
        assert np.array_equal(np.asarray(model.prepare(given).picture), picture)
    assert len(looked) == 3
    assert model.prepare(np.zeros((3, 5, 4))).grid == (3, 5)


def test_files_that_are_missing_or_broken_or_too_large_are_refused_in_words(tmp_path: Path) -> None:
    model = model_of(small())
    with pytest.raises(ValueError, match=r"gone.npz: want an existing file"):
        model.attend(tmp_path / "gone.npz")
    (tmp_path / "text.npz").write_text("no zip")
    with pytest.raises(ValueError, match=r"text.npz: want an .npz or .npy file"):
        model.attend(tmp_path / "text.npz")
    (tmp_path / "code.npy").write_bytes(pickle.dumps([1]))
    with pytest.raises(ValueError, match=r"code.npy: "):
        model.attend(tmp_path / "code.npy")
    promise = io.BytesIO()
    np.lib.format.write_array_header_1_0(promise, {"descr": "<f4", "fortran_order": False, "shape": (1 << 40, 4)})
    (tmp_path / "promise.npy").write_bytes(promise.getvalue())
    with pytest.raises(ValueError, match=r"promise.npy: want at most 4,194,304 numbers, got"):
        model.attend(tmp_path / "promise.npy")
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("features.npy", bytes(65 << 20))
    with pytest.raises(ValueError, match=r"bomb.npz: features: want an \.npz"):
        model.attend(tmp_path / "bomb.npz")


def test_a_checkpoint_of_another_width_says_so_before_resnet_is_loaded() -> None:
    look = aoanet._resnet_look(small(), Path("never opened"), None)
    with pytest.raises(ValueError, match="wants regions of 4 numbers, and the cells of ResNet-101 have 2048"):
        look(torch.zeros(1, 3, 8, 8))


def test_resnet_cells_are_means_of_the_last_map_over_the_whole_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vit_attention import compat  # noqa: F401  (goes before torchvision)

    import torchvision.models as models  # isort: skip

    torch.manual_seed(0)
    short = models.resnet.ResNet(models.resnet.Bottleneck, [1, 1, 1, 1]).eval()
    torch.save(short.state_dict(), tmp_path / "resnet.pth")
    monkeypatch.setattr(models, "resnet101", lambda: models.resnet.ResNet(models.resnet.Bottleneck, [1, 1, 1, 1]))
    files = {"weights": GOLDEN / "model-best.pth", "infos": GOLDEN / "infos_aoatiny-best.pkl"}
    model: Any = va.load("aoanet", **files, resnet=tmp_path / "resnet.pth")
    pixels = np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8)
    found = model.prepare(Image.fromarray(pixels))
    kept = []
    hook = short.layer4.register_forward_hook(lambda _module, _args, output: kept.append(output))
    normal = (pixels / 255 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    with torch.inference_mode():
        short(torch.from_numpy(normal.astype(np.float32)).permute(2, 0, 1)[None])
    hook.remove()
    last = kept[0][0].numpy()  # (2048, 2, 3)
    for row, column in ((0, 0), (6, 5), (13, 13)):
        down, across = (
            slice(n * size // 14, -(-(n + 1) * size // 14))
            for n, size in ((row, last.shape[1]), (column, last.shape[2]))
        )
        want = last[:, down, across].mean(axis=(1, 2))
        np.testing.assert_allclose(found.values[row * 14 + column], want, atol=1e-4)
    np.testing.assert_allclose(found.fc, last.mean(axis=(1, 2)), atol=1e-4)
    assert found.grid == (14, 14)
    assert found.geometry.original == found.geometry.seen == (96, 64), "neither cropped nor squeezed"
    record = model.attend(Image.fromarray(pixels))
    assert record.maps[-1].weights.shape[2] == 196
    assert "trained on regions of a detector" in record.settings["notes"][0]


def test_large_pictures_are_shrunk_to_the_size_of_the_training_pictures() -> None:
    ready = aoanet._whole_picture(Image.new("RGB", (1280, 960)))
    assert ready.pixels.shape == (1, 3, 480, 640)
    np.testing.assert_allclose(ready.geometry.to_original([[640, 480]]), [[1280, 960]])


def test_the_bundled_words_are_the_worlds() -> None:
    assert aoanet.WORDS == WORDS


@pytest.mark.skipif(not (BUNDLED / "scene-aoanet.safetensors").exists(), reason="not trained yet")
def test_the_bundled_model_tells_scenes() -> None:
    model: Any = va.load("scene-aoanet")
    right = 0
    for seed in range(6):
        made = scene(seed, objects=1)
        record = model.attend(made.picture)
        right += record.prediction.text == str(caption(made))
        assert record.maps[-1].key.grid == (14, 14)
        assert record.residual is not None
        assert record.residual < 1e-4
    assert right >= 5
    assert len(record.maps) == 3
    assert record.geometry.original == (224, 224)
    assert record.maps[-1].query.labels[-1] == END
