"""Usual tasks of people who import the library, each in the one or two lines that the docs show."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import vit_attention as va
import vit_attention.compat
from visualizer import film, heads_on_mask, methods, save_numbers, side_by_side
from vit_attention.capture import hooks
from vit_attention.models.arguments import class_number
from worlds.scenes import scene

ROOT = Path(__file__).resolve().parents[1]


@cache
def model() -> Any:
    return va.load("scene-vit")


@cache
def record() -> va.AttentionRecord:
    return va.load("scene-vit").attend("scene-7")


@cache
def reading() -> va.AttentionRecord:
    return va.load("receipt-donut").attend("receipt-3-2")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    scene(7).picture.resize((300, 200)).save(path)
    return path


def test_01_a_map_as_an_array_of_the_picture_s_size(photo: Path) -> None:
    found = model().attend(photo)
    heat = found.heatmap(layer=9, head=3, size="original")
    assert heat.shape == (200, 300)
    # The class token's weights, row by row, by hand: one number for all pixels of a patch.
    x, y = found.geometry.to_seen([[150, 100]])[0] / 8
    assert heat[100, 150] == found.maps[9].weights[3, 0, 1 + int(y) * 14 + int(x)]


@pytest.mark.parametrize("end", ["pdf", "png", "svg"])
def test_02_a_figure_for_a_paper(photo: Path, end: str) -> None:
    found = model().attend(photo)
    whole = found.save_figure(photo.with_name(f"a.{end}"), 9, 3, dpi=300, title="Layer 10, head 4")
    bare = found.save_figure(photo.with_name(f"b.{end}"), 9, 3, dpi=300, scale=False)
    assert whole.stat().st_size
    assert bare.stat().st_size
    if end == "png":
        assert Image.open(bare).size == (975, 650)  # 3.25 inches at 300 dots


def test_03_mean_entropy_of_every_head_past_a_damaged_file(photo: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    many = model().attend_many(tmp_path)
    with pytest.warns(UserWarning, match="1 left out, 1 done: bad.jpg"):
        table = many.table("entropy")
    assert table.groupby(["layer", "head"]).entropy.mean().shape == (144,)
    table.to_csv(tmp_path / "entropy.csv")
    rows = model().attend(photo).maps[2].weights[5].astype(np.float64)
    by_hand = -(rows * np.log2(np.maximum(rows, 1e-300))).sum(-1).mean()
    assert table.query("layer == 2 and head == 5").entropy.item() == pytest.approx(by_hand, rel=1e-5)


def test_04_a_batch_that_is_prepared_already() -> None:
    pixels = torch.cat([model().prepare(f"scene-{n}").pixels for n in range(8)])
    assert len(list(model().attend_many(pixels, layers=[0]))) == 8


def test_05_arrays_of_any_usual_layout() -> None:
    grey = np.random.default_rng(0).random((60, 80), dtype=np.float32)
    eight = model().attend(Image.fromarray(np.rint(grey * 255).astype(np.uint8)), layers=[0]).maps[0].weights
    for given in (grey, np.stack([grey] * 3), np.stack([grey] * 3, -1), (grey * 65535).astype(np.uint16)):
        assert np.abs(model().attend(given, layers=[0]).maps[0].weights - eight).max() < 5e-3  # rounding to 8 bits


@pytest.mark.parametrize("kind", ["safetensors", "sharded", "bin"])
def test_06_a_folder_of_mine(tmp_path: Path, kind: str) -> None:
    import transformers

    config = transformers.ViTConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, image_size=32, patch_size=8
    )
    config.id2label = {0: "tabby", 1: "beagle"}
    network = transformers.ViTForImageClassification(config).bfloat16()
    network.save_pretrained(tmp_path, max_shard_size="20KB" if kind == "sharded" else "5GB")
    if kind == "bin":
        (tmp_path / "model.safetensors").unlink()
        torch.save(network.state_dict(), tmp_path / "pytorch_model.bin")
    found = va.load(f"hf:{tmp_path}").attend("scene-7")
    assert {name for name, _ in found.prediction.top(2)} == {"tabby", "beagle"}
    assert methods()["rollout"](found).values.shape == (4, 4)


def test_07_a_checkpoint_of_another_size_and_head(tmp_path: Path) -> None:
    state = model().module.state_dict()
    head = next(
        name for name, one in state.items() if one.shape[:1] == (12,) and name.endswith("weight") and "head" in name
    )
    state[head], state[head.replace("weight", "bias")] = state[head][:5], state[head.replace("weight", "bias")][:5]
    torch.save({f"module.{name}": one for name, one in state.items()}, tmp_path / "mine.pth")
    assert len(va.load("scene-vit", weights=tmp_path / "mine.pth").attend("scene-7").prediction.labels) == 5


def test_08_an_encoder_that_i_built(photo: Path) -> None:
    class Small(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches = nn.Conv2d(3, 32, 8, 8)
            self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(32, 4, 64, batch_first=True), 2)

        def forward(self, pixels: torch.Tensor) -> Any:
            return self.encoder(self.patches(pixels).flatten(2).transpose(1, 2))

    assert va.record_of(Small().eval(), photo, size=(32, 64)).maps[1].key.grid == (4, 8)


def test_09_an_attention_class_of_mine(monkeypatch: pytest.MonkeyPatch) -> None:
    class Mine(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.weights = torch.sigmoid(x @ x.transpose(1, 2))[:, None]
            self.weights = self.weights / self.weights.sum(-1, keepdim=True)
            return self.weights[:, 0] @ x

    monkeypatch.setattr(hooks, "KINDS", [])
    va.register_kind(Mine, weights="weights", values=lambda module, output, inputs: inputs["x"])
    own = Mine()
    with va.capture(own) as seen:
        own(torch.rand(1, 5, 8))
    assert torch.equal(seen[0].weights, own.weights)
    assert seen[0].residual == pytest.approx(0, abs=1e-6)


def test_10_which_head_looks_at_a_mask(tmp_path: Path) -> None:
    Image.fromarray(np.uint8(255) * scene(7).mask).save(tmp_path / "mask.png")
    best = heads_on_mask(record(), tmp_path / "mask.png").best(1)[0]
    assert 0 <= best.layer < 12
    assert best.times > 1


def test_11_two_models_on_one_scale() -> None:
    maps = [methods()["rollout"](one) for one in (record(), model().attend("scene-7", size=(224, 224)))]
    assert len(side_by_side(record().image, maps, ["112 pixels", "224 pixels"]).layout.images) == 2


def test_12_what_patches_look_at() -> None:
    raw, weights = methods()["raw"], record().maps[9].weights.mean(0)
    row = 1 + 6 * 14 + 8
    assert np.allclose(raw(record(), query=(6, 8), layer=9).values.ravel(), weights[row, 1:], atol=1e-6)
    box = [(6, 8), (6, 9)]
    assert np.allclose(raw(record(), query=box, layer=9).values.ravel(), weights[row : row + 2, 1:].mean(0), atol=1e-6)
    assert np.allclose(raw(record(), query="mean", layer=9).values.ravel(), weights[:, 1:].mean(0), atol=1e-6)


def test_13_what_was_looked_at_for_a_word_and_a_field() -> None:
    raw = methods()["raw"]
    assert raw(reading(), query=2).values.shape == raw(reading(), query="field:total").values.shape == (8, 12)


def test_14_opened_without_torch_and_by_others(tmp_path: Path) -> None:
    path = record().save(tmp_path / "scene.npz")
    code = f"import sys, vit_attention as va; va.AttentionRecord.load({str(path)!r}).heatmap(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    found = json.loads(save_numbers(record(), tmp_path / "scene.json", layers=[11]).read_text())
    assert np.allclose(found["maps"][0]["weights"], record().maps[11].weights)


def test_15_a_method_of_my_own(tmp_path: Path) -> None:
    (tmp_path / "last_two.py").write_bytes((ROOT / "docs" / "how-to" / "last_two.py").read_bytes())
    code = "from visualizer import methods; print('last-two' in methods())"
    env = {**os.environ, "SIGHTLINES_METHODS": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


@pytest.mark.parametrize("method", ["raw", "rollout"])
def test_16_a_film_of_all_layers(tmp_path: Path, method: str) -> None:
    with Image.open(film(record(), tmp_path / "a.gif", method)) as opened:
        assert opened.n_frames == 12  # type: ignore[attr-defined]


def test_17_half_precision_and_what_a_large_picture_takes() -> None:
    assert model().to("cpu").attend("scene-7", half=True).maps[0].weights.dtype == np.float16
    wanted = 12 * 12 * (73 * 73 + 1) ** 2 * 4 / 1e6  # layers, heads, tokens by tokens, bytes of a number
    with pytest.raises(va.BudgetError, match=f"got up to {wanted:.0f} MB"):
        model().attend("scene-7", size=(584, 584))


def test_18_which_weights_are_at_hand() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vit_attention", "fetch", "--list"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "vit-b-16" in done.stdout


def test_19_a_record_shows_itself() -> None:
    assert len(repr(record())) < 200
    assert "<img" in record()._repr_html_()
    assert len(record().show(step="layers").frames) == 12


def test_20_why_this_class_and_not_that(photo: Path) -> None:
    relevance = methods()["relevance"]
    found = [model().attend("scene-7", target=name, keep=relevance.needs) for name in ("ring", np.int64(6))]
    assert [one.prediction.labels[one.prediction.target or 0] for one in found] == ["ring", "heart"]
    drawn = side_by_side(record().image, [relevance(one) for one in found])
    assert len({(trace.zmin, trace.zmax) for trace in drawn.data}) == 1
    with pytest.raises(va.GateError, match="which is the name of 0 and 2"):
        class_number("crane", ["crane", "drill", "crane"], "mine")
